"""Column types that trust nothing they read: what a table holds comes back as exactly the type declared, or as `StoreDamaged`.

SQLite stores any value in any column, so a damaged or edited database can hand us text where bytes should be. These types
check type, length and range of every value in both directions. Times are Unix seconds (UTC), stored as integers on both
engines, because SQLite has no time type and drops time zones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import BigInteger, Integer, LargeBinary, String
from sqlalchemy.types import TypeDecorator

from registry.errors import StoreDamaged

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Dialect
    from sqlalchemy.types import TypeEngine

_T = TypeVar("_T")

MAX_INTEGER = 2**63 - 1


class _Checked(TypeDecorator[_T], Generic[_T]):
    """A column whose values are checked by `accepts` on the way in and on the way out.

    The result processor of the underlying type is left out on purpose: SQLAlchemy's `LargeBinary` calls `bytes(value)`, which
    allocates as many bytes as a number found in the column says.
    """

    expected = "a value"

    def accepts(self, value: object) -> bool:
        """Say whether the value is one that this column may hold."""
        raise NotImplementedError

    def bind_processor(self, dialect: Dialect) -> Callable[[_T | None], Any]:
        """Return the check of values to be stored. Raises `TypeError`: storing such a value is a mistake in our own code."""
        del dialect
        accepts, expected = self.accepts, self.expected

        def check(value: _T | None) -> Any:
            if value is not None and not accepts(value):
                raise TypeError(f"cannot store {_describe(value)}, expected {expected}")
            return value

        return check

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], _T | None]:
        """Return the check of values read. Raises `StoreDamaged`."""
        del dialect, coltype
        accepts, expected = self.accepts, self.expected

        def check(value: Any) -> _T | None:
            if value is not None and not accepts(value):
                raise StoreDamaged(f"the store holds {_describe(value)}, expected {expected}")
            return value  # type: ignore[no-any-return]  # `accepts` has just said so

        return check


class FixedBytes(_Checked[bytes]):
    """Bytes of exactly `length`."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length
        self.expected = f"{length} bytes"

    def accepts(self, value: object) -> bool:
        """Say whether the value is bytes of that length."""
        return type(value) is bytes and len(value) == self.length


class Blob(_Checked[bytes]):
    """Bytes, at most `limit` of them."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self.expected = f"at most {limit} bytes"

    def accepts(self, value: object) -> bool:
        """Say whether the value is bytes within the limit."""
        return type(value) is bytes and len(value) <= self.limit


class AsciiText(_Checked[str]):
    """ASCII text of 1 to `length` characters."""

    impl = String
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.limit = length
        self.expected = f"1 to {length} ASCII characters"

    def accepts(self, value: object) -> bool:
        """Say whether the value is such a text."""
        return type(value) is str and 0 < len(value) <= self.limit and value.isascii()


class Text(_Checked[str]):
    """Any text of 1 to `length` characters."""

    impl = String
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.limit = length
        self.expected = f"1 to {length} characters"

    def accepts(self, value: object) -> bool:
        """Say whether the value is such a text."""
        return type(value) is str and 0 < len(value) <= self.limit


class Count(_Checked[int]):
    """An integer from `least` to `most`."""

    impl = BigInteger
    cache_ok = True

    def __init__(self, least: int = 0, most: int = MAX_INTEGER) -> None:
        super().__init__()
        self.least = least
        self.most = most
        self.expected = f"an integer from {least} to {most}"

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return SQLite's `INTEGER` there, which alone numbers the rows of a primary key by itself, and 64 bits elsewhere."""
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else BigInteger())

    def accepts(self, value: object) -> bool:
        """Say whether the value is an integer in range; `True` is none."""
        return type(value) is int and self.least <= value <= self.most


class UnixTime(Count):
    """Unix seconds, UTC."""

    cache_ok = True

    def __init__(self) -> None:
        super().__init__(0, 2**40 - 1)
        self.expected = "Unix seconds"


def _describe(value: object) -> str:
    """Name a value found by type and size, without its content: it may be a secret."""
    size = f" of length {len(value)}" if isinstance(value, (str, bytes)) else ""
    return f"{type(value).__name__}{size}"
