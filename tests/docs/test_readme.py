"""What the README promises is there: its commands, its files, its addresses."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Final

import click
import pytest
from click.testing import CliRunner

from scripts.__main__ import COMMANDS, program
from scripts.demo import command as demo

ROOT: Final = Path(__file__).parents[2]
README: Final = (ROOT / "README.md").read_text(encoding="utf-8")
NAMED: Final = re.findall(r"^\| `touchstone ([a-z-]+)([^`]*)` \|", README, re.MULTILINE)
MAKE: Final = sorted(set(re.findall(r"(?:`|\$ )make ([a-z]+)", README)))


def test_the_table_lists_every_command_and_no_other() -> None:
    """Only `demo` stands elsewhere: `make demo` calls it."""
    assert [name for name, _ in NAMED] == [name for name in COMMANDS if name != "demo"]


@pytest.mark.parametrize("name", [name for name, _ in NAMED])
def test_every_named_command_runs(name: str) -> None:
    """It answers `--help`, and takes as many words as the README gives it."""
    done = CliRunner().invoke(program, [name, "--help"], prog_name="touchstone")
    assert done.exit_code == 0
    words = [word for of, rest in NAMED if of == name for word in rest.split()]
    command = program.get_command(click.Context(program), name)
    assert command is not None
    arguments = [one for one in command.params if isinstance(one, click.Argument)]
    assert len(words) <= len(arguments)


def test_what_a_group_is_said_to_do_is_there() -> None:
    """`accredit` and `key` name their acts in the table; each act is a command."""
    for name, told in (
        ("accredit", ("manufacturer", "profile", "suspend", "role", "domains")),
        ("key", ("new", "consent", "add", "revoke", "compromised", "endorse")),
        ("withdraw", ("units", "batch", "annul-units", "annul-batch")),
    ):
        group = program.get_command(click.Context(program), name)
        assert isinstance(group, click.Group)
        assert set(told) <= set(group.commands)


@pytest.mark.parametrize("target", MAKE)
def test_every_make_target_is_there(target: str) -> None:
    """`make -n` knows it: what it would do is not done here."""
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607 -- POSIX has it
    assert done.returncode == 0, done.stderr


def test_make_help_lists_what_the_readme_names() -> None:
    """A person who asks finds the same words."""
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S607 -- POSIX has it
    for target in MAKE:
        assert re.search(rf"^  make {target}\b", listed, re.MULTILINE)


def test_every_file_that_is_linked_is_there() -> None:
    """No link leads into nothing."""
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


def test_every_room_that_is_named_is_there() -> None:
    """The table of rooms and the tree agree."""
    rooms = re.findall(r"`((?:contracts|registry|webapp|scripts)/[a-z]*/?)`", README)
    assert len(rooms) >= 8
    assert [room for room in rooms if not (ROOT / room).is_dir()] == []


def test_the_demo_is_where_the_readme_says() -> None:
    """Port, folder and the names of make's variables."""
    given = {option.name: option.default for option in demo.params}
    assert f"http://127.0.0.1:{given['port']}" in README
    assert f"{given['folder']}/links.json" in README
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for variable in re.findall(r"`([A-Z]+)=", README):
        assert f"\n{variable} ?=" in makefile
