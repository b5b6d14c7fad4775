"""A webhook arrives signed at the address that was looked at, and nowhere else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from registry.enforcement.deliveries import Channel, Delivery, Target, read_target
from registry.errors import DeliveryError, DocumentError
from registry.telling.addresses import reachable
from registry.telling.webhook import Webhook, shown, signature
from tests.telling.conftest import NAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.telling.conftest import Tls

SECRET = bytes(range(32))
NOW = 1_790_000_000
INSIDE = {
    "this network": "0.1.2.3", "loopback": "127.0.0.1", "the rest of loopback": "127.8.8.8", "private A": "10.1.2.3",
    "private B": "172.16.0.1", "the end of private B": "172.31.255.255", "private C": "192.168.1.1",
    "link-local, a cloud's metadata": "169.254.169.254", "carrier-grade NAT": "100.64.0.1", "multicast": "224.0.0.1",
    "reserved": "240.0.0.1", "broadcast": "255.255.255.255", "documentation": "203.0.113.9", "benchmarks": "198.18.0.1",
    "protocol assignments": "192.0.0.8", "6to4 relays": "192.88.99.1",
    "nothing, 6": "::", "loopback, 6": "::1", "mapped": "::ffff:10.0.0.1", "mapped, public": "::ffff:8.8.8.8",
    "compatible": "::7f00:1", "NAT64": "64:ff9b::a00:1", "local NAT64": "64:ff9b:1::a00:1", "6to4": "2002:7f00:1::",
    "Teredo": "2001:0:a00:1::", "unique local": "fd00::1", "link-local, 6": "fe80::1", "with a zone": "fe80::1%eth0",
    "multicast, 6": "ff02::1", "documentation, 6": "2001:db8::1", "new documentation": "3fff::1", "site-local": "fec0::1",
}  # fmt: skip
DELIVERY = Delivery("ab" * 16, "cd" * 16, 7, Channel.WEBHOOK, "", "", b'{"fields":{"region":"CN-SH"}}', NOW)


def to(url: str) -> Delivery:
    """Return a delivery to a URL."""
    return replace(DELIVERY, address=url)


def hook(**more: Any) -> Webhook:
    """Return a sender with one secret."""
    return Webhook(**{"secrets": lambda _maker, _now: [SECRET], "clock": lambda: NOW, **more})


def leads_to(monkeypatch: pytest.MonkeyPatch, port: int) -> list[tuple[str, int]]:
    """Let every connection lead to a port of this machine; returns where each was meant to lead."""
    meant: list[tuple[str, int]] = []
    really = socket.create_connection

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        meant.append(address)
        return really(("127.0.0.1", port), timeout)

    monkeypatch.setattr(socket, "create_connection", connect)
    return meant


def test_a_message_arrives_signed(receiver: Callable[..., Any], tls: Tls, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the address that the name gave, with the name in TLS and Host; who knows the secret can check it."""
    with receiver(tls.server) as got:
        meant = leads_to(monkeypatch, got.port)
        hook(tls=tls.client, resolve=lambda _host, _port: ["93.184.215.14"])(to(f"https://{NAME}/in?x=1"))
    assert meant == [("93.184.215.14", 443)]
    assert got.names == [NAME]
    [(path, headers, body)] = got.posts
    assert (path, headers["host"], body) == ("/in?x=1", NAME, DELIVERY.body)
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == (DELIVERY.id, str(NOW))
    told = f"{DELIVERY.id}.{NOW}.".encode() + body
    expected = base64.b64encode(hmac.new(SECRET, told, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


def test_the_published_example_has_the_published_signature() -> None:
    """A message and secret that Standard Webhooks prints, and what its libraries make of them."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signature([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert shown(secret) == "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_two_secrets_sign_both() -> None:
    """While a secret is changed, a receiver that has the old one or the new one knows the message."""
    both = signature([SECRET, bytes(32)], "m", NOW, b"x").split(" ")
    assert both == [signature([one], "m", NOW, b"x") for one in (SECRET, bytes(32))]


@pytest.mark.parametrize("address", INSIDE.values(), ids=list(INSIDE))
def test_nothing_leads_inside(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that leads to any such address, alone or beside a public one, is refused for good, and nothing is connected."""
    meant = leads_to(monkeypatch, 9)
    for found in ([address], ["93.184.215.14", address]):
        with pytest.raises(DeliveryError, match="not public") as refused:
            hook(resolve=lambda _host, _port, found=found: found)(to(f"https://{NAME}/"))
        assert refused.value.is_final
    assert meant == []


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "2130706433", "0x7f.1", "localhost", "017700000001", "127.1"])
def test_an_address_in_place_of_a_name_leads_nowhere_else(host: str) -> None:
    """However it is written: what the system makes of it is looked at, or it is no name at all."""
    with pytest.raises(DeliveryError):
        hook()(to(f"https://{host}/"))


def test_a_name_is_asked_once(receiver: Callable[..., Any], tls: Tls, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that gives a public address first and an inside one then gets no second question."""
    answers = [["93.184.215.14"], ["127.0.0.1"]]
    asked: list[str] = []

    def ask(host: str, port: int) -> list[str]:
        del port
        asked.append(host)
        return answers[len(asked) - 1]

    with receiver(tls.server) as got:
        meant = leads_to(monkeypatch, got.port)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: pytest.fail("a second question"))
        sends = hook(tls=tls.client, resolve=ask)
        monkeypatch.setattr(socket, "create_connection", _numeric(meant, got.port))
        sends(to(f"https://{NAME}/"))
    assert asked == [NAME]
    assert [address for address, _ in meant] == ["93.184.215.14"]


def _numeric(meant: list[tuple[str, int]], port: int) -> Callable[..., socket.socket]:
    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        meant.append(address)
        made = socket.socket()
        made.settimeout(timeout)
        made.connect(("127.0.0.1", port))
        return made

    return connect


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status: int, receiver: Callable[..., Any]) -> None:
    """Also not to the inside: it is tried again later, as the receiver may repair it."""
    with receiver() as inside, receiver() as got:
        got.status, got.headers = status, {"Location": f"http://127.0.0.1:{inside.port}/"}
        with pytest.raises(DeliveryError, match="redirect") as refused:
            hook(loopback=True)(to(f"http://127.0.0.1:{got.port}/"))
        assert (len(got.posts), inside.posts, refused.value.is_final) == (1, [], False)


def test_what_is_gone_is_given_up(receiver: Callable[..., Any]) -> None:
    """410 says that nothing is to be sent there any more; a fault of the receiver's is tried again."""
    with receiver() as got:
        for status, is_final in ((410, True), (500, False), (404, False)):
            got.status = status
            with pytest.raises(DeliveryError, match=str(status)) as refused:
                hook(loopback=True)(to(f"http://127.0.0.1:{got.port}/"))
            assert refused.value.is_final is is_final


def test_a_certificate_of_another_name_is_refused(
    receiver: Callable[..., Any], tls: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not the receiver, and gets nothing."""
    with receiver(tls.server) as got:
        leads_to(monkeypatch, got.port)
        with pytest.raises(DeliveryError, match="certificate"):
            hook(tls=tls.client, resolve=lambda _host, _port: ["93.184.215.14"])(to("https://other.example/"))
    assert got.posts == []


def test_a_slow_answer_ends_in_time() -> None:
    """A receiver that sends a byte now and then holds nobody for longer than a clock says."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ending = threading.Event()

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                while not ending.wait(0.02):
                    try:
                        connection.sendall(b"H")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        started = time.monotonic()
        with pytest.raises(DeliveryError, match=r"in 0\.2 seconds"):
            hook(loopback=True, seconds=0.2)(to(f"http://127.0.0.1:{server.getsockname()[1]}/"))
        ending.set()
        thread.join()
    assert time.monotonic() - started < 5


def test_little_of_a_large_answer_is_read(receiver: Callable[..., Any]) -> None:
    """Ten megabytes of answer are left where they are."""
    with receiver() as got:
        got.status, got.answer = 200, bytes(10 * 2**20)
        hook(loopback=True)(to(f"http://127.0.0.1:{got.port}/"))


@pytest.mark.parametrize("url", [
    "http://brand.example/", "ftp://brand.example/", "https://brand.example:22/", "https://u:p@brand.example/",
    "https://u@brand.example/", "https://brand.example/#x", "https:///x", "https://brand..example/", "https://-x/",
    "https://brand.example/\r\nX: y", "https://brand.example/ x", "https://标.example/", "https://brand.example:99999/", "x",
    "https://[::1", "https://brand.example/" + "x" * 500,
])  # fmt: skip
def test_what_is_no_target(url: str) -> None:
    """It is refused where it is typed, and for good where it is sent."""
    with pytest.raises(DocumentError):
        read_target(url)
    with pytest.raises(DeliveryError) as refused:
        hook()(to(url))
    assert refused.value.is_final


def test_targets() -> None:
    """The Host header names a port that is not the scheme's own; an address of version 6 stands in brackets."""
    assert read_target("https://Brand.example") == Target("https", "brand.example", 443, "/")
    assert read_target("https://b.example:8443/a?b=c", ports=frozenset({443, 8443})).authority == "b.example:8443"
    assert read_target("https://[2606:4700::1]/").authority == "[2606:4700::1]"
    assert reachable("b.example", 443, lambda _h, _p: ["2606:4700::1", "8.8.8.8"]) == ("2606:4700::1", "8.8.8.8")


def test_a_name_that_cannot_be_resolved_is_tried_again() -> None:
    """It says nothing about the receiver."""

    def ask(host: str, port: int) -> list[str]:
        raise socket.gaierror(host, port)

    with pytest.raises(DeliveryError, match="resolved") as refused:
        hook(resolve=ask)(to(f"https://{NAME}/"))
    assert not refused.value.is_final
    with pytest.raises(DeliveryError, match="no address"):
        hook(resolve=lambda _h, _p: [])(to(f"https://{NAME}/"))


def test_no_error_names_a_secret() -> None:
    """Neither the one that is shown nor its bytes."""
    with pytest.raises(DeliveryError) as refused:
        hook(resolve=lambda _h, _p: ["10.0.0.1"])(to(f"https://{NAME}/"))
    assert shown(SECRET) not in f"{refused.value}{hook()!r}"
    with pytest.raises(DeliveryError, match="no secret"):
        hook(secrets=lambda _m, _n: [])(to(f"https://{NAME}/"))
