"""A key file opens with its passphrase, and says what is wrong otherwise."""

from __future__ import annotations

import json
import pickle
import stat
import traceback
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from registry.errors import KeyFileError
from registry.keys import KeystoreSigner, create_keystore, read_passphrase
from registry.proofs import signing
from registry.proofs.crew import Crew
from tests.proofs import chores

PASSPHRASE = "correct horse 电池"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keys" / "anchor.json"
    create_keystore(path, PASSPHRASE, light=True)
    return path


def test_a_new_key_opens_and_signs(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    address = create_keystore(path, PASSPHRASE, light=True)
    signer = KeystoreSigner(path, PASSPHRASE)
    assert signer.address == address
    assert signing.recover(bytes(32), signer.sign_digest(bytes(32))) == address


def test_a_key_file_is_for_its_owner_alone(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_given_key_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    assert create_keystore(path, PASSPHRASE, light=True, private_key=b"\1" * 32) == signing.address_of(b"\1" * 32)
    assert Account.decrypt(json.loads(path.read_text()), PASSPHRASE) == b"\1" * 32


def test_transactions_are_signed_by_the_key(path: Path) -> None:
    signer = KeystoreSigner(path, PASSPHRASE)
    transaction = {
        "chainId": 31337,
        "nonce": 0,
        "gas": 21_000,
        "maxFeePerGas": 10**9,
        "maxPriorityFeePerGas": 1,
        "to": signer.address,
        "value": 0,
        "data": b"",
    }
    raw, tx_hash = signer.sign_transaction(transaction)
    assert Account.recover_transaction(raw) == signer.address
    assert len(tx_hash) == 32


def test_a_key_is_never_overwritten(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(KeyFileError, match="exists"):
        create_keystore(path, PASSPHRASE, light=True)
    assert path.read_bytes() == before


def test_a_key_does_not_show_itself(path: Path) -> None:
    signer = KeystoreSigner(path, PASSPHRASE)
    assert repr(signer) == f"KeystoreSigner({signer.address})"


def test_workers_sign_with_the_key(path: Path) -> None:
    signer = KeystoreSigner(path, PASSPHRASE)
    sign = pickle.loads(pickle.dumps(signer.for_workers()))()  # noqa: S301  # our own
    assert sign(bytes(32)) == signer.sign_digest(bytes(32))


def secrets_of(path: Path) -> list[str]:
    """Return the forms in which a private key could show."""
    key = bytes(Account.decrypt(json.loads(path.read_text()), PASSPHRASE))
    return [key.hex(), repr(key), repr(key)[2:-1], str(int.from_bytes(key, "big"))]


def test_a_key_on_its_way_to_workers_does_not_show_itself(path: Path) -> None:
    for_workers = KeystoreSigner(path, PASSPHRASE).for_workers()
    assert repr(for_workers) == str(for_workers) == "KeyForWorkers(...)"
    assert repr([for_workers]) == "[KeyForWorkers(...)]"


def test_no_error_on_the_way_to_workers_shows_the_key(path: Path) -> None:
    for_workers = KeystoreSigner(path, PASSPHRASE).for_workers()
    for chore, extra in ((chores.refuse, 1), (chores.refuse, lambda: None)):
        with pytest.raises(Exception, match=r"refused|pickle") as caught:
            Crew(chore, for_workers, extra, workers=2)
        shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.args)
        assert not [secret for secret in secrets_of(path) if secret in shown]


def test_no_other_process_sees_the_key_in_arguments_or_environment(path: Path) -> None:
    signer = KeystoreSigner(path, PASSPHRASE)
    with Crew(chores.sign_with, signer.for_workers(), workers=2) as crew:
        assert set(crew.map(chores.sign, [bytes(32)] * 4)) == {signer.sign_digest(bytes(32))}
        for worker in crew._workers:
            shown = b"".join(Path(f"/proc/{worker._process.pid}/{name}").read_bytes() for name in ("cmdline", "environ"))
            assert not [secret for secret in secrets_of(path) if secret.encode() in shown]


def test_a_wrong_passphrase_is_said(path: Path) -> None:
    with pytest.raises(KeyFileError, match="does not open with this passphrase"):
        KeystoreSigner(path, "wrong")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666])
def test_a_file_that_others_can_read_is_refused(path: Path, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(KeyFileError, match=f"has mode {mode:o}, expected 600") as caught:
        KeystoreSigner(path, PASSPHRASE)
    assert caught.value.hint == f"chmod 600 {path}"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"version": 1}, "not a keystore of version 3"),
        ({"crypto": {}}, "malformed"),
        ({"crypto": None}, "malformed"),
        ({"crypto": []}, "malformed"),
        ({"crypto": {"kdf": "none"}}, "malformed"),
        ({"address": "00" * 20}, "names address"),
    ],
)
def test_a_malformed_file_is_said(path: Path, change: dict[str, Any], expected: str) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(KeyFileError, match=expected):
        KeystoreSigner(path, PASSPHRASE)


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"3", b"[" * 60_000])
def test_a_file_of_something_else_is_said(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(KeyFileError, match=r"not JSON|not a keystore"):
        KeystoreSigner(path, PASSPHRASE)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="cannot be read: No such file"):
        KeystoreSigner(tmp_path / "none.json", PASSPHRASE)


def test_a_passphrase_comes_from_a_file_or_a_prompt(tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_bytes(PASSPHRASE.encode() + b"\r\nnot this")
    assert read_passphrase(file, lambda: pytest.fail("not asked")) == PASSPHRASE
    assert read_passphrase(None, lambda: "typed") == "typed"


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\n", None])
def test_a_file_without_a_passphrase_is_said(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "passphrase"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(KeyFileError, match="passphrase"):
        read_passphrase(file, lambda: "")


def test_an_empty_passphrase_is_no_passphrase(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="empty"):
        read_passphrase(None, lambda: "")
    with pytest.raises(KeyFileError, match="empty"):
        create_keystore(tmp_path / "key.json", "", light=True)
    assert list(tmp_path.iterdir()) == []
