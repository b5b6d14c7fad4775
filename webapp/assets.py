"""The files beside the pages: read once, addressed by their content, sent compressed to who can read that.

There are a few, most of some kilobytes, so that they are held in memory; each is compressed when it is first asked for. Pages
themselves are sent as they are: compressing one takes longer than making it, and a page fits into the first packets of a
connection anyway.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Self

from flask import Flask, Response, abort, make_response, request, url_for

from webapp.headers import A_DAY, A_YEAR, POLICY

if TYPE_CHECKING:
    from pathlib import Path

NO_TIME: Final = 0
"""A compressed file is dated by nothing: each worker must send the same bytes under the same validator."""
POLICIES: Final = {"scan_worker.js": "default-src 'none'; script-src 'wasm-unsafe-eval'"}
"""Of the files that have a policy of their own. A browser holds a worker to the policy that came with it: the reader of codes
may start the program that it is handed, and ask nobody for anything."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file."""

    body: bytes
    mimetype: str
    version: str
    """Names the content: a changed file has another address."""

    @property
    def compressed(self) -> bytes:
        """The content in gzip."""
        return _compressed(self.body)

    @property
    def integrity(self) -> str:
        """What a script must hash to, as a page says it to the browser; webapp/client has it too, beside the sources."""
        return f"sha384-{base64.b64encode(hashlib.sha384(self.body).digest()).decode()}"

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file."""
        body = path.read_bytes()
        mimetype = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return cls(body, mimetype, hashlib.sha256(body).hexdigest()[:12])


@lru_cache(32)
def _compressed(body: bytes) -> bytes:
    return gzip.compress(body, mtime=NO_TIME)


def register(app: Flask, folder: Path) -> None:
    """Serve the files of a folder under `/static/`, and let templates name them with `asset(name)`."""
    assets = {path.name: Asset.read(path) for path in folder.iterdir()}

    def serve(filename: str) -> Response:
        asset = assets.get(filename) or abort(404)
        coded = request.accept_encodings["gzip"] > 0 and len(asset.compressed) < len(asset.body)
        answer: Response = make_response(asset.compressed if coded else asset.body)
        answer.mimetype = asset.mimetype
        # Another coding is another sequence of bytes, so that it has a validator of its own.
        answer.set_etag(f"{asset.version}-gzip" if coded else asset.version)
        answer.headers["Vary"] = "Accept-Encoding"
        if coded:
            answer.headers["Content-Encoding"] = "gzip"
        if filename in POLICIES:
            answer.headers[POLICY] = POLICIES[filename]
        # Only what has the content that its address names may be kept for good: while the site is being replaced, a new page
        # can ask an old worker.
        kept = f"public, max-age={A_YEAR}, immutable" if request.args.get("v") == asset.version else f"public, max-age={A_DAY}"
        answer.headers["Cache-Control"] = kept
        answer.make_conditional(request)
        return answer

    app.add_url_rule("/static/<filename>", "static", serve)
    app.jinja_env.globals["assets"] = frozenset(assets)
    app.jinja_env.globals["asset"] = lambda name: url_for("static", filename=name, v=assets[name].version)
    app.jinja_env.globals["integrity"] = lambda name: assets[name].integrity
