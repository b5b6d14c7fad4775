"""`touchstone`: the program. Commands are loaded when they are called, so that `--help` is instant."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, cast

import click

from scripts.console import Program

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "deploy": "deploy",
    "accredit": "accredit",
    "key": "key",
    "register": "register_batch",
    "relay": "relay",
    "settle": "settle",
    "labels": "print_labels",
    "reconcile": "reconcile",
    "publish": "publish",
    "admit": "admit",
    "withdraw": "withdraw",
    "archive": "archive",
    "migrate": "migrate",
    "backup": "backup",
    "restore": "restore",
    "stats": "stats",
    "metrics": "metrics",
    "forget": "forget",
    "leads": "leads",
    "desk": "desk",
    "tell": "tell",
    "history": "history",
    "attest": "attest",
    "witness": "witness",
    "monitor": "monitor",
    "verify": "verify",
    "check-list": "check_list",
    "pack": "pack",
    "absence": "absence",
    "verify-sheet": "verify_sheet",
    "notary": "notary",
    "audit": "audit",
    "demo": "demo",
}
"""Command name to module: each module has a `command`."""
RECURSION = 1000
"""Python's own limit: a library that comes with web3 raises it so far that a deeply nested JSON file would end the process."""


class Commands(Program):
    """The program's commands, each in a module of its own."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of a unit's life."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command = cast("click.Command", importlib.import_module(f"scripts.{COMMANDS[cmd_name]}").command)
        sys.setrecursionlimit(RECURSION)
        return command


@click.command(cls=Commands)
@click.version_option(package_name="touchstone-registry", prog_name="touchstone")
def program() -> None:
    """Seal batches of units, anchor them on a chain, label them, and check any label.

    Exit codes: 0 done, 1 refused, 2 usage (of `audit` also that it could not ask).
    """


def main(argv: Sequence[str] | None = None) -> None:
    """Run the program."""
    program.main(args=argv, prog_name="touchstone")


if __name__ == "__main__":
    main()
