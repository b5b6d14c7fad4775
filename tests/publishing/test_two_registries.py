"""Registries that were fed the same batches give the same verdicts, whoever fed them: the brand, or another registry."""

from __future__ import annotations

import shutil
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest
from werkzeug.serving import make_server

from registry.checking.json_form import as_json
from registry.checking.trust import Reason, Trust
from registry.checking.typed import Choice, check_typed
from registry.checking.verifier import Verifier
from registry.issuing.batches import State
from registry.issuing.sealing import SealedBatch
from registry.proofs import encoding, pictures, profile, signing
from registry.publishing.admission import Admitter
from registry.publishing.desk import Desk
from registry.publishing.door import Door
from registry.publishing.inbox import Inbox
from registry.publishing.sending import Sender
from registry.storage.store import Store
from registry.units import links
from registry.units.records import Record
from tests.proofs.test_pictures import drawn
from tests.publishing import brand
from tests.publishing.brand import KEY, LAMP, LOT, MANUFACTURER, PRIVATE_KEY, RIVALS, RIVALS_PRIVATE_KEY
from tests.webapp.samples import Answers, readers
from webapp.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.chain.fake import FakeChain
    from tests.publishing.brand import Made

BASE: Final = "https://verify.example.org"
OLD_PROFILE: Final = brand.a_profile("9521001", "9521007", name="Larch before")


def keep(store: Store, made: Made) -> None:
    """Store a batch as its maker does."""
    header = made.header
    with store.exclusive(), store.workroom() as room:
        shutil.copy(made.path, room / "batch")
        sealed = SealedBatch(
            header.opening, header.salt, made.tree.manifest_bytes, header.seal, header.seal.hex(), room / "batch"
        )
        store.add_batch(sealed, manufacturer=MANUFACTURER, run=made.path.name, key=KEY, state=State.ANCHORED)


NAMED: Final = pictures.read(drawn(40, 30))
UNNAMED: Final = pictures.read(drawn(30, 40))


@contextmanager
def receiving(folder: Path, chain: FakeChain, store: Store) -> Iterator[tuple[str, Admitter]]:
    """Serve a registry that receives; gives its address, and its admitter."""
    folder.mkdir()
    inbox = Inbox(folder)
    app = create_app(readers(checks=Answers({}), desk=Desk(inbox, brand.asking(chain), store)))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", Admitter(inbox, brand.asking(chain), store, brand.REGISTRY_ID)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def feed(source: Store, folder: Path, chain: FakeChain, target: Store) -> None:
    """Publish everything that a store has to another registry."""
    with receiving(folder, chain, target) as (address, admitter):

        def work(_: float) -> None:
            admitter.run_once()

        sender = Sender(Door(address), source.profile, picture=source.pictures.read, sleep=work)
        for batch in source.batches():
            sender.send(batch, source.tree(batch.seal))
        admitter.run_once()


@pytest.fixture(scope="module")
def chain() -> FakeChain:
    """A chain on which the brand's profile was another one before."""
    chain = brand.a_chain()
    chain.update_profile(MANUFACTURER, profile.profile_hash(OLD_PROFILE), "https://larch.example/profile.json")
    chain.update_profile(MANUFACTURER, brand.PROFILE_HASH, "https://larch.example/profile.json")
    chain.set_domains(["verify.example.org"])
    return chain


@pytest.fixture(scope="module")
def batches(tmp_path_factory: pytest.TempPathFactory, chain: FakeChain) -> dict[str, Made]:
    """A batch that is whole, one with withdrawn units, one that is withdrawn, and one whose anchor is not final."""
    folder = tmp_path_factory.mktemp("batches")
    made = {name: brand.make(folder, name, count=30) for name in ("recalled", "withdrawn", "new")}
    made["whole"] = brand.make(folder, "whole", count=30, pictures=(NAMED.digest, "0" * 64))
    for name in ("whole", "recalled", "withdrawn"):
        chain.anchor(KEY, made[name].seal)
    chain.withdraw_units(KEY, made["recalled"].seal, Reason.STOLEN, [3])
    chain.withdraw_batch(KEY, made["withdrawn"].seal, Reason.RECALLED)
    chain.finalize()
    chain.anchor(KEY, made["new"].seal)
    return made


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory, chain: FakeChain, batches: dict[str, Made]) -> Iterator[list[Store]]:
    """The brand's own store, the registry that it publishes to, and one that is fed from that registry."""
    folder = tmp_path_factory.mktemp("stores")
    with ExitStack() as opened:
        stores = [
            opened.enter_context(Store.open(f"sqlite:///{folder / name}.db", folder / name, create=True))
            for name in ("brand", "first", "second")
        ]
        for raw in (OLD_PROFILE, brand.PROFILE):
            stores[0].add_profile(raw)
        for picture in (NAMED, UNNAMED):
            stores[0].keep_picture(picture.raw)
        for made in batches.values():
            keep(stores[0], made)
        feed(stores[0], folder / "first-inbox", chain, stores[1])
        feed(stores[1], folder / "second-inbox", chain, stores[2])
        yield stores


def verdicts(text: str, chain: FakeChain, stores: list[Store], *, typed: bool = False) -> list[dict[str, Any]]:
    """Return what each registry says, all at the same second."""
    found = []
    for store in stores:
        verifier = Verifier(Trust(brand.REGISTRY_ID, (chain.deployment,)), [chain], store, clock=lambda: chain.time)
        verdict = check_typed(verifier, store, text) if typed else verifier.check(text)
        assert not isinstance(verdict, Choice)
        found.append(as_json(verdict, "-"))
    return found


def link_of(made: Made, rank: int = 0) -> str:
    unit = made.tree.unit(rank)
    return links.build(BASE, unit.record, unit.signature)


def signed(record: Record, private_key: bytes = PRIVATE_KEY) -> str:
    return links.build(BASE, record, signing.sign(encoding.RecordHasher(brand.REGISTRY_ID).digest(record), private_key))


def asked(batches: dict[str, Made]) -> dict[str, tuple[str, str]]:
    """Return links by name, each with the registration that all registries must read of it."""
    whole, unit = batches["whole"], batches["whole"].tree.unit(0)
    good = link_of(whole)
    return {
        "good": (good, "registered"),
        "good, with attributes": (
            next(link_of(whole, one.index) for one in whole.tree.units() if one.attributes),
            "registered",
        ),
        "beside a withdrawn one": (link_of(batches["recalled"], 4), "registered"),
        "withdrawn unit": (link_of(batches["recalled"], 3), "withdrawn"),
        "withdrawn batch": (link_of(batches["withdrawn"]), "withdrawn"),
        "not final": (link_of(batches["new"]), "awaiting_finality"),
        "without signature": (good.partition("?")[0], "number_known"),
        "another lot": (signed(replace(unit.record, lot="X")), "cannot_check"),
        "changed serial": (good.replace(unit.record.serial, "whole-9999X"), "altered"),
        "changed signature": (good[:-20] + ("A" if good[-20] != "A" else "B") + good[-19:], "altered"),
        "signed, unknown": (signed(Record(LAMP, LOT, "NEVERSEEN")), "signed_not_anchored"),
        "a GTIN that the profile claimed before": (
            signed(Record(brand.gtin("0952100700001"), LOT, "A1")),
            "signed_not_anchored",
        ),
        "a rival's GTIN": (signed(Record(RIVALS, LOT, "A1")), "altered"),
        "signed by a rival of whom nobody has the profile": (signed(unit.record, RIVALS_PRIVATE_KEY), "cannot_check"),
        "unknown": (f"{BASE}/01/{LAMP}/21/NEVERSEEN", "not_registered"),
        "foreign host": (good.replace("verify.example.org", "evil.example.org"), "foreign_host"),
        "no link": ("https://example.com/", "unreadable"),
    }


NAMES: Final = [
    "good",
    "good, with attributes",
    "beside a withdrawn one",
    "withdrawn unit",
    "withdrawn batch",
    "not final",
    "without signature",
    "another lot",
    "changed serial",
    "changed signature",
    "signed, unknown",
    "a GTIN that the profile claimed before",
    "a rival's GTIN",
    "signed by a rival of whom nobody has the profile",
    "unknown",
    "foreign host",
    "no link",
]


@pytest.mark.parametrize("name", NAMES)
def test_every_registry_says_the_same(chain: FakeChain, batches: dict[str, Made], stores: list[Store], name: str) -> None:
    """Verdict, reasons, product, manufacturer, batch, anchor, proof: no field differs."""
    link, expected = asked(batches)[name]
    brands, first, second = verdicts(link, chain, stores)
    assert brands["registration"] == expected
    assert brands == first == second


def test_typed_numbers_read_the_same(chain: FakeChain, batches: dict[str, Made], stores: list[Store]) -> None:
    serial = batches["whole"].tree.unit(0).record.serial
    for text in (serial, serial.upper().replace("O", "0"), "NEVERSEEN", "?"):
        brands, first, second = verdicts(text, chain, stores, typed=True)
        assert brands == first == second


def test_their_tree_files_are_the_same(batches: dict[str, Made], stores: list[Store]) -> None:
    """To the byte: a registry that lost a file can have it from another."""
    for made in batches.values():
        for store in stores:
            assert b"".join(store.tree(made.seal).chunks()) == made.path.read_bytes()


def test_pictures_go_along_where_a_manifest_names_them(stores: list[Store]) -> None:
    """From the brand to the first registry and on to the second; what no manifest names stays at home."""
    for store in stores[1:]:
        assert store.pictures.read(NAMED.digest) == NAMED
        assert not store.pictures.has(UNNAMED.digest)
