"""How the documents that hashes commit are read: strictly, so that one meaning has one form of bytes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, TypeGuard

from registry.errors import DocumentError
from registry.proofs.encoding import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

DEEPEST: Final = 8
"""Objects and lists within each other; our own documents need four."""
JSON_TEXT: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
"""With or without an end, so that a text without one is not searched again from each of its characters."""
BRACKETS: Final = re.compile(rb"[\[{\]}]")
ANY_TEXT: Final = re.compile(r".+", re.DOTALL)
DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
SHA256: Final = re.compile(r"[0-9a-f]{64}")
WORD: Final = re.compile(r"0x[0-9a-f]{64}")
LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
COUNTRY: Final = re.compile(r"[A-Z]{2}")
GTIN: Final = re.compile(r"[0-9]{14}")


def load(raw: bytes, *, what: str, max_bytes: int) -> object:
    """Return the document that these bytes are.

    Raises `DocumentError` if they are too many, not JSON, or not the document's canonical form (RFC 8785): a name twice, spaces
    or another order included.
    """
    document = load_loosely(raw, what=what, max_bytes=max_bytes)
    if canonical(document) != raw:
        raise DocumentError(f"the {what} is not in its canonical form (RFC 8785)")
    return document


def load_loosely(raw: bytes, *, what: str, max_bytes: int) -> object:
    """Return the document as a person wrote it.

    Raises `DocumentError` if it is too large or too deep, not JSON, or has a name twice.
    """
    if len(raw) > max_bytes:
        raise DocumentError(f"the {what} has {len(raw)} bytes, expected at most {max_bytes}")
    if _depth(raw) > DEEPEST:
        raise DocumentError(f"the {what} has more than {DEEPEST} objects and lists within each other")
    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=_unique)
    except DocumentError:
        raise
    except ValueError as error:
        raise DocumentError(f"the {what} is not JSON: {error}") from error


class Fields:
    """The members of one object: each is asked for once, and `done` refuses what nobody asked for.

    Every method raises `DocumentError` with the place in the document.
    """

    def __init__(self, document: object, where: str) -> None:
        if not _is_object(document):
            raise DocumentError(f"{where} is {_kind(document)}, expected an object")
        self._members = dict(document)
        self._where = where

    def text(self, name: str, pattern: re.Pattern[str] = ANY_TEXT, *, may_be_empty: bool = False) -> str:
        """Return a text."""
        where = f"{self._where}.{name}"
        value = self._take(name)
        if may_be_empty and value == "":
            return ""
        return _text(value, where, pattern)

    def texts(self, name: str, pattern: re.Pattern[str] = ANY_TEXT) -> tuple[str, ...]:
        """Return a list of texts, none of them twice."""
        where = f"{self._where}.{name}"
        texts = tuple(_text(value, where, pattern) for value in self.items(name))
        if len(set(texts)) != len(texts):
            raise DocumentError(f"{where} has a text twice, expected each once")
        return texts

    def in_languages(self, name: str) -> dict[str, str]:
        """Return a text in one or more languages."""
        where = f"{self._where}.{name}"
        value = self._take(name)
        if not _is_object(value) or not value:
            raise DocumentError(f"{where} is {_kind(value)}, expected a text in at least one language")
        return {_text(key, where, LANGUAGE): _text(text, f"{where}.{key}", ANY_TEXT) for key, text in value.items()}

    def word(self, name: str) -> bytes:
        """Return 32 bytes, written as 0x and 64 small hexadecimal digits."""
        return bytes.fromhex(self.text(name, WORD)[2:])

    def items(self, name: str) -> list[object]:
        """Return a list."""
        value = self._take(name)
        if not isinstance(value, list):
            raise DocumentError(f"{self._where}.{name} is {_kind(value)}, expected a list")
        return value

    def has(self, name: str) -> bool:
        """Say whether there is a member that was not asked for yet."""
        return name in self._members

    def member(self, name: str) -> Fields:
        """Return an object within this one."""
        return Fields(self._take(name), f"{self._where}.{name}")

    def constant(self, name: str, expected: str) -> None:
        """See that a member has the one value that we know."""
        found = self._take(name)
        if found != expected:
            raise DocumentError(f"{self._where}.{name} is {_shown(found)}, expected {expected!r}")

    def done(self) -> None:
        """Refuse members that were not asked for: what we do not know we cannot have understood."""
        if self._members:
            raise DocumentError(f"{self._where} has members that are not known: {', '.join(sorted(self._members))}"[:300])

    def _take(self, name: str) -> object:
        try:
            return self._members.pop(name)
        except KeyError as error:
            raise DocumentError(f"{self._where} has no {name}") from error


def hexadecimal(word: bytes) -> str:
    """Return 32 bytes as `Fields.word` reads them."""
    return "0x" + word.hex()


def _depth(raw: bytes) -> int:
    """Return how deep a document's objects and lists are nested.

    Python's own limit is no protection: a library that eth-account brings raises it so far that the parser would overrun the
    stack, and end the process.
    """
    depth = deepest = 0
    for bracket in BRACKETS.findall(JSON_TEXT.sub(b"", raw)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _text(value: object, where: str, pattern: re.Pattern[str]) -> str:
    if not isinstance(value, str):
        raise DocumentError(f"{where} is {_kind(value)}, expected a text")
    if not pattern.fullmatch(value):
        expected = "a text that is not empty" if pattern is ANY_TEXT else pattern.pattern
        raise DocumentError(f"{where} is {_shown(value)}, expected {expected}")
    return value


def _unique(pairs: list[tuple[str, object]]) -> Mapping[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise DocumentError("the document has a name twice in one object")
    return members


def _is_object(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict)


def _kind(value: object) -> str:
    kinds = {str: "a text", dict: "an object", list: "a list", bool: "a truth value", type(None): "null"}
    return kinds.get(type(value), "a number")


def _shown(value: object) -> str:
    return repr(value)[:60]
