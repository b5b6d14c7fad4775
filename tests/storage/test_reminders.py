"""People of the desk are reminded of periods and recordals: once each, by whose business it is; on both engines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from registry.enforcement import clocks
from registry.enforcement.cases import Kind
from registry.enforcement.deliveries import ATTEMPTS, LEASE, Channel, Delivery, State
from registry.enforcement.officers import OfficeKind
from registry.enforcement.recordals import Recordal, Right
from registry.errors import DeliveryError
from registry.storage.accounts import TOTP_BYTES, Accounts
from registry.storage.cases import Cases
from registry.storage.reminders import Reminders
from registry.storage.rights_holders import RightsHolders
from registry.telling.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

pytestmark = pytest.mark.xdist_group("postgresql")

ROOT = "https://verify.example"
DETAINED = int(datetime(2026, 10, 12, 9, tzinfo=UTC).timestamp())
HASH = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA"


@dataclass
class Desk:
    """A desk whose people get mail."""

    engine: Engine
    cases: Cases
    accounts: Accounts
    now: list[float]
    mails: list[Delivery]
    fails: bool = False

    def person(self, name: str, kind: OfficeKind, manufacturer: int | None = None) -> int:
        """Let somebody in, of an office of his own; returns the office's number."""
        office = self.accounts.add_office(f"Office of {name}", kind, "CN-SH", manufacturer)
        self.accounts.add_for_demo(
            office, name, f"{name}@desk.example", passphrase=HASH, totp=bytes(TOTP_BYTES), now=int(self.now[0])
        )
        return office.id

    def case(self, office: int) -> str:
        """Open a case whose periods run; returns its name."""
        facts = {
            "jurisdiction": "cn_customs", "procedure": "ex_officio", "detained_at": DETAINED, "reference": "SECRETREFERENCE",
            "consignee": "SECRETPARTY",
        }  # fmt: skip
        return self.cases.open_case(office, 1, facts).id

    def deadlines(self, case: str) -> list[clocks.Deadline]:
        """Return the case's periods that run, the one that ends first before the others."""
        standing = self.cases.get(case)
        assert standing is not None
        found = clocks.of_case(standing, datetime.fromtimestamp(DETAINED + 3600, UTC))
        return sorted((one for one in found if one.ends), key=lambda one: one.ends or datetime.max)  # noqa: DTZ901 -- never

    def at(self, when: datetime) -> list[str]:
        """Look what is due at a time, and send it; returns the subjects of the mails, each with its address."""
        self.now[0] = when.timestamp()
        reminders = Reminders(self.engine)
        reminders.make(int(self.now[0]), ROOT)
        before = len(self.mails)
        Runner(reminders, {Channel.MAIL: self._send}, clock=lambda: self.now[0]).once()
        return [f"{one.address}: {one.subject}" for one in self.mails[before:]]

    def _send(self, delivery: Delivery) -> None:
        if self.fails:
            message = "the mail server answered 451"
            raise DeliveryError(message)
        self.mails.append(delivery)


@pytest.fixture(params=["sqlite_url", "postgresql_url"])
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A desk with nobody at it, on each engine."""
    url, now = request.getfixturevalue(request.param), [float(DETAINED)]
    with Cases.open(url, create=True, clock=lambda: now[0]) as cases:
        yield Desk(cases.engine, cases, Accounts(cases.engine), now, [])


def test_an_office_is_reminded_of_its_own_cases_once(desk: Desk) -> None:
    """On each day that the clock names and after its end: everybody of the office, nobody else, and no second time."""
    mine = desk.person("li", OfficeKind.CUSTOMS)
    desk.person("vogt", OfficeKind.CUSTOMS)
    desk.person("chen", OfficeKind.MANUFACTURER, 7)
    case = desk.case(mine)
    first = desk.deadlines(case)[0]
    assert first.ends is not None
    early, *_, last = first.reminders
    assert desk.at(early - timedelta(hours=1)) == []
    (told,) = desk.at(early + timedelta(minutes=1))
    assert told.startswith("li@desk.example: Case ")
    assert first.ends.date().isoformat() in told
    assert desk.at(early + timedelta(minutes=20)) == []
    assert len([one for one in desk.at(last + timedelta(minutes=1)) if first.ends.date().isoformat() in one]) == 1
    (over,) = [one for one in desk.at(first.ends + timedelta(hours=9)) if "ended on" in one]
    assert first.ends.date().isoformat() in over
    (mail, *_) = desk.mails
    text = mail.body.decode()
    assert f"{ROOT}/desk/cases/{case}" in text
    assert first.clock.article in text
    for said in ("SECRET", "CN-SH"):
        assert said not in text + mail.subject


def test_whoever_begins_late_is_not_told_of_what_is_long_over(desk: Desk) -> None:
    """Nor of each reminder that was missed: of the last one alone."""
    case = desk.case(desk.person("li", OfficeKind.CUSTOMS))
    assert len(desk.deadlines(case)) > 1
    end = max(one.ends for one in desk.deadlines(case) if one.ends)
    assert desk.at(end + timedelta(days=8)) == []
    other = desk.case(desk.person("wang", OfficeKind.CUSTOMS))
    first = desk.deadlines(other)[0]
    assert len(first.reminders) > 1
    told = [one for one in desk.at(first.reminders[-1] + timedelta(hours=1)) if "wang" in one and "ends on" in one]
    assert len(told) == len({one.split(" ends on ")[1] for one in told})


@pytest.mark.parametrize("kind", [Kind.CLOSED, Kind.WITHDRAWN])
def test_nobody_is_reminded_of_what_is_over(desk: Desk, kind: Kind) -> None:
    """Nor is somebody who was suspended."""
    case = desk.case(desk.person("li", OfficeKind.CUSTOMS))
    other = desk.person("vogt", OfficeKind.CUSTOMS)
    desk.case(other)
    early = desk.deadlines(case)[0].reminders[0]
    desk.cases.append(case, kind, 1, "over", {"outcome": "genuine"} if kind is Kind.CLOSED else {})
    account = desk.accounts.by_email("vogt@desk.example")
    assert account is not None
    desk.accounts.suspend(account.officer.id, DETAINED)
    assert desk.at(early + timedelta(minutes=1)) == []


def test_a_brand_is_reminded_of_its_recordals(desk: Desk) -> None:
    """Half a year, three months and one month before, and when it has ended; another brand is not told."""
    desk.person("chen", OfficeKind.MANUFACTURER, 7)
    desk.person("other", OfficeKind.MANUFACTURER, 8)
    recordal = Recordal("CN", "T2016-12345", Right.TRADE_MARK, date(2016, 12, 1), date(2026, 11, 30))
    RightsHolders(desk.engine).add_recordal(7, recordal)
    seen = []
    day = datetime(2026, 5, 1, 12, tzinfo=UTC)
    while day.date() < date(2026, 12, 15):
        seen += [(day.date().isoformat(), told) for told in desk.at(day)]
        day += timedelta(days=1)
    assert [when for when, _ in seen] == ["2026-05-30", "2026-08-30", "2026-10-30", "2026-12-01"]
    assert all(told.startswith("chen@desk.example: Recordal CN T2016-12345") for _, told in seen)
    assert "ended on 2026-11-30" in seen[-1][1]


def test_what_does_not_arrive_is_tried_again_and_given_up_in_the_end(desk: Desk) -> None:
    """Later and later, once at a time; who is killed in between loses nothing."""
    case = desk.case(desk.person("li", OfficeKind.CUSTOMS))
    when = desk.deadlines(case)[0].reminders[0] + timedelta(minutes=1)
    desk.fails = True
    assert desk.at(when) == []
    assert desk.at(when + timedelta(seconds=5)) == []
    desk.fails = False
    assert len(desk.at(when + timedelta(minutes=2))) == 1

    other = desk.case(desk.person("wang", OfficeKind.CUSTOMS))
    reminders, now = Reminders(desk.engine), int(when.timestamp())
    assert reminders.make(now, ROOT) == 1
    for attempt in range(ATTEMPTS):
        (taken,) = reminders.take([Channel.MAIL], now)
        assert (taken.address, taken.attempts, other in taken.body.decode()) == ("wang@desk.example", attempt + 1, True)
        assert reminders.take([Channel.MAIL], now) == []
        now += LEASE
    assert reminders.take([Channel.MAIL], now) == []
    assert reminders.make(now, ROOT) == 0
    assert reminders.failed(taken, "again", now) is State.DEAD
    assert reminders.take([Channel.WEBHOOK], now) == []
