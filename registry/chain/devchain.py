"""A chain of our own for the demo and the tests: anvil, with its state kept on disk.

`finalized` is 2 * `epoch_slots` blocks behind `latest` (anvil's rule; 64 blocks with its default of 32 slots). Its blocks come
only with transactions or `mine`, so that what awaits finality goes on awaiting it.

anvil writes its state file in place, where a kill can tear it. So the state is fetched from anvil instead, whenever there is a
new block and at most every `SAVE_SECONDS`, and the file is replaced as a whole; it holds as many past states as reads at
`finalized` need. Whatever is killed, at most the last second is lost.
"""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Self

from eth_account import Account
from web3 import HTTPProvider, Web3

from registry.chain.endpoints import Endpoint
from registry.chain.rpc_errors import Fault
from registry.errors import ChainUnavailable, DocumentError

if TYPE_CHECKING:
    from types import TracebackType

CHAIN_ID: Final = 31337
MNEMONIC: Final = "test test test test test test test test test test test junk"
"""The words that every development chain uses: these accounts are everybody's."""
EPOCH_SLOTS: Final = 32
SAVE_SECONDS: Final = 0.5
STARTS_WITHIN: Final = 30.0
ENDS_WITHIN: Final = 5.0
TIMEOUT: Final = 60.0
"""A request may have to wait for a large state to be written out."""
SPARE_STATES: Final = 16
"""Past states kept beyond those that reads at `finalized` need: for what is read while blocks go on."""
IN_USE: Final = "in use"
BALANCE: Final = 1_000_000
"""Coins of each account."""
ATTEMPTS: Final = 3


def anvil_program() -> Path:
    """Return the native anvil: `TOUCHSTONE_ANVIL`, or the npm package's, or the one on the path.

    Raises `ChainUnavailable` if there is none.
    """
    named = os.environ.get("TOUCHSTONE_ANVIL")
    if named:
        if Path(named).is_file():
            return Path(named)
        raise ChainUnavailable(f"TOUCHSTONE_ANVIL names {named}, expected a program there")
    cpu = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    package = f"node_modules/@foundry-rs/anvil-{sys.platform}-{cpu}/bin/anvil"
    for folder in (Path(__file__).parents[2], Path.cwd()):
        if (folder / package).is_file():
            return folder / package
    if found := shutil.which("anvil"):
        return Path(found)
    raise ChainUnavailable(
        f"anvil is not installed, expected {package}",
        hint="run `make node_modules/.demo`, or name the program in TOUCHSTONE_ANVIL",
    )


class Anvil:
    """A running anvil. Use it with `with`, or call `start` and `stop`."""

    def __init__(
        self,
        state: Path | None = None,
        *,
        port: int = 0,
        epoch_slots: int = EPOCH_SLOTS,
        mnemonic: str = MNEMONIC,
        accounts: int = 10,
        genesis_time: int | None = None,
        past_states: int | None = None,
        program: Path | None = None,
    ) -> None:
        """Nothing is started yet. `state` is the file that keeps the chain; `port` 0 takes a free one.

        `genesis_time` (Unix seconds) is where a new chain's clock begins, so that a story can be told in its own time.

        `past_states` is how many blocks' states are kept in memory, and none on disk: what is reorganised must be among them,
        and what was replaced counts. One state file serves one anvil at a time.
        """
        self._state = state.resolve() if state is not None else None
        self._wanted_port = port
        self._epoch_slots = epoch_slots
        self._mnemonic = mnemonic
        self._account_count = accounts
        self._genesis_time = genesis_time
        self._past_states = past_states
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._lock: IO[bytes] | None = None
        self._saver: threading.Thread | None = None
        self._saving = threading.Lock()
        self._stop = threading.Event()
        self._saved: object = None
        self.port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    # ------------------------------------------------------------------------------------------------ start and stop

    def start(self) -> None:
        """Start anvil and wait until it answers.

        Raises `ChainUnavailable` if it is not installed, does not start, or another one uses the state file.
        """
        program = self._program or anvil_program()
        if self._state is not None:
            self._claim(self._state)
        try:
            problem = self._launch(program)
            for _ in range(ATTEMPTS):
                # A port that was free may be taken by another program before anvil has it.
                if problem is None or IN_USE not in problem or self._wanted_port:
                    break
                problem = self._launch(program)
            _require_started(self.port, problem)
        except BaseException:
            self._release()
            raise
        self._stop.clear()
        if self._state is not None:
            self._saver = threading.Thread(target=self._save_now_and_then, name="anvil-state", daemon=True)
            self._saver.start()

    def stop(self) -> None:
        """Save the state and end anvil, by its process id. Does nothing if it is not running."""
        self._stop.set()
        if self._saver is not None:
            self._saver.join()
            self._saver = None
        try:
            if self.running:
                with contextlib.suppress(ChainUnavailable):
                    self.save()
        finally:
            self._end(signal.SIGTERM)
            self._process = None
            self._release()

    def kill(self) -> None:
        """End anvil at once, as a crash would: for tests. What was not saved is lost."""
        self._stop.set()
        if self._process is not None:
            self._end(signal.SIGKILL)
        if self._saver is not None:
            self._saver.join()
            self._saver = None
        self._process = None
        self._release()

    @property
    def pid(self) -> int:
        """The process id. Raises `ChainUnavailable` if it is not running."""
        if self._process is None or self._process.poll() is not None:
            raise ChainUnavailable("anvil is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    # ---------------------------------------------------------------------------------------------------- what it is

    @property
    def url(self) -> str:
        """Where it listens: on this machine only."""
        return f"http://127.0.0.1:{self.port}"

    def w3(self, *, timeout: float = 10.0) -> Web3:
        """Return a connection."""
        return Web3(HTTPProvider(self.url, request_kwargs={"timeout": timeout}, exception_retry_configuration=None))

    def private_key(self, index: int) -> bytes:
        """Return the key of the account of this number. Worth nothing outside of this chain."""
        Account.enable_unaudited_hdwallet_features()
        return bytes(Account.from_mnemonic(self._mnemonic, account_path=f"m/44'/60'/0'/0/{index}").key)

    @property
    def accounts(self) -> tuple[str, ...]:
        """The addresses of the accounts that have coins."""
        return tuple(Account.from_key(self.private_key(index)).address for index in range(self._account_count))

    @property
    def blocks_to_final(self) -> int:
        """How many blocks must follow a block to make it final."""
        return 2 * self._epoch_slots

    def mine(self, blocks: int = 1) -> None:
        """Make blocks, all with the present time."""
        self.request("anvil_mine", hex(blocks), "0x0")

    def finalize(self) -> None:
        """Make as many blocks as it takes for everything that is there to be final."""
        self.mine(self.blocks_to_final)

    def move_time(self, time: int) -> None:
        """Give the next block this time (Unix seconds), from which the clock goes on.

        Raises `ChainUnavailable` if it is past.
        """
        latest = int(self.request("eth_getBlockByNumber", "latest", False)["timestamp"], 16)  # noqa: FBT003 - the request's own argument
        if time <= latest:
            raise ChainUnavailable(f"the time {time} is past, expected one after that of the latest block, {latest}")
        # With a loaded state anvil's clock stands at the present, and what is before that would be refused.
        self.request("evm_setTime", hex(time))
        self.request("evm_setNextBlockTimestamp", hex(time))

    def increase_time(self, seconds: int) -> None:
        """Move the chain's clock forward, and make a block with that time."""
        self.request("evm_increaseTime", hex(seconds))
        self.mine()

    def fund(self, address: str, coins: int = 100) -> None:
        """Set an account's balance."""
        self.request("anvil_setBalance", address, hex(coins * 10**18))

    def request(self, method: str, *params: Any) -> Any:
        """Return what anvil answers to a request. Raises `ChainUnavailable` if it refuses or is gone."""
        try:
            answer = Endpoint(self.w3(timeout=TIMEOUT)).ask([(method, list(params))])[0]
        except OSError as error:
            raise ChainUnavailable("anvil cannot be reached") from error
        if isinstance(answer, Fault):
            raise ChainUnavailable(f"anvil refuses {method}: {answer.message}")
        return answer

    # ------------------------------------------------------------------------------------------------------- its state

    def save(self) -> None:
        """Write the state file, whole, if there is a new block. Raises `ChainUnavailable` or `DocumentError`."""
        if self._state is None:
            return
        with self._saving:
            block = self.request("eth_getBlockByNumber", "latest", False)  # noqa: FBT003 - the request's own argument
            if block["hash"] == self._saved:
                return
            dump = self.request("anvil_dumpState", True)  # noqa: FBT003 - with the past states
            _replace(self._state, gzip.decompress(bytes.fromhex(dump[2:])))
            self._saved = block["hash"]

    def _save_now_and_then(self) -> None:
        while not self._stop.wait(SAVE_SECONDS):
            with contextlib.suppress(ChainUnavailable, DocumentError):
                self.save()

    def _claim(self, state: Path) -> None:
        """Hold the state file for ourselves, and end an anvil that a killed program left behind with it."""
        state.parent.mkdir(parents=True, exist_ok=True)
        lock = state.with_name(f"{state.name}.lock").open("a+b")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise ChainUnavailable(f"another program keeps its chain in {state}", hint="end it first") from error
        self._lock = lock
        lock.seek(0)
        left = lock.read(32).decode("ascii", "replace").strip()
        if left.isdecimal() and _is_our_anvil(int(left), state):
            _end_orphan(int(left), state)

    def _release(self) -> None:
        if self._errors is not None:
            self._errors.close()
            self._errors = None
        if self._lock is not None:
            self._lock.truncate(0)
            self._lock.close()
            self._lock = None

    def _launch(self, program: Path) -> str | None:
        """Start the process and wait until it answers; returns why it did not, or none."""
        self.port = self._wanted_port or _free_port()
        if not _is_free(self.port):
            return f"port {self.port} is {IN_USE}"
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the process ended
        self._process = subprocess.Popen(
            [str(program), *self._arguments()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            start_new_session=True,  # Ctrl-C reaches us alone; we save the state and end anvil
        )
        if self._lock is not None:
            self._lock.truncate(0)
            self._lock.write(str(self._process.pid).encode())
            self._lock.flush()
        deadline = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(ChainUnavailable):
                if int(self.request("eth_chainId"), 16) == CHAIN_ID and self._process.poll() is None:
                    return None
            time.sleep(0.01)
        self._end(signal.SIGKILL)
        self._errors.seek(0)
        said = self._errors.read(2000).decode("utf-8", "replace").strip()
        self._errors.close()
        return said.splitlines()[0] if said else f"no answer within {STARTS_WITHIN:.0f} seconds"

    def _arguments(self) -> list[str]:
        arguments = ["--host", "127.0.0.1", "--port", str(self.port), "--chain-id", str(CHAIN_ID), "--quiet"]
        arguments += ["--mnemonic", self._mnemonic, "--accounts", str(self._account_count), "--balance", str(BALANCE)]
        arguments += ["--slots-in-an-epoch", str(self._epoch_slots)]
        # Each past state adds some 80 kB to the file.
        kept = self._past_states or (self.blocks_to_final + SPARE_STATES if self._state is not None else None)
        if kept is not None:
            arguments += ["--prune-history", str(kept)]
        if self._genesis_time is not None and not (self._state is not None and self._state.exists()):
            arguments += ["--timestamp", str(self._genesis_time)]
        if self._state is not None and self._state.exists():
            arguments += ["--load-state", str(self._state)]
        elif self._state is not None:
            # It says to which state file a process belongs, and is where anvil itself would never write.
            arguments += ["--cache-path", str(self._state.with_name(f"{self._state.name}.cache"))]
        return arguments

    def _end(self, how: signal.Signals) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(how)
        try:
            process.wait(ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _replace(path: Path, content: bytes) -> None:
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise DocumentError(f"the chain's state cannot be written to {path}: {error.strerror or error}") from error


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _is_our_anvil(pid: int, state: Path) -> bool:
    """Say whether a process is an anvil of this state file: ids are used again, and nobody else's process is ended."""
    try:
        told = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        try:
            told = subprocess.run(
                ["/bin/ps", "-p", str(pid), "-o", "args="], capture_output=True, text=True, check=False, timeout=ENDS_WITHIN
            ).stdout
        except (OSError, subprocess.SubprocessError):
            return False
    return "anvil" in told and str(state) in told


def _end_orphan(pid: int, state: Path) -> None:
    deadline = time.monotonic() + ENDS_WITHIN
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        while _is_our_anvil(pid, state):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)


def _require_started(port: int, problem: str | None) -> None:
    if problem is None:
        return
    if IN_USE in problem:
        hint = "choose another port, or end the program that uses this one"
    elif "load-state" in problem:
        hint = "the state file is damaged or of another anvil: move it away to begin a new chain"
    else:
        hint = "run the program by itself to see why"
    raise ChainUnavailable(f"anvil does not start on port {port}: {problem}", hint=hint)
