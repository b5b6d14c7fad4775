"""What people of the desk are reminded of by mail: periods of their cases, and recordals that end.

A mail names the case, the day and the article, and nothing else of the case. It is in English and Chinese: of an officer no
language is known. Of several reminders that are due, the last one alone is sent, and none that is long over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from registry.enforcement import clocks
from registry.enforcement.clocks import State
from registry.enforcement.recordals import Standing
from registry.errors import CaseError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from registry.enforcement.cases import Case
    from registry.enforcement.clocks import Deadline
    from registry.enforcement.recordals import Recordal

LATE: Final = timedelta(days=7)
"""After which nobody is reminded any more: whoever begins to send mails does not begin with old ones."""
RENEWED: Final = frozenset({Standing.SIX_MONTHS, Standing.THREE_MONTHS, Standing.ONE_MONTH})
PASSED: Final = "passed"
GROUP: Final = 4
RENEW: Final = "Renew it with the authority, then enter the new period."
RENEW_ZH: Final = "请向海关办理续展，然后录入新的有效期。"


@dataclass(frozen=True, slots=True)
class Reminder:
    """What somebody is told once."""

    about: str
    """What it is about and how near that is: with an address, it names a mail that is never sent twice."""
    subject: str
    body: str


def of_case(case: Case, now: datetime, root: str) -> Iterator[Reminder]:
    """Yield what is due about a case's periods; `root` is the site's address, without a slash at its end."""
    try:
        found = clocks.of_case(case, now)
    except CaseError:  # its page says so
        return
    for deadline in found:
        stage = _stage(deadline, now)
        if stage is None or deadline.ends is None:
            continue
        day, name, place = deadline.ends.date().isoformat(), _grouped(case.id), deadline.ends.tzinfo
        if stage == PASSED:
            subject = f"Case {name}: a period ended on {day} / 案件 {name}：期限已于 {day} 届满"
            english = f"A period of case {name} ended on {day} ({place}), and nobody is on record as having acted."
            chinese = f"案件 {name} 的一项期限已于 {day}（{place}）届满，尚无办理记录。"
        else:
            subject = f"Case {name}: a period ends on {day} / 案件 {name}：期限将于 {day} 届满"
            english = f"A period of case {name} ends on {day} ({place})."
            chinese = f"案件 {name} 的一项期限将于 {day}（{place}）届满。"
        said = f"{deadline.clock.instrument}, {deadline.clock.article}"
        about = f"case {case.id} {deadline.clock.id} {day} {stage}"
        yield Reminder(about, subject, _body(english, chinese, said, f"{root}/desk/cases/{case.id}"))


def _stage(deadline: Deadline, now: datetime) -> str | None:
    """Return how near the end of a period is, as far as people are reminded of it now."""
    if deadline.ends is None:
        return None
    if deadline.state is State.PASSED:
        return PASSED if now - deadline.ends < LATE else None
    due = [when for when in deadline.reminders if when <= now]
    runs = deadline.state in {State.RUNNING, State.DUE_SOON}
    return due[-1].date().isoformat() if runs and due and now - due[-1] < LATE else None


def of_recordal(manufacturer: int, recordal: Recordal, today: date, root: str) -> Iterator[Reminder]:
    """Yield what is due about a recordal of a manufacturer."""
    standing = recordal.standing(today)
    if standing not in RENEWED and not (standing is Standing.EXPIRED and today - recordal.last < LATE):
        return
    day, number = recordal.last.isoformat(), f"{recordal.jurisdiction} {recordal.number}"
    if standing is Standing.EXPIRED:
        subject = f"Recordal {number} ended on {day} / 备案 {number} 已于 {day} 到期"
        english, chinese = f"Recordal {number} was valid until {day}.", f"海关备案 {number} 的有效期已于 {day} 届满。"
    else:
        subject = f"Recordal {number} ends on {day} / 备案 {number} 将于 {day} 到期"
        english, chinese = f"Recordal {number} is valid until {day}.", f"海关备案 {number} 的有效期至 {day}。"
    about = f"recordal {manufacturer} {number} {day} {standing}"
    yield Reminder(about, subject, _body(f"{english} {RENEW}", f"{chinese}{RENEW_ZH}", "", f"{root}/desk/how-we-are-told"))


def _body(english: str, chinese: str, source: str, link: str) -> str:
    said = [source] if source else []
    return "\n".join([
        english, *said, "Details stand at the desk. To read them, sign in:", link, "",
        chinese, *said, "详情见工作台。请登录查看：", link, "",
        "This message holds nothing else on purpose. It asks for no password. / 本邮件有意不含其他内容，也不会索要密码。", "",
    ])  # fmt: skip


def _grouped(name: str) -> str:
    return "-".join(name[start : start + GROUP] for start in range(0, len(name), GROUP))
