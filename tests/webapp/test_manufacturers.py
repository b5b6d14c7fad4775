"""Manufacturers: the chain's directory for everybody, also when the chain is silent, and never a guess."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from registry.enforcement.directory import Directory, Entry
from registry.enforcement.results import Month
from registry.errors import ChainUnavailable, StoreUnavailable
from registry.proofs import profile
from registry.proofs.absence_file import Block
from tests.webapp.gallery import serving
from tests.webapp.html import Page
from tests.webapp.samples import readers
from tests.webapp.tab import Tab
from tests.webapp.test_accessible import BROKEN
from webapp.accredited import FRESH, RETRY, Accredited
from webapp.app import create_app

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from werkzeug.test import TestResponse

_PROFILE = profile.Profile(
    {"en": "Kestrel Mobility GmbH", "zh": "红隼出行有限公司"}, {"en": "Kestrel", "zh": "红隼"}, "kestrel.example",
    ("KESTREL",), ("0952100",), "DE", "mail@kestrel.example",
)  # fmt: skip
KESTREL, OTHERS = (profile.write(replace(_PROFILE, contact=contact)) for contact in ("mail@kestrel.example", "x"))
HASH = profile.profile_hash(KESTREL)
SOME = Directory(
    (
        Entry(7, 1_770_000_000, 0, HASH, ((Month(2026, 8), 1200), (Month(2026, 9), 3))),
        Entry(8, 1_771_000_000, 1_790_000_000, b"\2" * 32, ()),
    ),
    ("verify.example", "check.example"),
    ((31337, "0x5FbDB2315678afecb367f032d93F642f64180aa3", Block(4711, b"\3" * 32, 1_790_000_000)),),
)


@dataclass
class Registry:
    """A chain that may be silent, and a site over it."""

    directory: Directory = SOME
    silent: bool = False
    store_is_away: bool = False
    asked: int = 0
    time: list[float] = field(default_factory=lambda: [0.0])

    def __post_init__(self) -> None:
        self.accredited = Accredited(self.take, clock=lambda: self.time[0])
        self.app = create_app(replace(readers({}), accredited=self.accredited, profile_of=self.profile_of))

    def take(self) -> Directory:
        """Answer for the chain."""
        self.asked += 1
        if self.silent:
            message = "the endpoint is silent"
            raise ChainUnavailable(message)
        return self.directory

    def profile_of(self, digest: bytes) -> bytes | None:
        """Answer for the store."""
        if self.store_is_away:
            message = "the store is away"
            raise StoreUnavailable(message)
        return KESTREL if digest == HASH else None

    def get(self, address: str = "/manufacturers", language: str = "en") -> TestResponse:
        """Return what a stranger gets."""
        return self.app.test_client().get(address, headers={"Accept-Language": language})

    def page(self, language: str = "en") -> str:
        """Return what a stranger reads."""
        answer = self.get(language=language)
        assert answer.status_code == 200
        page = Page(answer.text)
        assert page.faults == []
        return page.text()


def test_who_is_accredited_and_where_labels_lead() -> None:
    """By the chain; a profile whose body nobody has changes nothing of that."""
    said = Registry().page()
    for words in (
        "Kestrel", "Kestrel Mobility GmbH", "Germany", "kestrel.example", "1,203", "Manufacturer no. 8",
        "Suspended by the alliance since", "verify.example", "check.example", "August 2026", "1,200", "block 4,711",
    ):  # fmt: skip
        assert words in said, words
    assert "could not be asked" not in said
    chinese = Registry().page("zh-CN")
    assert "红隼出行有限公司" in chinese
    assert "德国" in chinese


def test_for_machines() -> None:
    """All that the page shows."""
    found = Registry().get("/manufacturers.json").json
    assert found
    assert (found["silent"], found["domains"]) == (False, ["verify.example", "check.example"])
    one, two = found["manufacturers"]
    assert (one["number"], one["batches"], one["suspendedAt"]) == (7, {"2026-08": 1200, "2026-09": 3}, None)
    assert one["profile"]["gtins"] == ["0952100"]
    assert (two["profile"], two["suspendedAt"]) == (None, "2026-09-21T14:13:20Z")
    assert found["asOf"][0]["block"] == 4711


def test_a_silent_chain_is_told_and_what_is_known_stays() -> None:
    """It is asked again soon; a site that never knew says that it cannot be asked now."""
    registry = Registry()
    registry.page()
    registry.silent, registry.time[0] = True, FRESH + 1
    assert "could not be asked just now" in registry.page()
    assert "Kestrel" in registry.page()
    assert b'"silent":true' in registry.get("/manufacturers.json").data
    assert registry.asked == 2
    registry.silent, registry.time[0] = False, FRESH + 1 + RETRY
    assert "could not be asked" not in registry.page()

    never = Registry(silent=True)
    for address in ("/manufacturers", "/manufacturers.json"):
        answer = never.get(address)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "15")
    assert never.asked == 1
    assert never.get().text.count("Kestrel") == 0


def test_the_store_may_be_away() -> None:
    """Numbers and dates are the chain's."""
    said = Registry(store_is_away=True).page()
    assert "Manufacturer no. 7" in said
    assert "Kestrel" not in said


def test_a_body_of_another_hash_is_nobodys() -> None:
    """A store that gives another profile than was asked for names nobody."""
    registry = Registry()
    registry.app = create_app(replace(readers({}), accredited=registry.accredited, profile_of=lambda _: OTHERS))
    said = registry.page()
    assert "Manufacturer no. 7" in said
    assert "Kestrel" not in said


def test_nobody_is_accredited_yet() -> None:
    """It says so."""
    said = Registry(Directory((), (), SOME.as_of)).page()
    assert "Nobody is accredited yet" in said
    assert "No address is on the list yet" in said


def test_many_who_ask_at_once_ask_the_chain_once() -> None:
    """Those who know nothing wait; those who know something are told that."""
    entered, go = threading.Event(), threading.Event()
    asked: list[int] = []
    time = [0.0]

    def take() -> Directory:
        asked.append(1)
        entered.set()
        assert go.wait(10)
        return SOME

    accredited = Accredited(take, clock=lambda: time[0])
    told: list[object] = []
    several = [threading.Thread(target=lambda: told.append(accredited.now().directory)) for _ in range(8)]
    for one in several:
        one.start()
    assert entered.wait(10)
    assert told == []
    go.set()
    for one in several:
        one.join(10)
    assert (told, len(asked)) == ([SOME] * 8, 1)

    time[0] = FRESH + 1
    entered.clear()
    go.clear()
    slow = threading.Thread(target=accredited.now)
    slow.start()
    assert entered.wait(10)
    assert accredited.now().directory is SOME, "whoever knows something waited"
    go.set()
    slow.join(10)
    assert len(asked) == 2


@pytest.mark.xdist_group("browser")
@pytest.mark.usefixtures("require_backend")
@pytest.mark.parametrize(("width", "language", "dark"), [(320, "zh-CN", True), (1280, "en", False)])
def test_nothing_is_wrong_with_the_page(browser: Browser, width: int, language: str, *, dark: bool) -> None:
    """On a phone and a desk, with the chain and without."""
    registry = Registry()
    with serving(registry.app) as base:
        tab = Tab.open(browser, base, width=width, language=language)
        tab.dark(dark=dark)
        for silent in (False, True):
            registry.silent, registry.time[0] = silent, silent * (FRESH + 1)
            tab.page.goto(f"{base}/manufacturers")
            assert tab.faults() + tab.page.evaluate(BROKEN) == []
        tab.close()
