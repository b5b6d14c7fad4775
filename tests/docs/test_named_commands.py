"""Every command and every option that a document tells somebody to type is there, and every unit, setting and file."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final

import click
import pytest

from scripts.__main__ import program
from tests.docs.test_house import ROOT
from webapp.settings import KNOWN, OF_TESTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOCUMENTS: Final = sorted([*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")])
SPAN: Final = re.compile(r"(?<!`)`(?:\$ )?touchstone ([^`\n]+)`(?!`)")
LINE: Final = re.compile(r"^(?:\$ |# )?touchstone ((?:[^\n\\]|\\\n)+)", re.MULTILINE)
BLOCK: Final = re.compile(r"^\s*```\w*\n(.*?)^\s*```", re.MULTILINE | re.DOTALL)


def _typed(text: str) -> Iterator[list[str]]:
    """Yield the words after `touchstone` of every command in a document."""
    for found in [*SPAN.findall(BLOCK.sub("", text)), *(line for block in BLOCK.findall(text) for line in LINE.findall(block))]:
        words = re.sub(r"\s#\s.*|\s[|>]\s.*", "", found.replace("\\\n", " ").replace("…", " "))
        lexer = shlex.shlex(words.replace("'", ""), posix=True, punctuation_chars=";&")
        lexer.whitespace_split = True
        yield list(lexer)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_that_is_named_is_there(path: Path) -> None:
    """Down to its options: a page for an emergency is read by somebody who has no time."""
    wrong = []
    for words in _typed(path.read_text(encoding="utf-8")):
        command: click.Command = program
        rest = list(words)
        while isinstance(command, click.Group) and rest and re.fullmatch(r"[a-z][a-z-]*", rest[0]):
            found = command.get_command(click.Context(command), rest[0])
            if found is None:
                break
            command, rest = found, rest[1:]
        known = {option for parameter in command.params for option in parameter.opts + parameter.secondary_opts}
        unknown = [word for word in rest if word.startswith("--") and word.split("=")[0] not in known | {"--help"}]
        is_lost = command is program or (isinstance(command, click.Group) and re.match("[a-z]", "".join(rest[:1])) is not None)
        if unknown or is_lost:
            wrong.append(" ".join(words))
    assert wrong == []


def test_what_is_wrong_is_seen() -> None:
    """The test above reads spans and blocks, with comments, continued lines and groups."""
    block = "```console\n$ touchstone backup /mnt --keep 30   # each night\ntouchstone audit \\\n  --quick\n```\n"
    text = f"`touchstone key new x.json`\n\n{block}"
    assert list(_typed(text)) == [["key", "new", "x.json"], ["backup", "/mnt", "--keep", "30"], ["audit", "--quick"]]


@pytest.mark.parametrize("name", ["operating", "incidents"])
def test_what_an_operator_is_told_of_is_there(name: str) -> None:
    """Units, settings, and files of the examples."""
    text = (ROOT / f"docs/{name}.md").read_text(encoding="utf-8")
    assert set(re.findall(r"TOUCHSTONE_[A-Z_]*[A-Z]", text)) <= KNOWN
    units = {path.name for path in (ROOT / "examples/operating/systemd").iterdir()}
    assert {f"{unit}.{kind}" for unit, kind in re.findall(r"\b(touchstone-[a-z-]+)\.(service|timer)\b", text)} <= units
    for unit in re.findall(r"systemctl [a-z-]+ (?:--now )?(touchstone-[a-z-]+)(?![a-z.-])", text):
        assert f"{unit}.service" in units, unit
    for link in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", text):
        assert (ROOT / "docs" / link).exists(), link


def test_every_setting_is_in_the_table() -> None:
    """What the site takes for a setting is what is documented as one."""
    table = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(TOUCHSTONE_[A-Z_]+)` \|", table, re.MULTILINE)) == KNOWN - OF_TESTS
