"""Damages real documents: bits changed, parts cut, doubled, spliced and put in, members of JSON and of archives replaced."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

ODD: Final = (
    *(
        b"\x00",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\r",
        b"\n\n",
        b'"',
        b"'",
        b"\\",
        b"\\u0000",
        b"\\ud800",
        b"{",
        b"}",
        b"]",
        b",",
        b"-",
    ),
    *(b"1e999", b"-0", b"9" * 40, b"NaN", b"null", b"true", b"%00", b"%2F", b"%ZZ", b"../", b"<!DOCTYPE a>", b"&a;", b"=1+1"),
    *(one.encode() for one in ("\uff10", "\u202e", "\u2028", "\u00e9", "\u5e8f\u5217\u53f7")),
    *("\u00e9".encode("latin-1"), "\u5e8f\u5217\u53f7".encode("gb18030"), b"[" * 400, b"a" * 5000),
)
VALUES: Final[tuple[Any, ...]] = (
    *(None, True, 0, -1, 2**64, 1.5, "", "0", "0x", "9" * 100, "a" * 10_000, [], {}, [[]], {"": ""}, "\u0000", "\ud7ff"),
)


def damaged(seeds: Sequence[bytes], chance: random.Random) -> bytes:
    """Return a document that is damaged once or a few times."""
    raw = chance.choice(seeds)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        raw = chance.choice((_flipped, _cut, _put_in, _doubled, _spliced, _numbered, _of_members, _of_parts))(
            raw, seeds, chance
        )
    return raw


def _flipped(raw: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    if not raw:
        return raw
    at = chance.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ 1 << chance.randrange(8)]) + raw[at + 1 :]


def _cut(raw: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    first, last = sorted((chance.randint(0, len(raw)), chance.randint(0, len(raw))))
    return chance.choice((raw[:first] + raw[last:], raw[:first], raw[last:]))


def _put_in(raw: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    at = chance.randint(0, len(raw))
    return raw[:at] + chance.choice((*ODD, chance.randbytes(chance.randint(1, 40)))) + raw[at:]


def _doubled(raw: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    first, last = sorted((chance.randint(0, len(raw)), chance.randint(0, len(raw))))
    return raw[:last] + raw[first : first + 4096] + raw[last:]


def _spliced(raw: bytes, seeds: Sequence[bytes], chance: random.Random) -> bytes:
    other = chance.choice(seeds)
    return raw[: chance.randint(0, len(raw))] + other[chance.randint(0, len(other)) :]


def _numbered(raw: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    """Replace a digit by a number."""
    places = [at for at, one in enumerate(raw[:100_000]) if 48 <= one <= 57]
    if not places:
        return raw
    at = chance.choice(places)
    return raw[:at] + chance.choice((b"-1", b"0", b"00", b"4294967296", b"9" * 30, b"1.0", b"1e9")) + raw[at + 1 :]


def _of_members(raw: bytes, seeds: Sequence[bytes], chance: random.Random) -> bytes:
    """Replace, remove or add a member somewhere in a JSON document, and write it as ours are written."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return _flipped(raw, seeds, chance)
    inner: Any = document
    while True:
        keys = list(inner) if isinstance(inner, dict) else list(range(len(inner))) if isinstance(inner, list) else []
        if not keys:
            return _flipped(raw, seeds, chance)
        key = chance.choice(keys)
        if not isinstance(inner[key], (dict, list)) or not inner[key] or chance.random() < 0.3:
            break
        inner = inner[key]
    act = chance.randrange(3)
    if act == 0:
        inner[key] = chance.choice(VALUES)
    elif act == 1:
        del inner[key]
    elif isinstance(inner, dict):
        inner[chance.choice(("x", "", f"{key}".upper()))] = inner[key]
    else:
        inner.append(inner[key])
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode("utf-8", "surrogatepass")


def _of_parts(raw: bytes, seeds: Sequence[bytes], chance: random.Random) -> bytes:
    """Damage a part of an archive, with a checksum that fits; add parts that lead elsewhere, twice, or are huge."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            parts = [(one.filename, archive.read(one)) for one in archive.infolist()]
    except Exception:  # noqa: BLE001 -- no archive any more
        return _put_in(raw, seeds, chance)
    act = chance.randrange(4)
    if parts and act == 0:
        at = chance.randrange(len(parts))
        parts[at] = (parts[at][0], damaged([parts[at][1]], chance))
    elif parts and act == 1:
        parts.append(chance.choice(parts))
    elif act == 2:
        parts.append((chance.choice(("../a", "/etc/passwd", "a" * 3000, "xl/worksheets/sheet1.xml")), bytes(3_000_000)))
    elif parts:
        del parts[chance.randrange(len(parts))]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name may come twice
        for name, content in parts:
            archive.writestr(name, content)
    return out.getvalue()


WAYS: Final = (_flipped, _cut, _put_in, _doubled, _spliced, _numbered, _of_members, _of_parts)
