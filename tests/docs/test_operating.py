"""What an operator reads: every setting is in one table, and the tree file is laid out as the tables say."""

from __future__ import annotations

import re
from typing import Final

import click

from registry.proofs.tree_file import HEADER, UNIT
from scripts.__main__ import COMMANDS, program
from tests.docs.test_house import ROOT
from webapp import settings

OPERATING: Final = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
LAYOUT: Final = (ROOT / "docs/tree-file.md").read_text(encoding="utf-8")
ROW: Final = re.compile(r"^\| `(TOUCHSTONE_[A-Z_]+)` \| (?:`(--[a-z-]+)`)? ?\|", re.MULTILINE)


def test_the_table_has_every_setting_and_its_option() -> None:
    """Those of the site and those of the commands, each once."""
    options = {
        (option.envvar, option.opts[0])
        for command in _commands(program)
        for option in command.params
        if isinstance(option, click.Option) and option.envvar
    }
    listed = ROW.findall(OPERATING)
    site = {value for value in vars(settings).values() if isinstance(value, str) and value.startswith("TOUCHSTONE_")}
    assert [name for name, _ in listed] == list(dict(listed))
    assert {(name, option) for name, option in listed if option} == options
    assert dict(listed).keys() == site | {name for name, _ in options}


def test_the_layout_is_that_of_the_code() -> None:
    """The places of every field, and the bytes of header and unit."""
    for title, form in (("header", HEADER.format), ("unit", UNIT.format)):
        table = LAYOUT[LAYOUT.index(f"| {title}: offset |") :].split("\n\n")[0]
        sizes = [int(size) for size in re.findall(r"^\| \d+ \| (\d+) \|", table, re.MULTILINE)]
        places = [int(place) for place in re.findall(r"^\| (\d+) \| \d+ \|", table, re.MULTILINE)]
        fields = [int(count or 0) or {"I": 4, "H": 2}[kind] for count, kind in re.findall(r"(\d*)([a-zA-Z])", form)]
        assert sizes == fields
        assert places == [sum(sizes[:field]) for field in range(len(sizes))]


def _commands(of: click.Command) -> list[click.Command]:
    if not isinstance(of, click.Group):
        return [of]
    context = click.Context(of)
    names = of.list_commands(context)
    found = [command for name in names if (command := of.get_command(context, name)) is not None]
    assert of is not program or len(found) == len(COMMANDS)
    return [inner for command in found for inner in _commands(command)]
