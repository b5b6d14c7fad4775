"""Leads: problems that people report, each with what the site found of the code at that time.

They lie beside the scans, in the database where the site may write. A form is taken once: its ticket is unique, so that a
second click and a reload give the reference of the first. What is taken is counted in the same transaction, and too much is
refused. `forget` removes what names a person, and in the end the lead.
"""

from __future__ import annotations

import enum
import hashlib
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Self

from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from registry.errors import StoreDamaged
from registry.storage import schema
from registry.storage.schema import asking
from registry.storage.tables import lead_photos, leads, report_counts
from registry.units.serials import ALPHABET, fold

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Engine

HOUR: Final = 3600
A_DAY: Final = 86_400
LENGTH: Final = 12
"""Characters of a reference: 60 bits from the system's random source."""
PERSONAL_DAYS: Final = 180
"""Days after which contact and photo are removed. The site promises it to whoever leaves them."""
LEAD_DAYS: Final = 1095
"""Days after which the rest of a lead is removed."""
COUNTED: Final = 2
"""Hours for which counts are kept."""
ATTEMPTS: Final = 3
_COUNT: Final = text(
    "INSERT INTO report_counts (bucket, hour, taken) VALUES (:bucket, :hour, 1) "
    "ON CONFLICT (bucket, hour) DO UPDATE SET taken = report_counts.taken + 1 RETURNING taken"
)


class State(enum.StrEnum):
    """How far a lead has come."""

    NEW = "new"
    SEEN = "seen"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Photo:
    """What is known of a photo, apart from its bytes."""

    type: str
    """JPEG, PNG or WEBP, by its header."""
    size: int
    """Bytes."""
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Lead:
    """One report. Texts are what a stranger typed: whoever shows them makes them harmless."""

    time: int
    """Unix seconds."""
    place: str
    """Where it was bought: a code."""
    presented: str = ""
    """The code that it is about, as it was given; empty if there was none."""
    gtin: str = ""
    serial: str = ""
    manufacturer: int | None = None
    """Whose registration the unit was found under."""
    registration: str = ""
    """The verdict of that time, as codes; empty if there was no code."""
    history: str = ""
    binding: str = ""
    region: str = ""
    """Where the report came from: ISO 3166, coarse."""
    language: str = ""
    seller: str = ""
    bought: str = ""
    """ISO 8601 date."""
    wrong: tuple[str, ...] = ()
    """Codes of what looks wrong."""
    note: str = ""
    contact: str = ""
    to_brand: bool = False
    """Whether the contact may be given to the manufacturer."""
    to_inspectors: bool = False
    """Whether it may be given to inspectors."""
    photo: Photo | None = None
    """Also when its bytes are removed."""
    state: State = State.NEW
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Limit:
    """How many reports are taken in an hour from one place."""

    bucket: str
    most: int


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What `forget` removed."""

    contacts: int
    photos: int
    leads: int


class Leads:
    """The leads in a database. Methods raise `StoreUnavailable` or `StoreDamaged`; threads may share it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str, *, create: bool = False) -> Self:
        """Open the leads of a database: with `create` to write, its tables made if they are not there.

        Raises `StoreUnavailable` if it cannot be opened so, and `DocumentError` for a URL of no engine of ours.
        """
        engine = schema.open_engine(url, create=create)
        try:
            if create:
                schema.make_tables(engine)
            schema.check_schema(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    def close(self) -> None:
        """Give back every connection."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def taken(self, ticket: bytes) -> str | None:
        """Return the reference under which a form was taken, or none."""
        with asking(), self._engine.connect() as connection:
            found: str | None = connection.execute(select(leads.c.reference).where(leads.c.ticket == ticket)).scalar()
        return found

    def take(self, lead: Lead, ticket: bytes, photo: bytes | None = None, limits: Sequence[Limit] = ()) -> str | None:
        """Store a report and return its reference; of a form that was taken before, the reference it has.

        None if a limit is reached: then nothing is stored. `photo` is the file as it came; type and size are in the lead.
        """
        for attempt in range(ATTEMPTS):
            if known := self.taken(ticket):
                return known
            reference = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
            try:
                return self._take(replace(lead, reference=reference), ticket, photo, limits)
            except IntegrityError as error:  # the same form at the same moment, or a reference that is taken
                if attempt == ATTEMPTS - 1:
                    raise schema.meaning(error) from error
        raise AssertionError

    def _take(self, lead: Lead, ticket: bytes, photo: bytes | None, limits: Sequence[Limit]) -> str | None:
        try:
            with self._engine.begin() as connection:
                hour = lead.time // HOUR
                # In one order, so that two never wait for each other.
                for limit in sorted(limits, key=lambda limit: limit.bucket):
                    if connection.execute(_COUNT, {"bucket": limit.bucket, "hour": hour}).scalar_one() > limit.most:
                        connection.rollback()
                        return None
                connection.execute(delete(report_counts).where(report_counts.c.hour <= hour - COUNTED))
                key = connection.execute(insert(leads), _row(lead, ticket)).inserted_primary_key
                if photo is not None and key is not None:
                    connection.execute(insert(lead_photos), {"lead_id": key[0], "content": photo})
        except IntegrityError:
            raise
        except Exception as error:
            raise schema.meaning(error) from error
        return lead.reference

    def lead(self, reference: str) -> Lead | None:
        """Return the lead of a reference, or none."""
        with asking(), self._engine.connect() as connection:
            row = connection.execute(select(leads).where(leads.c.reference == reference)).first()
        return None if row is None else _lead(row)

    def photo(self, reference: str) -> bytes | None:
        """Return the photo of a lead as it came; none if there is none, or none any more."""
        asked = select(lead_photos.c.content, leads.c.photo_sha256).join(leads).where(leads.c.reference == reference)
        with asking(), self._engine.connect() as connection:
            row = connection.execute(asked).first()
        if row is None:
            return None
        content: bytes = row.content
        if hashlib.sha256(content).digest() != row.photo_sha256:
            raise StoreDamaged(f"the photo of report {reference} is not the one that came")
        return content

    def list(self, *, manufacturer: int | None = None, since: int = 0, state: State | None = None) -> tuple[Lead, ...]:
        """Return the leads from a time (Unix seconds) on, the newest first: all, or those of a manufacturer, or in a state."""
        asked = select(leads).where(leads.c.time >= since).order_by(leads.c.time.desc(), leads.c.id.desc())
        if manufacturer is not None:
            asked = asked.where(leads.c.manufacturer == manufacturer)
        if state is not None:
            asked = asked.where(leads.c.state == state.value)
        with asking(), self._engine.connect() as connection:
            rows = connection.execute(asked).all()
        return tuple(map(_lead, rows))

    def set_state(self, reference: str, state: State) -> bool:
        """Say how far a lead has come; returns whether there is such a lead."""
        change = update(leads).where(leads.c.reference == reference).values(state=state.value)
        with asking(), self._engine.begin() as connection:
            return bool(connection.execute(change).rowcount)

    def forget(self, now: int) -> Forgotten:
        """Remove contacts and photos that are older than they are kept, and old leads. `now` is Unix seconds."""
        personal = leads.c.time < now - PERSONAL_DAYS * A_DAY
        old = leads.c.time < now - LEAD_DAYS * A_DAY
        with asking(), self._engine.begin() as connection:
            photos = connection.execute(
                delete(lead_photos).where(lead_photos.c.lead_id.in_(select(leads.c.id).where(personal)))
            )
            contacts = connection.execute(update(leads).where(personal, leads.c.contact.is_not(None)).values(contact=None))
            gone = connection.execute(delete(leads).where(old))
            connection.execute(delete(report_counts).where(report_counts.c.hour <= now // HOUR - COUNTED))
        return Forgotten(contacts.rowcount, photos.rowcount, gone.rowcount)


def read_reference(typed: str) -> str | None:
    """Return the reference that a person typed, in groups or not; none if it can be none."""
    found = fold(typed.strip())
    return found if len(found) == LENGTH and set(found) <= set(ALPHABET) else None


def group(reference: str) -> str:
    """Return a reference as it is told: in groups of four."""
    return "-".join(reference[start : start + 4] for start in range(0, LENGTH, 4))


_SAME: Final = (
    "presented", "gtin", "serial", "registration", "history", "binding", "region", "language", "seller", "bought", "note",
    "contact",
)  # fmt: skip
"""Texts that have columns of their names, and are empty where the column is."""


def _row(lead: Lead, ticket: bytes) -> Mapping[str, Any]:
    return {
        **{name: getattr(lead, name) or None for name in _SAME},
        "reference": lead.reference,
        "ticket": ticket,
        "time": lead.time,
        "state": lead.state.value,
        "manufacturer": lead.manufacturer,
        "place": lead.place,
        "wrong": ",".join(lead.wrong) or None,
        "to_brand": int(lead.to_brand),
        "to_inspectors": int(lead.to_inspectors),
        "photo_sha256": lead.photo.sha256 if lead.photo else None,
        "photo_type": lead.photo.type if lead.photo else None,
        "photo_bytes": lead.photo.size if lead.photo else None,
    }


def _lead(row: Any) -> Lead:
    """Return a row as a lead. Raises `StoreDamaged`."""
    if row.state not in set(State):
        raise StoreDamaged(f"a lead's state is {row.state!r}, expected one of {', '.join(State)}")
    has_photo = row.photo_type and row.photo_bytes and row.photo_sha256
    return Lead(
        time=row.time,
        place=row.place,
        manufacturer=row.manufacturer,
        wrong=tuple(row.wrong.split(",")) if row.wrong else (),
        to_brand=bool(row.to_brand),
        to_inspectors=bool(row.to_inspectors),
        photo=Photo(row.photo_type, row.photo_bytes, row.photo_sha256) if has_photo else None,
        state=State(row.state),
        reference=row.reference,
        **{name: getattr(row, name) or "" for name in _SAME},
    )
