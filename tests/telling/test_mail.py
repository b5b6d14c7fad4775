"""A mail arrives over TLS at a real server, and nothing in it can become a header."""

from __future__ import annotations

import email
import email.policy
import socket
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from hypothesis import example, given, settings
from hypothesis import strategies as st

from registry.enforcement.deliveries import Channel, Delivery, read_mail
from registry.errors import DeliveryError, DocumentError
from registry.telling.mail import Mail, Security

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiosmtpd.smtp import Envelope, Session

    from tests.telling.conftest import Tls

DELIVERY = Delivery(
    "ab" * 16,
    "cd" * 16,
    7,
    Channel.MAIL,
    "legal@brand.example",
    "案件通知 K7M2",
    "请登录查看。\nhttps://x\n".encode(),
    1_790_000_000,
)


@dataclass
class Box:
    """What a mail server got, and how it answers."""

    answer: str = "250 OK"
    to_address: str = "250 OK"
    got: list[tuple[Any, bool]] = field(default_factory=list)
    """Each mail, and whether it came over TLS and signed in."""

    async def handle_RCPT(  # noqa: N802  # the library's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del server, session, options
        envelope.rcpt_tos.append(address)
        return self.to_address

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  # the same
        del server
        mail = email.message_from_bytes(envelope.content or b"", policy=email.policy.default)  # type: ignore[arg-type]  # bytes here
        self.got.append((mail, session.ssl is not None and bool(session.authenticated)))
        return self.answer


@contextmanager
def server(box: Box, tls: Tls | None) -> Iterator[int]:
    """Run a mail server; with TLS it takes mails only after STARTTLS and signing in."""

    def allow(_server: object, _session: object, _envelope: object, _how: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"touchstone", b"a passphrase"), handled=False)

    secured: dict[str, Any] = (
        {"tls_context": tls.server, "require_starttls": True, "auth_required": True, "authenticator": allow} if tls else {}
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port, **secured)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_mail_arrives_over_tls(tls: Tls) -> None:
    """Signed in, in Chinese, with the same name at every attempt."""
    box = Box()
    with server(box, tls) as port:
        sends = Mail("127.0.0.1", "desk@touchstone.example", port, user="touchstone", password="a passphrase", tls=tls.client)
        sends(DELIVERY)
        sends(DELIVERY)
        with pytest.raises(DeliveryError, match="535") as refused:
            replace(sends, password="wrong one")(DELIVERY)
    assert "wrong one" not in f"{refused.value}{sends!r}"
    [(first, is_safe), (second, _)] = box.got
    assert is_safe
    assert (first["To"], first["Subject"], first["From"]) == (DELIVERY.address, DELIVERY.subject, "desk@touchstone.example")
    assert first.get_content().replace("\r\n", "\n") == DELIVERY.body.decode()
    assert first["Message-ID"] == second["Message-ID"] == f"<{DELIVERY.id}@touchstone.example>"


def test_refusals(tls: Tls) -> None:
    """An address that will never be taken is given up; a full server, and one that is away or speaks no TLS, tried again."""
    box = Box()
    with server(box, None) as port:
        sends = Mail("127.0.0.1", "desk@touchstone.example", port, Security.NONE)
        for answers, is_final in (
            ({"to_address": "550 no"}, True),
            ({"to_address": "450 later"}, False),
            ({"answer": "452 full"}, False),
        ):
            box.to_address = box.answer = "250 OK"
            for name, value in answers.items():
                setattr(box, name, value)
            with pytest.raises(DeliveryError) as refused:
                sends(DELIVERY)
            assert refused.value.is_final is is_final
        with pytest.raises(DeliveryError) as refused:
            replace(sends, security=Security.STARTTLS, tls=tls.client)(DELIVERY)
        assert not refused.value.is_final
    assert len(box.got) == 1
    with pytest.raises(DeliveryError, match="could not be asked"):
        sends(DELIVERY)


def test_nothing_goes_in_the_clear() -> None:
    """Without TLS, to this machine alone."""
    with pytest.raises(DocumentError, match="in the clear"):
        Mail("mail.example", "desk@touchstone.example", security=Security.NONE)


@settings(max_examples=40)
@given(st.text(max_size=60), st.text(max_size=60))
@example("\n", "")
def test_nothing_becomes_a_header(subject: str, address: str) -> None:
    """Whatever subject and address say, the mail has the headers that it always has, or there is no mail."""
    known = {
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "Content-Type",
        "MIME-Version",
        "Content-Transfer-Encoding",
    }
    sends = Mail("127.0.0.1", "desk@touchstone.example", security=Security.NONE)
    for changed in (
        replace(DELIVERY, subject=subject),
        replace(DELIVERY, address=address),
        replace(DELIVERY, address=f"a@b.example{address}"),
    ):
        try:
            made = sends.message(changed).as_bytes()
        except DeliveryError:
            continue
        found = email.message_from_bytes(made)
        assert set(found.keys()) == known
        assert found["To"] == "legal@brand.example" or found["To"] == changed.address.strip()


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "x",
        "a@b",
        "a@b..example",
        "a b@c.example",
        "a@b.example\nBcc: x@y.example",
        "a@-b.example",
        "<a@b.example>",
        "é@b.example",
        "a" * 250 + "@b.example",
        "a@b.example,c@d.example",
    ],
)
def test_what_is_no_address(typed: str) -> None:
    """It is refused where it is typed."""
    with pytest.raises(DocumentError):
        read_mail(typed)
    assert read_mail(" legal+customs@brand.example ") == "legal+customs@brand.example"
