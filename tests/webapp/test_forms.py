"""Checking by hand: a number, a pasted link, a photo; and the questions that come back."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from registry.errors import ImageError, Overloaded, WorkerLost
from tests.webapp.html import Page
from tests.webapp.samples import CHOICE, GTIN, LINK, SERIAL, Answers, readers
from webapp.app import create_app
from webapp.languages import LANGUAGES
from webapp.limits import MAX_PHOTO, MAX_TEXT

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

OTHER = LINK.replace(SERIAL, "9BFN6Z1YJR80PGSA")


def upload(codes: tuple[str, ...] | Exception, *, language: str = "en") -> tuple[TestResponse, Answers]:
    """Send a photo in which these codes are read; returns the answer and what was asked."""

    def decode(given: bytes) -> tuple[str, ...]:
        assert given == b"picture"
        if isinstance(codes, Exception):
            raise codes
        return codes

    checks = Answers()
    client = create_app(readers(checks=checks, decode=decode)).test_client()
    form = {"photo": (BytesIO(b"picture"), "label.jpg")}
    return client.post("/photo", data=form, headers={"Accept-Language": language}), checks


def test_a_typed_number_gets_an_address_of_its_own(client: FlaskClient, checks: Answers) -> None:
    """So that the page can be reloaded, and read in the other language."""
    answer = client.post("/check", data={"link": " 7k3m 9qx2 ", "gtin": ""})
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/check?link=7k3m+9qx2"
    client.get(answer.headers["Location"])
    assert checks.asked == ["7k3m 9qx2"]


def test_a_pasted_link_arrives_whole(client: FlaskClient, checks: Answers) -> None:
    """Its own query stays part of it."""
    client.get(client.post("/check", data={"link": LINK}).headers["Location"])
    assert checks.asked == [LINK]


def test_an_empty_form_comes_back_with_what_to_do(client: FlaskClient, checks: Answers) -> None:
    """As a summary that leads to the field, beside the field, and in the title."""
    answer = client.get("/check?link=%20")
    page = Page(answer.text)
    assert answer.status_code == 400
    assert page.text("title").startswith("Error: ")
    assert page.text().count("Enter the number beside the code") == 2
    assert {"href": "#link"} in page.all("a")
    assert next(field for field in page.all("input") if field["id"] == "link")["aria-invalid"] == "true"
    assert checks.asked == []


def test_a_text_that_is_too_long_is_not_looked_up(client: FlaskClient, checks: Answers) -> None:
    """No serial and no link of ours is that long."""
    assert client.get("/check?link=" + "7" * (MAX_TEXT + 1)).status_code == 400
    assert client.get(client.post("/check", data={"link": "7" * 9000}).headers["Location"]).status_code == 400
    assert checks.asked == []


def test_a_number_of_several_products_asks_for_the_product(client: FlaskClient, checks: Answers) -> None:
    """By name where a name is proved; each choice leads to the same number under its product."""
    answer = client.get("/check?link=choice")
    page = Page(answer.text)
    assert answer.status_code == 200
    assert page.text("h1") == "Which product is it?"
    assert "Bamboo Spring Reserve, 500 ml" in page.text("main")
    for unit in CHOICE.units:
        assert {"href": f"/check?link=7K3M+9QX2&gtin={unit.gtin}"} in page.all("a")
    checks.asked.clear()
    client.get(f"/check?link=7K3M+9QX2&gtin={GTIN}")
    assert checks.asked == [f"{GTIN}|7K3M 9QX2"]


def test_a_photo_with_one_label_leads_to_its_check() -> None:
    """The code is taken as it was read."""
    answer, _ = upload((LINK,))
    assert answer.status_code == 303
    checks = Answers()
    create_app(readers(checks=checks)).test_client().get(answer.headers["Location"])
    assert checks.asked == [LINK]


def test_several_codes_in_a_photo_are_offered_and_the_others_named() -> None:
    """What is not ours is shown as text, not as a link, and nothing is looked up before somebody chooses."""
    answer, checks = upload((LINK, OTHER, "https://pay.example/6f1", LINK))
    page = Page(answer.text)
    assert answer.status_code == 200
    assert page.faults == []
    assert page.text("main").count("Not one of our labels") == 1
    assert "https://pay.example/6f1" in page.text("main")
    assert not any("pay.example" in attributes["href"] for attributes in page.all("a"))
    assert sum(attributes["href"].startswith("/check?link=") for attributes in page.all("a")) == 2
    assert checks.asked == []


@pytest.mark.parametrize("code", ["https://pay.example/6f1", "6901234567892", SERIAL, "javascript:alert(1)"])
@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.tag)
def test_a_photo_with_a_code_of_others_opens_nothing(code: str, language: object) -> None:
    """Nor is it read as if a person had typed it."""
    answer, checks = upload((code,), language=getattr(language, "tag", "en"))
    assert answer.status_code == 400
    assert Page(answer.text).text("h1") in {"This is not one of our labels", "这不是本系统的标签"}
    assert code in Page(answer.text).text("main")
    assert checks.asked == []


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        ((), "We found no code in the photo"),
        (ImageError("found no picture", reason="not_a_picture"), "JPEG, PNG or WebP"),
        (ImageError("found 99 megapixels", reason="too_many_pixels"), "Choose a smaller photo"),
        (ImageError("found 99 bytes", reason="too_large"), "Choose a smaller photo"),
        (ImageError("found no answer", reason="too_slow"), "took too long"),
    ],
)
def test_a_photo_without_a_code_says_what_to_do(codes: tuple[str, ...] | ImageError, words: str) -> None:
    """The form comes back, with the words beside the photo's field."""
    answer, _ = upload(codes)
    page = Page(answer.text)
    assert answer.status_code == 400
    assert words in page.text("main")
    assert {"href": "#photo-file"} in page.all("a")


@pytest.mark.parametrize("error", [Overloaded("too many"), WorkerLost("none")], ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(("language", "words"), [("en", "We are too busy to read your photo"), ("zh-Hans", "系统繁忙")])
def test_a_photo_that_could_not_be_read_now_is_asked_for_again(error: Exception, language: str, words: str) -> None:
    """It is we who could not: the answer says so, when to come back, and what else can be done, and nothing of the product."""
    answer, checks = upload(error, language=language)
    page = Page(answer.text)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert page.faults == []
    assert words in page.text("main")
    assert {"href": "#photo-file"} in page.all("a")
    assert checks.asked == []


def test_no_photo_at_all_says_what_to_do(client: FlaskClient) -> None:
    """An empty field, and a form without the field."""
    for form in ({}, {"photo": (BytesIO(b""), "")}):
        answer = client.post("/photo", data=form, content_type="multipart/form-data")
        assert answer.status_code == 400
        assert "Choose a photo of the code" in answer.text


def test_a_photo_that_is_too_large_is_never_decoded() -> None:
    """Its bytes are counted first."""

    def decode(_: bytes) -> tuple[str, ...]:
        raise AssertionError("decoded all the same")

    client = create_app(readers(decode=decode)).test_client()
    head = b'--edge\r\nContent-Disposition: form-data; name="photo"; filename="a.png"\r\n\r\n'
    for size, status in ((MAX_PHOTO + 1, 400), (MAX_PHOTO + 2**20, 413)):
        body = head + b"x" * size + b"\r\n--edge--\r\n"
        answer = client.post("/photo", data=body, content_type="multipart/form-data; boundary=edge")
        assert answer.status_code == status


def test_whoever_reloads_a_photo_page_comes_to_the_form(client: FlaskClient) -> None:
    """Its address is that of the form, too."""
    assert client.get("/photo").headers["Location"] == "/#photo"
