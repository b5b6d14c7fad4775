"""Cameras that a browser never had: one that looks at a still picture, and those that fail."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from PIL import Image

from registry import barcodes

if TYPE_CHECKING:
    from playwright.sync_api import Page

SIZE: Final = (960, 480)
STREAM: Final = """
  navigator.mediaDevices.getUserMedia = async wanted => {
    globalThis.wanted = wanted;
    const picture = await createImageBitmap(await (await fetch("/test/picture.png")).blob());
    const canvas = Object.assign(document.createElement("canvas"), { width: picture.width, height: picture.height });
    setInterval(() => canvas.getContext("2d").drawImage(picture, 0, 0), 40);
    globalThis.stream = canvas.captureStream(25);
    return globalThis.stream;
  };"""
"""A camera that looks at one picture."""


def refusing(name: str) -> str:
    """Return a camera that fails with this error."""
    return f"navigator.mediaDevices.getUserMedia = async () => {{ throw new DOMException('', '{name}'); }};"


def codes(*texts: str) -> Image.Image:
    """Return a picture of codes, side by side."""
    wide = Image.new("L", SIZE, 200)
    left = 20
    for text in texts:
        code = barcodes.encode(text).picture(4)
        wide.paste(code, (left, 80))
        left += code.width + 20
    return wide


def hold(page: Page, picture: Image.Image) -> None:
    """Hold a picture before the page's camera; before the next one that is started, if one runs."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    page.route("**/test/picture.png", lambda route: route.fulfill(body=file.getvalue(), content_type="image/png"))
