"""The door over HTTP: bounds, status codes, and nothing but its own refusals, whatever is sent."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.errors import ChainUnavailable, StoreUnavailable
from registry.publishing import offer as offers
from registry.publishing.inbox import MAX_PART
from registry.publishing.refusals import Refusal
from tests.publishing import brand
from tests.publishing.brand import KEY, MANUFACTURER
from tests.webapp.conftest import Wire
from tests.webapp.samples import Answers, readers
from webapp.app import create_app

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.publishing.brand import Made
    from tests.publishing.conftest import Registry


@pytest.fixture
def client(registry: Registry) -> FlaskClient:
    return create_app(readers(checks=Answers({}), desk=registry.desk)).test_client()


@pytest.fixture
def made(tmp_path: Path, registry: Registry) -> Made:
    made = brand.make(tmp_path)
    registry.chain.anchor(KEY, made.seal)
    return made


def offered(client: FlaskClient, made: Made) -> TestResponse:
    return client.post(f"/api/v1/batches/{made.seal.hex()}", data=offers.write(made.offer))


def patch(client: FlaskClient, made: Made, part: bytes, **headers: str) -> TestResponse:
    told = {"Upload-Offset": "256", "Upload-Checksum": f"sha256 {hashlib.sha256(part).hexdigest()}"}
    named = {name.replace("_", "-").title(): value for name, value in headers.items()}
    return client.patch(f"/api/v1/batches/{made.seal.hex()}/{made.offer.parcel}", data=part, headers={**told, **named})


def code(answer: TestResponse) -> tuple[int, str]:
    """Return the status and the code of a refusal, which has a sentence."""
    assert answer.json is not None
    error: dict[str, Any] = answer.json["error"]
    assert error["message"]
    return answer.status_code, error["code"]


def test_a_batch_comes_in(client: FlaskClient, made: Made) -> None:
    answer = offered(client, made)
    assert answer.status_code == 200
    assert answer.headers["Upload-Offset"] == "256"
    answer = patch(client, made, made.parcel[256:])
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (200, str(len(made.parcel)))
    where = f"/api/v1/batches/{made.seal.hex()}/{made.offer.parcel}"
    assert client.get(where).json == answer.json
    head = client.head(where)
    assert (head.status_code, head.data, head.headers["Upload-Offset"]) == (200, b"", str(len(made.parcel)))
    assert answer.json is not None
    assert answer.json["state"] == "checking"
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_profile_comes_in(client: FlaskClient, registry: Registry) -> None:
    registry.books.profiles.clear()
    where = f"/api/v1/profiles/{brand.PROFILE_HASH.hex()}?manufacturer={MANUFACTURER}"
    assert client.put(where, data=brand.PROFILE).json == {"accepted": True}
    assert len(registry.inbox.profiles()) == 1
    assert code(client.put(where, data=b"{}")) == (400, "malformed_profile")
    assert client.put(where, data=bytes(2**20 + 1)).status_code == 413


def test_a_site_that_receives_nothing_says_so(made: Made) -> None:
    client = create_app(readers(checks=Answers({}))).test_client()
    assert code(offered(client, made)) == (404, "not_accepting")
    assert code(patch(client, made, b"x")) == (404, "not_accepting")
    assert code(client.put(f"/api/v1/profiles/{'0' * 64}", data=b"{}")) == (404, "not_accepting")


def test_each_refusal_has_its_status(client: FlaskClient, registry: Registry, made: Made, tmp_path: Path) -> None:
    assert code(client.post("/api/v1/batches/abc", data=b"{}")) == (400, "malformed_offer")
    assert code(offered(client, brand.make(tmp_path, "other"))) == (403, "not_anchored")
    assert code(patch(client, made, b"x")) == (404, "unknown_parcel")
    huge = brand.replace_header(made, unit_count=2**32 - 1)
    assert code(client.post(f"/api/v1/batches/{huge.seal.hex()}", data=offers.write(huge.offer))) == (413, "too_large")
    offered(client, made)
    assert code(patch(client, made, b"x", upload_offset="0")) == (409, "wrong_offset")
    assert code(patch(client, made, b"x", upload_checksum=f"sha256 {'0' * 64}")) == (422, "bad_checksum")
    assert code(patch(client, made, b"x", upload_checksum="")) == (400, "malformed_part")
    registry.chain.set_suspended(MANUFACTURER, suspended=True)
    registry.inbox.parcels()[0].drop()
    assert code(offered(client, made)) == (403, "suspended")


def test_what_cannot_be_asked_is_no_refusal(client: FlaskClient, registry: Registry, made: Made) -> None:
    registry.chain.fault = ChainUnavailable("the chain is silent")
    assert code(offered(client, made)) == (503, "chain_unavailable")
    registry.books.fault = StoreUnavailable("the database is gone")
    assert code(offered(client, made)) == (503, "store_unavailable")


def test_a_body_is_bounded_before_it_is_read(client: FlaskClient, made: Made) -> None:
    offered(client, made)
    assert patch(client, made, bytes(MAX_PART + 1)).status_code == 413
    largest = patch(client, made, bytes(MAX_PART))
    assert code(largest) == (409, "wrong_offset")  # read, and longer than this parcel
    answer = client.post(f"/api/v1/batches/{made.seal.hex()}", data=bytes(offers.MAX_BYTES + 1))
    assert answer.status_code == 413


def test_other_methods_are_refused(client: FlaskClient, made: Made) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        assert client.open(f"/api/v1/batches/{made.seal.hex()}", method=method).status_code == 405
    assert client.delete(f"/api/v1/batches/{made.seal.hex()}/{'0' * 32}").status_code == 405


def test_through_the_server(registry: Registry, made: Made) -> None:
    """As the site is served: a part's bytes are what was sent."""
    wire = Wire(create_app(readers(checks=Answers({}), desk=registry.desk)))
    assert wire.send(f"/api/v1/batches/{made.seal.hex()}", method="POST", body=offers.write(made.offer)).status == 200
    part = made.parcel[256:]
    told = {"upload-offset": "256", "upload-checksum": f"sha256 {hashlib.sha256(part).hexdigest()}"}
    where = f"/api/v1/batches/{made.seal.hex()}/{made.offer.parcel}"
    assert wire.send(where, method="PATCH", body=part, headers=told).status == 200
    assert registry.inbox.parcels()[0].path.read_bytes() == made.parcel
    told["content-length"] = str(2**40)
    assert wire.send(where, method="PATCH", body=b"x", headers=told).status == 413


TEXTS = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=40)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    offset=TEXTS | st.integers().map(str), told=TEXTS | st.just(f"sha256 {'0' * 64}"), part=st.binary(max_size=300), name=TEXTS
)
def test_any_part_is_refused_by_name(  # noqa: PLR0917  # what is drawn, and what it is drawn for
    client: FlaskClient, made: Made, offset: str, told: str, part: bytes, name: str
) -> None:
    """No header and no body leads to anything but one of our own answers."""
    offered(client, made)
    headers = {"Upload-Offset": offset, "Upload-Checksum": told}
    answer = patch(client, made, part, upload_offset=offset, upload_checksum=told)
    assert code(answer)[1] in set(Refusal)
    place = f"/api/v1/batches/{made.seal.hex()}/"
    assert client.patch(place + name.encode().hex(), data=part, headers=headers).status_code in {400, 404, 405}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(seal=TEXTS.map(lambda text: text.encode().hex()) | st.just("0" * 64), body=st.binary(max_size=600))
def test_any_offer_is_refused_by_name(client: FlaskClient, seal: str, body: bytes) -> None:
    answer = client.post(f"/api/v1/batches/{seal or 'x'}", data=body)
    assert code(answer)[1] in set(Refusal)
