"""`python -m tests.faults.killed_at_scale`: registers a large file again and again, each time killed at a random moment.

Prints one line for each kill, and fails if one of them does not end right when it is run again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import tempfile
import time
from pathlib import Path

from registry.chain.devchain import Anvil
from tests.faults import killed
from tests.faults.register_ground import Ground, kill


def main() -> None:
    """Kill and run again as often as asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Anvil(epoch_slots=1) as anvil:
        ground = Ground.found(anvil, Path(tempfile.mkdtemp(dir=folder)))
        whole = ground.place(Path(tempfile.mkdtemp(dir=folder)), options.units, in_chunks=False)
        begun = time.monotonic()
        report = killed.register(whole)
        seconds = time.monotonic() - begun
        print(f"{options.units} units take {seconds:.1f} s", flush=True)
        ground.check(whole, report, options.units)
        moments = random.Random(options.seed)
        for number in range(options.times):
            place = ground.place(Path(tempfile.mkdtemp(dir=folder)), options.units, in_chunks=False)
            moment = moments.uniform(0, seconds)
            print(f"{number + 1}: killed after {moment:.2f} s, {killed_once(ground, place, moment, options.units)}", flush=True)


def killed_once(ground: Ground, place: killed.Place, moment: float, units: int) -> str:
    """Kill a registration after so many seconds, run it again, and say what was left of the first."""
    process = multiprocessing.get_context("spawn").Process(target=killed.register, args=(place,))
    process.start()
    process.join(moment)
    done = process.exitcode is not None
    kill(process)
    with place.store() as store:
        left = [f"a batch that is {batch.state}" for batch in store.batches()] or ["nothing stored"]
    ground.check(place, killed.register(place), units)
    return f"{'after its end, ' if done else ''}{left[0]}; run again, it ended right"


if __name__ == "__main__":
    main()
