"""A products file is right, or every fault in it is named."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from registry.errors import IntakeError
from registry.issuing.products import Products, read_products
from tests.issuing.samples import GTIN, OTHER_GTIN
from tests.proofs.test_pictures import drawn

MINIMUM = f"""
[[product]]
gtin = "{GTIN}"
names.en = "Sample"

[[product.lot]]
lot = "L1"
"""

EVERYTHING = f"""
attributes = ["colour", "frame_number"]

[[product]]
gtin = "{GTIN}"
carrier = "compact"
model = "S1"
names.en = "Sample"
names.zh = "样品"
trademarks = ["TM 1", "TM 2"]
recordals = ["R 1"]
serialised_since = 2026-08-01
pictures = ["pictures/s1.png"]
random_serials = true

[[product.lot]]
lot = "L1"
produced = "2026-09-14"
expires = 2029-09-14
markets = ["CN", "TH"]

[[product.lot]]
lot = "L2"

[[product]]
gtin = "{OTHER_GTIN}"
names.en = "Other"

[[product.lot]]
lot = "L1"
"""


def read(folder: Path, text: str | bytes) -> Products:
    path = folder / "products.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_products(path)


def faults(folder: Path, text: str | bytes) -> list[str]:
    with pytest.raises(IntakeError) as caught:
        read(folder, text)
    return [str(problem) for problem in caught.value.problems]


@pytest.fixture
def picture(tmp_path: Path) -> bytes:
    content = drawn(3, 2)
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "s1.png").write_bytes(content)
    return content


def test_the_least_that_must_be_said(tmp_path: Path) -> None:
    products = read(tmp_path, MINIMUM)
    entry = products.entry(GTIN, "L1")
    assert entry is not None
    assert (entry.carrier, entry.names, entry.model, entry.expires, entry.markets) == ("signed", {"en": "Sample"}, "", "", ())
    assert (products.attributes, products.random_serials, products.pictures) == (frozenset(), frozenset(), {})
    assert products.entry(GTIN, "L2") is products.entry(OTHER_GTIN, "L1") is None


def test_everything_that_can_be_said(tmp_path: Path, picture: bytes) -> None:
    products = read(tmp_path, EVERYTHING)
    entry = products.entry(GTIN, "L1")
    digest = hashlib.sha256(picture).hexdigest()
    assert entry is not None
    assert (entry.carrier, entry.model, entry.names) == ("compact", "S1", {"en": "Sample", "zh": "样品"})
    assert (entry.trademarks, entry.recordals, entry.serialised_since) == (("TM 1", "TM 2"), ("R 1",), "2026-08-01")
    assert (entry.produced, entry.expires, entry.markets) == ("2026-09-14", "2029-09-14", ("CN", "TH"))
    assert entry.pictures == (digest,)
    assert products.pictures[digest].read_bytes() == picture
    assert products.attributes == {"colour", "frame_number"}
    assert products.random_serials == {GTIN}
    assert products.gtins == {GTIN, OTHER_GTIN}
    assert set(products.entries) == {(GTIN, "L1"), (GTIN, "L2"), (OTHER_GTIN, "L1")}


def test_the_fingerprint_is_of_the_content(tmp_path: Path, picture: bytes) -> None:
    first = read(tmp_path, EVERYTHING).fingerprint
    assert read(tmp_path, "# a comment\n" + EVERYTHING).fingerprint == first
    assert read(tmp_path, EVERYTHING.replace("S1", "S2")).fingerprint != first
    (tmp_path / "pictures" / "s1.png").write_bytes(picture + b"!")
    assert read(tmp_path, EVERYTHING).fingerprint != first


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[[product]]", "[product]", "product: found"),
        (f'gtin = "{GTIN}"', "", "product 1, gtin: found nothing, expected a text"),
        (GTIN, "09521001000018", "product 1, gtin: found '09521001000018', expected 14 digits with their check digit"),
        ('names.en = "Sample"', "", "product 1, names: found nothing, expected a name in at least one language"),
        ("names.en", "names.English", "product 1, names: found 'English', expected a language such as en or zh"),
        ('"Sample"', '""', "product 1, names.en: found '', expected a text"),
        ('"Sample"', '"a\\u0000b"', "product 1, names.en: found 'a\\x00b', expected a text"),
        ('"Sample"', f'"{"x" * 201}"', "product 1, names.en: found 'xxx"),
        (
            "[[product.lot]]",
            "carrier = 'paper'\n[[product.lot]]",
            "product 1, carrier: found 'paper', expected signed or compact",
        ),
        (
            "[[product.lot]]",
            "random_serials = 1\n[[product.lot]]",
            "product 1, random_serials: found 1, expected true or false",
        ),
        ("[[product.lot]]", "trademark = 'x'\n[[product.lot]]", "product 1, trademark: found a name that is not known"),
        ("[[product.lot]]", "trademarks = 'x'\n[[product.lot]]", "product 1, trademarks: found 'x', expected a list"),
        ("[[product.lot]]", "trademarks = ['x', 'x']\n[[product.lot]]", "product 1, trademarks: found a text twice"),
        ("[[product.lot]]", "pictures = ['no.png']\n[[product.lot]]", "product 1, pictures: found no.png (No such file"),
        (
            "[[product.lot]]",
            "pictures = ['products.toml']\n[[product.lot]]",
            "product 1, pictures: found products.toml (the file is",
        ),
        ("[[product.lot]]", "pictures = ['../x']\n[[product.lot]]", "product 1, pictures: found ../x, expected a file beside"),
        ('lot = "L1"', "", "product 1, lot 1, lot: found nothing, expected a text"),
        ('lot = "L1"', 'lot = "L 1"', "product 1, lot 1, lot: found 'L 1', expected 1 to 20 of"),
        ('lot = "L1"', 'lot = "L1"\nexpires = "14.9.2029"', "product 1, lot 1, expires: found '14.9.2029', expected a date"),
        ('lot = "L1"', 'lot = "L1"\nexpires = "2029-02-30"', "product 1, lot 1, expires: found '2029-02-30', expected a date"),
        ('lot = "L1"', 'lot = "L1"\nexpired = ""', "product 1, lot 1, expired: found a name that is not known"),
        ('lot = "L1"', 'lot = "L1"\nmarkets = ["China"]', "product 1, lot 1, markets: found 'China', expected two capital"),
        (
            'lot = "L1"',
            'lot = "L1"\n[[product.lot]]\nlot = "L1"',
            "product 1, lot 2: found L1, expected each lot of a product once",
        ),
    ],
)
def test_a_fault_is_named_with_place_and_expectation(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert any(fault.startswith(expected) for fault in faults(tmp_path, MINIMUM.replace(old, new)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"\xff", "file: found byte 0xff at offset 0, expected UTF-8"),
        ("product = [", ", expected TOML"),
        ("", "product: found nothing, expected at least one table of that name"),
        ("#" * (4 * 2**20 + 1), "file: found more than 4 MiB"),
        ("attributes = ['serial']" + MINIMUM, "attributes: found serial, expected lower-case letters"),
        ("attributes = ['Colour']" + MINIMUM, "attributes: found 'Colour', expected lower-case letters"),
        ("atributes = ['colour']" + MINIMUM, "atributes: found a name that is not known, expected one of attributes, product"),
        (MINIMUM + MINIMUM, f"product 2, gtin: found {GTIN}, expected a GTIN that no product before has"),
    ],
    ids=["bytes", "TOML", "empty", "large", "reserved", "capital", "misspelt", "twice"],
)
def test_a_fault_of_the_whole_file_is_named(tmp_path: Path, text: str | bytes, expected: str) -> None:
    assert any(expected in fault for fault in faults(tmp_path, text))


def test_a_missing_file_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(IntakeError) as caught:
        read_products(tmp_path / "products.toml")
    assert (
        str(caught.value.problems[0])
        == "file: found products.toml (No such file or directory), expected a file that can be read"
    )


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    text = MINIMUM.replace(GTIN, "1").replace('"L1"', '"?"').replace('"Sample"', "7")
    assert len(faults(tmp_path, text)) == 3


def test_the_examples_are_right() -> None:
    for path in (Path(__file__).parents[2] / "examples").glob("*/products.toml"):
        assert read_products(path).entries
