"""Whose key signed a digest: recovery on secp256k1, from EIP-2098 signatures with a low s (docs/protocol.md, 3)."""

from __future__ import annotations

import base64
import re

from .documents import Refused
from .keccak import keccak256

FIELD = 2**256 - 2**32 - 977
"""p, the prime of the curve y^2 = x^3 + 7 (SEC 2)."""
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""n, the order of its group."""
BASE = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
    1,
)
NOWHERE = (0, 1, 0)
"""The point at infinity. Points are (X, Y, Z) with x = X / Z^2 and y = Y / Z^3."""

Point = tuple[int, int, int]


def decoded_signature(text: str) -> bytes:
    """Return the 64 bytes that a label carries as 86 characters of base64url, the last of which has four zero bits."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{85}[AQgw]", text):
        raise Refused("the signature is not 86 characters of base64url with nothing behind them")
    return base64.urlsafe_b64decode(text + "==")


def recovered_address(digest: bytes, signature: bytes) -> str:
    """Return the EIP-55 address whose key signed a digest: r, then s with the parity of R's y in its highest bit."""
    r = int.from_bytes(signature[:32], "big")
    packed = int.from_bytes(signature[32:], "big")
    parity, s = packed >> 255, packed & (1 << 255) - 1
    if not 0 < r < ORDER:
        raise Refused("the signature's r is zero or not below the curve's order")
    if not 0 < s <= ORDER // 2:
        raise Refused("the signature's s is zero or above half of the curve's order")
    square = (pow(r, 3, FIELD) + 7) % FIELD
    y = pow(square, (FIELD + 1) // 4, FIELD)
    if y * y % FIELD != square:
        raise Refused("the signature gives no public key: its r is not on the curve")
    if y % 2 != parity:
        y = FIELD - y
    inverse = pow(r, -1, ORDER)
    u = -int.from_bytes(digest, "big") * inverse % ORDER
    v = s * inverse % ORDER
    key = _sum_of_multiples(u, BASE, v, (r, y, 1))
    if key[2] == 0:
        raise Refused("the signature gives no public key")
    z = pow(key[2], -1, FIELD)
    x, y = key[0] * z * z % FIELD, key[1] * z * z * z % FIELD
    return checksummed(keccak256(x.to_bytes(32, "big") + y.to_bytes(32, "big"))[12:])


def checksummed(address: bytes) -> str:
    """Return 20 bytes as an EIP-55 address: a letter is a capital where the hash of the letters has 8 or more."""
    letters = address.hex()
    digits = keccak256(letters.encode()).hex()
    return "0x" + "".join(one.upper() if digits[place] > "7" else one for place, one in enumerate(letters))


def _sum_of_multiples(u: int, p: Point, v: int, q: Point) -> Point:
    """Return u P + v Q, both multiplied at once."""
    both = _added(p, q)
    total = NOWHERE
    for place in range(max(u.bit_length(), v.bit_length()) - 1, -1, -1):
        total = _doubled(total)
        bits = (u >> place & 1, v >> place & 1)
        if bits != (0, 0):
            total = _added(total, both if bits == (1, 1) else p if bits == (1, 0) else q)
    return total


def _doubled(p: Point) -> Point:
    x, y, z = p
    if z == 0 or y == 0:
        return NOWHERE
    yy = y * y % FIELD
    s = 4 * x * yy % FIELD
    m = 3 * x * x % FIELD
    nx = (m * m - 2 * s) % FIELD
    return nx, (m * (s - nx) - 8 * yy * yy) % FIELD, 2 * y * z % FIELD


def _added(p: Point, q: Point) -> Point:
    if p[2] == 0:
        return q
    if q[2] == 0:
        return p
    pzz, qzz = p[2] * p[2] % FIELD, q[2] * q[2] % FIELD
    u, w = p[0] * qzz % FIELD, q[0] * pzz % FIELD
    s, t = p[1] * qzz * q[2] % FIELD, q[1] * pzz * p[2] % FIELD
    h, r = (w - u) % FIELD, (t - s) % FIELD
    if h == 0:
        return _doubled(p) if r == 0 else NOWHERE
    hh = h * h % FIELD
    hhh, uhh = h * hh % FIELD, u * hh % FIELD
    x = (r * r - hhh - 2 * uhh) % FIELD
    return x, (r * (uhh - x) - s * hhh) % FIELD, h * p[2] * q[2] % FIELD
