"""Many codes at once: what an inspector pastes, line by line.

The same unit twice in one consignment proves a copy by itself, whatever the registry says of it, so that it is flagged at once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry.checking.verdicts import Code, Registration, Verdict
from registry.units.serials import fold
from webapp.presenter.verdicts import headline_of
from webapp.presenter.words import Headline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from registry.checking.typed import Choice

GIVES_UP_AFTER: Final = 3
"""Lines in a row that could not be asked: the rest would only wait for the same silence."""
_SILENT: Final = frozenset({Code.CHAIN_UNAVAILABLE, Code.STORE_UNAVAILABLE})


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the list and what was found."""

    number: int
    """Line number in what was pasted, counted from 1."""
    text: str
    answer: Verdict | Choice | None
    """None if it was not asked, because the lines before it could not be."""
    same_as: tuple[int, ...]
    """The other lines that hold the same unit."""

    @property
    def verdict(self) -> Verdict | None:
        """The verdict, if there is one."""
        return self.answer if isinstance(self.answer, Verdict) else None

    @property
    def headline(self) -> Headline | None:
        """The headline; none where the product has to be chosen first."""
        if self.answer is None:
            return Headline.CANNOT_CHECK
        return headline_of(self.answer) if isinstance(self.answer, Verdict) else None

    @property
    def repaired(self) -> bool:
        """Whether the number was not typed exactly as it is registered."""
        return self.verdict is not None and Code.REPAIRED_READING in self.verdict.reasons


@dataclass(frozen=True, slots=True)
class Report:
    """All lines, and how often each headline came up."""

    lines: tuple[Line, ...]
    counts: Mapping[Headline | None, int]
    duplicates: int
    """Lines whose unit is on another line too."""


def read_lines(text: str) -> tuple[tuple[int, str], ...]:
    """Return the lines that hold something, with their numbers."""
    stripped = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1))
    return tuple((number, line) for number, line in stripped if line)


def check_lines(lines: Sequence[tuple[int, str]], check: Callable[[str], Verdict | Choice]) -> Report:
    """Check every line and say which of them hold the same unit."""
    answers = tuple(_answers((text for _, text in lines), check))
    seen: defaultdict[object, list[int]] = defaultdict(list)
    keys = [_identity(text, answer) for (_, text), answer in zip(lines, answers, strict=True)]
    for (number, _), key in zip(lines, keys, strict=True):
        seen[key].append(number)
    found = tuple(
        Line(number, text, answer, tuple(other for other in seen[key] if other != number))
        for (number, text), answer, key in zip(lines, answers, keys, strict=True)
    )
    return Report(found, Counter(line.headline for line in found), sum(1 for line in found if line.same_as))


def _answers(texts: Iterable[str], check: Callable[[str], Verdict | Choice]) -> Iterable[Verdict | Choice | None]:
    silent = 0
    for text in texts:
        if silent >= GIVES_UP_AFTER:
            yield None
            continue
        answer = check(text)
        silent = silent + 1 if _is_silence(answer) else 0
        yield answer


def _is_silence(answer: Verdict | Choice) -> bool:
    return (
        isinstance(answer, Verdict)
        and answer.registration is Registration.CANNOT_CHECK
        and not _SILENT.isdisjoint(answer.reasons)
    )


def _identity(text: str, answer: Verdict | Choice | None) -> object:
    """Return what makes two lines the same: the unit where one is known, the reading of the text where none is."""
    if isinstance(answer, Verdict) and answer.unit is not None:
        return answer.unit.gtin, answer.unit.serial
    return fold(text)
