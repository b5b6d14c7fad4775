"""The profile: who a manufacturer is and which GTINs are its own, accredited by its hash on the chain."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry.proofs import documents
from registry.proofs.encoding import canonical, keccak256

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT: Final = "touchstone-profile"
VERSION: Final = "1"
MAX_BYTES: Final = 2**20
CLAIM: Final = re.compile(r"[0-9]{4,12}|[0-9]{14}")
"""A GS1 company prefix, or a whole GTIN-14."""
DOMAIN: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")


@dataclass(frozen=True, slots=True)
class Profile:
    """A manufacturer as the alliance accredited it."""

    legal_name: Mapping[str, str]
    """By language (BCP 47)."""
    brand: Mapping[str, str]
    """By language (BCP 47)."""
    domain: str
    """The manufacturer's own site, small letters."""
    trademarks: tuple[str, ...]
    gtins: tuple[str, ...]
    """Claimed GS1 company prefixes (4 to 12 digits) and whole GTIN-14s."""
    country: str
    """ISO 3166-1, two letters."""
    contact: str

    def __hash__(self) -> int:
        """Hash what tells manufacturers apart; texts by language have no hash."""
        return hash((self.domain, self.gtins, self.contact))


def write(profile: Profile) -> bytes:
    """Return the profile's bytes. Raises `DocumentError` if `read` would refuse them."""
    raw = canonical(
        {
            "format": FORMAT,
            "version": VERSION,
            "legalName": dict(profile.legal_name),
            "brand": dict(profile.brand),
            "domain": profile.domain,
            "trademarks": list(profile.trademarks),
            "gtins": list(profile.gtins),
            "country": profile.country,
            "contact": profile.contact,
        }
    )
    read(raw)
    return raw


def read(raw: bytes) -> Profile:
    """Return the profile that these bytes are.

    Raises `DocumentError` unless they are canonical (RFC 8785), of this format and version, at most 1 MiB, and hold the known
    members and no other, texts and no numbers.
    """
    fields = documents.Fields(documents.load(raw, what="profile", max_bytes=MAX_BYTES), "profile")
    fields.constant("format", FORMAT)
    fields.constant("version", VERSION)
    profile = Profile(
        legal_name=fields.in_languages("legalName"),
        brand=fields.in_languages("brand"),
        domain=fields.text("domain", DOMAIN),
        trademarks=fields.texts("trademarks"),
        gtins=fields.texts("gtins", CLAIM),
        country=fields.text("country", documents.COUNTRY),
        contact=fields.text("contact"),
    )
    fields.done()
    return profile


def read_json(raw: bytes) -> bytes:
    """Return the canonical bytes of a profile as a person wrote it: same members, spaces and order as they like.

    Raises `DocumentError` as `read` does.
    """
    written = canonical(documents.load_loosely(raw, what="profile", max_bytes=MAX_BYTES))
    read(written)
    return written


def profile_hash(raw: bytes) -> bytes:
    """Return the hash that the chain holds."""
    return keccak256(raw)
