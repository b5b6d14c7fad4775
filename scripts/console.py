"""How our programs talk.

What a program *found* goes to standard output: plain lines for people, one JSON object with `--json` for machines. What it is
*doing* goes to standard error: progress, warnings, errors. An error is one line `touchstone: what was found, what was
expected`, and where there is something to do about it a second line `hint: ...`.

Exit codes: 0 done, 1 refused, 2 usage.
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from registry.errors import AlreadyRegistered, IntakeError, TouchstoneError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

REFUSED = 1
PROBLEMS_SHOWN = 200
"""A file with more faults than this is more likely the wrong file."""


class Console:
    """Where a command's words go; one is handed to each command."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._interactive = sys.stderr.isatty()

    def say(self, text: str) -> None:
        """Tell what is being done."""
        click.echo(text, err=True)

    def warn(self, text: str) -> None:
        """Tell what a person should look at."""
        click.echo(f"warning: {text}", err=True)

    def found(self, facts: Mapping[str, Any], lines: list[str] | None = None) -> None:
        """Give the result: `facts` as JSON for machines, `lines` (or the facts, one a line) for people."""
        if self.as_json:
            click.echo(json.dumps(facts, ensure_ascii=False, indent=2, sort_keys=True))
            return
        if lines is None:
            width = max((len(name) for name in facts), default=0)
            lines = [f"{name.replace('_', ' '):<{width}}  {value}" for name, value in facts.items()]
        for line in lines:
            click.echo(line)

    @contextmanager
    def progress(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show a bar with rate and time left on a terminal, one line at the end elsewhere; yields `done(count)`."""
        if not self._interactive:
            counted = 0

            def count(done: int) -> None:
                nonlocal counted
                counted = done

            yield count
            self.say(f"{label}: {counted:,} of {total:,}")
            return
        with click.progressbar(length=total, label=label, file=sys.stderr, show_pos=True, show_eta=True) as bar:

            def advance(done: int) -> None:
                bar.update(done - bar.pos)

            yield advance


class Program(click.Group):
    """A click group that turns our errors into our words and exit codes."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an expected error becomes a message and exit code 1, never a traceback."""
        try:
            return super().invoke(ctx)
        except TouchstoneError as error:
            explain(error)
            ctx.exit(REFUSED)


def explain(error: TouchstoneError) -> None:
    """Print an error with everything that it names."""
    details: tuple[object, ...] = ()
    if isinstance(error, IntakeError):
        details = error.problems
    elif isinstance(error, AlreadyRegistered):
        details = error.conflicts
    for detail in details[:PROBLEMS_SHOWN]:
        click.echo(f"  {detail}", err=True)
    if len(details) > PROBLEMS_SHOWN:
        click.echo(f"  … and {len(details) - PROBLEMS_SHOWN:,} more", err=True)
    click.echo(f"touchstone: {error.message}", err=True)
    if error.hint:
        click.echo(f"hint: {error.hint}", err=True)


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--json`, handed on as a ready `console`."""

    def build(_ctx: click.Context, _param: click.Parameter, value: bool) -> Console:
        return Console(as_json=value)

    return click.option("--json", "console", is_flag=True, callback=build, help="Print the result as one JSON object.")(command)
