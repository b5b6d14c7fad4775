"""Another registry's API, as a sender asks it: HTTP with the standard library, bounded, and nothing guessed."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from registry.errors import InputError, PublicationRefused, RegistryUnavailable
from registry.publishing.refusals import Refusal, refused

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAX_ANSWER: Final = 2**16
BUSY: Final = frozenset({408, 425, 429})
"""Answers that mean: not now."""
OK: Final = range(200, 300)
CLIENT_ERROR: Final = range(400, 500)
NO_ROOM: Final = 507


class Door:
    """The API of one registry."""

    def __init__(self, base: str, ca_file: Path | None = None, *, timeout: float = 60.0) -> None:
        """Take the registry's address, such as https://verify.example.org.

        `ca_file` holds certificate authorities to believe instead of the system's; `timeout` is how many seconds an answer may
        take. Raises `InputError` unless the base is the address of a web server, and if the file holds no certificate.
        """
        parts = urlsplit(base)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise InputError(f"found the address {base!r}, expected one such as https://verify.example.org")
        self._base = base.rstrip("/")
        self._timeout = timeout
        handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
        if parts.scheme == "https":
            try:
                handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_file)))
            except OSError as error:  # what is no certificate is an ssl.SSLError, which is one of these
                raise InputError(f"{ca_file} holds no certificate that can be read: {error}") from error
        self._opener = urllib.request.build_opener(*handlers)

    def ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Any:
        """Return the JSON document of an answer.

        Raises `PublicationRefused` with the registry's code if the answer is no; `RegistryUnavailable` if there is none, or
        none from which anything follows.
        """
        url = f"{self._base}/api/v1/{path}"
        request = urllib.request.Request(url, data=body or None, method=method, headers=dict(headers or {}))  # noqa: S310  # http(s), as checked above
        try:
            status, raw = self._sent(request)
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        try:
            document = json.loads(raw)
        except (ValueError, RecursionError):
            document = None
        if status in OK and document is not None:
            return document
        raise _as_error(status, document)

    def _sent(self, request: urllib.request.Request) -> tuple[int, bytes]:
        try:
            with self._opener.open(request, timeout=self._timeout) as answer:
                return answer.status, answer.read(MAX_ANSWER)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(MAX_ANSWER)

    def _unreachable(self, error: Exception) -> RegistryUnavailable:
        cause = getattr(error, "reason", error)
        hint = None
        if isinstance(cause, ssl.SSLCertVerificationError):
            hint = "name the authority of the registry's certificate with --ca-file"
        return RegistryUnavailable(f"{self._base} gives no answer: {cause or type(error).__name__}", hint=hint)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A registry answers where it is asked: who is sent elsewhere was given the wrong address."""

    def redirect_request(self, *_: object, **__: object) -> None:
        """Follow nothing."""


def _as_error(status: int, document: object) -> PublicationRefused | RegistryUnavailable:
    """Return what an answer means that is no success."""
    told = document.get("error") if isinstance(document, dict) else None
    if isinstance(told, dict) and all(isinstance(told.get(name, ""), str) for name in ("code", "message", "hint")):
        code, message, hint = (told.get(name, "") for name in ("code", "message", "hint"))
        if code in set(Refusal) and (status in CLIENT_ERROR or status == NO_ROOM):
            return PublicationRefused(message, reason=code, hint=hint or None)
        if status not in CLIENT_ERROR or status in BUSY:
            return RegistryUnavailable(f"the registry cannot answer now: {message or code or status}", hint=hint or None)
    elif status not in CLIENT_ERROR or status in BUSY:
        return RegistryUnavailable(f"the registry answers with status {status}")
    return refused(
        Refusal.NOT_ACCEPTING,
        f"the address answers with status {status}, and not as a registry that receives batches",
        hint="see whether it is the registry's address, and whether it receives batches",
    )
