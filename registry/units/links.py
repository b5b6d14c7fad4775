"""Links: GS1 Digital Link URIs (1.6) of single units, read strictly from the raw text (protocol § 6).

    https://<host>/01/<gtin14>/22/<cpv>/10/<lot>/21/<serial>?sig=<86 characters>

What is read is the text as it was scanned or requested: servers decode paths and queries in ways that make two links look
alike. Anything that GS1's own engine refuses is refused here too; of the rest, only links of single units are ours.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from registry.errors import IdentityError, LinkError
from registry.units import identity

if TYPE_CHECKING:
    from registry.units.records import Record, UnitId

MAX_LINK = 2000
SIGNATURE = "sig"
"""Non-numeric on purpose: AI 8030 is reserved for ISO/IEC 20248 DigSigs."""
SCHEMES = {"http", "https", "HTTP", "HTTPS"}
FORBIDDEN = re.compile(r'[^\x21-\x7e]|[<>{}\\^|"`]')
HOST = re.compile(r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::(?P<port>[0-9]{1,5}))?")
MAX_PORT = 65535
PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
PRIMARY_KEYS = frozenset(
    {"00", "01", "253", "255", "401", "402", "414", "417", "8003", "8004", "8006", "8010", "8013", "8017", "8018"}
)
QUALIFIERS = ("22", "10", "21")
"""Of a GTIN in a path, in this order."""
DATES = frozenset({"11", "13", "15", "16", "17"})
MEASURE = re.compile(r"(?:31[0-6]|32[0-9]|33[0-7]|34[0-9]|35[0-7]|36[0-9])[0-5]")
"""The last digit places the decimal point, so that the first three say what is measured."""
PRICE = re.compile(r"392[0-9]")
PRICED = ("31", "32", "35", "36")
"""The measures that a price may be for."""
DIGSIG = "8030"
ATTRIBUTES = (
    (MEASURE, re.compile(r"[0-9]{6}")),
    (PRICE, re.compile(r"[0-9]{1,15}")),
    (re.compile(DIGSIG), re.compile(r"[A-Za-z0-9_-]{1,90}")),
    (re.compile(r"90"), re.compile(f"{identity.CHARACTER.pattern}{{1,30}}")),
    (re.compile(r"9[1-9]"), re.compile(f"{identity.CHARACTER.pattern}{{1,90}}")),
)
"""AIs that a unit's link may carry besides dates, and what they may hold (GS1 Syntax Dictionary)."""
PRINTED = re.compile(
    r"(?P<scheme>https?|HTTPS?)://(?P<host>[A-Za-z0-9][A-Za-z0-9.-]{0,252}(?::[0-9]{1,4})?)/01/(?P<gtin>[0-9]{14})"
    r"(?:/10/(?P<lot>[A-Za-z0-9_-]{1,20}))?/21/(?P<serial>[A-Za-z0-9_-]{1,20})(?:\?sig=(?P<sig>[A-Za-z0-9_-]*))?"
)
"""The links that we print ourselves: whatever has another form is left to the parser that knows every form."""
BASE = re.compile(f"https?://{HOST.pattern}/?")
"""Where a registry's own links begin: a scheme and a host, no path."""


@dataclass(frozen=True, slots=True)
class DigitalLink:
    """A GS1 Digital Link of a trade item: its parts, decoded and checked."""

    scheme: str
    host: str
    """Authority in lower case, with its port where one is given."""
    ai: tuple[tuple[str, str], ...]
    """Application identifiers with their values, path first, in the order given."""
    signature: str | None
    """The raw value of `sig`, not checked."""


@dataclass(frozen=True, slots=True)
class Link:
    """The link of one unit."""

    raw: str
    scheme: str
    host: str
    """Authority in lower case, with its port where one is given."""
    gtin: str
    lot: str | None
    serial: str
    cpv: str | None
    """Consumer product variant (AI 22)."""
    signature: str | None
    """The raw value of `sig`: what it is worth, `registry.proofs.signing` says."""


def parse(raw: str) -> Link:
    """Read the link of a unit.

    Raises `LinkError` with reason `not_a_link` if GS1's rules refuse it, `not_a_unit_link` if it is about something else.
    """
    printed = PRINTED.fullmatch(raw)
    if printed is not None and len(raw) <= MAX_LINK and identity.is_gtin(printed["gtin"]):
        scheme, host, gtin, lot, serial, signature = printed.groups()
        return Link(raw, scheme.lower(), host.lower(), gtin, lot, serial, None, signature)
    found = parse_digital_link(raw)
    values = dict(found.ai)
    if "21" not in values:
        raise LinkError("found a link without a serial, expected AI 21", reason="not_a_unit_link")
    return Link(
        raw=raw,
        scheme=found.scheme.lower(),
        host=found.host,
        gtin=values["01"],
        lot=values.get("10"),
        serial=values["21"],
        cpv=values.get("22"),
        signature=found.signature,
    )


def parse_digital_link(raw: str) -> DigitalLink:
    """Read the Digital Link of a trade item (AI 01).

    Raises `LinkError` with reason `not_a_link` if GS1's rules refuse it, `not_a_unit_link` if it is about something else.
    """
    if len(raw) > MAX_LINK:
        raise _refuse(f"found {len(raw)} characters, expected at most {MAX_LINK}")
    bad = FORBIDDEN.search(raw)
    if bad:
        raise _refuse(f"found {bad.group()!r} at place {bad.start()}, expected only characters of a URI")
    scheme, mark, rest = raw.partition("://")
    if not mark or scheme not in SCHEMES:
        raise _refuse("found no http or https at the start")
    rest = rest.partition("#")[0]
    before_query, _, query = rest.partition("?")
    authority, slash, path = before_query.partition("/")
    if not slash:
        raise _refuse("found no path")
    host = _host(authority)
    in_path = _path(path)
    in_query, signature = _query(query)
    ai = (*in_path, *in_query)
    names = [name for name, _ in ai]
    if len(set(names)) != len(names):
        raise _refuse("found an application identifier twice, expected each once")
    _check_together(names)
    return DigitalLink(scheme, host, ai, signature)


def build(base: str, record: Record, signature: bytes) -> str:
    """Return the link of a signed carrier under a base such as `https://verify.example.org`.

    Raises `IdentityError` if the record's lot or serial is not one that we issue, `LinkError` if the base is none.
    """
    base = read_base(base)
    identity.parse_gtin(record.gtin)
    identity.require_issuable(record.lot, "lot")
    identity.require_issuable(record.serial, "serial")
    text = base64.urlsafe_b64encode(signature).rstrip(b"=").decode()
    return f"{path_of(base, record.gtin, lot=record.lot, serial=record.serial)}?{SIGNATURE}={text}"


def build_compact(base: str, unit: UnitId) -> str:
    """Return the link of a compact carrier: no lot, no signature, scheme and host in capitals, which take less room in a code.

    Raises `IdentityError` if the serial is not one that we issue, `LinkError` if the base is none.
    """
    base = read_base(base)
    identity.parse_gtin(unit.gtin)
    identity.require_issuable(unit.serial, "serial")
    return path_of(base.upper(), unit.gtin, serial=unit.serial)


def read_base(base: str) -> str:
    """Return where links begin, without a slash at its end.

    A base is printed on every label of a batch, so it is checked first. Raises `LinkError`, reason `not_a_base`, unless it is
    http or https in small letters and a host, with at most a port.
    """
    if not BASE.fullmatch(base):
        raise LinkError(
            f"found the address {base[:80]!r}, expected scheme and host alone",
            reason="not_a_base",
            hint="such as https://verify.example.org",
        )
    return base.removesuffix("/")


def path_of(base: str, gtin: str, *, cpv: str = "", lot: str = "", serial: str = "") -> str:
    """Return the Digital Link of a trade item, its qualifiers in GS1's order and percent-encoded, without a query."""
    parts = (("01", gtin), ("22", cpv), ("10", lot), ("21", serial))
    return base.removesuffix("/") + "".join(f"/{name}/{escape(value)}" for name, value in parts if value)


def escape(value: str) -> str:
    """Return a value as it stands in a URI: all but `A-Za-z0-9-._~` percent-encoded, capital hex."""
    return quote(value, safe="")


def _refuse(message: str) -> LinkError:
    return LinkError(message, reason="not_a_link")


def _host(authority: str) -> str:
    match = HOST.fullmatch(authority)
    if not match:
        raise _refuse(f"found the host {authority[:80]!r}, expected a name or address with at most a port")
    if match["port"] and int(match["port"]) > MAX_PORT:
        raise _refuse(f"found port {match['port']}, expected at most {MAX_PORT}")
    return authority.lower()


def _path(path: str) -> tuple[tuple[str, str], ...]:
    """Return the AIs of a path: the rightmost primary key and what follows it; anything to its left is stem."""
    segments = path.split("/")
    pairs: list[tuple[str, str]] = []
    while len(segments) > 1:
        *segments, name, raw = segments
        pairs.insert(0, (name, raw))
        if name in PRIMARY_KEYS:
            break
        if name not in QUALIFIERS:
            if name == "235" or any(key in PRIMARY_KEYS - {"01"} for key in segments):
                raise LinkError(
                    f"found AI {name[:20]!r} in the path, expected a unit's 01, 22, 10, 21", reason="not_a_unit_link"
                )
            raise _refuse(f"found {name[:20]!r} in the path, expected an application identifier of a trade item")
    if not pairs or pairs[0][0] not in PRIMARY_KEYS:
        raise _refuse("found no primary key in the path")
    if pairs[0][0] != "01":
        raise LinkError(f"found a link about AI {pairs[0][0]}, expected 01", reason="not_a_unit_link")
    names = [name for name, _ in pairs[1:]]
    if names != [name for name in QUALIFIERS if name in names]:
        raise _refuse(f"found the order 01, {', '.join(names)}, expected 01, 22, 10, 21")
    return tuple((name, _value(name, _decode(raw))) for name, raw in pairs)


def _query(query: str) -> tuple[tuple[tuple[str, str], ...], str | None]:
    """Return the AIs of a query, and the raw signature; other names are ignored, as GS1 says."""
    ai: list[tuple[str, str]] = []
    signatures: list[str] = []
    for part in query.split("&"):
        raw_name, mark, raw = part.partition("=")
        name = _decode(raw_name, plus=True)
        if raw_name != name and (name == SIGNATURE or name.isdigit()):
            raise _refuse(f"found the name {raw_name[:40]!r}, expected it without percent-encoding")
        if name == SIGNATURE:
            if "%" in raw:
                raise _refuse("found a percent-encoded signature, expected it as it is")
            signatures.append(raw)
        elif name.isdigit():
            if not mark:
                raise _refuse(f"found AI {name[:20]} without a value")
            ai.append((name, _attribute(name, _decode(raw, plus=True))))
    if len(signatures) > 1:
        raise _refuse(f"found {len(signatures)} signatures, expected one")
    return tuple(ai), signatures[0] if signatures else None


def _attribute(name: str, value: str) -> str:
    if name in DATES and identity.is_date(value):
        return value
    for names, form in ATTRIBUTES:
        if names.fullmatch(name) and form.fullmatch(value):
            return value
    raise _refuse(f"found AI {name[:20]} with {value[:40]!r} in the query, expected one that a unit's link may carry")


def _check_together(names: list[str]) -> None:
    """Refuse what GS1 does not let stand together: a measure in two precisions, a price of nothing, a DigSig of no unit."""
    measures = [name[:3] for name in names if MEASURE.fullmatch(name)]
    if len(set(measures)) != len(measures):
        raise _refuse("found one measure twice, expected each once")
    prices = [name for name in names if PRICE.fullmatch(name)]
    if len(prices) > 1 or (prices and not any(measure.startswith(PRICED) for measure in measures)):
        raise _refuse("found AI 392n, expected one price and the measure that it is for")
    if DIGSIG in names and "21" not in names:
        raise _refuse(f"found AI {DIGSIG} without AI 21")


def _value(name: str, value: str) -> str:
    try:
        if name == "01":
            return identity.parse_gtin(value)
        return identity.read_serial(value) if name == "21" else identity.read_lot(value)
    except IdentityError as error:
        raise _refuse(error.message) from error


def _decode(raw: str, *, plus: bool = False) -> str:
    """Decode percent-encoding once; a sequence that is none stays as it is, as in GS1's engine."""
    text = raw.replace("+", " ") if plus else raw
    decoded = PERCENT.sub(lambda match: bytes([int(match.group(1), 16)]), text.encode("ascii"))
    if b"\0" in decoded:
        raise _refuse("found a percent-encoded NUL")
    return decoded.decode("latin-1")
