"""`touchstone migrate`: each database gets the tables of this version, at a moment that the operator chooses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from registry.storage import schema
from registry.storage.store import Store
from scripts.__main__ import program

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path) -> dict[str, str]:
    """Where everything of a site is; nothing is there yet."""
    return {
        "TOUCHSTONE_DATABASE_URL": f"sqlite:///{tmp_path / 'registry.db'}", "TOUCHSTONE_TREES": str(tmp_path / "trees"),
        "TOUCHSTONE_SCANS_URL": f"sqlite:///{tmp_path / 'scans.db'}",
        "TOUCHSTONE_DESK_URL": f"sqlite:///{tmp_path / 'desk.db'}",
    }  # fmt: skip


def migrate(place: dict[str, str]) -> dict[str, Any]:
    """Give the command, and return what it says."""
    done = CliRunner().invoke(program, ["migrate", "--json"], env=place, prog_name="touchstone")
    assert done.exit_code == 0, done.output
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_tables_are_made_and_brought_up_to_date(place: dict[str, str], tmp_path: Path) -> None:
    """Of nothing, of an older version, and of this one, which changes nothing."""
    assert set(migrate(place)) >= {"registry", "scans", "desk"}
    for name in ("TOUCHSTONE_SCANS_URL", "TOUCHSTONE_DATABASE_URL"):
        engine = schema.open_engine(place[name], create=True)
        schema.migrate(engine, "0011", trees=tmp_path / "trees")
        engine.dispose()
    told = migrate(place)
    assert [told[name]["before"] for name in ("registry", "scans", "desk")] == ["0011", "0011", schema.HEAD]
    assert {told[name]["now"] for name in ("registry", "scans", "desk")} == {schema.HEAD}
    Store.open(place["TOUCHSTONE_DATABASE_URL"], tmp_path / "trees").close()


def test_what_a_newer_version_made_is_left_alone(place: dict[str, str]) -> None:
    """Tables that this version does not know are no tables of its own: it says so, and changes nothing."""
    migrate(place)
    engine = schema.open_engine(place["TOUCHSTONE_DATABASE_URL"], create=True)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    done = CliRunner().invoke(program, ["migrate"], env=place, prog_name="touchstone")
    assert done.exit_code == 1
    assert "9999" in done.output
    assert schema.revision(engine) == "9999"
    engine.dispose()
