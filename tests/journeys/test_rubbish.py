"""Whatever is sent to the running site, byte for byte, it gives a defined answer, and nothing in a request is believed."""

from __future__ import annotations

import random
import re
import socket
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

import pytest

from tests.journeys.running_demo import get

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.journeys.conftest import Demo

pytestmark = pytest.mark.xdist_group("demo")

GOOD: Final = "registered: an electric scooter"
EVIL: Final = "evil.example"
FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class Raw:
    """What came back on a connection; status 0 if the server closed it without a word."""

    status: int
    head: str
    body: bytes


def send(demo: Demo, request: bytes, *, patience: float = 20.0) -> Raw:
    """Send bytes, and read until the server is done, or has nothing to say for so many seconds."""
    with socket.create_connection(("127.0.0.1", demo.running.port), timeout=patience) as connection:
        received = b""
        try:
            connection.sendall(request)
            while part := connection.recv(65536):
                received += part
        except (ConnectionResetError, BrokenPipeError, TimeoutError):
            pass  # it may answer and close before all of a huge body was sent
    head, _, body = received.partition(b"\r\n\r\n")
    status = re.match(rb"HTTP/1\.[01] (\d{3})", head)
    return Raw(int(status[1]) if status else 0, head.decode("latin-1").lower(), body)


def ask(
    demo: Demo,
    target: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    host: str | None = None,
) -> Raw:
    """Send a request whose target is used as it is."""
    named = {"Host": host or f"127.0.0.1:{demo.running.port}", "Connection": "close", **(headers or {})}
    if body or method in {"POST", "PUT", "PATCH"}:
        named.setdefault("Content-Length", str(len(body)))
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return send(demo, f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body)


def defined(answer: Raw, *statuses: int) -> None:
    """See that an answer is one that we meant to give."""
    assert answer.status in statuses, answer.head
    assert b"Traceback" not in answer.body
    assert b"Internal Server Error" not in answer.body
    if "content-type: text/html" in answer.head:
        assert "content-security-policy: default-src 'none'" in answer.head
        assert "cache-control: no-store" in answer.head


def target_of(demo: Demo) -> str:
    """Return path and query of a good label's link."""
    parts = urlsplit(demo.running.link(GOOD))
    return f"{parts.path}?{parts.query}"


ODD_TARGETS = {
    "/%00": {404},
    "/%": {404},
    "/%zz": {404},
    "/%ff%fe": {404},
    "//": {404, 200},
    "/.": {404},
    "/..": {404},
    "/\xff": {400, 404},
    "/01/": {404},
    "/01/%00": {400},
    "/01/x": {400},
    "/01/09521001000017": {200},
    "/01/09506000134352": {404},
    "/01/09521001000017/21/": {400},
    "/01/09521001000017/21/a%2Fb": {200},
    "/01/09521001000017/21/%00": {400},
    "/01/09521001000017/21/%E2%82%AC": {400},
    "/01/09521001000017%2F21%2FA": {400},
    "/01/09521001000018/21/A": {400},
    "/01//21/A": {404},
    "/01/09521001000017/21/A/": {400},
    "/01/09521001000017/21/A/21/B": {400},
    "/01/09521001000017/21/A?21=B": {400},
    "/01/09521001000017/21/%": {200},
    "/01/../01/09521001000017/21/A": {200, 400, 404},
    "/01/09521001000017/21/../x": {400},
    "//evil.example/01/09521001000017/21/A": {200, 400, 404},
    "/static/../app.py": {404},
    "/static/%2e%2e/app.py": {404},
    "/static/..%2f..%2fpyproject.toml": {404},
    "/static//etc/passwd": {404},
    "/static/%00": {404},
    "/static/": {404},
    "/check": {400},
    "/check?link": {400},
    "/check?link=%00": {400},
    "/check?link=%ff%fe": {200, 400},
    "/check?link=A&link=B": {200, 400},
    "/check?gtin=%00&link=ABCDEFGHJKMN": {200, 400},
    "/check?lang=xx&link=A": {303},
    "/?lang=en%0d%0aSet-Cookie:%20a=b": {303},
    "/?lang=": {303},
    "/?&&&===": {200},
    "/api/v1/verify": {400},
    "/api/v1/verify?link=a&link=b": {400},
    "/api/v1/verify?link=": {400},
    "/api/v1/verify?link=%00": {400},
    "/api/v1/verify?number=%00": {200, 400},
    "/api/v1/verify?link=a&number=b": {400},
    "/api/v1": {404},
    "/api/v2/verify": {404},
    "/healthz/": {404},
    "/wp-login.php": {404},
    "/.env": {404},
    "/.git/config": {404},
    "/photo": {303},
}


@pytest.mark.parametrize("target", ODD_TARGETS, ids=ascii)
def test_an_odd_address(demo: Demo, target: str) -> None:
    """Every address has an answer that was meant: no look-up, no file, no other host, no header of the asker's making."""
    answer = ask(demo, target)
    defined(answer, *ODD_TARGETS[target])
    assert "\r\nset-cookie: a=b" not in answer.head
    location = re.search(r"\r\nlocation: (\S*)", answer.head)
    assert location is None or re.match(r"/(?!/)", location[1])


@pytest.mark.parametrize("size", [5_000, 60_000, 300_000])
def test_an_address_that_is_too_long(demo: Demo, size: int) -> None:
    """414, from the site or already from the server; the API has a bound of its own for values."""
    for target in (
        "/01/" + "9" * size,
        "/check?link=" + "A" * size,
        "/api/v1/verify?link=" + "A" * size,
        "/?" + "a=b&" * (size // 4),
    ):
        defined(ask(demo, target), 414, 431)
    defined(ask(demo, "/check?link=" + "A" * 3000), 400)
    defined(ask(demo, "/api/v1/verify?link=" + "A" * 3000), 400)


def test_a_signature_given_twice(demo: Demo) -> None:
    """A repeated or percent-encoded signature is no link of ours, whichever of the two is right."""
    good = target_of(demo)
    path, _, sig = good.partition("?")
    for target in (
        f"{good}&{sig}",
        f"{path}?{sig}&sig=",
        f"{path}?sig=&{sig}",
        f"{path}?{sig}&sig=AAAA",
        f"{path}?x=1&{sig}&SIG=1&{sig}",
        f"{path}?{sig[:10]}%41{sig[11:]}",
        f"{path}?s%69g={sig[4:]}",
    ):
        answer = ask(demo, target)
        defined(answer, 200, 400)
        asked = get(f"{demo.running.base}/api/v1/verify?link={quote(demo.running.base + target, safe='')}")
        assert asked.json["registration"] in {"unreadable", "altered", "number_known"}, target
    assert get(demo.running.base + good).status == 200


def test_no_changed_character_goes_unseen(demo: Demo) -> None:
    """Two hundred links with one character changed: always an answer, never `registered`."""
    good, dice = target_of(demo), random.Random(7)
    for _ in range(200):
        place = dice.randrange(1, len(good))
        other = dice.choice([char for char in string.printable[:94] if char not in {good[place], "#"}])
        link = f"{demo.running.base}{good[:place]}{other}{good[place + 1 :]}"
        answer = get(f"{demo.running.base}/api/v1/verify?link={quote(link, safe='')}")
        assert answer.status in {200, 400}, link
        assert answer.json["registration"] != "registered", link


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "FOO", "get", "POST", "HEAD"])
@pytest.mark.parametrize("target", ["/", "/healthz", "/inspect", "/api/v1/verify", "/01/09521001000017/21/A"])
def test_a_wrong_method(demo: Demo, method: str, target: str) -> None:
    """Refused by name of what is allowed; HEAD is GET without its body."""
    answer = ask(demo, target, method=method)
    defined(answer, 200, 204, 400, 405, 501)
    if answer.status == 405:
        assert "\r\nallow: " in answer.head
    if method == "HEAD":
        assert answer.status in {200, 400}
        assert answer.body == b""


def test_bodies_that_are_too_large(demo: Demo) -> None:
    """Refused by size, whether they declare it or not, and the site goes on."""
    for target, size in (("/check", 2**20), ("/inspect", 20 * 2**20), ("/photo", 20 * 2**20), ("/", 2**20)):
        whole = b"link=" + b"A" * size
        defined(ask(demo, target, method="POST", headers=FORM, body=whole), 0, 405, 413)
        lies = {**FORM, "Content-Length": str(10**12)}
        defined(ask(demo, target, method="POST", headers=lies, body=b"A"), 0, 405, 413)
    chunked = {**FORM, "Transfer-Encoding": "chunked"}
    head = "".join(f"{name}: {value}\r\n" for name, value in chunked.items())
    piece = b"10000\r\n" + b"A" * 65536 + b"\r\n"
    request = f"POST /check HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{head}\r\n".encode() + piece * 40 + b"0\r\n\r\n"
    defined(send(demo, request), 0, 413)
    assert get(f"{demo.running.base}/healthz").status == 200


PARTS = {
    "no boundary": ("multipart/form-data", b"anything"),
    "an empty boundary": ("multipart/form-data; boundary=", b"----\r\n"),
    "another boundary": ("multipart/form-data; boundary=a", b"--b\r\n\r\nx\r\n--b--\r\n"),
    "never closed": (
        "multipart/form-data; boundary=a",
        b'--a\r\nContent-Disposition: form-data; name="photo"; filename="x"\r\n\r\nxxx',
    ),
    "no header": ("multipart/form-data; boundary=a", b"--a\r\n\r\nxxx\r\n--a--\r\n"),
    "a header of zeros": ("multipart/form-data; boundary=a", b"--a\r\n\x00\x00: \x00\r\n\r\nxxx\r\n--a--\r\n"),
    "a huge header": ("multipart/form-data; boundary=a", b"--a\r\nX: " + b"y" * 100_000 + b"\r\n\r\nxxx\r\n--a--\r\n"),
    "a thousand parts": (
        "multipart/form-data; boundary=a",
        b'--a\r\nContent-Disposition: form-data; name="photo"\r\n\r\nx\r\n' * 1000 + b"--a--\r\n",
    ),
    "a file name that leads out": (
        "multipart/form-data; boundary=a",
        b'--a\r\nContent-Disposition: form-data; name="photo"; filename="../../../etc/passwd"\r\n\r\nxxx\r\n--a--\r\n',
    ),
    "a boundary of its own length": (f"multipart/form-data; boundary={'a' * 5000}", b"--" + b"a" * 5000 + b"\r\n"),
    "another kind": ("application/json", b'{"photo": "x"}'),
    "a kind that is none": ("\x7f/\x7f;;;=", b"xxx"),
    "an unknown charset": ("application/x-www-form-urlencoded; charset=no-such", b"photo=x"),
    "not UTF-8": ("application/x-www-form-urlencoded", b"photo=%ff%fe&\xff\xfe=\xff"),
    "a gigantic picture in few bytes": (
        "multipart/form-data; boundary=a",
        (
            b'--a\r\nContent-Disposition: form-data; name="photo"; filename="x.png"\r\n\r\n'
            b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\x02\x00\x00\x00\x00\x00\x00\x00\r\n--a--\r\n"
        ),
    ),
}


@pytest.mark.parametrize("name", PARTS)
def test_an_upload_that_is_none(demo: Demo, name: str) -> None:
    """A complaint that a person can read, or a refusal by size."""
    kind, body = PARTS[name]
    for target in ("/photo", "/check", "/inspect"):
        answer = ask(demo, target, method="POST", headers={"Content-Type": kind}, body=body)
        defined(answer, 303, 400, 413)
        if answer.status == 303:  # a form without a text leads to the page that says so
            assert target == "/check"


HARDLY_HTTP = [
    b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"GET /\r\n\r\n",
    b"\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00",
    b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello!",
    b"POST /check HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\nConnection: close\r\n\r\n",
    b"POST /check HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n\r\n",
    b"POST /check HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET http://evil.example/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    (
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    ),
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + b"A: b\r\n" * 500 + b"\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: " + b"y" * 900_000 + b"\r\n\r\n",
]


@pytest.mark.parametrize("number", range(len(HARDLY_HTTP)))
def test_what_is_hardly_http(demo: Demo, number: int) -> None:
    """The server closes, refuses or answers; nothing breaks."""
    answer = send(demo, HARDLY_HTTP[number], patience=1.0)
    assert answer.status < 500
    assert get(f"{demo.running.base}/healthz").status == 200


HEADERS = [
    {"X-Forwarded-Host": "{official}"},
    {"X-Forwarded-Host": "{official}", "X-Forwarded-Proto": "http"},
    {"Forwarded": "host={official};proto=http"},
    {"X-Original-Host": "{official}"},
    {"X-Host": "{official}"},
    {"X_Forwarded_Host": "{official}"},
    {"X-Original-URL": "/", "X-Rewrite-URL": "/"},
    {"X-HTTP-Method-Override": "PUT"},
    {"X-Script-Name": "/x", "Script-Name": "/x"},
    {"Origin": "http://{official}", "Referer": "http://{official}/"},
    {"Cookie": "language=\x7f; session=x; a=" + "b" * 4000},
    {"Accept-Language": "x-" + "y," * 3000},
    {"Accept-Language": "*;q=9, ;;=,"},
    {"Accept-Encoding": "gzip, br, \x01"},
    {"Range": "bytes=0-1,5-9,-1"},
    {"If-None-Match": "*", "If-Modified-Since": "never"},
]


@pytest.mark.parametrize("number", range(len(HEADERS)))
def test_no_header_makes_a_foreign_link_official(demo: Demo, number: int) -> None:
    """A link at a foreign address stays one, whatever a request says of where it came from."""
    official = f"127.0.0.1:{demo.running.port}"
    told = {name: value.replace("{official}", official) for name, value in HEADERS[number].items()}
    good = target_of(demo)
    for host, target in ((EVIL, good), (official, f"/check?link={quote(f'https://{EVIL}{good}', safe='')}")):
        answer = ask(demo, target, headers=told, host=host)
        defined(answer, 200, 400)
        assert b"This code is registered<" not in answer.body
        assert "该编码已登记<".encode() not in answer.body
    # A server may refuse a header that holds what no header may hold.
    defined(ask(demo, good, headers=told), *([200] if "".join(told.values()).isprintable() else [200, 400]))


@pytest.mark.parametrize(
    "host",
    [
        EVIL,
        f"{EVIL}:80",
        "{official}.evil.example",
        "{official}@evil.example",
        "evil.example@{official}",
        "{official},evil.example",
        "{official}/",
        "{official}#",
        "{official}%00",
        "",
        " ",
        "[::1]",
        "[",
        "{official}:80",
        "127.0.0.1",
        "localhost:{port}",
        "xn--80ak6aa92e.example",
        "127.1:{port}",
        "a" * 300,
        "\xff",
        "<script>",
        "'\"",
    ],
)
def test_a_spoofed_host_makes_nothing_official(demo: Demo, host: str) -> None:
    """A label opened at another address than an official one is never plainly `registered`; nothing is reflected raw."""
    port = demo.running.port
    told = host.replace("{official}", f"127.0.0.1:{port}").replace("{port}", str(port))
    head = f"Host: {told}\r\nConnection: close\r\nAccept-Language: en\r\n"
    answer = send(demo, f"GET {target_of(demo)} HTTP/1.1\r\n{head}\r\n".encode("latin-1"))
    defined(answer, 200, 400)
    assert b"This code is registered<" not in answer.body
    assert b"<script>" not in answer.body
    redirected = send(demo, f"GET /photo HTTP/1.1\r\n{head}\r\n".encode("latin-1"))
    defined(redirected, 303, 400)
    location = re.search(r"\r\nlocation: (\S*)", redirected.head)
    assert location is None or location[1].startswith("/")


def test_two_hosts(demo: Demo) -> None:
    """One official and one not: not plainly `registered`, in either order."""
    official = f"127.0.0.1:{demo.running.port}"
    for first, second in ((official, EVIL), (EVIL, official)):
        head = f"Host: {first}\r\nHost: {second}\r\nConnection: close\r\nAccept-Language: en\r\n"
        answer = send(demo, f"GET {target_of(demo)} HTTP/1.1\r\n{head}\r\n".encode())
        defined(answer, 200, 400)
        assert b"This code is registered<" not in answer.body


def test_the_log_holds_no_serial_no_signature_and_no_traceback(demo: Demo) -> None:
    """After all this the site's log names none of what was asked."""
    good = urlsplit(demo.running.link(GOOD))
    get(demo.running.link(GOOD))
    for name in ("site.log", "silent.log", "admit.log"):
        log = (demo.running.folder / name).read_text(errors="replace")
        assert good.path.rsplit("/", 1)[1] not in log
        assert good.query.removeprefix("sig=") not in log
        assert "Traceback" not in log
