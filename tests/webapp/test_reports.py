"""A problem is reported once, by people, and lands as a lead; whoever is not heard reads why, and what helps instead."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import FileStorage

from registry.checking.verdicts import History
from registry.errors import StoreUnavailable
from registry.storage.histories import HOUR, Histories, Kind
from registry.storage.leads import Leads, group
from registry.storage.scans import Scans
from tests.webapp.html import Page
from tests.webapp.reporting import ADDRESS, PNG, Clock, Person, reporting
from tests.webapp.samples import BY_NAME, CHOICE, GTIN, LINK, NOW, REGISTERED, SERIAL, Answers, readers
from tests.webapp.test_visits import SECRET
from webapp import wsgi
from webapp.app import create_app
from webapp.histories import Forgetful, Remembering
from webapp.limits import MAX_FIELD, MAX_PHOTO, MAX_UPLOAD
from webapp.presenter.reports import FAULTS, PLACES, WRONGS
from webapp.report_form import LONGEST, Fault, Filled, Place, Wrong
from webapp.report_limits import FROM_PHONE
from webapp.report_tickets import RECEIPT_SECONDS
from webapp.settings import Settings
from webapp.tickets import Tickets
from webapp.visits import Visitors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from werkzeug.test import TestResponse

HOSTILE = "<script>alert(1)</script>\"'{{7*7}}%(most)s</textarea>=1+1"


@pytest.fixture(scope="module")
def leads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Leads]:
    """Leads that all tests share."""
    with Leads.open(f"sqlite:///{tmp_path_factory.mktemp('reports') / 'scans.db'}", create=True) as opened:
        yield opened


def _clocks() -> Iterator[Clock]:
    """Yield clocks of days of their own, each later than the one before: the newest lead is that of the test that runs."""
    return (Clock(NOW + days * 5 * 24 * HOUR) for days in range(1, 1000))


CLOCKS: Final = _clocks()


@pytest.fixture
def person(leads: Leads) -> Person:
    """Somebody who reports."""
    return Person(leads, next(CLOCKS))


def errors(answer: TestResponse) -> list[str]:
    """Return the fields that the summary leads to."""
    summary = re.search(r'<div class="summary".*?</div>', answer.text, re.DOTALL)
    return re.findall(r'href="#([a-z-]+)"', summary[0]) if summary else []


def done(person: Person, answer: TestResponse) -> Page:
    """Return the page that thanks for a report that was taken."""
    assert answer.status_code == 303, errors(answer)
    return Page(person.get(answer.headers["Location"]).text)


def test_a_report_about_a_label_lands_as_a_lead(person: Person) -> None:
    """With what was told, what the site finds, the brand, the coarse region, the photo; the summary repeats it."""
    told = {
        "link": LINK, "place": "online", "wrong": ["code", "harm"], "seller": "成都夜市", "bought": "2026-07-28",
        "note": "Two\nlines", "contact": "a@b.example", "to_inspectors": "on", "photo": FileStorage(io.BytesIO(PNG), "a.png"),
    }  # fmt: skip
    answer = person.send(told, headers={"Region": "CN-51"})
    page = done(person, answer)
    lead = person.leads.list()[0]
    assert (lead.gtin, lead.serial, lead.manufacturer, lead.presented) == (GTIN, SERIAL, 2, LINK)
    assert (lead.registration, lead.history, lead.binding) == ("registered", "not_applicable", "none")
    assert (lead.place, lead.wrong, lead.note, lead.seller) == ("online", ("code", "harm"), "Two\nlines", "成都夜市")
    assert (lead.bought, lead.region, lead.language, lead.contact) == ("2026-07-28", "CN-51", "en", "a@b.example")
    assert (lead.to_brand, lead.to_inspectors) == (False, True)
    assert person.leads.photo(lead.reference) == PNG
    assert page.faults == []
    for words in (
        group(lead.reference),
        "7K3M 9QX2 PTRD H5WB",
        GTIN,
        "成都夜市",
        "July 28, 2026",
        lead.photo.sha256.hex() if lead.photo else "",
    ):
        assert words in page.text("main")
    assert "a@b.example" not in page.text()
    assert "call 12315" in page.text("main")
    assert "get medical help" in page.text("main")


def test_a_report_needs_no_code_and_no_photo(person: Person) -> None:
    """A product without a code, or with a code of others, is worth a report."""
    done(person, person.send({"link": "", "wrong": None, "note": "No code at all"}, headers={"Region": "DE"}))
    lead = person.leads.list()[0]
    assert (lead.presented, lead.registration, lead.photo, lead.manufacturer) == ("", "", None, None)
    page = done(person, person.send({"link": "https://pay.example/6f1"}))
    assert "https://pay.example/6f1" in page.text("main")
    assert person.leads.list()[0].registration == "unreadable"


@pytest.mark.parametrize(("region", "said", "not_said"), [
    ("CN-51", "call 12315", "where you live"), ("DE", "where you live", "12315"), ("HK", "where you live", "12315"),
])  # fmt: skip
def test_the_authority_is_that_of_the_region(person: Person, region: str, said: str, not_said: str) -> None:
    """Where it is not known, both are named."""
    text = done(person, person.send(headers={"Region": region})).text("main")
    assert said in text
    assert not_said not in text
    both = done(person, person.send()).text("main")
    assert "12315" in both
    assert "where you live" in both


def test_an_unfinished_form_comes_back_with_everything_in_it(person: Person) -> None:
    """A summary that has the focus and leads to the fields, each fault beside its field, what was typed, a photo's loss."""
    typed = {"place": None, "wrong": None, "note": "x" * 2001, "seller": HOSTILE, "contact": "nobody", "bought": "soon",
             "photo": FileStorage(io.BytesIO(PNG), "a.png")}  # fmt: skip
    answer = person.send(typed)
    page = Page(answer.text)
    assert answer.status_code == 400
    assert page.faults == []
    assert page.text("title").startswith("Error: ")
    assert errors(answer) == ["note", "place-shop", "bought", "contact"]
    assert all(any(one.get("id") == field for _, one in page.elements) for field in errors(answer))
    assert "autofocus" in next(one for one in page.all("div") if one.get("class") == "summary")
    fields = {one["id"]: one for one in page.all("input") if "id" in one}
    assert (fields["seller"]["value"], fields["contact"]["value"]) == (HOSTILE, "nobody")
    assert "aria-invalid" in fields["contact"]
    assert "contact-error" in fields["contact"]["aria-describedby"]
    assert "Choose the photo again" in page.text("main")
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_form_is_taken_once_however_often_it_is_sent(person: Person) -> None:
    """A double click, a reload, the browser's way back: one lead, and the same reference."""
    ticket = person.ticket()
    before = len(person.leads.list())
    answers = [person.send({"note": note}, ticket=ticket) for note in ("first", "first", "changed", "")]
    references = {Page(person.get(one.headers["Location"]).text).text("main")[:90] for one in answers}
    assert len(references) == 1
    assert len(person.leads.list()) == before + 1
    assert any(lead.note == "first" for lead in person.leads.list())
    person.clock.now += LONGEST * 2
    assert person.send(ticket=ticket).status_code == 303


def test_a_form_that_no_person_filled_in_is_asked_for_again(person: Person) -> None:
    """Too quickly, too late, forged, or with the hidden field: a person sends it once more, and nothing is lost."""
    before = len(person.leads.list())
    old = person.ticket()
    quick = person.ticket()
    person.clock.now -= 1
    answers = {Fault.TOO_FAST: person.send({"note": "kept"}, ticket=quick)}
    person.clock.now += LONGEST
    answers[Fault.TOO_OLD] = person.send({"note": "kept"}, ticket=old)
    answers[Fault.TRAPPED] = person.send({"note": "kept", "website": "http://spam.example"})
    forged = person.send({"note": "kept"}, ticket="forged")
    for fault, answer in (*answers.items(), (Fault.TOO_OLD, forged)):
        assert answer.status_code == 400
        assert FAULTS[fault] in answer.text
        assert "kept</textarea>" in answer.text
        assert "spam.example" not in answer.text
    assert len(person.leads.list()) == before
    again = re.findall(r'name="ticket" value="([^"]+)"', forged.text)[0]
    assert person.send(ticket=again).status_code == 303


def test_one_phone_and_one_network_are_heard_so_often(person: Person) -> None:
    """Whoever is over it reads honestly why, keeps what was typed, and is told what helps; others are heard."""
    assert {person.send().status_code for _ in range(FROM_PHONE)} == {303}
    answer = person.send({"note": "kept"})
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= HOUR
    assert "kept</textarea>" in answer.text
    assert "12315" in answer.text
    assert "Send it again in" in answer.text
    assert person.send(address="5.6.7.8").status_code == 303
    person.clock.now += HOUR
    assert person.send().status_code == 303


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({"Origin": "http://localhost"}, 303),
        ({"Origin": "null"}, 303),
        ({}, 303),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
    ],
)
def test_no_other_site_sends_a_form(person: Person, headers: dict[str, str], status: int) -> None:
    """As far as a browser says where a form came from."""
    assert person.send(headers=headers).status_code == status


def test_what_is_too_much_is_refused_at_once(person: Person) -> None:
    """A text of 10 MB, a body beyond a photo's, a hundred fields; none of them is stored."""
    before = len(person.leads.list())
    assert person.send({"note": "x" * (10 * 2**20)}).status_code == 413
    assert person.send({"note": "x" * (MAX_FIELD + 1)}).status_code == 413
    assert person.send({"photo": FileStorage(io.BytesIO(b"x" * MAX_UPLOAD), "a.png")}).status_code == 413
    assert person.send({f"field{n}": "x" for n in range(100)}).status_code == 413
    assert person.send({"photo": FileStorage(io.BytesIO(b"<svg onload=alert(1)>"), "a.png")}).status_code == 400
    assert len(person.leads.list()) == before
    large = PNG + b"x" * (MAX_PHOTO - len(PNG))
    assert person.send({"photo": FileStorage(io.BytesIO(large), "a.png")}).status_code == 303
    assert person.leads.photo(person.leads.list()[0].reference) == large


def test_nobody_reads_a_summary_by_guessing(person: Person) -> None:
    """The reference opens nothing; the address holds no word of what was told, and ends after a day."""
    answer = person.send({"contact": "a@b.example", "seller": "Somebody", "link": LINK})
    address = answer.headers["Location"]
    reference = person.leads.list()[0].reference
    for word in ("a@b", "Somebody", SERIAL, reference, group(reference)):
        assert word not in address
    for guess in (reference, group(reference), address.rpartition("/")[2][:-1], "x"):
        assert person.get(f"/report/sent/{guess}").status_code == 404
    assert person.get(address).headers["Cache-Control"] == "no-store"
    person.clock.now += RECEIPT_SECONDS + 9
    gone = person.get(address)
    assert (gone.status_code, "not been lost" in gone.text) == (404, True)


def test_the_language_changes_and_what_was_typed_stays(person: Person) -> None:
    """Sent by the switch, a form is only shown; sent to stay in that language, it thanks in it."""
    before = len(person.leads.list())
    shown = person.send({"note": "kept", "look": "1"}, to="/report/send?lang=zh-Hans")
    assert (shown.status_code, "kept</textarea>" in shown.text, "反馈问题" in shown.text) == (200, True, True)
    assert len(person.leads.list()) == before
    assert 'action="/report/send?lang=zh-Hans"' in shown.text
    assert "?lang=zh-Hans" in person.send(to="/report/send?lang=zh-Hans").headers["Location"]
    page = Page(person.get("/report", "zh-CN").text)
    assert "有哪些问题" in page.text("main")
    assert person.get("/report/send").headers["Location"] == "/report"
    assert not re.search(r"\b(?!GTIN|JPEG|PNG|WebP|Touchstone|English|MB)[A-Za-z]{3,}", page.text("main"))


def test_a_site_without_a_database_of_reports_says_so() -> None:
    """And what helps instead."""
    client = create_app(readers()).test_client()
    assert client.get("/report").status_code == 200
    assert "12315" in client.get("/report").text
    assert client.post("/report/send", data={"note": "x"}).status_code == 503


def test_a_database_that_is_away_loses_nothing_without_a_word(leads: Leads) -> None:
    """The form comes back, with what to do meanwhile; the summary says that it cannot be shown now."""
    clock = next(CLOCKS)
    person = Person(leads, clock)
    address = person.send().headers["Location"]

    def away() -> Leads:
        raise StoreUnavailable("gone")

    reports = reporting(leads, clock)
    reports._connect = away
    person._client = create_app(readers(reports=reports)).test_client()
    answer = person.send({"note": "kept"})
    assert (answer.status_code, "kept</textarea>" in answer.text, "12315" in answer.text) == (503, True, True)
    assert person.get(address).status_code == 503


def test_every_page_leads_here(person: Person) -> None:
    """A verdict's page with the code that it is about, as it was given; every other page with none."""
    client = create_app(readers(BY_NAME)).test_client()
    assert 'href="/report"' in client.get("/").text
    for name, found in BY_NAME.items():
        page = Page(client.get(f"/check?link={name}").text)
        address = next(one["href"] for one in page.all("a") if one["href"].startswith("/report"))
        form = Page(person.get(address).text)
        carried = next(one["value"] for one in form.all("input") if one.get("name") == "link")
        assert carried == found.presented
        if found.unit:
            assert "7K3M 9QX2 PTRD H5WB" in form.text("main") or found.presented == "7k3m"


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=120), st.sampled_from(["note", "seller", "contact", "link", "bought", "place", "wrong", "ticket"]))
def test_whatever_is_typed_comes_back_harmless(person: Person, typed: str, field: str) -> None:
    """The page stays well formed, with no element more than it has, whether the form was taken or not."""
    person.clock.now += HOUR
    answer = person.send({field: HOSTILE + typed + "\u202e\x1b[2J"}, ticket=None if field != "ticket" else HOSTILE)
    page = Page(answer.text) if answer.status_code == 400 else done(person, answer)
    assert page.faults == []
    assert page.all("script") == []
    assert not {"\u202e", "\x1b"} & set(answer.text + page.text())


def test_a_report_tells_what_the_history_said(leads: Leads, tmp_path: Path) -> None:
    """A person marked the unit as a copy: its page says so from then on, and so does what the lead remembers."""
    with Scans.open(f"sqlite:///{tmp_path / 'scans.db'}") as scans, Histories(scans._engine) as histories:
        histories.mark(GTIN, SERIAL, Kind.COPY, NOW, actor="An inspector", reason="beside the original")
        clock = next(CLOCKS)
        memory = Remembering(Visitors(SECRET), Tickets(SECRET), lambda: histories, clock=clock)
        checks = Answers({LINK: replace(REGISTERED, checked_at=NOW)})
        person = Person(leads, clock, memory=memory, checks=checks)
        page = done(person, person.send({"link": LINK}))
        assert "This code has been copied" in page.text("main")
        assert leads.list()[0].history == History.CONFIRMED_COPY


def test_every_choice_and_fault_has_words() -> None:
    """Nothing can be chosen or be wrong without a sentence."""
    assert set(PLACES) == set(Place)
    assert set(WRONGS) == set(Wrong)
    assert set(FAULTS) == set(Fault)


def test_a_lead_of_a_code_of_several_products_names_none(leads: Leads) -> None:
    """What was typed is kept, and nothing is guessed."""
    person = Person(leads, next(CLOCKS), checks=Answers({"7k3m": CHOICE}))
    done(person, person.send({"link": "7k3m"}))
    assert (leads.list()[0].presented, leads.list()[0].gtin) == ("7k3m", "")


def test_reports_are_taken_where_scans_and_a_secret_are_set(tmp_path: Path) -> None:
    """Into the database of scans, whose tables are made if they are not there; without either setting nowhere."""
    there = {"database_url": "", "trees": tmp_path, "trust": tmp_path, "rpc": ()}
    settings = Settings(**there, scans_url=f"sqlite:///{tmp_path / 'scans.db'}", device_secret=SECRET)  # type: ignore[arg-type]  # a dict of all
    found = wsgi.reports(settings, wsgi._visitors(settings), Answers(), Forgetful())
    assert found is not None
    form = found.tickets.read_form(found.tickets.form(NOW))
    assert form is not None
    reference = found.take(Filled(place=Place.SHOP, note="x"), form, (b"", None), {"REMOTE_ADDR": ADDRESS}, "en")
    assert isinstance(reference, str)
    assert found.taken(form) == reference
    found._open().close()  # type: ignore[attr-defined]  # as the process does at its end
    for less in (replace(settings, device_secret=None), replace(settings, scans_url=None)):
        assert wsgi.reports(less, wsgi._visitors(less), Answers(), Forgetful()) is None
