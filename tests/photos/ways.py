"""Measures what each way of looking at a photo adds, and what it costs: the table of decision record 23.

    python -m tests.photos.ways [FOLDER]

The folder holds real photos, each with its text in a file of the same name that ends in `.txt`; then those are measured, else
labels that we photograph ourselves, in which one thing grows worse and worse.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from registry.photos import reading
from tests.bench.measuring import markdown
from tests.photos.album import growing
from tests.photos.camera import photograph

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def real(folder: Path) -> Iterator[tuple[bytes, str]]:
    """Yield the photos in a folder, and what they say."""
    for photo in sorted(folder.rglob("*.png")):
        if (text := photo.with_suffix(".txt")).exists():
            yield photo.read_bytes(), text.read_bytes().decode()


def table(photos: Iterable[tuple[bytes, str]]) -> str:
    """Return the table: each way by itself, and what is read only since it is there."""
    tried: Counter[str] = Counter()
    alone: Counter[str] = Counter()
    added: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    took: defaultdict[str, list[float]] = defaultdict(list)
    count = 0
    for data, text in photos:
        count += 1
        read = False
        for name, seconds, texts in looked_at(data):
            tried[name] += 1
            took[name].append(seconds)
            alone[name] += texts == (text,)
            wrong[name] += texts not in {(text,), ()}
            added[name] += texts == (text,) and not read
            read = read or texts == (text,)
    lines = [(name, tried[name], alone[name], added[name], wrong[name], 1000 * statistics.median(took[name])) for name in tried]
    told = markdown(("way", "tried on", "reads by itself", "adds", "wrong", "ms"), lines)
    return f"{told}\n\n{added.total()} of {count} are read."


def looked_at(data: bytes) -> Iterator[tuple[str, float, tuple[str, ...]]]:
    """Yield for each way its name, the processor time of preparing and reading, and what was read."""
    photo = reading.opened(data)
    ways = reading.ways(photo)
    while True:
        began = time.process_time()
        way = next(ways, None)
        if way is None:
            return
        texts = reading.read_in(photo, way)
        yield way[0], time.process_time() - began, texts


if __name__ == "__main__":
    print(table(real(Path(sys.argv[1])) if len(sys.argv) > 1 else map(photograph, growing())))
