"""Around every page: headers, limits, languages, logs, health, settings, and the bridge to the server."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from registry.errors import ChainUnavailable, DocumentError
from tests.webapp.conftest import run
from tests.webapp.html import Page
from tests.webapp.samples import BY_NAME, HOST, LINK, SERIAL, Answers, readers
from webapp import wsgi
from webapp.access_log import Redacting, redact
from webapp.app import create_app
from webapp.asgi import WsgiOverAsgi, environ_of
from webapp.limits import LARGEST, MAX_BODY, MAX_TARGET, BoundedRequest
from webapp.settings import Settings

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient

    from tests.webapp.conftest import Wire

SIGNATURE = "A" * 85 + "Q"


@pytest.mark.parametrize(
    "address", ["/", "/check?link=registered", "/check?link=cannot_check", "/nowhere", "/healthz", "/static/site.css"]
)
def test_every_answer_is_hardened(client: FlaskClient, address: str) -> None:
    """Nothing from elsewhere, nothing inline, nobody's frame, no referrer."""
    with client.get(address) as answer:
        headers = answer.headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert set(policy.values()) == {"'none'", "'self'"}
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "camera=(self)" in headers["Permissions-Policy"]
    assert "Set-Cookie" not in headers
    assert "Strict-Transport-Security" not in headers


def test_tls_is_remembered_where_there_is_tls(client: FlaskClient) -> None:
    """And only there."""
    assert client.get("/", base_url="https://verify.example.org").headers["Strict-Transport-Security"] == "max-age=31536000"


def test_only_the_stylesheet_is_kept(client: FlaskClient) -> None:
    """A verdict is true at one moment; the stylesheet is addressed by its content."""
    assert client.get("/check?link=registered").headers["Cache-Control"] == "no-store"
    assert client.get("/check?link=registered").headers["Vary"] == "Accept-Language, Cookie"
    sheet = next(link["href"] for link in Page(client.get("/").text).all("link") if link["rel"] == "stylesheet")
    for address, kept in ((sheet, "public, max-age=31536000, immutable"), ("/static/site.css", "public, max-age=86400")):
        with client.get(address) as answer:
            assert answer.headers["Cache-Control"] == kept


@pytest.mark.parametrize(
    ("accept", "tag"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans"),
        ("zh", "zh-Hans"),
        ("zh-Hans-CN", "zh-Hans"),
        ("zh-TW", "zh-Hans"),
        ("de-DE,de;q=0.9,zh;q=0.5,en;q=0.4", "zh-Hans"),
        ("en-GB,zh;q=0.1", "en"),
        ("fr", "en"),
        ("", "en"),
        ("*", "en"),
        (";;;,=", "en"),
    ],
)
def test_the_browser_is_believed_about_its_language(client: FlaskClient, accept: str, tag: str) -> None:
    """The first language that we speak; English where we speak none of them."""
    assert Page(client.get("/", headers={"Accept-Language": accept}).text).all("html")[0]["lang"] == tag


def test_the_switch_is_remembered_at_the_same_address(client: FlaskClient) -> None:
    """A choice outranks the browser, and an unknown wish changes nothing."""
    switch = Page(client.get("/check?link=registered").text).all("a")[2]
    assert (switch["lang"], switch["href"]) == ("zh-Hans", "/check?link=registered&lang=zh-Hans")
    answer = client.get(switch["href"])
    assert (answer.status_code, answer.headers["Location"]) == (303, "/check?link=registered")
    cookie = answer.headers["Set-Cookie"]
    assert "lang=zh-Hans" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert Page(client.get("/", headers={"Accept-Language": "en"}).text).all("html")[0]["lang"] == "zh-Hans"
    assert "Set-Cookie" not in client.get("/?lang=xx").headers
    assert "Secure" in client.get("/?lang=en", base_url="https://verify.example.org").headers["Set-Cookie"]


def test_what_is_too_much_is_refused_before_it_is_read(client: FlaskClient, wire: Wire) -> None:
    """Addresses, bodies of forms, bodies of lists; in words, at the right status."""
    assert client.get("/check?link=" + "7" * MAX_TARGET).status_code == 414
    for address, most in (("/check", MAX_BODY), ("/inspect", LARGEST)):
        answer = client.post(address, data={"link": "x" * most})
        assert answer.status_code == 413
        assert "too much for us to read" in answer.text
    assert wire.send("/photo", method="POST", headers={"content-length": str(2**40)}).status == 413


def test_an_upload_stays_in_memory() -> None:
    """Werkzeug would write a large one to a temporary file."""
    stream = BoundedRequest({"wsgi.input": None, "REQUEST_METHOD": "POST"})._get_file_stream(10**9, "image/png")
    assert type(stream).__name__ == "BytesIO"


def test_the_log_names_no_serial_and_no_signature(wire: Wire, checks: Answers, caplog: pytest.LogCaptureFixture) -> None:
    """Only method, endpoint, status, time and headline."""
    caplog.set_level(logging.DEBUG)
    checks.table[LINK] = BY_NAME["registered"]
    wire.send(LINK.removeprefix(f"https://{HOST}"))
    del checks.table[LINK]
    wire.send(f"/check?link={SERIAL}")
    wire.send(f"/nowhere/{SERIAL}")
    assert "GET check.link 200" in caplog.text
    assert caplog.text.rstrip().count("\n") >= 2
    assert SERIAL not in caplog.text
    assert SIGNATURE not in caplog.text


def test_a_fault_of_ours_is_a_page_and_its_log_is_redacted(caplog: pytest.LogCaptureFixture) -> None:
    """It says nothing about the product, and the traceback no serial."""

    class Broken(Answers):
        def typed(self, text: str, gtin: str | None) -> Any:
            raise ValueError(f"cannot cope with {LINK} {gtin} {text}")

    answer = create_app(readers(checks=Broken())).test_client().get(f"/check?link={SERIAL}")
    assert answer.status_code == 500
    assert "This says nothing about the product" in answer.text
    written = Redacting("%(message)s").format(next(record for record in caplog.records if record.exc_info))
    assert "ValueError" in written
    assert SIGNATURE not in written
    assert f"/21/{SERIAL}" not in written


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"GET {LINK} 200", f"GET https://{HOST}/01/09521002000016/10/B2608/21/…?sig=… 200"),
        ("link=https%3A%2F%2Fh%2F01%2F1%2F21%2FABC&x=1", "link=…&x=1"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_serials_and_signatures_are_taken_out_of_any_text(text: str, expected: str) -> None:
    """In links as they are, and as values of a query."""
    assert redact(text) == expected


def test_health_says_up_and_readiness_names_what_is_not() -> None:
    """By kind of fault; addresses of our own machines stay in the log."""

    def silent() -> None:
        raise ChainUnavailable("node7.internal cannot be reached")

    ready = create_app(readers(probes={"database": lambda: None})).test_client()
    assert ready.get("/healthz").get_json() == {"status": "ok"}
    assert ready.get("/readyz").get_json() == {"status": "ready", "checks": {"database": "ok"}}
    waiting = create_app(readers(probes={"database": lambda: None, "chain 1": silent})).test_client()
    answer = waiting.get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["checks"] == {"database": "ok", "chain 1": "ChainUnavailable"}
    assert waiting.get("/healthz").status_code == 200


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Settings that are complete."""
    (tmp_path / "trees").mkdir()
    (tmp_path / "trust.json").write_text("{}")
    return {
        "TOUCHSTONE_DATABASE_URL": f"sqlite:///{tmp_path}/registry.db",
        "TOUCHSTONE_TREES": str(tmp_path / "trees"),
        "TOUCHSTONE_TRUST": str(tmp_path / "trust.json"),
        "TOUCHSTONE_RPC": "http://127.0.0.1:8545, https://node.example/key",
    }


def test_settings_are_read_once_and_frozen(environment: dict[str, str]) -> None:
    """From the environment alone."""
    settings = Settings.read({**environment, "TOUCHSTONE_TRUSTED_HOST": "Verify.Example.org:8443"})
    assert settings.rpc == ("http://127.0.0.1:8545", "https://node.example/key")
    assert settings.trusted_host == "verify.example.org:8443"
    assert settings.reader_rpc == ""
    assert (
        Settings.read({**environment, "TOUCHSTONE_READER_RPC": "https://public.example"}).reader_rpc == "https://public.example"
    )
    with pytest.raises(AttributeError):
        settings.rpc = ()  # type: ignore[misc]  # frozen, which is the point


def test_the_resolver_may_be_named(environment: dict[str, str]) -> None:
    """Where links begin behind a proxy, and who answers for them; neither has to be."""
    assert Settings.read(environment).resolver_root == Settings.read(environment).resolver_contact == ""
    named = {"TOUCHSTONE_RESOLVER_ROOT": "https://verify.example.org/", "TOUCHSTONE_RESOLVER_CONTACT": "Alliance"}
    settings = Settings.read({**environment, **named})
    assert (settings.resolver_root, settings.resolver_contact) == ("https://verify.example.org", "Alliance")
    with pytest.raises(DocumentError, match="TOUCHSTONE_RESOLVER_ROOT is 'verify"):
        Settings.read({**environment, "TOUCHSTONE_RESOLVER_ROOT": "verify.example.org"})


def test_scans_are_counted_beside_their_database(environment: dict[str, str]) -> None:
    """A server's database has no beside, so that a folder must be named; without a database nothing is recorded."""
    assert Settings.read(environment).scans_url is None
    assert Settings.read(environment).archive is None
    assert Settings.read({**environment, "TOUCHSTONE_ARCHIVE": "https://objects.example.org/trees"}).archive
    beside = Settings.read({**environment, "TOUCHSTONE_SCANS_URL": "sqlite:////var/scans.db"})
    assert (beside.scans_url, str(beside.scan_counters)) == ("sqlite:////var/scans.db", "/var/scans.db.slots")
    server = {**environment, "TOUCHSTONE_SCANS_URL": "postgresql://h/d"}
    with pytest.raises(DocumentError, match="TOUCHSTONE_SCAN_COUNTERS is missing"):
        Settings.read(server)
    assert str(Settings.read({**server, "TOUCHSTONE_SCAN_COUNTERS": "/run/slots"}).scan_counters) == "/run/slots"


def test_every_wrong_setting_is_named_at_once(environment: dict[str, str]) -> None:
    """And no endpoint is quoted: it may hold a key."""
    with pytest.raises(DocumentError) as missing:
        Settings.read({})
    for name in environment:
        assert name in missing.value.message
    wrong = {
        **environment,
        "TOUCHSTONE_TREES": "/nowhere",
        "TOUCHSTONE_TRUST": "/nowhere",
        "TOUCHSTONE_RPC": "ftp://secret-key@node",
        "TOUCHSTONE_TRUSTED_HOST": "https://x/",
        "TOUCHSTONE_READER_RPC": "node",
    }
    with pytest.raises(DocumentError) as error:
        Settings.read(wrong)
    for name in ("TREES", "TRUST", "RPC", "TRUSTED_HOST", "READER_RPC"):
        assert f"TOUCHSTONE_{name}" in error.value.message
    assert "secret-key" not in error.value.message


def test_the_site_does_not_start_with_wrong_settings(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    """It says why, and ends."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("TOUCHSTONE_RPC")
    with pytest.raises(SystemExit, match="TOUCHSTONE_RPC is missing"):
        wsgi.wsgi()
    monkeypatch.setenv("TOUCHSTONE_RPC", "http://127.0.0.1:9")
    with pytest.raises(SystemExit, match="touchstone: "):
        wsgi.asgi()


def scope(**more: Any) -> dict[str, Any]:
    """Return an HTTP scope as a server makes it."""
    return {
        "type": "http", "method": "POST", "scheme": "http", "http_version": "1.1", "server": ("127.0.0.1", 80), "path": "/竹",
        "raw_path": b"/%E7%AB%B9", "query_string": b"a=%41", "client": None, "headers": [(b"host", b"h.example")], **more,
    }  # fmt: skip


def test_the_bridge_hands_the_address_on_as_it_was_sent() -> None:
    """Beside the decoded one, in the bytes-as-Latin-1 that WSGI wants."""
    environ = environ_of(scope(), b"body")
    assert environ["REQUEST_URI"] == "/%E7%AB%B9?a=%41"
    assert environ["PATH_INFO"].encode("latin-1").decode() == "/竹"
    assert (environ["HTTP_HOST"], environ["CONTENT_LENGTH"], environ["wsgi.input"].read()) == ("h.example", "4", b"body")


def test_the_bridge_lets_no_header_pass_for_another() -> None:
    """A name with an underscore is dropped, a repeated one is joined."""
    headers = [(b"x_forwarded_for", b"1"), (b"accept", b"a"), (b"accept", b"b"), (b"content-type", b"t")]
    environ = environ_of(scope(headers=headers), b"")
    assert "HTTP_X_FORWARDED_FOR" not in environ
    assert (environ["HTTP_ACCEPT"], environ["CONTENT_TYPE"]) == ("a,b", "t")


def bridge(messages: list[dict[str, Any]], app: Any, **more: Any) -> list[MutableMapping[str, Any]]:
    """Run the bridge over these messages; returns what it sent."""
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    run(WsgiOverAsgi(app, max_body=10, threads=1)(scope(**more), receive, send))
    return sent


def test_a_long_body_is_read_only_so_far(app: Flask) -> None:
    """The rest stays unread, and the app refuses what it got."""
    messages = [{"type": "http.request", "body": b"x" * 8, "more_body": True} for _ in range(9)]
    sent = bridge(messages, app)
    assert len(messages) == 7
    assert sent[0]["status"] in {404, 413}


def test_a_body_that_never_arrives_is_refused(app: Flask) -> None:
    """Nothing is run for it; whoever is still there, having sent a broken body, gets a 400 and not the server's 500."""
    assert [message.get("status") for message in bridge([{"type": "http.disconnect"}], app)] == [400, None]


def test_an_app_that_raises_still_answers() -> None:
    """The connection is not left open."""

    def broken(*_: object) -> list[bytes]:
        raise RuntimeError

    assert bridge([{"type": "http.request"}], broken)[0]["status"] == 500


def test_the_bridge_lives_and_ends_with_its_server(app: Flask) -> None:
    """And closes what it does not speak."""
    sent = bridge([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}], app, type="lifespan")
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert bridge([], app, type="websocket")[0]["type"] == "websocket.close"
