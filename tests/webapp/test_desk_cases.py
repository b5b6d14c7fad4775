"""A case from a checked list to what a buyer reads: by forms alone, one office's own, and nothing of it is ever lost."""

from __future__ import annotations

import hashlib
import io
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from registry.checking.trust import Trust
from registry.checking.verdicts import Registration, UnitView
from registry.enforcement import absence_steps, result_lines
from registry.enforcement.absence_steps import repeat
from registry.enforcement.cases import Kind
from registry.enforcement.consignments import Entry, Line
from registry.errors import ChainUnavailable, Overloaded, StoreUnavailable, WorkerLost
from registry.photos.processes import PhotoReaders
from registry.storage import histories
from registry.storage.guides import Guides
from registry.storage.journal import Journal
from tests.enforcement.paper import ABSENT, furnish
from tests.webapp.desk import CHEN, LI, OFFICERS, VOGT, Desk, open_desk, picture, shown
from tests.webapp.samples import BY_NAME, GTIN, LINK, NOW, REGISTERED, SERIAL
from tests.webapp.test_visits import IPHONE
from webapp.desk import casework, composing
from webapp.desk.cases import FORMS
from webapp.desk.casework import Casework, Deadline

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from registry.enforcement.absence import Inquiry

pytestmark = pytest.mark.xdist_group("photos in processes")

UNIT: Final = f"{GTIN} {SERIAL}"
OTHER: Final = "QQQQ0000QQQQ0001"


def known(serial: str) -> Any:
    """Return the verdict on a registered unit of this serial."""
    return replace(BY_NAME["registered"], unit=UnitView(GTIN, serial, "B2608"))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The site, shared by the tests: each opens cases of its own."""
    absent = replace(BY_NAME["not_registered"], unit=UnitView(GTIN, "NEVER1", None))
    here = f"http://localhost{LINK.partition('.org')[2]}"
    table = {
        here: replace(REGISTERED, checked_at=NOW),
        "NEVER1": absent,
        **{one: known(one) for one in (SERIAL, OTHER, "FREE1")},
    }
    with closing(PhotoReaders(at_once=1)) as photos:
        yield open_desk(tmp_path_factory.mktemp("desk"), table, copy=photos.copy)


def checked(desk: Desk, codes: str = f"{SERIAL}\n{OTHER}\n{SERIAL}\nNEVER1") -> str:
    """Have an inspector check a list; returns its address."""
    answer = desk.as_(LI).post("/inspect", data={"codes": codes})
    assert answer.status_code == 303, answer.text
    return answer.location


def opened(desk: Desk, groups: tuple[str, ...] = ("repeated", "not_registered"), **values: str) -> str:
    """Open a case from a checked list; returns its name."""
    name = checked(desk).rpartition("/")[2]
    answer = desk.as_(LI).post("/desk/cases/new", data={"list": name, "group": list(groups), **values})
    assert answer.status_code == 303, answer.text
    return answer.location.rpartition("/")[2]


def closed(desk: Desk, outcome: str = "copied_label", **values: Any) -> str:
    """Return a closed case."""
    case = opened(desk)
    answer = desk.do(LI, case, "close", outcome=outcome, why="examined beside the original", **values)
    assert answer.status_code == 303, answer.text
    return case


def buyer(desk: Desk) -> str:
    """Return what a buyer reads who scans the label."""
    return desk.as_(None).get(LINK.partition(".org")[2], headers={"User-Agent": IPHONE, "Accept-Language": "en"}).text


def test_from_a_list_to_what_a_buyer_reads(desk: Desk) -> None:
    """Checked, opened, photographed, closed with a confirmed copy: the buyer is told at once, until it is taken back."""
    address = checked(desk)
    offered = desk.page(LI, address)
    assert f'href="/desk/cases/new?list={address.rpartition("/")[2]}"' in offered.raw
    assert "/desk/cases/new" not in desk.as_(None).get("/inspect").text
    case = opened(desk, reference="SH-2026-0117", region="CN-SH", product_group="light_vehicles")
    standing = desk.cases.get(case)
    assert standing is not None
    assert [line["serial"] for line in standing.units] == [SERIAL, SERIAL, "NEVER1"]
    photo = picture()
    sent = {
        "photo": [(io.BytesIO(photo), "IMG 1.jpg"), (io.BytesIO(b"\0\0\0\x18ftypheic" + photo), "2.heic")],
        "shows": "a seal",
    }
    assert desk.do(LI, case, "photos", **sent).status_code == 303
    standing = desk.cases.get(case)
    assert standing is not None
    first, copy, heic = standing.photos
    assert first["sha256"] == hashlib.sha256(photo).hexdigest()
    assert (copy["derived_from"], heic["type"]) == (first["id"], "image/heic")
    seen = desk.as_(LI).get(f"/desk/cases/{case}/files/{copy['id']}")
    assert (seen.mimetype, b"A phone" in seen.data) == ("image/jpeg", False)
    original = desk.as_(LI).get(f"/desk/cases/{case}/files/{first['id']}")
    assert (original.data, original.headers["Content-Disposition"][:10]) == (photo, "attachment")
    assert "confirmed" not in buyer(desk).lower()
    answer = desk.do(LI, case, "close", outcome="copied_label", why="the seal is another", copied=[UNIT], stolen=[UNIT])
    assert answer.status_code == 303
    told = buyer(desk)
    assert "An inspector found that this product was stolen" in told
    assert "This code has been copied" in told
    page = desk.page(LI, f"/desk/cases/{case}")
    assert "SH-2026-0117" in page.text
    assert "Copied label" in page.text
    for what in ("copied", "stolen"):
        assert desk.do(LI, case, "take-back", what=what, unit=UNIT, why="it was another").status_code == 303
    assert buyer(desk) != told
    assert "stolen" not in buyer(desk)
    kinds = [kind for kind, _, subject in desk.notes if subject == f"case {case}" and kind != "case.read"]
    assert kinds[:3] == ["case.opened", "case.units_added", "case.photo_added"]
    assert kinds[-2:] == ["case.copy_reversed", "case.stolen_reversed"]


def test_single_lines_are_chosen_and_added_later(desk: Desk) -> None:
    """By their numbers, into a new case or into one that is open; into nobody else's."""
    case = opened(desk, only="1, 4-9", reference="LINES")
    standing = desk.cases.get(case)
    assert standing is not None
    assert [line["number"] for line in standing.units] == [1, 4]
    name = checked(desk).rpartition("/")[2]
    assert "LINES" in desk.page(LI, f"/desk/cases/new?list={name}").text
    sent = {"list": name, "group": "as_registered", "into": case}
    assert desk.as_(LI).post("/desk/cases/new", data=sent).location == f"/desk/cases/{case}"
    assert desk.as_(LI).post("/desk/cases/new", data=sent | {"only": "one"}).status_code == 400
    assert desk.as_(LI).post("/desk/cases/new", data=sent | {"only": "999"}).status_code == 400
    standing = desk.cases.get(case)
    assert standing is not None
    assert [line["serial"] for line in standing.units] == [SERIAL, "NEVER1", OTHER]
    theirs = desk.as_(VOGT).post("/inspect", data={"codes": SERIAL}).location.rpartition("/")[2]
    assert desk.as_(VOGT).post("/desk/cases/new", data=sent | {"list": theirs}).status_code == 404


def test_what_two_cases_say_holds_until_both_take_it_back(desk: Desk) -> None:
    """And a withdrawn case says nothing any more."""
    one, two = closed(desk, copied=[UNIT]), closed(desk, copied=[UNIT])
    desk.do(LI, one, "take-back", what="copied", unit=UNIT, why="not this one")
    assert is_copy(desk)
    desk.do(LI, two, "reopen", why="new facts")
    assert is_copy(desk)
    assert desk.do(LI, two, "withdraw", why="opened by mistake").status_code == 303
    assert not is_copy(desk)


def test_findings_that_could_not_be_told_are_told_later(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The case stands; its page says that checks do not know yet; the next look makes up for it."""
    with monkeypatch.context() as patched:
        patched.setattr(desk.histories, "mark", refuse)
        case = closed(desk, copied=[f"{GTIN} {SERIAL}"])
        assert "checks could not be told yet" in desk.page(LI, f"/desk/cases/{case}").text
    assert "checks could not be told yet" not in desk.page(LI, f"/desk/cases/{case}").text
    assert desk.histories.marks(GTIN, SERIAL)[-1][0] is histories.Kind.COPY
    desk.do(LI, case, "take-back", what="copied", unit=UNIT, why="tidy")


def is_copy(desk: Desk) -> bool:
    """Say what checks read of the unit."""
    return desk.histories.past(GTIN, SERIAL).copy_confirmed


def refuse(*_: object, **__: object) -> None:
    """Be away."""
    raise StoreUnavailable("away")


def test_of_two_inspectors_the_second_is_told(desk: Desk) -> None:
    """What he wrote stands in the form again; nothing was done."""
    case = opened(desk)
    assert desk.do(LI, case, "examined", seen=2, opened="2", examined="200", found="12").status_code == 303
    answer = desk.do(LI, case, "examined", seen=2, opened="3", examined="300", found="13")
    assert answer.status_code == 409
    page = shown(answer)
    assert "Somebody else changed this" in page.text
    assert 'value="300"' in answer.text
    assert "opened 2, examined 200, found 12" in desk.page(LI, f"/desk/cases/{case}").text


@pytest.mark.parametrize(
    ("form", "values", "said"),
    [
        ("close", {"why": "x"}, "Choose what was found"),
        ("close", {"outcome": "genuine"}, "Give a reason"),
        ("close", {"outcome": "genuine", "why": "x", "copied": f"{GTIN} another"}, "Choose units of this case"),
        ("facts", {"region": "Shanghai", "hs_code": "87"}, "country code"),
        ("facts", {"detained_at": "yesterday"}, "a date and a time"),
        ("facts", {"quantity": "-1"}, "whole number"),
        ("facts", {"note": "a" * 4001}, "at most 4000"),
        ("custody", {"action": "eaten"}, "Choose what was done"),
        ("examined", {"opened": "1", "examined": "2", "found": "3"}, "cannot be more than examined"),
        ("photos", {}, "Choose photos"),
        ("reopen", {"why": "x"}, "cannot be done"),
        ("take-back", {"what": "copied", "unit": UNIT, "why": "x"}, "Choose units"),
        ("absence", {}, "cannot ask the chain"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(desk: Desk, form: str, values: dict[str, str], said: str) -> None:
    """And nothing of the case has changed."""
    case = opened(desk)
    answer = desk.do(LI, case, form, **values)
    assert answer.status_code == 400
    assert said in shown(answer).text
    standing = desk.cases.get(case)
    assert standing is not None
    assert len(standing.events) == 2


def test_everything_an_inspector_writes_is_on_the_page(desk: Desk) -> None:
    """Facts, custody, hold, history: with who and why; and the list of cases finds it."""
    case = opened(desk, reference="HOLD-1")
    facts = {
        "reference": "HOLD-2",
        "region": "cn-gd",
        "quantity": "2,000",
        "detained_at": "2026-11-02T08:30",
        "hs_code": "8711.60",
    }
    assert desk.do(LI, case, "facts", **facts, why="the file number was wrong").status_code == 303
    assert desk.do(LI, case, "custody", action="sealed", place="shed 4", seal="CN-77", person="Wang").status_code == 303
    assert desk.do(LI, case, "hold", why="a court asked").status_code == 303
    page = desk.page(LI, f"/desk/cases/{case}")
    for text in (
        "HOLD-2",
        "CN-GD",
        "2,000",
        "871160",
        "Sealed · shed 4 · seal CN-77 · Wang",
        "Legal hold",
        "Li Wei",
        "a court asked",
    ):
        assert text in page.text, text
    assert "HOLD-2" in desk.page(LI, "/desk/cases?q=HOLD-2&region=CN&state=draft").text
    assert "HOLD-2" not in desk.page(LI, "/desk/cases?q=HOLD-2&state=closed").text
    assert "HOLD-2" not in desk.page(VOGT, "/desk/cases?q=HOLD-2").text
    chinese = desk.page(LI, f"/desk/cases/{case}", language="zh")
    assert "法律保全" in chinese.text


def test_another_office_is_told_that_it_is_seized_and_where_and_no_more(desk: Desk) -> None:
    """Its own list says so, its own case names the region; a list that nobody in particular brought does not."""
    case = opened(desk, reference="SECRET-REFERENCE")
    answer = desk.as_(VOGT).post("/inspect", data={"codes": f"{SERIAL}\nFREE1"})
    mine = desk.page(VOGT, answer.location + "?show=all")
    assert mine.raw.count("This unit is in another case, too") == 1
    assert desk.as_(LI).get(answer.location).status_code == 404
    assert desk.as_(None).get(answer.location).location.startswith("/desk/sign-in?next=%2Finspect%2F")
    sent = {"list": answer.location.rpartition("/")[2], "group": "as_registered"}
    theirs = desk.as_(VOGT).post("/desk/cases/new", data=sent).location
    page = desk.page(VOGT, theirs)
    assert "CN-SH" in page.text
    assert "SECRET-REFERENCE" not in page.raw
    assert case not in page.raw
    public = desk.as_(None).post("/inspect", data={"codes": SERIAL})
    assert "in another case" not in desk.as_(None).get(public.location + "?show=all").text
    desk.do(LI, case, "withdraw", why="done")


@pytest.mark.parametrize("officer", OFFICERS[1:], ids=lambda one: f"{one.role} {one.id}")
def test_a_case_does_not_exist_for_others(desk: Desk, officer: Any) -> None:
    """Every route, for every role and for another office: 404, and nothing changes; nobody at all is led to sign in."""
    case = opened(desk)
    photo = desk.do(LI, case, "photos", photo=(io.BytesIO(picture()), "1.jpg"))
    assert photo.status_code == 303
    before = desk.cases.get(case)
    assert before is not None
    addresses = [f"/desk/cases/{case}", f"/desk/cases/{case}/files/{before.photos[0]['id']}"]
    addresses += [f"/desk/cases/{case}/{form}" for form in FORMS]
    for address in addresses:
        assert desk.as_(officer).get(address).status_code == 404, address
        assert desk.as_(None).get(address).status_code in {302, 303}, address
    for form in FORMS:
        assert desk.do(officer, case, form, why="x", outcome="genuine").status_code == 404
    if officer is not VOGT:
        for address in ("/desk/cases", "/desk/cases/new"):
            assert desk.as_(officer).get(address).status_code == 404
    assert desk.cases.get(case) == before


def test_a_long_case_is_paged(desk: Desk) -> None:
    """Two thousand lines are shown two hundred at a time, and by what they come to."""
    short = desk.cases.get(opened(desk))
    assert short is not None
    lines = [{**short.units[0]} | {"number": number, "serial": f"S{number}", "unit_lines": 1} for number in range(1, 2001)]
    case = desk.cases.open_case(LI.office.id, LI.id, {"reference": "LONG"}, lines)
    page = desk.page(LI, f"/desk/cases/{case.id}?page=10")
    assert "Page 10 of 10" in page.text
    assert page.raw.count("<tr") == 201
    assert "2,000" in page.text


def test_deadlines_are_shown_where_somebody_knows_them(tmp_path: Path) -> None:
    """On the case and in the list, the next one; what has passed stands out, and a closed case has none in the list."""
    due = lambda _, now: [Deadline("Release", now - 60), Deadline("Met", now - 90, is_met=True)]  # noqa: E731 -- as short
    desk = open_desk(tmp_path, {}, copy=bytes, deadlines=due)
    case = desk.cases.open_case(LI.office.id, LI.id, {"reference": "DUE"}).id
    assert "Release · has passed" in desk.page(LI, f"/desk/cases/{case}").text
    assert "Release:" in desk.page(LI, "/desk/cases").text
    desk.do(LI, case, "close", outcome="genuine", why="examined")
    assert "Release:" not in desk.page(LI, "/desk/cases").text


def test_a_site_has_a_desk_where_its_database_is_named(tmp_path: Path) -> None:
    """Opened when it is first needed, and once."""
    file = tmp_path / "desk.db"
    more: dict[str, Any] = {"photos": PhotoReaders(), "trust": Trust(bytes(32), ()), "chains": (), "store": None}
    assert composing.casework(None, None, **more) is None
    work = composing.casework(f"sqlite:///{file}", f"sqlite:///{tmp_path / 'scans.db'}", **more)
    assert work is not None
    assert not file.exists()
    assert work.cases is work.cases
    assert work.cases.of_office(3) == ((), 0)
    assert file.exists()
    case = work.cases.open_case(3, 5, {})
    with Journal.open(f"sqlite:///{file}") as journal:
        (entry,) = journal.entries()
    assert (entry.kind, entry.who, entry.subject) == ("case.opened", 5, f"case {case.id}")
    assert entry.values["sha256"] == case.events[0].sha256(case.id)
    work.cases.close()


def test_a_database_that_is_away_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads that there is no case; a list is checked all the same."""
    case = opened(desk)
    with monkeypatch.context() as patched:
        for name in ("get", "of_office", "is_elsewhere"):
            patched.setattr(desk.cases, name, refuse)
        for address in (f"/desk/cases/{case}", "/desk/cases"):
            assert desk.as_(LI).get(address).status_code == 503
        assert desk.as_(LI).get(checked(desk)).status_code == 200


def test_a_photo_waits_for_others_and_is_never_lost(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many photos at once cost a moment; without a process for copies the photo is kept alone."""
    monkeypatch.setattr(casework, "WAIT", 0)
    answers: list[Any] = [Overloaded("busy"), WorkerLost("gone"), b"\xff\xd8\xff copy"]

    def copy(_: bytes) -> bytes:
        found = answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return bytes(found)

    work = Casework(lambda: desk.cases, copy)
    assert len(work.photo(picture(), "1.jpg", "")) == 2
    answers += [Overloaded("busy")] * casework.ATTEMPTS
    assert len(work.photo(picture(), "1.jpg", "")) == 1


def test_brands_keep_guides_and_inspectors_read_them(desk: Desk) -> None:
    """Versions stay, pictures are made anew, each look is noted; another brand's people find nothing."""
    sent = {
        "title": "Kestrel S2", "gtin": GTIN, "version": "0", "points": "2", "note": "Look at the deck first.",
        "where-0": "The deck", "genuine-0": "laser engraved", "fake-0": "printed",
        "genuine_picture-0-file": (io.BytesIO(picture("green")), "deck.jpg"),
    }  # fmt: skip
    answer = desk.as_(CHEN).post("/desk/guides/edit", data=sent)
    assert answer.status_code == 303, answer.text
    page = desk.page(LI, answer.location)
    assert "laser engraved" in page.text
    assert desk.notes[-1] == ("guide.read", LI.id, f"guide 7 {GTIN}")
    point = Guides(desk.cases).latest()[0].points[0]
    seen = desk.as_(LI).get(f"/desk/guides/7/pictures/{point.genuine_picture}")
    assert (seen.mimetype, b"A phone" in seen.data) == ("image/jpeg", False)
    edited = sent | {"version": "1", "fake-0": "a sticker", "genuine_picture-0": point.genuine_picture}
    del edited["genuine_picture-0-file"]
    assert desk.as_(CHEN).post("/desk/guides/edit", data=edited).status_code == 303
    assert "Somebody else changed this" in desk.as_(CHEN).post("/desk/guides/edit", data=edited).text
    assert "a sticker" in desk.page(LI, answer.location).text
    assert "printed" in desk.page(LI, f"{answer.location}?version=1").text
    assert "Kestrel S2" in desk.page(VOGT, f"/desk/guides?q={GTIN}").text
    assert "Kestrel S2" in desk.page(LI, f"/desk/cases/{opened(desk)}").text
    larch = OFFICERS[3]
    for address in (answer.location, f"/desk/guides/7/pictures/{point.genuine_picture}", f"/desk/guides/edit?gtin={GTIN}"):
        assert desk.as_(larch).get(address).status_code == 404
    assert "Kestrel S2" not in desk.page(larch, "/desk/guides").text
    for one in OFFICERS[4:]:
        assert desk.as_(one).get("/desk/guides").status_code == 404
    assert desk.as_(LI).get("/desk/guides/edit").status_code == 404


def test_absence_is_shown_and_kept(tmp_path: Path) -> None:
    """Of a number that was never registered: the file is one that anybody can check; if a chain is away, nothing is said."""
    registry = furnish(tmp_path)
    text = f"(01){ABSENT.gtin}(21){ABSENT.serial}"
    absent = replace(BY_NAME["not_registered"], unit=UnitView(ABSENT.gtin, ABSENT.serial, None))
    away = [False]

    def inquiry() -> Inquiry:
        if away[0]:
            raise ChainUnavailable("silent")
        return registry.inquiry()

    desk = open_desk(tmp_path, {text: absent, ABSENT.serial: absent}, copy=bytes, inquiry=inquiry)
    line = {**result_lines.record(Line(Entry(1, text), Registration.NOT_REGISTERED, unit=ABSENT))}
    case = desk.cases.open_case(LI.office.id, LI.id, {}, [line]).id
    assert "1 number of this case was not registered" in desk.page(LI, f"/desk/cases/{case}").text
    away[0] = True
    assert "could not be asked now" in desk.do(LI, case, "absence").text
    away[0] = False
    assert desk.do(LI, case, "absence").status_code == 303
    standing = desk.cases.get(case)
    assert standing is not None
    (event,) = standing.of(Kind.ABSENCE_SHOWN)
    sent = desk.as_(LI).get(f"/desk/cases/{case}/files/{event.values['id']}")
    file, made = repeat(sent.data)
    assert file is not None
    assert file.unit == ABSENT
    assert {one.outcome for one in made} == {absence_steps.Outcome.PASSED}
    assert "was not registered" not in desk.page(LI, f"/desk/cases/{case}").text
    assert desk.do(LI, case, "absence").status_code == 303
    assert desk.cases.get(case) == standing
