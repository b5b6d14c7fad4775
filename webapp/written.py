"""Texts that others wrote, made fit to be looked at: names from manifests and profiles, what a code or a form held.

Templates escape markup and isolate direction. What is left is here: signs that steer or hide text, piles of marks, endless
texts, and words that mix alphabets so as to look like another word. Nothing vanishes: what is not shown leaves U+FFFD behind,
and the anchored document keeps every byte.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MISSING: Final = "\N{REPLACEMENT CHARACTER}"
LONGEST: Final = 300
"""Characters of one text that are shown; our own products file allows 200."""
MOST_MARKS: Final = 4
"""Combining marks on one letter: Vietnamese and Thai need two, Tibetan four."""
JOINERS: Final = frozenset("\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}")
"""Invisible, and part of how Persian, Indian languages and emoji are written."""
BLANKS: Final = frozenset(
    "\N{HANGUL CHOSEONG FILLER}\N{HANGUL JUNGSEONG FILLER}\N{HANGUL FILLER}\N{HALFWIDTH HANGUL FILLER}\N{BRAILLE PATTERN BLANK}"
)
"""Letters by their class, and nothing to the eye."""
WORD: Final = re.compile(r"[^\W\d_]{2,}")
ALPHABETS: Final = frozenset({"LATIN", "CYRILLIC", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU", "MATHEMATICAL"})
"""Those with letters that look like Latin ones. Chinese, Japanese and Korean stand beside Latin in honest words."""
GREEK_TWINS: Final = frozenset("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧικνορυ")
"""Greek letters that pass for Latin ones; µg and kΩ are honest."""


def shown(text: str) -> str:
    """Return a text as it is shown: one line, of bounded length, with nothing in it that reaches beyond itself."""
    cut = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    if cut.isascii() and cut.isprintable():
        return cut.strip() or MISSING
    letters: list[str] = []
    marks = 0
    for letter in " ".join(cut.split()):
        marks = marks + 1 if unicodedata.combining(letter) or unicodedata.category(letter) in {"Mn", "Me"} else 0
        if marks <= MOST_MARKS:
            letters.append(MISSING if _steers(letter) else letter)
        elif letters[-1] != MISSING:
            letters.append(MISSING)
    return "".join(letters) or MISSING


def mixes_alphabets(text: str) -> bool:
    """Say whether a word has letters of several alphabets that look alike, as in `Kestrel` with a Cyrillic `е`.

    A word wholly in another alphabet is not found: what tells it from its twin is who registered it.
    """
    return not text.isascii() and any(len(_alphabets(word)) > 1 for word in WORD.findall(text))


def _steers(letter: str) -> bool:
    """Say whether a sign is no letter but changes how others are shown, or hides."""
    return letter in BLANKS or (unicodedata.category(letter) in {"Cc", "Cf", "Cs"} and letter not in JOINERS)


def _alphabets(word: str) -> set[str]:
    names = {unicodedata.name(letter, "").removeprefix("FULLWIDTH ").partition(" ")[0] for letter in word}
    return (names & ALPHABETS) | ({"GREEK"} if GREEK_TWINS & set(word) else set())
