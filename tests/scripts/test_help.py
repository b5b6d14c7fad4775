"""Every command explains itself, and says with its exit code how it went."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from scripts.__main__ import COMMANDS, program

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


def commands(group: click.Group, *before: str) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command, however deep."""
    context = click.Context(group)
    for name in group.list_commands(context):
        yield (*before, name)
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from commands(found, *before, name)


EVERY = list(commands(program))


@pytest.mark.parametrize("words", [(), *EVERY], ids=" ".join)
def test_every_command_has_help(words: tuple[str, ...]) -> None:
    """`--help` exits with 0 and begins with a sentence of its own; every option says what it is for."""
    done = CliRunner().invoke(program, [*words, "--help"], prog_name="touchstone")
    assert done.exit_code == 0
    assert done.output.startswith(f"Usage: touchstone {' '.join(words)}".strip())
    command: click.Command = program
    for word in words:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), word)
        assert found is not None
        command = found
    assert command.help
    bare = [option.name for option in command.params if isinstance(option, click.Option) and not option.help]
    assert bare == []


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_an_unknown_option_is_a_matter_of_usage(words: tuple[str, ...]) -> None:
    """Exit code 2, and a way to the help."""
    done = CliRunner().invoke(program, [*words, "--no-such-option"], prog_name="touchstone")
    assert done.exit_code == 2
    assert "--help" in done.stderr
    assert done.stdout == ""


def test_an_unknown_command_is_a_matter_of_usage() -> None:
    """Exit code 2, the word quoted."""
    done = CliRunner().invoke(program, ["regster"], prog_name="touchstone")
    assert done.exit_code == 2
    assert "regster" in done.stderr


def test_every_command_has_a_file_and_every_file_that_is_one_is_listed() -> None:
    """One file for each command of the program."""
    listed = {f"{module}.py" for module in COMMANDS.values()} | {f"{module}/__init__.py" for module in COMMANDS.values()}
    with_command = {
        str(path.relative_to(ROOT / "scripts"))
        for path in (ROOT / "scripts").rglob("*.py")
        if "\ndef command(" in path.read_text(encoding="utf-8")
    }
    assert with_command
    assert with_command <= listed


def test_the_installed_program_is_this_one() -> None:
    """`touchstone` and `python -m scripts` are the same, and start without loading what `--help` does not need."""
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]["touchstone"]
    assert named == "scripts.__main__:main"
    code = "import sys, scripts.__main__; sys.exit(bool({'web3', 'sqlalchemy', 'flask'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
    done = subprocess.run([sys.executable, "-m", "scripts", "--version"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("touchstone, version ")
