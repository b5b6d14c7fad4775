"""Keeps the translations in step with the words: `python -m tests.webapp.catalogue` extracts, updates and compiles.

English is the source. A message that is new comes back empty and one whose English changed comes back fuzzy: both fail the
tests until somebody translates them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from webapp.languages import LANGUAGES, TRANSLATIONS, Language

if TYPE_CHECKING:
    from pathlib import Path

WEBAPP: Final = TRANSLATIONS.parent
METHODS: Final = [("**.py", "python"), ("templates/**.html", "jinja2")]
OPTIONS: Final = {"templates/**.html": {"newstyle_gettext": "true", "trimmed": "true", "silent": "false"}}
KEYWORDS: Final = {"_": None, "gettext": None, "ngettext": (1, 2), "mark": None}
NO_TIME: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""A catalogue is dated by its commit: dates in it would change with every extraction."""
TRANSLATED: Final = tuple(language for language in LANGUAGES if language.tag != "en")


def po_path(language: Language) -> Path:
    """Tell where a language's messages are; the compiled ones lie beside them."""
    return TRANSLATIONS / language.locale / "LC_MESSAGES" / "messages.po"


def extracted() -> Catalog:
    """Return every message of the code and the templates."""
    catalog = Catalog(project="Touchstone", charset="utf-8", creation_date=NO_TIME, fuzzy=False)
    found = extract_from_dir(WEBAPP, METHODS, OPTIONS, KEYWORDS, strip_comment_tags=True)
    for path, _, message, comments, context in sorted(found, key=lambda message: (message[0], message[1])):
        # Without line numbers, which change with every edit.
        catalog.add(message, None, [(path, None)], auto_comments=comments, context=context)  # type: ignore[list-item] # see above
    return catalog


def stored(language: Language) -> Catalog:
    """Return a language's messages as they are checked in."""
    with po_path(language).open("rb") as file:
        return read_po(file, locale=language.locale)


def updated(language: Language) -> Catalog:
    """Return a language's messages, in step with the code."""
    path = po_path(language)
    catalog = stored(language) if path.exists() else Catalog(locale=language.locale)
    catalog.update(extracted())
    catalog.obsolete.clear()
    catalog.project, catalog.version, catalog.fuzzy = "Touchstone", "1", False
    catalog.creation_date = catalog.revision_date = NO_TIME
    catalog.header_comment = f"# {language.name}: the words of the site.\n# Kept in step by `python -m tests.webapp.catalogue`."
    catalog.last_translator = catalog.language_team = "The Touchstone authors"
    return catalog


def as_po(catalog: Catalog) -> bytes:
    """Return the text form."""
    file = BytesIO()
    write_po(file, catalog, width=100, sort_by_file=True)
    return file.getvalue()


def as_mo(catalog: Catalog) -> bytes:
    """Return the compiled form."""
    file = BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


def main() -> None:
    """Extract, update and compile, and say what is left to translate."""
    for language in TRANSLATED:
        path = po_path(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(as_po(updated(language)))
        catalog = stored(language)
        path.with_suffix(".mo").write_bytes(as_mo(catalog))
        left = [message.id for message in catalog if message.id and (message.fuzzy or not message.string)]
        print(f"{language.name}: {len(catalog)} messages, {len(left)} left to translate")


if __name__ == "__main__":
    main()
