"""Evidence bundles of a case: what goes into one, those that were made, and the one that is made now.

Making one asks chain and store about every unit again. If they cannot be asked, nothing is made and nothing is noted.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
from flask import Blueprint, abort, redirect, request, send_file, url_for

from registry.enforcement import environment, evidence, result_lines, snapshot
from registry.enforcement.cases import Kind
from registry.enforcement.evidence import ANCHOR, JSON, MOST, TIMESTAMP, Nature, Part
from registry.enforcement.officers import Role
from registry.errors import CaseError, ChainError, StoreError, StoreUnavailable
from registry.proofs.encoding import canonical
from registry.storage.cases import Act, new_id
from registry.storage.outbox import Outbox, Work
from registry.storage.telling import Telling
from webapp.desk.casework import Casework, officer
from webapp.desk.page import away, grouped, page_of
from webapp.desk.signed_in import only
from webapp.facts import instant
from webapp.presenter import desk_evidence as words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flask import Response
    from werkzeug.wrappers import Response as AnyResponse

    from registry.enforcement.cases import Case
    from registry.storage.outbox import Task

_log = logging.getLogger(__name__)
IN_MEMORY = 2**23
"""Bytes of a bundle that is handed out; what is larger goes through a temporary file."""


def blueprint(work: Casework) -> Blueprint:
    """Return the pages."""
    views = Views(work)
    pages = Blueprint("evidence", __name__, url_prefix="/desk/cases")
    pages.register_error_handler(StoreUnavailable, away)
    guard = only(Role.INSPECTOR)
    pages.add_url_rule("/<name>/evidence", "case", guard(views.case))
    pages.add_url_rule("/<name>/evidence", "make", guard(views.make), methods=["POST"])
    pages.add_url_rule("/<name>/evidence/<file>.zip", "file", guard(views.file))
    return pages


@dataclass(frozen=True, slots=True)
class Views:
    """The pages, over what they ask."""

    work: Casework

    def case(self, name: str) -> Response:
        """Show the bundles of a case, and offer to make one."""
        return self._page(self._mine(name))

    def make(self, name: str) -> AnyResponse:
        """Make a bundle of the case as it was seen."""
        case = self._mine(name)
        try:
            seen = int(request.form.get("seen", ""))
        except ValueError:
            abort(400)
        if seen != len(case.events):
            return self._page(case, words.fault("changed"), 409)
        try:
            self.work.act(case, [self._made(case)], seen)
        except CaseError as error:
            return self._page(case, words.fault(error.reason), 409 if error.reason == "changed" else 400)
        except (ChainError, StoreError) as error:
            _log.warning("a bundle waits: %s", error)
            return self._page(case, words.fault("away"), 503)
        return redirect(url_for("evidence.case", name=name, _anchor="bundles"), 303)

    def file(self, name: str, file: str) -> Response:
        """Hand out a bundle, with what became of its hash since."""
        case = self._mine(name)
        values = next((one for one in case.bundles if one["id"] == file), None)
        packed = self.work.cases.file(name, file) if values else None
        if values is None or packed is None:
            abort(404)
        self.work.cases.note("case.bundle_read", officer().id, f"case {name}", {"manifest": values["manifest"]})
        out = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  # the answer closes it
        missing = evidence.pack(packed, case, lambda id_: self.work.cases.file(name, id_), self._later(values), out)
        if missing:
            _log.critical("files of a bundle are missing: %d", len(missing))
        out.seek(0)
        number = case.bundles.index(values) + 1
        return send_file(out, "application/zip", as_attachment=True, download_name=f"evidence-{name}-{number}.zip")

    # ------------------------------------------------------------------------------------------------------------ within

    def _page(self, case: Case, complaint: str = "", status: int = 200) -> Response:
        made = [(event, self._task(event.values)) for event in case.of(Kind.BUNDLED)]
        last = case.bundles[-1]["manifest"] if case.bundles else ""
        return page_of(
            "case_evidence.html",
            status=status,
            case=case,
            title=case.details.reference or grouped(case.id),
            complaint=complaint,
            may=self.work.registry is not None,
            limits=words.limits(),
            steps=words.checking(),
            bundles=[
                {
                    "id": event.values["id"], "at": instant(event.time), "who": self.work.people.name(event.who),
                    "manifest": event.values["manifest"], "events": event.number - 1, "anchored": words.anchored(task),
                    "newest": event.values["manifest"] == last,
                }
                for event, task in reversed(made)
            ],
            later=len(case.events) - max((event.number for event, _ in made), default=0),
        )  # fmt: skip

    def _made(self, case: Case) -> Act:
        """Return what adds a bundle to a case."""
        if self.work.registry is None:
            raise CaseError("this site cannot ask a chain", reason="no_registry")
        now = int(self.work.clock())
        made = datetime.fromtimestamp(now, tz=UTC)
        registry = self.work.registry
        office = self.work.people.office(case.office)
        lines = [result_lines.from_record(record) for record in case.units]
        shown = evidence.shown_absences(case, lambda id_: self.work.cases.file(case.id, id_))
        taken = snapshot.take(lines, shown, registry)
        office_name = office.name if office else ""
        bundle = evidence.make(
            case,
            taken,
            office=office,
            name=self.work.people.name,
            who=officer().id,
            made_at=now,
            registry_id=registry.registry_id,
            statements=list(self._statements(case)),
            papers=list(words.papers(case, taken, made, office=office_name, name=self.work.people.name)),
            environment=environment.describe(now, _blocks(taken.registry)),
        )
        packed = bundle.packed()
        if len(packed) > MOST:
            raise CaseError(f"the bundle has {len(packed)} bytes without its photos, expected {MOST}", reason="too_large")
        id_ = new_id()
        values = {
            "id": id_, "sha256": hashlib.sha256(packed).hexdigest(), "size": len(packed), "manifest": bundle.sha256,
            "supersedes": case.bundles[-1]["manifest"] if case.bundles else "",
        }  # fmt: skip
        return Act(Kind.BUNDLED, values, files={id_: packed})

    def _statements(self, case: Case) -> Iterator[Part]:
        """Yield what rights holders were told and answered, byte for byte."""
        for told in Telling(self.work.cases.engine).of_case(case.id):
            if told.released_at:
                where = f"statements/{told.notice.id}"
                yield Part(f"{where}-notice.json", told.payload, JSON, "notice", Nature.ASSERTED)
                if told.answer:
                    yield Part(f"{where}-answer.json", told.answer, JSON, "answer", Nature.ASSERTED)

    def _task(self, values: Mapping[str, Any]) -> Task | None:
        return Outbox(self.work.cases.engine).find(Work.CASE, bytes.fromhex(values["manifest"]))

    def _later(self, values: Mapping[str, Any]) -> dict[str, bytes]:
        """Return what is known by now of where the manifest's hash lies."""
        task = self._task(values)
        if task is None or task.result is None or self.work.registry is None:
            return {}
        where = self.work.registry.chronicles[0]
        result = task.result
        told = {
            "format": "touchstone-anchor",
            "version": "1",
            "manifestSha256": values["manifest"],
            "chainId": str(where.chain_id),
            "contract": where.contract,
            "inspector": result["inspector"],
            "time": str(result["time"]),
            "transaction": result["transaction"] or "",
            "block": str(result["block"] or ""),
        }
        found = {ANCHOR: canonical(told)}
        if result.get("timestamp"):
            found[TIMESTAMP] = bytes.fromhex(result["timestamp"])
        return found

    def _mine(self, name: str) -> Case:
        case = self.work.mine(name)
        if case is None:
            abort(404)
        return case


def _blocks(raw: bytes) -> list[dict[str, str]]:
    """Return the newest final block of each deployment of a snapshot."""
    return [one["finalBlock"] for one in orjson.loads(raw)["deployments"]]
