"""Result sheets with a notary's signature: an inspector asks for one, the notary signs its hash, and it is handed out here.

The site only writes down what is asked for. A sheet is made anew from its list each time and always gives the same hash: for as
long as the list is kept, the signature over that hash goes into it. A list that was read otherwise gives another sheet.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from flask import Blueprint, abort, make_response, redirect, url_for

from registry.enforcement.officers import Role
from registry.enforcement.result_sheet import signature_of
from registry.errors import StoreError, StoreUnavailable
from registry.storage.outbox import Outbox, Work
from webapp import results
from webapp.desk.casework import Casework, officer
from webapp.desk.page import away
from webapp.desk.signed_in import only
from webapp.facts import instant

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as AnyResponse

    from registry.enforcement.consignments import Found
    from registry.enforcement.result_sheet import Sheet
    from registry.storage.outbox import Task
    from webapp.facts import Time
    from webapp.lists import Job, Lists

_log = logging.getLogger(__name__)
KINDS: Final = {"sheet.json": "application/json", "sheet.pdf": "application/pdf"}


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the signature of a sheet is."""

    is_known: bool = True
    """Whether the desk's database could be asked."""
    since: Time | None = None
    """Since when the notary is asked for it."""
    failed: bool = False
    """Whether the notary tried in vain."""
    signed: Time | None = None
    signer: str = ""


@dataclass(frozen=True, slots=True)
class Signing:
    """Signatures of the sheets of lists, over what they ask."""

    work: Casework
    lists: Lists

    def standing(self, job: Job, found: Found) -> Standing | None:
        """Return how far the signature of a list's sheet is; none on a site whose sheets name no registry."""
        if not self.lists.registry_id:
            return None
        try:
            task = self._task(results.sheet(job, found, self.lists.registry_id))
        except StoreError as error:
            _log.warning("signatures could not be asked for: %s", error)
            return Standing(is_known=False)
        if task is None:
            return Standing()
        if task.result is None:
            return Standing(since=instant(task.asked_at), failed=task.attempts > 0)
        return Standing(signed=instant(task.result["signedAt"]), signer=task.result["signer"])

    def ask(self, name: str) -> AnyResponse:
        """Ask the notary for the signature of a list's sheet."""
        job, found = self._done(name)
        sheet = results.sheet(job, found, self.lists.registry_id)
        if self._task(sheet) is None:
            self.work.cases.have_signed(bytes.fromhex(sheet.signed_hash), officer().id)
        return redirect(url_for("inspect.result", name=name, _anchor="signature"), 303)

    def take(self, name: str, file: str) -> Response:
        """Hand out the signed sheet."""
        job, found = self._done(name)
        sheet = results.sheet(job, found, self.lists.registry_id)
        task = self._task(sheet)
        if file not in KINDS or task is None or task.result is None:
            abort(404)
        signed = sheet.with_signature(signature_of(task.result))
        answer = make_response(signed.document if file == "sheet.json" else results.on_paper(job, found, signed))
        answer.headers["Content-Type"] = KINDS[file]
        answer.headers["Content-Disposition"] = f'attachment; filename="{results.stem(job)}-signed-{file}"'
        return answer

    def _task(self, sheet: Sheet) -> Task | None:
        return Outbox(self.work.cases.engine).find(Work.SHEET, bytes.fromhex(sheet.signed_hash))

    def _done(self, name: str) -> tuple[Job, Found]:
        """Return a list that is done with its result, if it was brought by nobody in particular or by this office."""
        job = self.lists.find(name)
        if job is None or not job.is_done or job.office not in {0, officer().office.id} or not self.lists.registry_id:
            abort(404)
        return job, self.lists.found(job)


def blueprint(signing: Signing) -> Blueprint:
    """Return what asks for a signature, and what hands out a signed sheet; the list's own page says how far it is."""
    pages = Blueprint("sheets", __name__, url_prefix="/desk/sheets")
    pages.register_error_handler(StoreUnavailable, away)
    guard = only(Role.INSPECTOR)
    pages.add_url_rule("/<name>", "ask", guard(signing.ask), methods=["POST"])
    pages.add_url_rule("/<name>/<file>", "take", guard(signing.take))
    return pages
