"""Pages whose words and markup are kept, and whose facts are filled in.

A verdict's page is nearly the same for every unit: what differs is the number, the product, the seal, the time. So the
template is rendered once for each kind of page, with a hole in the place of every fact, and from then on the facts are escaped
and put into the holes. What is kept depends on the kind of page alone, never on a unit or a batch: ten thousand batches need no
more of it than one, and nothing in it can be out of date.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Final

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

MOST: Final = 512
"""Kinds of page that are kept. There are some dozens in each language; should there be more, all are made anew."""


class Skeletons:
    """The kinds of page that were asked for. Threads may share it: at worst, two make the same one."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        # Nobody who writes a fact can know what a hole looks like.
        self._mark = secrets.token_hex(16)
        self._holes = re.compile(rf"{self._mark}<(\w+)>")
        self._kept: dict[Hashable, tuple[str, ...]] = {}

    def kept(self, kind: Hashable, facts: Mapping[str, str]) -> str | None:
        """Return the page of this kind with these facts in it; none if it was never made."""
        pieces = self._kept.get((kind, *facts))
        return None if pieces is None else _filled(pieces, facts)

    def page(self, kind: Hashable, facts: Mapping[str, str], render: Callable[[Mapping[str, str]], str]) -> str:
        """Return the page of this kind with these facts in it, made now if it was never made.

        `render` makes the page from facts; two calls with the same kind and the same names of facts must mean the same page
        but for what the facts say. A fact is never empty, may be put anywhere where Jinja escapes it, and does not decide what
        is shown, except by being there.
        """
        key = (kind, *facts)
        pieces = self._kept.get(key)
        if pieces is None:
            hollow = {name: Markup(f"{self._mark}<{name}>") for name in facts}  # noqa: S704 -- nobody's text: a name of ours
            pieces = tuple(self._holes.split(render(hollow)))
            if len(self._kept) >= self._most:
                self._kept.clear()
            self._kept[key] = pieces
        return _filled(pieces, facts)


def _filled(pieces: tuple[str, ...], facts: Mapping[str, str]) -> str:
    filled = list(pieces)
    filled[1::2] = [escape(facts[name]) for name in pieces[1::2]]
    return "".join(filled)
