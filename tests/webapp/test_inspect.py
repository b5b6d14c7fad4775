"""Many codes at once: verdicts by line, and the same unit twice is flagged at once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.checking.verdicts import Registration, UnitView
from tests.webapp.html import Page
from tests.webapp.samples import BY_NAME, CHOICE, GTIN, Answers, readers
from webapp.app import create_app
from webapp.consignment import GIVES_UP_AFTER, check_lines, read_lines
from webapp.languages import LANGUAGES
from webapp.limits import MAX_LINES

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from registry.checking.typed import Choice
    from registry.checking.verdicts import Verdict


def known(serial: str) -> Verdict:
    """Return the verdict on a registered unit of this serial."""
    return replace(BY_NAME["registered"], unit=UnitView(GTIN, serial, "B2608"))


def inspect(client: FlaskClient, codes: str, language: str = "en", **more: str) -> Page:
    """Paste a list and read the page."""
    answer = client.post("/inspect", data={"codes": codes, **more}, headers={"Accept-Language": language})
    assert answer.status_code == 200
    return Page(answer.text)


@given(st.lists(st.sampled_from("ABCDE"), max_size=30))
def test_lines_are_duplicates_exactly_if_their_unit_is_on_another_line(serials: list[str]) -> None:
    """Whatever the list: each line names all the others of its unit, and the count is theirs."""
    report = check_lines(tuple(enumerate(serials, 1)), known)
    for line in report.lines:
        assert line.same_as == tuple(n for n, other in enumerate(serials, 1) if other == line.text and n != line.number)
    counts = Counter(serials)
    assert report.duplicates == sum(count for count in counts.values() if count > 1)
    assert sum(report.counts.values()) == len(serials)


def test_a_link_and_a_typed_number_of_one_unit_are_the_same() -> None:
    """What counts is the unit that was found, not how it was written."""
    report = check_lines(
        ((1, "https://h.example/01/1/21/A"), (2, "a"), (3, "B")), lambda text: known("B" if text == "B" else "A")
    )
    assert [line.same_as for line in report.lines] == [(2,), (1,), ()]


def test_numbers_that_nobody_registered_are_compared_as_they_read() -> None:
    """A fake serial that is on two boxes is as telling as a real one."""
    unknown = replace(BY_NAME["not_registered"], unit=None)
    report = check_lines(((1, "7K3M-O"), (4, "7k3m 0"), (5, "other")), lambda _: unknown)
    assert [line.same_as for line in report.lines] == [(4,), (1,), ()]


def test_empty_lines_are_skipped_and_numbers_kept() -> None:
    """Line numbers are those of what was pasted, whatever ends its lines."""
    assert read_lines("\n A \r\n\r\n\tB\n") == ((2, "A"), (4, "B"))


def test_a_silent_chain_is_not_asked_a_thousand_times() -> None:
    """After a few lines in a row that could not be asked, the rest is honestly not asked."""
    asked: list[str] = []

    def check(text: str) -> Verdict:
        asked.append(text)
        return BY_NAME["cannot_check"]

    report = check_lines(tuple((n, str(n)) for n in range(1, 101)), check)
    assert len(asked) == GIVES_UP_AFTER
    assert {line.verdict.registration for line in report.lines if line.verdict} == {Registration.CANNOT_CHECK}
    page = inspect(create_app(readers({str(n): BY_NAME["cannot_check"] for n in range(9)})).test_client(), "1\n2\n3\n4\n5")
    assert page.text("table").count("Not asked: the lines before it could not be.") == 2


def test_damage_of_one_record_does_not_stop_the_list() -> None:
    """Only silence does: it is about all lines alike."""
    damaged = replace(BY_NAME["cannot_check"], checks=(), extra_reasons=())
    report = check_lines(tuple((n, str(n)) for n in range(1, 11)), lambda _: damaged)
    assert all(line.verdict for line in report.lines)


def test_the_table_names_line_verdict_reason_and_reading() -> None:
    """One row for each line, a summary above."""
    table: dict[str, Verdict | Choice] = {
        "A": known("A"),
        "x": replace(BY_NAME["altered"], unit=UnitView(GTIN, "X", None)),
        "7k3m": BY_NAME["number_known_repaired"],
        "B": CHOICE,
    }
    page = inspect(create_app(readers(table)).test_client(), "A\n\nx\n7k3m\nB\nA\n<b>")
    assert page.faults == []
    assert len(page.all("tr")) == 1 + 6
    assert {"role": "rowheader", "scope": "row", "id": "line-7"} in page.all("th")
    text = page.text("table")
    for part in (
        "Same unit as line 6",
        "Same unit as line 1",
        "signer_unknown",
        "Read as 7K3M 9QX2 PTRD H5WB",
        f"GTIN {GTIN}",
        "<b>",
    ):
        assert part in text
    assert "6 lines" in page.text("h2")
    assert "2 Same unit on several lines" in page.text("ul")
    assert {"class": "digits", "href": f"/check?link=B&gtin={GTIN}"} in page.all("a")


def test_a_product_number_for_the_whole_list_is_used_for_each_line(client: FlaskClient, checks: Answers) -> None:
    """Serials that several products have need it."""
    inspect(client, "A\nB", gtin=GTIN)
    assert checks.asked == [f"{GTIN}|A", f"{GTIN}|B"]


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        (" \n\n", "Paste at least one number or link"),
        ("A\n" * (MAX_LINES + 1), "Paste at most 1,000 lines at once"),
        ("A\n" + "7" * 3000, "Enter at most 2,048 characters for one code"),
    ],
)
def test_a_list_that_cannot_be_read_comes_back_whole(client: FlaskClient, checks: Answers, codes: str, words: str) -> None:
    """With what to do about it; nothing is looked up."""
    answer = client.post("/inspect", data={"codes": codes})
    page = Page(answer.text)
    assert answer.status_code == 400
    assert page.faults == []
    assert words in page.text("main")
    assert page.text("textarea").split() == codes.split()
    assert checks.asked == []


def test_a_thousand_links_fit() -> None:
    """As a browser sends them, percent-encoded."""
    links = [f"https://verify.example.org/01/{GTIN}/10/B2608/21/{n:016}?sig={'A' * 86}" for n in range(MAX_LINES)]
    client = create_app(readers({link: known(link) for link in links})).test_client()
    page = inspect(client, "\r\n".join(links))
    assert "1000 lines" in page.text("h2") or "1,000 lines" in page.text("h2")
    assert len(page.all("tr")) == MAX_LINES + 1
    assert "A" * 86 not in page.text("table")


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.tag)
def test_a_result_can_be_read_in_the_other_language(client: FlaskClient, language: object) -> None:
    """The list itself is sent again: it has no address."""
    tag = getattr(language, "tag", "")
    page = inspect(client, "registered\naltered\nregistered", tag)
    assert page.faults == []
    button = page.all("button")[0]
    assert button["form"] == "list"
    answer = client.post(button["formaction"], data={"codes": "registered"}, headers={"Accept-Language": tag})
    assert answer.status_code == 200
    assert Page(answer.text).all("html")[0]["lang"] == button["lang"] != tag
