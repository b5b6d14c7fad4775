"""The sender over real connections: it goes on where the registry says, and gives up for a reason."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from werkzeug.serving import make_server

from registry.errors import InputError, PublicationRefused, RegistryUnavailable, StoreUnavailable
from registry.issuing.batches import State as Stored
from registry.proofs import profile
from registry.publishing import sending
from registry.publishing.door import Door
from registry.publishing.refusals import Refusal
from registry.publishing.sending import Sender
from registry.publishing.status import State
from tests.publishing import brand
from tests.publishing.brand import KEY, MANUFACTURER
from tests.webapp.samples import Answers, readers
from webapp.app import create_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from wsgiref.types import WSGIApplication

    from tests.publishing.brand import Made
    from tests.publishing.conftest import Registry

Start = Any


@contextmanager
def served(app: WSGIApplication) -> Iterator[str]:
    """Serve an application on this machine; gives its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Faulty:
    """A registry whose connection has faults: each answers one request, and the application answers those after them."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app
        self.faults: list[Callable[[Any, Start], list[bytes]]] = []
        self.asked: list[str] = []

    def __call__(self, environ: Any, start: Start) -> Any:
        self.asked.append(environ["REQUEST_METHOD"])
        return self.faults.pop(0)(environ, start) if self.faults else self.app(environ, start)

    def silent(self, environ: Any, start: Start) -> NoReturn:
        """Break the connection without a word."""
        del environ, start
        raise ConnectionResetError

    def lost(self, environ: Any, start: Start) -> list[bytes]:
        """Do what is asked, and lose the answer."""
        list(self.app(environ, lambda *_: lambda _: None))
        return self.silent(environ, start)

    def busy(self, environ: Any, start: Start) -> list[bytes]:
        """Be a proxy in front of a server that is gone."""
        del environ
        start("502 Bad Gateway", [("Content-Type", "text/html")])
        return [b"<h1>Bad Gateway</h1>"]

    def nonsense(self, environ: Any, start: Start) -> list[bytes]:
        """Answer what is no status."""
        del environ
        start("200 OK", [("Content-Type", "application/json")])
        return [b'{"state": "fine"}']

    def wrong(self, environ: Any, start: Start) -> list[bytes]:
        """Be another site."""
        del environ
        start("404 Not Found", [("Content-Type", "text/html")])
        return [b"<h1>Nothing here</h1>"]

    def elsewhere(self, environ: Any, start: Start) -> list[bytes]:
        """Send the caller away."""
        del environ
        start("302 Found", [("Location", "http://127.0.0.1:9/")])
        return [b""]


@pytest.fixture
def made(tmp_path: Path, registry: Registry) -> Made:
    made = brand.make(tmp_path, count=100)
    registry.chain.anchor(KEY, made.seal)
    return made


@pytest.fixture
def site(registry: Registry) -> Faulty:
    return Faulty(create_app(readers(checks=Answers({}), desk=registry.desk)))


@pytest.fixture
def address(site: Faulty) -> Iterator[str]:
    with served(site) as address:
        yield address


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a small batch have many parts."""
    monkeypatch.setattr(sending, "PART", 1000)


class Time:
    """Time that passes only while it is slept; what happens meanwhile may be told."""

    def __init__(self) -> None:
        self.now = 0.0
        self.meanwhile: list[Callable[[], object]] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.meanwhile:
            self.meanwhile.pop(0)()


@pytest.fixture
def time() -> Time:
    return Time()


def sender(address: str, time: Time, **more: Any) -> Sender:
    profiles = more.pop("profiles", {brand.PROFILE_HASH: brand.PROFILE})
    return Sender(Door(address), profiles.get, clock=time, sleep=time.sleep, **more)


def admit(registry: Registry, made: Made) -> Callable[[], None]:
    """Return what does as an admitter does."""

    def act() -> None:
        (parcel,) = registry.inbox.parcels()
        assert parcel.path.read_bytes() == made.parcel
        registry.books.batches[made.seal] = made.stored()
        parcel.drop()

    return act


def test_a_batch_is_sent_and_waited_for(registry: Registry, made: Made, address: str, time: Time) -> None:
    told: list[tuple[str, int, int]] = []
    time.meanwhile = [lambda: registry.inbox.parcels()[0].tell(units_checked=40), admit(registry, made)]
    status = sender(address, time, progress=lambda *what: told.append(what)).send(made.stored(), made.tree)
    assert status.state is State.ADMITTED
    assert told[0] == ("sending bytes", 256, len(made.parcel))
    assert ("sending bytes", len(made.parcel), len(made.parcel)) in told
    assert told[-2:] == [("checking units", 40, 100), ("checking units", 100, 100)]


def test_a_batch_that_is_there_is_left_alone(registry: Registry, made: Made, site: Faulty, address: str, time: Time) -> None:
    registry.books.batches[made.seal] = made.stored()
    assert sender(address, time).send(made.stored(), made.tree).state is State.ADMITTED
    assert site.asked == ["POST"]


def test_without_waiting_it_ends_when_all_is_sent(registry: Registry, made: Made, address: str, time: Time) -> None:
    assert sender(address, time).send(made.stored(), made.tree, wait=False).state is State.CHECKING
    assert registry.inbox.parcels()[0].path.read_bytes() == made.parcel


def test_it_goes_on_where_an_earlier_run_was_killed(
    registry: Registry, made: Made, site: Faulty, address: str, time: Time
) -> None:
    parcel = registry.inbox.receive(made.offer)
    with parcel.path.open("ab") as file:
        file.write(made.parcel[256:-10])
    sender(address, time).send(made.stored(), made.tree, wait=False)
    assert site.asked == ["POST", "PATCH"]
    assert parcel.path.read_bytes() == made.parcel


@pytest.mark.parametrize("fault", ["silent", "lost", "busy", "nonsense"])
@pytest.mark.parametrize("at", range(4))
def test_a_fault_of_the_connection_is_outlived(  # noqa: PLR0917  # two parameters, four parts
    registry: Registry, made: Made, site: Faulty, address: str, time: Time, fault: str, at: int
) -> None:
    """At the offer, at parts, with the answer lost or the question: the registry gets the parcel, each byte once."""
    site.faults = [site.app] * at + [getattr(site, fault)] * 2
    sender(address, time).send(made.stored(), made.tree, wait=False)
    assert registry.inbox.parcels()[0].path.read_bytes() == made.parcel
    assert time.now > 0


def test_patience_ends(made: Made, site: Faulty, address: str, time: Time) -> None:
    site.faults = [site.silent] * 1000
    with pytest.raises(RegistryUnavailable, match="gives no answer"):
        sender(address, time, patience=100).send(made.stored(), made.tree)
    assert 50 < time.now <= 100


def test_nobody_is_there(made: Made, time: Time) -> None:
    with pytest.raises(RegistryUnavailable, match="gives no answer"):
        sender("http://127.0.0.1:9", time, patience=0).send(made.stored(), made.tree)


def test_an_address_that_is_no_registry(made: Made, site: Faulty, address: str, time: Time) -> None:
    for fault in (site.wrong, site.wrong):
        site.faults = [fault]
        with pytest.raises(PublicationRefused, match="not as a registry") as refused:
            sender(address, time).send(made.stored(), made.tree)
        assert refused.value.reason == Refusal.NOT_ACCEPTING


def test_nobody_is_sent_elsewhere(made: Made, site: Faulty, address: str, time: Time) -> None:
    site.faults = [site.elsewhere] * 9
    with pytest.raises(RegistryUnavailable, match="302"):
        sender(address, time, patience=1).send(made.stored(), made.tree)


@pytest.mark.parametrize("base", ["verify.example.org", "ftp://x", "http://", "https://x/?a=b", "https://x/#y", ""])
def test_an_address_that_is_none(base: str) -> None:
    with pytest.raises(InputError, match="expected one such as"):
        Door(base)


def test_a_refusal_is_told(registry: Registry, made: Made, address: str, time: Time) -> None:
    refusal = PublicationRefused("unit 3 is no good", reason=Refusal.WRONG_SIGNATURE, hint="look at it")
    time.meanwhile = [lambda: registry.inbox.parcels()[0].refuse(refusal)]
    with pytest.raises(PublicationRefused, match="unit 3") as refused:
        sender(address, time).send(made.stored(), made.tree)
    assert (refused.value.reason, refused.value.hint) == ("wrong_signature", "look at it")
    time.meanwhile = [admit(registry, made)]
    assert sender(address, time).send(made.stored(), made.tree).state is State.ADMITTED


def test_a_batch_that_is_not_anchored_is_not_offered(made: Made, time: Time) -> None:
    with pytest.raises(PublicationRefused, match="is sealed here") as refused:
        sender("http://127.0.0.1:9", time).send(made.stored(Stored.SEALED), made.tree)
    assert refused.value.reason == Refusal.NOT_ANCHORED


def test_the_registrys_node_may_lag_behind(registry: Registry, tmp_path: Path, address: str, time: Time) -> None:
    late = brand.make(tmp_path, "late")
    time.meanwhile = [lambda: None, lambda: registry.chain.anchor(KEY, late.seal)]
    assert sender(address, time).send(late.stored(), late.tree, wait=False).state is State.CHECKING
    never = brand.make(tmp_path, "never")
    with pytest.raises(PublicationRefused) as refused:
        sender(address, time).send(never.stored(), never.tree)
    assert refused.value.reason == Refusal.NOT_ANCHORED


def test_profiles_travel_first(registry: Registry, made: Made, site: Faulty, address: str, time: Time) -> None:
    registry.books.profiles.clear()
    sender(address, time).send(made.stored(), made.tree, wait=False)
    assert site.asked[:4] == ["POST", "PUT", "POST", "PATCH"]


def test_an_older_profile_is_sent_if_it_is_there(registry: Registry, made: Made, address: str, time: Time) -> None:
    newer = brand.a_profile("9521001", "9521009")
    digest = profile.profile_hash(newer)
    registry.chain.update_profile(MANUFACTURER, digest, "https://larch.example/profile.json")
    sender(address, time).send(made.stored(), made.tree, wait=False)
    assert registry.inbox.profiles() == []
    sender(address, time, profiles={digest: newer}).send(made.stored(), made.tree, wait=False)
    assert [one for _, one, _ in registry.inbox.profiles()] == []  # nothing is asked about a batch that is being received
    registry.inbox.parcels()[0].drop()
    sender(address, time, profiles={digest: newer}).send(made.stored(), made.tree, wait=False)
    assert [one for _, one, _ in registry.inbox.profiles()] == [digest]


def test_a_profile_that_nobody_has(registry: Registry, made: Made, address: str, time: Time) -> None:
    registry.books.profiles.clear()
    with pytest.raises(PublicationRefused, match="of which we have no body") as refused:
        sender(address, time, profiles={}).send(made.stored(), made.tree)
    assert refused.value.reason == Refusal.PROFILE_MISSING


def test_a_parcel_that_vanishes_is_sent_again(registry: Registry, made: Made, site: Faulty, address: str, time: Time) -> None:
    def vanish(environ: Any, start: Start) -> Any:
        for parcel in registry.inbox.parcels():
            parcel.drop()
        return site.app(environ, start)

    site.faults = [site.app, site.app, vanish]  # type: ignore[list-item]  # an application takes what a fault takes
    sender(address, time).send(made.stored(), made.tree, wait=False)
    assert registry.inbox.parcels()[0].path.read_bytes() == made.parcel
    site.faults = [vanish] * 1000
    registry.inbox.parcels()[0].drop()
    with pytest.raises(RegistryUnavailable, match="lost the parcel"):
        sender(address, time).send(made.stored(), made.tree)


def test_a_registry_that_does_not_get_on_with_checking(registry: Registry, made: Made, address: str, time: Time) -> None:
    waits = lambda: registry.inbox.parcels()[0].tell(waiting_for=("chain_unavailable", "the chain is silent"))  # noqa: E731  # said once
    time.meanwhile = [waits]
    with pytest.raises(RegistryUnavailable, match="does not get on with checking it: the chain is silent"):
        sender(address, time, patience=60).send(made.stored(), made.tree)
    assert registry.inbox.parcels()[0].is_complete


def test_a_site_that_cannot_ask_is_asked_again(registry: Registry, made: Made, address: str, time: Time) -> None:
    registry.books.fault = StoreUnavailable("the database is gone")

    def mend() -> None:
        registry.books.fault = None

    time.meanwhile = [lambda: None, mend]
    assert sender(address, time).send(made.stored(), made.tree, wait=False).state is State.CHECKING
