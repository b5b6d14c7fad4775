"""No secret is where others look: not in the repository, not in the words of a program or its processes, not in a traceback."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from registry.chain.devchain import Anvil
from registry.errors import KeyFileError
from registry.keys import KeystoreSigner, create_keystore
from tests.faults.killed import PASSPHRASE
from tests.faults.register_ground import Ground

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT: Final = Path(__file__).parents[1]
PEM: Final = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s*[A-Za-z0-9+/]{40}")
KEYSTORE: Final = re.compile(rb'"(?:cipher)?text"\s*:\s*"[0-9a-f]{64}"')
LOADED: Final = re.compile(r"(?i)(?:private[_-]?key|secret|passphrase|password)\W{1,4}(?:0x)?([0-9a-f]{64})\b")
UNITS: Final = 30_000


def test_the_repository_holds_no_key() -> None:
    """Neither in a file of keys nor in a word beside it; what git does not know cannot be published with it."""
    if (ROOT / ".git").exists():
        git = shutil.which("git") or "git"
        listed = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
        paths = [ROOT / os.fsdecode(name) for name in listed if name]
    else:
        paths = [path for path in ROOT.rglob("*") if path.is_file() and not {".venv", "node_modules"} & set(path.parts)]
    assert len(paths) > 500
    for path in paths:
        raw = path.read_bytes() if path.is_file() else b""
        assert not PEM.search(raw), path
        assert not KEYSTORE.search(raw), path
        if path.suffix != ".json":
            assert not LOADED.search(raw.decode("utf-8", "replace")), path


def test_no_process_of_a_registration_shows_a_secret(require_backend: Callable[[str], Path], tmp_path: Path) -> None:
    """Neither in its command line nor in its environment, nor those of the processes that sign for it, nor in what it says."""
    require_backend("anvil")
    with Anvil(epoch_slots=1) as anvil:
        ground = Ground.found(anvil, tmp_path)
        place = ground.place(tmp_path / "line", UNITS)
        key = KeystoreSigner(place.keystore, PASSPHRASE)._key.hex()
        (place.folder / "passphrase").write_text(f"{PASSPHRASE}\n")
        words = [sys.executable, "-m", "scripts", "register", "units.csv", "--products", "products.toml", "--workers", "2"]
        options = [
            "--keystore",
            str(place.keystore),
            "--passphrase-file",
            "passphrase",
            "--trust",
            str(place.trust),
            "--rpc",
            place.rpc,
        ]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            [*words, *options], cwd=place.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        seen: set[int] = set()
        while process.poll() is None:
            for pid in _family(process.pid):
                shown = _shown(pid)
                seen.add(pid)
                assert PASSPHRASE.encode() not in shown
                assert key.encode() not in shown.lower()
            time.sleep(0.01)
        said, _ = process.communicate()
        assert process.returncode == 0, said
        assert PASSPHRASE not in said
        assert key not in said.lower()
        assert len(seen) >= 3, "the program, and two that sign for it"


def test_no_traceback_shows_a_secret(tmp_path: Path) -> None:
    """Not even one that shows every variable of our own objects."""
    path = tmp_path / "key.json"
    create_keystore(path, PASSPHRASE, light=True)
    signer = KeystoreSigner(path, PASSPHRASE)
    key = signer._key.hex()
    for work in (
        lambda: KeystoreSigner(path, f"{PASSPHRASE} "),
        lambda: signer.sign_digest(b"short"),
        lambda: signer.sign_transaction({"nonce": "x"}),
    ):
        try:
            work()
        except Exception as error:  # noqa: BLE001 -- whatever it is
            told = "".join(traceback.TracebackException.from_exception(error).format())
        else:
            pytest.fail("nothing was raised")
        assert PASSPHRASE not in told
        assert key not in told.lower()
    with pytest.raises(KeyFileError):
        KeystoreSigner(path, "another")
    assert key not in json.dumps(repr(signer))


def _family(pid: int) -> list[int]:
    """Return a process and those below it."""
    found = [pid]
    for one in found:
        try:
            children = Path(f"/proc/{one}/task/{one}/children").read_text(encoding="ascii").split()
        except OSError:
            continue
        found += [int(child) for child in children]
    return found


def _shown(pid: int) -> bytes:
    """Return what everybody on the machine, or everybody of the same user, can see of a process."""
    shown = b""
    for name in ("cmdline", "environ"):
        try:
            shown += Path(f"/proc/{pid}/{name}").read_bytes()
        except OSError:
            continue
    return shown
