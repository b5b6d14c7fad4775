"""The app: made from what it is handed, with no state of its own."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from flask import Flask, Response, make_response, render_template, request
from flask.json.provider import DefaultJSONProvider
from werkzeug.exceptions import BadHost, HTTPException

from webapp import access_log, assets, headers, languages, limits, openapi, pages, rates
from webapp.blueprints import (
    again,
    api,
    batches,
    check,
    health,
    inspection,
    manufacturers,
    product_pictures,
    report,
    resolver,
    results,
    said,
    scan,
)
from webapp.desk import (
    case_photos,
    cases,
    evidence,
    guides,
    home,
    how_told,
    inbox,
    my_account,
    passkeys,
    people,
    publishing,
    sheets,
    sign_in,
    signed_in,
    telling,
)
from webapp.lists import Lists, default_folder, nowhere
from webapp.presenter.refusals import message
from webapp.publication import Publication
from webapp.short_way import ShortWay
from webapp.written import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from webapp.readers import Readers

_log = logging.getLogger(__name__)


def create_app(readers: Readers, *, clock: Callable[[], float] = time.time) -> Flask:
    """Return the site over these readers. `clock` gives Unix seconds."""
    app = _Site(__name__, static_folder=None)
    # An address is read as it was sent: nothing is merged, completed or redirected.
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = True
    app.json = _Json(app)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters["shown"] = shown
    app.jinja_env.globals["publishes"] = readers.casework is not None
    app.jinja_env.globals["lists_manufacturers"] = readers.accredited is not None

    access_log.register(app)
    headers.register(app)
    limits.register(app)
    languages.register(app)
    pages.register(app)
    if readers.door:
        signed_in.register(app, readers.door)
    rates.register(app, readers.limiter)
    verdict_pages = pages.VerdictPages(readers.pictures)
    casework = readers.casework
    lists = Lists(
        readers.lists or default_folder(),
        readers.checks,
        registry_id=readers.registry_id,
        clock=clock,
        seized=casework.is_elsewhere if casework else nowhere,
    )
    links = resolver.Resolver(readers.checks, readers.stock, readers.root)
    app.register_blueprint(
        check.blueprint(readers.checks, readers.decode, readers.scans, verdict_pages, memory=readers.memory, resolver=links)
    )
    app.register_blueprint(resolver.blueprint(readers.root, readers.contact))
    app.register_blueprint(scan.blueprint())
    app.register_blueprint(again.blueprint(readers.checks, readers.endpoint))
    signing = sheets.Signing(casework, lists) if casework else None
    app.register_blueprint(inspection.blueprint(lists, readers.decode, signing))
    described = openapi.description(has_results=casework is not None, has_directory=readers.accredited is not None)
    app.register_blueprint(api.blueprint(readers.checks, readers.scans, readers.memory, described))
    app.register_blueprint(batches.blueprint(readers.desk))
    app.register_blueprint(product_pictures.blueprint(readers.pictures))
    app.register_blueprint(said.blueprint(readers.memory))
    app.register_blueprint(report.blueprint(readers.reports))
    if readers.accredited:
        app.register_blueprint(manufacturers.blueprint(readers.accredited, readers.profile_of))
    app.register_blueprint(health.blueprint(readers.probes))
    _open_desk(app, readers, lists, signing)
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(Exception, _failed)

    assets.register(app, Path(__file__).parent / "static")
    way = ShortWay(
        app.wsgi_app,
        checks=readers.checks,
        scans=readers.scans,
        pages=verdict_pages,
        memory=readers.memory,
        limiter=readers.limiter,
    )
    app.wsgi_app = way  # type: ignore[method-assign]  # as Flask's documents do it
    return app


def _open_desk(app: Flask, readers: Readers, lists: Lists, signing: sheets.Signing | None) -> None:
    """Add the pages of the desk, as far as the site has one."""
    if signing:
        casework = signing.work
        app.register_blueprint(sheets.blueprint(signing))
        app.register_blueprint(cases.blueprint(casework, lists))
        app.register_blueprint(case_photos.blueprint(casework))
        app.register_blueprint(evidence.blueprint(casework))
        app.register_blueprint(guides.blueprint(casework))
        publication = Publication(casework, readers.registry_id)
        app.register_blueprint(results.blueprint(publication))
        app.register_blueprint(publishing.blueprint(publication))
    if readers.door:
        app.register_blueprint(home.blueprint())
        app.register_blueprint(sign_in.blueprint(readers.door))
        app.register_blueprint(people.blueprint(readers.door))
        app.register_blueprint(my_account.blueprint(readers.door))
        app.register_blueprint(passkeys.blueprint(readers.door))
    if readers.notifying:
        app.register_blueprint(telling.blueprint(readers.notifying))
        app.register_blueprint(inbox.blueprint(readers.notifying))
        app.register_blueprint(how_told.blueprint(readers.notifying))


class _Site(Flask):
    """Flask, all of whose functions are ordinary ones."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as it is: to ask at each call whether it is a coroutine takes time."""
        return func


class _Json(DefaultJSONProvider):
    """JSON as it is made: in our order, in the letters of its language, without spaces."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Return plain values as JSON."""
        del kwargs  # nobody here asks for another form
        return orjson.dumps(obj).decode()


def _refused(error: HTTPException) -> Response:
    """Answer a request that cannot be served: an unknown address, too much of something, a wrong method."""
    if isinstance(error, BadHost):  # no page: its own addresses could not be written
        return Response(f"{error.name}\n", 400, mimetype="text/plain")
    answer = _message(error.code or 500, error.name)
    answer.headers.extend((name, value) for name, value in error.get_headers() if name in {"Allow", "Retry-After"})
    return answer


def _failed(_: Exception) -> Response:
    """Answer after a fault of our own. The log names no address: it would hold a serial."""
    _log.exception("%s failed", request.endpoint or "a request")
    return _message(500, "internal error")


def _message(status: int, name: str) -> Response:
    if request.path.startswith("/api/"):
        return api.refuse(name.lower().replace(" ", "_"), name, status=status)
    answer = make_response(render_template("message.html", message=message(status)))
    answer.status_code = status
    return answer
