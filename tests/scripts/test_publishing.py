"""`publish` and `admit` as they are typed: from the brand's store into another one, over HTTP."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest
from werkzeug.serving import make_server

from registry.storage.store import Store
from tests.scripts.conftest import GTIN, LOT
from webapp.settings import Settings
from webapp.wsgi import compose

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.scripts.conftest import Desk

pytestmark = pytest.mark.xdist_group("scripts")


class Site:
    """A site with an inbox and a store of its own."""

    def __init__(self, folder: Path, desk: Desk) -> None:
        (folder / "inbox").mkdir()
        self.settings = {
            "TOUCHSTONE_DATABASE_URL": f"sqlite:///{folder / 'site.db'}",
            "TOUCHSTONE_TREES": str(folder / "site-trees"),
            "TOUCHSTONE_TRUST": desk.path("trust.json"),
            "TOUCHSTONE_RPC": desk.chain.url,
            "TOUCHSTONE_INBOX": str(folder / "inbox"),
        }
        self.inbox = folder / "inbox"
        Store.open(self.settings["TOUCHSTONE_DATABASE_URL"], folder / "site-trees", create=True).close()
        self.address = ""


@pytest.fixture
def site(desk: Desk, tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path, desk)
    server = make_server("127.0.0.1", 0, compose(Settings.read(site.settings)), threaded=True)
    site.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def seal(desk: Desk) -> str:
    """A batch that is anchored."""
    return str(desk.register("publish.csv", [f"{GTIN},{LOT},PUB-{number}" for number in range(20)])["seal"])


def test_a_batch_goes_from_the_brand_to_the_site(desk: Desk, site: Site, seal: str) -> None:
    sent = desk.done("publish", seal, "--to", site.address, "--no-wait")
    assert sent == {"batches": [{"seal": seal, "units": 20, "state": "checking"}]}
    assert desk.done("admit", "--once", **site.settings) == {"waiting": 0}
    assert desk.done("publish", seal, "--to", site.address)["batches"][0]["state"] == "admitted"
    again = desk.done("publish", "--all", "--to", site.address, "--no-wait")
    assert {"seal": seal, "units": 20, "state": "admitted"} in again["batches"]
    link = desk.link(seal)
    theirs = json.loads(desk.type("verify", link, "--json", **site.settings).stdout)
    ours = json.loads(desk.type("verify", link, "--json").stdout)
    assert theirs["registration"] == ours["registration"] == "registered"
    assert theirs["proof"] == ours["proof"]


def test_a_refusal_is_exit_code_1_with_its_reason(desk: Desk, site: Site, seal: str) -> None:
    """The batch's file is damaged on the way into the inbox."""
    desk.done("publish", seal, "--to", site.address, "--no-wait")
    (parcel,) = site.inbox.glob("*/parcel")
    raw = parcel.read_bytes()
    parcel.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    assert desk.done("admit", "--once", **site.settings) == {"waiting": 0}
    refused = json.loads((parcel.parent / "answer").read_text())
    assert refused["code"] == "damaged_parcel"
    desk.done("publish", seal, "--to", site.address, "--no-wait")  # and it may be sent again
    assert desk.done("admit", "--once", **site.settings) == {"waiting": 0}


def test_what_is_not_anchored_is_refused_and_the_others_go(desk: Desk, site: Site, seal: str) -> None:
    """Exit code 1, the reason in the result, and nothing of it on the way."""
    units = desk.file("not-yet.csv", f"gtin,lot,serial\n{GTIN},{LOT},NOTYET-1\n")
    desk.type("register", units, "--products", desk.path("products.toml"), *desk.by("line"), "--no-anchor")
    with Store.open(f"sqlite:///{desk.folder / 'registry.db'}", desk.folder / "trees") as store:
        sealed = next(batch for batch in store.batches() if batch.state == "sealed")
    done = desk.type("publish", sealed.seal.hex(), seal, "--to", site.address, "--no-wait", "--json")
    assert done.exit_code == 1
    assert "expected it anchored" in done.stderr
    found = json.loads(done.stdout)["batches"]
    assert [(one["state"], one.get("reason")) for one in found] == [("refused", "not_anchored"), ("checking", None)]


def test_what_cannot_be_done(desk: Desk, site: Site, seal: str) -> None:
    """Each in words, with exit code 1."""
    for words, told in (
        ((), "expected one of them"),
        ((seal, "--all"), "expected one of them"),
        (("0x" + "0" * 64,), "is not in this store"),
    ):
        done = desk.type("publish", *words, "--to", site.address)
        assert done.exit_code == 1
        assert told in done.stderr
    nobody = desk.type("publish", seal, "--to", "http://127.0.0.1:9", "--patience", "0")
    assert nobody.exit_code == 1
    assert "gives no answer" in nobody.stderr
    assert desk.type("publish", seal, "--to", "verify.example.org").exit_code == 1
    assert "travel in clear" not in nobody.stderr
    assert "travel in clear" in desk.type("publish", seal, "--to", "http://[::ffff:127.0.0.1]:9", "--patience", "0").stderr
    nowhere = desk.type("admit", "--once", "--inbox", desk.path("nowhere"))
    assert nowhere.exit_code == 1
    assert "expected a folder" in nowhere.stderr


def test_what_has_to_wait_is_exit_code_1(desk: Desk, site: Site, seal: str) -> None:
    """The chain is silent: nothing is refused, and nothing was done."""
    desk.done("publish", seal, "--to", site.address, "--no-wait")
    silent = {**site.settings, "TOUCHSTONE_RPC": "http://127.0.0.1:9"}
    done = desk.type("admit", "--once", "--json", **silent)
    assert done.exit_code == 1
    assert json.loads(done.stdout)["waiting"] >= 1
    assert "has to wait" in done.stderr
    assert desk.done("admit", "--once", **site.settings) == {"waiting": 0}
