"""The commands do what they say, and say it to people and to machines."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from registry.chain.deployment import load_trust
from registry.chain.endpoints import connect
from registry.chain.reader import ChainReader
from registry.checking.repeating import proof_of
from registry.checking.verifier import Verifier
from registry.enforcement import standalone
from registry.photos import reading
from registry.proofs import proof_file
from registry.storage.store import Store
from registry.units import links
from tests.scripts.conftest import BASE, GTIN, LOT, MAKER, PASSPHRASE

if TYPE_CHECKING:
    from tests.scripts.conftest import Desk

pytestmark = pytest.mark.xdist_group("scripts")


def test_register_says_what_it_did_and_again_that_it_was_done(desk: Desk) -> None:
    """Counts reconcile; a second run of the same file signs nothing, pays nothing and finds the same seal."""
    first = desk.register("again.csv", [f"{GTIN},{LOT},"] * 5)
    assert first["units_in_file"] == first["units_stored"] == first["serials_generated"] == first["signed_in_this_run"] == 5
    assert first["transactions_made"] == 1
    words = ("register", desk.path("again.csv"), "--products", desk.path("products.toml"), *desk.by("line"))
    assert "to make another batch of the same file, give it a --run name of its own" in desk.type(*words).stderr
    again = desk.done(*words)
    assert again["seal"] == first["seal"]
    assert again["signed_in_this_run"] == again["transactions_made"] == 0
    assert again["units_stored"] == 5


def test_a_dry_run_signs_nothing(desk: Desk) -> None:
    """The file is checked to its end, and the next real run signs all of it."""
    units = desk.file("dry.csv", f"gtin,lot,serial\n{GTIN},{LOT},\n{GTIN},{LOT},DRY-1\n")
    options = ("--products", desk.path("products.toml"), *desk.by("line"))
    assert desk.done("register", units, "--dry-run", *options) == {"units": 2, "generated": 1, "signed": 0}
    assert desk.done("register", units, *options)["signed_in_this_run"] == 2


def test_not_to_anchor_is_a_stop_from_which_it_goes_on(desk: Desk) -> None:
    """With --no-anchor the batch is sealed and nothing paid; without it the same batch is anchored."""
    units = desk.file("later.csv", f"gtin,lot,serial\n{GTIN},{LOT},\n")
    options = ("--products", desk.path("products.toml"), *desk.by("line"), "--run", "later")  # others register the same lines
    stopped = desk.type("register", units, "--no-anchor", *options)
    assert stopped.exit_code == 1
    assert "hint: run again without --no-anchor" in stopped.stderr
    assert "cost: at most" in stopped.stderr
    done = desk.done("register", units, *options)
    assert (done["signed_in_this_run"], done["transactions_made"]) == (0, 1)


def test_people_get_lines_and_machines_get_json(desk: Desk) -> None:
    """The same facts, on standard output alone; what is being done goes to standard error."""
    units = desk.file("both.csv", f"gtin,lot,serial\n{GTIN},{LOT},\n")
    words = ("register", units, "--products", desk.path("products.toml"), *desk.by("line"))
    people, machine = desk.type(*words), desk.type(*words, "--json")
    found = json.loads(machine.stdout)
    told = dict(line.split("  ", 1) for line in people.stdout.splitlines())
    assert {name.strip().replace(" ", "_"): value.strip() for name, value in told.items()}["seal"] == found["seal"]
    assert "sign: " not in people.stdout
    assert people.stderr


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_labels_as_pictures(desk: Desk, kind: str) -> None:
    """One file for each unit; a PNG's code reads as the link."""
    seal = desk.register(f"{kind}.csv", [f"{GTIN},{LOT},"] * 3)["seal"]
    out = desk.folder / kind
    assert desk.done("labels", seal, "--base", BASE, "--format", kind, "--out", str(out), "--limit", "2")["labels"] == 2
    written = sorted(out.iterdir())
    assert len(written) == 2
    if kind == "png":
        for path in written:
            (text,) = reading.decode(path.read_bytes())
            assert path.stem == f"{links.parse(text).gtin}_{links.parse(text).serial}"


def test_verify_tells_each_step_and_answers_with_its_exit_code(desk: Desk) -> None:
    """0 for `registered` and for nothing else; every numbered step is listed, to people and to machines."""
    seal = desk.register("verify.csv", [f"{GTIN},{LOT},"] * 2)["seal"]
    link = desk.link(seal)
    told = desk.type("verify", link)
    assert told.exit_code == 0
    assert told.stdout.startswith("registered\n")
    for step in range(1, 11):
        assert f"({step:>2})" in told.stdout
    found = desk.done("verify", link)
    assert found["registration"] == "registered"
    assert found["proof"] is not None
    for changed, expected in (
        (link.replace(f"/{LOT}/", "/L2611B/"), "altered"),
        (link.partition("?")[0], "number_known"),
        (f"{BASE}/01/{GTIN}/21/7ZZZ7ZZZ7ZZZ7ZZZ", "not_registered"),
        (link.replace("verify.example.org", "verify.example.net"), "foreign_host"),
        ("hello", "unreadable"),
    ):
        refused = desk.type("verify", changed, "--json")
        assert refused.exit_code == 1
        assert json.loads(refused.stdout)["registration"] == expected
        assert refused.stderr == ""


def test_a_proof_file_is_checked_without_any_settings(desk: Desk) -> None:
    """Up to its seal with no network; against the chain with a contract that the person names, never the file."""
    seal = desk.register("proof.csv", [f"{GTIN},{LOT},"])["seal"]
    trust = load_trust(desk.folder / "trust.json")
    readers = [ChainReader(connect(desk.chain.url), trust, trust.deployments[0])]
    with Store.open(f"sqlite:///{desk.folder / 'registry.db'}", desk.folder / "trees") as store:
        found = proof_of(Verifier(trust, readers, store).check(desk.link(seal)))
    assert found is not None
    file = desk.file("proof.json", proof_file.write(found))
    nowhere = {"TOUCHSTONE_TRUST": "", "TOUCHSTONE_DATABASE_URL": "nonsense", "TOUCHSTONE_TREES": "nowhere"}

    offline = desk.type("verify", file, TOUCHSTONE_RPC="http://127.0.0.1:9", **nowhere)
    assert (offline.exit_code, offline.stdout.count(" ok"), offline.stdout.count(" -")) == (0, 5, 6)
    assert "warning: the chain was not asked" in offline.stderr
    asked = desk.done("verify", file, "--contract", found.contract.lower(), **nowhere)
    assert (asked["holds"], asked["complete"], asked["unit"]["serial"]) == (True, True, found.record.serial)
    other = desk.type("verify", file, "--contract", desk.chain.accounts[5], "--json", **nowhere)
    assert (other.exit_code, json.loads(other.stdout)["steps"][5]["codes"]) == (1, ["other_contract"])

    program = desk.file("verify.py", standalone.program())
    command = [sys.executable, "-I", "-S", program, file, "--rpc", desk.chain.url, "--contract", found.contract]
    alone = subprocess.run(command, env={}, capture_output=True, text=True, check=False, timeout=60)
    assert (alone.returncode, alone.stderr, alone.stdout.count(" ok ")) == (0, "", 7)
    assert "the contract finds the row in a batch of manufacturer" in alone.stdout

    assert desk.type("verify", desk.link(seal), "--contract", found.contract).exit_code == 2
    assert desk.type("verify", desk.path("missing.json")).exit_code == 1
    for rubbish in (b"", b"{}", b"\xff", b"[" * 100_000):
        refused = desk.type("verify", desk.file("rubbish.json", rubbish), "--contract", found.contract, **nowhere)
        assert refused.exit_code == 1
        assert refused.stdout.startswith("not every step holds\n  document   NO")


def test_a_recall_and_its_annulment(desk: Desk) -> None:
    """Units and a batch are withdrawn, and it is taken back by the controller."""
    seal = desk.register("recall.csv", [f"{GTIN},{LOT},"] * 2)["seal"]
    one, other = links.parse(desk.link(seal)), links.parse(desk.link(seal, 1))
    listed = desk.file("recalled.csv", f"gtin,serial\n{one.gtin},{one.serial}\n")
    assert registration(desk, one.raw) == "registered"
    desk.done("withdraw", "units", listed, "--for", "recalled", *desk.by("line"))
    assert (registration(desk, one.raw), registration(desk, other.raw)) == ("withdrawn", "registered")
    why = ("--because", "the wrong list was used")
    desk.done("withdraw", "annul-units", MAKER, listed, "--for", "recalled", *why, *desk.by("controller"))
    assert registration(desk, one.raw) == "registered"
    desk.done("withdraw", "batch", seal, "--for", "void", *desk.by("line"))
    assert registration(desk, other.raw) == "withdrawn"
    desk.done("withdraw", "annul-batch", MAKER, seal, "--reason", "the wrong seal was named", *desk.by("controller"))
    assert registration(desk, other.raw) == "registered"


def test_a_recall_over_two_batches_is_one_answer(desk: Desk) -> None:
    """Each batch takes a transaction of its own, and a machine still gets one JSON object."""
    found = [links.parse(desk.link(desk.register(f"{one}.csv", [f"{GTIN},{LOT},{one}"])["seal"])) for one in ("RC-1", "RC-2")]
    listed = desk.file("both-recalled.csv", "gtin,serial\n" + "".join(f"{link.gtin},{link.serial}\n" for link in found))
    assert len(desk.done("withdraw", "units", listed, "--for", "stolen", *desk.by("line"))["transactions"]) == 2
    assert [registration(desk, link.raw) for link in found] == ["withdrawn", "withdrawn"]


def test_a_witness_attests(desk: Desk) -> None:
    """The tree is replayed from the store, and the chain counts the attestation."""
    seal = desk.register("attest.csv", [f"{GTIN},{LOT},"] * 3)["seal"]
    desk.done("accredit", "role", "witness", desk.chain.accounts[3], *desk.by("alliance"))
    told = desk.type("attest", seal, *desk.by("witness"))
    assert told.exit_code == 0
    assert "replayed 3 rows" in told.stderr
    desk.chain.finalize()
    assert desk.done("verify", desk.link(seal))["batch"]["attestations"] == 1


def test_the_alliance_acts(desk: Desk) -> None:
    """Suspend and reinstate, a new profile, domains, a role given and taken, a controller frozen and proposed."""
    by = desk.by("alliance")
    profile = (desk.path("profile.json"), "--uri", "https://larch.example/2.json")
    for words in (
        ("suspend", MAKER, "--reason", "a reason"),
        ("reinstate", MAKER, "--reason", "a reason"),
        ("profile", MAKER, *profile),
        ("domains", "verify.example.org", "Verify.Example.com:8443"),
        ("role", "inspector", desk.chain.accounts[8]),
        ("role", "inspector", desk.chain.accounts[8], "--revoke"),
        ("controller", MAKER, "freeze"),
        ("controller", MAKER, "unfreeze"),
        ("controller", MAKER, "propose", desk.chain.accounts[9]),
        ("controller", MAKER, "cancel"),
    ):
        found = desk.done("accredit", *words, *by)
        assert found.keys() == {"done", "transaction", "block", "gas", "fee"}


def test_a_keys_life(desk: Desk) -> None:
    """A new key by prompt, added, shown, compromised, revoked; a batch of a compromised key is endorsed."""
    made = desk.type("key", "new", desk.path("second.json"), "--json", typed=f"{PASSPHRASE}\n{PASSPHRASE}\n")
    assert made.exit_code == 0
    key = json.loads(made.stdout)["address"]
    assert (desk.folder / "second.json").stat().st_mode & 0o777 == 0o600
    desk.chain.fund(key)
    consent = desk.done("key", "consent", MAKER, *desk.by("second"))["consent"]
    controller = desk.by("controller")
    desk.done("key", "add", MAKER, key, "--consent", consent, "--until", "2099-12-31", *controller)
    shown = desk.done("key", "show", key)
    assert (shown["manufacturer"], shown["may_anchor"], shown["may_withdraw"]) == (7, True, False)
    assert shown["revoked"] == shown["compromised_since"] == "never"
    units = desk.file("second.csv", f"gtin,lot,serial\n{GTIN},{LOT},SECOND-1\n")
    seal = desk.done("register", units, "--products", desk.path("products.toml"), *desk.by("second"))["seal"]
    desk.chain.finalize()
    desk.done("key", "compromised", key, "--since", "2020-01-01", "--reason", "a laptop was lost", *controller)
    assert registration(desk, desk.link(seal)) == "key_under_review"
    desk.done("key", "endorse", MAKER, seal, key, *controller)
    desk.chain.finalize()
    assert registration(desk, desk.link(seal)) == "registered"
    desk.done("key", "revoke", key, *controller)
    assert desk.done("key", "show", key)["revoked"] != "never"


def registration(desk: Desk, link: str) -> str:
    """Return what `verify` says of a link."""
    found: str = json.loads(desk.type("verify", link, "--json").stdout)["registration"]
    return found
