"""Opens a case, or adds to one: from lines of a checked list, or with nothing but its facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import abort, redirect, request, url_for

from registry.enforcement import result_lines
from registry.enforcement.cases import OPEN, Kind
from registry.enforcement.consignments import Group
from registry.errors import CaseError
from webapp.desk import case_forms as forms
from webapp.desk.casework import Casework, officer
from webapp.desk.page import grouped, page_of
from webapp.presenter import desk_cases as words
from webapp.presenter import lists
from webapp.presenter.coded import choices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Response
    from werkzeug.wrappers import Response as AnyResponse

    from webapp.lists import Job, Lists


@dataclass(frozen=True, slots=True)
class Opening:
    """The form and what it does, over what they ask."""

    work: Casework
    lists: Lists

    def new(self) -> Response:
        """Offer to open a case, from a checked list if one is named."""
        return self._new({}, {})

    def _new(self, faults: Mapping[str, str], filled: Mapping[str, Any]) -> Response:
        job = self._job(request.values.get("list", ""))
        groups = list(lists.groups(self.lists.found(job))) if job else []
        chosen = set(request.form.getlist("group")) if request.method == "POST" else _doubtful(groups)
        return page_of(
            "case_new.html",
            choices=choices(),
            status=400 if faults else 200,
            job=job,
            groups=groups,
            chosen=chosen,
            into=self._into() if job else [],
            filled=filled or {"region": officer().office.region},
            faults={name: words.fault(reason) for name, reason in faults.items()},
            label=words.label,
            hint=words.hint,
        )

    def open(self) -> AnyResponse:
        """Open a case."""
        values, faults = forms.details(request.form)
        job = self._job(request.form.get("list", ""))
        chosen = set(request.form.getlist("group"))
        lines = [line for line in self.lists.found(job).lines if line.group in chosen] if job else []
        try:
            lines = forms.only(request.form.get("only", ""), lines)
        except ValueError as error:
            faults["only"] = str(error)
        if job and not lines:
            faults["group"] = "no_lines"
        if faults:
            return self._new(faults, request.form)
        me, records = officer(), [result_lines.record(line) for line in lines]
        if job and (into := request.form.get("into", "")):
            case = self.work.mine(into)
            if case is None:
                abort(404)
            # Whatever else happened to it meanwhile, lines that are added take nothing away.
            try:
                self.work.cases.append(case.id, Kind.UNITS_ADDED, me.id, values={"units": records})
            except CaseError as error:
                return self._new({"into": error.reason}, request.form)
        else:
            given = {name: value for name, value in values.items() if value}
            case = self.work.cases.open_case(me.office.id, me.id, given, records)
        return redirect(url_for("cases.case", name=case.id), 303)

    def _into(self) -> list[tuple[str, str]]:
        """Return the open cases to which lines may be added, those that changed last first."""
        found, _ = self.work.cases.of_office(officer().office.id, limit=100)
        return [(one.id, one.reference or grouped(one.id)) for one in found if one.state in OPEN]

    def _job(self, name: str) -> Job | None:
        """Return a list that is done, if it was brought by nobody in particular or by this office."""
        job = self.lists.find(name) if name else None
        if job is None or not job.is_done or job.office not in {0, officer().office.id}:
            if name:
                abort(404)
            return None
        return job


def _doubtful(groups: list[Any]) -> set[str]:
    """Return the groups that are chosen at first: everything that is not simply as registered."""
    every = {one.id for one in groups}
    return every - {Group.AS_REGISTERED.value} or every
