"""A person's check: a scanned link opens here; a number is typed, a link pasted, a photo uploaded."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from flask import Blueprint, abort, make_response, redirect, render_template, request, url_for

from registry.checking.verdicts import Verdict
from registry.errors import ImageError, LinkError, Overloaded, WorkerLost
from registry.storage.scans import Channel
from registry.units import links
from webapp import facts
from webapp.headers import LINKSET_BESIDE
from webapp.limits import MAX_PHOTO, MAX_TEXT
from webapp.pages import RETRY_AFTER, verdict_answer
from webapp.presenter.refusals import ABOUT_PHOTO, Complaint, complaint_about_photo, words_about
from webapp.raw_uri import RawTarget

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Response
    from werkzeug.wrappers import Response as AnyResponse

    from registry.checking.typed import Choice
    from registry.units.records import UnitId
    from webapp.blueprints.resolver import Resolver
    from webapp.histories import Remembered
    from webapp.pages import VerdictPages
    from webapp.readers import Checks, Recorder

_log = logging.getLogger(__name__)

AUTHORITY: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
"""A host, and perhaps a port: what more a request names as its host would become part of the link."""


CHECKED: Final = "touchstone.verdict"
"""Where the short way leaves a verdict that it has already, and no page for it (`webapp.short_way`)."""


@dataclass(frozen=True, slots=True)
class Product:
    """One of several products that a typed number could belong to."""

    unit: UnitId
    name: facts.Text | None


@dataclass(frozen=True, slots=True)
class PhotoCode:
    """One code of a photo; `link` is none if it is not one of our labels, and then it is only shown."""

    text: str
    link: links.Link | None
    number: facts.Number | None


def blueprint(
    checks: Checks,
    decode: Callable[[bytes], tuple[str, ...]],
    scans: Recorder,
    pages: VerdictPages,
    *,
    memory: Remembered,
    resolver: Resolver,
) -> Blueprint:
    """Return the pages of a person's check."""
    views = Views(checks, decode, scans, pages, memory, resolver)
    doors = Blueprint("check", __name__)
    doors.add_url_rule("/", "home", views.home)
    doors.add_url_rule("/01/<path:decoded>", "link", views.link, provide_automatic_options=False)
    doors.add_url_rule("/check", "check", views.check)
    doors.add_url_rule("/check", "ask", views.ask, methods=["POST"])
    doors.add_url_rule("/photo", "ask_for_photo", views.ask_for_photo)
    doors.add_url_rule("/photo", "photo", views.photo, methods=["POST"])
    return doors


@dataclass(frozen=True, slots=True)
class Views:
    """The pages, over what they ask."""

    checks: Checks
    decode: Callable[[bytes], tuple[str, ...]]
    scans: Recorder
    pages: VerdictPages
    memory: Remembered
    resolver: Resolver

    def home(self) -> Response:
        """Offer the ways to check."""
        return _home()

    def link(self, decoded: str) -> Response:
        """Check the link that was opened, unless its links are asked for, or it names no item.

        It is read as it was sent, never as `decoded`: an encoded slash in there would pass for a separator.
        """
        del decoded
        target = RawTarget.of(request.environ)
        host = request.environ.get("HTTP_HOST", "")  # as sent: nothing of it is completed or left out
        if not AUTHORITY.fullmatch(host):
            abort(400)
        checked: Verdict | None = request.environ.get(CHECKED)
        if checked is None:
            if (resolved := self.resolver.answer(target, host)) is not None:
                return resolved
            verdict = self.checks.link(f"{request.scheme}://{host}{target.text}")
            checked = self.memory.added(verdict, request.environ, Channel.PAGE)
        answer = self._answer(checked, Channel.PAGE)
        if answer.status_code == HTTPStatus.OK:
            answer.headers.extend([LINKSET_BESIDE])
        return answer

    def check(self) -> Response:
        """Check what was typed or pasted."""
        text, gtin = request.args.get("link", "").strip(), request.args.get("gtin", "").strip()
        if not text:
            return _home(Complaint.NOTHING_TYPED)
        if len(text) > MAX_TEXT or len(gtin) > MAX_TEXT:
            return _home(Complaint.TOO_LONG)
        answer = self.checks.typed(text, gtin or None)
        if not isinstance(answer, Verdict):
            return _choose(self.checks, answer)
        return self._answer(self.memory.added(answer, request.environ, Channel.TYPED), Channel.TYPED)

    def _answer(self, verdict: Verdict, channel: Channel) -> Response:
        self.scans.note(verdict, channel, self.memory.visit(request.environ))
        return verdict_answer(self.pages, verdict)

    def ask(self) -> AnyResponse:
        """Lead a form on to an address of its own, so that its page can be reloaded and its language changed."""
        text, gtin = (request.form.get(name, "").strip()[: MAX_TEXT + 1] for name in ("link", "gtin"))
        return redirect(url_for("check.check", link=text, gtin=gtin or None), 303)

    def ask_for_photo(self) -> AnyResponse:
        """Lead whoever reloads or comes back to the form."""
        return redirect(url_for("check.home", _anchor="photo"), 303)

    def photo(self) -> AnyResponse:
        """Read the codes in a photo. It is never on a disk, and what memory held it is gone with the answer."""
        upload = request.files.get("photo")
        data = upload.read(MAX_PHOTO + 1) if upload else b""
        if not data:
            return _home(Complaint.NO_PHOTO)
        if len(data) > MAX_PHOTO:
            return _home(Complaint.PHOTO_TOO_LARGE)
        try:
            codes = tuple(dict.fromkeys(self.decode(data)))
        except ImageError as error:
            return _home(complaint_about_photo(error.reason))
        except (Overloaded, WorkerLost) as error:
            _log.warning("a photo was not read: %s", error)
            return _home(Complaint.PHOTOS_BUSY)
        if not codes:
            return _home(Complaint.NO_CODE_IN_PHOTO)
        return _photographed([_photo_code(code) for code in codes])


def _photographed(found: list[PhotoCode]) -> AnyResponse:
    """Lead to the only code of a photo, or let the person choose.

    What is not ours is named as such: it is neither opened nor read as if somebody had typed it.
    """
    ours = [code for code in found if code.link]
    if len(found) == len(ours) == 1:
        return redirect(url_for("check.check", link=ours[0].text), 303)
    answer = make_response(render_template("codes.html", ours=ours, others=[code for code in found if not code.link]))
    answer.status_code = 200 if ours else 400
    return answer


def _home(complaint: Complaint | None = None) -> Response:
    answer = make_response(
        render_template(
            "home.html",
            complaint=words_about(complaint) if complaint else None,
            about_photo=complaint in ABOUT_PHOTO,
            typed=request.args.get("link", "")[:MAX_TEXT],
        )
    )
    answer.status_code = 400 if complaint else 200
    if complaint is Complaint.PHOTOS_BUSY:  # it is we who could not, and not for long
        answer.status_code = 503
        answer.headers["Retry-After"] = str(RETRY_AFTER)
    return answer


def _choose(checks: Checks, choice: Choice) -> Response:
    """Ask which product is at hand; its name is shown where an anchored manifest gives one."""
    products = []
    for unit in choice.units:
        found = checks.number(unit).unit
        products.append(Product(unit, facts.name_of(found) if found else None))
    return make_response(render_template("choose.html", presented=choice.presented, products=products))


def _photo_code(text: str) -> PhotoCode:
    try:
        link = links.parse(text)
    except LinkError:
        return PhotoCode(text, None, None)
    return PhotoCode(text, link, facts.number_of_link(link))
