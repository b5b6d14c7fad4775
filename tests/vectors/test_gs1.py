"""GS1's own test data: what its engine reads and refuses, what it writes, its characters and check digits."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from registry.errors import IdentityError, LinkError
from registry.units import identity, links

if TYPE_CHECKING:
    from pathlib import Path

BRACKETED = re.compile(r"\((\d+)\)([^(]*)")


def rows(shared_vectors: Path, folder: str, name: str) -> list[dict[str, Any]]:
    """Return the rows of one file of GS1's data."""
    found: list[dict[str, Any]] = json.loads((shared_vectors / folder / name).read_text("utf-8"))
    return found


def expected_values(ai_data: str) -> dict[str, str]:
    """Return GTIN, lot and serial of the engine's answer, where `^` stands before an AI that follows one of free length."""
    found = {}
    for text in ai_data.split("^"):
        part = text
        if part.startswith("01"):
            found["01"], part = part[2:16], part[16:]
        for name in ("22", "10", "21"):
            if part.startswith(name):
                found[name] = part[2:]
                break
    return found


def test_reads_links_as_gs1s_engine_does(shared_vectors: Path) -> None:
    """Of 118 URIs none is accepted that the engine refuses, and each link of a trade item that it reads is read alike.

    Rows that switch on what GS1 withdrew (words for AIs, short GTINs) are refused; other primary keys are named so.
    """
    listed = rows(shared_vectors, "gs1-digital-link", "dl_parse.json")
    assert len(listed) == 118
    read = 0
    for row in listed:
        try:
            found = links.parse_digital_link(row["uri"])
        except LinkError as error:
            other = error.reason == "not_a_unit_link"
            assert not row["ok"] or row["flags"] or other, row
            continue
        assert row["ok"], row
        wanted = expected_values(row["ai_data"])
        values = dict(found.ai)
        assert {name: values.get(name) for name in wanted} == wanted, row
        read += 1
    assert read == 35


def test_no_other_key_passes_for_a_unit(shared_vectors: Path) -> None:
    """`parse` accepts exactly those of the engine's good rows that name a trade item and its serial."""
    for row in rows(shared_vectors, "gs1-digital-link", "dl_parse.json"):
        wanted = expected_values(row["ai_data"])
        is_unit = row["ok"] and not row["flags"] and {"01", "21"} <= wanted.keys()
        if is_unit:
            link = links.parse(row["uri"])
            assert (link.gtin, link.lot, link.serial) == (wanted["01"], wanted.get("10"), wanted["21"])
        else:
            with pytest.raises(LinkError):
                links.parse(row["uri"])


def test_writes_links_as_gs1s_engine_does(shared_vectors: Path) -> None:
    """Every row with nothing but a GTIN and its qualifiers is written to the same text."""
    written = 0
    for row in rows(shared_vectors, "gs1-digital-link", "dl_generate.json"):
        values = dict(BRACKETED.findall(row["ai_bracketed"]))
        if not row["ok"] or values.keys() - {"01", "22", "10", "21"} or "01" not in values:
            continue
        base = row["stem"] or "https://id.gs1.org"
        made = links.path_of(
            base, values["01"], cpv=values.get("22", ""), lot=values.get("10", ""), serial=values.get("21", "")
        )
        assert made == row["uri"]
        written += 1
    assert written >= 4


def test_escapes_as_gs1s_engine_does_in_a_path(shared_vectors: Path) -> None:
    """All ten rows: everything but letters, digits and `-._~` is percent-encoded with capital hex."""
    for row in rows(shared_vectors, "gs1-digital-link", "uri_escape.json"):
        assert links.escape(row["in"]) == row["path"]


def test_character_set_82(shared_vectors: Path) -> None:
    """All 264 rows, but the empty text, which no lot or serial may be."""
    linters = json.loads((shared_vectors / "gs1-ai" / "linters.json").read_text("utf-8"))
    for row in linters["cset82"]:
        assert identity.is_cset82(row["data"]) == (row["ok"] and row["data"] != ""), row


def test_check_digits(shared_vectors: Path) -> None:
    """All 14 rows, of whatever length."""
    linters = json.loads((shared_vectors / "gs1-ai" / "linters.json").read_text("utf-8"))
    for row in linters["csum"]:
        digits = row["data"]
        if not digits.isdigit() or len(digits) < 2:
            continue
        assert (identity.check_digit(digits[:-1]) == digits[-1]) == row["ok"], row


def test_dates(shared_vectors: Path) -> None:
    """All 61 rows of dates whose day may be left open, read alone and in a link."""
    linters = json.loads((shared_vectors / "gs1-ai" / "linters.json").read_text("utf-8"))
    assert len(linters["yymmd0"]) == 61
    for row in linters["yymmd0"]:
        assert identity.is_date(row["data"]) == row["ok"], row
        if row["data"].isalnum():
            assert reads(f"https://a/01/09521001000017/21/X?17={row['data']}") == row["ok"], row


def test_what_may_stand_together(shared_vectors: Path) -> None:
    """Of the rows about a trade item, none that GS1 refuses is read, and each that it allows is, if we know its AIs."""
    judged = 0
    for row in rows(shared_vectors, "gs1-digital-link", "ai_associations.json"):
        pairs = BRACKETED.findall(row["ai_bracketed"])
        values = dict(pairs)
        if "01" not in values or row["rule"] == "validateAIrepeats":
            continue
        path = {name: values.pop(name, "") for name in ("01", "22", "10", "21")}
        query = "&".join(f"{name}={links.escape(value)}" for name, value in values.items())
        uri = links.path_of("https://a", path["01"], cpv=path["22"], lot=path["10"], serial=path["21"]) + f"?{query}"
        if row["ok"] and values.keys() & {"30", "250"}:
            assert not reads(uri), row
        else:
            assert reads(uri) == row["ok"], row
        judged += 1
    assert judged == 23


def test_no_other_attribute_is_read(shared_vectors: Path) -> None:
    """Every AI of two to four digits that stands in a link's query is one of GS1's table, and names what we say it does."""
    table = json.loads((shared_vectors / "gs1-ai" / "ai_table.json").read_text("utf-8"))
    known: set[str] = set()
    for row in table:
        first, _, last = row["ai"].partition("-")
        if "?" in row["flags"]:  # may stand in a query
            known.update(f"{number:0{len(first)}d}" for number in range(int(first), int(last or first) + 1))
    tried = (f"{number:0{digits}d}" for digits in (2, 3, 4) for number in range(10**digits))
    values = ("1", "000100", "ABC")
    read = {
        name
        for name in tried
        for value in values
        if reads(f"https://a/01/09521001000017/21/X?{name}={value}{'' if name[:3] != '392' else '&3100=000100'}")
    }
    assert len(read) > 300
    assert read <= known


def reads(uri: str) -> bool:
    """Say whether a link is read."""
    try:
        links.parse_digital_link(uri)
    except LinkError:
        return False
    return True


def test_short_gtins_are_padded_only_when_typed() -> None:
    """A GTIN-8, -12 and -13 becomes a GTIN-14 when typed; in a link it is refused."""
    for text in ("02345673", "416000336108", "2112345678900"):
        assert identity.pad_gtin(text) == text.zfill(14)
        with pytest.raises(IdentityError):
            identity.parse_gtin(text)
