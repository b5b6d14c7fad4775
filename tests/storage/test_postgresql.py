"""The store over a real PostgreSQL server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import make_url

from registry.errors import StoreUnavailable
from registry.storage.store import Store
from registry.units.records import UnitId
from tests.issuing.samples import GTIN, serials
from tests.storage.store_conformance import StoreConformance

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.xdist_group("postgresql")
class TestPostgreSQL(StoreConformance):
    """PostgreSQL keeps the promises of a store."""

    @pytest.fixture
    def url(self, postgresql_url: str) -> str:
        """Give the URL of an empty database."""
        return postgresql_url

    def test_a_server_that_is_away_could_not_be_asked(self, url: str, trees: Path) -> None:
        """No server at the URL's place is unavailable."""
        del url
        with pytest.raises(StoreUnavailable):
            Store.open(f"postgresql://nobody@/none?host={trees}", trees)

    def test_what_a_role_may_not_do_is_no_damage(self, url: str, store: Store, trees: Path) -> None:
        """A role that may only read reads all, and is told that it may not write."""
        assert store.batches() == ()
        self.execute(url, "CREATE ROLE reader", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
        try:
            as_reader = make_url(url).update_query_dict({"options": "-crole=reader"}).render_as_string(hide_password=False)
            with Store.open(as_reader, trees, create=True) as reading:
                assert reading.batches() == ()
                with pytest.raises(StoreUnavailable, match="permission denied"):
                    reading.add_profile(b"{}")
        finally:
            self.execute(url, "DROP OWNED BY reader", "DROP ROLE reader")

    def test_a_connection_that_was_cut_is_made_again(self, url: str, store: Store, trees: Path) -> None:
        """After the server dropped its connections the next question is answered."""
        unit = UnitId(GTIN, serials(1)[0])
        with Store.open(url, trees) as reading:
            assert reading.batches() == ()
            assert reading.find(unit) is None
            cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            self.execute(url, f"{cut} AND pid <> pg_backend_pid()")
            assert reading.find(unit) is store.find(unit) is None
            assert reading.batches() == store.batches() == ()
