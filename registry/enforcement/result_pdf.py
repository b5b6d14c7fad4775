"""The result sheet on paper: a PDF in any of the site's languages, with its own font in it.

What stands on it is handed in as words: this module lays them out. Chinese is set in a font of ours that goes into the file as
far as it is used, so that it reads the same on a machine without any; signs that the font does not have become a box, and the
file of lines has them all.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from fpdf import FPDF
    from fpdf.enums import WrapMode
    from fpdf.fonts import TTFFont

FONT: Final = Path(__file__).parent / "fonts/TouchstoneSansSC.otf"
"""Made by `python -m tests.enforcement.font` from Noto Sans CJK SC (SIL Open Font License 1.1, beside it)."""
FAMILY: Final = "sheet"
BOX: Final = "□"
MARGIN: Final = 16
"""Millimetres."""
MOST_TEXT: Final = 90
"""Characters of a cell: a link would take half a page, and the file of lines has it whole."""
ROW: Final = 4.6
NUMBER, GIVEN, VERDICT = 16.0, 78.0, 84.0
"""Widths of the three columns, in millimetres."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line on the sheet."""

    number: str
    given: str
    found: str


@dataclass(frozen=True, slots=True)
class Words:
    """Everything that stands on a sheet, in one language."""

    language: str
    """BCP 47."""
    title: str
    facts: Sequence[tuple[str, str]]
    """Name and value: list, times, hashes."""
    groups_title: str
    groups: Sequence[tuple[str, str]]
    """How many, and what they come to."""
    remarks: Sequence[str]
    lines_title: str
    heads: tuple[str, str, str]
    rows: Sequence[Row]
    omitted: str
    """Which lines are not on the sheet; empty if all are."""
    signature_title: str
    signature: str
    foot: str


def write(words: Words, made: datetime) -> bytes:
    """Return a result sheet as PDF. The same words and time give the same bytes."""
    from fpdf import FPDF  # noqa: PLC0415  # takes a second to load, and few processes ever make a sheet

    # The library reports every table of a font that it leaves out.
    logging.getLogger("fontTools").setLevel(logging.ERROR)

    class Paper(FPDF):
        def footer(self) -> None:
            self.set_y(-MARGIN)
            self.set_font(FAMILY, size=7.5)
            self.cell(0, ROW, f"{fit(words.foot)}  ·  {self.page_no()} / {{nb}}", align="C")

    paper = Paper(format="A4")
    paper.set_creation_date(made)
    paper.set_title(words.title)
    paper.set_lang(words.language)
    paper.set_margins(MARGIN, MARGIN, MARGIN)
    paper.set_auto_page_break(auto=True, margin=MARGIN + 6)
    paper.add_font(FAMILY, fname=str(FONT))
    has = cast("TTFFont", paper.fonts[FAMILY]).cmap

    def fit(text: str, most: int = 4000) -> str:
        short = text if len(text) <= most else f"{text[: most - 1]}…"
        return "".join(letter if ord(letter) in has else BOX for letter in short)

    paper.add_page()
    _text(paper, fit(words.title), 17, 8)
    paper.ln(3)
    for name, value in words.facts:
        paper.set_font(FAMILY, size=9)
        paper.set_text_color(90)
        paper.cell(46, ROW + 0.6, fit(name))
        paper.set_text_color(0)
        paper.multi_cell(0, ROW + 0.6, fit(value), align="L", new_x="LMARGIN", new_y="NEXT", wrapmode=_wrap(value))
    paper.ln(3)
    _text(paper, fit(words.groups_title), 12, 7)
    for count, told in words.groups:
        paper.set_font(FAMILY, size=10)
        paper.cell(24, 5.4, fit(count), align="R")
        paper.cell(4, 5.4, "")
        paper.multi_cell(0, 5.4, fit(told), align="L", new_x="LMARGIN", new_y="NEXT")
    paper.ln(1)
    for remark in words.remarks:
        _text(paper, fit(remark), 9, ROW + 0.4)
    _signature(paper, fit(words.signature_title), fit(words.signature))
    if words.rows:
        _text(paper, fit(words.lines_title), 12, 7)
        _rows(paper, tuple(map(fit, words.heads)), [(fit(r.number), fit(r.given, MOST_TEXT), fit(r.found)) for r in words.rows])
    if words.omitted:
        paper.ln(2)
        _text(paper, fit(words.omitted), 9, ROW + 0.4)
    return bytes(paper.output())


def _text(paper: FPDF, text: str, size: float, height: float) -> None:
    paper.set_font(FAMILY, size=size)
    paper.multi_cell(0, height, text, align="L", new_x="LMARGIN", new_y="NEXT")


def _signature(paper: FPDF, title: str, text: str) -> None:
    """Draw the field where a notary's signature goes."""
    paper.ln(3)
    top = paper.get_y()
    paper.set_font(FAMILY, size=10)
    paper.set_xy(MARGIN + 3, top + 2)
    paper.cell(0, 5, title)
    paper.set_font(FAMILY, size=9)
    paper.set_text_color(90)
    paper.set_xy(MARGIN + 3, top + 8)
    paper.multi_cell(paper.epw - 6, ROW, text, align="L")
    paper.set_text_color(0)
    bottom = paper.get_y() + 12
    paper.rect(MARGIN, top, paper.epw, bottom - top)
    paper.set_xy(MARGIN, bottom + 4)


def _rows(paper: FPDF, heads: tuple[str, ...], rows: Sequence[tuple[str, str, str]]) -> None:
    """Draw the lines; the heads stand on every page."""
    widths = (NUMBER, GIVEN, VERDICT)

    def head() -> None:
        paper.set_font(FAMILY, size=8)
        paper.set_text_color(90)
        for width, name in zip(widths, heads, strict=True):
            paper.cell(width, ROW + 1, name, border="B")
        paper.set_text_color(0)
        paper.ln(ROW + 1)

    head()
    for cells in rows:
        paper.set_font(FAMILY, size=8)
        parts = [
            _lines(paper, text, width - 1, by_sign=place == 1)
            for place, (width, text) in enumerate(zip(widths, cells, strict=True))
        ]
        height = ROW * max(map(len, parts))
        if paper.will_page_break(height):
            paper.add_page()
            head()
            paper.set_font(FAMILY, size=8)
        top = paper.get_y()
        left = float(MARGIN)
        for width, lines in zip(widths, parts, strict=True):
            for place, line in enumerate(lines):
                paper.set_xy(left, top + place * ROW)
                paper.cell(width, ROW, line)
            left += width
        paper.set_xy(MARGIN, top + height)


def _lines(paper: FPDF, text: str, width: float, *, by_sign: bool) -> list[str]:
    """Return a text as the lines that it takes."""
    wrap = _wrap("" if by_sign else " ")
    return cast("list[str]", paper.multi_cell(width, ROW, text, dry_run=True, output="LINES", wrapmode=wrap))


def _wrap(value: str) -> WrapMode:
    """Break what has no spaces, such as a hash, wherever the line ends."""
    from fpdf.enums import WrapMode  # noqa: PLC0415  # as above

    return WrapMode.CHAR if " " not in value else WrapMode.WORD
