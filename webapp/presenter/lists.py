"""What an inspector is told of each line of a list, and of the list as a whole."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.checking.typed import Choice
from registry.units.serials import group
from webapp.languages import gettext
from webapp.presenter.verdicts import Remark, reason, words_for
from webapp.presenter.words import WORDS, Headline, Tone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from webapp.consignment import Line


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    number: int
    text: str
    tone: Tone
    symbol: str
    headline: str
    remarks: tuple[Remark, ...]
    reading: str
    """What was read, in groups, where it is not what was pasted."""
    gtins: tuple[str, ...]
    """The products to choose from."""
    same_as: tuple[int, ...]
    not_asked: bool


def row(line: Line) -> Row:
    """Return a line of the list in the reader's language; a signature is long and tells a reader nothing."""
    shown = re.sub(r"(?<=[?&]sig=)[^&#]+", "…", line.text)
    if isinstance(line.answer, Choice):
        gtins = tuple(unit.gtin for unit in line.answer.units)
        return Row(
            line.number, shown, Tone.GREY, "question", gettext("Several products have this number"), (), "", gtins,
            line.same_as, not_asked=False,
        )  # fmt: skip
    verdict = line.verdict
    if verdict is None:
        words = WORDS[Headline.CANNOT_CHECK]
        return Row(
            line.number, shown, words.tone, words.symbol, gettext(words.headline), (), "", (),
            line.same_as, not_asked=True,
        )  # fmt: skip
    words = words_for(verdict)
    return Row(
        number=line.number,
        text=shown,
        tone=words.tone,
        symbol=words.symbol,
        headline=words.headline,
        remarks=tuple(Remark(code, reason(code, verdict), warns=False) for code in verdict.reasons),
        reading=group(verdict.unit.serial) if verdict.unit and line.repaired else "",
        gtins=(),
        same_as=line.same_as,
        not_asked=False,
    )


@dataclass(frozen=True, slots=True)
class Count:
    """How many lines got a headline."""

    tone: Tone
    symbol: str
    headline: str
    lines: int


def summary(counts: Mapping[Headline | None, int]) -> tuple[Count, ...]:
    """Return how often each headline came up, the loudest first."""
    order = [Tone.RED, Tone.AMBER, Tone.GREY, Tone.NEUTRAL, Tone.GREEN]
    found = [_count(headline, lines) for headline, lines in counts.items()]
    return tuple(sorted(found, key=lambda count: (order.index(count.tone), -count.lines)))


def _count(headline: Headline | None, lines: int) -> Count:
    if headline is None:
        return Count(Tone.GREY, "question", gettext("Several products have this number"), lines)
    words = WORDS[headline]
    return Count(words.tone, words.symbol, gettext(words.headline), lines)
