"""An inspector's list: pasted, from a file or from a photo; its progress, its result, and the result to take along.

A list has an address that nobody can guess, and is deleted after a day (`webapp.lists`). Its page reloads itself while the list
is checked, by a header, and says so with a way to stop that.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from flask import Blueprint, abort, current_app, g, make_response, redirect, render_template, request, url_for

from registry.enforcement import result_lines, sampling, tables
from registry.enforcement.causes import Cause
from registry.enforcement.consignments import Group
from registry.enforcement.officers import Role
from registry.enforcement.tables import NO_COLUMN, WHOLE_LINE, Columns, Row, Table
from registry.errors import IdentityError, ImageError, ListError, Overloaded, StoreUnavailable, WorkerLost
from webapp import results
from webapp.blueprints.scan import READERS_POLICY
from webapp.desk.signed_in import ticket, to_the_door
from webapp.facts import instant
from webapp.headers import POLICY
from webapp.limits import MAX_PHOTO, MAX_TEXT
from webapp.pages import RETRY_AFTER
from webapp.presenter import lists, samples, scanning
from webapp.presenter.refusals import Complaint, complaint_about_photo, words_about

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Response
    from werkzeug.wrappers import Response as AnyResponse

    from registry.enforcement.consignments import Found, Line
    from registry.enforcement.officers import Officer
    from webapp.desk.sheets import Signing
    from webapp.lists import Job, Lists

_log = logging.getLogger(__name__)

AT_ONCE: Final = 0.8
"""Seconds that whoever sends a list waits, so that a short one is done when its page opens."""
RELOAD_AFTER: Final = 2
"""Seconds between two looks at the progress."""
ON_A_PAGE: Final = 200
PICTURES: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"RIFF")
"""How the files begin that are read as photos."""
DOOR: Final = "desk_sign_in.ask"
"""Where one signs in, on a site with a desk."""
KINDS: Final = {
    "result.csv": "text/csv; charset=utf-8",
    "lines.jsonl": "application/jsonl",
    "sheet.json": "application/json",
    "sheet.pdf": "application/pdf",
}


def blueprint(lists: Lists, decode: Callable[[bytes], tuple[str, ...]], signing: Signing | None) -> Blueprint:
    """Return the inspector's pages; on a site with a desk, a signed-in inspector may have a result sheet signed."""
    views = Views(lists, decode, signing)
    doors = Blueprint("inspect", __name__)
    doors.add_url_rule("/inspect", "ask", views.ask)
    doors.add_url_rule("/inspect", "inspect", views.inspect, methods=["POST"])
    doors.add_url_rule("/inspect/sample", "sample", views.sample)
    doors.add_url_rule("/inspect/<name>", "result", views.result)
    doors.add_url_rule("/inspect/<name>/<file>", "take", views.take)
    doors.add_url_rule("/inspect/<name>/columns", "columns", views.columns, methods=["POST"])
    doors.add_url_rule("/inspect/<name>/again", "again", views.again, methods=["POST"])
    doors.add_url_rule("/inspect/<name>/delete", "delete", views.delete, methods=["POST"])
    return doors


@dataclass(frozen=True, slots=True)
class Views:
    """The pages, over what they ask."""

    lists: Lists
    decode: Callable[[bytes], tuple[str, ...]]
    signing: Signing | None

    def ask(self) -> Response:
        """Offer the ways to bring a list."""
        return _form()

    def inspect(self) -> AnyResponse:
        """Take a list, check what can be checked at once, and lead to its page."""
        codes, gtin = request.form.get("codes", ""), request.form.get("gtin", "").strip()
        if len(gtin) > MAX_TEXT:
            return _form(codes, gtin, words_about(Complaint.TOO_LONG))
        uploads = [(one.filename or "", one.read()) for one in request.files.getlist("file")]
        brought = [(name, content) for name, content in uploads if content]
        try:
            table, came = self._brought(brought, codes)
            job = self.lists.add(table, tables.guess(table), gtin, came, office=_office())
        except ListError as error:
            return _form(codes, gtin, lists.words_about(error), field="file" if brought else "codes")
        except ImageError as error:
            return _form(codes, gtin, words_about(complaint_about_photo(error.reason)), field="file")
        except (Overloaded, WorkerLost, StoreUnavailable) as error:
            _log.warning("a list was not taken: %s", error)
            return _form(codes, gtin, lists.busy(), status=503)
        return self._started(job)

    def _brought(self, brought: list[tuple[str, bytes]], codes: str) -> tuple[Table, bytes]:
        """Return the table that a request brings, and the bytes that it came as."""
        if brought and all(data.startswith(PICTURES) for _, data in brought):
            return self._photographed(brought), b"".join(data for _, data in brought)
        if len(brought) > 1:
            raise ListError(f"found {len(brought)} files, expected photos or one list", reason="several_files")
        for name, data in brought:
            return tables.read(data, name[:100]), data
        came = codes.encode("utf-8", "replace")
        if len(came) > tables.MAX_BYTES:
            raise ListError(f"found {len(came):,} bytes, expected at most {tables.MAX_BYTES:,}", reason="too_large")
        return tables.read_text(codes), came

    def _photographed(self, brought: list[tuple[str, bytes]]) -> Table:
        """Return the codes in photos, each beside the name of its photo where there are several."""
        rows: list[Row] = []
        for name, data in brought:
            if len(data) > MAX_PHOTO:
                raise ImageError(f"found {len(data)} bytes, expected at most {MAX_PHOTO}", reason="too_large")
            sheet = name[:100] if len(brought) > 1 else ""
            rows += [Row(number, (code,), sheet, code) for number, code in enumerate(self.decode(data), 1)]
        if not rows:
            raise ImageError("found no code in the photo", reason="no_code")
        return Table(tuple(rows), 1, brought[0][0][:100] if len(brought) == 1 else "")

    def _started(self, job: Job) -> AnyResponse:
        self.lists.work(job, seconds=AT_ONCE)
        return redirect(url_for("inspect.result", name=job.name), 303)

    def result(self, name: str) -> Response:
        """Show how far a list is, or what it came to."""
        job = self._job(name)
        done = job.done
        if done < job.total:
            try:
                self.lists.begin(job)
            except Overloaded:
                _log.warning("a list waits for others")
            return _progress(job, done)
        return self._result(job, self.lists.found(job))

    def take(self, name: str, file: str) -> Response:
        """Hand out the result of a list as a file."""
        job = self._job(name)
        if file not in KINDS or not job.is_done:
            abort(404)
        found = self.lists.found(job)
        answer = make_response(self._file(job, found, file))
        answer.headers["Content-Type"] = KINDS[file]
        answer.headers["Content-Disposition"] = f'attachment; filename="{results.stem(job)}-{file}"'
        return answer

    def _file(self, job: Job, found: Found, file: str) -> bytes:
        if file == "result.csv":
            return result_lines.as_csv(found.lines)
        sheet = results.sheet(job, found, self.lists.registry_id)
        if file == "lines.jsonl":
            return sheet.lines
        return sheet.document if file == "sheet.json" else results.on_paper(job, found, sheet)

    def columns(self, name: str) -> AnyResponse:
        """Read other columns of a list."""
        job = self._job(name)
        try:
            code, gtin = int(request.form.get("code", WHOLE_LINE)), int(request.form.get("gtin", NO_COLUMN))
            columns = Columns(code, NO_COLUMN if gtin == code else gtin, headed="headed" in request.form)
            self.lists.read_otherwise(job, columns)
        except ListError as error:
            return self._result(job, self.lists.found(job), complaint=lists.words_about(error))
        except ValueError:
            abort(400)
        return self._started(self._job(name))

    def again(self, name: str) -> AnyResponse:
        """Ask the lines again that could not be asked."""
        job = self._job(name)
        self.lists.ask_again(job)
        return self._started(job)

    def delete(self, name: str) -> AnyResponse:
        """Delete a list and its result."""
        self.lists.delete(self._job(name))
        return redirect(url_for("inspect.ask"), 303)

    def sample(self) -> Response:
        """Say how many units of a consignment to check."""
        asked = samples.asked(request.args)
        plan, complaint = None, ""
        if asked.lot:
            try:
                plan = sampling.plan(asked.size(), asked.rate_of(), asked.confidence_of())
            except (IdentityError, ValueError):
                complaint = samples.complaint()
        answer = make_response(
            render_template("sample.html", asked=asked, said=samples.said(plan) if plan else (), complaint=complaint)
        )
        answer.status_code = 400 if complaint else 200
        return answer

    def _result(self, job: Job, found: Found, *, complaint: str = "") -> Response:
        show, cause = request.args.get("show", ""), request.args.get("cause", "")
        chosen = _chosen(found, show, cause)
        pages = max(1, -(-len(chosen) // ON_A_PAGE))
        page = min(max(request.args.get("page", 1, int), 1), pages)
        g.headline = f"{len(found.lines)} lines"
        answer = make_response(
            render_template(
                "list_result.html",
                job=job,
                complaint=complaint,
                lines=len(found.lines),
                groups=list(lists.groups(found)),
                repeats=lists.repeats(found),
                causes=lists.causes(found),
                show=show,
                cause=cause,
                chosen=len(chosen),
                rows=[lists.row(line) for line in chosen[(page - 1) * ON_A_PAGE : page * ON_A_PAGE]],
                page=page,
                pages=pages,
                columns=lists.columns_of(job),
                none=lists.no_column(),
                not_asked=found.counts.get(Group.NOT_ASKED, 0),
                checked=instant(results.made(job, found)),
                open_case=url_for("cases.new", list=job.name) if _office() else "",
                sign_in=_sign_in(),
                signing=self.signing.standing(job, found) if self.signing and _office() else None,
                ticket=ticket,
            )
        )
        answer.status_code = 400 if complaint else 200
        return answer

    def _job(self, name: str) -> Job:
        job = self.lists.find(name)
        # What an officer's list says of other offices' cases is for his own office.
        if job is not None and job.office and "officer" in g and g.officer is None:
            abort(to_the_door())  # his session ended while the list was checked
        if job is None or (job.office and job.office != _office()):
            abort(404)
        return job


def _office() -> int:
    """Return the office of the inspector who is signed in; 0 if none is."""
    officer: Officer | None = g.get("officer")
    return officer.office.id if officer and officer.role is Role.INSPECTOR else 0


def _sign_in() -> str:
    """Return where an inspector signs in and comes back from; empty if somebody has, or the site has no desk."""
    if g.get("officer") is not None or DOOR not in current_app.view_functions:
        return ""
    return url_for(DOOR, next=request.path)


def _form(codes: str = "", gtin: str = "", complaint: str = "", *, field: str = "codes", status: int = 400) -> Response:
    page = render_template(
        "inspect.html", codes=codes, gtin=gtin, complaint=complaint, field=field, most=tables.MAX_LINES,
        megabytes=tables.MAX_BYTES >> 20, sign_in=_sign_in(), words=scanning.gathering(),
    )  # fmt: skip
    answer = make_response(page)
    answer.headers[POLICY] = READERS_POLICY
    answer.status_code = status if complaint else 200
    if answer.status_code == 503:  # noqa: PLR2004  # it is we who could not, and not for long
        answer.headers["Retry-After"] = str(RETRY_AFTER)
    return answer


def _progress(job: Job, done: int) -> Response:
    still = "still" in request.args
    answer = make_response(render_template("list_progress.html", job=job, done=done, still=still, seconds=RELOAD_AFTER))
    if not still:
        answer.headers["Refresh"] = str(RELOAD_AFTER)
    g.headline = "a list under way"
    return answer


def _chosen(found: Found, show: str, cause: str) -> list[Line]:
    """Return the lines that are to be seen: those of a group or a cause, or all; at first, those to look at."""
    if cause in set(Cause):
        return [line for line in found.lines if line.cause == cause]
    if show in set(Group):
        return [line for line in found.lines if line.group == show]
    if show == "all":
        return list(found.lines)
    return [line for line in found.lines if line.group is not Group.AS_REGISTERED or line.cause] or list(found.lines)
