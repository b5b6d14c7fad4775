"""Asks a time-stamp authority about a hash (RFC 3161), and sees that its answer holds before anybody relies on it.

The authority sees a hash and no more. Whether a token holds is also said by `openssl ts -verify`, which anybody has.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import urllib3
from cryptography import x509
from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

from registry.errors import DocumentError, StampUnavailable

if TYPE_CHECKING:
    from pathlib import Path

SECONDS: Final = 20.0
LARGEST: Final = 65_536
"""Bytes of a token, with the certificates of the authority."""
SHA256: Final = bytes.fromhex("3031300d060960864801650304020105000420")
"""MessageImprint of a SHA-256, up to the hash itself: RFC 3161, 2.4.1, in DER."""
WORD: Final = 32


@dataclass(frozen=True, slots=True)
class TimeStamps:
    """One authority, and the roots that its certificates have to lead to."""

    url: str
    roots: tuple[x509.Certificate, ...]

    @classmethod
    def of(cls, url: str, roots: Path) -> TimeStamps:
        """Return the authority of an address. Raises `DocumentError` for no address, or a file that holds no certificate."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise DocumentError("the address of the time-stamp authority is none, expected http(s)://host…")
        try:
            return cls(url, tuple(x509.load_pem_x509_certificates(roots.read_bytes())))
        except (OSError, ValueError) as error:
            raise DocumentError(f"{roots.name} holds no certificates that can be read: {error}", hint="give PEM") from error

    def __call__(self, digest: bytes) -> bytes:
        """Return the authority's answer (DER, what `openssl ts` calls a response) about a SHA-256.

        Raises `StampUnavailable` if there is none, or it does not hold.
        """
        nonce = secrets.randbits(63) | 1 << 62
        raw = self._ask(request(digest, nonce))
        try:
            answer = decode_timestamp_response(raw)
            builder = VerifierBuilder(roots=list(self.roots), nonce=nonce)
            held = builder.build().verify(answer, digest)
        except (VerificationError, ValueError) as error:
            raise StampUnavailable(f"the answer of the time-stamp authority does not hold: {error}") from error
        if not held or not hmac.compare_digest(answer.tst_info.message_imprint.message, digest):
            raise StampUnavailable("the time-stamp is about another hash than the one that was asked about")
        return raw

    def _ask(self, body: bytes) -> bytes:
        pool = urllib3.PoolManager(timeout=SECONDS, retries=False)
        headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
        try:
            with pool.request("POST", self.url, body=body, headers=headers, preload_content=False, redirect=False) as answer:
                raw: bytes = answer.read(LARGEST + 1)
                status = answer.status
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise StampUnavailable(f"the time-stamp authority could not be asked: {type(error).__name__}") from error
        if status != 200 or len(raw) > LARGEST:  # noqa: PLR2004 -- HTTP
            raise StampUnavailable(f"the time-stamp authority answered {status} with {len(raw)} bytes, expected a token")
        return raw


def request(digest: bytes, nonce: int) -> bytes:
    """Return a TimeStampReq in DER: version 1, the SHA-256, a nonce of 63 bits with the highest set, certificates wanted."""
    if len(digest) != WORD:
        raise DocumentError(f"the hash has {len(digest)} bytes, expected {WORD}")
    body = bytes.fromhex("020101") + SHA256 + digest + b"\x02\x08" + nonce.to_bytes(8, "big") + bytes.fromhex("0101ff")
    return bytes((0x30, len(body))) + body
