"""What people report is stored once, told apart by brand, bounded, and forgotten in time; on both engines."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from registry.errors import StoreDamaged, StoreUnavailable
from registry.storage.leads import (
    A_DAY,
    HOUR,
    LEAD_DAYS,
    PERSONAL_DAYS,
    Forgotten,
    Lead,
    Leads,
    Limit,
    Photo,
    State,
    group,
    read_reference,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.xdist_group("postgresql")

NOW = 480_000 * HOUR
PHOTO = b"\xff\xd8\xff a photo \x00 as it came"
KNOWN = Photo("JPEG", len(PHOTO), hashlib.sha256(PHOTO).digest())


@pytest.fixture(params=["sqlite_url", "postgresql_url"])
def url(request: pytest.FixtureRequest) -> str:
    """A database that holds nothing yet, on each engine."""
    found: str = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def leads(url: str) -> Iterator[Leads]:
    """Its leads, to write."""
    with Leads.open(url, create=True) as opened:
        yield opened


def lead(**more: Any) -> Lead:
    """Return a report."""
    return Lead(**{"time": NOW, "place": "shop", "wrong": ("seal",), **more})


def ticket(number: int) -> bytes:
    """Return the ticket of a form."""
    return number.to_bytes(16)


def take(leads: Leads, number: int, **more: Any) -> str:
    """Store a report; returns its reference."""
    photo = more.pop("bytes_of_photo", None)
    reference = leads.take(lead(**more), ticket(number), photo)
    assert reference is not None
    return reference


def test_a_report_comes_back_as_it_was_told(leads: Leads) -> None:
    """Every field of it, the photo byte for byte, under a reference that is told in groups."""
    told = lead(
        presented="https://verify.example.org/01/…", gtin="09521002000016", serial="S1", manufacturer=7,
        registration="registered", history="first_check", binding="none", region="CN-33", language="zh-Hans",
        seller="夜市 <b>", bought="2026-07-28", wrong=("seal", "harm"), note="=1+1\nzwei", contact="a@b.example",
        to_brand=True, photo=KNOWN,
    )  # fmt: skip
    reference = leads.take(told, ticket(1), PHOTO)
    assert reference is not None
    found = leads.lead(reference)
    assert found is not None
    assert {name: getattr(found, name) for name in Lead.__slots__ if name != "reference"} == {
        name: getattr(told, name) for name in Lead.__slots__ if name != "reference"
    }
    assert leads.photo(reference) == PHOTO
    assert read_reference(f" {group(reference).lower()} ".replace("0", "o")) == reference
    assert (leads.lead("0" * 12), leads.photo("0" * 12), read_reference("x"), read_reference("")) == (None, None, None, None)


def test_a_form_is_taken_once(leads: Leads) -> None:
    """A second click, at the same moment too, gets the reference of the first, and counts once."""
    limits = [Limit("all", 3)]
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: leads.take(lead(), ticket(1), None, limits), range(8)))
    assert len(found) == len(leads.list()) == 1
    assert found == {leads.taken(ticket(1))}
    assert leads.taken(ticket(2)) is None
    assert [leads.take(lead(), ticket(n), None, limits) is None for n in (2, 3, 4)] == [False, False, True]


def test_what_is_over_a_limit_leaves_nothing(leads: Leads) -> None:
    """Neither a lead nor a count in another bucket; the next hour begins anew, and old counts are gone."""
    limits = [Limit("n:1", 2), Limit("all", 99)]
    assert [leads.take(lead(), ticket(n), None, limits) is None for n in range(4)] == [False, False, True, True]
    assert len(leads.list()) == 2
    assert leads.take(lead(), ticket(5), None, [Limit("n:2", 2), Limit("all", 3)]) is not None
    assert leads.take(lead(time=NOW + HOUR), ticket(6), None, limits) is not None
    leads.take(lead(time=NOW + 9 * HOUR), ticket(7), None, [Limit("all", 9)])
    with leads._engine.connect() as connection:
        assert connection.execute(text("SELECT bucket, taken FROM report_counts")).all() == [("all", 1)]


def test_leads_are_listed_by_brand_day_and_state(leads: Leads) -> None:
    """The newest first."""
    first, second = take(leads, 1, manufacturer=7), take(leads, 2, manufacturer=8, time=NOW + 5)
    third = take(leads, 3, time=NOW + 9)
    assert [one.reference for one in leads.list()] == [third, second, first]
    assert [one.reference for one in leads.list(manufacturer=7)] == [first]
    assert [one.reference for one in leads.list(since=NOW + 5)] == [third, second]
    assert leads.set_state(second, State.CLOSED)
    assert not leads.set_state("0" * 12, State.SEEN)
    assert [one.reference for one in leads.list(state=State.CLOSED)] == [second]


def test_what_names_a_person_is_forgotten_and_in_the_end_the_rest(leads: Leads) -> None:
    """Contact and photo after the days that the page names; that there was a photo, and its hash, stay as long as the lead."""
    young, old, oldest = (
        take(leads, n, time=NOW - days * A_DAY, contact="1", photo=KNOWN, bytes_of_photo=PHOTO)
        for n, days in enumerate((PERSONAL_DAYS - 1, PERSONAL_DAYS + 1, LEAD_DAYS + 1))
    )
    assert leads.forget(NOW) == Forgotten(contacts=2, photos=2, leads=1)
    assert leads.photo(young) == PHOTO
    found = leads.lead(old)
    assert found is not None
    assert (found.contact, found.photo, leads.photo(old), leads.lead(oldest)) == ("", KNOWN, None, None)
    assert leads.forget(NOW) == Forgotten(0, 0, 0)


def test_what_was_edited_is_damage(leads: Leads) -> None:
    """A photo that is not the one that came, and a text that no form could bring."""
    reference = take(leads, 1, photo=KNOWN, bytes_of_photo=PHOTO)
    with leads._engine.begin() as connection:
        connection.execute(text("UPDATE lead_photos SET content = :other"), {"other": b"another"})
    with pytest.raises(StoreDamaged, match=reference):
        leads.photo(reference)


def test_a_database_without_leads_is_told_from_one_that_is_away(sqlite_url: str) -> None:
    """To read, the tables have to be there."""
    with pytest.raises(StoreUnavailable):
        Leads.open(sqlite_url)
    Leads.open(sqlite_url, create=True).close()
    with Leads.open(sqlite_url) as reading:
        assert reading.list() == ()
        with pytest.raises(StoreUnavailable):
            reading.take(lead(), ticket(1))
