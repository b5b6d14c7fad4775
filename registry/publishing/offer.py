"""The offer: what a sender says of a batch before its first byte, and what can be refused from that alone."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry.errors import DocumentError, SealError
from registry.proofs import documents, tree_file
from registry.proofs.encoding import canonical
from registry.proofs.signing import checksummed
from registry.publishing.refusals import Refusal, refused

if TYPE_CHECKING:
    from registry.proofs.tree_file import Header

FORMAT: Final = "touchstone-offer"
VERSION: Final = "1"
MAX_BYTES: Final = 4096
MAX_MANUFACTURER: Final = 2**32 - 1
NUMBER: Final = re.compile(r"[1-9][0-9]{0,9}")
ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")
HEADER: Final = re.compile(rf"[0-9a-f]{{{2 * tree_file.HEADER.size}}}")


@dataclass(frozen=True, slots=True)
class Offer:
    """A batch that is to be received."""

    manufacturer: int
    key: str
    """EIP-55 address of the key that signed its units, or the first of them."""
    header: Header
    """The header of its tree file: everything else follows from it."""

    @property
    def parcel(self) -> str:
        """The name of exactly this parcel: whoever offers another one under the same seal disturbs nobody."""
        return hashlib.sha256(tree_file.write_header(self.header)).hexdigest()[:32]

    @property
    def size(self) -> int:
        """Bytes of the parcel, the header included."""
        return self.header.nodes_at


def write(offer: Offer) -> bytes:
    """Return the offer as it is sent."""
    return canonical(
        {
            "format": FORMAT,
            "version": VERSION,
            "manufacturer": str(offer.manufacturer),
            "key": offer.key,
            "header": tree_file.write_header(offer.header).hex(),
        }
    )


def read(raw: bytes, seal: bytes) -> Offer:
    """Read an offer of the batch of this seal.

    Raises `PublicationRefused`: `malformed_offer` if it is not exactly one, `wrong_seal` if root, count and manifest hash of
    its header do not give the seal. Whoever does not know what a seal commits cannot offer it.
    """
    try:
        offer = _read(raw)
    except (DocumentError, SealError) as error:
        raise refused(Refusal.MALFORMED_OFFER, error.message, hint=error.hint) from error
    if offer.header.seal != seal:
        raise refused(
            Refusal.WRONG_SEAL, f"the header gives seal 0x{offer.header.seal.hex()}, expected the offered 0x{seal.hex()[:64]}"
        )
    return offer


def _read(raw: bytes) -> Offer:
    fields = documents.Fields(documents.load_loosely(raw, what="offer", max_bytes=MAX_BYTES), "offer")
    fields.constant("format", FORMAT)
    fields.constant("version", VERSION)
    manufacturer = int(fields.text("manufacturer", NUMBER))
    key = fields.text("key", ADDRESS)
    header = tree_file.read_header(bytes.fromhex(fields.text("header", HEADER)))
    fields.done()
    if manufacturer > MAX_MANUFACTURER:
        raise DocumentError(f"offer.manufacturer is {manufacturer}, expected at most {MAX_MANUFACTURER}")
    if checksummed(bytes.fromhex(key[2:])) != key:
        raise DocumentError(f"offer.key is {key}, expected an address with its checksum (EIP-55)")
    if header.attributes_size > tree_file.MAX_ATTRIBUTES * header.unit_count:
        raise DocumentError(f"the header names {header.attributes_size} bytes of attributes for {header.unit_count} units")
    return Offer(manufacturer, key, header)
