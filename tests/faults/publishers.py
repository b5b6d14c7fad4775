"""A sender, a site and an admitter, each in a process of its own that may end itself by SIGKILL at a given moment."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn
from unittest import mock

from werkzeug.serving import make_server

from registry.chain.deployment import load_trust, save_trust
from registry.chain.endpoints import connect
from registry.chain.reader import ChainReader
from registry.chain.writer import MAY_ANCHOR, ChainWriter, deploy, key_consent_digest
from registry.checking.deployments import Deployments
from registry.checking.trust import Trust
from registry.issuing.intake import read_products
from registry.issuing.pipeline import Registration
from registry.keys import KeystoreSigner, create_keystore
from registry.proofs import growing, profile
from registry.publishing import admission, sending
from registry.publishing.admission import Admitter
from registry.publishing.door import Door
from registry.publishing.inbox import Inbox
from registry.publishing.replaying import Replay
from registry.publishing.sending import Sender
from registry.storage.store import Store
from tests.faults.killed import PASSPHRASE, die
from webapp.settings import Settings
from webapp.wsgi import compose

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.chain.devchain import Anvil
    from registry.issuing.batches import StoredBatch

MANUFACTURER: Final = 7
GTIN: Final = "09521001000017"
LOT: Final = "L2609A"
PRODUCTS: Final = f"""
[[product]]
gtin = "{GTIN}"
names.en = "Sample"
[[product.lot]]
lot = "{LOT}"
"""
SITE_MOMENTS: Final = ["parcel before its place", "half of a part", "part without an answer", "profile without an answer"]
SENDER_MOMENTS: Final = ["offered", "some parts sent", "all sent"]
ADMITTER_MOMENTS: Final = ["copied", "half of the units", "grown", "stored", "noted"]
MOMENTS: Final = [
    *(("site", moment) for moment in SITE_MOMENTS),
    *(("sender", moment) for moment in SENDER_MOMENTS),
    *(("admitter", moment) for moment in ADMITTER_MOMENTS),
]
PARTS: Final = 3
"""Parts after which somebody is killed in the middle."""


@dataclass(frozen=True)
class Place:
    """Where a brand and a site work."""

    rpc: str
    trust: Path
    brand: Path
    """Holds the brand's store."""
    site: Path
    """Holds the site's store and inbox."""
    port: int
    part: int = sending.PART

    def brands_store(self) -> Store:
        """Open the brand's store."""
        return _open(self.brand)

    def sites_store(self) -> Store:
        """Open the site's store."""
        return _open(self.site)

    @property
    def inbox(self) -> Path:
        """The site's inbox."""
        return self.site / "inbox"

    @property
    def settings(self) -> dict[str, str]:
        """What the site's processes are told."""
        return {
            "TOUCHSTONE_DATABASE_URL": f"sqlite:///{self.site / 'registry.db'}",
            "TOUCHSTONE_TREES": str(self.site / "trees"),
            "TOUCHSTONE_TRUST": str(self.trust),
            "TOUCHSTONE_RPC": self.rpc,
            "TOUCHSTONE_INBOX": str(self.inbox),
        }


def _open(folder: Path) -> Store:
    folder.mkdir(exist_ok=True)
    return Store.open(f"sqlite:///{folder / 'registry.db'}", folder / "trees", create=True)


def found(anvil: Anvil, folder: Path, units: int) -> Path:
    """Found a registry whose manufacturer registers a batch in `folder/brand`; returns the trust file."""

    def keystore(name: str, account: int) -> KeystoreSigner:
        create_keystore(folder / name, PASSPHRASE, light=True, private_key=anvil.private_key(account))
        return KeystoreSigner(folder / name, PASSPHRASE)

    alliance, controller, key = (keystore(name, account) for account, name in enumerate(("alliance", "controller", "key")))
    registry_id = os.urandom(32)
    deployment = deploy(anvil.w3(), alliance, registry_id=registry_id)
    trust = Trust(registry_id, (deployment,))
    save_trust(folder / "trust.json", trust)

    def writer(signer: KeystoreSigner) -> ChainWriter:
        return ChainWriter(ChainReader(connect(anvil.url), trust, deployment), signer)

    raw = profile.write(profile.Profile({"en": "Larch Ltd."}, {"en": "Larch"}, "larch.example", (), ("9521001",), "CN", "-"))
    writer(alliance).grant_role("accreditor", alliance.address)
    writer(alliance).accredit(MANUFACTURER, controller.address, profile.profile_hash(raw), "https://larch.example/profile.json")
    consent = key.sign_digest(key_consent_digest(deployment, MANUFACTURER))
    writer(controller).add_key(MANUFACTURER, key.address, permissions=MAY_ANCHOR, not_after=2**40 - 1, consent=consent)
    (folder / "products.toml").write_text(PRODUCTS)
    (folder / "units.csv").write_text("gtin,lot,serial\n" + f"{GTIN},{LOT},\n" * units)
    with _open(folder / "brand") as store, (folder / "units.csv").open("rb") as stream:
        store.add_profile(raw)
        Registration(store, writer(key), key, trust.registry_id).run(stream, read_products(folder / "products.toml"))
    return folder / "trust.json"


def prepared(place: Place) -> StoredBatch:
    """Make the site's empty store and inbox; returns the brand's batch."""
    place.sites_store().close()
    place.inbox.mkdir(exist_ok=True)
    with place.brands_store() as store:
        (batch,) = store.batches()
    return batch


# ------------------------------------------------------------------------------------------------------------- processes


def serve(place: Place, moment: str | None = None) -> None:
    """Be the site, until somebody ends it."""
    with ExitStack() as planted:
        if moment == "parcel before its place":
            planted.enter_context(mock.patch.object(Path, "rename", _die_of))
        elif moment == "half of a part":
            planted.enter_context(mock.patch.object(growing, "write", _half_written))
        elif moment == "part without an answer":
            planted.enter_context(mock.patch("os.fdatasync", _after_some(os.fdatasync)))
        elif moment == "profile without an answer":
            planted.enter_context(_after(Inbox, "add_profile"))
        make_server("127.0.0.1", place.port, compose(Settings.read(place.settings)), threaded=True).serve_forever()


def admit(place: Place, moment: str | None = None, *, once: bool = False) -> None:
    """Be the admitter, until somebody ends it."""
    trust = load_trust(place.trust)
    readers = [ChainReader(connect(place.rpc), trust, one).asking_now() for one in trust.deployments]
    inbox = Inbox(place.inbox)
    with ExitStack() as planted, place.sites_store() as store:
        planted.enter_context(mock.patch.object(admission, "AT_ONCE", 100))
        if moment == "copied":
            planted.enter_context(_after(admission, "_copy"))
        elif moment == "half of the units":
            planted.enter_context(mock.patch.object(Replay, "check", _after_some(Replay.check)))
        elif moment == "grown":
            planted.enter_context(_after(growing, "grow"))
        elif moment == "stored":
            planted.enter_context(_after(Store, "add_batch"))
        elif moment == "noted":
            planted.enter_context(_after(Store, "mark_anchored"))
        admitter = Admitter(inbox, Deployments(trust, readers), store, trust.registry_id, workers=1)
        with inbox.admitting():
            admitter.run_once()
            while not once:
                time.sleep(0.05)
                admitter.run_once()


def publish(place: Place, moment: str | None = None) -> None:
    """Be the sender, until the site has admitted the batch."""
    with ExitStack() as planted, place.brands_store() as store:
        planted.enter_context(mock.patch.object(sending, "PART", place.part))
        planted.enter_context(mock.patch.object(sending, "LONGEST_PAUSE", 0.5))
        if moment == "offered":
            planted.enter_context(_after(Sender, "_offer_once"))
        elif moment == "some parts sent":
            planted.enter_context(mock.patch.object(Sender, "_send_part", _after_some(Sender._send_part)))
        elif moment == "all sent":
            planted.enter_context(_after(Sender, "_send_parts"))
        (batch,) = store.batches()
        Sender(Door(f"http://127.0.0.1:{place.port}"), store.profile, patience=60).send(batch, store.tree(batch.seal))


ROLES: Final[dict[str, Callable[..., None]]] = {"site": serve, "admitter": admit, "sender": publish}


def _die_of(*_: object) -> NoReturn:
    """End this process, whatever it was about to do."""
    die()


def _after(owner: object, name: str) -> mock._patch[object]:
    """Return a patch that lets a function do its work and then ends the process."""
    return mock.patch.object(owner, name, _after_some(getattr(owner, name), 1))


def _half_written(descriptor: int, offset: int, data: bytes) -> NoReturn:
    """Write half of what is to be written, and end the process."""
    os.pwrite(descriptor, data[: len(data) // 2], offset)
    die()


def _after_some(whole: Callable[..., Any], some: int = PARTS) -> Callable[..., Any]:
    """Return a function that does its work, and at its last time ends the process."""
    times = count(1)

    def work(*arguments: Any, **named: Any) -> Any:
        done = whole(*arguments, **named)
        if next(times) == some:
            die()
        return done

    return work
