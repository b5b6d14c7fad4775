"""Consignments over a small registry with real keys, signatures and trees: every line right, and nobody accused for nothing."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.checking.trust import Reason
from registry.checking.typed import Choice, check_typed
from registry.checking.verdicts import Code, Registration
from registry.enforcement import consignments, readings, result_lines, result_sheet
from registry.enforcement.causes import Cause
from registry.enforcement.consignments import GIVES_UP_AFTER, Entry, Found, Group, Line
from registry.errors import ListError
from registry.units import links
from registry.units.records import Record
from tests.checking.world import BASE, HERB, LIQUOR, SCOOTER, World, make_world, seal

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.checking.verdicts import Verdict

SERIAL: Final = World.scooter.serial
"""4D2A9KXQ7M1TZ0BC: it has a 0, a 1, a Z and a Q."""
LETTERS: Final = "K7ZY3QWMX9HRTAVC"


@dataclass
class Desk:
    """Checks against the small registry, and what they were asked."""

    world: World = field(default_factory=make_world)
    asked: list[str] = field(default_factory=list)
    before: Callable[[str], None] = lambda _: None

    def typed(self, text: str, gtin: str | None) -> Verdict | Choice:
        """Check what was typed."""
        self.asked.append(text)
        self.before(text)
        return check_typed(self.world.verifier(), self.world.shelf, text, gtin=gtin)

    def check(self, *texts: str, gtin: str | None = None) -> Found:
        """Check a consignment."""
        lines = [Entry(number, text, gtin) for number, text in enumerate(texts, 1)]
        return consignments.gather(consignments.check(lines, self))

    def line(self, text: str, gtin: str | None = None) -> Line:
        """Check a consignment of one line."""
        (line,) = self.check(text, gtin=gtin).lines
        return line


@pytest.fixture
def desk() -> Desk:
    """A desk with nothing asked yet."""
    return Desk()


def typed_on(layout: dict[str, str], text: str) -> str:
    """Return what a scanner set for an American keyboard types where the computer's is another."""
    return "".join(layout.get(letter, letter) for letter in text)


GERMAN: Final = {"y": "z", "z": "y", "Y": "Z", "Z": "Y", ":": "Ö", "/": "-", "?": "_", "-": "ß", "_": "?", "=": "´"}
FRENCH: Final = dict(zip("aqzwAQZWmM1234567890:/", "qawzQAWZ,?&é\"'(-è_çàM!", strict=True))


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (SERIAL, None),
        (SERIAL.lower(), Cause.CASE),
        (SERIAL.replace("0", "O"), Cause.LETTER_O),
        (SERIAL.replace("1", "l"), Cause.LETTER_L),
        (SERIAL.replace("Q", "Ｑ"), Cause.FULL_WIDTH),
        ("-".join(SERIAL), Cause.SEPARATOR),
    ],
)
def test_what_is_repaired_is_said_with_its_cause(desk: Desk, text: str, cause: Cause | None) -> None:
    """The reading is that of the typed number, and stands beside what was given."""
    line = desk.line(text)
    assert (line.group, line.cause) == (Group.AS_REGISTERED, cause)
    assert line.read_as == (SERIAL if cause else "")
    assert line.entry.text == text


@pytest.mark.parametrize(
    ("text", "cause", "leads"),
    [
        (SERIAL * 2, Cause.DOUBLED, True),
        (SERIAL.replace("Z", "Y"), Cause.KEYBOARD, True),
        (typed_on(FRENCH, SERIAL), Cause.KEYBOARD, True),
        ("9521001000017", Cause.PRODUCT_CODE, False),
        ("6.90123E+17", Cause.SPREADSHEET, False),
        ("690123456789123000", Cause.SPREADSHEET, False),
        ("https://shop.example/p?id=1", Cause.OTHER_LINK, False),
        (f"{BASE}/01/{SCOOTER}/10/L1", Cause.TRUNCATED, False),
        (f"01{SCOOTER}10L121{SERIAL}", Cause.SEPARATOR_LOST, True),
        ("NOBODY", None, False),
    ],
)
def test_an_unknown_code_is_explained_and_stays_unknown(desk: Desk, text: str, cause: Cause | None, leads: bool) -> None:  # noqa: FBT001 -- an expected value
    """A cause changes no verdict: it stands beside it, with the number to which it leads."""
    line = desk.line(text)
    assert line.group in {Group.NOT_REGISTERED, Group.UNREADABLE}
    assert line.cause is cause
    assert (line.leads_to == World.scooter.id) is leads


def test_a_scanned_link_is_never_repaired(desk: Desk) -> None:
    """Its verdict is that of what was presented, whatever happened to it."""
    link = desk.world.link(World.scooter)
    for text, cause, leads in (
        (typed_on(GERMAN, link), Cause.KEYBOARD, True),
        (link.swapcase(), Cause.CASE, True),
        (link + link, Cause.DOUBLED, True),
        (link[:-20], Cause.TRUNCATED, False),
    ):
        line = desk.line(text)
        assert line.registration in {Registration.UNREADABLE, Registration.ALTERED, Registration.NOT_REGISTERED}, text
        assert (line.cause, line.leads_to == World.scooter.id) == (cause, leads), text


def test_a_number_of_another_product_is_explained(desk: Desk) -> None:
    """The list may name the wrong product."""
    line = desk.line(SERIAL, LIQUOR)
    assert (line.group, line.cause) == (Group.NOT_REGISTERED, Cause.OTHER_PRODUCT)
    assert line.leads_to == World.scooter.id


def test_an_upload_may_be_pending(desk: Desk) -> None:
    """Signed by the manufacturer, and not in our records yet."""
    line = desk.line(desk.world.signed_link(Record(SCOOTER, "L1", "NEW-1"), "key 1"))
    assert (line.group, line.cause) == (Group.PENDING, Cause.UPLOAD_PENDING)


@pytest.mark.parametrize(
    "text",
    [
        f"(01){SCOOTER}(21){SERIAL}",
        f"(01){SCOOTER}(17)290801(10)L1(21){SERIAL}",
        f"]d201{SCOOTER}1729080110L1\x1d21{SERIAL}",
        f"01{SCOOTER}21{SERIAL}<GS>10L1",
    ],
)
def test_element_strings_of_scanners_are_read(desk: Desk, text: str) -> None:
    """With brackets or without, whatever the scanner puts before them."""
    line = desk.line(text)
    assert (line.group, line.unit) == (Group.AS_REGISTERED, World.scooter.id)
    assert line.read_as == f"(01){SCOOTER}(21){SERIAL}"


def test_an_element_string_names_its_own_product() -> None:
    """Whatever the list says; and what is none is asked as it is."""
    assert readings.read(f"(01){SCOOTER}(21)A", LIQUOR).gtin == SCOOTER
    assert readings.read("(01)12345678901234(21)A").text == "(01)12345678901234(21)A"
    assert readings.read(" A ", HERB) == readings.Reading("A", HERB)


def test_what_was_cut_off_is_found_beside_whole_ones(desk: Desk) -> None:
    """By its beginning, if one unit of the consignment begins so and no other."""
    found = desk.check(SERIAL, SERIAL[:9], SERIAL[:4], "4D2B")
    assert [line.cause for line in found.lines] == [None, Cause.TRUNCATED, None, None]
    assert found.lines[1].leads_to == World.scooter.id
    assert found.lines[1].group is Group.NOT_REGISTERED


def test_one_label_that_was_read_twice_is_no_copy_yet(desk: Desk) -> None:
    """Two equal lines in a row may be one label; with a line between them, or a third, they are not."""
    twice = desk.check(SERIAL, SERIAL, World.screw.serial)
    assert [line.cause for line in twice.lines] == [Cause.READ_TWICE, Cause.READ_TWICE, None]
    assert twice.counts[Group.REPEATED] == 2
    for texts in ((SERIAL, World.screw.serial, SERIAL), (SERIAL,) * 3, (SERIAL, desk.world.link(World.scooter))):
        found = desk.check(*texts)
        assert Cause.READ_TWICE not in found.causes
        assert (found.repeated_units, found.most_lines_of_a_unit) == (1, texts.count(SERIAL) + (len(texts) == 2))


@given(st.lists(st.sampled_from("ABCDE"), max_size=30))
@settings(max_examples=40)
def test_lines_are_repeats_exactly_if_their_unit_is_on_another_line(names: list[str]) -> None:
    """Whatever the list: each line knows how many there are and which is the first."""
    lines = [
        Line(Entry(number, name), Registration.REGISTERED, unit=Record(SCOOTER, "L", name).id)
        for number, name in enumerate(names, 1)
    ]
    for line, name in zip(consignments.gather(lines).lines, names, strict=True):
        assert (line.unit_lines, line.first_line) == (names.count(name), names.index(name) + 1)
        assert (line.group is Group.REPEATED) == (names.count(name) > 1)


def test_numbers_that_nobody_registered_are_compared_as_they_read(desk: Desk) -> None:
    """A fake serial that is on two boxes is as telling as a real one."""
    found = desk.check("7K3M-O-X", "other", "7k3m 0x")
    assert [line.unit_lines for line in found.lines] == [2, 1, 2]
    assert found.counts == {Group.NOT_REGISTERED: 3}


def test_the_container_of_the_journey(desk: Desk) -> None:
    """Genuine, one copied serial, never registered, withdrawn, several products: each line gets its own answer."""
    world = desk.world
    many = [Record(SCOOTER, "L9", f"{LETTERS[:12]}{number:04}") for number in range(40)]
    world.add(seal(many, "key 1", manufacturer=1), "key 1")
    world.withdraw(world.herb, Reason.RECALLED)
    world.add(seal([Record(LIQUOR, "L3", "S-1")], "key 2", manufacturer=2), "key 2")
    texts = [world.link(unit) for unit in many] + [SERIAL] * 7 + ["NEVER-1", "NEVER-2"] + [world.herb.serial] * 1 + ["S-1"]
    found = desk.check(*texts)
    assert found.counts == {
        Group.REPEATED: 7, Group.WITHDRAWN: 1, Group.NOT_REGISTERED: 2, Group.SEVERAL_PRODUCTS: 1, Group.AS_REGISTERED: 40,
    }  # fmt: skip
    assert list(found.counts) == [group for group in Group if group in found.counts]
    assert found.lines[-1].products == (SCOOTER, LIQUOR)
    assert found.lines[-2].withdrawn_at
    assert desk.asked.count(SERIAL) == 1


def test_a_silent_chain_accuses_nobody_and_loses_nothing(desk: Desk) -> None:
    """After a few lines in a row the rest is not asked; asked again, only those are, and all come right."""
    world = desk.world
    texts = [world.link(World.scooter), world.link(World.liquor), "NEVER", *(f"S-{n}" for n in range(3)), SERIAL]
    world.chain.silent = {"key", "batch", "domains", "manufacturer"}
    world.shelf.silent = {"find_typed", "find"}
    lines = [Entry(number, text) for number, text in enumerate(texts, 1)]
    first = list(consignments.check(lines, desk))
    assert len(desk.asked) == GIVES_UP_AFTER
    assert {line.group for line in first} == {Group.NOT_ASKED}
    assert consignments.gather(first).causes == {}
    world.chain.silent, world.shelf.silent = set(), set()
    desk.asked.clear()
    stand = {line.entry.number: line for line in first if line.group is not Group.NOT_ASKED}
    again = consignments.check([entry for entry in lines if entry.number not in stand], desk)
    found = consignments.gather([*stand.values(), *again])
    assert [line.group for line in found.lines[:3]] == [Group.REPEATED, Group.AS_REGISTERED, Group.NOT_REGISTERED]
    assert Group.NOT_ASKED not in found.counts


def test_silence_about_a_cause_is_silence_about_the_line(desk: Desk) -> None:
    """Else the line would stay unexplained for ever."""

    def fall_silent(text: str) -> None:
        desk.world.shelf.silent = {"find_typed", "find"} if text == SERIAL else set()

    desk.before = fall_silent
    line = desk.line(SERIAL * 2)
    assert (line.group, line.cause) == (Group.NOT_ASKED, None)


def test_damage_of_one_record_does_not_stop_the_list(desk: Desk) -> None:
    """Only silence does: it is about all lines alike."""
    unit = World.scooter.id
    desk.world.shelf.units[unit] = replace(desk.world.shelf.units[unit], lot="L9")
    link = desk.world.link(World.scooter).replace("/L9/", "/L1/")
    found = desk.check(link, *(f"{link}" for _ in range(5)), World.liquor.serial)
    assert found.lines[-1].group is Group.AS_REGISTERED
    assert {line.could_ask for line in found.lines} == {True}


def test_another_case_is_named(desk: Desk) -> None:
    """By whoever keeps the cases."""
    lines = consignments.check([Entry(1, SERIAL), Entry(2, World.screw.serial)], desk, seized=lambda unit: unit.gtin == SCOOTER)
    assert [line.seized_elsewhere for line in lines] == [True, False]


NASTY: Final = ("=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "＝1", 'a"b', "a,b", "正品\ud800", "", "plain")


def test_no_cell_of_the_csv_runs_as_a_formula() -> None:
    """Each has an apostrophe before it; the others are as they are."""
    lines = [Line(Entry(number, text)) for number, text in enumerate(NASTY, 1)]
    rows = list(csv.DictReader(io.StringIO(result_lines.as_csv(lines).decode("utf-8-sig"), newline="")))
    given_back = [row["given"] for row in rows]
    assert given_back[:7] == [f"'{text}" for text in NASTY[:7]]
    assert given_back[7:] == ['a"b', "a,b", "正品?", "", "plain"]
    assert all(not value.startswith(tuple("=+-@\t\r")) for row in rows for value in row.values())
    assert tuple(rows[0]) == result_lines.COLUMNS


def test_json_lines_go_there_and_back(desk: Desk) -> None:
    """Nothing is lost; half of a last line is left out, and rubbish is refused."""
    world = desk.world
    world.withdraw(world.herb, Reason.STOLEN)
    found = desk.check(world.link(World.scooter), SERIAL.lower(), world.herb.serial, "NEVER", "9521001000017", SERIAL * 2)
    data = result_lines.as_json_lines(found.lines)
    assert tuple(result_lines.from_json_lines(data)) == found.lines
    assert len(result_lines.from_json_lines(data[:-1])) == 5
    assert result_lines.latest([found.lines[0], replace(found.lines[0], block=7)])[1].block == 7
    with pytest.raises(ListError, match="no results"):
        result_lines.from_json_lines(b'{"number": 1}\n')


def test_a_result_sheet_stands_for_every_line(desk: Desk) -> None:
    """The same consignment gives the same bytes, and a signature changes nothing of what is signed."""
    found = desk.check(SERIAL, SERIAL, "NEVER")
    made = [
        result_sheet.make(found, source="a.csv", source_hash="0" * 64, made_at="2026-11-23T10:00:00Z", registry_id="0x01")
        for _ in range(2)
    ]
    assert made[0].document == made[1].document
    values = json.loads(made[0].document)
    assert values["groups"] == {"repeated": "2", "not_registered": "1"}
    assert values["signature"] is None
    signed = result_sheet.Sheet({**made[0].values, "signature": {"by": "0x0"}}, made[0].lines)
    assert signed.signed_hash == made[0].signed_hash
    other = desk.check(SERIAL, SERIAL, "NEVER2")
    changed = result_sheet.make(other, source="a.csv", source_hash="0" * 64, made_at=values["madeAt"], registry_id="0x01")
    assert changed.signed_hash != made[0].signed_hash


@given(st.text(max_size=60) | st.from_regex(r"(https?://)?[A-Za-z0-9/.?=&()\]<>\x1d-]{0,60}", fullmatch=True))
@settings(max_examples=120, deadline=None)
def test_whatever_is_given_gets_an_answer(text: str) -> None:
    """Never `as registered` for what is not in the registry, and no exception."""
    line = Desk(_WORLD).line(text or "x")
    assert line.group in {Group.NOT_REGISTERED, Group.UNREADABLE, Group.ALTERED}
    assert Code.UNEXPECTED not in line.reasons


_WORLD: Final = make_world()


def test_an_unsigned_link_keeps_its_verdict(desk: Desk) -> None:
    """A compact label is as registered; the same form on a product whose labels are signed is a number alone."""
    assert desk.line(links.build_compact(BASE, World.screw.id)).registration is Registration.REGISTERED
    line = desk.line(links.build_compact(BASE, World.scooter.id))
    assert (line.registration, line.group) == (Registration.NUMBER_KNOWN, Group.AS_REGISTERED)


@pytest.mark.parametrize(
    ("text", "gtin", "serial"),
    [
        (f"(01){SCOOTER}(21)NEVER-1", None, "NEVER-1"),
        ("K7ZY 3QWM X9HR TAVC", SCOOTER, LETTERS),
        ("never 1", SCOOTER[1:], "never1"),
        ("NEVER-1", None, ""),
        ("NEVER-1", "12", ""),
    ],
)
def test_a_number_that_nobody_registered_names_a_unit_where_its_product_is_known(
    desk: Desk, text: str, gtin: str | None, serial: str
) -> None:
    """So that its absence can be shown; without a product there is nothing to ask about."""
    line = desk.line(text, gtin)
    assert (line.unit.serial if line.unit else "") == serial
    assert line.unit is None or line.unit.gtin == SCOOTER
