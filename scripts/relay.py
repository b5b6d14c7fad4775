"""`touchstone relay`: a key signs that a seal may be anchored for it, and somebody else pays (EIP-712, protocol § 5)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import click
import orjson

from registry.chain.facts import NOBODY
from registry.chain.named import read_address
from registry.chain.writer import anchor_digest
from registry.errors import DocumentError
from scripts.connect import batch_of, chain_options, fee_cap_option, path, signer_options, store_options
from scripts.console import Program, json_option
from scripts.receipts import hex_bytes, report

if TYPE_CHECKING:
    from pathlib import Path

    from registry.chain.transactions import Signer
    from registry.storage.store import Store
    from scripts.connect import Chain
    from scripts.console import Console

A_DAY: Final = 86_400
LONGEST: Final = 30
"""Days that an order may be good for: a key that is revoked meanwhile ends it earlier."""
SEAL: Final = 32
SIGNATURE: Final = 64
LARGEST: Final = 10_000


@click.group("relay", cls=Program)
def command() -> None:
    """Anchor a batch whose key has no coins: the key signs an order, and whoever has coins sends it.

    `touchstone register --no-anchor` seals the batch first; `touchstone register` notes the anchor afterwards.
    """


@command.command("sign")
@click.argument("seal", type=hex_bytes(SEAL))
@click.option("--days", type=click.IntRange(1, LONGEST), default=7, show_default=True, help="For which the order is good.")
@store_options
@chain_options
@signer_options
@json_option
def sign(seal: bytes, days: int, console: Console, store: Store, chain: Chain, signer: Signer) -> None:
    """Sign an order to anchor the batch SEAL of this store, and print it. Nothing is sent, and no chain is asked."""
    batch_of(store, seal)
    deadline = int(time.time()) + days * A_DAY
    signature = signer.sign_digest(anchor_digest(chain.trust.deployments[0], seal, deadline))
    console.found({
        "seal": f"0x{seal.hex()}", "deadline": deadline, "key": signer.address, "signature": f"0x{signature.hex()}",
    })  # fmt: skip


@command.command("send")
@click.argument("order", type=path(exists=True))
@chain_options
@signer_options
@fee_cap_option
@json_option
def send(order: Path, console: Console, chain: Chain, signer: Signer, fee_cap: float | None) -> None:
    """Send the order in the file ORDER, as `touchstone relay sign --json` printed it. This account pays, and needs no role.

    What is anchored already is not paid for again.
    """
    seal, deadline, key, signature = _read(order)
    reader = chain.reader().asking_now()
    batch = reader.batch(reader.key(read_address(key)).manufacturer, seal, NOBODY)
    if batch.anchor or batch.pending_anchor:
        console.found({"done": f"batch 0x{seal.hex()} is anchored already"})
        return
    receipt = chain.writer(signer, fee_cap=fee_cap).relay_anchor(seal, deadline, signature)
    report(console, f"batch 0x{seal.hex()} is anchored for {key}", receipt)


def _read(file: Path) -> tuple[bytes, int, str, bytes]:
    """Return the seal, the deadline, the key and the signature of an order. Raises `DocumentError`."""
    with file.open("rb") as stream:
        raw = stream.read(LARGEST)
    try:
        told: dict[str, Any] = orjson.loads(raw)
        seal, signature = (bytes.fromhex(told[name].removeprefix("0x")) for name in ("seal", "signature"))
        deadline, key = told["deadline"], told["key"]
        fits = len(seal) == SEAL and len(signature) == SIGNATURE and type(deadline) is int and deadline > 0
    except (ValueError, KeyError, TypeError, AttributeError):
        fits = False
    if not fits:
        raise DocumentError(f"{file} holds no order, expected what `touchstone relay sign --json` printed")
    return seal, deadline, str(key), signature
