"""The pages of cases: an office's list, a case, and a form for each thing that is done to it.

A case of another office does not exist for whoever asks. Each form carries the number of the last event that its page showed,
so that nobody decides over what he has not seen.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, abort, redirect, request, url_for

from registry.enforcement import result_lines
from registry.enforcement.cases import OPEN, WHEN, Kind, Outcome, State
from registry.enforcement.consignments import IN_THE_REGISTRY, Found, Group
from registry.enforcement.officers import Role
from registry.errors import CaseError, ChainError, Overloaded, StoreError, StoreUnavailable
from registry.storage.cases import Act
from registry.units.serials import printed
from webapp.desk import case_forms as forms
from webapp.desk.case_opening import Opening
from webapp.desk.casework import Casework, officer
from webapp.desk.page import away, grouped, page_of
from webapp.desk.signed_in import only
from webapp.facts import instant
from webapp.languages import gettext
from webapp.presenter import desk_cases as words
from webapp.presenter import lists
from webapp.presenter.coded import choices, word
from webapp.report_form import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Response
    from werkzeug.wrappers import Response as AnyResponse

    from registry.enforcement.cases import Case
    from registry.enforcement.consignments import Line
    from webapp.lists import Lists

ON_A_PAGE: Final = 200
CASES_ON_A_PAGE: Final = 25
MOST_CHOICES: Final = 300
"""Units among which the form of closing lets one choose; doubtful ones come first."""
FORMS: Final[Mapping[str, Kind]] = {
    "facts": Kind.CHANGED,
    "photos": Kind.PHOTO_ADDED,
    "custody": Kind.CUSTODY,
    "examined": Kind.EXAMINED,
    "close": Kind.CLOSED,
    "reopen": Kind.REOPENED,
    "withdraw": Kind.WITHDRAWN,
    "hold": Kind.HELD,
    "release": Kind.RELEASED,
    "findings": Kind.COPY_CONFIRMED,
    "take-back": Kind.COPY_REVERSED,
    "absence": Kind.ABSENCE_SHOWN,
}
"""The forms of a case, by the end of their addresses, and what decides whether one may be used now."""


def blueprint(work: Casework, lists_: Lists) -> Blueprint:
    """Return the pages of cases."""
    views = Views(work)
    pages = Blueprint("cases", __name__, url_prefix="/desk/cases")
    pages.register_error_handler(StoreUnavailable, away)
    guard = only(Role.INSPECTOR)
    pages.add_url_rule("", "index", guard(views.index))
    opening = Opening(work, lists_)
    pages.add_url_rule("/new", "new", guard(opening.new))
    pages.add_url_rule("/new", "open", guard(opening.open), methods=["POST"])
    pages.add_url_rule("/<name>", "case", guard(views.case))
    pages.add_url_rule("/<name>/photos", "photos", guard(views.act), methods=["POST"], defaults={"form": "photos"})
    pages.add_url_rule("/<name>/<form>", "form", guard(views.form))
    pages.add_url_rule("/<name>/<form>", "act", guard(views.act), methods=["POST"])
    return pages


@dataclass(frozen=True, slots=True)
class Views:
    """The pages, over what they ask."""

    work: Casework

    # ------------------------------------------------------------------------------------------------------- many cases

    def index(self) -> Response:
        """Show the cases of the officer's office."""
        asked = {name: request.args.get(name, "").strip() for name in ("state", "outcome", "region", "q")}
        page = max(request.args.get("page", 1, int), 1)
        found, count = self.work.cases.of_office(
            officer().office.id,
            state=State(asked["state"]) if asked["state"] in set(State) else None,
            outcome=Outcome(asked["outcome"]) if asked["outcome"] in set(Outcome) else None,
            region=asked["region"].upper(),
            text=asked["q"][:200],
            limit=CASES_ON_A_PAGE,
            offset=(page - 1) * CASES_ON_A_PAGE,
        )
        return page_of(
            "cases.html",
            cases=[self._in_list(one) for one in found],
            count=count,
            asked=asked,
            filtered=any(asked.values()),
            page=page,
            pages=max(1, -(-count // CASES_ON_A_PAGE)),
            states=[(one.value, words.state(one)) for one in State],
            outcomes=[(one.value, words.outcome(one)) for one in Outcome],
        )

    def _in_list(self, summary: Any) -> dict[str, Any]:
        now = int(self.work.clock())
        case = self.work.cases.get(summary.id) if self.work.deadlines and summary.state in OPEN else None
        due = [one for one in self.work.due(case) if one.at and not one.is_met] if case else []
        first = min(due, key=lambda one: one.at, default=None)
        return {
            "id": summary.id,
            "name": summary.reference or grouped(summary.id),
            "state": summary.state.value,
            "state_words": words.state(summary.state),
            "outcome": words.outcome(summary.outcome),
            "region": summary.region,
            "group": word("product_group", summary.product_group),
            "lines": summary.lines,
            "photos": summary.photos,
            "held": summary.held,
            "changed": instant(summary.changed_at),
            "due": (first.name, instant(first.at), first.at < now) if first else None,
        }

    # --------------------------------------------------------------------------------------------------------- one case

    def case(self, name: str) -> Response:
        """Show a case."""
        case = self._read(name)
        is_spread = self.work.spread(case)
        lines = [result_lines.from_record(line) for line in case.units]
        show = request.args.get("show", "")
        chosen = [line for line in lines if line.group == show] if show in set(Group) else lines
        pages = max(1, -(-len(chosen) // ON_A_PAGE))
        page = min(max(request.args.get("page", 1, int), 1), pages)
        seen = chosen[(page - 1) * ON_A_PAGE : page * ON_A_PAGE]
        elsewhere = self.work.regions_elsewhere([line.unit for line in seen if line.unit], case.office)
        now = int(self.work.clock())
        return page_of(
            "case.html",
            case=case,
            title=case.details.reference or grouped(case.id),
            number=grouped(case.id),
            state=words.state(case.state),
            outcome=words.outcome(case.outcome),
            next_step=words.next_step(case),
            opened=instant(case.opened_at),
            closed=instant(case.closed_at) if case.closed_at else None,
            known=words.facts(case.details),
            counts=list(lists.groups(_counted(lines))),
            show=show,
            chosen=len(chosen),
            rows=[(lists.row(line), ", ".join(elsewhere.get(line.unit, ())) if line.unit else "") for line in seen],
            page=page,
            pages=pages,
            photos=_photos(case),
            guides=self.work.guides_of(case),
            custody=[(instant(one.values["at"]), words.custody(one.values), one.why) for one in case.of(Kind.CUSTODY)],
            examined=[(instant(one.time), words.examined(one.values), one.why) for one in case.of(Kind.EXAMINED)],
            deadlines=[
                (one.name, instant(one.at) if one.at else None, 0 < one.at < now, one.is_met) for one in self.work.due(case)
            ],
            told=[(instant(one.time), one.values) for one in case.of(Kind.NOTIFIED)],
            answers=[(instant(one.time), one.values) for one in case.of(Kind.ANSWERED)],
            copied=[_unit(*unit) for unit in sorted(case.confirmed_copies)],
            stolen=[_unit(*unit) for unit in sorted(case.confirmed_stolen)],
            is_spread=is_spread,
            absences=[_absence(one.values) for one in case.of(Kind.ABSENCE_SHOWN)],
            due_absences=len(self.work.due_absences(case)) if self.work.inquiry else 0,
            history=words.history(case, self.work.people.name),
            can={name: _may(case, name) for name in FORMS},
        )

    def form(self, name: str, form: str) -> Response:
        """Show the form of something that can be done to a case."""
        if form not in FORMS or form == "absence":
            abort(404)
        return self._form(self._mine(name), form)

    def _form(self, case: Case, form: str, complaint: str = "", faults: Mapping[str, str] | None = None) -> Response:
        if not _may(case, form):
            complaint = words.fault("wrong_state")
        sent = request.form if request.method == "POST" else {}
        stands = {name: getattr(case.details, name) for name in forms.KINDS}
        stands["detained_at"] = forms.local(case.details.detained_at)
        return page_of(
            f"case_{form.replace('-', '_')}.html" if form not in REASONED else "case_why.html",
            choices=choices() if form == "facts" else {},
            status=400 if complaint or faults else 200,
            case=case,
            form=form,
            title=case.details.reference or grouped(case.id),
            seen=request.form.get("seen", str(len(case.events))),
            complaint=complaint,
            faults=faults or {},
            filled=sent or stands,
            label=words.label,
            hint=words.hint,
            long=forms.LONG,
            kinds={name: kind.__name__ for name, kind in forms.KINDS.items()},
            sections=[(gettext(heading), names) for heading, names in words.SECTIONS],
            actions=[(value, gettext(text)) for value, text in words.CUSTODY.items()],
            outcomes=[(one.value, gettext(title), gettext(text)) for one, (title, text) in words.OUTCOMES.items()],
            units=_choices(case) if form in {"close", "findings"} else [],
            chosen={kind: set(request.form.getlist(kind)) for kind in ("copied", "stolen")},
            unit=request.values.get("unit", ""),
            what=request.values.get("what", ""),
            now=forms.local(int(self.work.clock())),
        )

    def act(self, name: str, form: str) -> AnyResponse:
        """Do what a form says, or show what is wrong with it."""
        if form not in FORMS:
            abort(404)
        case = self._mine(name)
        try:
            seen = int(request.form.get("seen", ""))
        except ValueError:
            abort(400)
        try:
            acts, faults = self._acts(case, form)
            if faults:
                return self._form(case, form, faults={key: words.fault(reason) for key, reason in faults.items()})
            if acts:
                self.work.act(case, acts, seen)
        except CaseError as error:
            if form == "absence":
                return self._message(case, words.fault_of(error))
            answer = self._form(case, form, words.fault_of(error))
            answer.status_code = 409 if error.reason == "changed" else 400
            return answer
        except (ChainError, StoreError, Overloaded):
            if form != "absence":
                raise
            return self._message(case, words.fault("away"))
        return redirect(url_for("cases.case", name=name, _anchor=ANCHORS.get(form)), 303)

    def _acts(self, case: Case, form: str) -> tuple[list[Act], dict[str, str]]:
        """Return what a form wants to be done, and by field what is wrong with it. Raises `CaseError`."""
        sent = request.form
        if form == "facts":
            values, faults = forms.details(sent)
            changed = forms.changes(case, values)
            return [Act(Kind.CHANGED, changed, forms.why(sent))] if changed else [], faults
        makers: Mapping[str, Callable[[], list[Act]]] = {
            "photos": self._photos,
            "custody": lambda: [forms.custody(sent, int(self.work.clock()))],
            "examined": lambda: [forms.examined(sent)],
            "close": lambda: forms.closing(sent, case),
            "findings": lambda: forms.findings(sent, case),
            "absence": lambda: self.work.absences(case),
            "take-back": lambda: [forms.taken_back(sent, case)],
            # What a withdrawn case said of its units is not said any more.
            "withdraw": lambda: [Act(Kind.WITHDRAWN, why=forms.why(sent)), *forms.reversals(case, forms.why(sent))],
        }
        make = makers.get(form, lambda: [Act(FORMS[form], why=forms.why(sent))])
        return make(), {}

    def _photos(self) -> list[Act]:
        shows = clean(request.form.get("shows", ""))[:1000]
        acts = []
        for upload in request.files.getlist("photo"):
            data = upload.read()
            if data:
                acts += self.work.photo(data, clean(upload.filename or "")[:100], shows)
        if not acts:
            raise CaseError("found no photo", reason="no_photo")
        return acts

    def _message(self, case: Case, text: str) -> Response:
        answer = page_of("case_message.html", case=case, title=case.details.reference or grouped(case.id), complaint=text)
        answer.status_code = 400
        return answer

    def _read(self, name: str) -> Case:
        case = self.work.read(name)
        if case is None:
            abort(404)
        return case

    def _mine(self, name: str) -> Case:
        case = self.work.mine(name)
        if case is None:
            abort(404)
        return case


REASONED: Final = frozenset({"reopen", "withdraw", "hold", "release", "take-back"})
"""Forms that ask for a reason and nothing else."""
ANCHORS: Final = {"photos": "photos", "custody": "custody", "examined": "examined", "absence": "absences"}


def _may(case: Case, form: str) -> bool:
    """Say whether something can be done to a case now."""
    if form == "hold":
        return not case.held
    if form == "release":
        return case.held
    return case.state in WHEN[FORMS[form]]


def _counted(lines: list[Line]) -> Found:
    """Return the lines of a case with how many there are of each group; whose twins they are was found in their own list."""
    counts = Counter(line.group for line in lines)
    return Found(tuple(lines), {group: counts[group] for group in Group if counts[group]}, 0, 0, Counter())


def _choices(case: Case) -> list[tuple[str, str, str, str]]:
    """Return the registered units of a case, the doubtful ones first: value, number, group and its words."""
    lines = [line for line in map(result_lines.from_record, case.units) if line.unit and line.registration in IN_THE_REGISTRY]
    lines.sort(key=lambda line: list(Group).index(line.group))
    found = {}
    for line in lines:
        if line.unit and (key := f"{line.unit.gtin} {line.unit.serial}") not in found:
            found[key] = (key, _unit(line.unit.gtin, line.unit.serial)[2], line.group.value, lists.row(line).headline)
    return list(found.values())[:MOST_CHOICES]


def _unit(gtin: str, serial: str) -> tuple[str, str, str]:
    """Return a unit as a form's value, and as people read it."""
    return f"{gtin} {serial}", gtin, f"GTIN {gtin} · {printed(serial)}"


def _photos(case: Case) -> list[dict[str, Any]]:
    """Return the photos of a case, each with the copy to look at, if there is one."""
    copies = {photo["derived_from"]: photo["id"] for photo in case.photos if photo.get("derived_from")}
    return [{**photo, "view": copies.get(photo["id"], "")} for photo in case.originals]


def _absence(values: Mapping[str, Any]) -> dict[str, Any]:
    return {**values, "unit": _unit(values["gtin"], values["serial"])[2]}
