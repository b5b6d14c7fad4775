"""`publish` of many units with somebody killed at random moments: `python -m tests.faults.publish_killed_at_scale`.

The commands themselves in processes of their own: granian with its worker, `touchstone admit` with its workers, `touchstone
publish`. At each moment one of the three is ended by SIGKILL and started again; then the batch must be there once, to the byte.
"""

from __future__ import annotations

import argparse
import filecmp
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from registry.chain.devchain import Anvil
from tests.faults import publishers
from tests.faults.publishers import Place
from tests.journeys.running_demo import free_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT: Final = Path(__file__).parents[2]
PATIENCE: Final = 600.0


@dataclass
class Started:
    """A process that leads a session of its own."""

    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """End the process and all that it started, as nothing can prevent."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@dataclass
class Crowd:
    """Site, admitter and sender of one place."""

    place: Place
    log: Path

    def start(self, role: str) -> Started:
        """Start one of them."""
        store = ["--database", f"sqlite:///{self.place.brand / 'registry.db'}", "--trees", str(self.place.brand / "trees")]
        commands = {
            "site": ["-m", "granian", "--interface", "asgi", "--factory", "--port", str(self.place.port), "webapp.wsgi:asgi"],
            "admitter": ["-m", "scripts", "admit", "--every", "0.2"],
            "sender": ["-m", "scripts", "publish", "--all", "--to", f"http://127.0.0.1:{self.place.port}", *store],
        }
        with self.log.open("ab") as log:
            return Started(
                subprocess.Popen(
                    [sys.executable, *commands[role]],
                    cwd=ROOT,
                    env={**os.environ, **self.place.settings},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )


def end(started: dict[str, Started]) -> None:
    """End what was started."""
    for one in started.values():
        one.kill()


def publish(crowd: Crowd, disturb: Callable[[dict[str, Started]], None]) -> float:
    """Publish once, with somebody disturbed; returns the seconds that it took. Raises `AssertionError` if it ends wrong."""
    place = crowd.place
    batch = publishers.prepared(place)
    began = time.monotonic()
    with ExitStack() as ending:
        started = {role: crowd.start(role) for role in ("site", "admitter", "sender")}
        ending.callback(lambda: end(started))
        disturb(started)
        code = started["sender"].process.wait(PATIENCE)
        took = time.monotonic() - began
        assert code == 0, f"the sender ended with {code}:\n{crowd.log.read_text()[-2000:]}"
    publishers.admit(place, once=True)
    with place.sites_store() as store:
        (admitted,) = store.batches()
        assert admitted.seal == batch.seal
        assert store.count_units(admitted.id) == batch.unit_count
    name = batch.seal.hex()
    assert filecmp.cmp(place.site / "trees" / name, place.brand / "trees" / name, shallow=False)
    assert not [path.name for path in place.inbox.iterdir() if path.name.startswith(name)]
    return took


@contextmanager
def grounds(folder: Path, units: int) -> Iterator[Callable[[int], Crowd]]:
    """Found a registry and a brand; gives what makes an empty site."""
    with Anvil(epoch_slots=1) as anvil:
        began = time.monotonic()
        publishers.found(anvil, folder, units)
        print(f"registered {units:,} units in {time.monotonic() - began:.1f} s", flush=True)

        def crowd(number: int) -> Crowd:
            place = Place(anvil.url, folder / "trust.json", folder / "brand", folder / f"site-{number}", free_ports())
            return Crowd(place, folder / f"{number}.log")

        yield crowd


def main() -> None:
    """Publish once undisturbed, then at every random moment with somebody killed."""
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--units", type=int, default=100_000)
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    draw = random.Random(wanted.seed)
    with tempfile.TemporaryDirectory(prefix="touchstone-publish-") as name, grounds(Path(name), wanted.units) as crowd:
        usual = publish(crowd(0), lambda _: None)
        print(f"undisturbed: {usual:.1f} s, {wanted.units / usual:,.0f} units a second, start of the programs included")
        for number in range(1, wanted.moments + 1):
            victim = draw.choice(["site", "admitter", "sender"])
            moment = draw.uniform(0, usual)
            one = crowd(number)

            def disturb(started: dict[str, Started], victim: str = victim, moment: float = moment, one: Crowd = one) -> None:
                time.sleep(moment)
                started[victim].kill()
                started[victim] = one.start(victim)

            took = publish(one, disturb)
            print(f"{number:>3}: {victim:<8} killed after {moment:5.1f} s: ended right after {took:5.1f} s", flush=True)


if __name__ == "__main__":
    main()
