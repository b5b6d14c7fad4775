"""What is said: words for everything in both languages, and never more than a code can prove."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from registry.checking.trust import Reason
from registry.checking.verdicts import Binding, Code, History, Outcome, Registration, Step
from tests.webapp.catalogue import TRANSLATED, as_mo, as_po, extracted, po_path, stored, updated
from tests.webapp.html import Page
from tests.webapp.samples import BY_NAME, REGISTERED, readers
from webapp.app import create_app
from webapp.languages import LANGUAGES, TRANSLATIONS, Language
from webapp.presenter.verdicts import headline_of, reason, steps_to_take, words_for
from webapp.presenter.words import OUTCOMES, REASONS, STEPS, WITHDRAWN, WORDS, Goto, Headline, Tone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from babel.messages.catalog import Message
    from flask import Flask

    from registry.checking.verdicts import Verdict

TOO_MUCH: Final = re.compile(
    r"\bauthentic\w*|\bgenuine\w*|\bguarante\w*|\bofficial(?:ly)?\b|\bblockchain\b|\bunclonable\b|\bcourt\b"
    r"|\btrusted product\b|\b100 ?%|\b(?:real|original) product\b|正品|真品|正牌|原装|保真|保证"
    r"|官方|防伪|区块链|不可复制|无法复制|不可克隆|权威|司法|认证",
    re.IGNORECASE,
)
"""Words that claim more than a code can prove, in any language of the site."""
JARGON: Final = re.compile(
    r"\b(?:merkle|hash|anchor\w*|seal hash|chain|contract|blockchain|EIP|leaf|proof)\b|默克尔|哈希|上链|合约|区块",
    re.IGNORECASE,
)
TEMPLATES: Final = TRANSLATIONS.parent / "templates"
AXES: Final = tuple(itertools.product(Registration, History, Binding))


@pytest.fixture(params=LANGUAGES, ids=lambda language: language.tag)
def language(request: pytest.FixtureRequest, app: Flask) -> Iterator[Language]:
    """Each language in turn, as the language of a request."""
    spoken: Language = request.param
    with app.test_request_context("/", headers={"Accept-Language": spoken.tag}):
        yield spoken


def verdict(registration: Registration, history: History, binding: Binding) -> Verdict:
    """Return a verdict with these values on its axes."""
    return replace(REGISTERED, registration=registration, history=history, binding=binding)


def test_every_verdict_has_words(language: Language) -> None:
    """Each combination of the three axes gets a headline, a meaning and something to do."""
    for axes in AXES:
        words = words_for(verdict(*axes))
        assert words.headline
        assert words.meaning
        assert words.action
        assert "%(" not in words.headline + words.meaning + words.action
        if language.tag == "zh-Hans":
            assert not re.search(r"[A-Za-z]{4}", words.headline + words.meaning + words.action)


def test_green_is_for_a_hidden_code_or_chip_alone() -> None:
    """A path on which only a printed code was presented never ends in green or a tick."""
    green = [axes for axes in AXES if WORDS[headline_of(verdict(*axes))].tone is Tone.GREEN]
    assert green
    for registration, history, binding in green:
        assert registration is Registration.REGISTERED
        assert binding in {Binding.SECRET_OK, Binding.CHIP_OK}
        assert history in {History.FIRST_CHECK, History.PLAUSIBLE_REPEAT, History.NOT_APPLICABLE}
    assert {headline for headline, words in WORDS.items() if words.symbol == "tick"} == {Headline.VERIFIED}


@pytest.mark.parametrize("spoken", LANGUAGES, ids=lambda spoken: spoken.tag)
@pytest.mark.parametrize("binding", [Binding.NONE, Binding.EXAMINED])
@pytest.mark.parametrize("registration", Registration)
def test_no_page_of_a_printed_code_is_green_or_says_too_much(
    registration: Registration, binding: Binding, spoken: Language
) -> None:
    """The whole page is read, whatever the history says."""
    verdicts = {f"{history}": verdict(registration, history, binding) for history in History}
    client = create_app(readers(verdicts)).test_client()
    for history in verdicts:
        page = Page(client.get(f"/check?link={history}", headers={"Accept-Language": spoken.tag}).text)
        assert not page.has_class("green")
        assert not TOO_MUCH.search(page.text()), page.text()


def test_no_word_anywhere_says_too_much() -> None:
    """Neither the English messages nor their translations claim what no code can prove.

    At the desk people say what they found of goods that they examined: its words are their own, and no buyer reads them.
    """
    messages = [text for message in extracted() if message.id and not _of_the_desk(message) for text in _texts(message.id)]
    messages += [
        text
        for one in TRANSLATED
        for message in stored(one)
        if message.id and not _of_the_desk(message)
        for text in _texts(message.string)
    ]
    assert len(messages) > 800
    assert [text for text in messages if TOO_MUCH.search(text)] == []


def _of_the_desk(message: Message) -> bool:
    return all("desk" in path for path, _ in message.locations)


def test_no_template_says_too_much_beside_its_messages() -> None:
    """Nor does what stands in a template without being translated."""
    found = {path.name: TOO_MUCH.findall(path.read_text(encoding="utf-8")) for path in TEMPLATES.glob("*.html")}
    assert len(found) > 8
    assert {name: words for name, words in found.items() if words} == {}


def test_nothing_above_the_fold_needs_a_dictionary(language: Language) -> None:
    """Headline, meaning and action use no word of the machinery."""
    del language
    for axes in AXES:
        words = words_for(verdict(*axes))
        assert not JARGON.search(f"{words.headline} {words.meaning} {words.action}")


def test_every_code_step_outcome_and_withdrawal_has_words(language: Language) -> None:
    """Nothing that the verifier can say is left without a sentence."""
    del language
    assert set(REASONS) == set(Code)
    assert set(STEPS) == set(Step)
    assert set(OUTCOMES) == set(Outcome)
    assert set(WITHDRAWN) == set(Reason) - {Reason.NONE}
    assert set(WORDS) == set(Headline)
    for code in Code:
        assert reason(code, BY_NAME["registered_stale"]).endswith((".", "。"))


def test_the_same_symbol_is_never_used_for_two_tones_that_differ_in_alarm() -> None:
    """Shape tells what colour tells: stop is red alone, a document neutral alone."""
    tones: dict[str, set[Tone]] = {}
    for words in WORDS.values():
        tones.setdefault(words.symbol, set()).add(words.tone)
    assert tones["stop"] == {Tone.RED}
    assert tones["document"] == {Tone.NEUTRAL}
    assert tones["tick"] == {Tone.GREEN}
    assert tones["warning"] == tones["hourglass"] == {Tone.AMBER}


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        ((Registration.REGISTERED, History.NOT_APPLICABLE, Binding.NONE), Headline.REGISTERED),
        ((Registration.REGISTERED, History.STRONGLY_UNUSUAL, Binding.SECRET_OK), Headline.UNUSUAL_HISTORY),
        ((Registration.REGISTERED, History.OPENED, Binding.CHIP_OK), Headline.OPENED),
        ((Registration.NUMBER_KNOWN, History.FIRST_CHECK, Binding.SECRET_OK), Headline.NUMBER_KNOWN),
        ((Registration.NUMBER_KNOWN, History.CONFIRMED_COPY, Binding.NONE), Headline.CONFIRMED_COPY),
        ((Registration.FOREIGN_HOST, History.FIRST_CHECK, Binding.SECRET_OK), Headline.FOREIGN_HOST),
        ((Registration.ISSUER_SUSPENDED, History.CONFIRMED_COPY, Binding.NONE), Headline.CONFIRMED_COPY),
        ((Registration.CANNOT_CHECK, History.CONFIRMED_COPY, Binding.SECRET_USED), Headline.CANNOT_CHECK),
        ((Registration.WITHDRAWN, History.OPENED, Binding.CHIP_OK), Headline.WITHDRAWN),
        ((Registration.ALTERED, History.FIRST_CHECK, Binding.SECRET_OK), Headline.ALTERED),
        ((Registration.AWAITING_FINALITY, History.FIRST_CHECK, Binding.CHIP_OK), Headline.NOT_YET_RELEASED),
        ((Registration.REGISTERED, History.FIRST_CHECK, Binding.CHIP_WRONG), Headline.CHIP_WRONG),
        ((Registration.REGISTERED, History.PLAUSIBLE_REPEAT, Binding.EXAMINED), Headline.EXAMINED),
    ],
)
def test_the_worst_of_the_three_axes_speaks(axes: tuple[Registration, History, Binding], expected: Headline) -> None:
    """Kind words come only where nothing speaks against them."""
    assert headline_of(verdict(*axes)) is expected


def test_another_market_is_said_only_where_nothing_is_wrong() -> None:
    """A product sold elsewhere is no accusation, and hides none."""
    assert headline_of(REGISTERED, market_differs=True) is Headline.OTHER_MARKET
    assert headline_of(BY_NAME["withdrawn"], market_differs=True) is Headline.WITHDRAWN
    assert headline_of(BY_NAME["verified"], market_differs=True) is Headline.VERIFIED


def test_an_action_that_leads_to_steps_has_steps(language: Language) -> None:
    """And steps appear nowhere else; 12315 helps where it is asked for."""
    for sample in BY_NAME.values():
        steps = steps_to_take(sample, hotline=True)
        assert bool(steps) == (WORDS[headline_of(sample)].goto is Goto.TODO)
    assert any("12315" in step for step in steps_to_take(BY_NAME["withdrawn"], hotline=True))
    assert not any("12315" in step for step in steps_to_take(BY_NAME["withdrawn"], hotline=False))
    assert language in LANGUAGES


@pytest.mark.parametrize("spoken", TRANSLATED, ids=lambda spoken: spoken.tag)
def test_translations_are_complete_and_in_step(spoken: Language) -> None:
    """Extracting and compiling again changes nothing, and nothing is left to translate (`python -m tests.webapp.catalogue`)."""
    catalog = stored(spoken)
    assert [message.id for message in catalog if message.id and (message.fuzzy or not all(_texts(message.string)))] == []
    assert as_po(updated(spoken)).decode() == po_path(spoken).read_text(encoding="utf-8")
    assert as_mo(catalog) == po_path(spoken).with_suffix(".mo").read_bytes()


@pytest.mark.parametrize("spoken", TRANSLATED, ids=lambda spoken: spoken.tag)
def test_translations_keep_places_and_marks(spoken: Language) -> None:
    """What is filled in, and the markup around it, is the same in every language; Chinese uses its own punctuation."""
    parts = re.compile(r"%\(\w+\)s|</?\w+[^>]*>")
    for message in stored(spoken):
        if message.id:
            source, translated = _texts(message.id)[-1], _texts(message.string)[-1]
            assert sorted(parts.findall(source)) == sorted(parts.findall(translated))
            assert not re.search(r"[\u4e00-\u9fff][,;:?!.]", translated), translated


def _texts(message: object) -> list[str]:
    return [message] if isinstance(message, str) else [str(one) for one in message]  # type: ignore[attr-defined]  # plural forms
