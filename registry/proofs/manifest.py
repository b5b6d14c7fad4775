"""The manifest: what a batch says publicly, in one canonical form of bytes whose hash is in the seal."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal, cast

from registry.errors import DocumentError
from registry.proofs import documents
from registry.proofs.encoding import canonical, keccak256

if TYPE_CHECKING:
    from collections.abc import Mapping

Carrier = Literal["signed", "compact"]

FORMAT: Final = "touchstone-manifest"
VERSION: Final = "1"
MAX_BYTES: Final = 4 * 2**20
SHORT: Final = 2**12
"""Bytes: those of most batches are shorter."""
REMEMBERED: Final = 16_384
LOT: Final = re.compile(r"[!\"%&'()*+,\-./0-9:;<=>?A-Z_a-z]{1,20}")
"""GS1's character set 82 (General Specifications, figure 7.11-1)."""
CARRIER: Final = re.compile(r"signed|compact")


@dataclass(frozen=True, slots=True)
class Product:
    """What a batch says of one product and lot. Empty means: nothing is said."""

    gtin: str
    lot: str
    carrier: Carrier
    """Whether the label carries the signature, or the number alone."""
    names: Mapping[str, str]
    """By language (BCP 47)."""
    model: str = ""
    produced: str = ""
    """ISO 8601 date."""
    expires: str = ""
    """ISO 8601 date."""
    markets: tuple[str, ...] = ()
    """Where it is meant to be sold: ISO 3166-1, two letters."""
    pictures: tuple[str, ...] = ()
    """sha256 of the files, in hexadecimal."""
    trademarks: tuple[str, ...] = ()
    recordals: tuple[str, ...] = ()
    """Customs recordal numbers."""
    serialised_since: str = ""
    """ISO 8601 date: older items of this product carry no code."""

    def __hash__(self) -> int:
        """Hash what tells products apart; texts by language have no hash."""
        return hash((self.gtin, self.lot, self.produced))


@dataclass(frozen=True, slots=True)
class Manifest:
    """A batch's public statement."""

    registry_id: bytes
    salt_hash: bytes
    products: tuple[Product, ...]
    """In the order of GTIN and lot."""
    supersedes: bytes | None = None
    """The seal of the withdrawn batch that this one corrects."""

    def product(self, gtin: str, lot: str) -> Product | None:
        """Return what is said of a product and lot, or none if the batch does not name it."""
        return next((product for product in self.products if (product.gtin, product.lot) == (gtin, lot)), None)


def write(manifest: Manifest) -> bytes:
    """Return the manifest's bytes. Raises `DocumentError` if `read` would refuse them."""
    raw = canonical(
        {
            "format": FORMAT,
            "version": VERSION,
            "registryId": documents.hexadecimal(manifest.registry_id),
            "saltHash": documents.hexadecimal(manifest.salt_hash),
            "products": [_written(product) for product in manifest.products],
            "supersedes": "" if manifest.supersedes is None else documents.hexadecimal(manifest.supersedes),
        }
    )
    read(raw)
    return raw


def read_once(raw: bytes) -> Manifest:
    """Do as `read` does. What a short one says is remembered: it depends on nothing else."""
    return _remembered(raw) if len(raw) <= SHORT else read(raw)


def read(raw: bytes) -> Manifest:
    """Return the manifest that these bytes are.

    Raises `DocumentError` unless they are canonical (RFC 8785), of this format and version, at most 4 MiB, and hold the known
    members and no other, texts and no numbers, each product and lot once and in order.
    """
    fields = documents.Fields(documents.load(raw, what="manifest", max_bytes=MAX_BYTES), "manifest")
    fields.constant("format", FORMAT)
    fields.constant("version", VERSION)
    manifest = Manifest(
        registry_id=fields.word("registryId"),
        salt_hash=fields.word("saltHash"),
        products=tuple(_product(item, f"manifest.products[{place}]") for place, item in enumerate(fields.items("products"))),
        supersedes=_supersedes(fields),
    )
    fields.done()
    if not manifest.products:
        raise DocumentError("manifest.products is empty, expected every product and lot of the batch")
    for before, after in pairwise(manifest.products):
        if (before.gtin, before.lot) >= (after.gtin, after.lot):
            raise DocumentError(f"manifest.products has {after.gtin}, lot {after.lot} twice or out of order")
    return manifest


def manifest_hash(raw: bytes) -> bytes:
    """Return the hash that the seal commits."""
    return keccak256(raw)


def _written(product: Product) -> dict[str, object]:
    return {
        "gtin": product.gtin,
        "lot": product.lot,
        "carrier": product.carrier,
        "names": dict(product.names),
        "model": product.model,
        "produced": product.produced,
        "expires": product.expires,
        "markets": list(product.markets),
        "pictures": list(product.pictures),
        "trademarks": list(product.trademarks),
        "recordals": list(product.recordals),
        "serialisedSince": product.serialised_since,
    }


def _product(document: object, where: str) -> Product:
    fields = documents.Fields(document, where)
    product = Product(
        gtin=fields.text("gtin", documents.GTIN),
        lot=fields.text("lot", LOT),
        carrier=cast("Carrier", fields.text("carrier", CARRIER)),
        names=fields.in_languages("names"),
        model=fields.text("model", may_be_empty=True),
        produced=_date(fields, "produced", where),
        expires=_date(fields, "expires", where),
        markets=fields.texts("markets", documents.COUNTRY),
        pictures=fields.texts("pictures", documents.SHA256),
        trademarks=fields.texts("trademarks"),
        recordals=fields.texts("recordals"),
        serialised_since=_date(fields, "serialisedSince", where),
    )
    fields.done()
    return product


def _date(fields: documents.Fields, name: str, where: str) -> str:
    text = fields.text(name, documents.DATE, may_be_empty=True)
    if text:
        try:
            dt.date.fromisoformat(text)
        except ValueError as error:
            raise DocumentError(f"{where}.{name} is {text!r}, expected a day of the calendar") from error
    return text


def _supersedes(fields: documents.Fields) -> bytes | None:
    text = fields.text("supersedes", documents.WORD, may_be_empty=True)
    return bytes.fromhex(text[2:]) if text else None


_remembered: Final = lru_cache(REMEMBERED)(read)
