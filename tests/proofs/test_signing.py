"""A signature has one form, and only that form is accepted."""

from __future__ import annotations

from contextlib import suppress

import pytest
from eth_account import Account
from eth_keys.datatypes import PrivateKey
from eth_utils.address import to_checksum_address
from hypothesis import assume, given
from hypothesis import strategies as st

from registry.errors import SignatureError
from registry.proofs import signing
from tests.proofs.batch import PRIVATE_KEY

words = st.binary(min_size=32, max_size=32)
DIGEST = bytes(range(32))
SIGNATURE = signing.sign(DIGEST, PRIVATE_KEY)


@given(words)
def test_a_signature_leads_back_to_its_key(digest: bytes) -> None:
    """Sign, encode, decode, recover: the address is the signer's."""
    text = signing.encode(signing.sign(digest, PRIVATE_KEY))
    assert signing.recover(digest, signing.decode(text)) == signing.address_of(PRIVATE_KEY)


@given(words)
def test_signatures_are_those_of_eth_keys(digest: bytes) -> None:
    """Another implementation gives the same r, s and parity."""
    theirs = PrivateKey(PRIVATE_KEY).sign_msg_hash(digest)
    compact = theirs.r.to_bytes(32, "big") + (theirs.s | theirs.v << 255).to_bytes(32, "big")
    assert signing.sign(digest, PRIVATE_KEY) == compact


def test_an_address_is_that_of_eth_account() -> None:
    """EIP-55 included."""
    assert signing.address_of(PRIVATE_KEY) == Account.from_key(PRIVATE_KEY).address


@given(st.binary(min_size=20, max_size=20))
def test_addresses_are_written_as_eip_55_says(address: bytes) -> None:
    """Any 20 bytes."""
    assert signing.checksummed(address) == to_checksum_address(address)


@given(words, st.binary(min_size=64, max_size=64))
def test_recovery_gives_an_address_or_a_signature_error(digest: bytes, signature: bytes) -> None:
    """Whatever the bytes are, no other error gets out."""
    with suppress(SignatureError):
        assert signing.recover(digest, signature).startswith("0x")


@given(st.integers(0, 511))
def test_no_changed_bit_leads_to_the_same_address(bit: int) -> None:
    """Every one of the 512 bits matters."""
    changed = (int.from_bytes(SIGNATURE, "big") ^ 1 << bit).to_bytes(64, "big")
    with suppress(SignatureError):
        assert signing.recover(DIGEST, changed) != signing.address_of(PRIVATE_KEY)


@pytest.mark.parametrize(
    ("r", "s"),
    [
        (0, 1),
        (signing.ORDER, 1),
        (2**256 - 1, 1),
        (1, 0),
        (1, signing.HALF_ORDER + 1),
        (1, 2**255 - 1),
    ],
)
@pytest.mark.parametrize("parity", [0, 1])
def test_r_and_s_have_their_ranges(r: int, s: int, parity: int) -> None:
    """1 <= r < n and 1 <= s <= n/2, whatever the parity."""
    signature = r.to_bytes(32, "big") + (s | parity << 255).to_bytes(32, "big")
    with pytest.raises(SignatureError, match="curve's order"):
        signing.recover(DIGEST, signature)


def test_the_greatest_low_s_is_accepted() -> None:
    """The bound itself is within."""
    signature = (1).to_bytes(32, "big") + signing.HALF_ORDER.to_bytes(32, "big")
    assert signing.recover(DIGEST, signature).startswith("0x")


def test_the_second_form_of_a_signature_cannot_even_be_written() -> None:
    """(r, n - s) is valid ECDSA too; in 64 bytes it either is refused or means another signature."""
    r, s = SIGNATURE[:32], int.from_bytes(SIGNATURE[32:], "big") & ~signing.PARITY_BIT
    for parity in (0, 1):
        twin = r + ((signing.ORDER - s) | parity << 255).to_bytes(32, "big")
        assert signing.recover(DIGEST, twin) != signing.address_of(PRIVATE_KEY)


def test_an_r_that_is_not_on_the_curve_gives_no_key() -> None:
    """No point of secp256k1 has x = 5."""
    with pytest.raises(SignatureError, match="not on the curve"):
        signing.recover(DIGEST, (5).to_bytes(32, "big") + (1).to_bytes(32, "big"))


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_digest_has_32_bytes(size: int) -> None:
    """Nothing is hashed on the way."""
    with pytest.raises(SignatureError, match="the digest has"):
        signing.sign(bytes(size), PRIVATE_KEY)
    with pytest.raises(SignatureError, match="the digest has"):
        signing.recover(bytes(size), SIGNATURE)


@pytest.mark.parametrize("size", [0, 63, 65])
def test_a_signature_has_64_bytes(size: int) -> None:
    """The form with v is not ours."""
    with pytest.raises(SignatureError, match="expected 64"):
        signing.recover(DIGEST, bytes(size))
    with pytest.raises(SignatureError, match="expected 64"):
        signing.encode(bytes(size))


@pytest.mark.parametrize(
    "key", [b"", bytes(31), b"\x01", bytes(32), signing.ORDER.to_bytes(32, "big"), b"\xff" * 32, b"\x01" * 33]
)
def test_what_is_no_private_key_signs_nothing(key: bytes) -> None:
    """A short key is not padded, and the message does not show it."""
    with pytest.raises(SignatureError, match="the private key is none"):
        signing.sign(DIGEST, key)
    with pytest.raises(SignatureError, match="the private key is none"):
        signing.address_of(key)


@given(st.binary(min_size=64, max_size=64))
def test_a_signature_has_one_text(signature: bytes) -> None:
    """Of the 16 texts that a lax reader would take for the same bytes, one is accepted."""
    text = signing.encode(signature)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    accepted = []
    for character in alphabet:
        try:
            if signing.decode(text[:-1] + character) == signature:
                accepted.append(text[:-1] + character)
        except SignatureError:
            continue
    assert accepted == [text]


@given(st.text(max_size=100))
def test_any_text_is_decoded_or_refused(text: str) -> None:
    """Nothing but `SignatureError` gets out."""
    assume(len(text) != 86)
    with pytest.raises(SignatureError, match="expected 86"):
        signing.decode(text)


@pytest.mark.parametrize(
    "form",
    [
        "{head}",
        "{text}A",
        "{text}==",
        "{head}\n",
        "{text}\n",
        "+{tail}",
        "/{tail}",
        " {tail}",
        "%{tail}",
        "Ａ{tail}",
    ],
)
def test_only_the_alphabet_of_links_is_read(form: str) -> None:
    """Padding, line ends and the other base64 alphabet are refused."""
    text = signing.encode(SIGNATURE)
    with pytest.raises(SignatureError, match="expected 86"):
        signing.decode(form.format(text=text, head=text[:-1], tail=text[1:]))
