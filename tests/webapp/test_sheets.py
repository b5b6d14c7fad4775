"""A result sheet that an inspector has signed: asked for once, waited for, and then what `verify-sheet` reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pypdfium2
import pytest

from registry.enforcement import result_sheet
from registry.errors import StoreUnavailable
from registry.notary import Notary
from registry.storage.journal import Journal
from registry.storage.outbox import Outbox, Work
from tests.issuing.samples import Signer
from tests.webapp.desk import CHEN, LI, REGISTRY, VOGT, Desk, open_desk
from tests.webapp.samples import BY_NAME, NOW

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """The site with a desk of the test's own."""
    return open_desk(tmp_path, BY_NAME, copy=lambda _: b"")


def checked(desk: Desk, codes: str = "registered\nwithdrawn") -> str:
    """Have an inspector check a list; returns its name."""
    return desk.as_(LI).post("/inspect", data={"codes": codes}).location.rpartition("/")[2]


def notary(desk: Desk) -> None:
    """Let a notary with a key of its own look into the outbox."""
    nothing: Any = None
    journal = Journal(desk.cases.engine, clock=lambda: NOW)
    journal._begin(bytes.fromhex(REGISTRY[2:]))
    outbox = Outbox(desk.cases.engine, clock=lambda: NOW)
    asked = {"journal": journal, "outbox": outbox, "on_record": nothing, "recorder": nothing, "signer": Signer()}
    Notary(bytes.fromhex(REGISTRY[2:]), **asked, clock=lambda: NOW + 60).once()


def test_a_sheet_is_asked_for_waited_for_and_taken_along(desk: Desk) -> None:
    """Its JSON names the signer, its paper repeats that; whoever asks twice has it signed once; both is in the journal."""
    name = checked(desk)
    here, signed = f"/inspect/{name}", f"/desk/sheets/{name}"
    assert "Ask for the signature" in desk.page(LI, here).text
    assert desk.as_(LI).get(f"{signed}/sheet.json").status_code == 404
    for _ in range(2):
        assert desk.as_(LI).post(signed).location == f"{here}#signature"
    assert "Waiting for the notary since" in desk.page(LI, here).text
    assert [note for note in desk.notes if note[0] == "sheet.asked"] == [
        ("sheet.asked", LI.id, f"sheet {_unsigned(desk, name)[:16]}")
    ]
    assert desk.as_(LI).get(f"{signed}/sheet.json").status_code == 404

    notary(desk)
    page = desk.page(LI, here)
    assert "Signed by the registry’s notary" in page.text
    assert Signer().address in page.text
    raw = desk.as_(LI).get(f"{signed}/sheet.json").data
    values = result_sheet.read(raw)
    assert result_sheet.signed_by(values) == result_sheet.SignedBy(Signer().address, NOW + 60)
    assert {**values, "signature": None} == json.loads(desk.as_(LI).get(f"{here}/sheet.json").data)
    paper = desk.as_(LI).get(f"{signed}/sheet.pdf")
    text = "".join(one.get_textpage().get_text_range() for one in pypdfium2.PdfDocument(paper.data)).replace("\r\n", "")
    assert Signer().address in text
    assert values["signature"]["value"] in text
    assert paper.headers["Content-Disposition"].endswith('-signed-sheet.pdf"')
    assert desk.as_(LI).get(f"{signed}/lines.jsonl").status_code == 404


def test_a_signature_is_for_inspectors_of_the_office_alone(desk: Desk) -> None:
    """Whoever is not signed in, a brand's people and another office find nothing of it, on the list's page either."""
    name = checked(desk)
    assert desk.as_(LI).post(f"/desk/sheets/{name}").status_code == 303
    notary(desk)
    for who, status in ((None, 303), (CHEN, 404), (VOGT, 404)):
        client = desk.as_(who)
        assert client.post(f"/desk/sheets/{name}").status_code == status
        assert client.get(f"/desk/sheets/{name}/sheet.json").status_code == status
    public = desk.as_(None).post("/inspect", data={"codes": "registered"}).location
    assert "Ask for the signature" not in desk.as_(None).get(public).text
    assert "Ask for the signature" in desk.page(VOGT, public).text
    assert desk.as_(LI).post("/desk/sheets/nobody").status_code == 404


def test_other_lines_are_another_sheet(desk: Desk) -> None:
    """A list that is read otherwise after it was signed has to be signed anew: no signature covers what it did not see."""
    name = desk.as_(LI).post("/inspect", data={"codes": "registered,withdrawn\nwithdrawn,registered"}).location[9:]
    desk.as_(LI).post(f"/desk/sheets/{name}")
    notary(desk)
    assert "Signed by the registry" in desk.page(LI, f"/inspect/{name}").text
    desk.as_(LI).post(f"/inspect/{name}/columns", data={"code": "1", "gtin": "-1"})
    assert "Ask for the signature" in desk.page(LI, f"/inspect/{name}").text
    assert desk.as_(LI).get(f"/desk/sheets/{name}/sheet.json").status_code == 404


def test_the_list_is_shown_while_the_desk_is_away(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the signature cannot be told; a notary that tried in vain is told as well."""
    name = checked(desk)
    desk.as_(LI).post(f"/desk/sheets/{name}")
    outbox = Outbox(desk.cases.engine)
    (task,) = outbox.all(Work.SHEET)
    outbox.failed(task.id, "the chain is silent")
    assert "could not sign it yet" in desk.page(LI, f"/inspect/{name}").text

    def silent(*_: object) -> None:
        raise StoreUnavailable("the database is away")

    monkeypatch.setattr(Outbox, "find", silent)
    assert "cannot say now whether this sheet is signed" in desk.page(LI, f"/inspect/{name}").text
    assert desk.as_(LI).post(f"/desk/sheets/{name}").status_code == 503


def _unsigned(desk: Desk, name: str) -> str:
    """Return the hash of a list's sheet as it is without a signature."""
    return result_sheet.signed_hash(json.loads(desk.as_(LI).get(f"/inspect/{name}/sheet.json").data)).hex()
