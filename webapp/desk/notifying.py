"""What the pages of telling ask: the cases, the notices, and how both are kept in step."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.enforcement.answers import sha256
from registry.enforcement.cases import Kind
from registry.enforcement.deliveries import Channel, Delivery
from registry.errors import CaseError
from registry.storage.cases import Act
from registry.storage.deliveries import new_id
from webapp.desk.casework import Casework, officer
from webapp.presenter import desk_notices as words

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.enforcement.answers import Answer
    from registry.enforcement.cases import Case
    from registry.enforcement.notices import Notice
    from registry.storage.telling import Telling, Told

AWAY_AFTER = 120
"""Seconds after which a process that sends is taken to be away."""


@dataclass(frozen=True, slots=True)
class Notifying:
    """All that the pages need. Methods raise as the databases do, and `CaseError`."""

    work: Casework
    open: Callable[[], Telling]
    root: str = ""
    """Scheme and host with which links in mails begin; those of the request without it."""
    loopback: bool = False
    """Whether webhooks may lead to this machine: for a demonstration."""
    clock: Callable[[], float] = time.time

    @property
    def telling(self) -> Telling:
        """The notices."""
        return self.open()

    @property
    def now(self) -> int:
        """The time in Unix seconds."""
        return int(self.clock())

    def mine(self, name: str) -> Case | None:
        """Return a case to an inspector of its own office; to others there is none."""
        return self.work.mine(name)

    def told(self, name: str) -> Told | None:
        """Return a notice to somebody who answers for its manufacturer; to others there is none."""
        found = self.telling.get(name)
        if found is None or not found.released_at or not officer().speaks_for(found.notice.manufacturer):
            return None
        return found

    def send(self, case: Case, notice: Notice, link: str) -> None:
        """Tell: a draft first, then the case's event, then what goes out. Done again, it does what was left undone."""
        self.telling.draft(notice)
        if not self.is_noted(case, notice.id):
            self.work.act(case, [_noted(notice)], len(case.events))
        self.release(notice, link)

    def release(self, notice: Notice, link: str) -> bool:
        """Show a notice of which the case knows to its manufacturer, and queue what goes out; says whether that was now."""
        office = self.office(notice.case)
        subject, body = words.mail(notice, notice.id[:8].upper(), office, link)
        found = [
            Delivery(
                new_id(), notice.id, notice.manufacturer, contact.channel, contact.address,
                subject if contact.channel is Channel.MAIL else "",
                body.encode() if contact.channel is Channel.MAIL else notice.canonical(), self.now,
            )
            for contact in self.telling.rights_holders.contacts(notice.manufacturer)
        ]  # fmt: skip
        return self.telling.release(notice.id, found, self.now)

    def office(self, name: str) -> str:
        """Return the name of the office that a case belongs to."""
        case = self.work.cases.get(name)
        office = self.work.people.office(case.office) if case else None
        return office.name if office else ""

    def acknowledge(self, told: Told) -> None:
        """Note that the manufacturer has the notice."""
        notice = told.notice
        if told.acknowledged_at:
            return
        values = {"notice": notice.id, "manufacturer": notice.manufacturer}
        self.work.cases.append(notice.case, Kind.ACKNOWLEDGED, officer().id, "", values)
        self.telling.acknowledged(notice.id, officer().id, self.now)

    def answer(self, told: Told, answer: Answer) -> None:
        """Take an answer without faults: into the case first, which may not take one any more, then beside its notice."""
        notice = told.notice
        if answer.conclusion is None:
            raise CaseError("found an answer without a conclusion", reason="field")
        written = answer.canonical(
            notice=notice.id, case=notice.case, manufacturer=notice.manufacturer, time=self.now, who=officer().id
        )
        values = {
            "notice": notice.id, "manufacturer": notice.manufacturer, "conclusion": answer.conclusion.value,
            "sha256": sha256(written), "answer": answer.record(),
        }  # fmt: skip
        self.work.cases.append(notice.case, Kind.ANSWERED, officer().id, "", values)
        self.telling.answered(notice.id, written, self.now)

    def sends(self, channel: Channel) -> bool:
        """Say whether a process that sends by a channel was seen of late."""
        return self.now - self.telling.deliveries.seen().get(channel, 0) < AWAY_AFTER

    @staticmethod
    def is_noted(case: Case, notice: str) -> bool:
        """Say whether a case knows that a notice was made."""
        return any(event.values["notice"] == notice for event in case.of(Kind.NOTIFIED))


def _noted(notice: Notice) -> Act:
    values = {
        "notice": notice.id, "manufacturer": notice.manufacturer, "fields": list(notice.fields), "sha256": notice.sha256(),
    }  # fmt: skip
    return Act(Kind.NOTIFIED, values)
