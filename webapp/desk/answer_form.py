"""Reads the form of an identification statement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.enforcement.answers import MOST_FEATURES, Answer, Feature, Own, Says
from registry.enforcement.cases import Outcome
from webapp.report_form import clean

if TYPE_CHECKING:
    from werkzeug.datastructures import MultiDict

SHOWN_FEATURES = 4
"""Rows that the form offers; as many more appear when these are filled and it is sent."""


def read(form: MultiDict[str, str]) -> Answer:
    """Return the statement that a form holds, faults and all."""
    rows = zip(*(form.getlist(f"feature_{part}")[: MOST_FEATURES + 1] for part in ("name", "genuine", "found")), strict=False)
    features = [Feature(*(clean(text) for text in row)) for row in rows]
    said = {kind: form.get(f"own_{kind}", "") for kind in Own}
    conclusion = form.get("conclusion", "")
    return Answer(
        signer=clean(form.get("signer", "")),
        authority=clean(form.get("authority", "")),
        photos=tuple(dict.fromkeys(form.getlist("photos"))),
        seal=clean(form.get("seal", "")),
        examined=clean(form.get("examined", ""), lines=True),
        features=tuple(one for one in features if one.name or one.genuine or one.found),
        own={kind: Says(text) for kind, text in said.items() if text in set(Says)},
        conclusion=Outcome(conclusion) if conclusion in set(Outcome) else None,
        remarks=clean(form.get("remarks", ""), lines=True),
        knows_liability="knows_liability" in form,
    )
