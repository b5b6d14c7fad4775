"""`touchstone leads` and `touchstone history`: what strangers typed steers no terminal, and what a person says is on record."""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from registry.checking.history import DAY
from registry.checking.verdicts import History
from registry.storage.histories import HOUR, Histories
from registry.storage.leads import A_DAY, Lead, Leads, Photo, group
from registry.storage.scans import Channel, Scan, Scans
from scripts.__main__ import program
from scripts.console import STEERING, harmless
from tests.webapp.samples import GTIN, LINK, REGISTERED, SERIAL
from tests.webapp.test_visits import SECRET
from webapp.histories import Remembering
from webapp.tickets import Tickets
from webapp.visits import Visitors

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

HOSTILE = '=cmd|"/C calc"!A0\n\x1b]0;x\x07\x9b31m\u202etxt.\u200b'
PHOTO = b"\xff\xd8\xff as it came \x00"
NOW = int(time.time())
PRINTED = "7k3m 9qx2 ptrd h5wb · q"


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database of scans that holds nothing yet."""
    return f"sqlite:///{tmp_path / 'scans.db'}"


def run(url: str, *words: str) -> Result:
    """Give a command."""
    done = CliRunner().invoke(program, words, env={"TOUCHSTONE_SCANS_URL": url}, prog_name="touchstone")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    assert not STEERING.search(done.output.replace("\n", ""))
    return done


def found(url: str, *words: str) -> dict[str, Any]:
    """Give a command that succeeds, and return its JSON."""
    done = run(url, *words, "--json")
    assert done.exit_code == 0, done.output
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def stored(url: str, number: int = 1, **more: Any) -> str:
    """Store a report; returns its reference."""
    known = Photo("JPEG", len(PHOTO), hashlib.sha256(PHOTO).digest())
    told = {"time": NOW, "place": "market", "manufacturer": 7, "note": HOSTILE, "seller": HOSTILE, "contact": "a@b.example",
            "wrong": ("seal",), "photo": known, "presented": HOSTILE}  # fmt: skip
    with Leads.open(url, create=True) as leads:
        reference = leads.take(Lead(**{**told, **more}), number.to_bytes(16), PHOTO)
    assert reference is not None
    return group(reference)


def test_leads_are_listed_shown_and_moved_on(url: str, tmp_path: Path) -> None:
    """Without contacts in the list; a photo is written as it came, and never over another file."""
    first, other = stored(url), stored(url, 2, manufacturer=8, time=NOW - 9 * A_DAY, contact="")
    assert [one["reference"] for one in found(url, "leads")["leads"]] == [first, other]
    assert [one["reference"] for one in found(url, "leads", "--manufacturer", "8")["leads"]] == [other]
    since = time.strftime("%Y-%m-%d", time.gmtime(NOW - 2 * A_DAY))
    listed = found(url, "leads", "--since", since)["leads"]
    assert [(one["reference"], one["seller"], one["has_contact"]) for one in listed] == [(first, HOSTILE, True)]
    lines = run(url, "leads").stdout.splitlines()
    assert len(lines) == 3
    assert not any(line.startswith(("=", "+", "-", "@", "\t")) for line in lines)
    assert "a@b.example" not in run(url, "leads").stdout
    shown = found(url, "leads", "show", first.lower(), "--photo", str(tmp_path / "photo.jpg"))
    assert (shown["note"], shown["contact"], shown["photo_is_kept"]) == (HOSTILE, "a@b.example", True)
    assert (tmp_path / "photo.jpg").read_bytes() == PHOTO
    assert run(url, "leads", "show", first, "--photo", str(tmp_path / "photo.jpg")).exit_code == 1
    assert "“" + harmless(HOSTILE) in run(url, "leads", "show", first).stdout
    assert found(url, "leads", "state", first, "seen")["before"] == "new"
    assert [one["reference"] for one in found(url, "leads", "--state", "seen")["leads"]] == [first]
    assert "there is no report" in run(url, "leads", "show", "x").stderr


def test_what_names_a_person_is_forgotten(url: str, tmp_path: Path) -> None:
    """By the same nightly job as scans; what a report said stays."""
    reference = stored(url, time=NOW - 200 * A_DAY)
    told = found(url, "forget")
    assert (told["contacts"], told["photos"], told["leads"]) == (1, 1, 0)
    shown = found(url, "leads", "show", reference)
    assert (shown["contact"], shown["photo_is_kept"], shown["photo_bytes"]) == ("", False, len(PHOTO))
    assert run(url, "leads", "show", reference, "--photo", str(tmp_path / "none.jpg")).exit_code == 1


def test_a_person_marks_a_copy_and_takes_it_back(url: str) -> None:
    """Who, when and why are on record for both; the number may be typed as it is printed."""
    with Scans.open(url) as scans:
        scans.settle("ab" * 16, 0, NOW)
        day = NOW // HOUR // DAY * DAY * HOUR
        places = [("CN-33", 0), ("TH", 2), ("DE", 4), ("CN-44", 6), ("US", 8), ("FR", 10), ("BR", 12)]
        scans.add("ab" * 16, [
            Scan(GTIN, SERIAL, day - (20 - days) * A_DAY, "registered", Channel.PAGE, region, f"{days:02}")
            for region, days in places
        ])  # fmt: skip
    shown = found(url, "history", "show", GTIN, PRINTED)
    assert (shown["history"], shown["checks"], shown["marks"]) == ("unusual", 7, [])
    assert {sign["rule"] for sign in shown["signs"]} == {"moves", "moves_in_three_weeks"}
    assert "region    TH: 1 checks by 1 kinds of phones" in run(url, "history", "show", GTIN[1:], SERIAL).stdout
    by = ("--by", "Wang, market bureau", "--reason", f"two beside each other {HOSTILE}")
    assert found(url, "history", "mark", GTIN, SERIAL, "--as", "explained", *by)["history"] == "plausible_repeat"
    assert found(url, "history", "unmark", GTIN, SERIAL, "--as", "explained", *by)["history"] == "unusual"
    assert found(url, "history", "mark", GTIN, SERIAL, "--as", "copy", *by)["history"] == "confirmed_copy"
    shown = found(url, "history", "show", GTIN, SERIAL)
    assert [mark["kind"] for mark in shown["marks"]] == ["cleared", "unclear", "copy"]
    assert {mark["by"] for mark in shown["marks"]} == {"Wang, market bureau"}
    assert all("two beside each other" in mark["reason"] for mark in shown["marks"])
    assert "a copy, by “Wang" in run(url, "history", "show", GTIN, SERIAL).stdout
    with Histories.open(url) as histories:
        memory = Remembering(Visitors(SECRET), Tickets(SECRET), lambda: histories)
        assert memory.added(REGISTERED, {"REQUEST_METHOD": "GET"}, Channel.API).history is History.CONFIRMED_COPY
    assert found(url, "history", "unmark", GTIN, SERIAL, "--as", "copy", *by)["history"] == "unusual"
    assert REGISTERED.presented == LINK


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("history", "mark", GTIN, SERIAL, "--as", "copy", "--reason", " ", "--by", "W"), 2, "expected 1 to 1000"),
        (("history", "mark", GTIN, SERIAL, "--as", "copy", "--by", "W"), 2, "--reason"),
        (("history", "mark", GTIN, SERIAL, "--as", "genuine", "--reason", "x", "--by", "W"), 2, "genuine"),
        (("history", "show", "123", SERIAL), 1, "expected 8, 12, 13 or 14 digits"),
        (("history", "show", GTIN, "竹"), 1, "character set 82"),
    ],
)
def test_what_is_no_mark_is_refused(url: str, words: tuple[str, ...], status: int, said: str) -> None:
    """Nobody marks without a name and a reason."""
    Scans.open(url).close()
    done = run(url, *words)
    assert (done.exit_code, said in done.stderr) == (status, True), done.stderr
