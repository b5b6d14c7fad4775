"""keccak256, as Ethereum has it: SHA-3's permutation with the padding of before the standard."""

from __future__ import annotations

from functools import lru_cache

LANES = (1 << 64) - 1
RATE = 136
"""Bytes of one block."""


def _round_constants() -> list[int]:
    """Return the 24 constants of iota, from their shift register (FIPS 202, algorithm 5)."""
    constants, register = [], 1
    for _ in range(24):
        constant = 0
        for exponent in range(7):
            constant |= (register & 1) << ((1 << exponent) - 1)
            register = (register << 1) ^ (0x171 if register & 0x80 else 0)
        constants.append(constant)
    return constants


def _moves() -> list[tuple[int, int, int]]:
    """Return for each lane of pi's result where it comes from, that lane's column, and by how much rho turns it."""
    turns, x, y = {0: 0}, 1, 0
    for step in range(24):
        turns[x + 5 * y] = (step + 1) * (step + 2) // 2 % 64
        x, y = y, (2 * x + 3 * y) % 5
    sources = [(place % 5 + 3 * (place // 5)) % 5 + 5 * (place % 5) for place in range(25)]
    return [(source, source % 5, turns[source]) for source in sources]


ROUND_CONSTANTS = _round_constants()
MOVES = _moves()


def _permute(a: list[int]) -> list[int]:
    for constant in ROUND_CONSTANTS:
        c = [a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20] for x in range(5)]
        d = [c[x - 1] ^ (c[x - 4] << 1 & LANES | c[x - 4] >> 63) for x in range(5)]
        b = [((lane := a[source] ^ d[column]) << turn | lane >> 64 - turn) & LANES for source, column, turn in MOVES]
        a = []
        for row in range(0, 25, 5):
            p, q, r, s, t = b[row : row + 5]
            a += (p ^ ~q & r, q ^ ~r & s, r ^ ~s & t, s ^ ~t & p, t ^ ~p & q)
        a[0] ^= constant
    return a


# Of thousands of units of a batch, most hashes are the same again: upper nodes of the tree, product, lot, address.
@lru_cache(maxsize=2**16)
def keccak256(data: bytes) -> bytes:
    """Return the hash of some bytes."""
    padded = bytearray(data + b"\x01" + bytes(-(len(data) + 1) % RATE))
    padded[-1] |= 0x80
    state = [0] * 25
    for start in range(0, len(padded), RATE):
        for lane in range(RATE // 8):
            state[lane] ^= int.from_bytes(padded[start + 8 * lane : start + 8 * lane + 8], "little")
        state = _permute(state)
    return b"".join(lane.to_bytes(8, "little") for lane in state[:4])
