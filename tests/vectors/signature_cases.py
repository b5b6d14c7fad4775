"""Digests and signatures: what a label says, the hash that is signed, and the signature as the label carries it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from registry.proofs import encoding, signing
from registry.proofs.encoding import RecordHasher, keccak256
from registry.units.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

REGISTRY_ID: Final = keccak256(b"Touchstone vectors v1: registry")
OTHER_REGISTRY_ID: Final = keccak256(b"Touchstone vectors v1: another registry")
KEY: Final = keccak256(b"Touchstone vectors v1: key")
OTHER_KEY: Final = keccak256(b"Touchstone vectors v1: another key")
HASHER: Final = RecordHasher(REGISTRY_ID)
SAMPLE: Final = Record("09521001000017", "K2609A", "4D2A9KXQ7M1TZ0BC")
RECORDS: Final = {
    "a generated serial": SAMPLE,
    "the shortest texts": Record("00000095210100", "1", "0"),
    "the longest texts": Record("95210010000020", "ABCDEFGHIJ0123456789", "abcdefghij-_01234567"),
    "every kind of character that GS1 allows": Record("09521001000017", "!%&()*+,./:;", "\"'-<=>?_aZ09"),
}
WORD: Final = 32


def hexadecimal(data: bytes) -> str:
    """Return bytes as the vectors write them."""
    return "0x" + data.hex()


def fields(record: Record) -> dict[str, str]:
    """Return the members of a record."""
    return {"gtin": record.gtin, "lot": record.lot, "serial": record.serial}


def digests() -> Iterator[dict[str, Any]]:
    """Yield records with their digests, and records with the digests of something else."""
    for name, record in RECORDS.items():
        yield {"name": name, "valid": True, **fields(record), "digest": hexadecimal(HASHER.digest(record))}

    type_hash = keccak256(encoding.UNIT_TYPE)
    texts = [keccak256(text.encode()) for text in (SAMPLE.gtin, SAMPLE.lot, SAMPLE.serial)]
    struct_hash = keccak256(type_hash + b"".join(texts))
    separator = encoding.domain_separator(REGISTRY_ID)
    no_salt = keccak256(keccak256(b"EIP712Domain(string name,string version)") + keccak256(b"Touchstone") + keccak256(b"1"))
    wrong = {
        "the digest of another registry": RecordHasher(OTHER_REGISTRY_ID).digest(SAMPLE),
        "lot and serial exchanged": HASHER.digest(Record(SAMPLE.gtin, SAMPLE.serial, SAMPLE.lot)),
        "a serial in small letters": HASHER.digest(Record(SAMPLE.gtin, SAMPLE.lot, SAMPLE.serial.lower())),
        "a GTIN without its leading zero": HASHER.digest(Record(SAMPLE.gtin[1:], SAMPLE.lot, SAMPLE.serial)),
        "the hash of the struct alone": struct_hash,
        "without the bytes 19 01": keccak256(separator + struct_hash),
        "a domain without salt": keccak256(b"\x19\x01" + no_salt + struct_hash),
        "texts that are not hashed": keccak256(
            b"\x19\x01" + separator + keccak256(type_hash + f"{SAMPLE.gtin}{SAMPLE.lot}{SAMPLE.serial}".encode())
        ),
    }
    for name, digest in wrong.items():
        yield {"name": name, "valid": False, "failure": "digest", **fields(SAMPLE), "digest": hexadecimal(digest)}


def signatures() -> Iterator[dict[str, Any]]:
    """Yield digests with signatures and the address that is expected to have signed.

    `bytes` are those that the text stands for, missing where it stands for none.
    """
    signer = signing.address_of(KEY)
    for name, record in RECORDS.items():
        digest = HASHER.digest(record)
        yield _signature(name, digest, signing.sign(digest, KEY), signer)
    digest = HASHER.digest(SAMPLE)
    signature = signing.sign(digest, KEY)
    yield _signature("another key, whose signature has the other parity", digest, *_with_parity(digest, signature[32] >> 7 ^ 1))

    text = signing.encode(signature)
    r, low = signature[:WORD], signature[WORD] >> 7
    s = int.from_bytes(signature[WORD:], "big") & ~signing.PARITY_BIT
    parity = low << 255
    order, one = signing.ORDER.to_bytes(WORD, "big"), (1).to_bytes(WORD, "big")
    flipped = (int.from_bytes(signature[WORD:], "big") ^ signing.PARITY_BIT).to_bytes(WORD, "big")
    changed = HASHER.digest(Record(SAMPLE.gtin, SAMPLE.lot, SAMPLE.serial[:-1] + "D"))

    for name, failure, on_label in (
        ("one character too few", "length", text[:-1]),
        ("one character too many", "length", text + "A"),
        ("no character", "length", ""),
        ("padded", "length", text + "=="),
        ("65 bytes, r s v", "length", text[:-1] + "AA"),
        ("the other base64 alphabet", "alphabet", "+" + text[1:]),
        ("a line end in place of the last character", "alphabet", text[:-1] + "\n"),
        ("surplus bits that are not zero", "surplus_bits", text[:-1] + chr(ord(text[-1]) + 1)),
    ):
        yield {
            "name": name,
            "valid": False,
            "failure": failure,
            "digest": hexadecimal(digest),
            "text": on_label,
            "signer": signer,
        }
    for name, failure, wrong in (
        ("r is zero", "r_range", bytes(WORD) + signature[WORD:]),
        ("r is the order", "r_range", order + signature[WORD:]),
        ("r is the greatest number", "r_range", b"\xff" * WORD + signature[WORD:]),
        ("s is zero", "s_range", r + parity.to_bytes(WORD, "big")),
        ("s is one above half of the order", "s_range", r + (signing.HALF_ORDER + 1 | parity).to_bytes(WORD, "big")),
        ("s is the greatest number of 255 bits", "s_range", r + (2**255 - 1 | parity).to_bytes(WORD, "big")),
        ("r is no point of the curve", "no_point", (5).to_bytes(WORD, "big") + one),
        ("the other parity", "other_signer", r + flipped),
        ("the high s of the same signature", "other_signer", r + (signing.ORDER - s).to_bytes(WORD, "big")),
        ("another key", "other_signer", signing.sign(digest, OTHER_KEY)),
        (
            "the signature of another registry",
            "other_signer",
            signing.sign(RecordHasher(OTHER_REGISTRY_ID).digest(SAMPLE), KEY),
        ),
    ):
        yield _signature(name, digest, wrong, signer) | {"valid": False, "failure": failure}
    yield _signature("a changed serial", changed, signature, signer) | {"valid": False, "failure": "other_signer"}


def _signature(name: str, digest: bytes, signature: bytes, signer: str) -> dict[str, Any]:
    return {
        "name": name,
        "valid": True,
        "digest": hexadecimal(digest),
        "text": signing.encode(signature),
        "bytes": hexadecimal(signature),
        "signer": signer,
    }


def _with_parity(digest: bytes, parity: int) -> tuple[bytes, str]:
    """Return a signature of the wanted parity by the first of a row of keys that gives one."""
    key = OTHER_KEY
    while (signature := signing.sign(digest, key))[WORD] >> 7 != parity:
        key = keccak256(key)
    return signature, signing.address_of(key)
