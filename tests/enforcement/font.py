"""Makes the font of result sheets: `python -m tests.enforcement.font NotoSansCJK-Regular.ttc`.

Out of Noto Sans CJK SC come Latin letters, the common signs and the 3,755 most frequent Chinese characters (GB 2312, level 1),
without hints and without what typesetters switch on. Its licence, the SIL Open Font License, lies beside it.
"""

from __future__ import annotations

import sys
from typing import Final

from fontTools import subset
from fontTools.ttLib.ttCollection import TTCollection

from registry.enforcement.result_pdf import FONT

SIGNS: Final = "–—‘’“”…·×→✓√●■□▲△○◆「」『』【】（），。：；？！、《》〈〉￥％／－＋＝～'"
DROPPED: Final = ("vhea", "vmtx", "BASE", "GPOS", "GSUB", "GDEF", "VORG", "STAT")
FAMILY, FULL, POSTSCRIPT = 1, 4, 6
"""Which names of a font say what it is called."""


def characters() -> set[int]:
    """Return the code points that the font keeps."""
    level_1 = (bytes([high, low]) for high in range(0xB0, 0xD8) for low in range(0xA1, 0xFF))
    han = {ord(text) for pair in level_1 if (text := pair.decode("gb2312", "ignore"))}
    return {*range(0x20, 0x7F), *range(0xA0, 0x100), *range(0xFF01, 0xFF5F), *map(ord, SIGNS), *han, ord("Ω"), ord("€")}


def main() -> None:
    """Make the font out of the file that the command line names."""
    fonts = TTCollection(sys.argv[1]).fonts
    font = next(one for one in fonts if one["name"].getDebugName(FULL) == "Noto Sans CJK SC")
    options = subset.Options(layout_features=[], hinting=False, desubroutinize=True, notdef_outline=True, name_IDs=["*"])
    options.drop_tables += DROPPED
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=characters())
    subsetter.subset(font)
    for name, text in ((FAMILY, "Touchstone Sans SC"), (FULL, "Touchstone Sans SC"), (POSTSCRIPT, "TouchstoneSansSC")):
        font["name"].setName(text, name, 3, 1, 0x409)
        font["name"].setName(text, name, 1, 0, 0)
    # A font is dated by its commit.
    font["head"].modified = font["head"].created
    font.recalcTimestamp = False
    font.save(FONT)
    print(f"{FONT.name}: {FONT.stat().st_size:,} bytes, {len(font.getBestCmap()):,} characters")


if __name__ == "__main__":
    main()
