"""`touchstone relay`: a key signs, another account pays; nothing is paid twice, and a changed order anchors nothing."""

from __future__ import annotations

import json
import secrets
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from web3 import Web3

from tests.scripts.conftest import GTIN, LOT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.scripts.conftest import Desk

pytestmark = pytest.mark.xdist_group("scripts")


def sealed(desk: Desk, name: str) -> tuple[tuple[str, ...], str]:
    """Seal a batch and leave it off the chain; returns the command that goes on, and the seal."""
    units = desk.file(f"{name}.csv", f"gtin,lot,serial\n{GTIN},{LOT},{name}-1\n")
    words = ("register", units, "--products", desk.path("products.toml"), *desk.by("line"))
    refused = desk.type(*words, "--no-anchor")
    assert refused.exit_code == 1
    (seal,) = {word.rstrip(",") for word in refused.stderr.split() if word.startswith("0x") and len(word.rstrip(",")) == 66}
    return words, seal


def order(desk: Desk, seal: str, changed: Mapping[str, Any] = MappingProxyType({})) -> str:
    """Sign an order and write it down, changed or as it is; returns its file."""
    signed = desk.done("relay", "sign", seal, *desk.by("line"))
    return desk.file("order.json", json.dumps({**signed, **changed}))


def paid(desk: Desk, account: int) -> int:
    """Return how many transactions an account sent."""
    return int(desk.chain.w3().eth.get_transaction_count(Web3.to_checksum_address(desk.chain.accounts[account])))


def test_a_key_signs_and_another_account_pays(desk: Desk) -> None:
    """Once; `register` then notes the anchor, and the label is as any other."""
    words, seal = sealed(desk, "relayed")
    file, line, alliance = order(desk, seal), paid(desk, 2), paid(desk, 0)
    assert desk.done("relay", "send", file, *desk.by("alliance"))["done"].startswith(f"batch {seal} is anchored for")
    assert "already" in desk.done("relay", "send", file, *desk.by("alliance"))["done"]
    desk.chain.finalize()
    assert desk.done(*words)["seal"] == seal
    assert (paid(desk, 2), paid(desk, 0)) == (line, alliance + 1)
    assert json.loads(desk.type("verify", desk.link(seal), "--json").stdout)["registration"] == "registered"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"seal": "0x" + 64 * "7"}, "KeyUnknown"),
        ({"deadline": 1}, "RelayExpired"),
        ({"deadline": 2_000_000_000}, "KeyUnknown"),
        ({"signature": "0x" + 128 * "7"}, "refuses"),
        ({"signature": "0x77"}, "holds no order"),
        ({"deadline": "soon"}, "holds no order"),
        ({"key": "0x" + 40 * "z"}, "expected"),
    ],
)
def test_an_order_that_was_changed_anchors_nothing(desk: Desk, changed: dict[str, Any], why: str) -> None:
    """And says why, before anything is paid."""
    _, seal = sealed(desk, f"changed-{secrets.token_hex(4)}")
    before = paid(desk, 0)
    refused = desk.type("relay", "send", order(desk, seal, changed), *desk.by("alliance"))
    assert (refused.exit_code, why in refused.stderr) == (1, True), refused.stderr
    assert paid(desk, 0) == before


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"{}", b"\xff", b'{"seal": 7}'])
def test_rubbish_is_no_order(desk: Desk, content: bytes) -> None:
    """Nor is an order for a batch that this store does not have."""
    refused = desk.type("relay", "send", desk.file("rubbish.json", content), *desk.by("alliance"))
    assert (refused.exit_code, "holds no order" in refused.stderr) == (1, True)
    unknown = desk.type("relay", "sign", "0x" + 64 * "9", *desk.by("line"))
    assert (unknown.exit_code, "is not in this store" in unknown.stderr) == (1, True)
