"""What the site says of a unit's checks, and what people may say of them: without an account, a cookie or a script."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from registry.checking.verdicts import History
from registry.errors import StoreUnavailable
from registry.storage.histories import HOUR, Histories, Kind
from registry.storage.scans import Channel, Scan, Scans
from tests.webapp.samples import BY_NAME, GTIN, LINK, NOW, REGISTERED, SERIAL, readers
from tests.webapp.test_visits import IPHONE, SECRET
from webapp.app import create_app
from webapp.histories import Forgetful, Remembering
from webapp.tickets import Tickets
from webapp.visits import Visitors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.testing import FlaskClient

    from registry.checking.verdicts import Verdict

SLOT = "ab" * 16


class Noting:
    """Notes scans at once, as the queue would."""

    def __init__(self, scans: Scans) -> None:
        self._scans = scans

    def note(self, verdict: Verdict, channel: Channel, visit: Any = None) -> None:
        """Note a scan that is weighed."""
        if visit.device and channel is Channel.PAGE:
            scan = Scan(GTIN, SERIAL, NOW // HOUR * HOUR, verdict.registration.value, channel, visit.region, visit.device)
            self._scans.add(SLOT, [scan])


@pytest.fixture
def scans(tmp_path: Any) -> Iterator[Scans]:
    """A database of scans."""
    with Scans.open(f"sqlite:///{tmp_path / 'scans.db'}") as opened:
        opened.settle(SLOT, 0, NOW)
        yield opened


@pytest.fixture
def memory(scans: Scans) -> Iterator[Remembering]:
    """What the site remembers."""
    visitors = Visitors(SECRET, header="Region")
    with Histories(scans._engine) as histories:
        yield Remembering(visitors, Tickets(SECRET), lambda: histories, clock=lambda: NOW)


@pytest.fixture
def client(scans: Scans, memory: Remembering) -> FlaskClient:
    """A browser at a site that remembers."""
    verdict = replace(REGISTERED, checked_at=NOW)
    return create_app(readers({LINK: verdict, f"http://localhost{LINK.partition('.org')[2]}": verdict},
                              scans=Noting(scans), memory=memory)).test_client()  # fmt: skip


def open_label(client: FlaskClient, region: str = "CN-33", agent: str = IPHONE, **headers: str) -> str:
    """Open the label; returns the page."""
    sent = {"User-Agent": agent, "Region": region, "Accept-Language": "en", **headers}
    return client.get(LINK.partition(".org")[2], headers=sent).text


def ticket_of(page: str) -> str:
    """Return the ticket in a page's form."""
    return str(re.findall(r'name="ticket" value="([^"]+)"', page)[0])


def test_a_first_check_is_followed_by_a_repeat(client: FlaskClient) -> None:
    """Reloaded by the same phone it stays the first; another phone reads when and where it was checked, and is asked."""
    assert "has not been checked before" in open_label(client)
    assert "has not been checked before" in open_label(client)
    page = open_label(client, agent=f"{IPHONE} MicroMessenger/8")
    assert "has been checked before" in page
    assert "Checks before this one: <bdi>1</bdi>" in page or "Checks before this one: 1." in page
    assert "(China)" in page
    assert page.count('method="post" action="/said"') == 2


@pytest.mark.parametrize("headers", [{"User-Agent": "Googlebot"}, {"Sec-Purpose": "prefetch"}])
def test_what_is_no_person_leaves_no_trace(client: FlaskClient, headers: dict[str, str]) -> None:
    """A preview never uses up a buyer's first check."""
    client.get(LINK.partition(".org")[2], headers={"User-Agent": IPHONE, **headers})
    client.head(LINK.partition(".org")[2], headers={"User-Agent": IPHONE})
    assert "has not been checked before" in open_label(client)


def test_another_market_is_said_and_is_harmless(client: FlaskClient) -> None:
    """The product is meant for China and Singapore."""
    assert "registered for sale in another" in open_label(client, "DE")


@pytest.mark.parametrize(("answer", "kinds"), [("yes", []), ("no", [Kind.NOT_ME]), ("opened", [Kind.OPENED])])
def test_people_say_what_they_know(client: FlaskClient, memory: Remembering, answer: str, kinds: list[Kind]) -> None:
    """By a form of the page; a yes changes nothing and is not kept."""
    ticket = ticket_of(open_label(client))
    said = client.post("/said", data={"ticket": ticket, "answer": answer}, headers={"User-Agent": IPHONE})
    assert said.status_code == 200
    assert [kind for kind, *_ in memory._open().marks(GTIN, SERIAL)] == kinds
    if answer == "opened":
        assert "Marked as opened on" in open_label(client)


@pytest.mark.parametrize(("ticket", "answer"), [("", "no"), ("forged", "opened"), (None, "copy"), (None, "")])
def test_without_a_ticket_nothing_is_noted(client: FlaskClient, memory: Remembering, ticket: str | None, answer: str) -> None:
    """Nor what only a person who examined the product may say."""
    good = ticket_of(open_label(client))
    said = client.post("/said", data={"ticket": good if ticket is None else ticket, "answer": answer})
    assert said.status_code == 400
    assert memory._open().marks(GTIN, SERIAL) == ()


def test_a_number_without_its_label_has_no_history(memory: Remembering) -> None:
    """Whoever guesses numbers learns nothing of when and where they were checked."""
    verdict = BY_NAME["number_known"]
    assert memory.added(verdict, {"REQUEST_METHOD": "GET"}, Channel.TYPED) is verdict


def test_a_database_that_is_away_takes_the_history_only(memory: Remembering) -> None:
    """The verdict stays, and nobody is told of a first check."""

    def away() -> Histories:
        raise StoreUnavailable("gone")

    memory._connect = away
    found = memory.added(REGISTERED, {"REQUEST_METHOD": "GET", "HTTP_USER_AGENT": IPHONE}, Channel.PAGE)
    assert (found, found.history) == (REGISTERED, History.NOT_APPLICABLE)


def test_a_site_that_is_forgetful_asks_nothing() -> None:
    """It shows no history, issues no tickets and takes no answers."""
    memory = Forgetful()
    assert memory.added(REGISTERED, {}, Channel.PAGE) is REGISTERED
    assert memory.unit_of("x") is None
    client = create_app(readers({LINK: REGISTERED})).test_client()
    assert client.post("/said", data={"ticket": "x", "answer": "no"}).status_code == 400
