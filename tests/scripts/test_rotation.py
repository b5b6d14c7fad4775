"""A key is changed while the line works: both keys anchor as long as their windows overlap, then one of them alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from web3 import Web3

from registry.keys import create_keystore
from registry.proofs.profile import read_json
from registry.storage.store import Store
from tests.scripts.conftest import BASE, GTIN, LOT, MAKER, PASSPHRASE, Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("scripts")


@pytest.fixture(autouse=True)
def _taken_back(desk: Desk) -> Iterator[None]:
    """Let the chain forget what the test did."""
    before = desk.chain.request("evm_snapshot")
    yield
    desk.chain.request("evm_revert", before)


def test_one_key_follows_another(desk: Desk, tmp_path: Path) -> None:
    """The old one's batches stand when it is revoked; it is refused before anything is signed or paid."""
    settings = {
        "TOUCHSTONE_DATABASE_URL": f"sqlite:///{tmp_path / 'registry.db'}",
        "TOUCHSTONE_TREES": str(tmp_path / "trees"),
    }
    for name, account in (("first-line", 6), ("second-line", 7)):
        create_keystore(desk.folder / f"{name}.json", PASSPHRASE, light=True, private_key=desk.chain.private_key(account))

    def register(run: str, key: str) -> Any:
        units = desk.file(f"{run}.csv", f"gtin,lot,serial\n{GTIN},{LOT},\n")
        words = ("register", units, "--products", desk.path("products.toml"), "--run", run, *desk.by(key), "--json")
        done = desk.type(*words, **settings)
        desk.chain.finalize()
        return done

    def add(key: str, account: int) -> str:
        address = desk.chain.accounts[account]
        consent = desk.done("key", "consent", MAKER, *desk.by(key))["consent"]
        desk.done("key", "add", MAKER, address, "--consent", consent, *desk.by("controller"))
        return address

    old = add("first-line", 6)
    assert register("by the old one", "first-line").exit_code == 0
    add("second-line", 7)
    assert [register(f"both {key}", key).exit_code for key in ("first-line", "second-line")] == [0, 0]
    desk.chain.request("evm_increaseTime", 60)
    desk.done("key", "revoke", old, *desk.by("controller"))
    paid = desk.chain.w3().eth.get_transaction_count(Web3.to_checksum_address(old))
    refused = register("too late", "first-line")
    assert (refused.exit_code, f"key {Web3.to_checksum_address(old)} was revoked on" in refused.stderr) == (1, True), (
        refused.output
    )
    assert desk.chain.w3().eth.get_transaction_count(Web3.to_checksum_address(old)) == paid
    assert register("by the new one", "second-line").exit_code == 0
    # What the old key anchored stands.
    found = desk.type("register", desk.path("by the old one.csv"), "--products", desk.path("products.toml"),
                      "--run", "by the old one", *desk.by("second-line"), "--json", **settings)  # fmt: skip
    assert json.loads(found.stdout)["state"] in {"anchored", "final"}
    labels = ("labels", json.loads(found.stdout)["seal"], "--base", BASE, "--format", "csv", "--out", str(tmp_path / "l.csv"))
    desk.done(*labels, **settings)
    head, row = ((tmp_path / "l.csv").read_text().splitlines()[place].split(",") for place in (0, 1))
    link = row[head.index("link")]
    # The profile is in the desk's own store, which accredited: this one holds the line's batches alone.
    with Store.open(settings["TOUCHSTONE_DATABASE_URL"], tmp_path / "trees", create=True) as store:
        store.add_profile(read_json((desk.folder / "profile.json").read_bytes()))
    assert desk.done("verify", link, **settings)["registration"] == "registered"
