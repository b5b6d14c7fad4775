"""`touchstone pack`, over a real chain with the real contract: what an officer carries to where there is no network."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.scripts.conftest import GTIN, LOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.scripts.conftest import Desk

pytestmark = pytest.mark.xdist_group("scripts")
NO_CHAIN = {
    "TOUCHSTONE_RPC": "http://127.0.0.1:1",
    "TOUCHSTONE_DATABASE_URL": "sqlite:////nowhere/at.db",
    "TOUCHSTONE_TRUST": "",
}


def check(desk: Desk, pack: Path, *words: str, signer: int = 0) -> tuple[int, list[str], dict[str, Any]]:
    """Check by a pack where there is neither chain nor store; returns exit code, verdicts, and all that was told."""
    done = desk.type("pack", "check", str(pack), *words, "--signer", desk.chain.accounts[signer], "--json", **NO_CHAIN)
    told = json.loads(done.stdout) if done.stdout else {}
    return done.exit_code, [one["registration"] for one in told.get("verdicts", [])], told


def test_a_pack_is_carried_to_where_there_is_no_network(desk: Desk, tmp_path: Path) -> None:
    """Registered, withdrawn, and not there; and each of them in a list."""
    made = desk.register("packed.csv", [f"{GTIN},{LOT},PK-{number}" for number in range(300)])
    gone, stays = desk.link(made["seal"], 280), desk.link(made["seal"], 1)
    serial = gone.split("/21/")[1].split("?")[0]
    listed = desk.file("stolen.csv", f"gtin,serial\n{GTIN},{serial}\n")
    desk.done("withdraw", "units", listed, "--for", "stolen", *desk.by("line"))
    pack = tmp_path / "office.pack"
    told = desk.done("pack", "make", str(pack), *desk.by("alliance"))
    assert (told["units"] >= 300, told["leftOut"], told["signer"]) == (True, 0, desk.chain.accounts[0])
    assert pack.stat().st_size == told["bytes"]

    code, verdicts, _ = check(desk, pack, stays)
    assert (code, verdicts) == (0, ["registered"])
    lines = tmp_path / "container.txt"
    lines.write_text(f"{stays}\n{gone}\n\n{GTIN}/{serial}\n{GTIN}/NOT-THERE\nrubbish\n", encoding="utf-8")
    code, verdicts, told = check(desk, pack, "--list", str(lines))
    assert (code, verdicts) == (1, ["registered", "withdrawn", "withdrawn", "cannot_check", "unreadable"])
    assert told["pack"]["ageSeconds"] >= 0

    shown = desk.type("pack", "check", str(pack), stays, gone, "--signer", desk.chain.accounts[0], **NO_CHAIN)
    assert shown.stdout.count("hours ago") == 2
    alone = desk.type("pack", "check", str(pack), stays, "--signer", desk.chain.accounts[0], **NO_CHAIN)
    assert f"by the pack of {desk.chain.accounts[0]}, as of " in alone.stdout


def test_a_pack_by_another_signer_or_a_damaged_one_answers_nothing(desk: Desk, tmp_path: Path) -> None:
    """And ends with another code than a finding, so that no program takes it for one."""
    made = desk.register("signed.csv", [f"{GTIN},{LOT},PS-{number}" for number in range(3)])
    pack = tmp_path / "office.pack"
    desk.done("pack", "make", str(pack), *desk.by("alliance"))
    link = desk.link(made["seal"])
    assert check(desk, pack, link, signer=2) == (2, [], {})
    pack.chmod(0o600)
    pack.write_bytes(pack.read_bytes()[:-1])
    assert check(desk, pack, link) == (2, [], {})


def test_no_pack_is_made_without_the_chain(desk: Desk, tmp_path: Path) -> None:
    """And the one of yesterday is left as it was."""
    pack = tmp_path / "office.pack"
    pack.write_bytes(b"yesterday's")
    done = desk.type("pack", "make", str(pack), *desk.by("alliance"), TOUCHSTONE_RPC="http://127.0.0.1:1")
    assert done.exit_code == 1
    assert pack.read_bytes() == b"yesterday's"
    assert [one.name for one in tmp_path.iterdir()] == ["office.pack"]
