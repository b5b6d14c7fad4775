"""`touchstone pack`: makes the officer's pack, and checks labels by one where there is no network (docs/packs.md)."""

from __future__ import annotations

import re
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from registry.chain.bitmaps import withdrawn_words
from registry.chain.deployment import write_whole
from registry.chain.named import read_address
from registry.checking.claims import ClaimedBatch
from registry.checking.json_form import as_json
from registry.checking.trust import Reason
from registry.checking.verdicts import Registration
from registry.errors import InputError
from registry.packs import making, pack_file
from registry.packs.checking import PackFacts, PackVerifier
from registry.units.records import UnitId
from registry.witness import replay
from scripts.connect import chain_options, path, signer_options, store_options
from scripts.console import REFUSED, Inquiry, Program, json_option
from scripts.verify import lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from registry.chain.reader import ChainReader
    from registry.chain.transactions import Signer
    from registry.checking.verdicts import Verdict
    from registry.issuing.batches import StoredBatch
    from registry.packs.pack_file import Pack
    from registry.storage.store import Store
    from registry.units.records import Record
    from scripts.connect import Chain
    from scripts.console import Console

DAY = 24 * 60 * 60
HOUR = 60 * 60
WORD = 256
NUMBER = re.compile(r"([0-9]{14})/(\S+)")
MAX_LINE = 4096


@click.group("pack", cls=Program)
def command() -> None:
    """Make a signed, dated snapshot for officers, and check labels by it with no network."""


@command.command("make")
@click.argument("out", type=path())
@click.option(
    "--valid-days", type=click.IntRange(1, 90), default=7, show_default=True, help="After this many days nothing is answered."
)
@store_options
@chain_options
@signer_options
@json_option
def make(out: Path, valid_days: int, store: Store, chain: Chain, signer: Signer, console: Console) -> None:
    """Make the pack OUT of every batch in the store whose anchor is final, and sign it.

    Each batch's tree is replayed first: what does not hold, and a chain that is silent, ends the making, and OUT is left as it
    was. The key needs no coin and no role: officers are told its address.
    """
    source = Shelves(store, chain.readers())
    console.say(f"replaying {len(source.stored)} batches")
    made = making.make(
        chain.trust, chain.readers(), store, source, signer.sign_digest, now=int(time.time()), valid_seconds=valid_days * DAY
    )
    write_whole(out, made.raw)
    console.found({
        "pack": str(out),
        "bytes": len(made.raw),
        "units": made.head.units,
        "batches": made.batches,
        "leftOut": made.left_out,
        "madeAt": made.head.made_at,
        "expiresAt": made.head.expires_at,
        "signer": signer.address,
    })  # fmt: skip


@command.command("check", cls=Inquiry)
@click.argument("pack", type=path(exists=True))
@click.argument("presented", nargs=-1, metavar="[LINK|GTIN/SERIAL]...")
@click.option("--signer", required=True, help="Address of the pack's signer, from a source that you trust.")
@click.option(
    "--list", "listed", type=click.File("r", encoding="utf-8"), help="A file of links or numbers, one a line; - for input."
)
@click.option("--max-age-hours", type=click.IntRange(min=1), help="Answer nothing by a pack that is older than this.")
@json_option
def check(
    pack: Path, presented: tuple[str, ...], signer: str, listed: Any, max_age_hours: int | None, console: Console
) -> None:
    """Check labels by PACK, with no network. Every answer says how old the pack is.

    An answer is what the registry said when the pack was made, or `cannot_check`: a unit that is not in the pack may have been
    registered since. Exits with 0 if each verdict is `registered`, with 2 if the pack is not to be trusted, with 1 otherwise.
    """
    texts = [*presented, *(_lines(listed) if listed else ())]
    if not texts:
        raise click.UsageError("name a link, or a file of them with --list")
    with pack_file.opened(pack, read_address(signer)) as opened:
        verifier = PackVerifier(PackFacts(opened), clock=time.time, max_age=max_age_hours and max_age_hours * HOUR)
        verdicts = [_check(verifier, text) for text in texts]
        console.found({"pack": _told(opened), "verdicts": [as_json(one) for one in verdicts]}, _shown(opened, verdicts))
    if any(one.registration is not Registration.REGISTERED for one in verdicts):
        sys.exit(REFUSED)


class Shelves:
    """The batches of a store, each replayed before it is told."""

    def __init__(self, store: Store, readers: Sequence[ChainReader]) -> None:
        self._store = store
        self._readers = readers
        self.stored: dict[bytes, StoredBatch] = {batch.seal: batch for batch in store.batches()}

    def batches(self) -> Iterator[ClaimedBatch]:
        """Yield the batches. Raises as `replay` does."""
        for one in self.stored.values():
            replay(self._store, one)
            yield ClaimedBatch(one.manufacturer, one.seal, one.root, one.unit_count, one.manifest, one.salt)

    def units(self, batch: ClaimedBatch) -> Iterator[tuple[Record, bytes, int]]:
        """Yield record, signature and index of a batch's units."""
        return self._store.labels(self.stored[batch.seal].id)

    def withdrawn(self, batch: ClaimedBatch) -> Iterator[int]:
        """Yield the indexes of withdrawn units, of any deployment and for any reason."""
        count = -(-batch.unit_count // WORD)
        for reader in self._readers:
            for reason in Reason:
                if reason is Reason.NONE:
                    continue
                for word, mask in _words(reader, batch, reason, count):
                    yield from (WORD * word + bit for bit in range(WORD) if mask >> bit & 1)


def _words(reader: ChainReader, batch: ClaimedBatch, reason: Reason, count: int) -> list[tuple[int, int]]:
    contract = reader.deployment.contract
    return reader.pool.read(lambda node: withdrawn_words(node, contract, batch.manufacturer, batch.seal, reason, count=count))


def _lines(listed: Any) -> list[str]:
    try:
        lines = [line.strip() for line in listed]
    except UnicodeDecodeError as error:
        raise InputError(f"the list is not UTF-8: {error}") from error
    long = next((number for number, line in enumerate(lines, 1) if len(line) > MAX_LINE), None)
    if long is not None:
        raise InputError(f"line {long} of the list has {len(lines[long - 1])} characters, expected at most {MAX_LINE}")
    return [line for line in lines if line]


def _check(verifier: PackVerifier, text: str) -> Verdict:
    number = NUMBER.fullmatch(text)
    return verifier.check_number(UnitId(number[1], number[2]), presented=text) if number else verifier.check(text)


def _told(pack: Pack) -> dict[str, Any]:
    head = pack.head
    return {
        "madeAt": head.made_at,
        "expiresAt": head.expires_at,
        "ageSeconds": int(time.time()) - head.made_at,
        "signer": pack.signer,
    }


def _shown(pack: Pack, verdicts: list[Verdict]) -> list[str]:
    hours = (time.time() - pack.head.made_at) / HOUR
    age = f"as of {time.strftime('%Y-%m-%d %H:%M', time.gmtime(pack.head.made_at))} UTC, {hours:.1f} hours ago"
    if len(verdicts) == 1:
        return [*lines_of(verdicts[0]), f"  by the pack of {pack.signer}, {age}"]
    return [f"{one.registration.value:<18} {age}  {one.presented}" for one in verdicts]
