"""Rubbish for everything that reads what strangers give: `python -m tests.faults.fuzz [--inputs 100000] [--seed 1]`.

Each reader gets real documents that were damaged in an order that a seed decides: bits and bytes changed, parts cut, doubled,
spliced and put in, members of JSON and of archives replaced, numbers and depths beyond measure. Of each input one of two things
has to come out: a value, for which a law of that reader holds, or an error of ours, of one line, that names no file of this
machine. Anything else is a finding, and the program ends with 1.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import rfc8785

from registry.chain import wire
from registry.chain.deployment import load_trust, read_records
from registry.checking import repeating
from registry.checking.verdicts import Outcome
from registry.enforcement import absence_steps, consignments, result_sheet, tables
from registry.enforcement.verifier.files import check_file
from registry.errors import DocumentError, TouchstoneError
from registry.issuing import line_reports
from registry.issuing.intake import read_units
from registry.issuing.products import read_products
from registry.issuing.reconciliation import Kind
from registry.photos import reading
from registry.proofs import absence_file, manifest, notarising, pictures, profile, proof_file, signing
from registry.proofs.tree_file import TreeFile
from registry.publishing import offer
from registry.storage import backup
from registry.units import identity, links
from registry.units.serials import read_typed
from tests.enforcement import workbooks
from tests.faults.damage import damaged
from tests.issuing import samples
from tests.issuing.book import Book, UnitsInMemory
from tests.proofs.test_pictures import drawn
from tests.vectors.test_own_vectors import FILES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Reader = Callable[[bytes], object]

LONGEST_MESSAGE: Final = 2000
CONTRACT: Final = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
SLOWEST: Final = 5.0
"""Seconds that one input may take, on a busy machine."""


@dataclass
class Target:
    """One reader, and real documents that it takes."""

    name: str
    seeds: Sequence[bytes]
    read: Reader
    """Read, and raise `AssertionError` where a law of the reader does not hold."""
    refusals: tuple[type[Exception], ...] = (TouchstoneError,)
    slow: int = 1
    """By how much fewer inputs are tried."""
    names_file: bool = False
    """Whether a person named the file, and the message does, too."""
    found: Counter[str] = field(default_factory=Counter)

    def give(self, raw: bytes) -> str:
        """Let it read; returns what is wrong, if anything is."""
        begun = time.monotonic()
        try:
            self.read(raw)
        except self.refusals as error:
            self.found["refused"] += 1
            problem = _ill_said(error, names_file=self.names_file)
        except BaseException as error:  # noqa: BLE001 -- whatever it is, it is a finding
            problem = f"{type(error).__name__}: {error}"[:300]
        else:
            self.found["taken"] += 1
            problem = ""
        if time.monotonic() - begun > SLOWEST:
            problem = problem or f"took {time.monotonic() - begun:.1f} s"
        return problem


def _ill_said(error: Exception, *, names_file: bool) -> str:
    told = str(error)
    if "\n" in told or len(told) > LONGEST_MESSAGE:
        return f"says {told[:200]!r}"
    return "" if names_file or f"{tempfile.gettempdir()}/" not in told else f"names a file of this machine: {told[:200]!r}"


# ------------------------------------------------------------------------------------------------------------------ readers


@dataclass
class Memory:
    """A tree file's bytes."""

    raw: bytes

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.raw)

    def read(self, offset: int, size: int) -> bytes:
        """Return some of them, as `registry.storage.objects` does."""
        found = self.raw[offset : offset + size]
        if len(found) != size:
            raise DocumentError("the file ends early")
        return found

    def close(self) -> None:
        """Hold nothing."""


def same_again(read: Callable[[bytes], Any], write: Callable[[Any], bytes]) -> Reader:
    """Return a reader whose law is that what it takes has one form of bytes."""

    def reader(raw: bytes) -> object:
        value = read(raw)
        assert write(value) == raw, "another form of bytes has the same meaning"
        return value

    return reader


def _both_verifiers(raw: bytes) -> object:
    """The program that lies in each bundle, which shares nothing with ours, judges alike."""
    if absence_file.is_one(raw):
        ours = [(one.step.value, one.outcome is absence_steps.Outcome.PASSED) for one in absence_steps.repeat(raw)[1]]
    else:
        ours = [(one.step.value, one.outcome is Outcome.PASSED) for one in repeating.repeat(raw)[1]]
    theirs = [(name, held) for name, held, _ in check_file(raw)[1]]
    assert ours == theirs, f"one verifier found {ours}, the other {theirs}"
    if not all(held for _, held in ours):
        raise DocumentError("a step does not hold")
    return ours


def _link(raw: bytes) -> object:
    link = links.parse(raw.decode("utf-8", "surrogateescape"))
    assert identity.is_gtin(link.gtin)
    assert links.parse(link.raw) == link
    return link


def _reported() -> list[bytes]:
    numbers = UnitsInMemory(20, (samples.GTIN,))
    units = [numbers.unit(rank).record for rank in range(5)]
    return ["\n".join(f"{one.gtin},{one.serial}" for one in units).encode(), "\n".join(one.serial for one in units).encode()]


def _report(raw: bytes) -> object:
    book = Book(20)
    draft = line_reports.read(io.BytesIO(raw), book.ledger, book.units, Kind.APPLIED, actor="line", name="line.csv")
    assert len(draft.marks) <= draft.lines
    return draft


def _list(raw: bytes) -> object:
    table = tables.read(raw)
    columns = tables.guess(table)
    tables.check(table, columns)
    found = consignments.entries(table, columns)
    assert len(found) <= tables.MAX_LINES
    return found


def _tree(seals: set[bytes]) -> Reader:
    def reader(raw: bytes) -> object:
        tree = TreeFile(Memory(raw))
        tree.check()
        assert not tree.whole or tree.seal in seals, "another seal than any that was made"
        return list(tree.units())

    return reader


def _sheet(right: bytes) -> Reader:
    def reader(raw: bytes) -> object:
        found = result_sheet.signed_by(result_sheet.read(raw))
        said = {key: value for key, value in result_sheet.read(raw).items() if key != "signature"}
        meant = {key: value for key, value in result_sheet.read(right).items() if key != "signature"}
        assert said == meant, "a changed sheet is signed"
        return found

    return reader


def _answer(name: str) -> Reader:
    return lambda raw: wire.decode(name, raw)


def _log(raw: bytes) -> object:
    log = json.loads(raw)
    return wire.decode_log(log if isinstance(log, dict) else {})


def _in_file(read: Callable[[Path], object], folder: Path, name: str) -> Reader:
    def reader(raw: bytes) -> object:
        (folder / name).write_bytes(raw)
        return read(folder / name)

    return reader


def targets(folder: Path) -> list[Target]:
    """Return every reader, with real documents; `folder` is for what has to be a file."""
    vectors = {name: [case["document"].encode() for case in FILES[name]["cases"]] for name in ("proofs", "absences")}
    manifests = [case["manifest"].encode() for case in FILES["manifests"]["cases"] if case["valid"]]
    sealed = samples.sealed_batch(folder, samples.serials(9))
    tree = sealed.file.read_bytes()
    parcel = tree[: TreeFile(Memory(tree)).header.nodes_at]
    offered = offer.write(offer.Offer(7, samples.KEY, TreeFile(Memory(tree)).header))
    profiles = [
        profile.write(
            profile.Profile({"en": "Maker"}, {"en": "Brand"}, "m.example.com", ("CN 1",), ("9521001",), "CN", "ip@m.example")
        )
    ]
    signed = (
        "https://verify.example.org/01/09521001000017/10/L2609A/21/4D2A9KXQ7M1TZ0BC?sig=" + "A" * 85 + "w",
        "HTTPS://VERIFY.EXAMPLE.ORG/01/09521001000017/21/4D2A9KXQ7M1TZ0BC",
        "https://verify.example.org/01/09521001000017/22/2A/10/L%2F1/21/a%2Bb?17=290101",
    )
    lists = [
        "GTIN,Serial\r\n09521001000017,4D2A9KXQ7M1TZ0BC\r\n9521001000017,S2\r\n".encode("utf-8-sig"),
        "序列号;商品编码\n4D2A9KXQ7M1TZ0BC;09521001000017\n".encode("gb18030"),
        b"https://verify.example.org/01/09521001000017/21/S1\n\nS2\n",
    ]
    rows = "".join(f'<row r="{row}">{workbooks.cell(f"A{row}", f"S{row}", kind="inlineStr")}</row>' for row in range(1, 5))
    books = [workbooks.book(workbooks.sheet(rows)), workbooks.book(workbooks.sheet(rows), shared=["a", "b"])]
    products_file = (
        b'attributes = ["colour"]\n[[product]]\ngtin = "09521001000017"\nmodel = "S1"\nnames.en = "Lamp"\n'
        b'[[product.lot]]\nlot = "L2609A"\nproduced = "2026-09-01"\nmarkets = ["CN"]\n'
    )
    units = [b"gtin,lot,serial,colour\n09521001000017,L2609A,4D2A9KXQ7M1TZ0BC,red\n09521001000017,L2609A,,\n"]
    trust = {
        "registryId": "0x" + "07" * 32, "finality": "finalized", "freshSeconds": 10, "staleSeconds": 600, "production": False,
        "deployments": [{"chainId": 31337, "contract": CONTRACT, "block": 1, "codeHash": "0x" + "01" * 32}],
    }  # fmt: skip
    record = {
        "chainId": 31337,
        "deployments": [
            {
                "contract": CONTRACT,
                "block": 1,
                "codeHash": "0x" + "01" * 32,
                "registryId": "0x" + "07" * 32,
                "production": False,
                "compiler": {"version": "0.8.28"},
            }
        ],
    }
    kept = {"name": "1.sqlite", "bytes": "10", "sha256": "0" * 64}
    snapshot = {
        "format": "touchstone-backup", "version": "1", "revision": "0013", "pictures": [],
        "trees": [{**kept, "name": "1" * 64}],
        "databases": [{"holds": ["registry"], "file": kept, "rows": {"batches": "3"}}],
    }  # fmt: skip
    owner = wire.CODEC.encode(["(address,uint64,uint64,uint32)"], [("0x" + "11" * 20, 1, 2, 3)])
    log = {
        "topics": [wire.topic("BatchAnchored"), wire.topic_of(1), "0x" + "22" * 32, "0x" + "00" * 12 + "11" * 20],
        "data": "0x" + "00" * 31 + "01",
        "blockNumber": "0x1",
        "blockHash": "0x" + "33" * 32, "transactionHash": "0x" + "44" * 32, "logIndex": "0x0", "removed": False,
        "address": CONTRACT.lower(),
    }  # fmt: skip
    sheet = _signed_sheet()
    photos = [drawn(40, 30, "PNG"), drawn(40, 30, "JPEG"), drawn(40, 30, "WEBP")]
    return [
        Target("links on labels", [one.encode() for one in signed], _link),
        Target(
            "numbers that are typed",
            [b"4D2A-9KXQ 7M1T", "０ＯＩＬ".encode()],
            lambda raw: read_typed(raw.decode("utf-8", "replace")),
        ),
        Target("files of units (CSV)", units, _units(folder), slow=8),
        Target(
            "files of products (TOML)",
            [products_file],
            _in_file(read_products, folder, "products.toml"),
            slow=4,
            names_file=True,
        ),
        Target("the line's reports (CSV)", _reported(), _report, slow=4),
        Target("inspectors' lists (text, CSV)", lists, _list),
        Target("inspectors' lists (XLSX)", books, _list, slow=8),
        Target("manifests", manifests, same_again(manifest.read, manifest.write)),
        Target("profiles", profiles, same_again(profile.read, profile.write)),
        Target("proof files", vectors["proofs"], same_again(proof_file.read, proof_file.write)),
        Target("absence files", vectors["absences"], same_again(absence_file.read, absence_file.write), slow=2),
        Target("proofs and absences, by two verifiers", [*vectors["proofs"], *vectors["absences"]], _both_verifiers, slow=8),
        Target("tree files and parcels", [tree, parcel], _tree({sealed.seal}), slow=2),
        Target("offers of batches", [offered], lambda raw: offer.read(raw, sealed.seal)),
        Target("result sheets", [sheet], _sheet(sheet), slow=2),
        Target(
            "trust files", [json.dumps(trust).encode()], _in_file(load_trust, folder, "trust.json"), slow=2, names_file=True
        ),
        Target("deployment records", [json.dumps(record).encode()], _records(folder), slow=2, names_file=True),
        Target("lists of backups", [json.dumps(snapshot).encode()], lambda raw: backup._read("one", raw)),
        Target("the contract's answers", [owner, bytes(2048)], _answer("status"), (ValueError,)),
        Target("the contract's events", [json.dumps(log).encode()], _log, (ValueError,)),
        Target("pictures of products", photos[:2], pictures.read),
        Target("photos of labels", photos, reading.decode, slow=40),
    ]


def _units(folder: Path) -> Reader:
    known = samples.products(attributes=("colour",))

    def reader(raw: bytes) -> object:
        with tempfile.TemporaryDirectory(dir=folder) as spool:
            return len(read_units(io.BytesIO(raw), known, Path(spool)))

    return reader


def _records(folder: Path) -> Reader:
    place = folder / "records"
    place.mkdir()
    return _in_file(lambda _: read_records(place), place, "31337.json")


def _signed_sheet() -> bytes:
    """Return a result sheet that is signed."""
    values: dict[str, Any] = {
        "format": result_sheet.FORMAT,
        "version": result_sheet.VERSION,
        "registryId": "0x" + "07" * 32,
        "lines": {"count": "3"},
        "source": {"name": "list.csv", "sha256": hashlib.sha256(b"").hexdigest()},
    }
    digest = notarising.digest(bytes([7]) * 32, result_sheet.KIND, result_sheet.signed_hash(values), 1_790_000_000)
    value = signing.sign(digest, samples.PRIVATE_KEY)
    values["signature"] = {"signer": samples.KEY, "signedAt": "2026-09-21T14:13:20Z", "value": f"0x{value.hex()}"}
    return bytes(rfc8785.dumps(values)) + b"\n"


# ---------------------------------------------------------------------------------------------------------------------- run


def fuzz(folder: Path, *, inputs: int, seed: int, seconds: float = 1e9) -> tuple[list[Target], list[str]]:
    """Give every reader so many inputs, or what it takes in so many seconds; returns the readers, and what was found."""
    findings = []
    chosen = targets(folder)
    for target in chosen:
        chance = random.Random(f"{seed} {target.name}")
        until = time.monotonic() + seconds
        for raw in target.seeds:
            target.give(raw)
        for number in range(max(inputs // target.slow, 1)):
            raw = damaged(target.seeds, chance)
            if problem := target.give(raw):
                findings.append(f"{target.name}, input {number}: {problem}\n  {raw[:300]!r}")
                if len(findings) > 20:
                    return chosen, findings
            if time.monotonic() > until:
                break
    return chosen, findings


def main() -> None:
    """Print the table, and end with 1 if anything was found."""
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--inputs", type=int, default=100_000)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--seconds", type=float, default=120.0, help="for each reader, at most")
    told = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="fuzz") as folder:
        chosen, findings = fuzz(Path(folder), inputs=told.inputs, seed=told.seed, seconds=told.seconds)
    print("| reader | inputs | taken | refused |\n| --- | ---: | ---: | ---: |")
    for target in chosen:
        print(f"| {target.name} | {target.found.total():,} | {target.found['taken']:,} | {target.found['refused']:,} |")
    if findings:
        sys.exit("\n".join(findings))


if __name__ == "__main__":
    main()
