"""How documents are read: strictly, so that one meaning has one form of bytes (RFC 8785, texts, lists and objects only)."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any

DEEPEST = 8
"""Objects and lists within each other."""
JSON_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*(?:"|\\?\Z)', re.DOTALL)
"""With or without an end, so that a text without one is not searched again from each of its quotes."""
WORD = r"0x[0-9a-f]{64}"
ADDRESS = r"0x[0-9A-Fa-f]{40}"
COUNT = r"0|[1-9][0-9]{0,9}"
NUMBER = r"0|[1-9][0-9]{0,15}"
CHAIN_ID = r"[1-9][0-9]{0,15}"
GTIN = r"[0-9]{14}"
TEXT82 = r"[!\"%&'()*+,\-./0-9:;<=>?A-Z_a-z]{1,20}"
"""1 to 20 characters of GS1's character set 82."""
LANGUAGE = r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*"
ANY_TEXT = r"(?s:.+)"
MAX_UNITS = 2**32 - 1


class Refused(ValueError):
    """Something does not hold; the message says what."""


def loaded(raw: bytes, most: int) -> Any:
    """Return the document that these bytes are, if they are the one form that it has."""
    if len(raw) > most:
        raise Refused(f"{len(raw)} bytes, expected at most {most}")
    depth = 0
    for bracket in re.findall(rb"[\[{\]}]", JSON_TEXT.sub(b"", raw)):
        depth += 1 if bracket in b"[{" else -1
        if depth > DEEPEST:
            raise Refused(f"more than {DEEPEST} objects and lists within each other")
    try:
        document = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique)
        written = _written(document).encode("utf-8")
    except Refused:
        raise
    except ValueError as error:
        raise Refused(f"not JSON: {error}") from error
    if written != raw:
        raise Refused("not in its canonical form (RFC 8785)")
    return document


class Members:
    """The members of one object: each is taken once, and `done` refuses what nobody took."""

    def __init__(self, document: Any, where: str) -> None:
        if not isinstance(document, dict):
            raise Refused(f"{where} is no object")
        self.left = dict(document)
        self.where = where

    def take(self, name: str) -> Any:
        """Return a member."""
        if name not in self.left:
            raise Refused(f"{self.where} has no {name}")
        return self.left.pop(name)

    def text(self, name: str, pattern: str = ANY_TEXT) -> str:
        """Return a text of a form."""
        value = self.take(name)
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise Refused(f"{self.where}.{name} is {value!r:.60}, expected {pattern}")
        return value

    def text_or_nothing(self, name: str, pattern: str = ANY_TEXT) -> str:
        """Return a text of a form, or an empty one."""
        return self.text(name, rf"(?:{pattern})?")

    def word(self, name: str) -> bytes:
        """Return 32 bytes."""
        return bytes.fromhex(self.text(name, WORD)[2:])

    def count(self, name: str, most: int = MAX_UNITS) -> int:
        """Return a number that is at most so great."""
        value = int(self.text(name, COUNT))
        if value > most:
            raise Refused(f"{self.where}.{name} is {value}, expected at most {most}")
        return value

    def items(self, name: str) -> list[Any]:
        """Return a list."""
        value = self.take(name)
        if not isinstance(value, list):
            raise Refused(f"{self.where}.{name} is no list")
        return value

    def texts(self, name: str, pattern: str = ANY_TEXT, *, unique: bool = True) -> list[str]:
        """Return a list of texts of a form."""
        listed = self.items(name)
        if not all(isinstance(one, str) and re.fullmatch(pattern, one) for one in listed):
            raise Refused(f"{self.where}.{name} has something else than {pattern}")
        if unique and len(set(listed)) != len(listed):
            raise Refused(f"{self.where}.{name} has a text twice")
        return listed

    def words(self, name: str, *, unique: bool = True) -> list[bytes]:
        """Return a list of 32 bytes each."""
        return [bytes.fromhex(one[2:]) for one in self.texts(name, WORD, unique=unique)]

    def member(self, name: str) -> Members:
        """Return an object within."""
        return Members(self.take(name), f"{self.where}.{name}")

    def members(self, name: str) -> list[Members]:
        """Return a list of objects."""
        return [Members(one, f"{self.where}.{name}[{place}]") for place, one in enumerate(self.items(name))]

    def date(self, name: str) -> str:
        """Return a day of the calendar, or nothing."""
        text = self.text_or_nothing(name, r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
        if text:
            try:
                dt.date.fromisoformat(text)
            except ValueError as error:
                raise Refused(f"{self.where}.{name} is {text}, expected a day of the calendar") from error
        return text

    def in_languages(self, name: str) -> None:
        """Take a text in one or more languages."""
        texts = self.take(name)
        named = isinstance(texts, dict) and texts and all(re.fullmatch(LANGUAGE, one) for one in texts)
        if not named or not all(isinstance(one, str) and one for one in texts.values()):
            raise Refused(f"{self.where}.{name} is no text in at least one language")

    def done(self) -> None:
        """Refuse what nobody took."""
        if self.left:
            raise Refused(f"{self.where} has members that are not known: {', '.join(sorted(self.left))}"[:300])


def checked_gtin(members: Members) -> str:
    """Return a GTIN-14 with the right check digit."""
    gtin = members.text("gtin", GTIN)
    total = sum(int(digit) * (1 if place % 2 else 3) for place, digit in enumerate(gtin[:-1]))
    if -total % 10 != int(gtin[-1]):
        raise Refused(f"{members.where}.gtin is {gtin}, whose check digit is wrong")
    return gtin


def read_manifest(raw: bytes) -> tuple[bytes, bytes, set[tuple[str, str]]]:
    """Return a manifest's registry id, the hash of its salt, and its products as (GTIN, lot)."""
    fields = Members(loaded(raw, 4 * 2**20), "manifest")
    fields.text("format", "touchstone-manifest")
    fields.text("version", "1")
    registry_id, salt_hash = fields.word("registryId"), fields.word("saltHash")
    products = [_product(one) for one in fields.members("products")]
    fields.text_or_nothing("supersedes", WORD)
    fields.done()
    if not products or products != sorted(set(products)):
        raise Refused("manifest.products is empty, or has a product twice or out of order")
    return registry_id, salt_hash, set(products)


def read_claims(raw: bytes) -> list[str]:
    """Return what a profile claims: GS1 company prefixes and whole GTINs."""
    fields = Members(loaded(raw, 2**20), "profile")
    fields.text("format", "touchstone-profile")
    fields.text("version", "1")
    fields.in_languages("legalName")
    fields.in_languages("brand")
    fields.text("domain", r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")
    fields.texts("trademarks")
    claims = fields.texts("gtins", r"[0-9]{4,12}|[0-9]{14}")
    fields.text("country", r"[A-Z]{2}")
    fields.text("contact")
    fields.done()
    return claims


def claims_gtin(gtin: str, claims: list[str]) -> bool:
    """Say whether a GTIN is among what is claimed: whole, or by a prefix after its first digit.

    GTIN-8s (six zeros), and the prefixes that GS1 leaves to companies and countries, can be claimed whole only.
    """
    if gtin in claims:
        return True
    free = gtin[1] == "2" or gtin[1:3] in ("02", "04", "05", "98", "99")
    if gtin.startswith("000000") or free:
        return False
    return any(len(claim) < len(gtin) and gtin.startswith(claim, 1) for claim in claims)


def _product(fields: Members) -> tuple[str, str]:
    product = (fields.text("gtin", GTIN), fields.text("lot", TEXT82))
    fields.text("carrier", "signed|compact")
    fields.in_languages("names")
    fields.text_or_nothing("model")
    fields.date("produced")
    fields.date("expires")
    fields.texts("markets", r"[A-Z]{2}")
    fields.texts("pictures", r"[0-9a-f]{64}")
    fields.texts("trademarks")
    fields.texts("recordals")
    fields.date("serialisedSince")
    fields.done()
    return product


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise Refused("a name twice in one object")
    return dict(pairs)


def _written(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(f"{_written(name)}:{_written(value[name])}" for name in names) + "}"
    raise Refused(f"found {value!r:.60}, expected texts, lists and objects only")
