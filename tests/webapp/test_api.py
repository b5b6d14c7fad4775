"""The machine's answer: stable keys and codes, the page's status, proofs for who presented the label alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.webapp.samples import BY_NAME, CHOICE, GTIN, LINK, Answers
from webapp.presenter.verdicts import headline_of, status_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.testing import FlaskClient

KEYS = (
    "headline",
    "registration",
    "reasons",
    "history",
    "past",
    "binding",
    "unit",
    "manufacturer",
    "batch",
    "anchor",
    "checks",
    "proof",
)


@pytest.fixture(autouse=True)
def _link_is_registered(checks: Answers) -> Iterator[None]:
    checks.table[LINK] = BY_NAME["registered"]
    yield
    del checks.table[LINK]


@pytest.mark.parametrize("name", BY_NAME)
def test_the_answer_carries_every_key_and_the_status_of_the_page(client: FlaskClient, name: str) -> None:
    """Whatever the verdict, so that a program never asks whether a key is there."""
    answer = client.get("/api/v1/verify", query_string={"number": name})
    verdict = BY_NAME[name]
    assert answer.status_code == status_of(verdict)
    assert ("Retry-After" in answer.headers) == (answer.status_code == 503)
    document = answer.get_json()
    assert set(KEYS) <= set(document)
    assert list(document)[:5] == list(KEYS[:5])
    assert document["headline"] == headline_of(verdict)
    assert document["registration"] == verdict.registration
    assert document["reasons"] == [str(code) for code in verdict.reasons]
    assert (document["proof"] is None) == (verdict.proof is None)


def test_a_link_is_taken_as_it_was_scanned(client: FlaskClient, checks: Answers) -> None:
    """It is decoded once, as the query's value, and never repaired."""
    answer = client.get("/api/v1/verify", query_string={"link": LINK})
    assert answer.get_json()["proof"]["index"] == 7
    client.get("/api/v1/verify", query_string={"link": "7k3m 9qx2"})
    assert checks.asked == [LINK, "7k3m 9qx2"]


def test_names_keep_their_letters(client: FlaskClient) -> None:
    """JSON is UTF-8; nothing is escaped that need not be."""
    assert "竹泉酒业股份有限公司" in client.get("/api/v1/verify", query_string={"link": LINK}).text


def test_a_number_can_name_its_product(client: FlaskClient, checks: Answers) -> None:
    """`gtin` narrows it down."""
    client.get("/api/v1/verify", query_string={"number": "7K3M", "gtin": GTIN})
    assert checks.asked == [f"{GTIN}|7K3M"]


def test_a_number_of_several_products_names_them(client: FlaskClient) -> None:
    """The question was not complete, and the answer says how to complete it."""
    answer = client.get("/api/v1/verify", query_string={"number": "choice"})
    assert answer.status_code == 400
    assert answer.get_json()["error"]["code"] == "several_products"
    assert answer.get_json()["error"]["gtins"] == [unit.gtin for unit in CHOICE.units]


@pytest.mark.parametrize(
    "query", ["", "link=a&number=b", "link=a&link=b", "number=a&number=b", "link=a&gtin=1", "number=" + "7" * 3000, "lang=en"]
)
def test_a_question_that_is_not_clear_is_refused(client: FlaskClient, checks: Answers, query: str) -> None:
    """With a code and a sentence, and nothing is looked up."""
    answer = client.get(f"/api/v1/verify?{query}")
    assert answer.status_code == 400
    assert answer.get_json()["error"]["code"] == "bad_request"
    assert checks.asked == []


def test_errors_of_the_api_are_json(client: FlaskClient) -> None:
    """Unknown addresses and wrong methods, too."""
    assert client.get("/api/v1/nothing").get_json()["error"]["code"] == "not_found"
    wrong = client.post("/api/v1/verify")
    assert wrong.get_json()["error"]["code"] == "method_not_allowed"
    assert "GET" in wrong.headers["Allow"]


def test_the_api_answers_in_no_language(client: FlaskClient) -> None:
    """Codes are the same for everybody."""
    english, chinese = (
        client.get("/api/v1/verify", query_string={"link": LINK}, headers={"Accept-Language": tag}).text for tag in ("en", "zh")
    )
    assert english == chinese
