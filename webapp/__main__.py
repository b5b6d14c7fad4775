"""`python -m webapp`: says whether the site would start with this environment, and ends.

A server that replaces workers which ended would otherwise try again for ever. Exit code 1, with every fault, if it would not.
"""

from __future__ import annotations

import os

from webapp.wsgi import start


def main() -> None:
    """Put the site together as a worker does, and take it apart again."""
    _, end = start(os.environ)
    end()


if __name__ == "__main__":
    main()
