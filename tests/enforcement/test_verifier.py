"""The verifier of the standard library finds what the first one finds, at the same step; it needs and shares nothing."""

from __future__ import annotations

import ast
import random
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.checking import repeating
from registry.checking.verdicts import Outcome
from registry.enforcement import absence_steps, standalone
from registry.enforcement.verifier.chain_query import CouldNotAsk, Endpoint, asked
from registry.enforcement.verifier.documents import Refused, claims_gtin, loaded
from registry.enforcement.verifier.files import Proof, check_file, read
from registry.enforcement.verifier.keccak import keccak256
from registry.enforcement.verifier.secp256k1 import decoded_signature, recovered_address
from registry.errors import DocumentError, SignatureError
from registry.proofs import documents, encoding, signing
from registry.units import identity
from tests.vectors.test_own_vectors import FILES

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "registry" / "enforcement" / "verifier"
OLDEST: Final = (3, 9)
"""The Python that it says it needs."""
FLIPS: Final = 150

Steps = list[tuple[str, bool]]


def theirs(raw: bytes) -> Steps:
    """Return how the first implementation sees a file of either kind."""
    if b'"touchstone-absence"' in raw:
        absent = absence_steps.repeat(raw)[1]
        return [(one.step.value, one.outcome is absence_steps.Outcome.PASSED) for one in absent]
    return [(one.step.value, one.outcome is Outcome.PASSED) for one in repeating.repeat(raw)[1]]


def ours(raw: bytes) -> Steps:
    """Return how the second one does."""
    return [(name, held) for name, held, _ in check_file(raw)[1]]


CASES: Final = [
    pytest.param(case, id=f"{name}: {case['name']}") for name in ("proofs", "absences") for case in FILES[name]["cases"]
]


@pytest.mark.parametrize("case", CASES)
def test_the_vectors_are_judged_alike(case: dict[str, Any]) -> None:
    """Every step of every file, up to the one that is named."""
    raw = case["document"].encode()
    steps = ours(raw)
    assert steps == theirs(raw)
    if case["valid"]:
        assert all(held for _, held in steps)
    else:
        assert (steps[-1][0], steps[-1][1]) == (case["failure"].partition("_")[2], False)


@pytest.mark.parametrize("name", ["proofs", "absences"])
def test_a_flipped_byte_is_named_alike(name: str) -> None:
    """Wherever it is: by the same step in both; only what a chain alone can know passes, in both."""
    raw = next(case["document"] for case in FILES[name]["cases"] if case["valid"]).encode()
    chance = random.Random(name)
    outside = 0
    for _ in range(FLIPS):
        place = chance.randrange(len(raw))
        changed = raw[:place] + bytes([raw[place] ^ 1 << chance.randrange(8)]) + raw[place + 1 :]
        steps = ours(changed)
        assert steps == theirs(changed), (place, changed[max(place - 30, 0) : place + 30])
        outside += all(held for _, held in steps)
    assert outside < FLIPS / 8


def test_every_bit_that_no_chain_is_needed_for_is_held() -> None:
    """The smallest absence file, each byte changed: what passes is the listing, which the chain repeats, and nothing else."""
    case = next(case for case in FILES["absences"]["cases"] if case["name"] == "a batch of one")
    raw: bytes = case["document"].encode()
    start, end = raw.index(b'"deployments"'), raw.index(b'"format"')
    for place in range(len(raw)):
        changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        held = absence_steps.repeat(changed)[1][-1].outcome is absence_steps.Outcome.PASSED
        if start <= place < end:
            continue
        unit = raw.index(b'"unit"')
        serial = unit <= place < raw.index(b'"version"')  # another unit may lie in the same gap
        assert serial or not held, raw[max(place - 30, 0) : place + 30]


@given(st.binary(max_size=600))
def test_keccak_is_keccak(data: bytes) -> None:
    """One block, none, several, and their edges."""
    assert keccak256(data) == encoding.keccak256(data)


@pytest.mark.parametrize("size", [0, 1, 134, 135, 136, 137, 271, 272, 273])
def test_keccak_pads_as_keccak_does(size: int) -> None:
    """At the edges of its blocks."""
    assert keccak256(b"\xa5" * size) == encoding.keccak256(b"\xa5" * size)


def recovered_alike(digest: bytes, signature: bytes) -> None:
    """See that both give the same address, or both refuse."""
    try:
        expected = signing.recover(digest, signature)
    except SignatureError:
        with pytest.raises(Refused):
            recovered_address(digest, signature)
        return
    assert recovered_address(digest, signature) == expected


@settings(max_examples=40)
@given(
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=32, max_size=32).filter(lambda key: 0 < int.from_bytes(key, "big") < signing.ORDER),
)
def test_a_signature_recovers_to_its_signer(digest: bytes, key: bytes) -> None:
    """As libsecp256k1 says."""
    signature = signing.sign(digest, key)
    assert recovered_address(digest, signature) == signing.address_of(key)


@settings(max_examples=40)
@given(st.binary(min_size=32, max_size=32), st.binary(min_size=64, max_size=64))
def test_any_64_bytes_are_judged_alike(digest: bytes, signature: bytes) -> None:
    """Nearly all give some address."""
    recovered_alike(digest, signature)


EDGES: Final = [0, 1, 2, 5, signing.HALF_ORDER, signing.HALF_ORDER + 1, signing.ORDER - 1, signing.ORDER, 2**255 - 1]
DIGESTS: Final = [bytes(32), b"\xff" * 32, signing.ORDER.to_bytes(32, "big")]


@pytest.mark.parametrize("r", EDGES)
@pytest.mark.parametrize("s", EDGES)
def test_edges_are_judged_alike(r: int, s: int) -> None:
    """Zero, one, half of the order, the order; also where the digest is zero, and where the points that are added are one."""
    for digest in DIGESTS:
        for parity in (0, 1):
            recovered_alike(digest, r.to_bytes(32, "big") + (s | parity << 255).to_bytes(32, "big"))


def test_points_that_meet_are_added_rightly() -> None:
    """R is the base point itself, or its opposite: the sum is a double, or nothing at all."""
    base = 0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798
    r = base % signing.ORDER
    for s in (1, 2, 3, r, signing.HALF_ORDER):
        for digest in (s, signing.ORDER - s, 2 * s % signing.ORDER, r, 1):
            for parity in (0, 1):
                recovered_alike(digest.to_bytes(32, "big"), r.to_bytes(32, "big") + (s | parity << 255).to_bytes(32, "big"))


@given(st.text("AQgwZ-_=", min_size=84, max_size=88))
def test_a_signature_has_one_text(text: str) -> None:
    """As the first implementation reads it."""
    try:
        expected = signing.decode(text)
    except SignatureError:
        with pytest.raises(Refused):
            decoded_signature(text)
        return
    assert decoded_signature(text) == expected


@settings(max_examples=40)
@given(
    st.from_regex(r"[0-9]{14}", fullmatch=True),
    st.lists(st.from_regex(r"[0-9]{4,12}|[0-9]{14}", fullmatch=True), max_size=4),
    st.integers(1, 12),
)
def test_a_gtin_is_claimed_alike(gtin: str, claims: list[str], length: int) -> None:
    """By prefixes and whole, with GS1's exceptions."""
    for one in (claims, [*claims, gtin[1 : 1 + max(length, 4)]], [*claims, gtin]):
        for number in (gtin, "0" * 6 + gtin[6:], gtin[0] + "2" + gtin[2:], gtin[0] + "98" + gtin[3:]):
            assert claims_gtin(number, one) == identity.claims(number, one)


VALUES: Final = st.recursive(
    st.text() | st.integers() | st.none(), lambda one: st.lists(one) | st.dictionaries(st.text(), one), max_leaves=12
)


@given(VALUES)
def test_documents_have_one_form(value: Any) -> None:
    """Texts, lists and objects are canonical just where the first implementation says so; numbers we have none."""
    try:
        raw = encoding.canonical(value)
    except DocumentError:
        return
    try:
        found = loaded(raw, 2**20)
    except Refused as refused:
        ours_alone = any(reason in str(refused) for reason in ("texts, lists and objects only", "within each other"))
    else:
        ours_alone = found == documents.load(raw, what="value", max_bytes=2**20)
    assert ours_alone


@given(st.binary(max_size=300))
def test_rubbish_is_a_document_that_does_not_hold(raw: bytes) -> None:
    """Any bytes."""
    assert ours(raw) == theirs(raw) == [("document", False)]


@pytest.mark.parametrize("raw", [b'"' + rb"\"" * 300_000, b'"' + rb"\"" * 300_000 + b"\\", b"[" * 300_000, b'{"a":' * 300_000])
def test_a_file_that_is_made_to_be_slow_is_refused(raw: bytes) -> None:
    """Texts without an end, and depth: neither is searched again and again, nor does it end the program."""
    assert ours(raw) == [("document", False)]


# ---------------------------------------------------------------------------------------------------------- the chain


class Nonsense(Endpoint):
    """An endpoint that answers everything with one value."""

    def __init__(self, value: Any) -> None:
        super().__init__("http://127.0.0.1:9")
        self.value = value

    def ask(self, method: str, *params: Any) -> Any:
        del params
        return "0x7a69" if method == "eth_chainId" else self.value


@pytest.mark.parametrize(
    "value", [[], {}, [{}], {"hash": 1}, 5, True, "", "zz", "0x", "0xzz", f"0x{'00' * 32}", f"0x{'ff' * 64}"], ids=repr
)
@pytest.mark.parametrize("name", ["proofs", "absences"])
def test_an_endpoint_that_makes_no_sense_shows_nothing(name: str, value: Any) -> None:
    """It is a step that does not hold, or could not be asked: never one that holds, and no traceback."""
    file = read(next(case["document"] for case in FILES[name]["cases"] if case["valid"]).encode())
    contracts = [file.contract] if isinstance(file, Proof) else [one.contract for one in file.deployments]
    try:
        made = asked(file, Nonsense(value), contracts)
    except CouldNotAsk:
        return
    assert not made[-1][1]


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1", "http://127.0.0.1:9"])
def test_an_endpoint_that_is_none_could_not_be_asked(url: str) -> None:
    """Nor is a file of this machine read in its place."""
    with pytest.raises(CouldNotAsk):
        Endpoint(url).ask("eth_chainId")


# ----------------------------------------------------------------------------------------------------------- one file


def imports(source: str) -> set[str]:
    """Return the modules that a text imports, its own not counted."""
    nodes = list(ast.walk(ast.parse(source, feature_version=OLDEST)))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_it_imports_the_standard_library_alone(path: Path) -> None:
    """And is written in the Python of some years ago."""
    found = imports(path.read_text(encoding="utf-8"))
    assert {name.partition(".")[0] for name in found} <= sys.stdlib_module_names


def names(source: str) -> list[str]:
    """Return what a module defines at its top."""
    found: list[str] = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.append(node.name)
        elif isinstance(node, ast.Assign):
            found += [target.id for target in node.targets if isinstance(target, ast.Name)]
    return found


def test_joined_modules_define_no_name_twice() -> None:
    """Otherwise one of them would silently work with what another one defines."""
    found = names(standalone.program())
    assert [name for name in set(found) if found.count(name) > 1] == []


def run(folder: Path, *files: str) -> subprocess.CompletedProcess[str]:
    """Run the joined program where nothing is installed."""
    (folder / "verify.py").write_text(standalone.program(), encoding="utf-8")
    command: Sequence[str] = [sys.executable, "-I", "-S", "verify.py", *files]
    return subprocess.run(command, cwd=folder, env={}, capture_output=True, text=True, check=False, timeout=60)


def test_the_joined_file_runs_in_an_empty_environment(tmp_path: Path) -> None:
    """It says what it found, and says it with its exit code."""
    for name in ("proofs", "absences"):
        good = next(case["document"] for case in FILES[name]["cases"] if case["valid"])
        (tmp_path / f"{name}.json").write_text(good, encoding="utf-8")
    (tmp_path / "changed.json").write_text(good.replace("NEVER-MADE", "ALWAYS-MADE", 1), encoding="utf-8")

    done = run(tmp_path, "proofs.json", "absences.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("every step holds: ") == 2
    assert done.stdout.count(" ok ") == 11

    bad = run(tmp_path, "proofs.json", "changed.json", "missing.json")
    assert bad.returncode == 1
    assert "changed.json: NOT every step holds: absence of GTIN" in bad.stdout
    assert "  gaps       NO  batch of seal 0x" in bad.stdout
    assert "missing.json: NOT every step holds\n  document   NO  cannot be read: No such file" in bad.stdout
    assert (run(tmp_path).returncode, run(tmp_path, "--help").returncode) == (2, 0)
