"""Lists on the site: brought in three ways, checked as jobs, shown by what they come to, taken along, and gone after a day."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from registry.checking.verdicts import UnitView
from registry.enforcement import tables
from registry.enforcement.consignments import Group
from registry.enforcement.tables import MAX_BYTES, MAX_LINES
from registry.errors import ImageError, Overloaded, StoreUnavailable
from tests.enforcement.workbooks import book, cell, sheet
from tests.webapp.html import Page
from tests.webapp.samples import BY_NAME, CHOICE, GTIN, LINK, NOW, Answers, readers
from webapp import lists
from webapp.app import create_app
from webapp.languages import LANGUAGES
from webapp.lists import KEPT, Lists

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from registry.checking.typed import Choice
    from registry.checking.verdicts import Verdict

PNG: Final = b"\x89PNG\r\n\x1a\n"


def known(serial: str) -> Verdict:
    """Return the verdict on a registered unit of this serial."""
    return replace(BY_NAME["registered"], unit=UnitView(GTIN, serial, "B2608"))


def send(client: FlaskClient, codes: str = "", language: str = "en", **more: Any) -> TestResponse:
    """Send a list."""
    headers = {"Accept-Language": language}
    return client.post("/inspect", data={"codes": codes, **more}, headers=headers)


def result(client: FlaskClient, codes: str = "", language: str = "en", query: str = "", **more: Any) -> tuple[str, Page]:
    """Send a list and read its result; returns its address, too."""
    answer = send(client, codes, language, **more)
    assert answer.status_code == 303, answer.text
    shown = client.get(answer.location + query, headers={"Accept-Language": language})
    assert shown.status_code == 200
    page = Page(shown.text)
    assert page.faults == []
    return answer.location, page


def test_the_table_names_line_verdict_reason_cause_and_reading() -> None:
    """One row for each line, what they come to above."""
    repaired = replace(BY_NAME["number_known_repaired"], unit=UnitView(GTIN, "7K3M9QX2PTRDH5WB", None))
    table: dict[str, Verdict | Choice] = {
        "A": known("A"), "x": replace(BY_NAME["altered"], unit=UnitView(GTIN, "X", None)), "7k3m9qx2ptrdh5wb": repaired,
        "B": CHOICE,
    }  # fmt: skip
    client = create_app(readers(table)).test_client()
    here, page = result(client, "A\n\nx\n7k3m9qx2ptrdh5wb\nB\nA\n<b>", query="?show=all")
    assert len(page.all("tr")) == 1 + 6
    assert {"role": "rowheader", "scope": "row", "id": "line-6"} in page.all("th")
    text = page.text("table")
    for part in (
        "Same unit on 2 lines, the first is 1", "signer_unknown", "Read as 7K3M 9QX2 PTRD H5WB", f"GTIN {GTIN}", "<b>",
        "Capital and small letters were mixed up",
    ):  # fmt: skip
        assert part in text
    assert "6 lines" in page.text("h2")
    assert "2 Registered, but the same unit is on several lines" in page.text("ul")
    assert {"class": "digits", "href": f"/check?link=B&gtin={GTIN}"} in page.all("a")
    only = Page(client.get(f"{here}?show=repeated").text)
    assert len(only.all("tr")) == 1 + 2
    assert len(Page(client.get(f"{here}?cause=case").text).all("tr")) == 1 + 1
    assert len(Page(client.get(here).text).all("tr")) == 1 + 6  # a cause is something to look at


def test_what_is_as_registered_is_folded_away_until_it_is_asked_for() -> None:
    """Of thousands of lines, those are shown that need a person."""
    client = create_app(readers({f"S{n}": known(f"S{n}") for n in range(450)})).test_client()
    here, page = result(client, "\n".join([*(f"S{n}" for n in range(450)), "hello"]))
    assert "1 line that is not simply as registered" in page.text("h2")
    assert len(page.all("tr")) == 1 + 1
    last = Page(client.get(f"{here}?show=all&page=3").text)
    assert len(last.all("tr")) == 1 + 51
    assert "Page 3 of 3" in last.text("nav")
    assert "Page 3 of 3" in Page(client.get(f"{here}?show=all&page=99").text).text("nav")


def test_a_product_number_for_the_whole_list_is_used_for_each_line(client: FlaskClient, checks: Answers) -> None:
    """Serials that several products have need it."""
    result(client, "A\nB", gtin=GTIN)
    assert checks.asked[:1] == [f"{GTIN}|A"]
    assert f"{GTIN}|B" in checks.asked


def test_files_are_read_and_their_columns_can_be_changed(client: FlaskClient, checks: Answers) -> None:
    """The guess is shown; another choice is checked again, and a column that is not there is refused."""
    rows = f"box;code;gtin\n1;registered;{GTIN}\n2;withdrawn;{GTIN}\n"
    here, page = result(client, file=(rows_of(rows.encode()), "goods.csv"))
    assert "goods.csv" in page.text("h2")
    assert checks.asked == [f"{GTIN}|registered", f"{GTIN}|withdrawn"]
    assert {"value": "1", "selected": ""} in page.all("option")
    answer = client.post(f"{here}/columns", data={"code": "0", "gtin": "-2"})
    assert answer.status_code == 303
    assert "3 lines" in Page(client.get(answer.location).text).text("h2")
    assert client.post(f"{here}/columns", data={"code": "9"}).status_code == 400
    assert "Choose one of the columns" in client.post(f"{here}/columns", data={"code": "9"}).text
    assert client.post(f"{here}/columns", data={"code": "x"}).status_code == 400


def rows_of(data: bytes) -> Any:
    """Return bytes as a file that a form sends."""
    from io import BytesIO  # noqa: PLC0415 -- only here

    return BytesIO(data)


def test_a_workbook_says_in_which_cell_each_code_stood(client: FlaskClient) -> None:
    """So that it is found again."""
    rows = f'<row r="5">{cell("C5", "registered", kind="str")}</row><row r="9">{cell("C9", "nobody", kind="str")}</row>'
    _, page = result(client, query="?show=all", file=(rows_of(book(sheet(rows))), "a.xlsx"))
    assert "Sheet one!C5" in page.text("th")


def test_several_photos_are_one_list(tmp_path: Path) -> None:
    """Each code beside the name of its photo; a photo without a code takes nothing from the others; two lists are not one."""
    held = {PNG + b"1": ("A1", "A2"), PNG + b"2": (), PNG + b"3": ("A3",)}
    client = create_app(readers({f"A{n}": known(f"A{n}") for n in (1, 2, 3)}, decode=held.get, lists=tmp_path)).test_client()
    photos = [(rows_of(data), f"{number}.png") for number, data in enumerate(held, 1)]
    _, page = result(client, file=photos, query="?show=all")
    for text in ("1.png!1", "1.png!2", "3.png!1"):
        assert text in page.text()
    told = send(client, file=[(rows_of(b"A1\n"), "1.csv"), (rows_of(b"A2\n"), "2.csv")])
    assert "several lists are not read at once" in told.text


def test_a_photo_brings_all_its_codes() -> None:
    """Read where photos are read; a photo without a code, or one that cannot be read now, is a complaint of its own."""
    codes: list[Any] = [("registered", "withdrawn"), (), ImageError("no", reason="damaged"), Overloaded("busy")]

    def decode(_: bytes) -> tuple[str, ...]:
        found = codes.pop(0)
        if isinstance(found, Exception):
            raise found
        return tuple(found)

    client = create_app(readers(BY_NAME, decode=decode)).test_client()
    _, page = result(client, file=(rows_of(PNG), "pallet.png"))
    assert "2 lines" in page.text("h2")
    told = [send(client, file=(rows_of(PNG), "pallet.png")) for _ in range(3)]
    assert [answer.status_code for answer in told] == [400, 400, 503]
    assert "We found no code in the photo" in told[0].text
    assert told[2].headers["Retry-After"]


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        (" \n\n", "Paste at least one number or link"),
        ("A\n" * (MAX_LINES + 2), "Divide the list: at most 10,000 lines"),
        ("A\n" + "7" * 3000, "Line 2 is too long for a code"),
        ("A\n" * 3 + "B" * MAX_BYTES, "Choose a smaller file: at most 5 MB"),
        ("box;code\nc;" + "7" * 3000, "Line 2, column B is too long"),
    ],
    ids=["empty", "lines", "one line", "bytes", "a column"],
)
def test_a_list_that_cannot_be_read_comes_back_whole(client: FlaskClient, checks: Answers, codes: str, words: str) -> None:
    """With what to do about it; nothing is looked up."""
    answer = send(client, codes)
    page = Page(answer.text)
    assert answer.status_code == 400
    assert page.faults == []
    assert words in page.text("main")
    assert page.text("textarea").split() == codes.split()
    assert checks.asked == []


class Slow(Answers):
    """Answers only when it is let."""

    def __init__(self) -> None:
        super().__init__({f"S{n}": known(f"S{n}") for n in range(9)})
        self.go = threading.Event()

    def typed(self, text: str, gtin: str | None) -> Verdict | Choice:
        """Wait, and answer."""
        if text != "S0":
            self.go.wait(20)
        return super().typed(text, gtin)


def test_progress_is_told_and_the_page_reloads_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a header, until somebody wants it to stop; when the list is done, its result is there."""
    monkeypatch.setattr(lists, "WRITTEN_AFTER", 0.0)
    monkeypatch.setattr("webapp.blueprints.inspection.AT_ONCE", 0.0)
    checks = Slow()
    client = create_app(readers(checks=checks)).test_client()
    here = send(client, "\n".join(f"S{n}" for n in range(9))).location
    answer = client.get(here)
    assert answer.headers["Refresh"] == "2"
    assert Page(answer.text).faults == []
    assert "1 of 9 lines" in Page(answer.text).text("main")
    still = client.get(f"{here}?still=1")
    assert "Refresh" not in still.headers
    assert client.get(f"{here}/result.csv").status_code == 404
    checks.go.set()
    for _ in range(200):
        if "Refresh" not in (answer := client.get(here)).headers:
            break
        threading.Event().wait(0.02)
    assert "9 lines" in Page(answer.text).text("h2")
    assert sorted(checks.asked) == [f"S{n}" for n in range(9)]


def test_a_silent_chain_loses_nothing_and_accuses_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be asked is said to be so, and asked again by a button; nothing else is."""
    monkeypatch.setattr("webapp.lists.PAUSES", ())
    answers = Answers({f"S{n}": BY_NAME["cannot_check"] for n in range(9)} | {"S0": known("S0")})
    client = create_app(readers(checks=answers)).test_client()
    here, page = result(client, "\n".join(f"S{n}" for n in range(9)))
    assert "8 lines could not be asked: this says nothing about the products." in page.text("main")
    assert not page.has_class("red")
    answers.table = {f"S{n}": known(f"S{n}") for n in range(9)}
    answers.asked.clear()
    assert client.post(f"{here}/again").status_code == 303
    assert answers.asked == [f"S{n}" for n in range(1, 9)]
    assert "could not be asked" not in client.get(here).text


def test_a_chain_that_is_silent_for_a_moment_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that could not be asked are asked again after a while, and no others; nobody has to press anything."""
    pauses = [0.5, 0.5, 0.5]
    monkeypatch.setattr("webapp.lists.PAUSES", pauses)
    answers = Answers({f"S{n}": known(f"S{n}") for n in range(9)} | {"S3": BY_NAME["cannot_check"]})
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            answers.table["S3"] = known("S3")

    kept = Lists(tmp_path / "l", answers)
    table = tables.read_text("\n".join(f"S{n}" for n in range(9)))
    job = kept.add(table, tables.guess(table), "", b"")
    kept.work(job, seconds=0.4)
    assert (job.done, slept) == (8, []), "somebody waits for a page"
    monkeypatch.setattr("webapp.lists.time.sleep", sleep)
    answers.asked.clear()
    kept.work(job)
    assert (answers.asked, slept) == (["S3", "S3", "S3"], [0.5, 0.5])
    assert job.is_done
    assert [line.group for line in kept.found(job).lines] == [Group.AS_REGISTERED] * 9


def test_a_killed_worker_costs_what_it_had_not_written(tmp_path: Path) -> None:
    """Another one goes on behind the last whole line."""
    answers = Answers({f"S{n}": known(f"S{n}") for n in range(9)})
    client = create_app(readers(checks=answers, lists=tmp_path / "l")).test_client()
    here, _ = result(client, "\n".join(f"S{n}" for n in range(9)))
    found = tmp_path / "l" / here.rpartition("/")[2] / "lines.jsonl"
    whole = found.read_bytes()
    found.write_bytes(b"".join(whole.splitlines(keepends=True)[:4]) + b'{"number": 5, "sour')
    answers.asked.clear()
    other = Lists(tmp_path / "l", answers)
    job = other.find(here.rpartition("/")[2])
    assert job is not None
    assert job.done == 4
    other.work(job)
    assert answers.asked == [f"S{n}" for n in range(4, 9)]
    assert found.read_bytes() == whole


def test_the_result_can_be_taken_along(client: FlaskClient) -> None:
    """CSV, JSON lines, and the sheet as JSON and PDF, whose hashes agree; the same bytes each time."""
    here, _ = result(client, "registered\nwithdrawn\n=registered", "zh-Hans")
    files = {name: client.get(f"{here}/{name}") for name in ("result.csv", "lines.jsonl", "sheet.json", "sheet.pdf")}
    for name, answer in files.items():
        assert answer.status_code == 200
        assert answer.headers["Content-Disposition"].endswith(f'-{name}"')
        assert client.get(f"{here}/{name}").data == answer.data
    assert b'"\'=registered"' in files["result.csv"].data
    assert len(files["lines.jsonl"].data.splitlines()) == 3
    values = json.loads(files["sheet.json"].data)
    assert values["lines"]["count"] == "3"
    assert client.get(f"{here}/other").status_code == 404


@pytest.mark.parametrize(("language", "words"), [("en", "Recalled: do not use"), ("zh-Hans", "未签名。")])
def test_the_sheet_reads_on_any_machine(client: FlaskClient, language: str, words: str) -> None:
    """Its font is in it, and its text can be searched; signs that the font does not have are boxes."""
    import pypdfium2  # noqa: PLC0415 -- takes a moment to load

    headers = {"Accept-Language": language}
    here, _ = result(client, "withdrawn\n" + "".join(f"nobody {n} 𠮷\n" for n in range(80)), language)
    document = pypdfium2.PdfDocument(client.get(f"{here}/sheet.pdf", headers=headers).data)
    text = "".join(page.get_textpage().get_text_range() for page in document)
    assert len(document) > 1
    assert words in text
    assert "nobody 79 □" in text
    assert json.loads(client.get(f"{here}/sheet.json").data)["lines"]["sha256"] in text.replace("\r\n", "")


def test_a_list_is_gone_after_a_day_or_when_its_owner_says_so(tmp_path: Path) -> None:
    """And nobody can guess where it is."""
    now = [float(NOW)]
    client = create_app(readers(BY_NAME, lists=tmp_path / "l"), clock=lambda: now[0]).test_client()
    first, second = (result(client, "registered")[0] for _ in range(2))
    assert len(first) == len("/inspect/") + 22
    assert client.post(f"{first}/delete").location == "/inspect"
    assert [client.get(here).status_code for here in (first, second)] == [404, 200]
    now[0] += KEPT + 1
    assert client.get(second).status_code == 404
    for name in ("x", "a" * 22, "../../../etc/passwd", "." * 22, "%2e%2e"):
        assert client.get(f"/inspect/{name}").status_code == 404


def test_a_folder_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    """What inspectors check is nobody else's business."""
    (tmp_path / "l").mkdir(mode=0o755)
    answer = send(create_app(readers(lists=tmp_path / "l")).test_client(), "A")
    assert answer.status_code == 503
    (tmp_path / "m").symlink_to(tmp_path / "l")
    kept = Lists(tmp_path / "m", Answers())
    with pytest.raises(StoreUnavailable, match="open to others"):
        kept._open_folder()


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.tag)
def test_a_result_can_be_read_in_the_other_language(client: FlaskClient, language: object) -> None:
    """At the same address."""
    tag = getattr(language, "tag", "")
    _, page = result(client, "registered\naltered\nregistered", tag)
    link = next(link for link in page.all("a") if link.get("hreflang"))
    other = Page(client.get(link["href"], follow_redirects=True).text)
    assert other.all("html")[0]["lang"] == link["hreflang"] != tag


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("", 200, "Units in the consignment"),
        ("?lot=2000", 200, "Check 277 of 2,000 units"),
        ("?lot=2,000&rate=5&confidence=95", 200, "Check 58 of 2,000 units"),
        ("?lot=100&rate=0,5 %&confidence=99.5", 200, "Check 100 of 100 units"),
        ("?lot=x", 400, "Enter 1 to 10,000,000 units"),
        ("?lot=0", 400, "Enter 1 to"),
        ("?lot=5&rate=1/0", 400, "Enter 1 to"),
        ("?lot=5&rate=1e999999999", 400, "Enter 1 to"),
    ],
)
def test_how_many_to_check(client: FlaskClient, query: str, status: int, words: str) -> None:
    """With the honest sentence; rubbish is a complaint."""
    answer = client.get(f"/inspect/sample{query}")
    page = Page(answer.text)
    assert (answer.status_code, page.faults) == (status, [])
    assert words in page.text("main")


def test_signatures_stay_out_of_the_page(client: FlaskClient) -> None:
    """They are long and tell a reader nothing; the files have them."""
    here, page = result(client, f"{LINK}\nregistered", query="?show=all")
    assert "A" * 85 not in page.text("table")
    assert LINK.encode() in client.get(f"{here}/lines.jsonl").data
