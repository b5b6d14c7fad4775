"""How large a pack is, how fast it is made and asked, and how often it takes a number for a registered one: `make bench-pack`.

The units are made of numbers: what is measured is the table and the checks by it, with one batch and one signer.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

from registry.packs import pack_file
from registry.packs.checking import PackFacts, PackVerifier
from registry.packs.pack_file import Head, Table
from registry.units.records import UnitId
from tests.checking.world import NOW, World, address, make_world
from tests.packs.packing import OFFICE, pack, sign

ASKED = 20_000


def measure(units: int) -> None:
    """Print one line of the table in docs/packs.md."""
    gtin, salt = World.scooter.gtin, bytes(32)
    seeded = random.Random(7)
    serials = {f"{seeded.getrandbits(80):020X}" for _ in range(units)}
    began = time.perf_counter()
    table = Table(salt)
    for serial in serials:
        table.add(UnitId(gtin, serial), 0, serial.encode())
    body = table.sorted()
    made = time.perf_counter() - began
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.pack"
        path.write_bytes(pack_file.write(Head(salt, NOW, NOW, salt, units), {}, body, sign))
        began = time.perf_counter()
        with pack_file.opened(path, address(OFFICE)) as opened:
            seen = time.perf_counter() - began
            others = (f"{seeded.getrandbits(80):020X}" for _ in range(1_000_000))
            wrong = sum(bool(opened.find(UnitId(gtin, one))) for one in others if one not in serials)
            some = seeded.sample(sorted(serials), min(ASKED, units))
            began = time.perf_counter()
            assert all(opened.find(UnitId(gtin, one)) for one in some)
            each = (time.perf_counter() - began) / len(some)
        size = path.stat().st_size
    print(
        f"{units:>10,} units: {size / units:.2f} bytes a unit, table made in {made:.1f} s, opened and seen to be whole in "
        f"{seen * 1000:.0f} ms, a unit found in {each * 1e6:.1f} us, {wrong} of 1,000,000 other numbers found "
        f"(expected {units / 2**40 * 1e6:.1f})"
    )


def whole_checks() -> None:
    """Print the time of a whole check by a pack, beside the same check by the verifier over dictionaries."""
    world = make_world()
    links = [world.link(World.scooter), world.link(World.liquor)] * 500
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.pack"
        path.write_bytes(pack(world).raw)
        with pack_file.opened(path, address(OFFICE)) as opened:
            for name, verifier in (
                ("pack", PackVerifier(PackFacts(opened), clock=lambda: NOW)),
                ("dictionaries", world.verifier()),
            ):
                began = time.perf_counter()
                for link in links:
                    assert verifier.check(link).registration == "registered"
                print(f"a whole check by {name}: {(time.perf_counter() - began) / len(links) * 1e6:.0f} us")


if __name__ == "__main__":
    for count in map(int, sys.argv[1:] or ("100000", "1000000")):
        measure(count)
    whole_checks()
