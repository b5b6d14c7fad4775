"""Who is signed in, who may see a page of the desk, and whether a form is one of ours.

All of it happens on pages of the desk, and on the lists that an inspector may bring: buyers' pages get no cookie and ask
nothing. What a browser holds is 256 random bits, of which the database has a hash.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from functools import wraps
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from flask import abort, g, redirect, request

from registry.errors import StoreError
from registry.storage.sign_ins import DEVICE_KEPT
from webapp.origin import is_ours
from webapp.raw_uri import RawTarget

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask, Response
    from werkzeug.wrappers import Response as AnyResponse

    from registry.enforcement.officers import Officer, Role
    from registry.storage.sign_ins import Session
    from webapp.desk.door import Door

SESSION: Final = "desk"
DEVICE: Final = "desk-device"
"""Cookies: who is signed in, and a browser in which somebody was."""
HOST: Final = "__Host-"
"""Before their names over TLS: such a cookie comes from this host alone, and goes over TLS alone."""
BELOW: Final = "/desk"
KNOWING: Final = (BELOW, "/inspect")
"""Pages that know who is signed in."""
PUBLIC: Final = frozenset({
    "desk_sign_in.ask", "desk_sign_in.enter", "desk_sign_in.out", "desk_sign_in.invited", "desk_sign_in.accept",
    "desk_passkeys.ask", "desk_passkeys.enter",
})  # fmt: skip
"""Endpoints below /desk that nobody has to be signed in for; a test compares this with every route."""


def only(*roles: Role) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return what guards a view: others are told that there is nothing, and who is not signed in is led to do so."""

    def guarding(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def guarded(*arguments: Any, **named: Any) -> Any:
            officer = g.get("officer")
            if officer is None:
                return to_the_door()
            if officer.role not in roles:
                abort(404)
            return view(*arguments, **named)

        return guarded

    return guarding


def to_the_door() -> AnyResponse:
    """Lead to the page where one signs in, and from there back to this one."""
    wanted = RawTarget.of(request.environ).local if request.method == "GET" else ""
    return redirect(f"{BELOW}/sign-in?{urlencode({'next': wanted})}" if wanted else f"{BELOW}/sign-in", 303)


def officer() -> Officer:
    """Return who is signed in, on a page for which somebody has to be."""
    found: Officer = g.officer
    return found


def session() -> Session:
    """Return the session of whoever is signed in, on a page for which somebody has to be."""
    found: Session = g.desk_session
    return found


def ticket() -> str:
    """Return what a form of the desk carries: bound to the session, and before there is one to the browser."""
    key = g.get("desk_key") or cookie(SESSION) or cookie(DEVICE)
    if not key:
        key = g.desk_key = g.desk_new_device = secrets.token_urlsafe(32)
    return hmac.digest(key.encode(), b"ticket", "sha256").hex()


def cookie(name: str) -> str:
    """Return what this browser holds under a name of ours."""
    return request.cookies.get(_named(name), "")[:100]


def hold(answer: AnyResponse, name: str, value: str, *, age: int | None = None) -> None:
    """Have the browser hold something; without an age until it is closed."""
    answer.set_cookie(
        _named(name), value, max_age=age, path="/", secure=request.is_secure, httponly=True, samesite="Lax"
    )  # fmt: skip


def drop(answer: AnyResponse, name: str) -> None:
    """Have the browser hold it no longer."""
    answer.delete_cookie(_named(name), path="/", secure=request.is_secure, httponly=True, samesite="Lax")


def _named(name: str) -> str:
    return f"{HOST}{name}" if request.is_secure else name


def is_private() -> bool:
    """Say whether nobody on the way can read this request: it came over TLS, or does not leave this machine."""
    host = request.host.rpartition(":")[0] if not request.host.endswith("]") and ":" in request.host else request.host
    if request.is_secure or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def register(app: Flask, door: Door) -> None:
    """Let an app know who is signed in."""

    def know() -> None:
        rule = request.url_rule.rule if request.url_rule else ""
        if not rule.startswith(KNOWING):
            return
        g.officer = None
        if key := cookie(SESSION):
            try:
                found = door.sign_ins.session(key, door.now())
            except StoreError:
                abort(503)
            if found is not None:
                g.officer, g.desk_session, g.desk_key = found.account.officer, found, key
        if rule.startswith(BELOW) and request.method not in {"GET", "HEAD", "OPTIONS"} and not _is_ours():
            abort(403)

    def held(answer: Response) -> Response:
        if device := g.get("desk_new_device"):
            hold(answer, DEVICE, device, age=DEVICE_KEPT)
        return answer

    app.before_request(know)
    app.after_request(held)


def _is_ours() -> bool:
    """Say whether a form was sent by a page of ours that this browser showed in this session."""
    return is_ours() and hmac.compare_digest(request.form.get("ticket", "").encode(), ticket().encode())
