"""Signatures: secp256k1, EIP-2098 compact, low s, base64url on the label (docs/decisions/0004-secp256k1.md).

Recovery gives *some* address for nearly any 64 bytes. What is proved here is only that whoever holds the key of that address
signed the digest; whether the address is anybody's key is a question to the chain.
"""

from __future__ import annotations

import base64
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from coincurve import PrivateKey, PublicKey

from registry.errors import SignatureError
from registry.proofs.keccak import keccak256

if TYPE_CHECKING:
    from collections.abc import Callable

WORD: Final = 32
SIGNATURE_BYTES: Final = 64
SIGNATURE_CHARACTERS: Final = 86
ORDER: Final = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
"""n, the order of the curve's group (SEC 2, secp256k1)."""
HALF_ORDER: Final = ORDER // 2
ZERO: Final = bytes(WORD)
ORDER_BYTES: Final = ORDER.to_bytes(WORD, "big")
HALF_ORDER_BYTES: Final = HALF_ORDER.to_bytes(WORD, "big")
PARITY_BIT: Final = 1 << 255
"""Where EIP-2098 keeps the parity of y: the bit that a low s never needs."""
OTHER_BITS: Final = 0x7F
"""Of its byte."""
REMEMBERED: Final = 1024
LAST_CHARACTERS: Final = "AQgw"
"""86 characters hold 516 bits, four more than a signature has: the last character ends in four zeros."""
ENCODED: Final = re.compile(r"[A-Za-z0-9_-]{86}")


def signer(private_key: bytes) -> Callable[[bytes], bytes]:
    """Return a function that signs 32-byte digests as `sign` does: for many signatures by one key, more than twice as fast.

    Raises `SignatureError` if the private key is none.
    """
    key = _private(private_key)

    def sign_digest(digest: bytes) -> bytes:
        if len(digest) != WORD:
            raise SignatureError(f"the digest has {len(digest)} bytes, expected {WORD}")
        # libsecp256k1 takes the nonce from RFC 6979 and always gives the low s.
        signature = key.sign_recoverable(digest, hasher=None)
        recovery_id = signature[SIGNATURE_BYTES]
        if recovery_id > 1:
            # r + n < p: one digest in 2^127. EIP-2098 has no bit for it.
            raise SignatureError("the signature of this digest has no compact form")
        return signature[:WORD] + bytes([signature[WORD] | recovery_id << 7]) + signature[WORD + 1 : SIGNATURE_BYTES]

    return sign_digest


def sign(digest: bytes, private_key: bytes) -> bytes:
    """Return the 64-byte EIP-2098 signature of a digest: `r`, then `s` with the parity of y in its highest bit.

    The same digest and key always give the same bytes. Raises `SignatureError` if the digest is not 32 bytes or the private key
    is none.
    """
    return signer(private_key)(digest)


def recover(digest: bytes, signature: bytes) -> str:
    """Return the EIP-55 address whose key signed the digest.

    Raises `SignatureError` unless digest and signature have their lengths, 1 <= r < n, 1 <= s <= n/2, and r is a point of the
    curve: every digest has one signature by one nonce, never a second one that also passes.
    """
    if len(digest) != WORD:
        raise SignatureError(f"the digest has {len(digest)} bytes, expected {WORD}")
    if len(signature) != SIGNATURE_BYTES:
        raise SignatureError(f"the signature has {len(signature)} bytes, expected {SIGNATURE_BYTES}")
    # Numbers of one length are ordered as their bytes are.
    r, parity = signature[:WORD], signature[WORD] >> 7
    s = bytes([signature[WORD] & OTHER_BITS]) + signature[WORD + 1 :]
    if not ZERO < r < ORDER_BYTES:
        raise SignatureError("the signature's r is zero or not below the curve's order")
    if not ZERO < s <= HALF_ORDER_BYTES:
        raise SignatureError("the signature's s is zero or above half of the curve's order")
    serialised = r + s + bytes([parity])
    try:
        public_key = PublicKey.from_signature_and_message(serialised, digest, hasher=None)
    except ValueError as error:
        raise SignatureError("the signature gives no public key: its r is not on the curve") from error
    return _address(public_key)


def encode(signature: bytes) -> str:
    """Return the signature as a link carries it: base64url without padding, 86 characters.

    Raises `SignatureError` if it is not 64 bytes.
    """
    if len(signature) != SIGNATURE_BYTES:
        raise SignatureError(f"the signature has {len(signature)} bytes, expected {SIGNATURE_BYTES}")
    return base64.urlsafe_b64encode(signature).decode().rstrip("=")


def decode(text: str) -> bytes:
    """Return the 64 bytes that a link carries.

    Raises `SignatureError` unless the text is the one encoding of them: 86 characters of the base64url alphabet, the four bits
    that the last one has too many all zero.
    """
    if not ENCODED.fullmatch(text):
        raise SignatureError(
            f"found {len(text)} characters, expected {SIGNATURE_CHARACTERS} of A-Z a-z 0-9 - _",
            hint="the link was cut off or retyped; scan the code again",
        )
    if text[-1] not in LAST_CHARACTERS:
        raise SignatureError("the signature's last character carries bits that mean nothing, expected zeros")
    return base64.urlsafe_b64decode(text + "==")


def address_of(private_key: bytes) -> str:
    """Return the EIP-55 address of a private key. Raises `SignatureError` if it is none."""
    return _address(_private(private_key).public_key)


@lru_cache(REMEMBERED)
def checksummed(address: bytes) -> str:
    """Return 20 bytes as an EIP-55 address; the same few come again and again, and take a tenth of a recovery each."""
    letters = address.hex()
    digits = keccak256(letters.encode()).hex()
    return "0x" + "".join(c.upper() if digit > "7" else c for c, digit in zip(letters, digits, strict=False))


def _address(public_key: PublicKey) -> str:
    return checksummed(keccak256(public_key.format(compressed=False)[1:])[12:])


def _private(private_key: bytes) -> PrivateKey:
    # The library would pad a short key with zeros. The message never holds the key.
    if len(private_key) != WORD or not 1 <= int.from_bytes(private_key, "big") < ORDER:
        raise SignatureError("the private key is none, expected 32 bytes that are a number from 1 to below the curve's order")
    return PrivateKey(private_key)
