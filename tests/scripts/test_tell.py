"""`touchstone tell` sends what is queued, and says nothing secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from registry.enforcement.deliveries import Channel, Delivery
from registry.enforcement.notices import Notice
from registry.storage.telling import Telling
from scripts.tell import command
from tests.telling.conftest import receiver

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


def test_a_mail_server_needs_a_sender(tmp_path: Path) -> None:
    """Settings that are not whole are refused with a hint, as is a password that would go in the clear."""
    url = f"sqlite:///{tmp_path / 'desk.db'}"
    refused = CliRunner().invoke(command, ["once", "--desk", url, "--smtp-host", "mail.example"])
    assert (refused.exit_code, "TOUCHSTONE_SMTP_FROM" in refused.output) == (1, True)
    clear = ["once", "--desk", url, "--smtp-host", "mail.example", "--smtp-from", "a@b.example", "--smtp-security", "none"]
    assert CliRunner().invoke(command, clear).exit_code == 1
