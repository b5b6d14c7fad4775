"""Decision records: numbered without a gap, listed by their titles, and there when something refers to them."""

from __future__ import annotations

import re
from typing import Final

from tests.docs.test_house import ROOT, text, tree

FOLDER: Final = ROOT / "docs/decisions"
NAMED: Final = re.compile(r"decisions/(\d{4}[a-z0-9-]*)")


def test_records_are_numbered_and_listed() -> None:
    """The index has every record under the title that it gives itself."""
    titles = []
    for number, path in enumerate(sorted(FOLDER.glob("0*.md")), 1):
        title = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix(f"# {number}. ")
        assert path.name.startswith(f"{number:04}-")
        titles.append(f"{number}. [{title}]({path.name})")
    listed = (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in listed if re.match(r"\d+\. ", line)] == titles


def test_every_record_that_is_referred_to_is_there() -> None:
    """By its number, or its number and name."""
    names = [path.name for path in FOLDER.glob("0*.md")]
    missing = [f"{path}: {name}" for path in tree() for name in NAMED.findall(text(path)) if not _is_there(name, names)]
    assert not missing


def _is_there(name: str, names: list[str]) -> bool:
    return any(known == f"{name}.md" if "-" in name else known.startswith(f"{name}-") for known in names)
