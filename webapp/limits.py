"""How much one request may bring, decided before anything of it is decoded."""

from __future__ import annotations

from io import BytesIO
from typing import IO, Final

from flask import Flask, Request, abort, request

from registry.enforcement.tables import MAX_BYTES
from webapp.raw_uri import RawTarget

MAX_TARGET: Final = 4096
"""Bytes of path and query: a signed link of ours has less than 250."""
MAX_TEXT: Final = 2048
"""Characters of one typed or pasted code."""
MAX_BODY: Final = 64 * 1024
"""Bytes of a body that is neither a list nor a photo."""
MAX_PHOTO: Final = 12 * 1024 * 1024
"""Bytes of an uploaded photo, as a phone takes it."""
MAX_UPLOAD: Final = MAX_PHOTO + MAX_BODY
"""Bytes of the request that brings a photo."""
MAX_LIST_PHOTOS: Final = 20_000_000
"""Bytes of all photos in which the codes of one list are."""
MAX_CASE_PHOTOS: Final = 20_000_000 + MAX_BODY
"""Bytes of the request that brings an inspector's photos."""
LARGEST: Final = max(MAX_UPLOAD, MAX_CASE_PHOTOS)
MAX_FIELD: Final = 512 * 1024
"""Bytes of one text beside a photo. Less would refuse photos: the parser of forms counts what it holds of a file, too."""

_BODIES: Final = {
    "check.photo": MAX_UPLOAD, "report.send": MAX_UPLOAD, "inspect.inspect": MAX_LIST_PHOTOS + MAX_BODY,
    "cases.photos": MAX_CASE_PHOTOS, "guides.write": MAX_CASE_PHOTOS,
}  # fmt: skip
_FIELDS: Final = {
    "report.send": MAX_FIELD, "inspect.inspect": MAX_BYTES + MAX_BODY, "cases.photos": MAX_FIELD, "guides.write": MAX_FIELD,
}  # fmt: skip
_PARTS: Final = {"guides.write": 300, "telling.preview": 200, "telling.send": 200, "inbox.send": 200}
"""Parts of a form where they may be more than of others: a guide has seven for each feature, a notice names each photo."""


class BoundedRequest(Request):
    """A request whose uploads stay in memory: what people send is never written to a disk."""

    max_form_parts = 20

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        del total_content_length, content_type, filename, content_length
        return BytesIO()


def bound() -> None:
    """Refuse an address that is too long, and set the bound of this request's body."""
    asked = request
    if len(RawTarget.of(asked.environ).text) > MAX_TARGET:
        abort(414)
    size = _BODIES.get(asked.endpoint or "", MAX_BODY)
    asked.max_content_length = size
    asked.max_form_parts = _PARTS.get(asked.endpoint or "", BoundedRequest.max_form_parts)
    asked.max_form_memory_size = _FIELDS.get(asked.endpoint or "", size)


def register(app: Flask) -> None:
    """Bound every request of an app."""
    app.request_class = BoundedRequest
    app.before_request(bound)
