"""A wire to a chain's endpoint that a test can cut and mend."""

from __future__ import annotations

import contextlib
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

AT_ONCE: Final = 65_536


class Switch:
    """Listens on a port of this machine and hands all bytes on to another, unless it is cut."""

    def __init__(self, port: int) -> None:
        self.is_cut = False
        self._to = port
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """End every connection, and every new one at once."""
        self.is_cut = True
        for one in list(self._open):
            _close(one)

    def mend(self) -> None:
        """Let connections through again."""
        self.is_cut = False

    def end(self) -> None:
        """Stop listening."""
        self.cut()
        _close(self._listener)
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self.is_cut:
                _close(near)
                continue
            far = socket.create_connection(("127.0.0.1", self._to))
            self._open |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(AT_ONCE):
                sink.sendall(data)
        for one in (source, sink):
            self._open.discard(one)
            _close(one)


def _close(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@contextmanager
def switched(port: int) -> Iterator[Switch]:
    """Give a wire to a port of this machine."""
    switch = Switch(port)
    try:
        yield switch
    finally:
        switch.end()
