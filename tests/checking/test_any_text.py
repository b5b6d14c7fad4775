"""Whatever is presented, there is a verdict."""

from __future__ import annotations

import json
from typing import Final

from hypothesis import example, given
from hypothesis import strategies as st

from registry.checking.json_form import as_json
from registry.checking.typed import Choice, check_typed
from registry.checking.verdicts import Code, Registration
from registry.units.records import UnitId
from tests.checking.world import World, make_world

WORLD: Final = make_world()
"""Nothing in here changes it, so that one is enough for all examples."""
VERIFIER: Final = WORLD.verifier()
GENUINE: Final = WORLD.link(World.scooter)
ANY_TEXT: Final = st.text(max_size=300) | st.text(st.characters(codec=None), max_size=60)

changes = st.lists(
    st.tuples(st.integers(0, len(GENUINE)), st.integers(0, 4), st.text(st.characters(codec="ascii"), max_size=4)),
    min_size=1,
    max_size=4,
)


def changed(text: str, edits: list[tuple[int, int, str]]) -> str:
    """Replace some characters of a text."""
    for place, length, new in edits:
        text = text[:place] + new + text[place + length :]
    return text


@given(ANY_TEXT)
@example("https://")
@example("\ud800")
@example(GENUINE + "\0")
@example("https://verify.example.org/01/" + "9" * 100_000)
def test_any_text_is_unreadable_or_has_a_verdict(text: str) -> None:
    """`check` raises nothing and knows a reason for everything that it refuses."""
    verdict = VERIFIER.check(text)
    assert verdict.registration in Registration
    assert Code.UNEXPECTED not in verdict.reasons
    assert verdict.registration is Registration.REGISTERED or verdict.reasons
    json.dumps(as_json(verdict, "h"))


@given(changes)
def test_a_changed_link_is_registered_only_if_it_says_the_same(edits: list[tuple[int, int, str]]) -> None:
    """Edits of a genuine link never give another unit, lot or signature that passes."""
    text = changed(GENUINE, edits)
    verdict = VERIFIER.check(text)
    assert Code.UNEXPECTED not in verdict.reasons
    if verdict.registration is Registration.REGISTERED:
        link = verdict.link
        assert link is not None
        assert (link.gtin, link.lot, link.serial) == (World.scooter.gtin, World.scooter.lot, World.scooter.serial)
        assert GENUINE.endswith(f"?sig={link.signature}")


@given(ANY_TEXT, st.none() | st.text(max_size=20))
def test_any_typed_text_has_a_verdict_or_asks_for_the_product(text: str, gtin: str | None) -> None:
    """Typing raises nothing either, and never gives more than a known number."""
    found = check_typed(VERIFIER, WORLD.shelf, text, gtin=gtin)
    if not isinstance(found, Choice):
        assert Code.UNEXPECTED not in found.reasons
        assert found.registration is not Registration.REGISTERED


@given(ANY_TEXT, ANY_TEXT)
def test_any_number_has_a_verdict(gtin: str, serial: str) -> None:
    """Even one that no reading would have let through."""
    verdict = VERIFIER.check_number(UnitId(gtin, serial))
    assert verdict.registration is Registration.NOT_REGISTERED
