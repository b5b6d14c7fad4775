"""The resolver's doors: linksets, typed links and the page of a product, at the addresses of our links.

A request with `linkType`, or that prefers JSON, is never a scan: nothing is checked or noted. The printed link itself, asked
for by a browser, is none of these, and its page is its default link.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_plus

from flask import Blueprint, Response, jsonify, make_response, render_template, request

from registry.errors import LinkError, StoreError
from registry.units.links import parse_digital_link
from webapp import facts, resolver
from webapp.blueprints.api import refuse
from webapp.headers import LINKSET_BESIDE
from webapp.pages import RETRY_AFTER
from webapp.presenter.linking import Refusal, message
from webapp.resolver import HTML, JSON, LINK_TYPE, LINKSET, WELL_KNOWN

if TYPE_CHECKING:
    from webapp.raw_uri import RawTarget
    from webapp.readers import Checks
    from webapp.resolver import Level, Stock, Target

METHODS: Final = "GET, HEAD, OPTIONS"
ANYBODY: Final = {"Access-Control-Allow-Origin": "*"}
"""Pages of anybody may read a linkset, which says nothing of whoever asks. They may not read a verdict."""
PREFLIGHT: Final = {
    **ANYBODY,
    "Allow": METHODS,
    "Access-Control-Allow-Methods": METHODS,
    "Access-Control-Allow-Headers": "Accept, Accept-Language",
    "Access-Control-Max-Age": "86400",
}
AN_HOUR: Final = "public, max-age=3600"
STATUS: Final = {
    Refusal.NOT_A_LINK: 400,
    Refusal.UNKNOWN_PRODUCT: 404,
    Refusal.NO_SUCH_LINK: 404,
    Refusal.UNAVAILABLE: 503,
}
SAID: Final = {
    Refusal.NOT_A_LINK: "expected the GS1 Digital Link of a trade item, and linkType at most once",
    Refusal.UNKNOWN_PRODUCT: "no item of this product is registered here",
    Refusal.NO_SUCH_LINK: "there is no link of this type: ask for linkType=linkset to see which there are",
    Refusal.UNAVAILABLE: "the registry could not be asked: try again",
}


def blueprint(root: str, contact: str) -> Blueprint:
    """Return what is not at the address of a link: the description file, and the answer to OPTIONS."""
    doors = Blueprint("resolver", __name__)

    @doors.get(WELL_KNOWN)
    def description() -> Response:
        answer = jsonify(resolver.description(root or request.host_url.removesuffix("/"), contact))
        answer.headers.update(ANYBODY)
        answer.headers["Cache-Control"] = AN_HOUR
        return answer

    @doors.route("/01/<path:decoded>", methods=["OPTIONS"])
    def options(decoded: str) -> Response:
        del decoded
        return Response(status=204, headers=PREFLIGHT)

    return doors


@dataclass(frozen=True, slots=True)
class Resolver:
    """Answers what is asked of a link's address besides the page of its verdict."""

    checks: Checks
    stock: Stock
    root: str
    """Scheme and host of our links; empty for those of the request."""

    def answer(self, target: RawTarget, host: str) -> Response | None:
        """Return the answer to this request; none if it asks for a verdict, or if it is for a verdict to say what is wrong."""
        wanted = [unquote_plus(value) for value in target.values(LINK_TYPE)]
        if not wanted and not _prefers_json():
            return None if "/21/" in target.path else self._product(target, host)
        link_type = wanted[0] if wanted else "linkset"
        root = self.root or f"{request.scheme}://{host}"
        known = self._known(target, root) if len(wanted) <= 1 else Refusal.NOT_A_LINK
        if isinstance(known, Refusal):
            return _refused(known, link_type)
        if link_type in resolver.WHOLE:
            return _linkset(resolver.linkset(known, root))
        level = resolver.of_type(known, resolver.named(link_type) or "")
        return _led_on(level, root) if level else _refused(Refusal.NO_SUCH_LINK, link_type)

    def _known(self, target: RawTarget, root: str) -> tuple[Level, ...] | Refusal:
        """Return what is known of a link's item and product, or why there is nothing."""
        asked = type(target)(target.path.removesuffix("/"), target.without(LINK_TYPE).query)
        try:
            known = resolver.levels(parse_digital_link(root + asked.text), asked, root, self.stock)
        except LinkError as error:
            return Refusal.NOT_A_LINK if error.reason == "not_a_link" else Refusal.UNKNOWN_PRODUCT
        except StoreError:
            return Refusal.UNAVAILABLE
        return known or Refusal.UNKNOWN_PRODUCT

    def _product(self, target: RawTarget, host: str) -> Response | None:
        """Answer a link that names a product and no item; none if it names neither."""
        try:
            found = parse_digital_link(f"{request.scheme}://{host}{target.text.removesuffix('/')}")
        except LinkError:
            return None
        gtin = dict(found.ai)["01"]
        try:
            if not self.stock.has_product(gtin):
                return _refused(Refusal.UNKNOWN_PRODUCT)
            name = self._name(gtin)
        except StoreError:
            return _refused(Refusal.UNAVAILABLE)
        answer = make_response(render_template("product.html", gtin=gtin, name=name))
        answer.headers.extend([LINKSET_BESIDE])
        return answer

    def _name(self, gtin: str) -> facts.Text | None:
        """Return a product's name, where the verifier follows an item to the seal of a manifest that is not in doubt."""
        checked = (self.checks.number(unit).unit for unit in self.stock.units_of(gtin))
        return next((name for unit in checked if unit and (name := facts.name_of(unit))), None)


def _prefers_json() -> bool:
    """Say whether JSON is preferred to a page. Whoever takes anything is given the page."""
    return request.accept_mimetypes.best_match([HTML, LINKSET, JSON]) in {LINKSET, JSON}


def _linkset(document: dict[str, Any], status: int = 200) -> Response:
    answer = jsonify(document)
    answer.status_code = status
    if request.accept_mimetypes.best_match([LINKSET, JSON]) != JSON:
        answer.mimetype = LINKSET
    answer.headers.update(ANYBODY)
    answer.headers["Access-Control-Expose-Headers"] = "Link"
    answer.headers["Link"] = f'<{resolver.CONTEXT}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
    return answer


def _led_on(level: Level, root: str) -> Response:
    """Lead to the link, or to the one of several that is of the preferred form; where none is, show them all."""
    best = _preferred(level.targets)
    if len(best) > 1:
        return _linkset(resolver.linkset([level], root), 300)
    # Not `redirect`, which would write the address anew.
    answer = Response(status=307, headers={"Location": best[0].local})
    answer.headers.extend([LINKSET_BESIDE])
    return answer


def _preferred(targets: tuple[Target, ...]) -> list[Target]:
    accepted = request.accept_mimetypes
    qualities = [accepted.quality(target.media_type) if accepted else 1 for target in targets]
    return [target for target, quality in zip(targets, qualities, strict=True) if quality == max(qualities)]


def _refused(why: Refusal, link_type: str | None = None) -> Response:
    """Say why there is no link: to a program, if it asked for links and not for a page, else to people."""
    if link_type in resolver.WHOLE or (link_type is not None and request.accept_mimetypes.best_match([JSON, HTML]) != HTML):
        answer = refuse(why.value, SAID[why], status=STATUS[why])
        answer.headers.update(ANYBODY)
    else:
        answer = make_response(render_template("message.html", message=message(why)))
        answer.status_code = STATUS[why]
    if why is Refusal.UNAVAILABLE:
        answer.headers["Retry-After"] = str(RETRY_AFTER)
    return answer
