"""`python verify.py FILE ...`: repeats proof files and absence files, with nothing to install."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .chain_query import CouldNotAsk, Endpoint, asked
from .documents import Refused
from .files import Step, read, repeated

ABOUT = """Repeats each proof file (docs/proof-file.md) or absence file (docs/absence.md) up to the seals that it names, step by
step, with no network. With --rpc and --contract the chain is asked too, about less than `touchstone verify FILE` asks it. Exits
with 0 if every step of every file holds, with 1 otherwise."""


def main(arguments: list[str]) -> int:
    """Check files and print every step; returns the exit code."""
    parser = argparse.ArgumentParser(prog="verify.py", description=ABOUT)
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path)
    parser.add_argument("--rpc", help="a JSON-RPC endpoint of the chain, http or https")
    parser.add_argument("--contract", action="append", default=[], help="each contract's address, from a source that you trust")
    given = parser.parse_args(arguments)
    if bool(given.rpc) != bool(given.contract):
        parser.error("--rpc and --contract go together")
    return max([_checked(path, given.rpc, given.contract) for path in given.files])


def _checked(path: Path, rpc: str | None, contracts: list[str]) -> int:
    about, steps, silent = "", list[Step](), ""
    try:
        file = read(path.read_bytes())
        about, steps = file.about, repeated(file)
        if rpc and all(held for _, held, _ in steps):
            steps += asked(file, Endpoint(rpc), contracts)
    except OSError as error:
        steps = [("document", False, f"cannot be read: {error.strerror}")]
    except CouldNotAsk as error:
        silent = f"  {'chain':<10} ?   could not ask: {error}"
    except Refused as error:
        steps = [("document", False, str(error))]
    holds = not silent and all(held for _, held, _ in steps)
    print(f"{path}: {'every step holds' if holds else 'NOT every step holds'}{': ' if about else ''}{about}")
    for name, held, told in steps:
        print(f"  {name:<10} {'ok' if held else 'NO'}  {told}")
    if silent:
        print(silent)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
