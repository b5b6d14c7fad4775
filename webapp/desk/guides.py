"""Guides to telling genuine products from fakes: a brand writes those of its own products, inspectors read all of them.

They are shown to nobody else, and who reads one is in the journal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from flask import Blueprint, abort, make_response, redirect, request, url_for

from registry.enforcement.officers import Role
from registry.errors import CaseError, IdentityError, ImageError, Overloaded, StoreUnavailable, WorkerLost
from registry.storage.cases import new_id
from registry.storage.guides import LONGEST_POINT, Guide, Point
from registry.units import identity
from webapp.desk.casework import Casework, officer
from webapp.desk.page import away, page_of
from webapp.desk.signed_in import only
from webapp.facts import instant
from webapp.presenter import desk_cases as words
from webapp.presenter import desk_guides
from webapp.presenter.refusals import complaint_about_photo, words_about
from webapp.report_form import clean

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as AnyResponse

AT_ONCE: Final = 5
"""Empty features that the form of a guide offers beside those that it has."""
MOST: Final = 30


def blueprint(work: Casework) -> Blueprint:
    """Return the pages of guides."""
    views = Views(work)
    pages = Blueprint("guides", __name__, url_prefix="/desk/guides")
    pages.register_error_handler(StoreUnavailable, away)
    readers, writers = only(Role.INSPECTOR, Role.RIGHTS_HOLDER), only(Role.RIGHTS_HOLDER)
    pages.add_url_rule("", "index", readers(views.index))
    pages.add_url_rule("/<int:manufacturer>/<gtin>", "guide", readers(views.guide))
    pages.add_url_rule("/<int:manufacturer>/pictures/<name>", "picture", readers(views.picture))
    pages.add_url_rule("/edit", "edit", writers(views.edit))
    pages.add_url_rule("/edit", "write", writers(views.write), methods=["POST"])
    return pages


@dataclass(frozen=True, slots=True)
class Views:
    """The pages, over what they ask."""

    work: Casework

    def index(self) -> Response:
        """List the guides that the officer may see."""
        me = officer()
        mine = me.office.manufacturer if me.role is Role.RIGHTS_HOLDER else None
        asked = request.args.get("q", "").strip()
        gtin = identity.pad_gtin(asked) if asked.isdecimal() and len(asked) <= 14 else ""  # noqa: PLR2004 -- digits of a GTIN
        found = self.work.guides.latest(manufacturer=mine, gtin=gtin)
        return page_of("guides.html", guides=found, writes=mine is not None, asked=asked, instant=instant)

    def guide(self, manufacturer: int, gtin: str) -> Response:
        """Show a guide: the newest version, or the one that is asked for."""
        versions = self._versions(manufacturer, gtin)
        wanted = request.args.get("version", versions[0].version, int)
        guide = next((one for one in versions if one.version == wanted), None)
        if guide is None:
            abort(404)
        me = officer()
        self.work.guides.note_read(me.id, manufacturer, guide.gtin)
        return page_of(
            "guide.html",
            guide=guide,
            versions=[(one.version, instant(one.time), self.work.people.name(one.who)) for one in versions],
            writes=me.speaks_for(manufacturer),
        )

    def _versions(self, manufacturer: int, gtin: str) -> tuple[Guide, ...]:
        me = officer()
        if me.role is Role.RIGHTS_HOLDER and not me.speaks_for(manufacturer):
            abort(404)
        is_gtin = gtin.isascii() and gtin.isdecimal() and len(gtin) == 14  # noqa: PLR2004 -- digits of a GTIN
        versions = self.work.guides.versions(manufacturer, gtin) if is_gtin else ()
        if not versions:
            abort(404)
        return versions

    def picture(self, manufacturer: int, name: str) -> Response:
        """Show a picture of a guide."""
        me = officer()
        if me.role is Role.RIGHTS_HOLDER and not me.speaks_for(manufacturer):
            abort(404)
        content = self.work.guides.picture(manufacturer, name)
        if content is None:
            abort(404)
        answer = make_response(content)
        answer.headers["Content-Type"] = "image/jpeg"
        return answer

    def edit(self) -> Response:
        """Show the form of a guide."""
        gtin = request.args.get("gtin", "")
        guide = self._versions(self._mine(), gtin)[0] if gtin else Guide(self._mine(), "", 0, 0, 0, "", ())
        return _form(guide)

    def write(self) -> AnyResponse:
        """Keep a new version of a guide, or show what is wrong with it."""
        pictures: dict[str, bytes] = {}
        guide = Guide(self._mine(), "", 0, 0, 0, "", ())
        try:
            guide = self._sent()
            if faults := _faults(guide):
                return _form(guide, faults)
            guide = self._with_pictures(guide, pictures)
            kept = self.work.guides.write(guide, pictures)
        except CaseError as error:
            return _form(guide, {"title": words.fault_of(error)})
        except ImageError as error:
            return _form(guide, {"title": words_about(complaint_about_photo(error.reason))})
        except (Overloaded, WorkerLost):
            return _form(guide, {"title": words.fault("away")})
        return redirect(url_for("guides.guide", manufacturer=kept.manufacturer, gtin=kept.gtin), 303)

    def _mine(self) -> int:
        mine = officer().office.manufacturer
        if mine is None:
            abort(404)
        return mine

    def _sent(self) -> Guide:
        """Return the guide that a form gives; its pictures are those that are kept already."""
        sent = request.form
        points = []
        for number in range(min(sent.get("points", 0, int), MOST)):
            told = {name: clean(sent.get(f"{name}-{number}", ""), lines=True) for name in ("where", "genuine", "fake")}
            kept = {name: clean(sent.get(f"{name}-{number}", "")) for name in ("genuine_picture", "fake_picture")}
            brings = any(request.files.get(f"{name}-{number}-file") for name in kept)
            if any(told.values()) or brings or number < sent.get("points", 0, int) - AT_ONCE:
                points.append(Point(**told, **kept))
        try:
            gtin = identity.parse_gtin(identity.pad_gtin(sent.get("gtin", "").strip()))
        except IdentityError:
            gtin = ""
        version = sent.get("version", 0, int)
        title, note = clean(sent.get("title", "")), clean(sent.get("note", ""), lines=True)
        return Guide(self._mine(), gtin, max(version, 0), 0, officer().id, title, tuple(points), note)

    def _with_pictures(self, guide: Guide, pictures: dict[str, bytes]) -> Guide:
        """Return the guide with what its form brought; each picture is made anew in a process of its own."""
        known = {name for one in self.work.guides.versions(guide.manufacturer, guide.gtin) for name in _names(one)}
        points = []
        for number, point in enumerate(guide.points):
            chosen = {}
            for field in ("genuine_picture", "fake_picture"):
                upload = request.files.get(f"{field}-{number}-file")
                data = upload.read() if upload else b""
                name = getattr(point, field)
                if data:
                    name = new_id()
                    pictures[name] = self.work.copy(data)
                elif name not in known:
                    name = ""
                chosen[field] = name
            points.append(Point(point.where, point.genuine, point.fake, **chosen))
        return Guide(
            guide.manufacturer, guide.gtin, guide.version, 0, guide.who, guide.title,
            tuple(point for point in points if point != Point("", "")), guide.note,
        )  # fmt: skip


def _names(guide: Guide) -> set[str]:
    return {name for point in guide.points for name in (point.genuine_picture, point.fake_picture) if name}


def _faults(guide: Guide) -> dict[str, str]:
    found = {}
    if not guide.gtin:
        found["gtin"] = desk_guides.fault("gtin")
    if not 0 < len(guide.title) <= 200:  # noqa: PLR2004 -- characters that fit into a heading
        found["title"] = desk_guides.fault("title")
    long = any(len(text) > LONGEST_POINT for point in guide.points for text in (point.where, point.genuine, point.fake))
    if long or len(guide.note) > LONGEST_POINT:
        found["note"] = desk_guides.fault("too_long")
    return found


def _form(guide: Guide, faults: dict[str, str] | None = None) -> Response:
    points = [*guide.points, *(Point("", "") for _ in range(min(AT_ONCE, MOST - len(guide.points))))]
    return page_of("guide_edit.html", status=400 if faults else 200, guide=guide, points=points, faults=faults or {})
