"""An order from the printer to the signed numbers, as the production engineer lives it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from web3 import Web3

from registry.units import links
from tests.scripts.conftest import BASE, GTIN, LOT, MAKER

if TYPE_CHECKING:
    from tests.scripts.conftest import Desk

pytestmark = pytest.mark.xdist_group("scripts")

NUMBERS = ("allotted", "printed", "applied", "spoiled", "void", "open")


class Order:
    """A batch on the line."""

    def __init__(self, desk: Desk, name: str, units: int, *, printed: bool = True) -> None:
        self.desk = desk
        self.name = name
        units_file = desk.file(f"{name}-units.csv", "gtin,lot,serial\n" + f"{GTIN},{LOT},\n" * units)
        options = ("--products", desk.path("products.toml"), "--run", name, *desk.by("line"))
        self.seal: str = desk.done("register", units_file, *options)["seal"]
        desk.chain.finalize()
        if printed:
            self.links = self.print("labels")

    def print(self, name: str, *options: str) -> list[str]:
        """Print the links of all units, and return them."""
        out = self.desk.path(f"{self.name}-{name}.csv")
        self.desk.done("labels", self.seal, "--base", BASE, "--format", "csv", "--out", out, *options)
        rows = (self.desk.folder / f"{self.name}-{name}.csv").read_text().splitlines()
        place = rows[0].split(",").index("link")
        return [row.split(",")[place] for row in rows[1:]]

    def do(self, act: str, *words: str) -> dict[str, Any]:
        """Give a command about it that has to succeed."""
        return self.desk.done("reconcile", act, self.seal, *words)

    def refused(self, act: str, *words: str) -> str:
        """Give a command about it that has to be refused, and return what it said."""
        done = self.desk.type("reconcile", act, self.seal, *words)
        assert done.exit_code == 1, done.output
        assert done.stdout == ""
        return done.stderr

    def file(self, name: str, lines: list[str]) -> str:
        """Write what the line sends."""
        return self.desk.file(f"{self.name}-{name}.csv", "".join(f"{line}\n" for line in lines))

    def serials(self, first: int, last: int) -> list[str]:
        """Return serials by the place of their labels."""
        return [links.parse(link).serial for link in self.links[first:last]]

    def numbers(self) -> list[int]:
        """Return the numbers as they are."""
        found = self.do("show")
        return [found[name] for name in NUMBERS]

    def verdict(self, number: int) -> tuple[str, list[str]]:
        """Check a label as a buyer does; return the registration and the words of withdrawal."""
        done = self.desk.type("verify", self.links[number], "--json")
        found = json.loads(done.stdout)
        return found["registration"], [str(one) for one in found["reasons"]]


def transactions(desk: Desk) -> int:
    """Count what the line's account has paid for."""
    return int(desk.chain.w3().eth.get_transaction_count(Web3.to_checksum_address(desk.chain.accounts[2])))


def test_an_order(desk: Desk) -> None:
    """1,000 printed, 940 applied, 25 spoiled, the rest withdrawn, and the numbers signed."""
    order = Order(desk, "order", 1000)
    assert order.numbers() == [1000, 1000, 0, 0, 0, 1000]
    day, night = order.file("day", order.serials(0, 500)), order.file("night", order.links[500:940])
    done = order.do("applied", day, "--by", "line 2")
    assert (done["recorded"], done["applied"], done["open"]) == (True, 500, 500)
    order.do("applied", night)
    spoiled = order.file("bin", [f"{GTIN},{serial}" for serial in order.serials(940, 965)])
    order.do("spoiled", spoiled, "--reason", "torn at the feeder")
    assert order.numbers() == [1000, 1000, 940, 25, 0, 35]

    # The same file again changes nothing and says so.
    again = order.do("applied", day)
    assert (again["recorded"], again["entry"]) == (False, 2)
    assert "already: nothing was put on record" in again["done"]

    # Nothing closes, and nothing is paid, before it is asked for.
    assert "60 units are neither applied nor withdrawn" in order.refused("close", *desk.by("line"))
    paid = transactions(desk)
    dry = order.do("void", "--dry-run", *desk.by("line"))
    assert (dry["units"], dry["transactions"]) == (60, 1)
    assert float(dry["fee_at_most"]) >= float(dry["fee"]) > 0
    declined = desk.type("reconcile", "void", order.seal, *desk.by("line"), typed="n\n")
    assert declined.exit_code == 1
    assert "Withdraw them?" in declined.stderr
    assert transactions(desk) == paid
    assert order.verdict(999)[0] == "registered"

    done = order.do("void", "--yes", *desk.by("line"))
    assert (len(done["transactions"]), transactions(desk)) == (1, paid + 1)
    assert order.numbers() == [1000, 1000, 940, 25, 35, 0]
    registration, reasons = order.verdict(999)
    assert (registration, "void" in " ".join(reasons)) == ("withdrawn", True)
    assert order.verdict(950)[0] == "withdrawn"
    assert order.verdict(0)[0] == order.verdict(939)[0] == "registered"
    assert order.do("void", "--yes", *desk.by("line"))["transactions"] == []
    assert transactions(desk) == paid + 1

    closed = order.do("close", *desk.by("line"))["closed"]["statement"]
    assert [closed[name] for name in ("allotted", "printed", "applied", "spoiled", "void")] == [
        "1000",
        "1000",
        "940",
        "25",
        "35",
    ]
    assert closed["key"] == desk.chain.accounts[2]
    assert order.do("close", *desk.by("line"))["done"] == "the ledger is closed already"
    shown = desk.type("reconcile", "show", order.seal, "--entries").stdout
    assert "1,000 = 940 applied + 25 spoiled + 35 void + 0 open" in shown
    assert "because: torn at the feeder" in shown
    assert f"by key {closed['key']}" in shown
    assert shown.count("by line 2") == 1


def test_over_runs(desk: Desk) -> None:
    """Each is listed by unit, file and line, keeps the ledger open, and goes when somebody gives a reason."""
    order = Order(desk, "over-runs", 10)
    first, second, third = order.serials(0, 3)
    order.print("again")
    order.print("again")  # the same file again is the same run
    order.print("with-a-reason", "--reprint", "the ribbon was empty")
    lines = [first, second, first, "STRANGER", order.links[3].replace(f"/{LOT}/", "/OTHER/")]
    done = desk.type("reconcile", "applied", order.seal, order.file("a", lines))
    assert done.exit_code == 0
    assert "warning: 3 over-runs: see to them now" in done.stderr
    order.do("spoiled", order.file("b", [second, third]), "--reason", "torn")
    found = order.do("show")["over_runs"]
    assert found["open"] == {
        "printed_before": 10, "twice_in_file": 1, "applied_before": 1, "other_label": 1, "not_of_batch": 1,
    }  # fmt: skip
    listed = [(one["what"], one["unit"], one["file"], one["line"]) for one in found["listed"] if one["line"]]
    assert sorted(listed) == sorted([
        ("twice_in_file", f"{GTIN}/{first}", "over-runs-a.csv", 3),
        ("not_of_batch", "STRANGER", "over-runs-a.csv", 4),
        ("other_label", f"{GTIN}/{links.parse(order.links[3]).serial}", "over-runs-a.csv", 5),
        ("applied_before", f"{GTIN}/{second}", "over-runs-b.csv", 1),
    ])  # fmt: skip
    shown = desk.type("reconcile", "show", order.seal, "--limit", "2").stdout
    assert "over-runs: 14 open, 0 explained" in shown
    assert "… and 12 more" in shown
    assert "14 over-runs are open" in order.refused("void", "--yes", *desk.by("line"))

    order.do("reprint", "--reason", "jam on printer 2")
    order.do("explain", "applied_before", "--unit", second, "--stands", "spoiled", "--reason", "the bin is right")
    for what in ("twice_in_file", "other_label", "not_of_batch"):
        order.do("explain", what, "--entry", "4", "--reason", "looked at")
    assert order.do("show")["over_runs"]["open"] == {}
    assert order.numbers() == [10, 10, 2, 2, 0, 6]
    assert "no open over-run twice_in_file" in order.refused("explain", "twice_in_file", "--reason", "again")
    assert "are not of this batch" in order.refused("explain", "twice_in_file", "--unit", "NO-1", "--reason", "again")


def test_a_faulty_file_and_a_wrong_one(desk: Desk) -> None:
    """Every faulty line is named and nothing recorded; what was fed by mistake is taken back."""
    order = Order(desk, "mistakes", 10)
    serials = order.serials(0, 10)
    faulty = order.refused("applied", order.file("c", [serials[0], "", serials[1].lower() + " ", serials[2]]))
    assert "line 2, label: found" in faulty
    assert "line 3, label: found" in faulty
    assert "nothing was put on record" in faulty
    other = Order(desk, "another", 2)
    assert "is it the file of another batch?" in order.refused("applied", other.file("d", other.serials(0, 2)))
    assert order.numbers() == [10, 10, 0, 0, 0, 10]
    order.do("spoiled", order.file("e", serials[:5]), "--reason", "fed by mistake")
    assert order.do("retract", "2", "--reason", "these are the good ones")["spoiled"] == 0
    order.do("applied", order.file("e", serials[:5]))
    assert order.numbers() == [10, 10, 5, 0, 0, 5]
    assert "was retracted already" in order.refused("retract", "2", "--reason", "again")
    assert "is retracted, expected a run of labels" in order.refused("retract", "3", "--reason", "again")


def test_units_that_turn_up_after_they_were_withdrawn(desk: Desk) -> None:
    """The controller annuls, and the numbers follow the chain."""
    order = Order(desk, "late", 10)
    serials = order.serials(0, 10)
    order.do("applied", order.file("f", serials[:7]))
    order.do("void", "--yes", *desk.by("line"))
    order.do("close", *desk.by("line"))
    late = desk.type("reconcile", "applied", order.seal, order.file("g", serials[7:9]), "--json")
    assert "warning: the ledger was closed; it is open again" in late.stderr
    assert json.loads(late.stdout)["over_runs"]["open"] == {"void_before": 2}
    listed = desk.file("late-annul.csv", "gtin,serial\n" + "".join(f"{GTIN},{serial}\n" for serial in serials[7:9]))
    why = ("--because", "they were applied")
    desk.done("withdraw", "annul-units", MAKER, listed, "--for", "void", *why, *desk.by("controller"))
    order.do("explain", "void_before", "--reason", "a pallet that was not scanned")
    paid = transactions(desk)
    order.do("void", "--yes", *desk.by("line"))
    assert transactions(desk) == paid
    assert order.numbers() == [10, 10, 9, 0, 1, 0]
    assert order.do("close", *desk.by("line"))["closed"]["statement"]["void"] == "1"
    assert [order.verdict(number)[0] for number in (6, 7, 9)] == ["registered", "registered", "withdrawn"]


def test_what_was_never_printed(desk: Desk) -> None:
    """Labels that no run of ours made."""
    order = Order(desk, "unprinted", 3, printed=False)
    link = desk.link(order.seal)
    serial = links.parse(link).serial
    run = order.do("show")["entries"][0]
    order.do("retract", str(run["number"]), "--reason", "the file was thrown away")
    assert order.do("applied", order.file("h", [serial]))["over_runs"]["open"] == {"not_printed": 1}
    assert "1 more labels were applied than printed" in desk.type("reconcile", "show", order.seal).stdout


def test_who_may_not(desk: Desk) -> None:
    """A key of nobody, a batch of nobody, a reason of nothing."""
    order = Order(desk, "refused", 2)
    order.do("applied", order.file("i", order.serials(0, 1)))
    assert "the key is of manufacturer 0" in order.refused("void", "--yes", *desk.by("witness"))
    assert "the key is of manufacturer 0" in order.refused("close", *desk.by("witness"))
    done = desk.type("reconcile", "show", "0x" + "ab" * 32)
    assert (done.exit_code, "is not in this store" in done.stderr) == (1, True)
    done = desk.type("reconcile", "retract", order.seal, "1", "--reason", " ")
    assert (done.exit_code, "expected one line of 1 to 1000 characters" in done.stderr) == (2, True)
