"""A letter on paper: a title, headings and paragraphs, as plain text and as PDF with the font of result sheets."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from registry.enforcement.result_pdf import BOX, FAMILY, FONT, MARGIN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from fpdf.fonts import TTFFont

ROW: Final = 5.6
"""Millimetres."""


@dataclass(frozen=True, slots=True)
class Part:
    """A heading and what stands below it."""

    heading: str
    paragraphs: Sequence[str]


@dataclass(frozen=True, slots=True)
class Document:
    """A letter in one language."""

    language: str
    """BCP 47."""
    title: str
    parts: Sequence[Part]
    foot: str

    def text(self) -> str:
        """Return the letter as plain text."""
        lines = [self.title]
        for part in self.parts:
            lines += ["", part.heading, *part.paragraphs]
        return "\n".join([*lines, "", self.foot]) + "\n"


def write(document: Document, made: datetime) -> bytes:
    """Return a letter as PDF. The same letter and time give the same bytes."""
    from fpdf import FPDF  # noqa: PLC0415  # takes a second to load, and few processes ever make a letter

    logging.getLogger("fontTools").setLevel(logging.ERROR)  # it reports every table of a font that it leaves out

    class Paper(FPDF):
        def footer(self) -> None:
            self.set_y(-MARGIN)
            self.set_font(FAMILY, size=8)
            self.cell(0, ROW, f"{fit(document.foot)}  ·  {self.page_no()} / {{nb}}", align="C")

    paper = Paper(format="A4")
    paper.set_creation_date(made)
    paper.set_title(document.title)
    paper.set_lang(document.language)
    paper.set_margins(MARGIN + 4, MARGIN, MARGIN + 4)
    paper.set_auto_page_break(auto=True, margin=MARGIN + 6)
    paper.add_font(FAMILY, fname=str(FONT))
    has = cast("TTFFont", paper.fonts[FAMILY]).cmap

    def fit(text: str) -> str:
        return "".join(letter if ord(letter) in has else BOX for letter in text)

    def write_out(text: str, size: float, height: float) -> None:
        paper.set_font(FAMILY, size=size)
        paper.multi_cell(0, height, fit(text), align="L", new_x="LMARGIN", new_y="NEXT")

    paper.add_page()
    write_out(document.title, 16, 8)
    for part in document.parts:
        paper.ln(3)
        write_out(part.heading, 12, 7)
        for paragraph in part.paragraphs:
            for line in paragraph.split("\n"):
                write_out(line or " ", 10, ROW)
    return bytes(paper.output())
