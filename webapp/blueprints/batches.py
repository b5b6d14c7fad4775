"""The door for whole batches, for programs: offer one, send its parts, ask where it is (docs/publishing.md).

Everything is decided by `registry.publishing.desk`; here is only what HTTP adds: bounds, status codes, and answers in JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import Blueprint, Response, jsonify, request

from registry.errors import ChainError, PublicationRefused, PublishingError, StoreError
from registry.publishing import offer as offers
from registry.publishing.desk import MAX_PICTURE, MAX_PROFILE
from registry.publishing.inbox import MAX_PART
from registry.publishing.refusals import Refusal
from webapp.blueprints.api import refuse

if TYPE_CHECKING:
    from registry.errors import TouchstoneError
    from registry.publishing.desk import Desk
    from registry.publishing.status import Status

STATUS: Final = {
    Refusal.NOT_ACCEPTING: 404,
    Refusal.UNKNOWN_PARCEL: 404,
    Refusal.UNKNOWN_MANUFACTURER: 403,
    Refusal.SUSPENDED: 403,
    Refusal.FOREIGN_KEY: 403,
    Refusal.NOT_ANCHORED: 403,
    Refusal.UNKNOWN_PROFILE: 403,
    Refusal.UNKNOWN_PICTURE: 403,
    Refusal.PROFILE_MISSING: 409,
    Refusal.WRONG_OFFSET: 409,
    Refusal.BUSY: 409,
    Refusal.TOO_LARGE: 413,
    Refusal.BAD_CHECKSUM: 422,
    Refusal.NO_ROOM: 507,
}
"""400 for every other refusal."""


def blueprint(desk: Desk | None) -> Blueprint:
    """Return the door; without a desk it is closed, and says so."""
    batches = Blueprint("batches", __name__, url_prefix="/api/v1")

    def open_desk() -> Desk:
        if desk is None:
            raise PublicationRefused("this registry receives no batches over the network", reason=Refusal.NOT_ACCEPTING)
        return desk

    @batches.post("/batches/<seal>")
    def offer(seal: str) -> Response:
        return _answer(open_desk().offer(seal, _body(offers.MAX_BYTES)))

    @batches.get("/batches/<seal>/<parcel>")
    def status(seal: str, parcel: str) -> Response:
        return _answer(open_desk().status(seal, parcel))

    @batches.patch("/batches/<seal>/<parcel>")
    def append(seal: str, parcel: str) -> Response:
        offset, checksum = (request.headers.get(name, "") for name in ("Upload-Offset", "Upload-Checksum"))
        return _answer(open_desk().append(seal, parcel, offset=offset, checksum=checksum, part=_body(MAX_PART)))

    @batches.put("/batches/<seal>/pictures/<digest>")
    def picture(seal: str, digest: str) -> Response:
        open_desk().picture(seal, digest, _body(MAX_PICTURE))
        return jsonify(accepted=True)

    @batches.put("/profiles/<profile_hash>")
    def profile(profile_hash: str) -> Response:
        open_desk().profile(profile_hash, request.args.get("manufacturer", ""), _body(MAX_PROFILE))
        return jsonify(accepted=True)

    @batches.errorhandler(PublicationRefused)
    def refused(error: PublicationRefused) -> Response:
        code = Refusal(error.reason)
        return refuse(code.value, error.message, status=STATUS.get(code, 400), hint=error.hint or "")

    @batches.errorhandler(PublishingError)
    @batches.errorhandler(ChainError)
    @batches.errorhandler(StoreError)
    def could_not_ask(error: TouchstoneError) -> Response:
        code = "chain_unavailable" if isinstance(error, ChainError) else "store_unavailable"
        return refuse(code, error.message, status=503, hint=error.hint or "")

    return batches


def _body(bound: int) -> bytes:
    """Return the body, of which no more is read than the bound: `limits` has already bounded it for every other door."""
    request.max_content_length = bound
    return request.get_data(cache=False)


def _answer(status: Status) -> Response:
    answer = jsonify(status.as_json())
    answer.headers["Upload-Offset"] = str(status.offset)
    return answer
