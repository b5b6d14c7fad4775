"""Our own labels, photographed as people do it: each is read, and no text is ever read that is not on the label."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PIL import Image

from registry.photos import reading
from registry.photos.reading import Photo
from tests.photos.album import LABELS, PLAIN
from tests.photos.camera import Shot, photograph


@pytest.mark.parametrize("shot", LABELS.values(), ids=LABELS.keys())
def test_a_photo_of_a_label_is_read(shot: Shot) -> None:
    """Whatever happened to the label or to the photo, exactly what its code holds is read."""
    photo, link = photograph(shot)
    assert reading.decode(photo) == (link,)


@pytest.mark.parametrize(
    "shot",
    [replace(PLAIN, blur=1.5), replace(PLAIN, motion=4.0), replace(PLAIN, module=0.7), replace(PLAIN, light=0.005)],
    ids=["blur", "motion", "far", "night"],
)
def test_what_nobody_can_read_is_no_code(shot: Shot) -> None:
    """Nothing is read, rather than something else."""
    photo, _ = photograph(shot)
    assert reading.decode(photo) == ()


def test_the_same_shot_is_the_same_photo() -> None:
    """A failure can be looked at again; another shot differs in its grain too."""
    shot = replace(PLAIN, size=(200, 200), module=2.0)
    assert photograph(shot) == photograph(shot)
    other = replace(shot, dirt=1)
    assert photograph(shot)[0] != photograph(other)[0]


def test_a_photo_is_looked_at_in_the_order_of_what_it_costs() -> None:
    """A large photo first at half its size and then whole, a small one also doubled."""
    assert ways_of(600) == ["middle", "evened", "doubled", "sharpened"]
    assert ways_of(3000) == ["middle", "whole", "evened", "sharpened"]


def ways_of(side: int) -> list[str]:
    """Return the names of the ways in which a photo of this size is looked at."""
    picture = Image.new("L", (side, side), 200)
    return [name for name, *_ in reading.ways(Photo(picture.size, picture, lambda: picture))]
