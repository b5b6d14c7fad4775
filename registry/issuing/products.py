"""The products file: what a manufacturer says of its products and lots, written once by hand in TOML.

    attributes = ["colour", "frame_number"]     # optional: columns that units files may have besides gtin, lot, serial

    [[product]]
    gtin = "09521001000017"
    carrier = "signed"                          # or "compact"; signed if left out
    model = "Kestrel S2"
    names.en = "Kestrel S2 electric scooter"
    names.zh = "..."
    trademarks = ["..."]
    recordals = ["..."]                         # customs recordals
    serialised_since = "2026-08-01"
    pictures = ["s2.png"]                       # JPEG or PNG beside this file, 60 KiB; their sha256 goes into the manifest
    random_serials = true                       # a statement: serials that we bring ourselves hold 80 random bits or more

    [[product.lot]]
    lot = "K2609A"
    produced = "2026-09-14"
    expires = "2029-09-14"
    markets = ["CN", "TH"]                      # ISO 3166, two letters

Everything but `gtin`, `names`, and `lot` in a lot may be left out. A name that is not in this list is a fault: a misspelt
"expires" must not vanish quietly from a manifest.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.errors import DocumentError, IdentityError, IntakeError, Problem
from registry.proofs import pictures
from registry.proofs.encoding import canonical
from registry.proofs.manifest import Carrier, Product
from registry.units.identity import parse_gtin, require_issuable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAX_FILE = 4 * 2**20
MAX_TEXT = 200
MAX_LIST = 100
MAX_LOTS = 10_000
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
MARKET = re.compile(r"[A-Z]{2}")
ATTRIBUTE = re.compile(r"[a-z][a-z0-9_]{0,39}")
RESERVED = {"gtin", "lot", "serial", "random"}
"""Names that an attribute may not have: the columns of every units file, and the member that holds the random bytes."""


@dataclass(frozen=True, slots=True)
class Products:
    """What a products file says, ready to be put into manifests."""

    entries: Mapping[tuple[str, str], Product]
    """By GTIN and lot."""
    attributes: frozenset[str]
    random_serials: frozenset[str]
    """GTINs whose maker states that the serials it brings hold at least 80 random bits."""
    pictures: Mapping[str, Path]
    """sha256 (hex) to the file, for whoever publishes the pictures."""
    fingerprint: bytes
    """sha256 over the canonical content, pictures included."""

    def entry(self, gtin: str, lot: str) -> Product | None:
        """Return what the manifest says of a lot, or none if the lot is unknown."""
        return self.entries.get((gtin, lot))

    @property
    def gtins(self) -> frozenset[str]:
        """Every GTIN in the file."""
        return frozenset(gtin for gtin, _ in self.entries)


def read_products(path: Path) -> Products:
    """Read a products file. Raises `IntakeError` with every fault in it."""
    reader = _Reader(path)
    products = reader.read()
    if reader.problems:
        count = len(reader.problems)
        raise IntakeError(
            f"the products file {path.name} has {count} fault{'s' if count > 1 else ''}",
            reader.problems,
            hint="nothing was signed; correct the file and run again",
        )
    return products


class _Reader:
    """Reads one file and collects its faults; every method returns something usable where it found one."""

    def __init__(self, path: Path) -> None:
        self.problems: list[Problem] = []
        self._path = path
        self._pictures: dict[str, Path] = {}

    def read(self) -> Products:
        entries: dict[tuple[str, str], Product] = {}
        stated: set[str] = set()
        seen: set[str] = set()
        document = self._document()
        attributes = self._attributes(document.pop("attributes", []))
        products = self._tables(document.pop("product", None), "product")
        self._no_more(document, "", "attributes, product")
        for number, table in enumerate(products, 1):
            where = f"product {number}, "
            gtin = self._gtin(table.pop("gtin", None), where)
            if gtin in seen:
                self._fault(f"{where}gtin", gtin, "a GTIN that no product before has")
            seen.add(gtin)
            if self._flag(table.pop("random_serials", False), f"{where}random_serials"):
                stated.add(gtin)
            lots = self._tables(table.pop("lot", None), f"{where}lot")
            common = self._common(table, where)
            for place, lot in enumerate(lots, 1):
                entry = self._lot(lot, f"{where}lot {place}, ", gtin, common)
                if (gtin, entry.lot) in entries:
                    self._fault(f"{where}lot {place}", entry.lot, "each lot of a product once")
                entries[gtin, entry.lot] = entry
        if len(entries) > MAX_LOTS:
            self._fault("product", f"{len(entries)} lots", f"at most {MAX_LOTS}")
        content = {
            "attributes": sorted(attributes),
            "random_serials": sorted(stated),
            "entries": [_plain(entries[key]) for key in sorted(entries)],
        }
        digest = hashlib.sha256(canonical(content)).digest() if not self.problems else b""
        return Products(entries, frozenset(attributes), frozenset(stated), self._pictures, digest)

    def _document(self) -> dict[str, Any]:
        try:
            with self._path.open("rb") as file:
                raw = file.read(MAX_FILE + 1)
        except OSError as error:
            self._fault("file", f"{self._path.name} ({error.strerror})", "a file that can be read")
            return {"product": []}
        if len(raw) > MAX_FILE:
            self._fault("file", "more than 4 MiB", "at most 4 MiB")
            return {"product": []}
        try:
            return tomllib.loads(raw.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            self._fault("file", f"byte 0x{raw[error.start]:02x} at offset {error.start}", "UTF-8")
        except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
            self._fault("file", str(error), "TOML")
        return {"product": []}

    def _common(self, table: dict[str, Any], where: str) -> dict[str, Any]:
        """Read what all lots of a product share."""
        common = {
            "carrier": self._carrier(table.pop("carrier", "signed"), f"{where}carrier"),
            "names": self._names(table.pop("names", None), f"{where}names"),
            "model": self._text(table.pop("model", ""), f"{where}model", may_be_empty=True),
            "serialised_since": self._date(table.pop("serialised_since", ""), f"{where}serialised_since"),
            "trademarks": self._texts(table.pop("trademarks", []), f"{where}trademarks"),
            "recordals": self._texts(table.pop("recordals", []), f"{where}recordals"),
            "pictures": tuple(
                self._picture(name, f"{where}pictures") for name in self._texts(table.pop("pictures", []), f"{where}pictures")
            ),
        }
        names = "gtin, carrier, model, names, trademarks, recordals, serialised_since, pictures, random_serials, lot"
        self._no_more(table, where, names)
        return common

    def _lot(self, table: dict[str, Any], where: str, gtin: str, common: dict[str, Any]) -> Product:
        lot = self._text(table.pop("lot", None), f"{where}lot")
        try:
            require_issuable(lot, "lot")
        except IdentityError:
            self._fault(f"{where}lot", repr(lot), "1 to 20 of A-Z a-z 0-9 _ -")
        entry = Product(
            gtin=gtin,
            lot=lot,
            produced=self._date(table.pop("produced", ""), f"{where}produced"),
            expires=self._date(table.pop("expires", ""), f"{where}expires"),
            markets=self._texts(table.pop("markets", []), f"{where}markets", MARKET, "two capital letters (ISO 3166)"),
            **common,
        )
        self._no_more(table, where, "lot, produced, expires, markets")
        return entry

    def _gtin(self, value: object, where: str) -> str:
        text = self._text(value, f"{where}gtin")
        try:
            return parse_gtin(text)
        except IdentityError as error:
            self._fault(f"{where}gtin", repr(text), f"14 digits with their check digit ({error.message})")
            return text

    def _attributes(self, value: object) -> tuple[str, ...]:
        expected = f"lower-case letters, digits and _, at most 40, none of {', '.join(sorted(RESERVED))}"
        names = self._texts(value, "attributes", ATTRIBUTE, expected)
        for name in RESERVED.intersection(names):
            self._fault("attributes", name, expected)
        return names

    def _names(self, value: object, field: str) -> dict[str, str]:
        if not isinstance(value, dict) or not value:
            self._fault(field, _shown(value), "a name in at least one language, such as names.en")
            return {}
        for language in value:
            if not LANGUAGE.fullmatch(language):
                self._fault(field, repr(language), "a language such as en or zh")
        return {language: self._text(name, f"{field}.{language}") for language, name in sorted(value.items())}

    def _picture(self, name: str, field: str) -> str:
        """Return the sha256 of a picture that lies beside the products file or below."""
        path = self._path.parent / name
        try:
            if not path.resolve().is_relative_to(self._path.parent.resolve()):
                self._fault(field, name, "a file beside the products file or below")
                return ""
            with path.open("rb") as file:
                raw = file.read(pictures.MAX_BYTES + 1)
        except (OSError, ValueError) as error:
            self._fault(field, f"{name} ({getattr(error, 'strerror', None) or 'not a path'})", "a file that can be read")
            return ""
        try:
            digest = pictures.read(raw).digest
        except DocumentError as error:
            self._fault(field, f"{name} ({error.message})", "a JPEG or PNG file of at most 60 KiB")
            return ""
        self._pictures[digest] = path
        return digest

    def _text(self, value: object, field: str, *, may_be_empty: bool = False) -> str:
        if isinstance(value, str) and len(value) <= MAX_TEXT and value.isprintable() and (value.strip() or may_be_empty):
            return value
        self._fault(field, _shown(value), f"a text of at most {MAX_TEXT} characters without control characters")
        return ""

    def _texts(self, value: object, field: str, form: re.Pattern[str] | None = None, expected: str = "") -> tuple[str, ...]:
        if not isinstance(value, list) or len(value) > MAX_LIST:
            self._fault(field, _shown(value), f"a list of at most {MAX_LIST} texts")
            return ()
        texts = tuple(self._text(item, field) for item in value)
        for text in texts:
            if form is not None and text and not form.fullmatch(text):
                self._fault(field, repr(text), expected)
        if len(set(texts)) != len(texts):
            self._fault(field, "a text twice", "each once")
        return texts

    def _date(self, value: object, field: str) -> str:
        if type(value) is dt.date:
            return value.isoformat()
        if value == "":
            return ""
        try:
            if isinstance(value, str) and dt.date.fromisoformat(value).isoformat() == value:
                return value
        except ValueError:
            pass
        self._fault(field, _shown(value), "a date such as 2026-09-14")
        return ""

    def _carrier(self, value: object, field: str) -> Carrier:
        if value == "signed" or value == "compact":  # noqa: PLR1714 -- mypy narrows this form
            return value
        self._fault(field, _shown(value), "signed or compact")
        return "signed"

    def _flag(self, value: object, field: str) -> bool:
        if not isinstance(value, bool):
            self._fault(field, _shown(value), "true or false")
        return value is True

    def _tables(self, value: object, field: str) -> list[dict[str, Any]]:
        if isinstance(value, list) and value and all(isinstance(table, dict) for table in value):
            return [dict(table) for table in value]
        if not self.problems:
            self._fault(field, _shown(value), "at least one table of that name")
        return []

    def _no_more(self, rest: dict[str, Any], where: str, known: str) -> None:
        for name in rest:
            self._fault(f"{where}{name}", "a name that is not known", f"one of {known}")

    def _fault(self, field: str, found: str, expected: str) -> None:
        self.problems.append(Problem(0, field, found, expected))


def _plain(entry: Product) -> dict[str, Any]:
    """Return an entry as a document, for the fingerprint."""
    return {
        "gtin": entry.gtin,
        "lot": entry.lot,
        "carrier": entry.carrier,
        "names": dict(entry.names),
        "model": entry.model,
        "produced": entry.produced,
        "expires": entry.expires,
        "markets": list(entry.markets),
        "pictures": list(entry.pictures),
        "trademarks": list(entry.trademarks),
        "recordals": list(entry.recordals),
        "serialised_since": entry.serialised_since,
    }


def _shown(value: object) -> str:
    """Return a value as it is shown in a fault: short, and never more than a line."""
    if value is None:
        return "nothing"
    return repr(value)[:60]
