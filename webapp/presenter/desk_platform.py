"""The notice of infringement to a platform, in Chinese or English, filled in from what a rights holder was told.

E-Commerce Law of the PRC, art. 42: the notice has to hold preliminary evidence; who is hurt by a wrong one is compensated,
twofold if it was sent in bad faith. What else belongs in it is in the Supreme People's Court's guiding opinions on cases of
intellectual property on e-commerce platforms (Fa Fa [2020] No. 32), art. 5: proof of the right and true identity of its holder,
what locates the goods exactly, preliminary evidence, and a written warrant that it is true.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry.enforcement.letter_pdf import Document, Part
from registry.enforcement.notices import PHOTOS
from webapp.facts import day_in_words, instant
from webapp.languages import LANGUAGES, gettext, speaking
from webapp.presenter import desk_notices
from webapp.presenter.words import mark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.enforcement.notices import Notice
    from registry.enforcement.recordals import Recordal

ASKED: Final[Mapping[str, str]] = {
    "platform": mark("Platform"),
    "holder": mark("Rights holder: full name"),
    "identity": mark("Registration number of the rights holder, such as the unified social credit code"),
    "contact": mark("Contact: name, address, phone, e-mail"),
    "right": mark("The right: kind, number and what it protects"),
    "links": mark("Links to the goods, one to a line"),
    "reason": mark("Why they infringe the right"),
    "measures": mark("What the platform is asked to do"),
}
LONG: Final = frozenset({"contact", "right", "links", "reason", "measures"})
EVIDENCE: Final = ("office", "region", "detained_at", "product_group", "marks", "quantity", "verdicts", "units")
"""Fields of a notice that are evidence for a platform. Names of parties are not: a platform need not know them."""
MOST_LINES: Final = 50


def fields() -> list[tuple[str, str, bool]]:
    """Return the form's fields: id, words, and whether the text is long."""
    return [(name, gettext(label), name in LONG) for name, label in ASKED.items()]


def missing(filled: Mapping[str, str]) -> list[str]:
    """Return the fields that have to be filled in and are not; what is asked for has words of its own."""
    return [name for name in ASKED if name != "measures" and not filled.get(name, "").strip()]


def document(notice: Notice, filled: Mapping[str, str], tag: str, recordals: Sequence[Recordal], now: int) -> Document:
    """Return the notice to a platform in a language: what was filled in, and what the inspector's notice told."""
    language = next((one for one in LANGUAGES if one.tag == tag), LANGUAGES[0])
    with speaking(language):
        evidence = [
            f"{name}: {'; '.join(lines[:MOST_LINES])}"
            for field, name, lines in desk_notices.told(notice.values)
            if field in EVIDENCE
        ]
        photos = [
            gettext("Photo %(id)s, SHA-256 %(sha256)s", id=photo["id"], sha256=photo["sha256"])
            for photo in notice.values.get(PHOTOS, ())
        ]
        recorded = [
            gettext("Customs recordal %(number)s (%(jurisdiction)s), valid from %(first)s to %(last)s", number=one.number,
                    jurisdiction=one.jurisdiction, first=day_in_words(one.first), last=day_in_words(one.last))
            for one in recordals
        ]  # fmt: skip
        measures = filled.get("measures", "").strip() or gettext(
            "Delete or block the links above, end the transactions and services for these goods, and pass this notice on to the"
            " operator who offers them."
        )
        parts = (
            Part(gettext("To"), [filled["platform"]]),
            Part(gettext("1. The rights holder"), [filled["holder"], filled["identity"], filled["contact"]]),
            Part(gettext("2. The right"), [filled["right"], *recorded]),
            Part(gettext("3. The goods and where they are offered"), [filled["links"]]),
            Part(
                gettext("4. Preliminary evidence of the infringement"),
                [
                    filled["reason"],
                    gettext("From a notice of %(time)s, reference %(reference)s, SHA-256 %(sha256)s:",
                            time=instant(notice.time).words, reference=notice.id[:8].upper(), sha256=notice.sha256()),
                    *evidence,
                    *photos,
                ],
            ),
            Part(gettext("5. What is asked"), [measures]),
            Part(
                gettext("6. Statement of truth"),
                [
                    gettext("We warrant that this notice and everything enclosed with it are true. We know that whoever hurts"
                            " an operator by a wrong notice is liable for it, and for twice the loss if the notice was sent in"
                            " bad faith (E-Commerce Law of the People's Republic of China, article 42)."),
                    gettext("Signature or seal: ____________________    Date: ____________________"),
                ],
            ),
        )  # fmt: skip
        return Document(
            language.tag,
            gettext("Notice of infringement of intellectual property"),
            parts,
            gettext("Prepared on %(time)s, to be checked and signed by the rights holder", time=instant(now).words),
        )
