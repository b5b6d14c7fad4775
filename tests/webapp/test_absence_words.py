"""What is said of an absence: what a witness saw as a fact, everything else as the manufacturer's word, in both languages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from registry.proofs import absence_file, encoding
from tests.vectors.test_own_vectors import FILES
from webapp.languages import LANGUAGES, Language, speaking
from webapp.presenter.absence import absence_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.proofs.absence_file import AbsenceFile

TOLD = {"en": "According to the manufacturer's tree", "zh-Hans": "根据厂家自己的批次树"}


@pytest.fixture(params=LANGUAGES, ids=lambda language: language.tag)
def language(request: pytest.FixtureRequest) -> Iterator[Language]:
    """Each language in turn."""
    spoken: Language = request.param
    with speaking(spoken):
        yield spoken


def file_of(name: str) -> dict[str, Any]:
    """Return a vector that holds."""
    document: dict[str, Any] = json.loads(next(case["document"] for case in FILES["absences"]["cases"] if case["name"] == name))
    return document


def attested(document: dict[str, Any], *times: int) -> AbsenceFile:
    """Return a file whose batches were attested so often."""
    for batch, count in zip(document["deployments"][0]["manufacturers"][0]["batches"], times, strict=True):
        batch["attestations"] = str(count)
    return absence_file.read(encoding.canonical(document))


@pytest.mark.parametrize("times", [(0, 0), (0, 1), (1, 0), (2, 1)])
def test_only_an_attested_batch_is_a_fact(language: Language, times: tuple[int, int]) -> None:
    """Of every other the words say whose tree it is."""
    words = absence_words(attested(file_of("two batches, two manufacturers"), *times))
    assert [one.attested for one in words.batches] == [count > 0 for count in times]
    for one in words.batches:
        assert (TOLD[language.tag] in one.statement) != one.attested
    assert len(words.findings) == len({count > 0 for count in times})
    assert any(TOLD[language.tag] in text for text in words.findings) == (0 in times)
    assert "%(" not in repr(words)


def test_a_batch_in_two_deployments_is_counted_once(language: Language) -> None:
    """And attested where any of them has it attested."""
    document = file_of("two deployments")
    document["deployments"][1]["manufacturers"][0]["batches"][0]["attestations"] = "1"
    words = absence_words(attested(document, 0))
    assert (len(words.batches), len(words.scope), len(words.findings)) == (2, 2, 1)
    assert TOLD[language.tag] not in words.findings[0]


def test_where_there_is_no_batch_that_is_said(language: Language) -> None:
    """Nothing was looked into, and the limits are said all the same."""
    for name in ("no batch", "a GTIN that nobody claims"):
        words = absence_words(absence_file.read(encoding.canonical(file_of(name))))
        assert (len(words.findings), words.batches) == (1, ())
        assert words.limits
    assert language in LANGUAGES
