"""The bytes of a pack (docs/packs.md): a head that is signed, the facts, and a table of the units.

The table has 10 bytes for each unit, sorted, so that a unit is found where the file lies, with no more of it in memory:
40 bits of the keyed hash of its GTIN and serial, 24 bits that number its group (batch, lot, signer), and 16 bits of the keyed
hash of its signature. It names no unit, and cannot be read back into serials without trying each that there could be.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from registry.errors import DocumentError, SignatureError
from registry.proofs import signing
from registry.proofs.documents import SHA256, Fields, load
from registry.proofs.encoding import canonical, keccak256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from registry.units.records import UnitId

MAGIC: Final = b"touchstone-pack/1\n"
MAX_HEAD: Final = 4096
MAX_FACTS: Final = 2**30
SIGNATURE: Final = 64
LENGTH: Final = 4
"""Bytes of the head's length."""
ENTRY: Final = 10
NUMBER: Final = 5
GROUP: Final = 3
MARK: Final = 2
MAX_GROUPS: Final = 2 ** (8 * GROUP)
KEY: Final = 16
"""Bytes of a unit's whole hash, by which withdrawn units are listed."""
DIGITS: Final = re.compile(r"0|[1-9][0-9]{0,15}")


@dataclass(frozen=True, slots=True)
class Head:
    """What is signed."""

    registry_id: bytes
    made_at: int
    """Unix seconds before the first question was asked: every fact is at least as new."""
    expires_at: int
    """Unix seconds after which no answer is given."""
    salt: bytes
    """32 random bytes that key the hashes of this pack alone."""
    units: int


@dataclass(frozen=True, slots=True)
class Entry:
    """What the table says of a unit."""

    group: int
    mark: bytes


class Table:
    """The units of a pack that is being made."""

    def __init__(self, salt: bytes) -> None:
        self._salt = salt
        self._entries = bytearray()

    def add(self, unit: UnitId, group: int, signature: bytes) -> None:
        """Add a unit with its group and its label's signature."""
        self._entries += unit_hash(self._salt, unit)[:NUMBER] + group.to_bytes(GROUP, "big") + mark(self._salt, signature)

    def __len__(self) -> int:
        return len(self._entries) // ENTRY

    def sorted(self) -> bytes:
        """Return the entries in the order of their hashes."""
        rows = np.frombuffer(bytes(self._entries), np.uint8).reshape(-1, ENTRY)
        order = np.argsort(rows[:, : NUMBER + GROUP].copy().view(">u8").ravel(), kind="stable")
        return bytes(rows[order].tobytes())


class Pack:
    """A pack that is whole and by the trusted signer; `facts` is what `making` wrote."""

    def __init__(self, head: Head, facts: Any, table: memoryview, signer: str) -> None:
        self.head = head
        self.facts = facts
        self.signer = signer
        self._table = table

    def find(self, unit: UnitId) -> list[Entry]:
        """Return what the table says of a unit: nothing, one entry, or several where hashes are alike."""
        wanted = unit_hash(self.head.salt, unit)[:NUMBER]
        low, high = 0, self.head.units
        while low < high:
            middle = (low + high) // 2
            if self._entry(middle)[:NUMBER] < wanted:
                low = middle + 1
            else:
                high = middle
        found = []
        while low < self.head.units and (entry := self._entry(low))[:NUMBER] == wanted:
            found.append(Entry(int.from_bytes(entry[NUMBER : NUMBER + GROUP], "big"), entry[NUMBER + GROUP :]))
            low += 1
        return found

    def _entry(self, place: int) -> bytes:
        return bytes(self._table[place * ENTRY : (place + 1) * ENTRY])


def unit_hash(salt: bytes, unit: UnitId) -> bytes:
    """Return the 16 bytes by which a pack knows a unit."""
    return hashlib.blake2b(f"{unit.gtin}/{unit.serial}".encode(), digest_size=KEY, key=salt).digest()


def mark(salt: bytes, signature: bytes) -> bytes:
    """Return the 2 bytes by which a pack knows a label's signature."""
    return hashlib.blake2b(signature, digest_size=MARK, key=salt).digest()


def write(head: Head, facts: Any, table: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """Return a pack's bytes; `sign` signs a digest (64 bytes, EIP-2098)."""
    body = canonical(facts)
    raw = canonical({
        "schema": "touchstone.pack/1",
        "registryId": f"0x{head.registry_id.hex()}",
        "madeAt": str(head.made_at),
        "expiresAt": str(head.expires_at),
        "salt": f"0x{head.salt.hex()}",
        "units": str(head.units),
        "facts": {"bytes": str(len(body)), "sha256": hashlib.sha256(body).hexdigest()},
        "table": {"bytes": str(len(table)), "sha256": hashlib.sha256(table).hexdigest()},
    })  # fmt: skip
    return b"".join([MAGIC, len(raw).to_bytes(LENGTH, "big"), raw, sign(digest(raw)), body, table])


def digest(head: bytes) -> bytes:
    """Return what is signed of a head: the EIP-191 message `Touchstone pack <sha256 of the head>`."""
    message = f"Touchstone pack {hashlib.sha256(head).hexdigest()}".encode()
    return keccak256(b"\x19Ethereum Signed Message:\n" + str(len(message)).encode() + message)


@contextmanager
def opened(path: Path, signer: str) -> Iterator[Pack]:
    """Open a pack that this address (EIP-55) signed.

    Raises `DocumentError` unless it is whole, byte for byte, and by this signer: nothing of it is read before that is seen.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw, memoryview(raw) as view:
            pack, table = _read(view, path, signer)
            with table:
                yield pack
    except (OSError, ValueError) as error:
        raise DocumentError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _read(view: memoryview, path: Path, signer: str) -> tuple[Pack, memoryview]:
    start = len(MAGIC) + LENGTH
    if bytes(view[: len(MAGIC)]) != MAGIC:
        raise DocumentError(f"{path} is no pack: expected a file that begins with {MAGIC.decode().strip()}")
    size = int.from_bytes(view[len(MAGIC) : start], "big")
    if size > MAX_HEAD or len(view) < start + size + SIGNATURE:
        raise DocumentError(f"{path} ends too early, or its head has {size} bytes, expected at most {MAX_HEAD}")
    raw = bytes(view[start : start + size])
    try:
        by = signing.recover(digest(raw), bytes(view[start + size : start + size + SIGNATURE]))
    except SignatureError as error:
        raise DocumentError(f"{path} is signed by nobody: {error.message}") from error
    if by != signer:
        raise DocumentError(
            f"{path} was changed, or is signed by {by}, expected {signer}",
            hint="get the pack again, and its signer's address from a source that you trust",
        )
    fields = Fields(load(raw, what="head of the pack", max_bytes=MAX_HEAD), "head")
    fields.constant("schema", "touchstone.pack/1")
    head = Head(
        registry_id=fields.word("registryId"),
        made_at=int(fields.text("madeAt", DIGITS)),
        expires_at=int(fields.text("expiresAt", DIGITS)),
        salt=fields.word("salt"),
        units=int(fields.text("units", DIGITS)),
    )
    at = start + size + SIGNATURE
    parts = []
    for name in ("facts", "table"):
        part = fields.member(name)
        end = at + int(part.text("bytes", DIGITS))
        expected = part.text("sha256", SHA256)
        part.done()
        if len(view) < end or hashlib.sha256(view[at:end]).hexdigest() != expected:
            raise DocumentError(f"{path} is damaged: its {name} are not those that were signed", hint="get the pack again")
        parts.append((at, end))
        at = end
    fields.done()
    if len(view) != at or parts[1][1] - parts[1][0] != head.units * ENTRY or parts[0][1] - parts[0][0] > MAX_FACTS:
        raise DocumentError(f"{path} has {len(view)} bytes, expected {at} with {ENTRY} for each of {head.units} units")
    facts = json.loads(bytes(view[slice(*parts[0])]))
    table = view[slice(*parts[1])]
    return Pack(head, facts, table, by), table
