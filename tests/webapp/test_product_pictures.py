"""The picture of a product: shown where an anchored manifest names it and the site has it, and nothing but a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.webapp.html import Page
from tests.webapp.samples import BY_NAME, PICTURE, Album, readers
from webapp.app import create_app

if TYPE_CHECKING:
    from flask.testing import FlaskClient


@pytest.fixture(scope="module")
def browser_client() -> FlaskClient:
    """A site that has the sample's second picture."""
    return create_app(readers(BY_NAME, pictures=Album())).test_client()


def test_a_page_shows_the_first_picture_that_the_site_has(browser_client: FlaskClient) -> None:
    """Lazily, from the site itself, with words for who cannot see it, and its room reserved; once made and once kept."""
    for _ in range(2):
        (picture,) = Page(browser_client.get("/check?link=registered").text).all("img")
        assert picture["src"] == f"/picture/{PICTURE.digest}"
        assert picture["loading"] == "lazy"
        assert picture["alt"] == "The product, as its manufacturer shows it"
        assert picture["width"]
        assert picture["height"]


@pytest.mark.parametrize("name", ["altered", "not_registered", "key_under_review", "cannot_check", "not_yet_released"])
def test_no_picture_is_shown_where_no_product_is(browser_client: FlaskClient, name: str) -> None:
    """What is not proved has no face."""
    assert not Page(browser_client.get(f"/check?link={name}").text).all("img")


def test_a_site_without_the_picture_shows_none(client: FlaskClient) -> None:
    """No broken frame, no stand-in."""
    assert not Page(client.get("/check?link=registered").text).all("img")
    assert client.get(f"/picture/{PICTURE.digest}").status_code == 404


def test_a_picture_is_served_as_nothing_else(browser_client: FlaskClient) -> None:
    """With its kind, kept for good because its address is its content, and unable to run anything."""
    answer = browser_client.get(f"/picture/{PICTURE.digest}")
    assert answer.data == PICTURE.raw
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "immutable" in answer.headers["Cache-Control"]
    again = browser_client.get(f"/picture/{PICTURE.digest}", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    for other in ("0" * 64, "..", "x"):
        assert browser_client.get(f"/picture/{other}").status_code == 404
