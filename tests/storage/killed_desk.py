"""A desk at work in a process of its own, until somebody ends it by SIGKILL."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING, Any, Final

from registry.enforcement.cases import Kind
from registry.storage.cases import Act, Cases
from registry.storage.journal import Journal

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

REGISTRY: Final = bytes(range(32))
GTIN: Final = "09506000134352"


def work(url: str, told: Connection, seed: int) -> None:
    """Open cases, add to them and write into the journal without end; tell of each act as soon as it is done.

    What is told is a case and the number of its last event, or `journal` and the number of an entry.
    """
    chosen = random.Random(seed)
    with Journal.open(url, REGISTRY) as journal, Cases.open(url, create=True, journal=journal.append_in) as cases:
        names: list[str] = []
        while True:
            if not names or chosen.random() < 0.3:
                case = cases.open_case(3, 5, {"quantity": len(names)}, [unit(chosen) for _ in range(chosen.randrange(20))])
                names.append(case.id)
            else:
                case = cases.append_all(chosen.choice(names), 5, [act(chosen) for _ in range(chosen.randrange(1, 4))])
            told.send((case.id, len(case.events)))
            told.send(("journal", journal.append("list.checked", 5, "list").number))


def unit(chosen: random.Random) -> dict[str, Any]:
    """Return a line of a checked list."""
    return {"gtin": GTIN, "serial": f"A-{chosen.randrange(10**9)}"}


def act(chosen: random.Random) -> Act:
    """Return something that is done to a case: with a file, for the notary, with units, or nothing of these."""
    name = f"F{chosen.randrange(10**9)}"
    content = chosen.randbytes(chosen.randrange(50_000))
    about = {"id": name, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    return chosen.choice([
        Act(Kind.PHOTO_ADDED, {**about, "type": "image/jpeg", "name": "1.jpg", "shows": "the seal"}, files={name: content}),
        Act(Kind.BUNDLED, {**about, "manifest": chosen.randbytes(32).hex()}, files={name: content}),
        Act(Kind.UNITS_ADDED, {"units": [unit(chosen)]}),
        Act(Kind.CHANGED, {"quantity": chosen.randrange(100)}),
    ])  # fmt: skip
