"""Keys that never leave a token: signing over PKCS#11 (OASIS, version 2.40), named by a URI (RFC 7512).

The token signs digests (CKM_ECDSA) and gives `r` and `s`, nothing more. That `s` is the lower of the two that hold, and which
of the two points `r` stands for, is settled here: both are needed for EIP-2098 and for transactions, and no token knows of
either. The package `python-pkcs11` is an extra of ours (`pkcs11`), because few machines have a token.
"""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, unquote_to_bytes

import rlp  # type: ignore[import-untyped]  # says nothing of its types
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from web3 import Web3

from registry.errors import SignatureError, TokenError
from registry.proofs import signing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType

SCHEME: Final = "pkcs11:"
NAMES: Final = frozenset({"token", "serial", "object", "id", "type"})
"""What of RFC 7512 is understood before the question mark."""
QUESTIONS: Final = frozenset({"module-path", "pin-source"})
WORD: Final = 32
SECP256K1: Final = bytes.fromhex("06052b8104000a")
"""The curve's object identifier, 1.3.132.0.10 (SEC 2), in DER."""
POINT: Final = re.compile(rb"(?:\x04\x41)?(\x04.{64})", re.DOTALL)
"""An uncompressed point, in DER or, as some tokens have it, as it is."""
EIP_155: Final = 35


@dataclass(frozen=True, slots=True)
class TokenUri:
    """Which key of which token, and what leads to it."""

    module: str
    """The path of the token's library."""
    token: str
    serial: str
    label: str
    id: bytes
    pin_source: str
    """The path of a file whose first line is the PIN; empty if it is asked for."""

    def __str__(self) -> str:
        """Name the key, as people know it."""
        return f"key {self.label or self.id.hex()!r} of token {self.token or self.serial!r}"


def is_uri(text: str) -> bool:
    """Say whether a text is to name a key on a token."""
    return text.lower().startswith(SCHEME)


def read_uri(text: str) -> TokenUri:
    """Return what a URI names, such as `pkcs11:token=Line%201;object=anchor?module-path=/usr/lib/softhsm/libsofthsm2.so`.

    Raises `TokenError` if it is not enough, or says what we do not understand.
    """
    path, _, query = text[len(SCHEME) :].partition("?")
    found = _members(path, ";", NAMES) | _members(query, "&", QUESTIONS)
    for needed, what in (("module-path", "the path of the token's library"),):
        if not found.get(needed):
            raise TokenError(f"the PKCS#11 URI has no {needed}, expected {what}", hint="docs/operating.md shows one")
    if not (found.get("token") or found.get("serial")) or not (found.get("object") or found.get("id")):
        raise TokenError("the PKCS#11 URI names no token or no key, expected token or serial, and object or id")
    if unquote(found.get("type", "private")) != "private":
        raise TokenError(f"the PKCS#11 URI is about a {found['type']!r:.20}, expected a private key")
    source = unquote(found.get("pin-source", ""))
    if source and not source.startswith(("file:", "/")):
        raise TokenError(f"the PKCS#11 URI's pin-source is {source!r:.60}, expected a file")
    return TokenUri(
        module=unquote(found["module-path"]),
        token=unquote(found.get("token", "")),
        serial=unquote(found.get("serial", "")),
        label=unquote(found.get("object", "")),
        id=unquote_to_bytes(found.get("id", "")),
        pin_source=re.sub(r"^file:(//)?", "", source),
    )


def _members(text: str, separator: str, known: frozenset[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for member in filter(None, text.split(separator)):
        name, is_one, value = member.partition("=")
        if name == "pin-value":
            raise TokenError(
                "the PKCS#11 URI holds a PIN, which others can see", hint="name a file with pin-source, or type it"
            )
        if name not in known or not is_one or name in found:
            raise TokenError(f"the PKCS#11 URI says {name!r:.40}, expected {', '.join(sorted(known))}, each once")
        found[name] = value
    return found


class TokenSigner:
    """A key on a token, over one session that is open while the program runs. Threads may share it."""

    def __init__(self, uri: TokenUri, pin: str) -> None:
        """Open a session.

        Raises `TokenError` if library, token or key is missing, the PIN is wrong, or the key is of another kind.
        """
        self._uri = uri
        self._lock = threading.Lock()
        self._pkcs11 = _package()
        with self._asking():
            session = _session(self._pkcs11, uri, pin)
            named = {name: value for name, value in (("label", uri.label), ("id", uri.id)) if value}
            classes = self._pkcs11.ObjectClass
            self._key: Any = session.get_key(object_class=classes.PRIVATE_KEY, **named)
            self.address = _address(self._pkcs11, session.get_key(object_class=classes.PUBLIC_KEY, **named), uri)
            self._session = session

    def __repr__(self) -> str:
        """Name the address only."""
        return f"TokenSigner({self.address})"

    def sign_digest(self, digest: bytes) -> bytes:
        """Return the 64-byte EIP-2098 signature of a 32-byte digest. Raises `TokenError` if the token gives none that holds."""
        if len(digest) != WORD:
            raise SignatureError(f"the digest has {len(digest)} bytes, expected {WORD}")
        with self._lock, self._asking():
            raw = bytes(self._key.sign(digest, mechanism=self._pkcs11.Mechanism.ECDSA))
        return compact(digest, raw, self.address)

    def sign_transaction(self, transaction: Mapping[str, Any]) -> tuple[bytes, bytes]:
        """Return the raw signed transaction and its hash: of EIP-1559, or of EIP-155 where it names a gas price."""
        if "gasPrice" in transaction:
            raw = self._signed_legacy(transaction)
        else:
            unsigned = TypedTransaction.from_dict(dict(transaction))
            r, s, parity = _numbers(self.sign_digest(bytes(unsigned.hash())))
            raw = bytes(TypedTransaction.from_dict({**transaction, "v": parity, "r": r, "s": s}).encode())
        return raw, bytes(Web3.keccak(raw))

    def _signed_legacy(self, transaction: Mapping[str, Any]) -> bytes:
        to = bytes.fromhex(transaction["to"].removeprefix("0x")) if transaction.get("to") else b""
        named = [transaction[name] for name in ("nonce", "gasPrice", "gas")]
        fields = [*named, to, transaction["value"], bytes(transaction["data"])]
        chain_id = transaction["chainId"]
        digest = bytes(Web3.keccak(rlp.encode([*fields, chain_id, 0, 0])))
        r, s, parity = _numbers(self.sign_digest(digest))
        return bytes(rlp.encode([*fields, 2 * chain_id + EIP_155 + parity, r, s]))

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Turn what goes wrong with a token into `TokenError`; no message holds a PIN."""
        wrong = self._pkcs11.exceptions
        try:
            yield
        except wrong.PKCS11Error as error:
            raise _meaning(wrong, error, self._uri) from None


def create_on_token(uri: TokenUri, pin: str) -> str:
    """Make a key on a token, which never lets it out; returns its EIP-55 address.

    Raises `TokenError` if there is one of this name, or the token cannot.
    """
    pkcs11 = _package()
    try:
        session = _session(pkcs11, uri, pin, rw=True)
        known = {pkcs11.Attribute.LABEL: uri.label} if uri.label else {pkcs11.Attribute.ID: uri.id}
        if any(True for _ in session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY, **known})):
            raise TokenError(f"there is a {uri} already", hint="a key is never overwritten; choose another name")
        parameters = session.create_domain_parameters(pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: SECP256K1}, local=True)
        private = {pkcs11.Attribute.SENSITIVE: True, pkcs11.Attribute.EXTRACTABLE: False, pkcs11.Attribute.SIGN: True}
        named = {"label": uri.label or None, "id": uri.id or None}
        public, _ = parameters.generate_keypair(store=True, private_template=private, **named)
        address = _address(pkcs11, public, uri)
    except pkcs11.exceptions.PKCS11Error as error:
        raise _meaning(pkcs11.exceptions, error, uri) from None
    return address


def compact(digest: bytes, raw: bytes, address: str) -> bytes:
    """Return the EIP-2098 form of what a token gave for a digest: `r` and `s`, 32 bytes each, with either `s`.

    Raises `TokenError` unless it is a signature by the key of this address.
    """
    if len(raw) != 2 * WORD:
        raise TokenError(f"the token gave {len(raw)} bytes for a signature, expected {2 * WORD}")
    r, s = raw[:WORD], int.from_bytes(raw[WORD:], "big")
    if not 0 < s < signing.ORDER:
        raise TokenError("the token gave a signature whose s is zero or not below the curve's order")
    s = min(s, signing.ORDER - s)
    for parity in (0, signing.PARITY_BIT):
        candidate = r + (s | parity).to_bytes(WORD, "big")
        try:
            if signing.recover(digest, candidate) == address:
                return candidate
        except SignatureError:
            continue
    raise TokenError(f"the token gave a signature that is not of its key {address}", hint="see that its firmware is sound")


def _package() -> ModuleType:
    try:
        import pkcs11  # noqa: PLC0415 -- an extra: few machines have a token
    except ImportError as error:
        raise TokenError("keys on tokens need the extra `pkcs11`", hint="pip install 'touchstone-registry[pkcs11]'") from error
    return pkcs11


def _session(pkcs11: ModuleType, uri: TokenUri, pin: str, *, rw: bool = False) -> Any:
    try:
        library = pkcs11.lib(uri.module)
    except (OSError, RuntimeError, pkcs11.exceptions.PKCS11Error) as error:
        raise TokenError(f"the token's library {uri.module} cannot be loaded: {error}", hint="see module-path") from error
    named = {name: value for name, value in (("token_label", uri.token), ("token_serial", uri.serial.encode())) if value}
    token = library.get_token(**named)
    try:
        return token.open(rw=rw, user_pin=pin)
    except pkcs11.exceptions.UserAlreadyLoggedIn:  # this program, for another key: a token asks each program once
        return token.open(rw=rw)


def _address(pkcs11: ModuleType, public: Any, uri: TokenUri) -> str:
    """Return the address of a public key on a token."""
    if public.key_type != pkcs11.KeyType.EC or bytes(public[pkcs11.Attribute.EC_PARAMS]) != SECP256K1:
        raise TokenError(f"{uri} is of another kind, expected one of the curve secp256k1")
    point = POINT.fullmatch(bytes(public[pkcs11.Attribute.EC_POINT]))
    if point is None:
        raise TokenError(f"the token gives no uncompressed point for {uri}")
    return signing.checksummed(bytes(Web3.keccak(point[1][1:]))[12:])


def _numbers(signature: bytes) -> tuple[int, int, int]:
    """Return r, s and the parity of y of an EIP-2098 signature."""
    s = int.from_bytes(signature[WORD:], "big")
    return int.from_bytes(signature[:WORD], "big"), s & ~signing.PARITY_BIT, int(s >= signing.PARITY_BIT)


def _meaning(wrong: Any, error: Exception, uri: TokenUri) -> TokenError:
    """Return what an error of a token means."""
    token = f"token {uri.token or uri.serial!r}"
    meanings: dict[tuple[type[Exception], ...], tuple[str, str]] = {
        (wrong.NoSuchToken,): (f"there is no {token}", "see that it is plugged in, and what it is called"),
        (wrong.PinIncorrect, wrong.PinInvalid, wrong.PinLenRange): (
            f"the PIN does not open {token}",
            "after some wrong ones a token locks",
        ),
        (wrong.PinLocked,): (f"{token} is locked after wrong PINs", "its security officer unlocks it"),
        (wrong.NoSuchKey,): (f"there is no {uri}", "a private and a public key of that name are needed"),
        (wrong.MultipleObjectsReturned, wrong.MultipleTokensReturned): (
            f"more than one thing is called as {uri}",
            "name the token by serial, the key by id",
        ),
        (wrong.DeviceRemoved, wrong.TokenNotPresent, wrong.SessionHandleInvalid, wrong.SessionClosed): (
            f"the token of {uri} was taken away",
            "plug it in and run again: nothing is done twice",
        ),
    }
    for kinds, (told, hint) in meanings.items():
        if isinstance(error, kinds):
            return TokenError(told, hint=hint)
    return TokenError(f"the token of {uri} refuses: {type(error).__name__}")
