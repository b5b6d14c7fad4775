"""One road on any EVM chain, by settings alone: deploy, accredit, register, verify, on anvil and on Hardhat's node."""

from __future__ import annotations

import json
from contextlib import chdir
from typing import TYPE_CHECKING, Any, Final

import pytest
from click.testing import CliRunner

from registry.chain.deployment import load_trust, read_records
from registry.keys import create_keystore
from scripts.__main__ import program
from tests.chain.stage import RICH
from tests.journeys.test_from_csv_to_print import LAMP, LOT, NUMBER, PRODUCTS, PROFILE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chain.stage import NodeStage

PASSPHRASE: Final = "a passphrase that nobody else knows"
SITE: Final = "https://verify.larch.example"


@pytest.mark.parametrize("node", ["anvil", "hardhat"])
def test_from_deployment_to_verdict(node: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Nothing names the chain but its endpoint; which one it is, is read from it and pinned in the trust file."""
    stage: NodeStage = request.getfixturevalue(f"{node}_stage")
    (tmp_path / "passphrase").write_text(f"{PASSPHRASE}\n")
    (tmp_path / "products.toml").write_text(PRODUCTS)
    (tmp_path / "profile.json").write_text(json.dumps(PROFILE, ensure_ascii=False))
    (tmp_path / "units.csv").write_text(f"gtin,lot,serial\n{LAMP},{LOT},\n")
    who = {name: create_keystore(tmp_path / f"{name}.json", PASSPHRASE, light=True) for name in ("alliance", "maker", "line")}
    for address in who.values():
        stage.request(f"{node}_setBalance", address, RICH)

    def run(*words: str, by: str = "", refused: bool = False) -> dict[str, Any]:
        signed = ("--keystore", f"{by}.json", "--passphrase-file", "passphrase") if by else ()
        with chdir(tmp_path):
            done = CliRunner().invoke(
                program, [*words, *signed, "--json"], prog_name="touchstone",
                env={"TOUCHSTONE_TRUST": "trust.json", "TOUCHSTONE_RPC": stage.url},
            )  # fmt: skip
        assert done.exit_code == int(refused), done.stderr
        said: dict[str, Any] = json.loads(done.stdout)
        return said

    deployed = run("deploy", "--trust", "trust.json", "--deployments", "deployments", by="alliance")
    assert deployed["chain_id"] == int(stage.request("eth_chainId"), 16)
    (pinned,) = load_trust(tmp_path / "trust.json").deployments
    assert (pinned.contract, pinned.chain_id) == (deployed["contract"], deployed["chain_id"])
    assert [record.deployment for record in read_records(tmp_path / "deployments")] == [pinned]

    run("accredit", "role", "accreditor", who["alliance"], by="alliance")
    run("accredit", "domains", SITE.removeprefix("https://"), by="alliance")
    profile = ("profile.json", "--uri", "https://larch.example/profile.json")
    run("accredit", "manufacturer", NUMBER, who["maker"], *profile, by="alliance")
    consent = run("key", "consent", NUMBER, by="line")["consent"]
    run("key", "add", NUMBER, who["line"], "--consent", consent, by="maker")
    seal = run("register", "units.csv", "--products", "products.toml", by="line")["seal"]
    stage.finalize()
    run("labels", seal, "--base", SITE, "--format", "csv", "--out", "labels.csv")
    head, row = (line.split(",") for line in (tmp_path / "labels.csv").read_text().splitlines())
    verdict = run("verify", row[head.index("link")])
    assert verdict["registration"] == "registered"
    assert verdict["reasons"] == []
