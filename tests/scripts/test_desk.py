"""The command that invites, and accounts of a demonstration, with which no other site starts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from registry.errors import DocumentError
from registry.storage.accounts import INVITED_FOR, Accounts
from scripts.__main__ import program
from scripts.demo.officers import PEOPLE, people_of_the_desk
from webapp.desk.composing import front_door
from webapp.settings import Settings

OFFICE = ("--office", "Shanghai Customs", "--kind", "customs", "--region", "CN-SH")
REGISTRY_ID = bytes(32)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One desk's database for all: to make its tables takes longer than what is asked here."""
    return f"sqlite:///{tmp_path_factory.mktemp('desk') / 'desk.db'}"


def run(url: str, *words: str) -> tuple[int, str]:
    """Invite; returns the exit code and what was printed."""
    done = CliRunner().invoke(program, ["desk", "invite", *words], env={"TOUCHSTONE_DESK_URL": url}, prog_name="touchstone")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return done.exit_code, done.output


def test_a_link_is_printed_once_and_is_good(url: str) -> None:
    """It leads to an invitation of the office to this address."""
    code, told = run(url, *OFFICE, "--email", "li@customs.example", "--site", "https://verify.example/", "--json")
    assert code == 0
    link = json.loads(told)["link"]
    assert link.startswith("https://verify.example/desk/invitation/")
    with Accounts.open(url) as accounts:
        found = accounts.invitation(link.rpartition("/")[2], 0)
    assert found is not None
    assert (found.office.name, found.email) == ("Shanghai Customs", "li@customs.example")
    assert found.expires > INVITED_FOR


@pytest.mark.parametrize(
    "wrong",
    [("--region", "Shanghai"), ("--email", "li"), ("--office", " "), ("--manufacturer", "7"), ("--kind", "manufacturer")],
)
def test_what_is_no_office_or_address_is_refused(url: str, wrong: tuple[str, str]) -> None:
    """With words, and nothing is stored."""
    code, told = run(url, *OFFICE, "--email", "li@customs.example", *wrong)
    assert code == 1
    assert "found" in told or "expected" in told


def test_an_office_is_not_made_another_one(url: str) -> None:
    """The same name with another kind or region is an error, not a second office."""
    assert run(url, *OFFICE, "--email", "a@customs.example")[0] == 0
    assert run(url, *OFFICE, "--email", "b@customs.example")[0] == 0
    code, told = run(url, *OFFICE, "--email", "c@customs.example", "--region", "DE-HH")
    assert code == 1
    assert "expected customs of DE-HH" in told


def test_only_a_demonstration_starts_with_accounts_that_everybody_knows(url: str) -> None:
    """The site says how many there are, and does not start."""
    assert people_of_the_desk(url) == people_of_the_desk(url)
    there = Path("there")
    with pytest.raises(DocumentError, match=f"{len(PEOPLE)} accounts of a demonstration"):
        front_door(Settings(url, there, there, (), desk_url=url), REGISTRY_ID)
    door = front_door(Settings(url, there, there, (), desk_url=url, demo=True), REGISTRY_ID)
    assert door is not None
    door.accounts.close()
