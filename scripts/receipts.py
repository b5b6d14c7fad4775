"""What a command says of a transaction, and the hex values that commands take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scripts.connect import COIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.chain.writer import Receipt
    from scripts.console import Console


class _HexBytes(click.ParamType[bytes]):
    name = "hex"

    def __init__(self, length: int) -> None:
        self._length = length

    def convert(self, value: str | bytes, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        if isinstance(value, bytes):
            return value
        try:
            raw = bytes.fromhex(value.removeprefix("0x"))
        except ValueError:
            raw = b""
        if len(raw) != self._length:
            self.fail(f"found {value!r}, expected {2 * self._length} hex digits", param, ctx)
        return raw


def hex_bytes(length: int) -> click.ParamType[bytes]:
    """Return the type of a value of `length` bytes given as hex, with or without 0x."""
    return _HexBytes(length)


def report(console: Console, what: str, receipt: Receipt) -> None:
    """Say what was done, in which transaction, at what cost."""
    console.say(what)
    console.found(
        {
            "done": what,
            "transaction": f"0x{receipt.transaction_hash.hex()}",
            "block": receipt.block,
            "gas": receipt.gas_used,
            "fee": f"{receipt.fee / COIN:.9f}",
        }
    )


def report_all(console: Console, what: str, receipts: Sequence[Receipt]) -> None:
    """Say in which transactions something was done, and what they cost together."""
    console.found(
        {
            "done": what,
            "transactions": [f"0x{receipt.transaction_hash.hex()}" for receipt in receipts],
            "gas": sum(receipt.gas_used for receipt in receipts),
            "fee": f"{sum(receipt.fee for receipt in receipts) / COIN:.9f}",
        }
    )
