"""The house stays walkable: what the tree may hold, how long a file may be, and that every exception says why."""

from __future__ import annotations

import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
LONGEST: Final = 600
MODULES: Final = frozenset({".py", ".sol", ".js", ".mjs", ".html", ".css"})
VAGUE: Final = frozenset({"utils", "util", "helpers", "helper", "common", "core", "manager", "managers", "service", "services"})
TOP_LEVEL: Final = frozenset({
    # the house
    "contracts", "registry", "webapp", "scripts", "tests", "docs", "examples", "hardhat.config.js", "pyproject.toml",
    # what a reader looks for
    "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE",
    # what a tool looks for
    "Makefile", "package.json", "package-lock.json", ".npmrc", "requirements", ".ci", ".github", ".gitignore", ".gitattributes",
})  # fmt: skip
# Addresses of package registries, and folders of one machine: neither means anything to who clones this.
FOREIGN: Final = re.compile(
    r"registry\.npmjs|registry\.yarnpkg|pypi\.org|pythonhosted\.org|(?:deb|ftp)\.debian\.org|crates\.io|proxy\.golang"
    r"|(?<![\w.*])/(?:root|work|home/\w+|Users/\w+|opt/pypi[\w-]*)/"
)
EXCEPTION: Final = re.compile(r"#\s*(?:noqa|type:\s*ignore|pragma:\s*no cover|slither-disable|solhint-disable)\b(?P<rest>.*)")
CODES: Final = re.compile(r"^(?::\s*[A-Z]+\d+(?:\s*,\s*[A-Z]+\d+)*|\[[\w, -]+\])")


@cache
def tree() -> tuple[Path, ...]:
    """Every file that is, or on the next commit would be, part of the repository; relative to its root."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(sorted(path for name in listed.split("\0") if name and (ROOT / (path := Path(name))).is_file()))


@cache
def text(path: Path) -> str:
    """Its text; empty for a picture or another file that is not text."""
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def test_no_module_is_too_long_to_read_in_one_sitting() -> None:
    """Aim below 400 lines; above 600 a file has to be divided."""
    lengths = {str(path): len(text(path).splitlines()) for path in tree() if path.suffix in MODULES}
    assert not {path: lines for path, lines in lengths.items() if lines > LONGEST}


def test_every_name_says_what_is_inside() -> None:
    """No folder and no module has a name that anything would fit under."""
    vague = {str(path) for path in tree() if VAGUE & {*path.parts[:-1], path.name.split(".")[0].lower()}}
    assert not vague


def test_nothing_unexpected_lies_at_the_top() -> None:
    """The top level is the table of contents."""
    assert {path.parts[0] for path in tree()} <= TOP_LEVEL


def test_files_name_no_package_registry_and_no_machine() -> None:
    """A clone works behind any mirror and in any folder, so neither is written down, in lock files least of all."""
    found = [f"{path}: {match[0]}" for path in tree() for match in FOREIGN.finditer(text(path))]
    assert not found


@pytest.mark.parametrize("name", ["runtime", "dev", "chain", "tools", "slither", "bench", "cert-issuer"])
def test_every_locked_package_has_a_version_and_a_hash(name: str) -> None:
    """An installation is repeatable, and a changed package is refused."""
    entries = re.split(r"\n(?=\S)", text(Path(f"requirements/{name}.txt")).strip())
    assert [entry for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []


def test_the_smaller_locks_agree_with_the_development_lock() -> None:
    """What is tested is what runs: each package has one version in all locks that share an environment."""

    def versions(name: str) -> set[str]:
        return set(re.findall(r"^\S+==\S+(?: ;[^\\]*)?", text(Path(f"requirements/{name}.txt")), re.MULTILINE))

    for name in ("runtime", "chain", "tools"):
        assert versions(name) <= versions("dev")


def test_every_ignored_rule_has_a_reason() -> None:
    """Each rule switched off in pyproject.toml has a comment beside it."""
    lint = tomllib.loads(text(Path("pyproject.toml")))["tool"]["ruff"]["lint"]
    codes = set(lint["ignore"]).union(*lint["per-file-ignores"].values())
    lines = text(Path("pyproject.toml")).splitlines()
    bare = [line for line in lines if any(f'"{code}",' in line for code in codes) and not re.search(r",  # \S.{9,}", line)]
    assert not bare


def test_every_exception_in_the_code_has_a_reason() -> None:
    """A `noqa` or `type: ignore` names its rule and says why."""
    bare = [
        f"{path}:{number}: {line.strip()}"
        for path in tree()
        if path.suffix == ".py"
        for number, line in enumerate(text(path).splitlines(), 1)
        if (found := EXCEPTION.search(line)) and not re.search(r"\w.{3,}", CODES.sub("", found["rest"]))
    ]
    assert not bare
