"""What brands tell inspectors about telling their products from fakes: every version is kept, and none is public.

Only the manufacturer's own people write it; who reads it is in the journal. A feature that many know is soon copied, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
import rfc8785
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from registry.errors import CaseError, StoreDamaged
from registry.storage import schema
from registry.storage.case_tables import guide_pictures, guides
from registry.storage.cases import new_id
from registry.storage.schema import asking

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.storage.cases import Cases

MOST_POINTS: Final = 30
LONGEST_POINT: Final = 1000


@dataclass(frozen=True, slots=True)
class Point:
    """One feature: where to look, what the product has, what fakes have."""

    where: str
    genuine: str
    fake: str = ""
    genuine_picture: str = ""
    """Its id; empty if there is none."""
    fake_picture: str = ""


@dataclass(frozen=True, slots=True)
class Guide:
    """One version of a product's guide."""

    manufacturer: int
    gtin: str
    version: int
    time: int
    """Unix seconds."""
    who: int
    title: str
    points: tuple[Point, ...]
    note: str = ""


class Guides:
    """The guides in the desk's database. Methods raise `StoreUnavailable` or `StoreDamaged`; threads may share it."""

    def __init__(self, cases: Cases) -> None:
        """Keep guides beside cases: in their database, with their journal and clock."""
        self._engine = cases.engine
        self._journal = cases.journal
        self._clock = cases.clock

    def latest(self, *, manufacturer: int | None = None, gtin: str = "") -> tuple[Guide, ...]:
        """Return the newest version of every guide, or of those of a manufacturer or a product."""
        newest = select(func.max(guides.c.id)).group_by(guides.c.manufacturer, guides.c.gtin)
        asked = select(guides).where(guides.c.id.in_(newest)).order_by(guides.c.gtin, guides.c.manufacturer)
        asked = asked.where(guides.c.manufacturer == manufacturer) if manufacturer is not None else asked
        asked = asked.where(guides.c.gtin == gtin) if gtin else asked
        with asking(), self._engine.connect() as connection:
            return tuple(map(_guide, connection.execute(asked).all()))

    def versions(self, manufacturer: int, gtin: str) -> tuple[Guide, ...]:
        """Return all versions of a guide, the newest first."""
        asked = select(guides).where(guides.c.manufacturer == manufacturer, guides.c.gtin == gtin)
        with asking(), self._engine.connect() as connection:
            return tuple(map(_guide, connection.execute(asked.order_by(guides.c.version.desc())).all()))

    def write(self, guide: Guide, pictures: Mapping[str, bytes]) -> Guide:
        """Keep a guide as the version that follows `guide.version`, with its new pictures.

        Raises `CaseError` with the reason `changed` if somebody else wrote that version meanwhile.
        """
        body: dict[str, Any] = {
            "title": guide.title, "note": guide.note,
            "points": [{name: getattr(point, name) for name in Point.__slots__} for point in guide.points],
        }  # fmt: skip
        row = {
            "manufacturer": guide.manufacturer, "gtin": guide.gtin, "version": guide.version + 1,
            "time": int(self._clock()), "who": guide.who, "body": rfc8785.dumps(body),
        }  # fmt: skip
        kept = [{"manufacturer": guide.manufacturer, "id": name, "content": content} for name, content in pictures.items()]
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(guides), row)
                if kept:
                    connection.execute(insert(guide_pictures), kept)
                noted = {"gtin": guide.gtin, "version": guide.version + 1}
                self._journal(connection, "guide.written", guide.who, f"guide {guide.manufacturer} {guide.gtin}", noted)
        except IntegrityError as error:
            raise CaseError("the guide changed meanwhile", reason="changed", hint="look at it as it is now") from error
        except Exception as error:
            raise schema.meaning(error) from error
        return self.versions(guide.manufacturer, guide.gtin)[0]

    def picture(self, manufacturer: int, name: str) -> bytes | None:
        """Return a picture of a manufacturer's guides."""
        if len(name) != len(new_id()) or not name.isascii():
            return None
        asked = select(guide_pictures.c.content).where(
            guide_pictures.c.manufacturer == manufacturer, guide_pictures.c.id == name
        )
        with asking(), self._engine.connect() as connection:
            content: bytes | None = connection.execute(asked).scalar()
        return content

    def note_read(self, who: int, manufacturer: int, gtin: str) -> None:
        """Note that somebody reads a guide."""
        with asking(), self._engine.begin() as connection:
            self._journal(connection, "guide.read", who, f"guide {manufacturer} {gtin}", {})


def _guide(row: Any) -> Guide:
    try:
        body = orjson.loads(row.body)
        points = tuple(Point(**point) for point in body["points"])
        return Guide(row.manufacturer, row.gtin, row.version, row.time, row.who, body["title"], points, body["note"])
    except (ValueError, KeyError, TypeError) as error:
        raise StoreDamaged(f"version {row.version} of a guide cannot be read: {error}") from error
