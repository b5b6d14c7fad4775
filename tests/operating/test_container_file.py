"""The example's container file: linted, pinned, without root; what it copies and calls is there.

No image is built here: that takes a daemon and the network of a registry of images.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.docs.test_house import ROOT

FILE: Final = ROOT / "examples/operating/Containerfile"
TEXT: Final = FILE.read_text(encoding="utf-8")
STEPS: Final = [step for step in re.sub(r"\\\n\s*", "", re.sub(r"(?m)^#.*\n", "", TEXT)).splitlines() if step]


def _of(word: str) -> list[str]:
    return [step.removeprefix(f"{word} ") for step in STEPS if step.startswith(f"{word} ")]


def test_hadolint_finds_nothing() -> None:
    """Neither a fault nor a hint."""
    done = subprocess.run([Path(sys.executable).parent / "hadolint", FILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_base_is_pinned() -> None:
    """By version and digest, the same in both stages."""
    bases = {base.split(" AS ")[0] for base in _of("FROM")}
    (base,) = bases
    assert re.fullmatch(r"docker\.io/library/python:3\.\d+\.\d+-slim-\w+@sha256:[0-9a-f]{64}", base)
    assert len(_of("FROM")) == 2


def test_nothing_runs_as_root() -> None:
    """The last word about the user is a number, so that an orchestrator can see that it is not root's."""
    users = _of("USER")
    assert users == ["10001:10001"]
    after = STEPS[STEPS.index("USER 10001:10001") :]
    assert not [step for step in after if step.startswith(("RUN", "COPY", "ADD"))]


def test_every_file_that_is_copied_is_there() -> None:
    """And every package comes from a lock, with its hash."""
    copied = [name for words in _of("COPY") if "--from" not in words for name in words.split()[:-1]]
    assert copied
    assert [name for name in copied if not (ROOT / name).exists()] == []
    installs = [part for run in _of("RUN") for part in re.split(r"&&|;", run) if "pip install" in part]
    assert all("--require-hashes" in part or "--no-deps" in part for part in installs)


def test_the_driver_of_postgresql_is_taken_from_the_lock(tmp_path: Path) -> None:
    """The step that cuts it out of the lock of development gives it, its hashes, and nothing else."""
    (cut,) = [part.strip() for run in _of("RUN") for part in run.split("&&") if "awk" in part]
    program, _, target = cut.partition(" > ")
    done = subprocess.run(shlex.split(program), cwd=ROOT, capture_output=True, text=True, check=True)
    (tmp_path / Path(target).name).write_text(done.stdout)
    assert re.findall(r"^\S+?(?===)", done.stdout, re.MULTILINE) == ["psycopg", "psycopg-binary"]
    assert done.stdout.count("--hash=sha256:") >= 2


def test_settings_are_tried_before_the_server_starts() -> None:
    """As with systemd: a server would replace workers that end for ever."""
    (command,) = _of("CMD")
    assert '"python -m webapp && exec granian ' in command
    assert "/healthz" in "".join(_of("HEALTHCHECK"))
