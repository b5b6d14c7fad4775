"""`python verify.py FILE ...`: repeats proof files and absence files, with no network and nothing to install."""

from __future__ import annotations

import sys
from pathlib import Path

from .files import check_file

ABOUT = """usage: python verify.py FILE ...

Repeats each proof file (docs/proof-file.md) or absence file (docs/absence.md) up to the seals that it names, step by step.
Exits with 0 if every step of every file holds, with 1 otherwise. Whether a seal is on the chain, and whether an absence file
lists every batch that the chain counts, is a question to the chain: `touchstone verify FILE --contract ADDRESS` asks it.
"""


def main(arguments: list[str]) -> int:
    """Check files and print every step; returns the exit code."""
    if not arguments or {"-h", "--help"} & set(arguments):
        print(ABOUT)
        return 0 if arguments else 2
    return max([_checked(Path(name)) for name in arguments])


def _checked(path: Path) -> int:
    try:
        raw = path.read_bytes()
    except OSError as error:
        print(f"{path}: cannot be read: {error.strerror}")
        return 1
    about, steps = check_file(raw)
    holds = all(held for _, held, _ in steps)
    print(f"{path}: {'every step holds' if holds else 'NOT every step holds'}{': ' if about else ''}{about}")
    for name, held, told in steps:
        print(f"  {name:<10} {'ok' if held else 'NO'}  {told}")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
