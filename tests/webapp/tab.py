"""One browser tab that is handed page after page: loading each anew would take longer than looking at it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from tests.conftest import ROOT
from tests.webapp.gallery import LIST

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

AXE: Final = Path("node_modules/axe-core/axe.min.js")
TURN: Final = """async ([address, fields, unfold]) => {
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, name === 'photo' ? new Blob([value]) : value);
  const body = form.has('photo') ? form : new URLSearchParams(form);
  const text = await (await fetch(address, fields.length ? { method: 'POST', body } : {})).text();
  const found = new DOMParser().parseFromString(text, 'text/html');
  document.documentElement.lang = found.documentElement.lang;
  document.title = found.title;
  document.body.replaceWith(found.body);
  if (unfold) for (const one of document.querySelectorAll('details')) one.open = true;
  window.scrollTo(0, 0);
}"""
"""Fetches a page and puts it in the place of the one that is there; the stylesheet stays, as all pages share it."""
RUN: Final = """async only => {
  const options = { resultTypes: ['violations'], preload: false, performanceTimer: false,
    ...(only ? { runOnly: only } : { rules: { 'target-size': { enabled: true } } }) };
  const found = await axe.run(document, options);
  return found.violations.map(one => one.id + ': ' + one.nodes.map(node => node.html.slice(0, 90)).join(' '));
}"""
CODES: Final = [["photo", "\x89PNG"]]
MANY: Final = [["codes", LIST]]
FORMS: Final = {"/photo": CODES, "/inspect": MANY}
"""Pages that only a form leads to, and what it sends."""


@cache
def axe() -> str:
    """Return the script of axe-core."""
    return (ROOT / AXE).read_text(encoding="utf-8")


def follow(page: Page, selector: str) -> None:
    """Click what leads to another page, and be there: a click alone may return while the tab is empty."""
    with page.expect_navigation():
        page.click(selector)


@dataclass(frozen=True)
class Tab:
    """A tab on the site."""

    page: Page

    @classmethod
    def open(cls, browser: Browser, base: str, *, width: int, language: str, **more: Any) -> Self:
        """Open the site. The pages' policy would forbid what a test runs in them, and is tested elsewhere."""
        context = browser.new_context(viewport={"width": width, "height": 740}, locale=language, bypass_csp=True, **more)
        page = context.new_page()
        page.goto(f"{base}/health/nothing")
        return cls(page)

    def turn_to(self, address: str, *, posted: bool = False, unfold: bool = True) -> None:
        """Show another page, everything on it unfolded."""
        self.page.evaluate(TURN, [address, FORMS[address] if posted else [], unfold])

    def fold(self) -> None:
        """Fold what can be folded."""
        self.page.evaluate("() => { for (const one of document.querySelectorAll('details')) one.open = false; }")

    def faults(self, only: str | None = None) -> list[str]:
        """Return what axe-core finds on the page, by one of its rules or by all."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(axe())
        found: list[str] = self.page.evaluate(RUN, [only] if only else None)
        return found

    def dark(self, *, dark: bool) -> None:
        """Choose the scheme of colours."""
        self.page.emulate_media(color_scheme="dark" if dark else "light")

    def close(self) -> None:
        """Leave."""
        self.page.context.close()
