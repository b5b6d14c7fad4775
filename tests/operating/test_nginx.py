"""The example's nginx: targets go on as they came, what readers say of themselves does not, and no serial is kept."""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Final

import pytest

from registry.chain.deployment import save_trust
from registry.checking.trust import Trust
from registry.storage.store import Store
from scripts.demo.processes import RunningSite, Site
from tests.chain.fake import DEPLOYMENT
from tests.docs.test_house import ROOT
from tests.operating.proxy import CONFIG, HOST, Nginx, Recorder, free_ports
from webapp import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("nginx")

SERIAL: Final = "QX7MKP2W9TZ4"
SIGNATURE: Final = "c2lnbmF0dXJlLW9mLWEtbGFiZWw"
LABEL: Final = f"/01/09521002000016/10/B2608/21/{SERIAL}?sig={SIGNATURE}"
TARGETS: Final = (
    "/01/09521002000016/21/AB%2FC%252f?sig=a+b%20c",
    "//01//09521002000016/21/x/../y/./z",
    "/01/09521002000016/21/%e8%af%95?&&=&sig=%C3%28",
    "/api/v1/verify?link=https%3A%2F%2Fverify.example.org%2F01%2F1%2F21%2FA",
    "/a;b=c/:@!$'()*,~",
)


@pytest.fixture(scope="module")
def nginx(require_backend: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """NGINX before nobody: a test opens what answers behind it."""
    proxy = Nginx(require_backend("nginx"), tmp_path_factory.mktemp("nginx"), *free_ports())
    proxy.write()
    proxy.start()
    yield proxy
    proxy.stop()


def test_nginx_takes_the_file(nginx: Nginx) -> None:
    """Without a word of warning."""
    done = subprocess.run(nginx.command("-t", "-q"), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_target_is_handed_on_byte_for_byte(nginx: Nginx) -> None:
    """Encoded slashes, doubled ones and dots: a link read from another target could name another unit."""
    with Recorder(nginx.site) as site:
        for target in TARGETS:
            assert nginx.ask(target).status == 200, target
    assert [target for _, target, _, _ in site.came] == list(TARGETS)


def test_nobody_says_who_he_is_but_the_proxy(nginx: Nginx) -> None:
    """Each header that a setting may name is set or removed, in whatever way it is written."""
    lies = {
        "X-Real-IP": "198.51.100.7", "X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "http", "X-Region": "CN",
        "X-Forwarded-User": "li", "x_forwarded_user": "li", "X_Real_IP": "198.51.100.7", "Forwarded": "for=198.51.100.7",
        "X-Forwarded-Host": "evil.example", "CF-IPCountry": "CN",
    }  # fmt: skip
    with Recorder(nginx.site) as site:
        nginx.ask("/", headers={**lies, "Accept-Language": "zh", "Cookie": "a=b"})
    ((_, _, headers, _),) = site.came
    assert {name: headers[name] for name in headers if name not in {"accept-language", "cookie", "connection"}} == {
        "host": HOST, "x-real-ip": "127.0.0.1", "x-forwarded-proto": "https",
    }  # fmt: skip
    assert (headers["accept-language"], headers["cookie"]) == ("zh", "a=b")


def test_readers_come_over_tls_and_http_2(nginx: Nginx) -> None:
    """Whoever asks in the clear is led to TLS; strict transport is said once; another name gets no answer."""
    assert nginx.ask("/", alpn="h2").protocol == "h2"
    led = nginx.ask_in_the_clear("/01/1/21/A%2FB?sig=x")
    assert (led.status, led.headers["location"]) == (308, f"https://{HOST}/01/1/21/A%2FB?sig=x")
    with Recorder(nginx.site):
        assert nginx.ask("/").headers["strict-transport-security"] == "max-age=31536000"
    with pytest.raises(OSError, match="unrecognized name"):
        nginx.ask("/", host="other.example")
    with pytest.raises(ConnectionError):
        nginx.ask_in_the_clear("/", host="other.example")


@pytest.mark.parametrize(
    ("method", "target", "most"),
    [
        ("POST", "/photo", limits.MAX_UPLOAD),
        ("POST", "/report/send", limits.MAX_UPLOAD),
        ("POST", "/inspect", limits.MAX_LIST_PHOTOS + limits.MAX_BODY),
        ("POST", "/desk/cases/C1/photos", limits.MAX_CASE_PHOTOS),
        ("POST", "/desk/guides/edit", limits.MAX_CASE_PHOTOS),
        ("PATCH", f"/api/v1/batches/0x{'5a' * 32}/tree", 4 * 2**20),
        ("POST", "/check", limits.MAX_BODY),
        ("POST", "/desk/sign-in", limits.MAX_BODY),
        ("POST", "/photo/more", limits.MAX_BODY),
    ],
)
def test_a_body_may_be_as_large_as_the_site_takes_it(nginx: Nginx, method: str, target: str, most: int) -> None:
    """To the byte: what the site would take passes, what it would refuse does not reach it."""
    with Recorder(nginx.site) as site:
        assert nginx.ask(target, method=method, body=bytes(most)).status == 200
        refused = nginx.ask(target, method=method, headers={"Content-Length": str(most + 1)})
    assert refused.status == 413
    assert refused.headers["strict-transport-security"]
    assert [size for _, _, _, size in site.came] == [most]
    assert not [file for file in (nginx.folder / "bodies").rglob("*") if file.is_file()]


def test_every_large_body_of_the_site_is_tried_above() -> None:
    """A new page that takes photos needs a line in nginx.conf, and one here."""
    assert limits._BODIES.keys() == {"check.photo", "report.send", "inspect.inspect", "cases.photos", "guides.write"}


def test_an_address_that_is_too_long_goes_no_further(nginx: Nginx) -> None:
    """The site takes 4,096 bytes, nginx 8,192."""
    with Recorder(nginx.site) as site:
        assert nginx.ask("/" + "a" * 5000).status == 200
        assert nginx.ask("/" + "a" * 9000).status == 414
        assert nginx.ask("/", headers={"X": "a" * 9000}).status == 400
    assert len(site.came) == 1


def test_a_static_file_is_asked_once(nginx: Nginx) -> None:
    """Pages are asked each time: a verdict is true at one moment."""
    with Recorder(nginx.site) as site:
        for _ in range(3):
            assert nginx.ask("/static/site.css?v=1", headers={"Accept-Encoding": "gzip"}).status == 200
            assert nginx.ask("/").status == 200
    assert [target for _, target, _, _ in site.came].count("/static/site.css?v=1") == 1
    assert [target for _, target, _, _ in site.came].count("/") == 3


def test_a_site_that_is_away_is_said_to_be(nginx: Nginx) -> None:
    """In both languages, with a status that nobody takes for a verdict."""
    answer = nginx.ask(LABEL)
    assert (answer.status, answer.headers["retry-after"], answer.headers["cache-control"]) == (503, "10", "no-store")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["strict-transport-security"]
    assert "Nothing could be checked just now" in answer.body.decode()
    assert "现在无法核验" in answer.body.decode()


def test_who_sends_slowly_waits_here_and_not_at_the_site(require_backend: Callable[[str], Path], tmp_path: Path) -> None:
    """A head that does not end, and a body that does not, end the connection; the site hears of neither, and answers others."""
    shorter = {"client_header_timeout 10s": "client_header_timeout 1s", "client_body_timeout 15s": "client_body_timeout 1s"}
    proxy = Nginx(require_backend("nginx"), tmp_path, *free_ports(), changes=shorter)
    proxy.write()
    proxy.start()
    try:
        with Recorder(proxy.site) as site:
            slow = []
            for sent in (
                b"GET / HTTP/1.1\r\nHost: ",
                f"POST /check HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 9\r\n\r\nx".encode(),
            ):
                wire = socket.create_connection(
                    ("127.0.0.1", proxy.plain if sent.startswith(b"GET") else proxy.port), timeout=10
                )
                slow.append(_over_tls(proxy, wire) if sent.startswith(b"POST") else wire)
                slow[-1].sendall(sent)
            assert proxy.ask("/check").status == 200
            began = time.monotonic()
            for wire in slow:
                with contextlib.suppress(ConnectionError):  # it was reset, which is as good
                    assert wire.recv(4096)[:12] in {b"", b"HTTP/1.1 408"}
                wire.close()
            assert time.monotonic() - began < 8
        assert [(method, target) for method, target, _, _ in site.came] == [("GET", "/check")]
    finally:
        proxy.stop()


def _over_tls(proxy: Nginx, wire: socket.socket) -> socket.socket:
    import ssl  # noqa: PLC0415 -- here alone

    return ssl.create_default_context(cafile=proxy.folder / "tls" / "authority.pem").wrap_socket(wire, server_hostname=HOST)


def test_no_log_holds_a_serial_a_signature_or_an_address(require_backend: Callable[[str], Path], tmp_path: Path) -> None:
    """Not for a label that was answered, refused or asked of a site that is away, wherever in the request it stood."""
    proxy = Nginx(require_backend("nginx"), tmp_path, *free_ports())
    proxy.write()
    proxy.start()
    with Recorder(proxy.site):
        proxy.ask(LABEL, headers={"Referer": f"https://{HOST}{LABEL}", "User-Agent": SERIAL})
        proxy.ask(f"/check?link={SERIAL}")
        proxy.ask(f"/{SERIAL}")
        proxy.ask(f"/api/v1/{SERIAL.lower()}")
        proxy.ask(f"/api/v1/verify?link=https%3A%2F%2F{HOST}%2F01%2F1%2F21%2F{SERIAL}")
        proxy.ask_in_the_clear(LABEL)
        proxy.ask(LABEL, method="POST", headers={"Content-Length": "99999999"})
        proxy.ask(LABEL + "a" * 9000)
    proxy.ask(LABEL)
    proxy.stop()
    written = proxy.logs
    assert SERIAL.lower() not in written.lower()
    assert SIGNATURE not in written
    assert "127.0.0.1" not in written
    lines = (tmp_path / "logs" / "touchstone.log").read_text().splitlines()
    assert [line.split()[2] for line in lines[:5]] == ["label", "/check", "-", "-", "/api/v1/verify"]
    assert [line.split()[1:4] for line in lines if line.split()[3] == "503"] == [["GET", "label", "503"]]


def test_the_log_names_nothing_that_a_reader_chose() -> None:
    """No variable of the request's target or of its headers is in the format."""
    text = CONFIG.read_text(encoding="utf-8")
    (form,) = re.findall(r"log_format touchstone ([^;]+);", text)
    assert set(re.findall(r"\$(\w+)", form)) == {
        "time_iso8601", "request_method", "asked", "status", "body_bytes_sent", "request_time", "server_protocol",
    }  # fmt: skip
    assert text.count("access_log ") == 1


def test_the_real_site_through_it(require_backend: Callable[[str], Path], tmp_path: Path) -> None:
    """Pages, scripts, probes; cookies are for TLS alone, and the desk lets people sign in: the proxy's word is believed."""
    store, trees, trust = tmp_path / "registry.db", tmp_path / "trees", tmp_path / "trust.json"
    Store.open(f"sqlite:///{store}", trees, create=True).close()
    save_trust(trust, Trust(b"\x07" * 32, (DEPLOYMENT,)))
    proxy = Nginx(require_backend("nginx"), tmp_path, *free_ports())
    proxy.write()
    settings = {
        "TOUCHSTONE_DATABASE_URL": f"sqlite:///{store}", "TOUCHSTONE_TREES": str(trees), "TOUCHSTONE_TRUST": str(trust),
        "TOUCHSTONE_RPC": "http://127.0.0.1:9", "TOUCHSTONE_RESOLVER_ROOT": f"https://{HOST}",
        "TOUCHSTONE_TRUSTED_HOST": HOST, "TOUCHSTONE_SCANS_URL": f"sqlite:///{tmp_path / 'scans.db'}",
        "TOUCHSTONE_DESK_URL": f"sqlite:///{tmp_path / 'desk.db'}", "TOUCHSTONE_DEVICE_SECRET": secrets.token_urlsafe(32),
        "TOUCHSTONE_SCHEME_HEADER": "X-Forwarded-Proto", "TOUCHSTONE_ADDRESS_HEADER": "X-Real-IP", "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    site = RunningSite(Site("site", "127.0.0.1", proxy.site, settings, tmp_path / "site.log"))
    try:
        site.wait_until_up()
        proxy.start()
        assert "; Secure" in proxy.ask("/?lang=en").headers["set-cookie"]
        home = proxy.ask("/")
        assert (home.status, home.headers["referrer-policy"]) == (200, "no-referrer")
        style = re.search(r'href="(/static/site\.css\?v=\w+)"', home.body.decode())
        assert style
        assert "immutable" in proxy.ask(style[1], headers={"Accept-Encoding": "gzip"}).headers["cache-control"]
        label = proxy.ask(LABEL)
        assert label.status == 200
        assert SERIAL in label.body.decode()
        assert proxy.ask("/healthz").status == 200
        assert json.loads(proxy.ask("/readyz").body)["checks"]["database"] == "ok"
        door = proxy.ask("/desk/sign-in")
        assert "__Host-desk-device" in door.headers["set-cookie"]
        assert 'name="passphrase"' in door.body.decode()
        hurt = proxy.ask("/photo", method="POST", body=bytes(limits.MAX_UPLOAD), headers={"Content-Type": "text/plain"})
        assert hurt.status in {200, 400, 415, 422}
    finally:
        site.stop()
        proxy.stop()
    for written in (proxy.logs, (tmp_path / "site.log").read_text()):
        assert SERIAL not in written
        assert SIGNATURE not in written
