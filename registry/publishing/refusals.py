"""Why a registry does not take a batch: stable codes, each with its line in docs/publishing.md."""

from __future__ import annotations

import enum

from registry.errors import PublicationRefused


class Refusal(enum.StrEnum):
    """The code of a refusal."""

    # What is asked is not well-formed.
    MALFORMED_OFFER = "malformed_offer"
    MALFORMED_PART = "malformed_part"
    MALFORMED_PROFILE = "malformed_profile"
    MALFORMED_PICTURE = "malformed_picture"
    # What is offered may not come in.
    NOT_ACCEPTING = "not_accepting"
    WRONG_SEAL = "wrong_seal"
    TOO_LARGE = "too_large"
    UNKNOWN_MANUFACTURER = "unknown_manufacturer"
    SUSPENDED = "suspended"
    FOREIGN_KEY = "foreign_key"
    NOT_ANCHORED = "not_anchored"
    PROFILE_MISSING = "profile_missing"
    UNKNOWN_PROFILE = "unknown_profile"
    UNKNOWN_PICTURE = "unknown_picture"
    NO_ROOM = "no_room"
    # A part does not fit what is there.
    UNKNOWN_PARCEL = "unknown_parcel"
    WRONG_OFFSET = "wrong_offset"
    BAD_CHECKSUM = "bad_checksum"
    BUSY = "busy"
    # The whole parcel was looked at.
    DAMAGED_PARCEL = "damaged_parcel"
    MALFORMED_PARCEL = "malformed_parcel"
    WRONG_MANIFEST = "wrong_manifest"
    WRONG_REGISTRY = "wrong_registry"
    WRONG_SALT = "wrong_salt"
    GTIN_NOT_CLAIMED = "gtin_not_claimed"
    WRONG_ORDER = "wrong_order"
    WRONG_ATTRIBUTES = "wrong_attributes"
    WRONG_SIGNATURE = "wrong_signature"
    WRONG_TREE = "wrong_tree"
    UNITS_ALIKE = "units_alike"
    UNIT_REGISTERED = "unit_registered"


def refused(reason: Refusal, message: str, *, hint: str | None = None) -> PublicationRefused:
    """Return the error of a refusal."""
    return PublicationRefused(message, reason=reason.value, hint=hint)
