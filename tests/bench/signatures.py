"""Signing and checking a unit, against the bare curve and against what most programs would call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coincurve import PrivateKey, PublicKey
from eth_account import Account
from eth_account.messages import encode_typed_data

from registry.proofs import encoding, signing
from registry.units import serials
from registry.units.records import Record
from tests.bench.measuring import Kind, Limit, Row, paired, per_item

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY: Final = bytes(31) + b"\x07"
REGISTRY: Final = bytes(range(32))
GTIN: Final = "09521001000017"
UNITS: Final = 2_000
PEERS: Final = 50


def records(count: int) -> list[Record]:
    """Return units as a factory would make them."""
    return [Record(GTIN, "K2609A", serials.generate()) for _ in range(count)]


def signed(units: list[Record]) -> list[bytes]:
    """Do the whole work on units: digest, signature and leaf of each; return the signatures."""
    hasher, sign_digest, none = encoding.RecordHasher(REGISTRY), signing.signer(KEY), encoding.attributes_hash(None)
    made = []
    for index, record in enumerate(units):
        digest = hasher.digest(record)
        encoding.leaf(encoding.Row(index, encoding.unit_key(REGISTRY, record.id), digest, none))
        made.append(sign_digest(digest))
    return made


def rows(units: int = UNITS, peers: int = PEERS) -> Iterator[Row]:
    """Yield the table's rows."""
    made = records(units)
    key = PrivateKey(KEY)
    bare = per_item(paired(lambda: signed(made), lambda: [key.sign_recoverable(KEY, hasher=None) for _ in made]), units)
    yield Row("sign a unit: digest, key, leaf, signature", "one bare coincurve signature", *bare)
    yield Row("sign a unit", "eth-account `sign_typed_data`", *per_item(_against_eth_account(made[:peers]), peers))
    yield Row("check a signature: digest, recover", "one bare coincurve recovery", *per_item(_recover(made), units))


def bare_signature(count: int) -> float:
    """Return the CPU seconds of one coincurve signature, nothing else."""
    key = PrivateKey(KEY)
    return paired(lambda: [key.sign_recoverable(KEY, hasher=None) for _ in range(count)], lambda: None, rounds=3)[0] / count


def _against_eth_account(units: list[Record]) -> tuple[float, float]:
    types = {"Unit": [{"name": name, "type": "string"} for name in ("gtin", "lot", "serial")]}
    domain = {"name": "Touchstone", "version": "1", "salt": REGISTRY}

    def theirs() -> None:
        for record in units:
            message = {"gtin": record.gtin, "lot": record.lot, "serial": record.serial}
            Account.sign_message(encode_typed_data(domain, types, message), KEY)

    return paired(lambda: signed(units), theirs)


def _recover(units: list[Record]) -> tuple[float, float]:
    hasher, made = encoding.RecordHasher(REGISTRY), signed(units)
    full = PrivateKey(KEY).sign_recoverable(KEY, hasher=None)

    def ours() -> None:
        for record, signature in zip(units, made, strict=True):
            signing.recover(hasher.digest(record), signature)

    return paired(ours, lambda: [PublicKey.from_signature_and_message(full, KEY, hasher=None) for _ in units])


__all__ = ["GTIN", "KEY", "REGISTRY", "Kind", "Limit", "bare_signature", "records", "rows", "signed"]
