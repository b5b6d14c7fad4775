"""A column gives back exactly what it was declared for, or damage."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import make_url

from registry.errors import StoreDamaged
from registry.storage.types import AsciiText, Blob, Count, FixedBytes, Text, UnixTime

DIALECTS: list[Any] = [make_url(url).get_dialect()() for url in ("postgresql+psycopg://", "sqlite://")]
COLUMNS: list[tuple[Any, list[object], list[object]]] = [
    (FixedBytes(2), [b"ab"], [b"a", b"abc", "ab", 2, bytearray(b"ab")]),
    (Blob(2), [b"", b"ab"], [b"abc", "a", 1]),
    (AsciiText(2), ["a", "ab"], ["", "abc", "é", b"a", 1]),
    (Text(2), ["é", "ab"], ["", "abc", b"a", 1]),
    (Count(1, 3), [1, 3], [0, 4, "1", 1.0, True, b"1"]),
    (UnixTime(), [0, 1_790_000_000], [-1, 2**40, "2026-01-01", 1.5]),
]
NAMES = [type(column).__name__ for column, _, _ in COLUMNS]


@pytest.mark.parametrize(("column", "right", "wrong"), COLUMNS, ids=NAMES)
@pytest.mark.parametrize("dialect", DIALECTS, ids=["postgresql", "sqlite"])
def test_right_values_pass_and_wrong_ones_are_named(
    column: Any, right: list[object], wrong: list[object], dialect: Any
) -> None:
    store, read = column.bind_processor(dialect), column.result_processor(dialect, None)
    for value in [None, *right]:
        assert store(value) == read(value) == value
    for value in wrong:
        with pytest.raises(TypeError, match="expected"):
            store(value)
        with pytest.raises(StoreDamaged, match="expected"):
            read(value)


def test_damage_does_not_show_what_was_found() -> None:
    with pytest.raises(StoreDamaged) as caught:
        FixedBytes(32).result_processor(DIALECTS[0], None)(b"a secret salt")
    assert str(caught.value) == "the store holds bytes of length 13, expected 32 bytes"


def test_a_wrong_value_of_our_own_is_not_shown_either() -> None:
    with pytest.raises(TypeError) as caught:
        FixedBytes(32).bind_processor(DIALECTS[0])(b"a secret salt")
    assert "secret" not in str(caught.value)
