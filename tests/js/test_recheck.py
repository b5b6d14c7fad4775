"""The browser's module, as it is served: built from its sources, small, and of one mind with the desk command and the site."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

import pytest
from click.testing import CliRunner

from registry.checking.repeating import OFFLINE, ProofStep, proof_of, repeat
from registry.checking.trust import Reason
from registry.proofs import encoding, manifest, merkle, proof_file, signing
from registry.proofs.encoding import Opening, Row
from scripts.__main__ import program
from tests.chain.stage import REGISTRY_ID, signer
from tests.checking.anchored import COMPACT, KEY, LATER, SIGNED, Registry, anchored
from tests.checking.world import make_world
from tests.webapp import bundle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from registry.proofs.proof_file import ProofFile

pytestmark = pytest.mark.xdist_group("recheck")

FOLDER: Final = Path(__file__).parent
SMALL: Final = 40_000
"""Bytes on the way to a phone."""
SILENT: Final = "http://127.0.0.1:9"
BAD: Final = frozenset({"failed", "unknown"})
STRIDE: Final = 5
"""Every so many bytes one bit is flipped, the next one each time; all bits take minutes."""

Steps = list[tuple[str, str, list[str]]]


@pytest.fixture(scope="module")
def node(require_backend: Callable[[str], Path]) -> str:
    """Give the program that runs JavaScript."""
    require_backend("hardhat")
    return bundle.node()


def by_module(node: str, documents: Sequence[bytes], **where: Any) -> list[Steps]:
    """Repeat proofs with the module, and return every step of each."""
    questions = [{"document": base64.b64encode(one).decode(), **where} for one in documents]
    command = [node, str(FOLDER / "recheck.mjs")]
    done = subprocess.run(command, input=json.dumps(questions), capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return [_all(made) for made in json.loads(done.stdout)]


def by_desk(folder: Path, document: bytes, *options: str) -> Steps:
    """Repeat a proof with the command, and return every step."""
    file = folder / "proof.json"
    file.write_bytes(document)
    done = CliRunner().invoke(program, ["verify", str(file), "--json", *options], prog_name="touchstone")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    found = json.loads(done.stdout)
    assert done.exit_code == (0 if found["holds"] else 1)
    return [(one["step"], one["outcome"], one["codes"]) for one in found["steps"]]


def first_bad(steps: Steps) -> str | None:
    """Return the step that does not hold; none if all that was asked does."""
    return next((step for step, outcome, _ in steps if outcome in BAD), None)


def flips(document: bytes) -> list[bytes]:
    """Return a document with one bit changed, here and there from its first byte to its last."""
    places = range(0, len(document), STRIDE)
    return [document[:at] + bytes([document[at] ^ 1 << turn % 8]) + document[at + 1 :] for turn, at in enumerate(places)]


def _all(made: list[list[Any]]) -> Steps:
    known = {step: (step, outcome, codes) for step, outcome, codes in made}
    return [known.get(step.value, (step.value, "not_asked", [])) for step in ProofStep]


# ------------------------------------------------------------------------------------------------------------ the file


def test_the_module_is_what_its_sources_give(node: str) -> None:
    """Byte for byte, with the record of what it hashes to (`make client` writes both)."""
    del node
    for path, content in bundle.built().items():
        assert path.read_bytes() == content, path.name


def test_the_module_is_small() -> None:
    """Compressed as it is served, everything included."""
    assert len(gzip.compress(bundle.BUNDLE.read_bytes())) < SMALL


def test_the_module_names_its_authors() -> None:
    """The licences of what it is bundled from ask for it."""
    text = bundle.BUNDLE.read_text(encoding="utf-8")
    assert "noble-curves - MIT License" in text
    assert "noble-hashes - MIT License" in text


# ------------------------------------------------------------------------------------------------------------- offline


@pytest.fixture(scope="module")
def document() -> bytes:
    """A proof of the paper world."""
    world = make_world()
    file = proof_of(world.verifier().check(world.link(world.scooter)))
    assert file is not None
    return proof_file.write(file)


def test_a_flipped_bit_fails_at_the_same_step(node: str, document: bytes) -> None:
    """Wherever it is: no two minds about any document, and no change to what is checked offline passes."""
    changed = [document, *flips(document)]
    ours = [_all([[one.step, one.outcome, list(one.codes)] for one in repeat(each)[1]]) for each in changed]
    assert by_module(node, changed) == ours
    assert first_bad(ours[0]) is None
    file = proof_file.read(document)
    for each, steps in zip(changed[1:], ours[1:], strict=True):
        if first_bad(steps) is None:
            # Only what the chain is asked about may still hold so far.
            found = proof_file.read(each)
            assert replace(found, chain_id=file.chain_id, contract=file.contract, profile=file.profile) == file


def test_rubbish_is_refused_alike(node: str, document: bytes) -> None:
    """Bytes, texts and values that are no proof, and proofs with such a value in one place: neither ever stops."""
    chance = Random(4)
    members = json.loads(document)
    values = [
        None,
        True,
        0,
        -1,
        1.5,
        10**400,
        "",
        "0",
        "\ud800",
        "\x00",
        "0x",
        [],
        {},
        [[[]]],
        ["a", "a"],
        {"__proto__": ""},
        members,
    ]
    changed = [
        json.dumps(members | {name: value}, sort_keys=True, separators=(",", ":")) for name in members for value in values
    ]
    rubbish = [chance.randbytes(chance.randrange(64)) for _ in range(200)] + [one.encode() for one in changed]
    rubbish += [json.dumps(value).encode() for value in values] + [b"[" * 100_000, b'{"a":' * 100_000]
    ours = [_all([[one.step, one.outcome, list(one.codes)] for one in repeat(each)[1]]) for each in rubbish]
    assert by_module(node, rubbish) == ours


# ------------------------------------------------------------------------------------------------------------ on chain


@pytest.fixture(scope="module")
def founded(require_backend: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Found the registry once."""
    with anchored(require_backend("anvil"), tmp_path_factory.mktemp("registry")) as registry:
        yield registry


@pytest.fixture
def registry(founded: Registry, require_backend: Callable[[str], Path]) -> Iterator[Registry]:
    """Give the registry as it was founded."""
    require_backend("anvil")
    snapshot = founded.chain.snapshot()
    yield founded
    founded.chain.revert(snapshot)


def proof(registry: Registry, link: str) -> ProofFile:
    """Return the proof of a label as the site would give it."""
    file = proof_of(registry.verifier().check(link))
    assert file is not None
    return file


def nothing(_: Registry) -> None:
    """Leave the chain as it is."""


def withdraw_unit(registry: Registry) -> None:
    """Two reasons, of which the graver counts."""
    for reason in (Reason.VOID, Reason.STOLEN):
        registry.chain.withdraw_units(KEY, registry.batch.seal, reason, registry.index(SIGNED))


def withdraw_other_unit(registry: Registry) -> None:
    """Another unit of the batch."""
    registry.chain.withdraw_units(KEY, registry.batch.seal, Reason.VOID, registry.index(COMPACT))


def withdraw_batch(registry: Registry) -> None:
    """The whole batch."""
    registry.chain.withdraw_batch(KEY, registry.batch.seal, Reason.RECALLED)


def withdraw_batch_in_doubt(registry: Registry) -> None:
    """The whole batch, with a key that was in other hands by then."""
    registry.chain.pass_time()
    registry.chain.mine()
    since = registry.chain.time()
    registry.chain.withdraw_batch(KEY, registry.batch.seal, Reason.RECALLED)
    registry.chain.compromise(1, KEY, since)


def suspend(registry: Registry) -> None:
    """The issuer."""
    registry.chain.set_suspended(1, suspended=True)


def compromise_before(registry: Registry) -> None:
    """The key, at the anchor already."""
    registry.chain.compromise(1, KEY, registry.anchored_at())


def compromise_after(registry: Registry) -> None:
    """The key, later."""
    anchored_at = registry.anchored_at()
    registry.chain.pass_time()
    registry.chain.mine()
    registry.chain.compromise(1, KEY, anchored_at + 1)


def endorse(registry: Registry) -> None:
    """The batch, after a compromise."""
    compromise_before(registry)
    registry.chain.endorse(1, registry.batch.seal, KEY)
    registry.chain.finalize()


def revoke(registry: Registry) -> None:
    """The key, later, and the issuer is suspended besides."""
    registry.chain.pass_time()
    registry.chain.revoke_key(1, KEY)
    suspend(registry)


ACTS: Final[dict[Callable[[Registry], None], tuple[str | None, list[str]]]] = {
    nothing: (None, []),
    withdraw_unit: ("withdrawal", ["stolen"]),
    withdraw_other_unit: (None, []),
    withdraw_batch: ("withdrawal", ["recalled"]),
    withdraw_batch_in_doubt: ("withdrawal", ["withdrawal_under_review"]),
    suspend: ("key", ["suspended"]),
    compromise_before: ("key", ["key_compromised"]),
    compromise_after: (None, []),
    endorse: (None, ["endorsed"]),
    revoke: ("key", ["suspended"]),
}
"""What happens, the step that then does not hold, and the codes that are given."""


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
def test_module_desk_and_site_agree(registry: Registry, node: str, tmp_path: Path, act: Callable[[Registry], None]) -> None:
    """About every step of every story."""
    step, codes = ACTS[act]
    document = proof_file.write(proof(registry, registry.link(SIGNED)))
    act(registry)
    desk = by_desk(tmp_path, document, "--contract", registry.chain.deployment.contract, "--rpc", registry.chain.url)
    assert by_module(node, [document], endpoint=registry.chain.url, contract=registry.chain.deployment.contract) == [desk]
    assert first_bad(desk) == step
    assert [code for _, _, found in desk for code in found] == codes
    verdict = registry.check()
    assert [str(code) for code in verdict.reasons] == codes
    assert (verdict.registration == "registered") == (step is None)


def test_an_anchor_that_is_not_there_or_not_final(registry: Registry, node: str, tmp_path: Path) -> None:
    """A proof that was true on a chain whose history was taken back, and one whose block may still be replaced."""
    chain = registry.chain
    where = ("--contract", chain.deployment.contract, "--rpc", chain.url)
    before = chain.snapshot()
    chain.anchor(KEY, registry.later.seal)
    document = proof_file.write(proof(registry, registry.link(LATER)))
    for expected in (("anchor", "unknown", ["not_final"]), ("anchor", "failed", ["not_anchored"])):
        desk = by_desk(tmp_path, document, *where)
        assert by_module(node, [document], endpoint=chain.url, contract=chain.deployment.contract) == [desk]
        assert expected in desk
        if expected[1] == "unknown":
            chain.revert(before)


def forged(file: ProofFile, who: str, registry_id: bytes) -> ProofFile:
    """Return a proof that somebody made of a batch of their own: it holds up to its seal."""
    digest = encoding.RecordHasher(registry_id).digest(file.record)
    row = Row(0, encoding.unit_key(file.salt, file.record.id), digest, file.attributes_hash)
    leaf = encoding.leaf(row)
    described = manifest.write(replace(manifest.read(file.manifest), registry_id=registry_id))
    opening = Opening(merkle.root(merkle.build([leaf])), 1, manifest.manifest_hash(described))
    return replace(
        file,
        registry_id=registry_id,
        signature=signing.encode(signer(who).sign_digest(digest)),
        signer=signer(who).address,
        index=0,
        leaf=leaf,
        path=(),
        root=opening.root,
        unit_count=1,
        manifest=described,
        seal=encoding.seal(opening),
    )


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (("stranger", REGISTRY_ID), ("signer", "failed", ["signer_unknown"])),
        ((KEY, REGISTRY_ID), ("anchor", "failed", ["not_anchored"])),
        ((KEY, bytes(31) + b"\x01"), ("contract", "failed", ["other_registry"])),
    ],
)
def test_a_proof_of_a_batch_that_nobody_anchored(
    registry: Registry, node: str, tmp_path: Path, made: tuple[str, bytes], expected: tuple[str, str, list[str]]
) -> None:
    """It holds up to its seal, and the chain knows nothing of it: the step is named."""
    file = forged(proof(registry, registry.link(SIGNED)), *made)
    document = proof_file.write(file)
    desk = by_desk(tmp_path, document, "--contract", file.contract, "--rpc", registry.chain.url)
    assert by_module(node, [document], endpoint=registry.chain.url, contract=file.contract) == [desk]
    assert (first_bad(desk), expected in desk) == (expected[0], True)


def test_who_is_asked_is_said(registry: Registry, node: str, tmp_path: Path) -> None:
    """Another contract, chain or registry, an account without code and a silent endpoint are steps of their own."""
    url = registry.chain.url
    file = proof(registry, registry.link(SIGNED))
    elsewhere = replace(file, chain_id=1)
    for asked, contract, endpoint, code in (
        (file, "0x" + "11" * 20, url, "other_contract"),
        (elsewhere, file.contract, url, "other_chain"),
        (file, file.contract, SILENT, "chain_unavailable"),
    ):
        document = proof_file.write(asked)
        desk = by_desk(tmp_path, document, "--contract", contract, "--rpc", endpoint)
        assert by_module(node, [document], endpoint=endpoint, contract=contract) == [desk]
        assert (first_bad(desk), desk[len(OFFLINE)][2]) == ("contract", [code])
    bare = replace(file, contract=signing.checksummed(b"\x11" * 20))
    desk = by_desk(tmp_path, proof_file.write(bare), "--contract", bare.contract, "--rpc", url)
    assert desk[len(OFFLINE)] == ("contract", "failed", ["other_code"])
    assert first_bad(by_module(node, [proof_file.write(bare)], endpoint=url, contract=bare.contract)[0]) == "contract"


def test_a_flipped_bit_in_what_the_chain_is_asked_about(registry: Registry, node: str, tmp_path: Path) -> None:
    """Chain, contract and profile: the same step again, and none of them goes unnoticed."""
    document = proof_file.write(proof(registry, registry.link(SIGNED)))
    parts = [document.index(b'"chainId":"') + 11, document.index(b'"contract":"0x') + 20, document.index(b"m.example.com")]
    changed = [document[:at] + bytes([document[at] ^ 1]) + document[at + 1 :] for at in parts]
    contract = registry.chain.deployment.contract
    modules = by_module(node, changed, endpoint=registry.chain.url, contract=contract)
    desks = [by_desk(tmp_path, one, "--contract", contract, "--rpc", registry.chain.url) for one in changed]
    found = [first_bad(steps) for steps in desks]
    assert [first_bad(steps) for steps in modules] == found
    assert found == ["contract", "document", "gtin"]
