"""Labels are what links and codes are one by one, and every planted fault is found: a check that cannot fail is none."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry import barcodes
from registry.errors import LabelError, LinkError
from registry.issuing import qr
from registry.issuing.press import MASK, Press
from registry.proofs import signing
from registry.proofs.tree_file import TreeUnit
from registry.units import links
from registry.units.records import Record
from tests.issuing import label_batch
from tests.issuing.label_batch import BASE, COMPACT, LOT, PRODUCTS, SIGNED

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.issuing.labels import Label
    from registry.proofs.manifest import Product

TEXT = st.text("ABCXYZabcxyz0189_-", min_size=1, max_size=20)
LONG = "https://verify.somewhere.example.org"


@settings(max_examples=20)
@given(st.lists(st.tuples(st.sampled_from(PRODUCTS), TEXT, st.binary(min_size=64, max_size=64)), min_size=1, max_size=8))
def test_labels_say_what_links_made_one_by_one_say(wanted: list[tuple[Product, str, bytes]]) -> None:
    """Products, lots and serials of all forms in one batch: each label reads as its own link, in its own place."""
    units = [
        TreeUnit(rank, Record(product.gtin, product.lot, serial), signature, None)
        for rank, (product, serial, signature) in enumerate(wanted)
    ]
    for unit, label in zip(units, label_batch.make(units), strict=True):
        record = unit.record
        compact = record.gtin == COMPACT
        expected = links.build_compact(BASE, record.id) if compact else links.build(BASE, record, unit.signature)
        assert label.link.decode() in {expected, BASE.upper() + expected[len(BASE) :]}
        assert barcodes.read_rows(label.size, label.code) == (label.link.decode(),)
        assert (label.face.gtin, label.face.lot, label.serial) == (record.gtin, record.lot, record.serial)
        assert label.unit == record.id


def test_capitals_are_printed_where_they_save_a_version() -> None:
    """With a long host; the link reads as the same unit and the same host, and its signature is untouched."""
    units = label_batch.units(2)
    short, long = (label_batch.make(units, base=base) for base in (BASE, LONG))
    assert all(label.link.startswith(b"https://verify") for label in short)
    for unit, label in zip(units, long, strict=True):
        assert label.link.startswith(b"HTTPS://VERIFY.SOMEWHERE.EXAMPLE.ORG/01/")
        assert label.size == short[0].size
        link = links.parse(label.link.decode())
        assert (f"https://{link.host}", link.scheme, link.serial) == (LONG, "https", unit.record.serial)
        assert link.signature is not None
        assert signing.decode(link.signature) == unit.signature


def test_a_version_follows_from_the_form_of_a_serial() -> None:
    """Small letters take more room than capitals and digits, whatever the signature happens to hold."""
    lots = label_batch.product(lot="K26")
    wanted = [
        label_batch.unit(lot="K26", serial=serial) for serial in ("7K3M9QWX2BHNV5TDAAAA", "7k3m9qwx2bhnv5tdaaaa", "1" * 20)
    ]
    capitals, small, digits = label_batch.make([*wanted, *wanted], lots)[:3]
    assert capitals.layout is not None
    assert small.layout is not None
    assert digits.layout is not None
    assert digits.layout.version <= capitals.layout.version <= small.layout.version
    assert ("N", 20) in digits.layout.parts


def other_serial(unit: TreeUnit) -> TreeUnit:
    return dataclasses.replace(unit, record=dataclasses.replace(unit.record, serial="0" * 16))


def other_lot(unit: TreeUnit) -> TreeUnit:
    return dataclasses.replace(unit, record=dataclasses.replace(unit.record, lot="k_2610b"))


def other_product(unit: TreeUnit) -> TreeUnit:
    return dataclasses.replace(unit, record=dataclasses.replace(unit.record, gtin=COMPACT))


def other_signature(unit: TreeUnit) -> TreeUnit:
    return dataclasses.replace(unit, signature=unit.signature[:-1] + bytes([unit.signature[-1] ^ 1]))


@pytest.mark.parametrize("other", [other_serial, other_lot, other_product, other_signature])
def test_a_label_of_another_unit_is_found(other: Callable[[TreeUnit], TreeUnit]) -> None:
    """A perfect code that says something else, at one place of many."""
    units = label_batch.units(9)
    press = Press(label_batch.described(), BASE)
    labels = press.labels([*units[:4], other(units[4]), *units[5:]])
    with pytest.raises(LabelError, match=f"the code of {SIGNED}/{units[4].record.serial} reads as .*, expected"):
        press.check(labels, units)
    with pytest.raises(LabelError, match=units[4].record.serial):
        press.check_link(labels[4], units[4])


def test_two_labels_that_changed_places_are_found() -> None:
    """Each of them is a good label."""
    units = label_batch.units(3)
    press = Press(label_batch.described(), BASE)
    one, two, three = press.labels(units)
    with pytest.raises(LabelError, match=units[0].record.serial):
        press.check([two, one, three], units)


def test_a_label_of_another_address_is_found() -> None:
    """Even one of the same length."""
    units = label_batch.units(2)
    labels = Press(label_batch.described(), BASE.replace("verify", "verity")).labels(units)
    press = Press(label_batch.described(), BASE)
    with pytest.raises(LabelError, match="verity"):
        press.check(labels, units)
    with pytest.raises(LabelError, match="verity"):
        press.check_link(labels[0], units[0])


def test_a_link_that_is_not_the_codes_is_found() -> None:
    """What is reported has to be what is printed."""
    units = label_batch.units(2)
    press = Press(label_batch.described(), BASE)
    labels = press.labels(units)
    with pytest.raises(LabelError, match=units[1].record.serial):
        press.check([labels[0], labels[1]._replace(link=labels[0].link)], units)


def checked(plant: Callable[[qr.Encoder], None], count: int = 50) -> tuple[list[Label], LabelError | None]:
    """Make labels with a fault in the encoder, and return what the check says."""
    units = label_batch.units(count)
    press = Press(label_batch.described(), BASE)
    press.labels(units)
    (encoder,) = press._encoders.values()
    plant(encoder)
    encoder._first = None  # it is drawn again, with the fault
    labels = press.labels(units)
    try:
        press.check(labels, units)
    except LabelError as error:
        return labels, error
    return labels, None


def test_a_wrong_table_entry_is_found() -> None:
    """One bit in one of 256 rows for one codeword, at many places: wherever a label used it, that label is named."""
    source = np.random.default_rng(5)
    for _ in range(12):

        def plant(encoder: qr.Encoder) -> None:
            place = int(source.choice(list(encoder._tables)))
            encoder._tables[place][1:, source.integers(1, 40)] ^= np.uint64(1) << np.uint64(source.integers(64))

        _, error = checked(plant)
        assert error is not None
        assert "the code of 09521001000017/" in error.message
        assert error.hint is not None


def test_a_wrong_mask_is_found() -> None:
    """Format information names one mask, and the data wear another: scanners read nothing."""

    def plant(encoder: qr.Encoder) -> None:
        turned = qr._mask(MASK, encoder.size) ^ qr._mask(3, encoder.size)
        encoder._modules[encoder._order] ^= turned.reshape(-1)[encoder._order]

    labels, error = checked(plant)
    assert error is not None
    assert barcodes.read_rows(labels[0].size, labels[0].code) == ()


def test_wrong_error_correction_is_found_though_scanners_forgive_it() -> None:
    """A code with one faulty codeword is read by every scanner, and has less to lose."""

    def plant(encoder: qr.Encoder) -> None:
        encoder._modules[encoder._order[-5]] ^= 1

    labels, error = checked(plant)
    assert error is not None
    assert "error correction disowns" in error.message
    assert barcodes.read_rows(labels[0].size, labels[0].code) == (labels[0].link.decode(),)


def test_the_strict_path_is_an_ordinary_encoder() -> None:
    """Codes drawn one by one, with the mask that suits each best: the same links, other modules."""
    units = label_batch.units(6)
    press = Press(label_batch.described(), BASE, draw=barcodes.encode)
    fast, strict = label_batch.make(units), press.labels(units)
    assert [label.link for label in fast] == [label.link for label in strict]
    for label in strict:
        assert barcodes.read_rows(label.size, label.code) == (label.link.decode(),)


@pytest.mark.parametrize("base", ["verify.example.org", "https://verify.example.org/check"])
def test_labels_under_a_wrong_address_are_refused(base: str) -> None:
    """What is printed a thousand times is checked before."""
    with pytest.raises(LinkError, match="expected scheme and host alone"):
        Press(label_batch.described(), base)


def test_a_lot_outside_the_manifest_is_refused() -> None:
    """What is printed beside the code comes from the sealed manifest."""
    with pytest.raises(LabelError, match="lot X of"):
        label_batch.make([label_batch.unit(lot="X")])


def test_a_link_that_no_code_holds_is_refused() -> None:
    """At the highest level, with the longest host that links may have."""
    base = f"https://{'a' * 253}"
    level: qr.Level
    for level in qr.LEVELS:
        (label,) = Press(label_batch.described(label_batch.product(lot=LOT)), base, level=level).labels(label_batch.units(1))
        assert barcodes.read_rows(label.size, label.code) == (label.link.decode(),)
