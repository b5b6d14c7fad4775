"""What is refused is refused with a sentence that says what to do, never with a traceback, and nothing was done."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from registry.chain.writer import ChainWriter
from registry.errors import ChainUnavailable
from registry.proofs.profile import profile_hash, read_json
from registry.storage.store import Store
from tests.scripts.conftest import BASE, GTIN, LOT, MAKER, PASSPHRASE

if TYPE_CHECKING:
    from click.testing import Result

    from tests.scripts.conftest import Desk

pytestmark = pytest.mark.xdist_group("scripts")

NOBODY = "0x00000000000000000000000000000000000000aa"
SILENT = "http://127.0.0.1:9"


def refused(done: Result, *told: str) -> None:
    """See that a command was refused as it should be: nothing found, one line for what was wrong, perhaps one hint."""
    assert done.exit_code == 1, done.output
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    said = [line for line in lines if line.startswith("touchstone: ")]
    assert len(said) == 1, done.stderr
    after = lines[lines.index(said[0]) + 1 :]
    assert len(after) <= 1
    assert all(line.startswith("hint: ") for line in after)
    assert not said[0].endswith(".")
    for words in told:
        assert words in done.stderr


def register(desk: Desk, units: str | bytes, *more: str, **changed: str) -> Result:
    """Try to register a file of this content."""
    options = ("--products", desk.path("products.toml"), *desk.by("line"), *more)
    return desk.type("register", desk.file("units.csv", units), *options, **changed)


def stored(desk: Desk) -> int:
    """Count what is in the trees' folder: one file for each sealed batch."""
    return sum(1 for path in (desk.folder / "trees").iterdir() if not path.name.startswith("."))


def test_a_faulty_file_names_every_line_and_signs_nothing(desk: Desk) -> None:
    """Each of many faults with its line, field, what was found and what was expected; the good lines are not signed either."""
    before, paid = stored(desk), transactions(desk)
    done = register(
        desk,
        "gtin,lot,serial\n"
        f"{GTIN},{LOT},GOOD-1\n"
        f"09521004000015,{LOT},BAD-CHECK-DIGIT\n"
        f"{GTIN},NO-SUCH-LOT,UNIT-3\n"
        f"{GTIN},{LOT},has space\n"
        f"{GTIN},{LOT},GOOD-1\n"
        f"{GTIN},{LOT},good_1\n"
        f"{GTIN},{LOT},123456789012345678901\n"
        f"{GTIN},{LOT}\n",
    )
    refused(done)
    named = {int(number) for number in re.findall(r"^  line (\d+), ", done.stderr, re.MULTILINE)}
    assert named >= {3, 4, 5, 6, 8, 9}
    assert 2 not in named
    assert "found" in done.stderr
    assert "expected" in done.stderr
    assert (stored(desk), transactions(desk)) == (before, paid)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"gtin,lot,serial\n", id="no units"),
        pytest.param(b"sku,batch\n1,2\n", id="other columns"),
        pytest.param("gtin,lot,serial\n".encode("utf-16"), id="utf-16"),
        pytest.param(b"gtin,lot,serial\n\xff\xfe\xfd,L,1\n", id="not text"),
        pytest.param(b'gtin,lot,serial\n"unclosed,L,1\n', id="open quote"),
        pytest.param(b"\x00" * 64, id="zeros"),
        pytest.param(b"PK\x03\x04\x14\x00\x06\x00\x08\x00", id="a spreadsheet"),
    ],
)
def test_a_file_that_is_no_units_file(desk: Desk, content: bytes) -> None:
    """Whatever it is, it is refused in words."""
    refused(register(desk, content))


def test_a_registered_serial_is_refused_by_name(desk: Desk) -> None:
    """The unit, its line, and the batch that holds it; a serial that reads the same counts as the same."""
    desk.register("first.csv", [f"{GTIN},{LOT},TAKEN-0"])
    before = stored(desk)
    refused(register(desk, f"gtin,lot,serial\n{GTIN},{LOT},NEW-1\n{GTIN},{LOT},TAKEN-0\n"), "line 3", "TAKEN-0")
    refused(register(desk, f"gtin,lot,serial\n{GTIN},{LOT},takeno\n"), "line 2", "takeno", "TAKEN-0")
    assert stored(desk) == before


def test_a_wrong_passphrase(desk: Desk) -> None:
    """Neither the file's nor the typed one is shown."""
    wrong = "wrong horse battery staple"
    options = ("consent", MAKER, "--keystore", desk.path("line.json"))
    for done in (
        desk.type("key", *options, "--passphrase-file", desk.file("wrong", f"{wrong}\n")),
        desk.type("key", *options, typed=f"{wrong}\n"),
    ):
        assert done.exit_code == 1
        assert "does not open with this passphrase" in done.stderr
        assert wrong not in done.output


def test_no_command_takes_a_secret_as_a_word(desk: Desk) -> None:
    """There is no option for a passphrase or a key, so that none is in a history or a list of processes."""
    for option in ("--passphrase", "--password", "--private-key", "--key"):
        done = desk.type("key", "consent", MAKER, "--keystore", desk.path("line.json"), option, "secret")
        assert done.exit_code == 2, option


def test_a_key_file_that_others_can_read(desk: Desk) -> None:
    """It is refused, with the command that mends it."""
    path = desk.folder / "open.json"
    path.write_bytes((desk.folder / "line.json").read_bytes())
    path.chmod(0o644)
    refused(desk.type("key", "consent", MAKER, *desk.by("open")), "chmod 600")


def test_a_key_is_never_overwritten(desk: Desk) -> None:
    """A second key of the same name is refused, and the first one is as it was."""
    before = (desk.folder / "line.json").read_bytes()
    refused(desk.type("key", "new", desk.path("line.json"), "--passphrase-file", desk.path("passphrase")), "exists")
    assert (desk.folder / "line.json").read_bytes() == before


@pytest.mark.parametrize("content", [None, "", "{}", "[]", "not json", '{"registryId": "0x00"}'])
def test_a_trust_file_that_is_missing_or_damaged(desk: Desk, content: str | None) -> None:
    """The file is named, and where it comes from."""
    path = desk.path("no-trust.json")
    if content is not None:
        desk.file("no-trust.json", content)
    done = desk.type("verify", "x", TOUCHSTONE_TRUST=path)
    refused(done, "no-trust.json")
    assert (content is not None) or "touchstone deploy" in done.stderr
    (desk.folder / "no-trust.json").unlink(missing_ok=True)


def test_no_trust_file_is_named(desk: Desk) -> None:
    """A matter of usage."""
    done = desk.type("verify", "x", TOUCHSTONE_TRUST="")
    assert done.exit_code == 2
    assert "--trust" in done.stderr


def test_a_silent_chain(desk: Desk) -> None:
    """Whoever writes is refused with a hint; whoever verifies gets `cannot_check`; nothing is signed."""
    before = stored(desk)
    refused(register(desk, f"gtin,lot,serial\n{GTIN},{LOT},QUIET-1\n", TOUCHSTONE_RPC=SILENT), "hint: ")
    assert stored(desk) == before
    refused(desk.type("key", "show", NOBODY, TOUCHSTONE_RPC=SILENT), "hint: ")
    seal = desk.register("silent.csv", [f"{GTIN},{LOT},SILENT-1"])["seal"]
    verified = desk.type("verify", desk.link(seal), "--json", TOUCHSTONE_RPC=SILENT)
    assert verified.exit_code == 1
    assert json.loads(verified.stdout)["registration"] == "cannot_check"


@pytest.mark.parametrize("rpc", ["nonsense", "ftp://127.0.0.1", "", "http://", "http://127.0.0.1:notaport"])
def test_an_endpoint_that_is_no_address(desk: Desk, rpc: str) -> None:
    """Said before anything is asked."""
    done = desk.type("key", "show", NOBODY, "--rpc", rpc)
    assert done.exit_code in {1, 2}
    assert "touchstone: " in done.stderr or "Error: " in done.stderr


def test_a_chain_that_is_not_ours(desk: Desk) -> None:
    """A contract address from elsewhere that holds no contract is not believed."""
    trust = json.loads((desk.folder / "trust.json").read_text())
    trust["deployments"][0]["contract"] = desk.chain.accounts[6]
    path = desk.file("other-trust.json", json.dumps(trust))
    refused(desk.type("key", "show", NOBODY, TOUCHSTONE_TRUST=path))


def test_a_store_that_is_not_there(desk: Desk) -> None:
    """Who reads is told so: an empty store in its place would say that nothing was ever registered."""
    url = f"sqlite:///{desk.path('nowhere.db')}"
    for words in (("verify", f"{BASE}/01/{GTIN}/21/7ZZZ7ZZZ7ZZZ7ZZZ"), ("labels", "00" * 32, "--base", BASE, "--out", "x.pdf")):
        refused(desk.type(*words, TOUCHSTONE_DATABASE_URL=url))
    assert not (desk.folder / "nowhere.db").exists()


@pytest.mark.parametrize("url", ["nonsense", "mysql://localhost/x", "postgresql://127.0.0.1:9/none"])
def test_a_database_that_is_none(desk: Desk, url: str) -> None:
    """A wrong URL, another engine, a server that is not there."""
    refused(desk.type("verify", "x", TOUCHSTONE_DATABASE_URL=url))


def test_a_batch_that_is_not_here(desk: Desk) -> None:
    """A seal of another store is named."""
    refused(desk.type("labels", "ab" * 32, "--base", BASE, "--out", desk.path("x.pdf")), "ab" * 32)
    refused(desk.type("attest", "ab" * 32, *desk.by("alliance")), "ab" * 32)


@pytest.mark.parametrize("seal", ["", "ab", "xy" * 32, "ab" * 33])
def test_a_seal_that_is_none(desk: Desk, seal: str) -> None:
    """A matter of usage."""
    done = desk.type("labels", seal, "--base", BASE, "--out", desk.path("x.pdf"))
    assert done.exit_code == 2
    assert "64 hex digits" in done.stderr


@pytest.mark.parametrize("base", ["verify.example.org", "ftp://x", "https://", "https://verify.example.org/path?x=1", "", " "])
def test_a_base_that_is_no_address(desk: Desk, base: str) -> None:
    """No label is printed that could not be scanned, and no file is left."""
    seal = desk.register("base.csv", [f"{GTIN},{LOT},BASE-1"])["seal"]
    done = desk.type("labels", seal, "--base", base, "--out", desk.path("base.pdf"))
    assert done.exit_code in {1, 2}, done.output
    assert not (desk.folder / "base.pdf").exists()


@pytest.mark.parametrize("account", ["nobody", "0x12", NOBODY[:-1], ""])
def test_an_account_that_is_none(desk: Desk, account: str) -> None:
    """Refused before anything is sent."""
    for words in (("role", "inspector", account), ("controller", MAKER, "propose", account)):
        done = desk.type("accredit", *words, *desk.by("alliance"))
        assert done.exit_code in {1, 2}, done.output
        assert "touchstone: " in done.stderr or "Error: " in done.stderr


def test_what_the_contract_refuses(desk: Desk) -> None:
    """The contract's own reason is said in words: not the accreditor, not the controller, a second accreditation."""
    profile = (desk.path("profile.json"), "--uri", "https://larch.example/profile.json")
    account = desk.chain.accounts[5]
    refused(desk.type("accredit", "suspend", MAKER, "--reason", "x", *desk.by("line")))
    refused(desk.type("accredit", "manufacturer", MAKER, account, *profile, *desk.by("alliance")))
    refused(desk.type("key", "revoke", desk.chain.accounts[2], *desk.by("line")))
    refused(desk.type("key", "add", "8", account, "--consent", "11" * 64, *desk.by("controller")))
    refused(desk.type("accredit", "reinstate", MAKER, "--reason", "it is not suspended", *desk.by("alliance")))


@pytest.mark.parametrize("content", ["", "{}", "[]", "not json", '{"format": "touchstone-profile"}', "\x00"])
def test_a_profile_that_is_none(desk: Desk, content: str) -> None:
    """It is not put on the chain."""
    paid = transactions(desk, 0)
    path = desk.file("bad-profile.json", content)
    refused(desk.type("accredit", "profile", MAKER, path, "--uri", "https://larch.example", *desk.by("alliance")))
    assert transactions(desk, 0) == paid


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"gtin,serial\n", id="no units"),
        pytest.param(b"gtin,serial\n09521004000014\n", id="short line"),
        pytest.param(b"gtin,serial\n09521004000014,NEVER-MADE\n", id="unknown unit"),
        pytest.param(b"gtin,serial\n\xff\xfe,1\n", id="not text"),
        pytest.param("gtin,serial\n1,2\n".encode("utf-16"), id="utf-16"),
        pytest.param(b"gtin,serial\n" + b"x" * 200_000 + b",1\n", id="a huge field"),
        pytest.param(b"gtin,serial\n\x00,\x00\n", id="zeros"),
    ],
)
def test_a_recall_list_that_is_none(desk: Desk, content: bytes) -> None:
    """Nothing is withdrawn, and the reason is said."""
    paid = transactions(desk)
    refused(desk.type("withdraw", "units", desk.file("bad.csv", content), "--for", "recalled", *desk.by("line")))
    assert transactions(desk) == paid


@pytest.mark.parametrize("content", ["", "[[product]]", "not toml [", "\x00", 'gtin = "1"', '[[product]]\ngtin = "1"\n'])
def test_a_products_file_that_is_none(desk: Desk, content: str) -> None:
    """It is named before anything is signed."""
    units = desk.file("units.csv", f"gtin,lot,serial\n{GTIN},{LOT},PRODUCT-1\n")
    refused(desk.type("register", units, "--products", desk.file("bad.toml", content), *desk.by("line")))


def test_a_fee_above_the_cap(desk: Desk) -> None:
    """Nothing is sent; the batch stays sealed, and goes on without the cap."""
    paid = transactions(desk)
    units = f"gtin,lot,serial\n{GTIN},{LOT},CAPPED-1\n"
    refused(register(desk, units, "--fee-cap", "0.000000000000000001"))
    assert transactions(desk) == paid
    assert register(desk, units).exit_code == 0


def test_a_registry_id_that_does_not_fit(desk: Desk) -> None:
    """A trust file belongs to one registry; a production id is not deployed on a development chain."""
    trust = ("--trust", desk.path("trust.json"))
    before = (desk.folder / "trust.json").read_bytes()
    refused(desk.type("deploy", *desk.by("alliance"), *trust, "--registry-id", "12" * 32))
    refused(desk.type("deploy", *desk.by("alliance"), *trust, "--registry-id", "xyz"))
    refused(desk.type("deploy", *desk.by("alliance"), "--trust", desk.path("new-trust.json"), "--production"))
    assert (desk.folder / "trust.json").read_bytes() == before
    assert not (desk.folder / "new-trust.json").exists()


def transactions(desk: Desk, account: int = 2) -> int:
    """Return how many transactions an account made: by default the production line's."""
    address = desk.chain.w3().to_checksum_address(desk.chain.accounts[account])
    return desk.chain.w3().eth.get_transaction_count(address)


def test_the_passphrase_is_what_the_tests_look_for(desk: Desk) -> None:
    """The desk's own check that no output holds it is worth something only if the file does."""
    assert (desk.folder / "passphrase").read_text() == f"{PASSPHRASE}\n"


@pytest.mark.parametrize("words", [("manufacturer", MAKER), ("profile", MAKER)])
def test_a_profile_is_held_before_its_hash_goes_to_the_chain(
    desk: Desk, words: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chain that is lost in the act leaves a body without a hash, which harms nobody; never a hash without its body."""
    profile = json.dumps({**json.loads((desk.folder / "profile.json").read_text()), "contact": f"{words[0]}@larch.example"})
    account = (desk.chain.accounts[1],) if words[0] == "manufacturer" else ()
    file = desk.file(f"{words[0]}-new.json", profile)

    def lost(*_: object) -> None:
        raise ChainUnavailable("the chain is lost in the act")

    for name in ("accredit", "update_profile"):
        monkeypatch.setattr(ChainWriter, name, lost)
    told = desk.type("accredit", *words, *account, file, "--uri", "https://larch.example/", *desk.by("alliance"))
    assert (told.exit_code, "lost in the act" in told.stderr) == (1, True)
    with Store.open(f"sqlite:///{desk.folder / 'registry.db'}", desk.folder / "trees") as store:
        raw = read_json(profile.encode())
        assert store.profile(profile_hash(raw)) == raw
