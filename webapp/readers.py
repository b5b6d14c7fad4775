"""What the site asks of the rest of the house. It is handed these; it makes none of them and holds none of its own.

Nothing here signs, registers or writes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from registry.checking.typed import check_typed
from webapp.blueprints.product_pictures import NoPictures
from webapp.histories import Forgetful
from webapp.rates import Limiter
from webapp.resolver import NoStock
from webapp.visits import NOBODY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from registry.checking.typed import Choice, Numbers
    from registry.checking.verdicts import Verdict
    from registry.checking.verifier import Verifier
    from registry.publishing.desk import Desk
    from registry.storage.scans import Channel
    from registry.units.records import UnitId
    from webapp.accredited import Accredited
    from webapp.blueprints.product_pictures import Pictures
    from webapp.desk.casework import Casework
    from webapp.desk.door import Door
    from webapp.desk.notifying import Notifying
    from webapp.histories import Remembered
    from webapp.reports import Reports
    from webapp.resolver import Stock
    from webapp.visits import Visit


class Recorder(Protocol):
    """Keeps what was scanned. Waits for nothing and raises nothing."""

    def note(self, verdict: Verdict, channel: Channel, visit: Visit = NOBODY) -> None:
        """Note that a check came by this door, what it found, and who looked."""


class Unrecorded:
    """Keeps nothing: for a site without a database of scans."""

    def note(self, verdict: Verdict, channel: Channel, visit: Visit = NOBODY) -> None:
        """Do nothing."""


class Checks(Protocol):
    """Makes verdicts. No method raises: whatever goes wrong is a verdict too."""

    def link(self, raw: str) -> Verdict:
        """Check a link exactly as it was scanned."""

    def typed(self, text: str, gtin: str | None) -> Verdict | Choice:
        """Check what a person typed or pasted, under a product number if they gave one."""

    def number(self, unit: UnitId) -> Verdict:
        """Check a number whose product is known."""


@dataclass(frozen=True, slots=True)
class RegistryChecks:
    """Checks against the registry: the verifier and, for what people type, the store's tolerant look-up."""

    verifier: Verifier
    numbers: Numbers
    trusted_host: str | None = None
    """An authority that the operator's settings name besides the domains on the chain; never from a request."""

    def link(self, raw: str) -> Verdict:
        """Check a link exactly as it was scanned."""
        return self.verifier.check(raw, trusted_host=self.trusted_host)

    def typed(self, text: str, gtin: str | None) -> Verdict | Choice:
        """Check what a person typed or pasted."""
        return check_typed(self.verifier, self.numbers, text, gtin=gtin, trusted_host=self.trusted_host)

    def number(self, unit: UnitId) -> Verdict:
        """Check a number whose product is known."""
        return self.verifier.check_number(unit)


@dataclass(frozen=True, slots=True)
class Readers:
    """Everything that the site asks."""

    checks: Checks
    decode: Callable[[bytes], tuple[str, ...]]
    """Reads the codes in a photo; raises `ImageError`, and `Overloaded` or `WorkerLost` if it could not be read now."""
    probes: Mapping[str, Callable[[], object]]
    """What `/readyz` asks, by name; each raises a `TouchstoneError` if it is not ready."""
    scans: Recorder = field(default_factory=Unrecorded)
    """Where checks are noted."""
    limiter: Limiter = field(default_factory=Limiter)
    """Counts what is checked."""
    endpoint: str = ""
    """A chain endpoint that may be suggested to everybody who repeats a proof; none is if it is empty."""
    memory: Remembered = field(default_factory=Forgetful)
    """What is remembered of checks."""
    pictures: Pictures = field(default_factory=NoPictures)
    """Has the pictures of products."""
    reports: Reports | None = None
    """Takes reports of problems; none where the site takes none."""
    desk: Desk | None = None
    """Receives batches; none where the site takes none."""
    casework: Casework | None = None
    """Cases and guides of the desk; none where the site has no desk."""
    door: Door | None = None
    """Who may come to the desk; nobody can where the site has no desk."""
    notifying: Notifying | None = None
    """Notices to rights holders; none where the site has no desk."""
    accredited: Accredited | None = None
    """Knows who is accredited; none where no page says so."""
    profile_of: Callable[[bytes], bytes | None] = lambda _: None
    """Gives the body of a profile's hash, or none; raises a `StoreError`."""
    stock: Stock = field(default_factory=NoStock)
    """What has links besides its verdict."""
    lists: Path | None = None
    """The folder of lists that are checked; a temporary one of this user's own without it."""
    registry_id: str = ""
    """Of the registry that is asked, as `0x` and hex, for result sheets."""
    root: str = ""
    """Scheme and host of our links, where they are not those of each request."""
    contact: str = ""
    """Who answers for this resolver; nobody is named if it is empty."""
