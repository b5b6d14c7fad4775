"""`python verify.py FILE ...`: repeats proof files, absence files and evidence bundles, with nothing to install."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .bundle import Archive, Evidence, is_bundle
from .chain_query import CouldNotAsk, Endpoint, asked
from .documents import Refused
from .files import Step, read, repeated

ABOUT = """Repeats each proof file (docs/proof-file.md), absence file (docs/absence.md) or evidence bundle (docs/evidence.md: a
ZIP or the folder that it was unpacked to), step by step, with no network. Of a bundle, every file is compared with its hash,
and every proof is repeated up to the seals. With --rpc and --contract the chain is asked too: whether it has a bundle's hash
on record, and its batches; that is less than `touchstone verify FILE` asks. Exits with 0 if every step of every file holds."""


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
        file = Evidence(Archive(path)) if is_bundle(path) else read(path.read_bytes())
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
