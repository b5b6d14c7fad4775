"""A silent chain costs answers, never the truth: the last known answer with its age, then `cannot_check` (real anvil)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from registry.chain.devchain import Anvil
from registry.chain.endpoints import connect
from registry.chain.reader import ChainReader
from registry.chain.writer import MAY_ANCHOR, MAY_WITHDRAW, ChainWriter, deploy, key_consent_digest
from registry.checking.trust import Reason, Trust
from registry.checking.verdicts import Code, Registration
from registry.checking.verifier import Verifier
from registry.issuing.pipeline import Registration as Run
from registry.issuing.products import read_products
from registry.keys import KeystoreSigner, create_keystore
from registry.proofs.profile import profile_hash, read_json
from registry.storage.store import Store
from registry.units import links
from webapp.app import create_app
from webapp.readers import Readers, RegistryChecks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from registry.checking.verdicts import Verdict

pytestmark = pytest.mark.xdist_group("silent-chain")

MAKER = 7
GTIN, LOT = "09521004000014", "L2611A"
PASSPHRASE = "passphrase of the tests"
REGISTRY_ID = b"\x07" * 32
HOST = "verify.example.org"
BASE = f"https://{HOST}"
PROFILE = """{"format": "touchstone-profile", "version": "1", "legalName": {"en": "Larch Ltd."}, "brand": {"en": "Larch"},
"domain": "larch.example", "trademarks": ["CN 1"], "gtins": ["9521004"], "country": "CN", "contact": "ip@larch.example"}"""
PRODUCTS = f"""
[[product]]
gtin = "{GTIN}"
names.en = "Lamp"
[[product.lot]]
lot = "{LOT}"
"""
FRESH, STALE = 2.0, 60.0
NEVER_OF_SILENCE = {Registration.NOT_REGISTERED, Registration.ALTERED, Registration.SIGNED_NOT_ANCHORED}


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@dataclass
class Place:
    """A registry with a few units, on a chain that can be stopped."""

    chain: Anvil
    trust: Trust
    store: Store
    links: dict[str, str]
    """What each kind of unit's label says."""

    def site(self, clock: Clock) -> tuple[Verifier, FlaskClient]:
        """Return a verifier that knows nothing yet, and the site over it."""
        trust = replace(self.trust, fresh_seconds=FRESH, stale_seconds=STALE)
        reader = ChainReader(connect(self.chain.url, timeout=2), trust, trust.deployments[0], clock=clock)
        verifier = Verifier(trust, [reader], self.store)
        checks = RegistryChecks(verifier, self.store)
        return verifier, create_app(Readers(checks, lambda _: (), {"chain": reader.check_deployment})).test_client()


@pytest.fixture(scope="module")
def place(require_backend: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Register three units, withdraw one, change a link of another, and sign one that no tree holds."""
    require_backend("anvil")
    folder = tmp_path_factory.mktemp("silent")
    chain = Anvil(folder / "chain.json", epoch_slots=1)
    chain.start()
    try:
        people = []
        for number, name in enumerate(["alliance", "controller", "key"]):
            create_keystore(folder / name, PASSPHRASE, light=True, private_key=chain.private_key(number))
            people.append(KeystoreSigner(folder / name, PASSPHRASE))
        alliance, controller, key = people
        deployment = deploy(chain.w3(), alliance, registry_id=REGISTRY_ID)
        trust = Trust(REGISTRY_ID, (deployment,))

        def writer(signer: KeystoreSigner) -> ChainWriter:
            return ChainWriter(ChainReader(connect(chain.url), trust, deployment), signer)

        profile = read_json(PROFILE.encode())
        writer(alliance).grant_role("accreditor", alliance.address)
        writer(alliance).accredit(MAKER, controller.address, profile_hash(profile), "https://larch.example/profile.json")
        writer(alliance).set_verifier_domains([HOST])
        consent = key.sign_digest(key_consent_digest(deployment, MAKER))
        writer(controller).add_key(
            MAKER, key.address, permissions=MAY_ANCHOR | MAY_WITHDRAW, not_after=2**40 - 1, consent=consent
        )
        (folder / "products.toml").write_text(PRODUCTS)
        (folder / "units.csv").write_text("gtin,lot,serial\n" + f"{GTIN},{LOT},\n" * 3)
        with Store.open(f"sqlite:///{folder / 'registry.db'}", folder / "trees", create=True) as store:
            store.add_profile(profile)
            with (folder / "units.csv").open("rb") as units:
                report = Run(store, writer(key), key, REGISTRY_ID).run(units, read_products(folder / "products.toml"))
            writer(key).withdraw_units(report.batch.seal, Reason.RECALLED, [(0, 0b100)])
            chain.finalize()
            chain.save()
            good, other, recalled = (links.build(BASE, record, sig) for record, sig, _ in store.labels(report.batch.id))
            known = {
                "registered": good,
                "number_known": good.partition("?")[0],
                "withdrawn": recalled,
                "altered": other.replace(f"/{LOT}/", "/L2611B/"),
                "not_registered": f"{BASE}/01/{GTIN}/21/7ZZZ7ZZZ7ZZZ7ZZZ",
                "foreign_host": other.replace(BASE, "https://verify.example.net"),
            }
            yield Place(chain, trust, store, known)
    finally:
        chain.stop()


@pytest.fixture
def silence(place: Place) -> Iterator[Callable[[], None]]:
    """Stop the chain when told to, and bring it back afterwards, on the same port, with its state."""

    def stop() -> None:
        place.chain.stop()

    port = place.chain.port
    yield stop
    bring_back(place, port)


def bring_back(place: Place, port: int) -> None:
    """Start the chain again where it was."""
    if not place.chain.running:
        place.chain._wanted_port = port
        place.chain.start()


def seen(verifier: Verifier, place: Place) -> dict[str, Verdict]:
    """Return what is said of each link now."""
    return {name: verifier.check(link) for name, link in place.links.items()}


def test_the_last_known_answer_with_its_age_and_then_none(
    place: Place, silence: Callable[[], None], require_backend: Callable[[str], Path]
) -> None:
    """Every verdict of the chain's is kept for a while, its age said; then all are `cannot_check`; then the chain is back."""
    require_backend("anvil")
    clock = Clock()
    verifier, site = place.site(clock)
    before = seen(verifier, place)
    assert {name: verdict.registration.value for name, verdict in before.items()} == {name: name for name in place.links}

    port = place.chain.port
    silence()
    clock.now += 30.0
    for name, verdict in seen(verifier, place).items():
        assert verdict.registration.value == name
        if verdict.seen is not None:
            assert verdict.seen.stale
            assert verdict.seen.age_seconds == pytest.approx(30.0)
            assert Code.CHAIN_STALE in verdict.reasons
    page = ask(site, place.links["registered"])
    assert page.status_code == 200
    assert "30 seconds" in page.text

    clock.now += STALE
    for name, verdict in seen(verifier, place).items():
        assert verdict.registration is Registration.CANNOT_CHECK or name == "not_registered", name
        assert Code.CHAIN_UNAVAILABLE in verdict.reasons or name == "not_registered"
    answer = ask(site, place.links["registered"])
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert site.get("/readyz").status_code == 503

    bring_back(place, port)
    clock.now += STALE
    after = seen(verifier, place)
    assert {name: verdict.registration for name, verdict in after.items()} == {
        name: verdict.registration for name, verdict in before.items()
    }
    assert not any(verdict.seen.stale for verdict in after.values() if verdict.seen is not None)
    assert ask(site, place.links["registered"]).status_code == 200
    assert site.get("/readyz").status_code == 200


def test_a_chain_that_was_never_heard(
    place: Place, silence: Callable[[], None], require_backend: Callable[[str], Path]
) -> None:
    """A site that starts while the chain is silent says that it could not check, whatever is asked and however often."""
    require_backend("anvil")
    silence()
    clock = Clock()
    verifier, site = place.site(clock)
    for _ in range(3):
        for name in ("registered", "withdrawn", "altered", "number_known", "foreign_host"):
            verdict = verifier.check(place.links[name])
            assert verdict.registration is Registration.CANNOT_CHECK
            assert verdict.registration not in NEVER_OF_SILENCE
            assert ask(site, place.links[name]).status_code == 503
        clock.now += 20.0


def test_only_what_was_asked_before_is_remembered(
    place: Place, silence: Callable[[], None], require_backend: Callable[[str], Path]
) -> None:
    """What was seen of one unit says nothing of another: a link asked for the first time in the silence is `cannot_check`."""
    require_backend("anvil")
    clock = Clock()
    verifier, _ = place.site(clock)
    assert verifier.check(place.links["registered"]).registration is Registration.REGISTERED
    silence()
    clock.now += 10.0
    assert verifier.check(place.links["registered"]).registration is Registration.REGISTERED
    for name in ("withdrawn", "altered"):
        assert verifier.check(place.links[name]).registration is Registration.CANNOT_CHECK, name


def ask(site: FlaskClient, link: str) -> TestResponse:
    """Ask the site for a link's verdict by its own page."""
    return site.get("/check", query_string={"link": link})
