"""The desk over databases of a test's own, and inspectors and a brand's people who work at it."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from flask import g
from PIL import Image

from registry.enforcement.cases import Kind
from registry.enforcement.officers import Office, OfficeKind, Officer
from registry.storage.cases import Act, Cases
from registry.storage.histories import Histories
from registry.storage.scans import Scans
from registry.storage.telling import Telling
from tests.webapp.html import Page
from tests.webapp.samples import GTIN, NOW, readers
from tests.webapp.test_visits import SECRET
from webapp.app import create_app
from webapp.desk.casework import Casework
from webapp.desk.notifying import Notifying
from webapp.histories import Remembering
from webapp.tickets import Tickets
from webapp.visits import Visitors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient
    from sqlalchemy import Connection
    from werkzeug.test import TestResponse

    from registry.checking.typed import Choice
    from registry.checking.verdicts import Verdict
    from registry.enforcement.absence import Inquiry
    from registry.enforcement.cases import Case
    from registry.enforcement.snapshot import Registry
    from webapp.desk.casework import Deadline

REGISTRY: Final = "0x" + "5a" * 32
SHANGHAI: Final = Office(3, "Shanghai Customs", OfficeKind.CUSTOMS, "CN-SH")
HAMBURG: Final = Office(4, "Zollamt Hamburg", OfficeKind.CUSTOMS, "DE-HH")
KESTREL: Final = Office(5, "Kestrel", OfficeKind.MANUFACTURER, "CN", 7)
LARCH: Final = Office(6, "Larch", OfficeKind.MANUFACTURER, "DE", 8)
ALLIANCE: Final = Office(1, "Alliance", OfficeKind.ALLIANCE, "CH")
OPERATOR: Final = Office(2, "Operator", OfficeKind.OPERATOR, "CH")
LI: Final = Officer(31, "Li Wei", "li@customs.example", SHANGHAI)
VOGT: Final = Officer(41, "Anna Vogt", "vogt@zoll.example", HAMBURG)
CHEN: Final = Officer(51, "Chen Jie", "chen@kestrel.example", KESTREL)
OFFICERS: Final = (
    LI, VOGT, CHEN, Officer(61, "B", "b@larch.example", LARCH), Officer(11, "C", "c@alliance.example", ALLIANCE),
    Officer(21, "D", "d@operator.example", OPERATOR),
)  # fmt: skip


class People:
    """Knows everybody above."""

    def office(self, number: int) -> Office | None:
        """Return an office."""
        return next((one.office for one in OFFICERS if one.office.id == number), None)

    def name(self, officer: int) -> str:
        """Return a name."""
        return next((one.name for one in OFFICERS if one.id == officer), "")


@dataclass(frozen=True)
class Shown:
    """A page: what a person reads of it, and its source."""

    text: str
    raw: str


def shown(answer: TestResponse) -> Shown:
    """Return the page of an answer, which a browser reads without guessing."""
    page = Page(answer.text)
    assert page.faults == [], page.faults
    return Shown(page.text(), answer.text)


@dataclass
class Desk:
    """A site with a desk, and who sits at it."""

    app: Flask
    cases: Cases
    histories: Histories
    notes: list[tuple[str, int, str]]
    telling: Telling
    seat: dict[str, Officer | None] = field(default_factory=dict)

    def as_(self, officer: Officer | None) -> FlaskClient:
        """Return a browser; its officer is signed in until the next one is."""
        self.seat["officer"] = officer
        return self.app.test_client()

    def page(self, officer: Officer, address: str, status: int = 200, language: str = "en") -> Shown:
        """Return a page that an officer looks at."""
        answer = self.as_(officer).get(address, headers={"Accept-Language": language})
        assert answer.status_code == status, answer.text
        return shown(answer)

    def do(self, officer: Officer, case: str, form: str, **values: Any) -> TestResponse:
        """Send a form of a case, as whoever saw its newest state, unless it says otherwise."""
        standing = self.cases.get(case)
        sent = {"seen": len(standing.events) if standing else 0, **values}
        return self.as_(officer).post(f"/desk/cases/{case}/{form}", data=sent, headers={"Accept-Language": "en"})


def open_desk(
    folder: Path,
    table: Mapping[str, Verdict | Choice],
    *,
    copy: Callable[[bytes], bytes],
    inquiry: Callable[[], Inquiry] | None = None,
    deadlines: Callable[[Case, int], Sequence[Deadline]] | None = None,
    registry: Registry | None = None,
    clock: Callable[[], float] = lambda: NOW,
) -> Desk:
    """Return a site with a desk."""
    notes: list[tuple[str, int, str]] = []

    def journal(_: Connection, kind: str, who: int, subject: str, values: Mapping[str, Any]) -> None:
        del values
        notes.append((kind, who, subject))

    scans = Scans.open(f"sqlite:///{folder / 'scans.db'}")
    histories = Histories(scans._engine)
    cases = Cases.open(f"sqlite:///{folder / 'desk.db'}", create=True, journal=journal, clock=clock)
    work = Casework(lambda: cases, copy, lambda: histories, inquiry, registry, People(), deadlines, clock=clock)
    memory = Remembering(Visitors(SECRET, header="Region"), Tickets(SECRET), lambda: histories, clock=lambda: NOW)
    telling = Telling(cases.engine)
    notifying = Notifying(work, lambda: telling, loopback=True, clock=lambda: NOW)
    asked = readers(table, casework=work, notifying=notifying, memory=memory, lists=folder / "lists", registry_id=REGISTRY)
    app = create_app(asked, clock=lambda: NOW)
    desk = Desk(app, cases, histories, notes, telling)
    app.before_request(partial(sit, desk.seat))
    return desk


def sit(seat: dict[str, Officer | None]) -> None:
    """Sign in whoever sits at the desk."""
    g.officer = seat.get("officer")


def picture(colour: str = "red", note: str = "A phone") -> bytes:
    """Return a photo with what a camera writes into it."""
    exif = Image.Exif()
    exif[0x010F] = note
    out = io.BytesIO()
    Image.new("RGB", (60, 40), colour).save(out, "JPEG", exif=exif.tobytes())
    return out.getvalue()


def furnish(desk: Desk, codes: str) -> dict[str, str]:
    """Lead a case through nearly everything, and return the addresses of the desk's pages with something on each."""
    brought = desk.as_(LI).post("/inspect", data={"codes": codes}).location
    name = brought.rpartition("/")[2]
    sent = {
        "list": name, "group": ["repeated", "not_registered"], "reference": "SH-2026-0117", "region": "CN-SH",
        "product_group": "light_vehicles", "quantity": "2000", "consignee": "Rheingold Handels-GmbH",
    }  # fmt: skip
    case = desk.as_(LI).post("/desk/cases/new", data=sent).location.rpartition("/")[2]
    facts = {
        **sent, "hs_code": "871160", "place": "Yangshan Port, shed 4", "detained_at": "2026-07-28T08:30",
        "declared_value": "184000", "currency": "CNY", "marks": "KESTREL, a bird in flight", "contact": "Li Wei, 21 5550 0117",
    }  # fmt: skip
    desk.do(LI, case, "facts", **facts, why="from the declaration")
    desk.do(
        LI, case, "photos", photo=(io.BytesIO(picture("green")), "IMG_2041.jpg"), shows="The seal of carton 14, still closed"
    )
    heic = b"\0\0\0\x18ftypheic" + picture()
    desk.do(LI, case, "photos", photo=(io.BytesIO(heic), "IMG_2042.heic"), shows="The deck of a unit from carton 14")
    desk.do(LI, case, "custody", action="sealed", place="Shed 4", seal="CN-77", person="Wang Fang")
    desk.do(LI, case, "examined", opened="240", examined="200", found="12", why="cartons 1 to 20")
    desk.do(LI, case, "hold", why="the court asked for it")
    closing = {"outcome": "copied_label", "why": "The deck is printed, not engraved.", "copied": units_of(desk, case)[:1]}
    done = desk.as_(LI).post("/desk/cases/new", data=sent | {"reference": "SH-2026-0098"}).location.rpartition("/")[2]
    desk.do(LI, done, "close", **closing)
    made: dict[str, Any] = {
        "id": "0123456789AB",
        "sha256": sha256(b"PK").hexdigest(),
        "size": 2,
        "manifest": "5e" * 32,
        "supersedes": "",
    }
    desk.cases.append_all(done, LI.id, [Act(Kind.BUNDLED, made, files={"0123456789AB": b"PK"})])
    guide = {
        "title": "Kestrel S2", "gtin": GTIN, "version": "0", "points": "2", "note": "Look at the deck first.",
        "where-0": "The deck", "genuine-0": "Engraved by laser; you feel its edge.", "fake-0": "Printed, and smooth.",
        "genuine_picture-0-file": (io.BytesIO(picture("green")), "a.jpg"),
        "where-1": "The charging port", "genuine-1": "A cap with a hinge.", "fake-1": "A loose rubber plug.",
    }  # fmt: skip
    desk.as_(CHEN).post("/desk/guides/edit", data=guide)
    here = f"/desk/cases/{case}"
    forms = ("facts", "photos", "custody", "examined", "close", "withdraw")
    return {
        "result": brought, "cases": "/desk/cases", "new": f"/desk/cases/new?list={name}", "case": here,
        "closed": f"/desk/cases/{done}", "findings": f"/desk/cases/{done}/findings", "guides": "/desk/guides",
        "guide": f"/desk/guides/7/{GTIN}", "evidence": f"/desk/cases/{done}/evidence",
        "nobody": "/desk/cases?q=nothing", **{form: f"{here}/{form}" for form in forms},
    }  # fmt: skip


def units_of(desk: Desk, case: str) -> list[str]:
    """Return the units of a case as its forms name them."""
    standing = desk.cases.get(case)
    lines = standing.units if standing else ()
    return [f"{line['gtin']} {line['serial']}" for line in lines if line["serial"]]
