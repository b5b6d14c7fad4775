"""What `pip install` gives works without this checkout: the wheel holds everything that the programs read."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
READ_AT_RUN_TIME: Final = [
    "registry/chain/*.json",
    "registry/storage/migrations/**/*",
    "webapp/templates/**/*",
    "webapp/static/**/*",
    "webapp/translations/**/*",
]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content in a folder of its own, built from a copy so that nothing old slips in."""
    source, wheels, target = (tmp_path_factory.mktemp(name) for name in ("source", "wheels", "target"))
    for name in ("registry", "scripts", "webapp"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = [sys.executable, "-m", "uv", "build", "--quiet", "--wheel", "--no-build-isolation", "--out-dir", str(wheels)]
    subprocess.run([*build, str(source)], check=True, timeout=120)
    with zipfile.ZipFile(next(wheels.glob("*.whl"))) as wheel:
        wheel.extractall(target)
    return target


@pytest.mark.parametrize("pattern", READ_AT_RUN_TIME)
def test_the_wheel_holds_what_is_read_at_run_time(installed: Path, pattern: str) -> None:
    """ABI, migrations, templates, styles and words travel with the code."""
    wanted = {path.relative_to(ROOT) for path in ROOT.glob(pattern) if path.is_file() and "__pycache__" not in path.parts}
    assert wanted
    assert not {path for path in wanted if not (installed / path).is_file()}


def test_the_wheel_carries_no_tests_and_no_tools(installed: Path) -> None:
    """Only the three packages and their licence are installed."""
    assert {path.name for path in installed.iterdir() if path.suffix != ".dist-info"} == {"registry", "scripts", "webapp"}


def test_the_program_starts_from_the_wheel_alone(installed: Path) -> None:
    """`touchstone --help` runs in a folder that knows nothing of this checkout."""
    code = f"import sys; sys.path.insert(0, {str(installed)!r}); from scripts.__main__ import main; main(['--help'])"
    done = subprocess.run([sys.executable, "-P", "-c", code], cwd=installed.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "touchstone" in done.stdout.lower()
