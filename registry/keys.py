"""Keys that sign: keystore v3 files, opened with a passphrase from a prompt or a file.

A private key or passphrase is never taken from the command line or the environment, where other processes and shell histories
see it. A KMS or HSM needs a class with the members of `registry.chain.transactions.Signer`, and nothing of this module.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from typing import TYPE_CHECKING, Any

from eth_account import Account

from registry.errors import KeyFileError
from registry.issuing.workshop import KeyForWorkers
from registry.proofs import signing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

MAX_FILE = 2**16
LIGHT_ITERATIONS = 2
"""scrypt's work factor for tests and the demo: a guess costs nothing, and opening is quick."""
OTHERS = stat.S_IRWXG | stat.S_IRWXO


class KeystoreSigner:
    """A key from a keystore v3 file, held in memory while the program runs."""

    def __init__(self, path: Path, passphrase: str) -> None:
        """Open the file. Raises `KeyFileError` if it is missing, readable by others, malformed or does not open."""
        self._key = _decrypted(path, _read(path), passphrase)
        self._sign = signing.signer(self._key)
        self.address = signing.address_of(self._key)

    def __repr__(self) -> str:
        """Name the address only."""
        return f"KeystoreSigner({self.address})"

    def sign_digest(self, digest: bytes) -> bytes:
        """Return the 64-byte EIP-2098 signature of a 32-byte digest."""
        return self._sign(digest)

    def for_workers(self) -> KeyForWorkers:
        """Return what worker processes need to sign with this key; it is for a pipe to them and for no other place."""
        return KeyForWorkers(self._key)

    def sign_transaction(self, transaction: Mapping[str, Any]) -> tuple[bytes, bytes]:
        """Return the raw signed transaction and its hash."""
        signed = Account.sign_transaction(dict(transaction), self._key)
        return bytes(signed.raw_transaction), bytes(signed.hash)


def create_keystore(path: Path, passphrase: str, *, light: bool = False, private_key: bytes | None = None) -> str:
    """Write a new key to a keystore v3 file that only its owner can read; returns its EIP-55 address.

    `light` makes the file as weak as it is quick to open: for tests and the demo alone. `private_key` is for those as well,
    where a development chain gave the key its money. Raises `KeyFileError` if the file exists, or the passphrase is empty.
    """
    if not passphrase:
        raise KeyFileError("the passphrase is empty, expected at least one character")
    key = private_key or _new_key()
    document = Account.encrypt(key, passphrase, kdf="scrypt", iterations=LIGHT_ITERATIONS if light else None)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise KeyFileError(
            f"{path} exists, expected no file there", hint="a key is never overwritten; choose another name"
        ) from error
    except OSError as error:
        raise KeyFileError(f"{path} cannot be written: {error.strerror or error}") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    return signing.address_of(key)


def read_passphrase(file: Path | None, prompt: Callable[[], str]) -> str:
    """Return the first line of a file, or what the person at the prompt types. Raises `KeyFileError` if that is empty."""
    if file is None:
        passphrase = prompt()
    else:
        try:
            with file.open("rb") as stream:
                raw = stream.readline(MAX_FILE)
            passphrase = raw.decode("utf-8").rstrip("\r\n")
        except OSError as error:
            raise KeyFileError(f"the passphrase file {file} cannot be read: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise KeyFileError(f"the passphrase file {file} is not UTF-8") from error
    if not passphrase:
        raise KeyFileError("the passphrase is empty, expected at least one character")
    return passphrase


def _new_key() -> bytes:
    # A number of the curve but for one chance in 2^128; a key that is none fails to give an address.
    return secrets.token_bytes(32)


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            raw = file.read(MAX_FILE + 1)
    except OSError as error:
        raise KeyFileError(f"the key file {path} cannot be read: {error.strerror or error}") from error
    if mode & OTHERS:
        raise KeyFileError(f"the key file {path} has mode {mode & 0o777:o}, expected 600", hint=f"chmod 600 {path}")
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise KeyFileError(f"the key file {path} is not JSON, expected a keystore of version 3") from error
    if not isinstance(document, dict) or document.get("version") != 3:  # noqa: PLR2004 -- the only version there is
        raise KeyFileError(f"the key file {path} is not a keystore of version 3")
    return document


def _decrypted(path: Path, document: dict[str, Any], passphrase: str) -> bytes:
    try:
        key = bytes(Account.decrypt(document, passphrase))
    except ValueError as error:
        if "MAC mismatch" in str(error):
            raise KeyFileError(f"the key file {path} does not open with this passphrase") from error
        raise KeyFileError(f"the key file {path} is malformed: {error}") from error
    except (KeyError, TypeError, AttributeError, NotImplementedError, OverflowError, MemoryError) as error:
        raise KeyFileError(f"the key file {path} is malformed: {error!r}") from error
    address = signing.address_of(key)
    named = document.get("address")
    if isinstance(named, str) and named.lower().removeprefix("0x") != address.lower().removeprefix("0x"):
        raise KeyFileError(f"the key file {path} names address {named}, but its key has {address}")
    return key
