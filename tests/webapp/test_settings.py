"""A site that is half set up does not start: what is missing, misspelt, of no use or in the way of something else is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from registry.errors import DocumentError
from webapp.scheme import SchemeOfProxy
from webapp.settings import KNOWN, OF_TESTS, Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECRET = "s" * 32


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Settings]:
    """Read settings that are complete, with some more."""
    (tmp_path / "trees").mkdir()
    (tmp_path / "trust.json").write_text("{}")
    (tmp_path / "regions.csv").write_text("")
    whole = {
        "TOUCHSTONE_DATABASE_URL": f"sqlite:///{tmp_path}/registry.db",
        "TOUCHSTONE_TREES": str(tmp_path / "trees"),
        "TOUCHSTONE_TRUST": str(tmp_path / "trust.json"),
        "TOUCHSTONE_RPC": "http://127.0.0.1:8545",
    }

    def reading(**more: str) -> Settings:
        return Settings.read(
            whole | {f"TOUCHSTONE_{name}": value.replace("HERE", str(tmp_path)) for name, value in more.items()}
        )

    return reading


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"DESK_URI": "sqlite:///desk.db"}, "TOUCHSTONE_DESK_URI is no setting: expected TOUCHSTONE_DESK_URL?"),
        ({"COLOUR_OF_THE_DOOR": "red"}, "TOUCHSTONE_COLOUR_OF_THE_DOOR is no setting"),
        ({"DATABASE_URL": "registry.db"}, "TOUCHSTONE_DATABASE_URL names no database that we know"),
        ({"DESK_URL": "mysql://h/desk"}, "TOUCHSTONE_DESK_URL names no database that we know"),
        ({"SCANS_URL": "sqlite://"}, "TOUCHSTONE_SCANS_URL names no database that we know"),
        ({"DESK_URL": "sqlite:///HERE/registry.db"}, "TOUCHSTONE_DESK_URL names the SQLite file of TOUCHSTONE_DATABASE_URL"),
        (
            {"DESK_URL": "sqlite:///HERE/one.db", "SCANS_URL": "sqlite:///HERE/one.db"},
            "TOUCHSTONE_DESK_URL names the SQLite file of TOUCHSTONE_SCANS_URL",
        ),
        ({"SCAN_COUNTERS": "HERE"}, "TOUCHSTONE_SCAN_COUNTERS does nothing without TOUCHSTONE_SCANS_URL"),
        ({"REGION_HEADER": "X-Region"}, "TOUCHSTONE_REGION_HEADER does nothing without TOUCHSTONE_DEVICE_SECRET"),
        ({"REGION_TABLE": "HERE/regions.csv"}, "TOUCHSTONE_REGION_TABLE does nothing without TOUCHSTONE_DEVICE_SECRET"),
        ({"STAFF_HEADER": "X-User"}, "TOUCHSTONE_STAFF_HEADER does nothing without TOUCHSTONE_DEVICE_SECRET"),
        (
            {
                "REGION_HEADER": "X-Region", "REGION_TABLE": "HERE/regions.csv", "DEVICE_SECRET": SECRET,
                "SCANS_URL": "sqlite:///HERE/scans.db",
            },
            "TOUCHSTONE_REGION_HEADER and TOUCHSTONE_REGION_TABLE are both set",
        ),
        ({"DEMO": "1"}, "TOUCHSTONE_DEMO does nothing without TOUCHSTONE_DESK_URL"),
        ({"DEMO": "true", "DESK_URL": "sqlite:///HERE/desk.db"}, "TOUCHSTONE_DEMO is 'true', expected 1"),
        ({"WEBHOOK_LOOPBACK": "0", "DESK_URL": "sqlite:///HERE/desk.db"}, "TOUCHSTONE_WEBHOOK_LOOPBACK is '0', expected 1"),
        ({"ARCHIVE": "HERE/nothing"}, "TOUCHSTONE_ARCHIVE names no existing folder"),
        ({"SCHEME_HEADER": "X Forwarded"}, "TOUCHSTONE_SCHEME_HEADER is 'X Forwarded', expected the name of a header"),
    ],
)  # fmt: skip
def test_what_would_do_nothing_is_refused(read: Callable[..., Settings], given: dict[str, str], said: str) -> None:
    """Whoever set it thinks that it does something."""
    with pytest.raises(DocumentError) as error:
        read(**given)
    assert said in error.value.message
    assert error.value.hint


def test_no_password_of_a_database_is_quoted(read: Callable[..., Settings]) -> None:
    """A message goes into logs."""
    with pytest.raises(DocumentError) as error:
        read(DESK_URL="mysql://desk:hunter2@h/desk")
    assert "hunter2" not in error.value.message


def test_settings_that_go_together_are_taken(read: Callable[..., Settings]) -> None:
    """One PostgreSQL database for store and desk, settings of commands beside those of the site, and names without a value."""
    server = "postgresql://site@db/registry"
    settings = read(
        DATABASE_URL=server, DESK_URL=server, SCANS_URL="sqlite:///HERE/scans.db", DEVICE_SECRET=SECRET,
        REGION_HEADER="X-Region", REGION_TABLE="", STAFF_HEADER="X-User", SCHEME_HEADER="X-Forwarded-Proto",
        ARCHIVE="HERE/trees", DEMO="1", SMTP_HOST="mail.example", REQUIRE="anvil",
    )  # fmt: skip
    assert (settings.desk_url, settings.scheme_header, settings.demo) == (server, "X-Forwarded-Proto", True)
    assert KNOWN > OF_TESTS


@pytest.mark.parametrize(("header", "scheme"), [("https", "https"), ("http", "http"), ("HTTPS, http", "http"), (None, "http")])
def test_only_the_proxys_word_makes_a_request_private(header: str | None, scheme: str) -> None:
    """Exactly `https` in exactly that header; whatever a reader sends in another one changes nothing."""
    seen: list[str] = []

    def app(environ: dict[str, Any], _: Any) -> list[bytes]:
        seen.append(environ["wsgi.url_scheme"])
        return []

    environ = {"wsgi.url_scheme": "http", "HTTP_X_FORWARDED_SSL": "on", "HTTP_FORWARDED": "proto=https"}
    environ |= {} if header is None else {"HTTP_X_FORWARDED_PROTO": header}
    SchemeOfProxy(app, "X-Forwarded-Proto")(environ, lambda *_: None)
    assert seen == [scheme]
