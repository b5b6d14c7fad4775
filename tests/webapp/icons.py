"""Draws the icons that a phone shows for the installed page, from the site's logo: `python -m tests.webapp.icons`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw

STATIC: Final = Path(__file__).resolve().parents[2] / "webapp" / "static"
STONE, STREAK, GROUND = "#23303c", "#e8b34c", "#f5f5f2"
OUTLINE: Final = ((9, 4), (23, 4), (29, 14), (24, 27), (8, 27), (3, 14))
LINE: Final = ((10, 21), (21, 11))
WIDTH: Final = 3
BOX: Final = 32
"""The logo's own square, as icon.svg has it."""
FINER: Final = 8
"""Drawn so many times as large, and made small, for smooth edges."""
ICONS: Final = {"icon-192.png": (192, 1.0), "icon-512.png": (512, 1.0), "icon-maskable.png": (512, 0.68)}
"""Pixels on a side, and how much of it the logo takes: what masks a phone cuts, the middle four fifths are left."""


def draw(size: int, part: float) -> Image.Image:
    """Return an icon; one whose edges may be cut off has a ground of its own."""
    large = size * FINER
    scale, edge = large * part / BOX, large * (1 - part) / 2
    picture = Image.new("RGBA", (large, large), GROUND if part < 1 else (0, 0, 0, 0))
    pen = ImageDraw.Draw(picture)
    pen.polygon([(edge + x * scale, edge + y * scale) for x, y in OUTLINE], fill=STONE)
    ends = [(edge + x * scale, edge + y * scale) for x, y in LINE]
    pen.line(ends, fill=STREAK, width=round(WIDTH * scale))
    for x, y in ends:
        pen.circle((x, y), WIDTH * scale / 2, fill=STREAK)
    return picture.resize((size, size), Image.Resampling.BOX)


def main() -> None:
    """Write the icons."""
    for name, (size, part) in ICONS.items():
        draw(size, part).quantize(64).save(STATIC / name, optimize=True)
        print(f"wrote {name}: {(STATIC / name).stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
