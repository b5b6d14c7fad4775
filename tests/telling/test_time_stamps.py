"""Time-stamps of an authority that `openssl ts` plays, checked by us and by `openssl ts -verify`."""

from __future__ import annotations

import hashlib
import subprocess
from typing import TYPE_CHECKING

import pytest

from registry.errors import DocumentError, StampUnavailable
from registry.telling.time_stamps import TimeStamps, request
from tests.telling.authority import furnish, reply, served

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MANIFEST = b'{"a":"manifest"}'
DIGEST = hashlib.sha256(MANIFEST).digest()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority."""
    made = tmp_path_factory.mktemp("tsa")
    furnish(made)
    return made


def verified(folder: Path, token: bytes, roots: Path, data: bytes = MANIFEST) -> bool:
    """Say what the line of docs/evidence.md says."""
    (folder / "manifest.tsr").write_bytes(token)
    (folder / "manifest.json").write_bytes(data)
    command = ["openssl", "ts", "-verify", "-in", "manifest.tsr", "-data", "manifest.json", "-CAfile", str(roots)]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    return done.returncode == 0 and "Verification: OK" in done.stdout


def test_a_time_stamp_holds_for_us_and_for_openssl(folder: Path, tmp_path: Path) -> None:
    """Of the manifest that was asked about, and of no other."""
    with served(lambda body: (200, reply(folder, body))) as url:
        token = TimeStamps.of(url, folder / "root.pem")(DIGEST)
    assert verified(tmp_path, token, folder / "root.pem")
    assert not verified(tmp_path, token, folder / "root.pem", MANIFEST + b" ")


def test_an_authority_of_others_is_not_believed(folder: Path, tmp_path: Path) -> None:
    """Whoever is not below the operator's roots."""
    other = furnish(tmp_path)
    with served(lambda body: (200, reply(folder, body))) as url, pytest.raises(StampUnavailable, match="does not hold"):
        TimeStamps.of(url, other)(DIGEST)


def of_another_hash(folder: Path) -> Callable[[bytes], tuple[int, bytes]]:
    """The right nonce, another hash."""
    return lambda body: (200, reply(folder, body.replace(DIGEST, bytes(32))))


def of_an_earlier_question(folder: Path) -> Callable[[bytes], tuple[int, bytes]]:
    """The right hash, another nonce."""
    return lambda _: (200, reply(folder, request(DIGEST, 1 << 62)))


def changed(folder: Path) -> Callable[[bytes], tuple[int, bytes]]:
    """One bit of the signature."""

    def answer(body: bytes) -> tuple[int, bytes]:
        token = bytearray(reply(folder, body))
        token[-3] ^= 1
        return 200, bytes(token)

    return answer


@pytest.mark.parametrize("answers", [of_another_hash, of_an_earlier_question, changed])
def test_an_answer_that_does_not_hold_is_none(
    folder: Path, answers: Callable[[Path], Callable[[bytes], tuple[int, bytes]]]
) -> None:
    """Replayed, exchanged or changed."""
    with served(answers(folder)) as url, pytest.raises(StampUnavailable, match="does not hold"):
        TimeStamps.of(url, folder / "root.pem")(DIGEST)


@pytest.mark.parametrize("answer", [(200, b""), (200, b"rubbish"), (500, b""), (302, b""), (200, b"x" * 70_000)])
def test_rubbish_is_no_time_stamp(folder: Path, answer: tuple[int, bytes]) -> None:
    """Nor is an error, a redirect or too much."""
    with served(lambda _: answer) as url, pytest.raises(StampUnavailable):
        TimeStamps.of(url, folder / "root.pem")(DIGEST)


def test_nobody_answers(folder: Path) -> None:
    """An authority that is away is asked again later, by whoever asked."""
    with served(lambda _: (200, b"")) as url:
        pass
    with pytest.raises(StampUnavailable, match="could not be asked"):
        TimeStamps.of(url, folder / "root.pem")(DIGEST)


def test_settings_that_cannot_work_are_refused(folder: Path) -> None:
    """At once, not with the first bundle."""
    with pytest.raises(DocumentError, match="none, expected"):
        TimeStamps.of("ftp://tsa.example", folder / "root.pem")
    with pytest.raises(DocumentError, match="no certificates"):
        TimeStamps.of("http://tsa.example", folder / "serial")
    with pytest.raises(DocumentError, match="expected 32"):
        request(b"short", 1 << 62)
