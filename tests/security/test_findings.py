"""bandit's findings are seen, each exception is a reason that somebody wrote, and what runs elsewhere is pinned."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.security.findings import ROOT, found, is_excepted

if TYPE_CHECKING:
    from pathlib import Path

ACTION: Final = re.compile(r"^\s*-?\s*uses:\s*(\S+)(.*)$", re.MULTILINE)
PINNED: Final = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
WORKFLOWS: Final = sorted((ROOT / ".github").rglob("*.y*ml"))
NOTHING: Final[dict[str, Any]] = {"ignore": [], "per-file-ignores": {}}


@pytest.mark.parametrize(
    ("line", "excepted"),
    [
        ("subprocess.run(words, shell=True)", False),
        ("subprocess.run(words, shell=True)  # noqa: S602 -- a reason", True),
        ("subprocess.run(words, shell=True)  # noqa: S603 -- another rule's", False),
    ],
)
def test_a_finding_is_excepted_by_its_own_rule(tmp_path: Path, line: str, excepted: bool) -> None:  # noqa: FBT001 -- a parameter of the test
    """A reason for one rule is none for another."""
    (tmp_path / "room").mkdir()
    (tmp_path / "room/one.py").write_text(f"import subprocess\n\n\ndef run(words):\n    {line}\n")
    (finding,) = found(("room",), tmp_path)
    assert finding["test_id"] == "B602"
    assert is_excepted(finding, NOTHING, tmp_path) is excepted
    for lint in ({**NOTHING, "ignore": ["S602"]}, {**NOTHING, "per-file-ignores": {"room/**": ["S602"]}}):
        assert is_excepted(finding, lint, tmp_path)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_by_the_hash_of_a_commit(path: Path) -> None:
    """A tag can be moved to other code; beside the hash stands the version that it is."""
    uses = ACTION.findall(path.read_text(encoding="utf-8"))
    assert uses
    assert [action for action, _ in uses if not action.startswith("./") and not PINNED.fullmatch(action)] == []
    assert all(re.fullmatch(r"\s*# v\d+(\.\d+)*", rest) for _, rest in uses)


def test_a_tag_is_no_pin() -> None:
    """Nor is a branch, or a short hash."""
    assert PINNED.fullmatch("actions/checkout@" + "0a" * 20)
    for action in ("actions/checkout@v4", "actions/checkout@main", "actions/checkout@11bd719", "actions/checkout"):
        assert not PINNED.fullmatch(action)


def test_the_workflow_runs_what_a_person_runs() -> None:
    """One command, with no secret and no right to write."""
    text = (ROOT / ".github/workflows/check.yml").read_text(encoding="utf-8")
    assert re.findall(r"run: (.+)", text) == [".ci/run"]
    assert "permissions:\n  contents: read\n" in text
    assert "secrets." not in text
