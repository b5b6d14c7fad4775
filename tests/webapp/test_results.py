"""Results: the alliance publishes what it saw, everybody reads it, every figure leads to its cases for those who may know."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from registry.enforcement.cases import Kind
from registry.enforcement.results import Month
from registry.storage.outbox import Outbox, Work
from tests.webapp.desk import ALLIANCE, CHEN, HAMBURG, LI, OFFICERS, SHANGHAI, VOGT, Desk, open_desk
from tests.webapp.gallery import serving
from tests.webapp.html import Page
from tests.webapp.tab import Tab
from tests.webapp.test_accessible import BROKEN

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser
    from werkzeug.test import TestResponse

    from registry.enforcement.officers import Officer

CHAIR = next(one for one in OFFICERS if one.office is ALLIANCE)
DAY = 86_400
JULY, AUGUST, SEPTEMBER, OCTOBER = (Month(2026, number) for number in (7, 8, 9, 10))
EN, ZH = ({"Accept-Language": tag} for tag in ("en", "zh-CN"))


@dataclass
class Results:
    """A desk with closed cases, whose time goes on."""

    desk: Desk
    time: list[float]

    def close(self, month: Month, count: int, **facts: str) -> list[str]:
        """Close so many cases of the Shanghai office in a month, or of another `office`."""
        self.time[0] = month.begins + 9 * DAY
        office = HAMBURG.id if facts.get("region", "").startswith("DE") else SHANGHAI.id
        outcome = facts.pop("outcome", "counterfeit")
        told = {"region": "CN-SH", "product_group": "light_vehicles", **facts}
        names = [self.desk.cases.open_case(office, LI.id, told).id for _ in range(count)]
        for name in names:
            self.desk.cases.append(name, Kind.CLOSED, LI.id, "examined", {"outcome": outcome})
        return names

    def publish(self, month: str, reason: str = "") -> TestResponse:
        """Publish what the desk's page offers for a month."""
        page = self.desk.as_(CHAIR).get("/desk/results", headers=EN).text
        (mark,) = re.findall(rf'value="{month}"><input type="hidden" name="mark" value="(\w+)"', page)
        return self.send(month, mark, reason)

    def send(self, month: str, mark: str, reason: str = "") -> TestResponse:
        """Send the form."""
        sent = {"month": month, "mark": mark, "reason": reason}
        return self.desk.as_(CHAIR).post("/desk/results", data=sent, headers=EN)

    def read(self, address: str, status: int = 200) -> TestResponse:
        """Return what a stranger gets."""
        answer = self.desk.as_(None).get(address, headers=EN)
        assert answer.status_code == status, answer.text
        return answer

    def json(self, address: str) -> Any:
        """Return what a stranger's program gets."""
        return self.read(address).json

    def page(self, address: str = "/results") -> str:
        """Return what a stranger reads."""
        page = Page(self.read(address).text)
        assert page.faults == []
        return page.text()


@pytest.fixture
def results(tmp_path: Path) -> Results:
    """A desk with no case yet."""
    time = [float(JULY.begins)]
    return Results(open_desk(tmp_path, {}, copy=lambda data: data, clock=lambda: time[0]), time)


def test_before_anything_is_published(results: Results) -> None:
    """It says so, to everybody and at the desk."""
    assert "Nothing is published yet" in results.page()
    assert "No case is closed yet" in results.desk.page(CHAIR, "/desk/results").text
    assert results.read("/results.json").json == {"fewestCases": 5, "reports": []}
    assert len(list(csv.reader(io.StringIO(results.read("/results.csv").text)))) == 1


def test_a_month_is_published_and_everybody_reads_it(results: Results) -> None:
    """Byte for byte what is anchored, as a page and for machines, in both languages, and without the name of any case."""
    names = results.close(JULY, 6) + results.close(JULY, 2, region="CN-GD", product_group="shoes")
    results.time[0] = JULY.ends + 1
    assert results.publish("2026-07").location == "/desk/results/2026-07"
    said = results.page()
    assert "8 cases closed by inspectors, July 2026" in said
    for words in ("Counterfeit", "China", "not yet"):
        assert words in said
    raw = results.read("/results/2026-07.json").data
    (task,) = Outbox(results.desk.cases.engine).all(Work.CASE)
    assert sha256(raw).digest() == task.hash
    assert results.read("/results/2026-07/1.json").data == raw
    everything = raw + results.read("/results.json").data + results.read("/results.csv").data + results.read("/results").data
    assert not any(name.encode() in everything for name in names)
    listed = results.read("/results.json").json
    assert listed
    (one,) = listed["reports"]
    assert one["sha256"] == task.hash.hex()
    assert sum(line["cases"] for line in one["report"]["lines"]) == 8
    rows = list(csv.DictReader(io.StringIO(results.read("/results.csv").data.decode("utf-8-sig"))))
    assert sum(int(row["cases"]) for row in rows) == 8
    chinese = results.desk.as_(None).get("/results", headers=ZH).text
    assert "2026年7月" in chinese
    assert "中国" in chinese


def test_the_page_says_when_it_is_on_the_chain(results: Results) -> None:
    """As the notary noted it."""
    results.close(JULY, 6)
    results.time[0] = JULY.ends + 1
    results.publish("2026-07")
    outbox = Outbox(results.desk.cases.engine)
    (task,) = outbox.all(Work.CASE)
    with results.desk.cases.engine.begin() as connection:
        outbox.done_in(
            connection, task.id, {"time": 1_790_000_000, "transaction": "0x" + 64 * "7", "block": 5, "inspector": "0x"}
        )
    assert "0x" + 64 * "7" in results.page()
    assert "not yet" not in results.page()


def test_few_cases_show_no_figure_and_count_later(results: Results) -> None:
    """Neither the page nor the files say how many they were."""
    results.close(JULY, 3)
    results.time[0] = JULY.ends + 1
    results.publish("2026-07")
    assert "fewer than 5" in results.page()
    results.close(AUGUST, 4)
    results.time[0] = AUGUST.ends + 1
    results.publish("2026-08")
    said = results.page()
    assert "July – August 2026" in said.replace("\u2009", " ")
    assert "fewer than 5, counted with the next month" in said
    assert results.json("/results/2026-07.json")["lines"] == []
    rows = list(csv.DictReader(io.StringIO(results.read("/results.csv").data.decode("utf-8-sig"))))
    assert [row["cases"] for row in rows] == ["fewer than 5", "7"]


def test_a_correction_stands_beside_what_it_corrects(results: Results) -> None:
    """With its reason and what changed; the first stays where it was."""
    names = results.close(JULY, 7)
    results.time[0] = JULY.ends + 1
    results.publish("2026-07")
    first = results.read("/results/2026-07.json").data
    results.desk.cases.append(names[0], Kind.REOPENED, LI.id, "a second look")
    desk = results.desk.page(CHAIR, "/desk/results").text
    assert "July 2026 has to be corrected" in desk
    refused = results.publish("2026-07", "")
    assert refused.status_code == 400
    assert "Give a reason" in refused.text
    results.publish("2026-07", "A laboratory <b>came</b> to another end.")
    said = results.page()
    assert "Corrected" in said
    assert "A laboratory <b>came</b> to another end." in said
    assert "7 before, 6 now" in said
    assert results.read("/results/2026-07/1.json").data == first
    assert results.json("/results/2026-07.json")["replaces"] == sha256(first).hexdigest()
    assert "has to be corrected" not in results.desk.page(CHAIR, "/desk/results").text
    assert "revision 1" in results.desk.page(CHAIR, "/desk/results/2026-07?revision=1").text
    assert results.desk.as_(CHAIR).get("/desk/results/2026-07?revision=9").status_code == 404


def test_nobody_publishes_what_he_did_not_see(results: Results) -> None:
    """A form of before is refused, and so is one that was sent twice."""
    names = results.close(JULY, 7)
    results.time[0] = JULY.ends + 1
    page = results.desk.as_(CHAIR).get("/desk/results", headers=EN).text
    mark = re.findall(r'name="mark" value="(\w+)"', page)[0]
    results.desk.cases.append(names[0], Kind.REOPENED, LI.id, "a second look")
    assert "Somebody else changed this" in results.send("2026-07", mark).text
    assert results.send("2026-07", "").status_code == 400
    assert results.publish("2026-07").status_code == 303
    assert results.send("2026-07", mark).status_code == 400
    assert len(results.json("/results.json")["reports"]) == 1


def test_a_month_that_is_not_over_waits(results: Results) -> None:
    """Its figures are shown to the alliance, and cannot be published."""
    results.close(JULY, 7)
    page = results.desk.page(CHAIR, "/desk/results")
    assert "It can be published when it is over" in page.text
    assert 'name="mark"' not in page.raw


def test_each_figure_leads_to_its_cases(results: Results) -> None:
    """For the alliance by name; for an inspector those of his office, as links; for a brand and the public not at all."""
    mine = results.close(JULY, 5)
    theirs = results.close(JULY, 5, region="DE-HH")
    results.time[0] = JULY.ends + 1
    results.publish("2026-07")
    read = {name: "-".join((name[:4], name[4:8], name[8:])) for name in mine + theirs}
    alliance = results.desk.page(CHAIR, "/desk/results/2026-07").raw
    assert all(read[name] in alliance for name in mine + theirs)
    assert not any(f"/desk/cases/{name}" in alliance for name in mine)
    assert results.desk.notes[-1] == ("results.traced", CHAIR.id, "results 2026-07 1")
    shanghai = results.desk.page(LI, "/desk/results/2026-07").raw
    assert all(f"/desk/cases/{name}" in shanghai for name in mine)
    assert not any(read[name] in shanghai for name in theirs)
    hamburg = results.desk.page(VOGT, "/desk/results/2026-07").raw
    assert all(f"/desk/cases/{name}" in hamburg for name in theirs)
    assert results.desk.as_(CHEN).get("/desk/results/2026-07").status_code == 404
    assert results.desk.as_(CHEN).get("/desk/results").status_code == 404
    assert results.desk.as_(LI).post("/desk/results").status_code == 404
    assert "mark" not in results.desk.page(LI, "/desk/results").raw


def test_years_are_chosen(results: Results) -> None:
    """The last twelve months at first; a year that has no report is no page."""
    for month in (JULY, AUGUST, SEPTEMBER):
        results.close(month, 5)
    results.close(Month(2027, 1), 6)
    months = [JULY, AUGUST, SEPTEMBER, OCTOBER, Month(2026, 11), Month(2026, 12), Month(2027, 1)]
    results.time[0] = months[-1].ends
    for month in months:
        results.publish(str(month))
    assert "21 cases closed by inspectors" in results.page()
    assert "15 cases closed by inspectors" in results.page("/results?year=2026")
    assert "6 cases closed by inspectors" in results.page("/results?year=2027")
    for rubbish in ("2025", "x", "-1", "20266", "٢٠٢٦"):
        results.read(f"/results?year={rubbish}", 404)


@pytest.mark.parametrize(
    "address", ["/results/2026-13.json", "/results/x.json", "/results/2026-07.json", "/results/2026-07/0.json"]
)
def test_what_is_not_published_is_not_there(results: Results, address: str) -> None:
    """No report, no page."""
    results.read(address, 404)


def test_a_report_that_was_changed_behind_our_back_is_not_shown(results: Results) -> None:
    """It says that it cannot be shown now, rather than something else than was published."""
    results.close(JULY, 6)
    results.time[0] = JULY.ends + 1
    results.publish("2026-07")
    with results.desk.cases.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER published_results_no_update"))
        connection.execute(text("UPDATE published_results SET revision = 2"))
    results.read("/results", 503)


@pytest.mark.xdist_group("browser")
@pytest.mark.usefixtures("require_backend")
@pytest.mark.parametrize(("width", "language", "dark"), [(320, "zh-CN", True), (820, "en", False), (1280, "en", True)])
def test_nothing_is_wrong_with_any_page(browser: Browser, results: Results, width: int, language: str, *, dark: bool) -> None:
    """On a phone and a tablet: empty, with everything on it, and at the desk."""
    faults: dict[str, list[str]] = {}
    with serving(results.desk.app) as base:
        tab = Tab.open(browser, base, width=width, language=language)
        tab.dark(dark=dark)

        def look(officer: Officer | None, *addresses: str) -> None:
            for address in addresses:
                results.desk.as_(officer)
                tab.page.goto(base + address)
                if wrong := tab.faults() + tab.page.evaluate(BROKEN):
                    faults[address] = wrong

        look(None, "/results")
        look(CHAIR, "/desk/results")
        furnish(results)
        look(None, "/results")
        look(CHAIR, "/desk/results", "/desk/results/2026-07", "/desk/results/2026-08")
        look(LI, "/desk/results", "/desk/results/2026-08")
        tab.close()
    assert faults == {}


def furnish(results: Results) -> None:
    """Publish two months and a correction, and leave something to publish and to correct."""
    names = results.close(JULY, 12) + results.close(JULY, 7, region="CN-GD", product_group="shoes", outcome="copied_label")
    results.close(JULY, 6, region="DE-HH", outcome="diverted")
    results.close(JULY, 3, region="TH", product_group="alcohol", outcome="genuine")
    results.close(AUGUST, 9)
    moved = results.close(AUGUST, 6, region="DE", product_group="electronics")
    results.time[0] = AUGUST.ends + 1
    results.publish("2026-07")
    results.publish("2026-08")
    results.desk.cases.append(names[0], Kind.REOPENED, LI.id, "a second look")
    results.publish("2026-07", "A laboratory found that one unit was the manufacturer's own.")
    results.desk.cases.append(moved[0], Kind.REOPENED, LI.id, "a second look")
    results.close(SEPTEMBER, 8)
    results.time[0] = SEPTEMBER.ends + 1
