"""`touchstone monitor` and overlapping claims, on a real chain, with profiles that are fetched, a mail server and a webhook."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from web3 import Web3

from tests.scripts.conftest import PROFILE, Desk
from tests.telling.conftest import receiver
from tests.telling.test_mail import Box, server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["receiver"]
pytestmark = [pytest.mark.xdist_group("scripts"), pytest.mark.filterwarnings("ignore::DeprecationWarning")]

OTHER = PROFILE | {"legalName": {"en": "Bark Ltd."}, "brand": {"en": "Bark"}, "domain": "bark.example", "trademarks": ["CN 2"]}
HARMLESS = OTHER | {"gtins": ["9521009"]}
THIEF = OTHER | {"gtins": ["95210041"]}


@pytest.fixture(autouse=True)
def _taken_back(desk: Desk) -> Iterator[None]:
    """Let the chain forget what the test did."""
    before = desk.chain.request("evm_snapshot")
    desk.chain.finalize()
    yield
    desk.chain.request("evm_revert", before)


@contextmanager
def shelf(files: dict[str, bytes]) -> Iterator[str]:
    """Serve files on this machine; gives the address below which they lie."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the library's name
            """Give a file."""
            content = files.get(self.path.removeprefix("/"))
            self.send_response(200 if content is not None else 404)
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


def accredit(desk: Desk, number: str, document: dict[str, Any], uri: str, *more: str) -> Any:
    """Accredit somebody, by a name of the file's own."""
    file = desk.file(f"profile-{number}.json", json.dumps(document))
    store = {"TOUCHSTONE_DATABASE_URL": f"sqlite:///{desk.path('registry.db')}", "TOUCHSTONE_TREES": desk.path("trees")}
    words = ("accredit", "manufacturer", number, desk.chain.accounts[8], file, "--uri", uri, *more, *desk.by("alliance"))
    done = desk.type(*words, "--json", **store)
    desk.chain.finalize()
    return done


def monitor(desk: Desk, state: Path, *more: str) -> tuple[int, list[dict[str, Any]], str]:
    """Look once for Larch; returns how it ended, what it told, and its other words."""
    words = ("monitor", "once", "--gtins", "9521004", "--domain", "larch.example", "--number", "7", "--state", str(state))
    done = desk.type(*words, "--to-this-machine", "--json", *more)
    return done.exit_code, json.loads(done.stdout or '{"alarms": []}')["alarms"], done.stderr


# ------------------------------------------------------------------------------------------------------- overlapping claims


def test_who_claims_what_is_anothers_is_not_accredited(desk: Desk) -> None:
    """It is refused before anything is sent, with whose it is; where both may, that is said and done."""
    sender = Web3.to_checksum_address(desk.chain.accounts[0])
    before = desk.chain.w3().eth.get_transaction_count(sender)
    for document in (THIEF, HARMLESS | {"domain": "shop.larch.example"}, HARMLESS | {"trademarks": ["cn 1"]}):
        refused = accredit(desk, "8", document, "https://bark.example/p.json")
        assert (refused.exit_code, "manufacturer 7 claims" in refused.stderr) == (1, True), refused.output
    assert desk.chain.w3().eth.get_transaction_count(sender) == before
    assert accredit(desk, "8", HARMLESS, "https://bark.example/p.json").exit_code == 0
    meant = accredit(desk, "9", THIEF, "https://bark.example/p.json", "--despite-overlap")
    assert (meant.exit_code, "warning: manufacturer 7 claims GTINs 9521004 (as 95210041)" in meant.stderr) == (0, True)


# ----------------------------------------------------------------------------------------------------------------- monitor


def test_a_brand_is_told_once_by_mail_and_by_webhook(desk: Desk, tmp_path: Path, receiver: Callable[..., Any]) -> None:
    """Of who claims its prefix, of one whose claims are not known, and of nothing else; both get the same alarm."""
    state, box = tmp_path / "monitor.json", Box()
    (tmp_path / "secret").write_text("whsec of the tests\n")
    files = {"thief.json": json.dumps(THIEF).encode(), "harmless.json": json.dumps(HARMLESS).encode()}
    with shelf(files) as base, server(box, None) as port, receiver() as got:
        told = ["--mail", "ip@larch.example", "--smtp-host", "127.0.0.1", "--smtp-port", str(port), "--smtp-security", "none"]
        told += ["--smtp-from", "monitor@larch.example", "--webhook", f"http://127.0.0.1:{got.port}/"]
        told += ["--webhook-secret-file", str(tmp_path / "secret")]
        assert monitor(desk, state, *told)[:2] == (0, [])
        assert accredit(desk, "11", HARMLESS, f"{base}/harmless.json").exit_code == 0
        assert accredit(desk, "12", THIEF, f"{base}/thief.json", "--despite-overlap").exit_code == 0
        assert accredit(desk, "13", HARMLESS | {"gtins": ["9521008"]}, f"{base}/thief.json", "--despite-overlap").exit_code == 0
        assert accredit(desk, "14", HARMLESS | {"gtins": ["9521007"]}, f"{base}/gone.json", "--despite-overlap").exit_code == 0
        code, alarms, _ = monitor(desk, state, *told)
        assert (code, [alarm["kind"] for alarm in alarms]) == (1, ["claimed", "unread", "unread"])
        assert "manufacturer 12 claims what is yours: GTINs 95210041 (as 9521004)" in alarms[0]["text"]
        assert "another profile than the accredited one" in alarms[1]["text"]
        assert "answered 404" in alarms[2]["text"]
        assert monitor(desk, state, *told)[:2] == (0, []), "each is told once"
    assert [json.loads(body)["id"] for _, _, body in got.posts] == [alarm["id"] for alarm in alarms]
    assert [alarm["id"] in mail["Message-ID"] for (mail, _), alarm in zip(box.got, alarms, strict=True)] == [True] * 3
    assert "manufacturer 12 claims" in box.got[0][0].get_content()


def test_changes_of_ones_own_entry_are_told_of(desk: Desk, tmp_path: Path) -> None:
    """A key that was added, a compromise, a suspension, other domains; with the transaction in which it happened."""
    state = tmp_path / "monitor.json"
    assert monitor(desk, state)[:2] == (0, []), "what was so till now is no news"
    key = desk.done("key", "new", str(tmp_path / "new.json"), "--passphrase-file", desk.path("passphrase"))["address"]
    (desk.folder / "new-line.json").write_bytes((tmp_path / "new.json").read_bytes())
    (desk.folder / "new-line.json").chmod(0o600)
    consent = desk.done("key", "consent", "7", *desk.by("new-line"))["consent"]
    desk.done("key", "add", "7", key, "--consent", consent, *desk.by("controller"))
    desk.done("accredit", "suspend", "7", "--reason", "a line of words", *desk.by("alliance"))
    desk.done("accredit", "domains", "look-alike.example", *desk.by("alliance"))
    desk.chain.finalize()
    code, alarms, _ = monitor(desk, state)
    assert code == 1
    assert [(alarm["kind"], alarm["facts"]["event"]) for alarm in alarms] == [
        ("changed", "KeyAdded"),
        ("changed", "ManufacturerSuspended"),
        ("domains", "VerifierDomainsSet"),
    ]
    assert key in alarms[0]["text"]
    assert "look-alike.example" in alarms[2]["text"]
    assert all(alarm["facts"]["transaction"].startswith("0x") for alarm in alarms)


def test_an_alarm_that_could_not_be_sent_is_sent_later(desk: Desk, tmp_path: Path, receiver: Callable[..., Any]) -> None:
    """Also by a monitor that was started anew: it is on disk before the place in the chain moves on."""
    state = tmp_path / "monitor.json"
    (tmp_path / "secret").write_text("whsec of the tests\n")
    hook = ("--webhook-secret-file", str(tmp_path / "secret"), "--webhook")
    assert monitor(desk, state)[0] == 0
    with shelf({"thief.json": json.dumps(THIEF).encode()}) as base:
        accredit(desk, "12", THIEF, f"{base}/thief.json", "--despite-overlap")
        assert monitor(desk, state, *hook, "http://127.0.0.1:9/")[:2] == (0, [])
    assert len(json.loads(state.read_text())["pending"]) == 1
    with receiver() as got:
        code, alarms, _ = monitor(desk, state, *hook, f"http://127.0.0.1:{got.port}/")
        assert (code, len(alarms), len(got.posts)) == (1, 1, 1)
        assert monitor(desk, state, *hook, f"http://127.0.0.1:{got.port}/")[0] == 0


def test_a_blind_monitor_says_so_once(desk: Desk, tmp_path: Path) -> None:
    """After a while without an answer; the exit code says each time that nothing could be asked."""
    state = tmp_path / "monitor.json"
    assert monitor(desk, state)[0] == 0
    blind = ("--rpc", "http://127.0.0.1:9", "--blind-after", "1")
    assert monitor(desk, state, *blind)[0] == 2
    kept = json.loads(state.read_text())
    state.write_text(json.dumps(kept | {"silentSince": kept["silentSince"] - 60}))
    code, _, said = monitor(desk, state, *blind)
    assert (code, "has seen nothing of the chain since" in said) == (2, True)
    assert "has seen nothing" not in monitor(desk, state, *blind)[2]
    assert monitor(desk, state)[0] == 0
    assert json.loads(state.read_text())["silentSince"] == 0


def test_what_it_cannot_work_with_is_refused(desk: Desk, tmp_path: Path) -> None:
    """Nothing to watch, no prefix, a mail without a server, a webhook without a secret, a damaged state."""
    state = tmp_path / "monitor.json"
    for words, expected in (
        (("monitor", "once"), "nothing to watch"),
        (("monitor", "once", "--gtins", "95a"), "GS1 company prefix"),
        (("monitor", "once", "--domain", "no domain"), "a domain such as"),
        (("monitor", "once", "--gtins", "9521004", "--mail", "a@b.example"), "without a mail server"),
        (("monitor", "once", "--gtins", "9521004", "--webhook", "https://b.example/"), "without a secret"),
    ):
        refused = desk.type(*words, "--state", str(state))
        assert (refused.exit_code, expected in refused.stderr) == (2, True), refused.output
    for damage in (b"", b"[]", b'{"version": "9"}', b'{"version": "1", "places": 3}'):
        state.write_bytes(damage)
        refused = desk.type("monitor", "once", "--gtins", "9521004", "--state", str(state))
        assert (refused.exit_code, "monitor.json is" in refused.stderr) == (2, True), refused.output
