"""Serials: generated, shown in groups, and read tolerantly only when typed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.units import identity, serials

GENERATED = st.text(serials.ALPHABET, min_size=16, max_size=16)


def test_a_generated_serial_has_80_random_bits_in_16_issuable_characters() -> None:
    """Sixteen characters of Crockford's base 32; a thousand of them are a thousand different ones."""
    made = {serials.generate() for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch("[0-9A-HJKMNP-TV-Z]{16}", serial) for serial in made)
    for serial in made:
        identity.require_issuable(serial, "serial")


@given(GENERATED)
def test_a_serial_read_aloud_and_typed_is_found_again(serial: str) -> None:
    """Groups, small letters, O for 0, I or l for 1, full-width characters and the check character are all repaired."""
    shown = serials.group(serial)
    assert serials.fold(shown) == serials.fold(serial) == serial
    typed = shown.lower().replace("0", "O").replace("1", "l").replace(" ", "-")
    assert serials.fold(typed) == serial
    full_width = "".join(chr(ord(character) + 0xFEE0) for character in serial)
    assert serials.fold(full_width) == serial
    read = serials.read_typed(f" {shown} {serials.check_character(serial)} ")
    assert read.without_check == serial


@given(GENERATED, st.integers(0, 15), st.sampled_from(serials.ALPHABET))
def test_one_wrong_character_changes_the_check_character(serial: str, place: int, other: str) -> None:
    """The check character finds every single wrong character: 37 is prime and larger than the alphabet."""
    wrong = serial[:place] + other + serial[place + 1 :]
    if wrong != serial:
        assert serials.check_character(wrong) != serials.check_character(serial)
        assert serials.read_typed(wrong + serials.check_character(serial)).without_check is None


@given(GENERATED)
def test_the_check_character_is_the_number_modulo_37(serial: str) -> None:
    """Digit by digit, as Crockford has it; it is printed behind the serial."""
    number = 0
    for character in serial:
        number = 32 * number + serials.ALPHABET.index(character)
    check = serials.CHECK_ALPHABET[number % 37]
    assert serials.check_character(serial) == check
    assert serials.printed(serial) == f"{serials.group(serial)} · {check}"


@given(st.text(max_size=60))
def test_repairing_twice_changes_nothing_more(text: str) -> None:
    """`fold` is a normal form: what is stored under it is found by it."""
    assert serials.fold(serials.fold(text)) == serials.fold(text)


@given(st.text(max_size=30), st.text(st.sampled_from(serials.ALPHABET + "U"), max_size=30))
def test_what_is_read_as_it_is_would_be_anyway(text: str, plain: str) -> None:
    """The short way for serials that need no repair gives what the long way gives."""
    assert serials.fold(plain) == plain == serials.fold("-" + plain)
    assert serials.fold(text + plain) == serials.fold(text) + plain


@given(st.lists(st.text().filter(lambda text: "," not in text and "，" not in text) | GENERATED))
def test_many_are_folded_as_each_is(texts: list[str]) -> None:
    assert serials.fold_all(texts) == [serials.fold(text) for text in texts]


def test_folding_is_not_unicode_normalisation() -> None:
    """Only the full-width table is repaired: a superscript or a ligature is nobody's typing error."""
    assert serials.fold("²") == "²"
    assert serials.fold("\ufb01") == "\ufb01"
    assert serials.fold("ß") == "ß"


@pytest.mark.parametrize(
    ("gtin", "claimed", "expected"),
    [
        ("09521001000017", ["9521001"], True),
        ("19521001000014", ["9521001"], True),
        ("09521001000017", ["9521002"], False),
        ("09521001000017", ["09521001000017"], True),
        ("09521001000017", ["952"], False),
        ("09521001000017", ["0952100"], False),
        ("09521001000017", [], False),
        ("00000002345673", ["0000002"], False),
        ("00000002345673", ["00000002345673"], True),
        ("02012345678900", ["2012345"], False),
        ("02112345678900", ["2112345"], False),
        ("02112345678900", ["02112345678900"], True),
        ("00212345678902", ["0212345"], False),
        ("00412345678902", ["0412345"], False),
    ],
)
def test_a_gtin_belongs_to_who_claims_its_prefix(gtin: str, claimed: list[str], *, expected: bool) -> None:
    """The prefix is compared after the indicator digit; GTIN-8s and restricted ranges are claimed whole or not at all."""
    assert identity.claims(gtin, claimed) is expected
