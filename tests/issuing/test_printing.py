"""Print runs: the right labels in the right files, whole or not at all, the same again after any end, and what was checked."""

from __future__ import annotations

import contextlib
import csv
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from registry import barcodes
from registry.errors import LabelError
from registry.issuing import printing, qr
from registry.issuing.labels import STOCKS
from registry.issuing.printing import Order, print_labels
from registry.units import links, serials
from tests.issuing import label_batch
from tests.issuing.label_batch import BASE, SIGNED

if TYPE_CHECKING:
    from pathlib import Path

    from registry.issuing.press import Code
    from registry.proofs.tree_file import TreeFile

ROLL = STOCKS["single"]


def order(tree: TreeFile, kind: str = "pdf", stock: str = "A4-21") -> Order:
    """Return an order to print a batch."""
    return Order(tree, BASE, kind, STOCKS[stock], barcodes.read_rows)


def listed(tree: TreeFile, out: Path, first: int = 0, count: int | None = None) -> list[dict[str, str]]:
    """Return the list of links of a run."""
    print_labels(order(tree, "csv"), out, first=first, count=count)
    with out.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_every_unit_of_a_range_has_its_label_once(tmp_path: Path) -> None:
    """In the order of ranks, over several files, and no other."""
    tree = label_batch.tree(tmp_path, 50)
    run = print_labels(order(tree), tmp_path / "out" / "l.pdf", first=5, count=42, per_file=21)
    assert [file.name for file in run.files] == ["l-1.pdf", "l-2.pdf"]
    assert (run.seal, run.first, run.count, run.pages, run.checked, run.read_back) == (tree.seal, 5, 42, 2, 42, 42)
    expected = [row["link"] for row in listed(tree, tmp_path / "l.csv")][5:47]
    found: list[str] = []
    for file in run.files:
        (page,) = label_batch.pages_of(file.read_bytes())
        found += barcodes.read(page.render(scale=4).to_pil())
    assert Counter(found) == Counter(expected)


def test_the_list_of_links_reads_back_as_csv(tmp_path: Path) -> None:
    """A print house gets each link with its parts, exactly."""
    tree = label_batch.tree(tmp_path, 30)
    rows = listed(tree, tmp_path / "l.csv", 10, 15)
    for row, unit in zip(rows, tree.units(10, 15), strict=True):
        record = unit.record
        assert (row["gtin"], row["lot"], row["serial"]) == (record.gtin, record.lot, record.serial)
        assert row["serial_as_printed"] == serials.printed(record.serial)
        assert links.parse(row["link"]).serial == record.serial


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_pictures_are_named_by_unit(tmp_path: Path, kind: str) -> None:
    """One file a unit, and nothing unfinished beside them."""
    tree = label_batch.tree(tmp_path, 7)
    run = print_labels(order(tree, kind, "single"), tmp_path / "out", per_file=3)
    assert run.files == (tmp_path / "out",)
    names = {f"{unit.record.gtin}_{unit.record.serial}.{kind}" for unit in tree.units()}
    assert {file.name for file in (tmp_path / "out").iterdir()} == names


@pytest.mark.parametrize("kind", ["zpl", "zpl-text"])
def test_zpl_is_one_label_a_unit(tmp_path: Path, kind: str) -> None:
    """On a label that has room for the code of a printer that encodes by itself."""
    tree = label_batch.tree(tmp_path, 6)
    run = print_labels(replace(order(tree, kind, "A4-14"), dpi=300), tmp_path / "l.zpl")
    text = run.files[0].read_text()
    assert text.count("^XA") == text.count("^XZ") == 6
    assert run.read_back == (6 if kind == "zpl" else 0)
    assert ("scan some" in run.statement) == (kind == "zpl-text")


def test_one_worker_or_more_print_the_same(tmp_path: Path) -> None:
    """And a run that is repeated changes nothing."""
    tree = label_batch.tree(tmp_path, 120)
    files: list[list[bytes]] = []
    for workers in (1, 2, 1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(printing, "hands", lambda _, wanted: wanted)
            run = print_labels(order(tree), tmp_path / "l.pdf", per_file=50, workers=workers)
        files.append([file.read_bytes() for file in run.files])
    assert len(files[0]) == 3
    assert files[0] == files[1] == files[2]


def test_above_the_limit_a_sample_is_read_and_the_report_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A random one each time; all codes are checked module by module; `verify_all` reads all."""
    tree = label_batch.tree(tmp_path, 60)
    monkeypatch.setattr(printing, "EVERY", 40)
    monkeypatch.setattr(printing, "SAMPLE", 10)
    chosen: list[frozenset[str]] = []
    for _ in range(3):
        seen: list[str] = []

        def read(size: int, rows: bytes, seen: list[str] = seen) -> tuple[str, ...]:
            seen += barcodes.read_rows(size, rows)
            return tuple(seen[-1:])

        run = print_labels(replace(order(tree), read_back=read), tmp_path / "l.pdf", per_file=25)
        assert (run.checked, run.read_back, len(seen)) == (60, 10, 10)
        chosen.append(frozenset(seen))
    assert len(set(chosen)) > 1
    assert "10 drawn by the system's random source were read" in run.statement
    assert "with 95% confidence, less than 25.89% could not be" in run.statement
    run = print_labels(order(tree), tmp_path / "l.pdf", verify_all=True)
    assert run.read_back == 60
    assert run.statement.endswith("all 60 were read from their pictures")
    assert print_labels(order(tree), tmp_path / "l.pdf", count=40).read_back == 40


def test_ordinary_codes_are_all_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The strict path draws one by one and reads every one."""
    tree = label_batch.tree(tmp_path, 5)
    monkeypatch.setattr(printing, "EVERY", 2)
    run = print_labels(replace(order(tree), draw=barcodes.encode), tmp_path / "l.pdf")
    assert (run.checked, run.read_back) == (0, 5)
    assert run.statement == "all 5 were read from their pictures"


def wrong_text(text: str, level: str) -> Code:
    """Draw a code that says a little more."""
    return barcodes.encode(f"{text}x", level)


def test_a_code_that_does_not_read_back_is_not_handed_over(tmp_path: Path) -> None:
    """An encoder's fault stops the labels, with the link named; no file is left, whole or half."""
    tree = label_batch.tree(tmp_path, 5)
    out = tmp_path / "out"
    with pytest.raises(LabelError, match=r"(?i)reads as 'https://verify.*x', expected 'https://verify"):
        print_labels(replace(order(tree), draw=wrong_text), out / "l.pdf")
    assert list(out.iterdir()) == []


def test_a_faulty_encoder_hands_over_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The structural check stands in the way of every run."""
    tree = label_batch.tree(tmp_path, 5)
    encode = qr.Encoder.encode

    def faulty(self: qr.Encoder, data: qr.Bytes) -> qr.Bytes:
        codes = encode(self, data).copy()
        codes[-1, 30, 2] ^= 8
        return codes

    monkeypatch.setattr(qr.Encoder, "encode", faulty)
    with pytest.raises(LabelError, match="is faulty: code 0 has a codeword"):
        print_labels(order(tree), tmp_path / "out" / "l.pdf")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_damaged_tree_file_is_not_printed(tmp_path: Path) -> None:
    """A signature with one bit changed would make a label that reads as altered."""
    tree = label_batch.tree(tmp_path, 5)
    (path,) = tmp_path.iterdir()
    raw = bytearray(path.read_bytes())
    raw[tree.header.units_at + 89] ^= 1
    path.write_bytes(raw)
    with pytest.raises(LabelError, match="do not have the checksum"):
        print_labels(order(tree), tmp_path / "l.pdf")
    assert not (tmp_path / "l.pdf").exists()


def test_ranks_beyond_the_batch_are_refused(tmp_path: Path) -> None:
    """And a range that ends beyond it ends with it."""
    tree = label_batch.tree(tmp_path, 5)
    with pytest.raises(LabelError, match="the first label 5, expected 0 to 4"):
        print_labels(order(tree), tmp_path / "l.pdf", first=5)
    assert print_labels(order(tree), tmp_path / "l.pdf", first=3, count=99).count == 2


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """Not a traceback."""
    tree = label_batch.tree(tmp_path, 5)
    (tmp_path / "file").write_text("")
    for kind in ("pdf", "svg"):
        with pytest.raises(LabelError, match="cannot be written"):
            print_labels(order(tree, kind), tmp_path / "file" / "l.pdf")


def test_progress_reaches_the_whole(tmp_path: Path) -> None:
    """File by file."""
    tree = label_batch.tree(tmp_path, 10)
    told: list[int] = []
    print_labels(order(tree), tmp_path / "l.pdf", per_file=4, progress=told.append)
    assert told == [4, 8, 10]


RUN = """
import sys
from pathlib import Path
from registry.issuing import printing
from registry.issuing.labels import STOCKS
from registry.proofs.tree_file import FileSource, TreeFile
from registry import barcodes
printing.hands, printing.EVERY, printing.SAMPLE = lambda units, wanted: wanted, 0, 9
tree, out = map(Path, sys.argv[1:])
order = printing.Order(TreeFile(FileSource(tree)), "https://verify.example.org", "pdf", STOCKS["A4-21"], barcodes.read_rows)
print("begun", flush=True)
printing.print_labels(order, out, per_file=300, workers=2)
"""


@pytest.mark.parametrize("wait", [0.0, 0.3, 0.8, 1.5])
def test_a_killed_run_leaves_whole_files_and_is_repeated(tmp_path: Path, wait: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGKILL while two workers write: what is there by its name is whole, and the next run gives all of it."""
    monkeypatch.setattr(printing, "EVERY", 0)
    monkeypatch.setattr(printing, "SAMPLE", 9)
    tree = label_batch.tree(tmp_path, 900)
    (path,) = tmp_path.iterdir()
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    expected = print_labels(order(tree), whole / "l.pdf", per_file=300).files
    with subprocess.Popen([sys.executable, "-c", RUN, path, killed / "l.pdf"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(wait)
        process.kill()
    for file in list(killed.glob("l-*.pdf")):
        assert file.read_bytes() == (whole / file.name).read_bytes()
    # a worker notices that its parent is gone, and may be at its file until then
    with contextlib.suppress(LabelError):
        print_labels(order(tree), killed / "l.pdf", per_file=300)
    (killed / ".l-2.pdf.1.partial").write_text("left")
    again = print_labels(order(tree), killed / "l.pdf", per_file=300).files
    assert [file.read_bytes() for file in again] == [file.read_bytes() for file in expected]
    assert sorted(file.name for file in killed.iterdir()) == ["l-1.pdf", "l-2.pdf", "l-3.pdf"]


def test_what_is_stated_fits_a_million() -> None:
    """A thousand codes without a fault leave less than three in a thousand."""
    run = printing.PrintRun(b"", 0, 1_000_000, "pdf", (), 47620, 1_000_000, 1000)
    assert run.statement == (
        "all 1,000,000 codes were compared with their units, module by module; 1,000 drawn by the system's random source "
        "were read from their pictures: with 95% confidence, less than 0.30% could not be"
    )


@pytest.mark.parametrize("level", qr.LEVELS)
def test_any_level_of_error_correction(tmp_path: Path, level: qr.Level) -> None:
    """Larger codes on a label that has room."""
    tree = label_batch.tree(tmp_path, 3, label_batch.product(SIGNED))
    run = print_labels(replace(order(tree, stock="A4-14"), level=level), tmp_path / "l.pdf")
    assert run.read_back == 3
