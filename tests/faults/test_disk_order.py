"""What is promised is on disk first: a batch and its transaction before that is sent, a picture before it has its name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine, event

from registry.chain.devchain import Anvil
from registry.chain.writer import ChainWriter
from registry.storage.pictures import Pictures
from tests.faults.killed import register
from tests.faults.register_ground import Ground
from tests.proofs.test_pictures import drawn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.xdist_group("disk-order")


class Watch:
    """Notes what gets to disk, in which order, and what is sent to the chain."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.seen: list[tuple[str, str]] = []
        self.loose: list[str] = []
        """Commits that a power cut could take back."""
        fsync, replace, send = os.fsync, Path.replace, ChainWriter.send_raw

        def synced(descriptor: int) -> None:
            fsync(descriptor)
            self.seen.append(("synced", str(Path(f"/proc/self/fd/{descriptor}").readlink())))

        def renamed(path: Path, target: Path) -> Path:
            self.seen.append(("renamed", f"{path} {target}"))
            return replace(path, target)

        def sent(writer: ChainWriter, raw: bytes) -> None:
            self.seen.append(("sent", raw.hex()))
            send(writer, raw)

        patch.setattr(os, "fsync", synced)
        patch.setattr(Path, "replace", renamed)
        patch.setattr(ChainWriter, "send_raw", sent)

    def committed(self, connection: Any) -> None:
        """Note a commit, and whether SQLite waits for the disk."""
        cursor = connection.connection.driver_connection.cursor()
        level, mode = (cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode"))
        if (level, mode) not in {(2, "wal"), (2, "delete")}:
            self.loose.append(f"{level} {mode}")
        self.seen.append(("committed", ""))

    def place(self, act: str, what: str = "", *, after: int = 0) -> int:
        """Return when something happened."""
        found = [at for at, (kind, name) in enumerate(self.seen) if at >= after and kind == act and what in name]
        assert found, (act, what, self.seen)
        return found[0]


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """Watch this process."""
    watching = Watch(monkeypatch)
    event.listen(Engine, "commit", watching.committed)
    yield watching
    event.remove(Engine, "commit", watching.committed)


def test_a_batch_is_on_disk_before_anything_is_paid_for(
    require_backend: Callable[[str], Path], tmp_path: Path, watch: Watch
) -> None:
    """The file, then its name, then the folder, then the rows, then the signed transaction; only then it is sent."""
    require_backend("anvil")
    with Anvil(epoch_slots=1) as anvil:
        ground = Ground.found(anvil, tmp_path)
        place = ground.place(tmp_path / "line", 10, in_chunks=False)
        watch.seen.clear()
        seal = register(place).batch.seal.hex()
    renamed = watch.place("renamed", f"/{seal}")
    source = watch.seen[renamed][1].split(" ")[0]
    file = watch.place("synced", source)
    folder = watch.place("synced", str(place.folder / "trees"), after=renamed)
    stored = watch.place("committed", after=folder)
    sent = watch.place("sent")
    signed = watch.place("committed", after=stored + 1)
    assert file < renamed < folder < stored < signed < sent
    assert [kind for kind, _ in watch.seen].count("sent") == 1
    assert watch.loose == []


def test_a_picture_is_on_disk_before_it_has_its_name(tmp_path: Path, watch: Watch) -> None:
    """A power cut leaves no empty file under a picture's hash."""
    digest = Pictures(tmp_path / "pictures").keep(drawn(8, 8))
    renamed = watch.place("renamed", f"/{digest}")
    source = watch.seen[renamed][1].split(" ")[0]
    assert watch.place("synced", source) < renamed < watch.place("synced", str(tmp_path / "pictures"), after=renamed)
