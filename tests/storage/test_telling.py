"""What is on its way is taken once, given back by those who are killed, and never lost; on both engines."""

from __future__ import annotations

import multiprocessing
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from registry.enforcement.deliveries import ATTEMPTS, LEASE, Channel, Delivery, State
from registry.enforcement.notices import Notice
from registry.errors import DeliveryError, DocumentError, StoreDamaged
from registry.storage.rights_holders import MOST
from registry.storage.telling import Telling
from registry.telling.runner import Done, Runner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("postgresql")

NOW = 1_790_000_000
NOTICE = Notice("ab" * 16, "K7M2P9QX4T3W", 7, "en", NOW, 31, {"region": "CN-SH", "quantity": 5})
BOTH = (Channel.MAIL, Channel.WEBHOOK)


@pytest.fixture(params=["sqlite_url", "postgresql_url"])
def url(request: pytest.FixtureRequest) -> str:
    """A database that holds nothing yet, on each engine."""
    found: str = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def telling(url: str) -> Iterator[Telling]:
    """Its notices, to write."""
    with Telling.open(url, create=True) as opened:
        yield opened


def delivery(number: int, channel: Channel = Channel.MAIL) -> Delivery:
    """Return a delivery of the notice."""
    return Delivery(f"{number:032x}", NOTICE.id, 7, channel, "a@b.example", "s", b"body", NOW)


def queue(telling: Telling, count: int) -> None:
    """Release the notice with so many deliveries."""
    telling.draft(NOTICE)
    assert telling.release(NOTICE.id, [delivery(n) for n in range(count)], NOW)


def test_a_notice_is_released_once(telling: Telling) -> None:
    """Until then nobody is told; afterwards nothing is queued twice, and every byte comes back."""
    telling.draft(NOTICE)
    telling.draft(replace(NOTICE, values={"region": "DE"}))
    assert telling.of_manufacturer(7) == []
    assert telling.release(NOTICE.id, [delivery(1)], NOW)
    assert not telling.release(NOTICE.id, [delivery(2)], NOW)
    [told] = telling.of_manufacturer(7)
    assert (told.notice.fields, told.payload, told.released_at) == (NOTICE.fields, NOTICE.canonical(), NOW)
    assert [one.id for one in telling.deliveries.of_notice(NOTICE.id)] == [delivery(1).id]
    assert telling.of_manufacturer(8) == []
    assert telling.acknowledged(NOTICE.id, 51, NOW + 1)
    assert not telling.acknowledged(NOTICE.id, 51, NOW + 2)
    telling.answered(NOTICE.id, b"{}", NOW + 3)
    [told] = telling.of_case(NOTICE.case)
    assert (told.acknowledged_at, told.answered_at, told.answer) == (NOW + 1, NOW + 3, b"{}")


def test_a_changed_notice_is_damage(telling: Telling) -> None:
    """Its payload is the one of its row, or nobody is shown anything."""
    telling.draft(NOTICE)
    with telling.engine.begin() as connection:
        connection.execute(text("UPDATE notices SET manufacturer = 8"))
    with pytest.raises(StoreDamaged):
        telling.get(NOTICE.id)


def test_many_take_each_once(telling: Telling) -> None:
    """Of four who take at the same time, each delivery goes to one."""
    queue(telling, 40)

    def work(_: int) -> list[str]:
        mine: list[str] = []
        while taken := telling.deliveries.take(BOTH, NOW, 3):
            mine += [one.id for one in taken]
        return mine

    with ThreadPoolExecutor(4) as pool:
        found = [name for names in pool.map(work, range(4)) for name in names]
    assert sorted(found) == [delivery(n).id for n in range(40)]


def test_only_what_can_be_sent_is_taken(telling: Telling) -> None:
    """Without a mail server, mails wait without an attempt; who asked is known."""
    queue(telling, 1)
    assert telling.deliveries.take([Channel.WEBHOOK], NOW) == []
    assert telling.deliveries.seen() == {Channel.WEBHOOK: NOW}
    [taken] = telling.deliveries.take(BOTH, NOW + 9)
    assert (taken.attempts, telling.deliveries.seen()[Channel.MAIL]) == (1, NOW + 9)


def test_what_fails_is_tried_again_until_it_is_dead(telling: Telling) -> None:
    """Eight times, later and later; the reason stays; a person sends it again."""
    queue(telling, 1)
    now = NOW

    def refuses(_: Delivery) -> None:
        raise DeliveryError("the answer is 500, expected 2xx")

    found = []
    for _ in range(ATTEMPTS):
        found.append(Runner(telling.deliveries, {Channel.MAIL: refuses}, partial(int, now)).once())
        [one] = telling.deliveries.of_notice(NOTICE.id)
        now = max(one.due_at, now + 1)
    assert found == [Done(failed=1)] * (ATTEMPTS - 1) + [Done(dead=1)]
    [dead] = telling.deliveries.dead()
    assert (dead.last_error, dead.attempts) == ("the answer is 500, expected 2xx", ATTEMPTS)
    assert telling.deliveries.counts()[State.DEAD] == 1
    assert not telling.deliveries.send_again(dead.id, 8, now)
    assert telling.deliveries.send_again(dead.id, 7, now)
    assert Runner(telling.deliveries, {Channel.MAIL: lambda _: None}, lambda: now).once() == Done(sent=1)
    assert not telling.deliveries.send_again(dead.id, 7, now)


def test_what_ends_every_sender_is_given_up(telling: Telling) -> None:
    """A delivery that no process survives is dead after as many attempts as any other."""
    queue(telling, 1)
    for n in range(ATTEMPTS):
        assert len(telling.deliveries.take(BOTH, NOW + n * LEASE)) == 1
    assert telling.deliveries.take(BOTH, NOW + ATTEMPTS * LEASE) == []
    assert "ended" in telling.deliveries.dead()[0].last_error


def _send_and_die(url: str, file: str) -> None:
    """Send what is due by writing its id, and be killed before it is marked."""

    def sends(one: Delivery) -> None:
        with open(file, "a") as out:  # noqa: PTH123  # appended in one call
            out.write(f"{one.id}\n")
        os.kill(os.getpid(), signal.SIGKILL)

    with Telling.open(url, create=True) as telling:
        Runner(telling.deliveries, {Channel.MAIL: sends}, lambda: NOW).once()


def test_killed_between_sending_and_marking(telling: Telling, url: str, tmp_path: Path) -> None:
    """It is sent again under the same id when its lease ends, and not before: at least once, and known to be the same."""
    queue(telling, 1)
    file = tmp_path / "sent"
    process = multiprocessing.get_context("spawn").Process(target=_send_and_die, args=(url, str(file)))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    got: list[str] = file.read_text().split()

    def once(now: int) -> Done:
        return Runner(telling.deliveries, {Channel.MAIL: lambda one: got.append(one.id)}, lambda: now).once()

    assert once(NOW + LEASE - 1) == Done()
    assert once(NOW + LEASE) == Done(sent=1)
    assert got == [delivery(0).id] * 2
    assert once(NOW + 9 * LEASE) == Done()


def test_addresses_are_few_and_ones_own(telling: Telling) -> None:
    """The same twice is one; no more than some; removed by their own manufacturer alone."""
    holders = telling.rights_holders
    holders.add_contact(7, Channel.MAIL, "a@b.example")
    holders.add_contact(7, Channel.MAIL, "a@b.example")
    [one] = holders.contacts(7)
    assert holders.contacts(8) == []
    assert not holders.remove_contact(8, one.id)
    assert holders.remove_contact(7, one.id)
    for n in range(MOST):
        holders.add_contact(7, Channel.WEBHOOK, f"https://b.example/{n}")
    with pytest.raises(DocumentError, match="already"):
        holders.add_contact(7, Channel.WEBHOOK, "https://b.example/one-more")
    assert len(holders.contacts(7)) == MOST


def test_no_secret_is_printed(telling: Telling) -> None:
    """Neither by what holds the secrets nor by what is said of them."""
    made: Any = telling.rights_holders.new_secret(7, NOW)
    assert str(made) not in repr(telling.rights_holders.secrets(7, NOW))
    assert telling.rights_holders.secrets(8, NOW).valid == ()
