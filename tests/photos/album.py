"""Shots of labels: those that have to be read, and rows of growing strength that go beyond what anything reads."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from tests.photos.camera import Shot

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PLAIN: Final = Shot(size=(700, 700), module=5.0)
PHONE: Final = Shot(size=(4000, 3000), module=12.0, turn=7.0, tilt=20.0, quality=92, noise=5.0)
"""12 megapixels, a label held before the camera."""

LABELS: Final[Mapping[str, Shot]] = {
    "nothing wrong": PLAIN,
    "a compact code": replace(PLAIN, compact=True),
    "upside down": replace(PLAIN, turn=178.0),
    "aslant": replace(PLAIN, turn=33.0),
    "stored on its side": replace(PLAIN, orientation=6),
    "stored as in a mirror": replace(PLAIN, orientation=5),
    "far away": replace(PLAIN, module=1.5),
    "held at an angle": replace(PLAIN, turn=12.0, tilt=55.0),
    "out of focus": replace(PLAIN, blur=0.5),
    "far out of focus": replace(PLAIN, blur=0.55),
    "moved": replace(PLAIN, motion=1.6),
    "a lamp in it": replace(PLAIN, glare=0.25),
    "half in shadow": replace(PLAIN, shade=0.8),
    "in the dark": replace(PLAIN, light=0.06),
    "in the dark, and grainy": replace(PLAIN, light=0.12, noise=5.0),
    "faded": replace(PLAIN, contrast=0.1),
    "folded": replace(PLAIN, folds=2),
    "crumpled": replace(PLAIN, crumple=0.2),
    "a copy of a copy": replace(PLAIN, copies=2),
    "a copy of a copy of a copy, at an angle": replace(PLAIN, copies=3, turn=21.0, tilt=30.0),
    "dirty": replace(PLAIN, dirt=10),
    "squeezed by a messenger": replace(PLAIN, module=3.0, quality=15),
    "a bad day": replace(PLAIN, turn=-18.0, tilt=35.0, blur=0.3, light=0.35, noise=5.0, folds=1, copies=1, quality=60),
}
"""What has to be read."""

STRENGTHS: Final[Mapping[str, tuple[Any, ...]]] = {
    "module": (1.0, 1.3, 1.6, 2.0),
    "tilt": (40.0, 55.0, 60.0, 65.0),
    "blur": (0.4, 0.5, 0.6, 0.7),
    "motion": (1.0, 1.5, 2.0, 2.5),
    "glare": (0.1, 0.2, 0.3, 0.4),
    "shade": (0.6, 0.75, 0.85, 0.92),
    "light": (0.2, 0.1, 0.05, 0.03),
    "contrast": (0.2, 0.1, 0.05, 0.03),
    "folds": (1, 2, 3, 4),
    "crumple": (0.2, 0.3, 0.4, 0.5),
    "copies": (1, 2, 4, 8),
    "dirt": (5, 10, 20, 40),
}
TURNS: Final = 3.0, 38.0, 97.0
PHONE_STRENGTHS: Final[Mapping[str, tuple[Any, ...]]] = {
    "module": (2.0, 2.5, 3.0, 36.0),
    "blur": (0.4, 0.6, 0.7, 0.8),
    "light": (0.1, 0.05),
}


def growing() -> Iterator[Shot]:
    """Yield shots in which one thing grows worse and worse: small ones three times, turned, and a phone's."""
    for name, strengths in STRENGTHS.items():
        for strength in strengths:
            for turn in TURNS:
                yield replace(PLAIN, turn=turn, **{name: strength})
    for name, strengths in PHONE_STRENGTHS.items():
        for strength in strengths:
            yield replace(PHONE, **{name: strength})
