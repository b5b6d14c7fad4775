"""`touchstone check-list` on a real chain: right, resumable, and the files agree."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final

import pytest

from registry.units import links, serials

if TYPE_CHECKING:
    from pathlib import Path

    from tests.scripts.conftest import Desk

pytestmark = pytest.mark.xdist_group("scripts")
GTIN: Final = "09521004000014"


def files(folder: Path) -> tuple[str, ...]:
    """Return the options that say where results go."""
    return "--out", f"{folder}/r.csv", "--lines", f"{folder}/r.jsonl", "--sheet", f"{folder}/sheet.json"


def test_a_list_is_checked_line_by_line(desk: Desk, tmp_path: Path) -> None:
    """Links and numbers, good and bad; what could not be asked is asked again, and nothing else."""
    seal = desk.register("listed.csv", [f"{GTIN},L2611A,LISTED-{n}" for n in range(6)])["seal"]
    good = [desk.link(seal, n) for n in range(3)]
    serial = links.parse(good[0]).serial
    listed = desk.file("list.csv", "\n".join(["code;box", *(f"{link};1" for link in good), f"{serial.lower()};2", "NEVER;3"]))
    away = desk.type("check-list", listed, *files(tmp_path), TOUCHSTONE_RPC="http://127.0.0.1:9")
    assert away.exit_code == 1
    assert "not asked" in away.stdout
    found = desk.type("check-list", listed, *files(tmp_path), "--resume", "--json")
    told = json.loads(found.stdout)
    assert (told["lines"], found.exit_code) == (5, 0 if "not_asked" not in told["groups"] else 1)
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_bytes().splitlines()]
    assert [line["number"] for line in lines] == [1, 2, 3, 4, 5]
    assert lines[4]["registration"] == "not_registered"
    sheet = json.loads((tmp_path / "sheet.json").read_bytes())
    assert sheet["lines"]["sha256"] == hashlib.sha256((tmp_path / "r.jsonl").read_bytes()).hexdigest()
    assert (tmp_path / "r.csv").read_text("utf-8-sig").count("\n") == 6


def test_results_of_another_list_are_refused(desk: Desk, tmp_path: Path) -> None:
    """They would be mixed up."""
    for text, code in (("A\nB\n", 0), ("A\nC\n", 1)):
        done = desk.type("check-list", desk.file("other.txt", text), *files(tmp_path), "--resume")
        assert done.exit_code == code
    assert "not that of the list" in done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--column", "9"), "expected a letter such as B"),
        (("--column", "C"), "expected one of"),
        (("--gtin-column", "XX"), "column"),
    ],
)
def test_a_column_that_is_not_there(desk: Desk, tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    """Named, and nothing is written."""
    done = desk.type("check-list", desk.file("two.csv", f"a;b\n{serials.generate()};c\n"), *files(tmp_path), *options)
    assert done.exit_code == 1
    assert words in done.stderr
    assert not (tmp_path / "r.csv").exists()
