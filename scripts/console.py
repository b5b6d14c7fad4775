"""How our programs talk.

What a program *found* goes to standard output: plain lines for people, one JSON object with `--json` for machines. What it is
*doing* goes to standard error: progress, warnings, errors. An error is one line `touchstone: what was found, what was
expected`, and where there is something to do about it a second line `hint: ...`.

Exit codes: 0 done, 1 refused, 2 usage. Of a command whose 1 is a finding (`Inquiry`), 2 is also that it could not ask.
"""

from __future__ import annotations

import json
import re
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from registry.errors import AlreadyRegistered, IntakeError, StoreDamaged, TouchstoneError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

REFUSED = 1
NOT_ASKED = 2
SHOWN_EVERY = 0.2
SAID_EVERY = 10.0
"""Seconds between two looks at a stage: on a terminal, and in a log."""
WIDTH = 79
STEERING = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
"""Characters that steer a terminal, or turn or hide what stands beside them."""
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
            told = json.dumps(facts, ensure_ascii=False, indent=2, sort_keys=True)
            click.echo("\n".join(harmless(line) for line in told.split("\n")))
            return
        if lines is None:
            width = max((len(name) for name in facts), default=0)
            lines = [f"{name.replace('_', ' '):<{width}}  {value}" for name, value in facts.items()]
        for line in lines:
            click.echo(line)

    @contextmanager
    def gauge(self) -> Iterator[Gauge]:
        """Show stages of work as they go on: what is yielded is told of them."""
        gauge = Gauge(self.say, on_terminal=self._interactive)
        try:
            yield gauge
        finally:
            gauge.close()

    @contextmanager
    def progress(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show one stage of which the total is known; yields `done(count)`."""
        with self.gauge() as gauge:
            yield lambda done: gauge(label, done, total)


def harmless(text: str) -> str:
    """Return a text with whatever could steer a terminal spelled out, as JSON spells it."""
    return STEERING.sub(lambda found: json.dumps(found[0])[1:-1], text)


class Gauge:
    """Shows how far the stages of some work are, how fast they go and how long they will take.

    On a terminal that is one line that changes, elsewhere a line every ten seconds; and a line for each stage that is done.
    """

    def __init__(self, say: Callable[[str], None], *, on_terminal: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._on_terminal = on_terminal
        self._clock = clock
        self._stage = ""
        self._done = self._begun_with = 0
        self._begun = self._shown = 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show that `done` of `total` are done in a stage."""
        now = self._clock()
        if stage != self._stage or done < self._done:
            self.close()
            self._stage, self._begun, self._begun_with, self._shown = stage, now, done, now
        self._done = done
        rate = (done - self._begun_with) / (now - self._begun) if now > self._begun else 0.0
        speed = f", {rate:,.0f} a second" if rate else ""
        if done >= total:
            self._clear()
            self._say(f"{stage}: {done:,}{speed}")
            self._stage = ""
        elif now - self._shown >= (SHOWN_EVERY if self._on_terminal else SAID_EVERY):
            self._shown = now
            left = f", {duration((total - done) / rate)} left" if rate else ""
            line = f"{stage}: {done:,} of {total:,}{speed}{left}"
            if self._on_terminal:
                click.echo(f"\r{line:<{WIDTH}}", err=True, nl=False)
            else:
                self._say(line)

    def close(self) -> None:
        """End the line of a stage that stopped before its end."""
        if self._stage:
            self._clear()
            self._say(f"{self._stage}: stopped at {self._done:,}")
            self._stage = ""

    def _clear(self) -> None:
        if self._on_terminal:
            click.echo(f"\r{'':<{WIDTH}}\r", err=True, nl=False)


def duration(seconds: float) -> str:
    """Return a time as a person says it."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


class Program(click.Group):
    """A click group that turns our errors into our words and exit codes."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an expected error becomes a message and exit code 1, never a traceback."""
        try:
            return super().invoke(ctx)
        except TouchstoneError as error:
            explain(error)
            ctx.exit(REFUSED)


class Inquiry(click.Command):
    """A command that ends with 1 for what it found alone: whatever keeps it from asking ends it with 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error becomes a message, and exit code 2 unless it is itself about what is stored."""
        try:
            return super().invoke(ctx)
        except StoreDamaged:
            raise
        except TouchstoneError as error:
            explain(error)
            ctx.exit(NOT_ASKED)


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
