"""A notary's signature under the hash of a document: EIP-712, bound to the registry, to what the document is, and to a time.

    Document(string kind,bytes32 hash,uint64 signedAt)

in the domain of the registry's records (`registry.proofs.encoding.domain_separator`). Who may sign is said by the chain, by the
contract's role of inspectors.
"""

from __future__ import annotations

from typing import Final

from registry.errors import SignatureError
from registry.proofs import signing
from registry.proofs.encoding import domain_separator
from registry.proofs.keccak import keccak256

DOCUMENT_TYPE: Final = b"Document(string kind,bytes32 hash,uint64 signedAt)"
WORD: Final = 32
MAX_TIME: Final = 2**64 - 1


def digest(registry_id: bytes, kind: str, document_hash: bytes, signed_at: int) -> bytes:
    """Return what is signed. `document_hash` is the SHA-256 of the document, `signed_at` Unix seconds.

    Raises `SignatureError` if the hash is not 32 bytes or the time no uint64.
    """
    if len(document_hash) != WORD:
        raise SignatureError(f"the document's hash has {len(document_hash)} bytes, expected {WORD}")
    if not 0 <= signed_at <= MAX_TIME:
        raise SignatureError(f"found the time {signed_at}, expected Unix seconds")
    values = keccak256(kind.encode()) + document_hash + signed_at.to_bytes(WORD, "big")
    return keccak256(b"\x19\x01" + domain_separator(registry_id) + keccak256(keccak256(DOCUMENT_TYPE) + values))


def signer_of(registry_id: bytes, kind: str, document_hash: bytes, signed_at: int, signature: bytes) -> str:
    """Return the EIP-55 address that signed a document. Raises `SignatureError`, see `signing.recover`."""
    return signing.recover(digest(registry_id, kind, document_hash, signed_at), signature)
