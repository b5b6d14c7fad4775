"""What the fields of a report may bring, and what comes back of it; headers of photos; tickets and limits."""

from __future__ import annotations

import io
import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from werkzeug.datastructures import FileStorage, MultiDict

from tests.webapp.reporting import PNG
from tests.webapp.samples import NOW
from tests.webapp.test_visits import SECRET
from webapp.limits import MAX_PHOTO, MAX_TEXT
from webapp.photo_headers import Header, read_header
from webapp.report_form import (
    MAX_CONTACT,
    MAX_NOTE,
    MAX_SELLER,
    Fault,
    Filled,
    Place,
    Wrong,
    clean,
    faults_of,
    read,
    read_photo,
)
from webapp.report_limits import ALTOGETHER, FROM_NETWORK, FROM_PHONE, ReportLimits, network_of
from webapp.report_tickets import RECEIPT_SECONDS, ReportTickets
from webapp.visits import Visitors

TODAY = date(2026, 7, 30)
GOOD = {"place": "shop", "wrong": "seal"}
STEERS = "\x00\x07\x1b\x9b\u200b\u202e\u2066\u200f\ufeff\U000e0041"


def faults(**more: str) -> dict[str, Fault]:
    """Return what is wrong with a form that is in order but for these fields."""
    return dict(faults_of(read(MultiDict({**GOOD, **more})), TODAY))


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("link", "7" * (MAX_TEXT + 1), Fault.CODE_TOO_LONG),
        ("place", "moon", Fault.NO_PLACE),
        ("seller", "竹" * (MAX_SELLER + 1), Fault.SELLER_TOO_LONG),
        ("bought", "yesterday", Fault.NO_DATE),
        ("bought", "2026-02-30", Fault.NO_DATE),
        ("bought", "0001-01-01", Fault.NO_DATE),
        ("bought", "9" * 5000, Fault.NO_DATE),
        ("bought", "2026-08-01", Fault.DATE_AHEAD),
        ("note", "x" * (MAX_NOTE + 1), Fault.NOTE_TOO_LONG),
        ("contact", "x" * (MAX_CONTACT + 1), Fault.CONTACT_TOO_LONG),
        ("contact", "call me", Fault.NO_CONTACT),
        ("contact", "a@b", Fault.NO_CONTACT),
        ("contact", "1234", Fault.NO_CONTACT),
    ],
)
def test_each_field_has_its_limits(field: str, value: str, fault: Fault) -> None:
    """And the one fault is named at its field."""
    assert faults(**{field: value}) == {field: fault}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("link", "7" * MAX_TEXT), ("seller", "竹" * MAX_SELLER), ("note", "x" * MAX_NOTE), ("bought", ""),
        ("bought", "2026-07-31"), ("bought", "2026/7/1"), ("bought", "2026年7月1日"), ("contact", "139 1234 5678"),
        ("contact", "+86 (0)571-8888.7777"), ("contact", "１３９１２３４５６７８"), ("contact", "who@mail.example"),
    ],
)  # fmt: skip
def test_what_is_within_them_is_taken(field: str, value: str) -> None:
    """Also dates and numbers as people write them."""
    assert faults(**{field: value}) == {}


def test_one_of_choice_and_description_is_enough() -> None:
    """With neither there is nothing to look into; a choice of nobody's is none."""
    assert faults(wrong="") == {"wrong": Fault.NOTHING_WRONG}
    assert faults(wrong="everything") == {"wrong": Fault.NOTHING_WRONG}
    assert faults(wrong="", note="It smells") == {}
    assert faults(wrong="", note=STEERS) == {"wrong": Fault.NOTHING_WRONG}


def test_what_is_read_is_in_our_order_and_each_once() -> None:
    """However often a browser sends it."""
    form = MultiDict(
        [("wrong", "harm"), ("wrong", "code"), ("wrong", "code"), ("place", "online"), ("gtin", "x"), ("to_brand", "")]
    )
    assert read(form) == Filled(place=Place.ONLINE, wrong=(Wrong.CODE, Wrong.HARM), to_brand=True)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.booleans())
def test_whatever_is_typed_steers_nothing(typed: str, lines: bool) -> None:  # noqa: FBT001 -- given by hypothesis
    """No control character but a line's end, nothing that turns direction; cleaning again changes nothing."""
    found = clean(typed, lines=lines)
    assert not set(found) & set(STEERS)
    assert all(unicodedata.category(one) != "Cc" or (lines and one == "\n") for one in found)
    assert clean(found, lines=lines) == found
    assert set(found) <= set(unicodedata.normalize("NFC", typed)) | {" ", "\n"}


def test_what_people_write_stays() -> None:
    """Every script, and joined emoji; lines where lines are asked for."""
    written = "竹泉·珍藏 ไผ่ 👩‍🔬 e\u0301"
    assert clean(written) == unicodedata.normalize("NFC", written)
    assert clean(" a\r\nb\x0cc\u2028d\t", lines=True) == "a\nb\nc\nd"
    assert clean("a\nb") == "a b"


def picture(form: str, **more: object) -> bytes:
    """Return a picture of 40 by 30 pixels."""
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(file, form, **more)
    return file.getvalue()


PICTURES = {
    "JPEG": picture("JPEG"),
    "JPEG with more": picture("JPEG", progressive=True, exif=b"Exif\0\0" + b"x" * 3000, comment=b"\xff\xc0 none"),
    "PNG": picture("PNG"),
    "WEBP": picture("WEBP"),
    "WEBP lossless": picture("WEBP", lossless=True),
    "WEBP with more": picture("WEBP", exif=b"Exif\0\0x"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_header_says_form_and_size(name: str) -> None:
    """Of every form that phones send; what is cut off within it is no picture."""
    data = PICTURES[name]
    assert read_header(data) == Header(name.split(maxsplit=1)[0], 40, 30)
    assert read_header(data[:20]) is None


@given(st.binary(), st.sampled_from([b"", *(data[:40] for data in PICTURES.values())]))
def test_no_bytes_are_too_strange_to_read(data: bytes, before: bytes) -> None:
    """They are a picture's header or not; nothing is raised and nothing opened."""
    header = read_header(before + data)
    assert header is None or header.type in {"JPEG", "PNG", "WEBP"}


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"<svg/>", Fault.NO_PHOTO),
        (b"GIF89a" + b"\0" * 99, Fault.NO_PHOTO),
        (PNG[:16] + b"\xff" * 8, Fault.PHOTO_TOO_LARGE),
        (PNG[:16] + b"\0" * 8, Fault.PHOTO_TOO_LARGE),
        (PNG + b"\0" * MAX_PHOTO, Fault.PHOTO_TOO_LARGE),
    ],
)
def test_a_photo_is_refused_by_size_form_and_pixels(data: bytes, fault: Fault) -> None:
    """From its header alone."""
    assert read_photo(FileStorage(io.BytesIO(data), "a.png")) == (b"", None, fault)


def test_tickets_and_receipts_are_ours_or_nothing() -> None:
    """One does not pass for the other, nor with a letter changed, nor another site's; a receipt ends."""
    ours = ReportTickets(SECRET)
    ticket, receipt = ours.form(NOW), ours.receipt("7K3M9QX2PTRD", NOW)
    form = ours.read_form(ticket)
    assert form is not None
    assert (form.made, len(form.nonce)) == (NOW, 16)
    assert ours.form(NOW) != ticket
    assert ours.read_receipt(receipt, NOW) == ("7K3M9QX2PTRD", NOW + RECEIPT_SECONDS)
    assert ours.read_receipt(receipt, NOW + RECEIPT_SECONDS + 1) is None
    for other in ("", "x", "é" * 40, receipt, ticket[:-2] + "AA", "A" * 500, ReportTickets(b"o" * 32).form(NOW)):
        assert ours.read_form(other) is None
    assert ours.read_receipt(ticket, NOW) is None


def test_limits_are_of_phone_network_and_all_together() -> None:
    """Under keys that are others the next day; a private address, a proxy's, is no network."""
    limits = ReportLimits(SECRET, Visitors(SECRET, address_header="Client"))
    one = {"HTTP_CLIENT": "1.2.3.4", "HTTP_USER_AGENT": "A"}
    phone, network, together = limits.of(one, NOW)
    assert (phone.most, network.most, together.most) == (FROM_PHONE, FROM_NETWORK, ALTOGETHER)
    assert limits.of({**one, "HTTP_CLIENT": "1.2.3.99"}, NOW) == (phone, network, together)
    assert limits.of({**one, "HTTP_USER_AGENT": "B"}, NOW)[1:] == (network, together)
    assert {limit.bucket for limit in limits.of(one, NOW + 86_400)} & {phone.bucket, network.bucket} == set()
    assert [limit.most for limit in limits.of({**one, "HTTP_CLIENT": "10.0.0.1"}, NOW)] == [FROM_NETWORK, ALTOGETHER]
    assert "1.2" not in repr((phone, network))


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("1.2.3.4", "10203/24"), ("::ffff:1.2.3.4", "10203/24"), ("2400:3200::1", "240032000000/48"), ("127.0.0.1", ""),
        ("fe80::1", ""), ("192.168.1.9", ""), ("", ""), ("no address", ""),
    ],
)  # fmt: skip
def test_a_network_is_coarse(address: str, network: str) -> None:
    """Whoever shares it is counted with it."""
    assert network_of(address) == network
