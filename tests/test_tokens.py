"""Keys on a token (SoftHSM2): they sign as keys in files do, never leave it, and what goes wrong is said without the PIN."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from registry.chain.devchain import Anvil
from registry.chain.endpoints import connect
from registry.errors import SignatureError, TokenError
from registry.proofs import signing
from registry.tokens import TokenSigner, compact, create_on_token, is_uri, read_uri
from scripts.__main__ import program
from tests.faults.killed import PASSPHRASE
from tests.faults.register_ground import MANUFACTURER, Ground
from tests.issuing.samples import GTIN, LOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from registry.tokens import TokenUri

pytestmark = pytest.mark.xdist_group("tokens")

TOKEN: Final = "Line 1; left"
PIN: Final = "472519"
LEGACY: Final = {
    "chainId": 31337,
    "nonce": 3,
    "gas": 21_000,
    "gasPrice": 10**9,
    "value": 7,
    "data": b"",
    "to": "0x" + "11" * 20,
}
DYNAMIC: Final = {
    "chainId": 31337, "nonce": 4, "gas": 90_000, "maxFeePerGas": 10**9, "maxPriorityFeePerGas": 1, "value": 0, "data": b"\1\2",
    "to": "0x" + "22" * 20, "type": 2,
}  # fmt: skip


@pytest.fixture(scope="session")
def module(require_backend: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Set up a token of the session's own; gives the path of its library."""
    library = require_backend("softhsm")
    folder = tmp_path_factory.mktemp("tokens")
    (folder / "stored").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'stored'}\nlog.level = ERROR\n")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    words = ["softhsm2-util", "--init-token", "--free", "--label", TOKEN, "--pin", PIN, "--so-pin", "9999999"]
    subprocess.run(words, check=True, capture_output=True)
    yield str(library)
    if before is None:
        del os.environ["SOFTHSM2_CONF"]
    else:
        os.environ["SOFTHSM2_CONF"] = before


def uri(module: str, name: str = "anchor", **more: str) -> str:
    """Return the URI of a key."""
    query = "".join(f"&{key}={value}" for key, value in more.items())
    return f"pkcs11:token={quote(TOKEN, safe='')};object={quote(name, safe='')}?module-path={module}{query}"


@pytest.fixture(scope="session")
def signer(module: str) -> TokenSigner:
    """A key that was made on it."""
    address = create_on_token(read_uri(uri(module)), PIN)
    signer = TokenSigner(read_uri(uri(module)), PIN)
    assert signer.address == address
    return signer


# ------------------------------------------------------------------------------------------------------------------ signing


def test_every_signature_is_the_one_form_that_verifies(signer: TokenSigner) -> None:
    """Of many digests some come with the upper s and either parity; each recovers to the key."""
    parities = set()
    for number in range(64):
        digest = hashlib.sha256(b"%d" % number).digest()
        signature = signer.sign_digest(digest)
        assert signing.recover(digest, signature) == signer.address
        parities.add(signature[32] >> 7)
    assert parities == {0, 1}
    with pytest.raises(SignatureError, match="32"):
        signer.sign_digest(b"short")


@given(st.binary(min_size=32, max_size=32), st.booleans())
def test_either_s_of_a_signature_gives_the_same_form(digest: bytes, upper: bool) -> None:  # noqa: FBT001 -- given by Hypothesis
    """What a token gives has no parity, and either s: `compact` gives what a key in a file gives."""
    key = b"\7" * 32
    right = signing.sign(digest, key)
    s = int.from_bytes(right[32:], "big") & ~signing.PARITY_BIT
    raw = right[:32] + ((signing.ORDER - s) if upper else s).to_bytes(32, "big")
    assert compact(digest, raw, signing.address_of(key)) == right
    for wrong in (b"", raw[:-1], bytes(64), b"\xff" * 64, raw[::-1]):
        with pytest.raises(TokenError):
            compact(digest, wrong, signing.address_of(key))
    with pytest.raises(TokenError, match="not of its key"):
        compact(digest, raw, signing.address_of(b"\6" * 32))


@pytest.mark.parametrize("transaction", [LEGACY, DYNAMIC], ids=["EIP-155", "EIP-1559"])
def test_transactions_are_those_that_a_key_in_a_file_signs(signer: TokenSigner, transaction: dict[str, Any]) -> None:
    """They say who sent them; all but the signature is the same to the byte."""
    raw, tx_hash = signer.sign_transaction(transaction)
    assert Account.recover_transaction(raw) == signer.address
    other = Account.sign_transaction(transaction, b"\7" * 32)
    assert len(tx_hash) == 32
    assert abs(len(raw) - len(other.raw_transaction)) <= 2
    creating = {key: value for key, value in transaction.items() if key != "to"}
    assert Account.recover_transaction(signer.sign_transaction(creating)[0]) == signer.address


def test_a_key_on_a_token_never_leaves_it(signer: TokenSigner, module: str) -> None:
    """The token refuses to tell it, and our object shows nothing of PIN or key."""
    import pkcs11  # noqa: PLC0415 -- there if the backend is

    with pytest.raises(pkcs11.exceptions.PKCS11Error):
        signer._key[pkcs11.Attribute.VALUE]
    assert repr(signer) == f"TokenSigner({signer.address})"
    with pytest.raises(TokenError, match="there is a key 'anchor' of token"):
        create_on_token(read_uri(uri(module)), PIN)


# ------------------------------------------------------------------------------------------------------------- what goes wrong


OPEN: Final = """
import sys
from pathlib import Path
from registry.tokens import read_uri
from scripts.connect import open_signer
open_signer(read_uri(sys.argv[1]), Path(sys.argv[2]))
"""


def test_what_goes_wrong_is_said(signer: TokenSigner, module: str, tmp_path: Path) -> None:
    """Which token, which key, and what to do; never the PIN. In a process of its own: a token asks each program once."""
    assert signer.address
    right = uri(module)
    for named, pin, expected in (
        (uri(module, "other"), PIN, "there is no key 'other' of token 'Line 1; left'"),
        (right, "000000", "the PIN does not open token 'Line 1; left'"),
        (right.replace("Line%201", "Line%202"), PIN, "there is no token 'Line 2; left'"),
    ):
        (tmp_path / "pin").write_text(f"{pin}\n")
        words = [sys.executable, "-c", OPEN, named, str(tmp_path / "pin")]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
        assert f"TokenError: {expected}" in done.stderr
        assert pin not in done.stderr


def test_a_library_that_is_not_there_is_named() -> None:
    """With the option that names it."""
    with pytest.raises(TokenError, match=r"/nowhere/token\.so cannot be loaded"):
        TokenSigner(read_uri(uri("/nowhere/token.so")), PIN)


def test_a_key_of_another_curve_is_refused(signer: TokenSigner, module: str) -> None:
    """Of P-256, which most tokens make by default."""
    import pkcs11  # noqa: PLC0415 -- there if the backend is
    from pkcs11.util.ec import encode_named_curve_parameters  # noqa: PLC0415 -- the same

    assert signer.address  # logged in
    session = pkcs11.lib(module).get_token(token_label=TOKEN).open(rw=True)
    curve = {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
    session.create_domain_parameters(pkcs11.KeyType.EC, curve, local=True).generate_keypair(store=True, label="p256")
    with pytest.raises(TokenError, match="secp256k1"):
        TokenSigner(read_uri(uri(module, "p256")), PIN)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pkcs11:", "no module-path"),
        ("pkcs11:token=a;object=b", "no module-path"),
        ("pkcs11:object=b?module-path=/x", "names no token"),
        ("pkcs11:token=a?module-path=/x", "no key"),
        ("pkcs11:token=a;object=b?module-path=/x&pin-value=1234", "holds a PIN"),
        ("pkcs11:token=a;object=b;slot-id=3?module-path=/x", "'slot-id'"),
        ("pkcs11:token=a;token=b;object=b?module-path=/x", "each once"),
        ("pkcs11:token=a;object=b;type=cert?module-path=/x", "private key"),
        ("pkcs11:token=a;object=b?module-path=/x&pin-source=|program", "expected a file"),
    ],
)
def test_a_uri_that_is_not_enough_is_refused(text: str, expected: str) -> None:
    """With what is missing; a PIN in it is refused, and not repeated."""
    with pytest.raises(TokenError, match=expected) as refused:
        read_uri(text)
    assert "1234" not in str(refused.value)


@given(st.text(max_size=60))
def test_any_uri_is_read_or_refused(text: str) -> None:
    """And nothing else."""
    assert not is_uri("key.json")
    try:
        found: TokenUri | None = read_uri(f"pkcs11:{text}")
    except TokenError:
        found = None
    assert found is None or found.module


# -------------------------------------------------------------------------------------------------------------- the whole road


def test_a_batch_by_a_key_on_a_token(module: str, require_backend: Callable[[str], Path], tmp_path: Path) -> None:
    """Made on the token, added, and a batch signed and anchored by it; the PIN comes from a file, and is never shown."""
    require_backend("anvil")
    (tmp_path / "pin").write_text(f"{PIN}\n")
    (tmp_path / "products.toml").write_text(f'[[product]]\ngtin = "{GTIN}"\nnames.en = "Lamp"\nlot = [{{ lot = "{LOT}" }}]\n')
    (tmp_path / "units.csv").write_text(f"gtin,lot,serial\n{GTIN},{LOT},\n{GTIN},{LOT},\n")
    place = uri(module, "line", **{"pin-source": f"file:{tmp_path / 'pin'}"})
    with Anvil(epoch_slots=1) as anvil:
        ground = Ground.found(anvil, tmp_path)
        ground.place(tmp_path / "controller", 2)
        trust = ("--trust", str(tmp_path / "controller" / "trust.json"), "--rpc", anvil.url)

        def type_(*words: str) -> str:
            done = CliRunner().invoke(program, words, prog_name="touchstone")
            assert done.exit_code == 0, done.output
            assert PIN not in done.output
            return done.stdout

        made = type_("key", "new", place)
        address = made.split()[1]
        anvil.fund(address)
        consent = type_("key", "consent", str(MANUFACTURER), "--keystore", place, *trust).split()[-1]
        passphrase = tmp_path / "passphrase"
        passphrase.write_text(f"{PASSPHRASE}\n")
        controller = ("--keystore", str(tmp_path / "controller" / "controller.json"), "--passphrase-file", str(passphrase))
        type_("key", "add", str(MANUFACTURER), address, "--consent", consent, *controller, *trust)
        store = ("--database", f"sqlite:///{tmp_path / 'registry.db'}", "--trees", str(tmp_path / "trees"))
        units = ("register", str(tmp_path / "units.csv"), "--products", str(tmp_path / "products.toml"))
        type_(*units, "--keystore", place, *trust, *store)
        assert connect(anvil.url)[0].eth.get_transaction_count(address) == 1  # type: ignore[arg-type]  # an EIP-55 address
        listed = ground.reader().anchored_batches(MANUFACTURER)
        assert [batch.key for batch in listed] == [address]
