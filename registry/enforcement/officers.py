"""Who works at the desk, and what each may see of a case (docs/desk.md).

An inspector sees the cases of his own office. A rights holder sees what an inspector chose to tell his manufacturer, no more.
The alliance sees of a closed case what it publishes. The operator, who runs the site, sees no case.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Role(enum.StrEnum):
    """What somebody does at the desk. An account has one."""

    INSPECTOR = "inspector"
    RIGHTS_HOLDER = "rights_holder"
    ALLIANCE = "alliance"
    OPERATOR = "operator"


class OfficeKind(enum.StrEnum):
    """What an office is."""

    CUSTOMS = "customs"
    MARKET_REGULATOR = "market_regulator"
    PLATFORM = "platform"
    MANUFACTURER = "manufacturer"
    ALLIANCE = "alliance"
    OPERATOR = "operator"


ROLE_OF: dict[OfficeKind, Role] = {
    OfficeKind.CUSTOMS: Role.INSPECTOR,
    OfficeKind.MARKET_REGULATOR: Role.INSPECTOR,
    OfficeKind.PLATFORM: Role.INSPECTOR,
    OfficeKind.MANUFACTURER: Role.RIGHTS_HOLDER,
    OfficeKind.ALLIANCE: Role.ALLIANCE,
    OfficeKind.OPERATOR: Role.OPERATOR,
}
"""The role of everybody in an office of each kind."""


@dataclass(frozen=True, slots=True)
class Office:
    """An authority's office, a platform, a manufacturer, the alliance or the operator."""

    id: int
    name: str
    kind: OfficeKind
    region: str
    """ISO 3166: a country or a part of one, such as CN-SH."""
    manufacturer: int | None = None
    """The number on the chain of the manufacturer whose office it is; none for all others."""


@dataclass(frozen=True, slots=True)
class Officer:
    """Somebody who is signed in."""

    id: int
    name: str
    email: str
    office: Office

    @property
    def role(self) -> Role:
        """What the officer's office makes of him."""
        return ROLE_OF[self.office.kind]

    def owns(self, office: int) -> bool:
        """Say whether he is an inspector of the office that a case belongs to, who may read and change all of it."""
        return self.role is Role.INSPECTOR and self.office.id == office

    def speaks_for(self, manufacturer: int) -> bool:
        """Say whether he answers for a manufacturer, and may read what it was told."""
        return self.role is Role.RIGHTS_HOLDER and self.office.manufacturer == manufacturer
