"""`touchstone tell` sends what is queued, and says nothing secret."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from registry.enforcement.deliveries import Channel, Delivery
from registry.enforcement.notices import Notice
from registry.enforcement.officers import OfficeKind
from registry.enforcement.recordals import Recordal, Right
from registry.storage.accounts import TOTP_BYTES, Accounts
from registry.storage.rights_holders import RightsHolders
from registry.storage.telling import Telling
from scripts.tell import command
from tests.telling.conftest import receiver
from tests.telling.test_mail import Box, server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["receiver"]


def test_once(tmp_path: Path, receiver: Callable[..., Any]) -> None:
    """A webhook goes out; the mail waits, as no server is set; a bad address is given up in words."""
    url = f"sqlite:///{tmp_path / 'desk.db'}"
    notice = Notice("ab" * 16, "K7M2P9QX4T3W", 7, "en", 1_790_000_000, 31, {"region": "SECRETREGION"})
    with Telling.open(url, create=True) as telling, receiver() as got:
        secret = telling.rights_holders.new_secret(7, 1)
        addresses = {Channel.MAIL: ["a@b.example"], Channel.WEBHOOK: [f"http://127.0.0.1:{got.port}/", "http://10.0.0.1/"]}
        found = [
            Delivery(f"{n:032x}", notice.id, 7, channel, address, "", notice.canonical(), 1)
            for n, (channel, address) in enumerate((c, a) for c, those in addresses.items() for a in those)
        ]
        telling.draft(notice)
        telling.release(notice.id, found, 1)
        result = CliRunner().invoke(command, ["once", "--desk", url, "--to-this-machine", "--json"])
        assert result.exit_code == 0, result.output
        assert [body for _, _, body in got.posts] == [notice.canonical()]
        assert {one.state.value for one in telling.deliveries.of_notice(notice.id)} == {"sent", "queued", "dead"}
    assert '"sent": 1' in result.output
    assert "mails stay queued" in result.output
    assert "SECRETREGION" not in result.output
    assert secret.hex() not in result.output


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_people_are_reminded_once(tmp_path: Path) -> None:
    """By a mail with a link to the desk; nothing is queued as long as no mail can be sent."""
    url, box = f"sqlite:///{tmp_path / 'desk.db'}", Box()
    today = datetime.now(UTC).date()
    with Accounts.open(url, create=True) as accounts:
        office = accounts.add_office("Kestrel", OfficeKind.MANUFACTURER, "CN", 7)
        accounts.add_for_demo(office, "Chen", "chen@kestrel.example", passphrase="$argon2id$x", totp=bytes(TOTP_BYTES), now=1)
        recordal = Recordal("CN", "T2016-1", Right.TRADE_MARK, today - timedelta(days=3000), today + timedelta(days=20))
        RightsHolders(accounts.engine).add_recordal(7, recordal)
    assert CliRunner().invoke(command, ["once", "--desk", url]).exit_code == 0
    with closing(sqlite3.connect(tmp_path / "desk.db")) as database:
        assert database.execute("SELECT count(*) FROM reminders").fetchone() == (0,)
    with server(box, None) as port:
        words = [
            "once",
            "--desk",
            url,
            "--root",
            "https://verify.example/",
            "--smtp-host",
            "127.0.0.1",
            "--smtp-port",
            str(port),
        ]
        words += ["--smtp-security", "none", "--smtp-from", "desk@verify.example", "--json"]
        for count in (1, 0):
            done = CliRunner().invoke(command, words)
            assert (done.exit_code, json.loads(done.stdout)["sent"]) == (0, count), done.output
    [(mail, _)] = box.got
    assert mail["To"] == "chen@kestrel.example"
    assert "CN T2016-1" in mail["Subject"]
    assert "https://verify.example/desk/how-we-are-told" in mail.get_content()


def test_a_mail_server_needs_a_sender(tmp_path: Path) -> None:
    """Settings that are not whole are refused with a hint, as is a password that would go in the clear."""
    url = f"sqlite:///{tmp_path / 'desk.db'}"
    refused = CliRunner().invoke(command, ["once", "--desk", url, "--smtp-host", "mail.example"])
    assert (refused.exit_code, "TOUCHSTONE_SMTP_FROM" in refused.output) == (1, True)
    clear = ["once", "--desk", url, "--smtp-host", "mail.example", "--smtp-from", "a@b.example", "--smtp-security", "none"]
    assert CliRunner().invoke(command, clear).exit_code == 1
