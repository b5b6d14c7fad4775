"""Pictures of products, by their content: what an address names is what it gives, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from flask import Blueprint, Response, abort, request

from webapp.headers import A_YEAR, POLICY

if TYPE_CHECKING:
    from registry.proofs.pictures import Picture

NOTHING_RUNS: Final = "default-src 'none'; sandbox"
"""Opened by itself, it is a picture and no page, whatever it holds besides."""


class Pictures(Protocol):
    """Has the pictures; `registry.storage.pictures.Pictures` is one. Neither method raises."""

    def has(self, digest: str) -> bool:
        """Say whether a picture is there."""

    def read(self, digest: str) -> Picture | None:
        """Return the picture of a sha256, or none."""


class NoPictures:
    """Has none."""

    def has(self, digest: str) -> bool:
        """Deny it."""
        del digest
        return False

    def read(self, digest: str) -> Picture | None:
        """Return none."""
        del digest
        return None


def blueprint(pictures: Pictures) -> Blueprint:
    """Return the door to the pictures."""
    doors = Blueprint("pictures", __name__)

    @doors.get("/picture/<digest>")
    def picture(digest: str) -> Response:
        found = pictures.read(digest) or abort(404)
        answer = Response(found.raw, mimetype=found.mimetype)
        answer.set_etag(found.digest)
        answer.headers[POLICY] = NOTHING_RUNS
        answer.headers["Cache-Control"] = f"public, max-age={A_YEAR}, immutable"
        answer.make_conditional(request)
        return answer

    return doors
