"""Every exception that Touchstone raises on purpose.

    TouchstoneError
    ├── InputError              what a person, a file or a request gave is not acceptable
    │   ├── LinkError           not one of our links
    │   ├── IdentityError       not a GTIN, lot or serial
    │   ├── IntakeError         a units file with faults, all of them listed
    │   ├── DocumentError       a manifest, profile or settings file that is malformed
    │   ├── ListError           a list of codes that is too long, too large or no table
    │   ├── CaseError           what cannot happen to a case, or not now
    │   ├── AccountError        what cannot happen to an account
    │   └── ImageError          not a picture that we read
    ├── ProofError              a check was made, and it does not hold
    │   ├── SignatureError      malformed, malleable or not recoverable
    │   ├── MerkleError         a row, path or pair of neighbours does not prove what was asked
    │   ├── SealError           root, count, manifest or salt do not give the seal
    │   └── JournalBroken       an entry of the journal is missing, or not the one that was written
    ├── ChainError
    │   ├── ChainUnavailable    could not ask: nothing follows about the product
    │   │   └── EndpointsDisagree   two endpoints say different things of what is final
    │   ├── WrongChain          it answers, but is not the chain or the contract that we trust
    │   └── TransactionRefused  the contract or the node refused what we sent
    ├── StoreError
    │   ├── StoreUnavailable    could not ask
    │   ├── StoreDamaged        what is stored contradicts itself
    │   │   └── TreeMissing     there is no tree file of a batch
    │   └── AlreadyRegistered   units or batches that are registered already, all of them listed
    ├── PublishingError
    │   ├── RegistryUnavailable another registry could not be asked
    │   └── PublicationRefused  a registry does not take a batch; `reason` is a stable code
    ├── DeliveryError           a notice that did not reach who is told
    ├── StampUnavailable        a time-stamp authority gave no time-stamp that holds
    ├── LabelError              a label that cannot be made, or whose code does not read back
    ├── KeyFileError            a keystore file that is missing, malformed or does not open
    │   └── TokenError          a key on a token that cannot be used
    ├── CalendarUnknown         nobody told us yet which days of a year are working days
    ├── WorkerLost              a worker process ended before its work was done
    └── Overloaded              so much is asked at once that this was not begun

A message says what was found and what was expected, without a capital at its start or a full stop at its end; `hint` says what
to do about it. "Could not ask" is never a finding about a product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class TouchstoneError(Exception):
    """The root of the tree; catch it at the edge of a program."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(TouchstoneError):
    """What a person, a file or a request gave is not acceptable."""


class LinkError(InputError):
    """A text is not one of our links; `reason` is a stable code."""

    def __init__(self, message: str, *, reason: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class IdentityError(InputError):
    """A text is not a GTIN, a lot or a serial."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of an input file, named so that a person finds it at once."""

    line: int
    """Line number in the file, counted from 1; 0 for the file as a whole."""
    field: str
    found: str
    expected: str

    def __str__(self) -> str:
        where = f"line {self.line}, " if self.line else ""
        return f"{where}{self.field}: found {self.found}, expected {self.expected}"


class IntakeError(InputError):
    """A units or products file has faults; `problems` lists every one."""

    def __init__(self, message: str, problems: Iterable[Problem], *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.problems = tuple(problems)


class DocumentError(InputError):
    """A manifest, profile or settings document is malformed."""


class ListError(InputError):
    """A list of codes cannot be read; `reason` is a stable code, `line` and `field` say where, if it is at one place."""

    def __init__(self, message: str, *, reason: str, line: int = 0, field: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason
        self.line = line
        self.field = field


class AccountError(InputError):
    """Something cannot happen to an account; `reason` is a stable code."""

    def __init__(self, message: str, *, reason: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class CaseError(InputError):
    """What cannot happen to a case, or not in its state; `reason` is a stable code."""

    def __init__(self, message: str, *, reason: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class ImageError(InputError):
    """An upload is not a picture that we read; `reason` is a stable code."""

    def __init__(self, message: str, *, reason: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class ProofError(TouchstoneError):
    """A check was made, and it does not hold."""


class SignatureError(ProofError):
    """A signature is malformed, malleable or gives no address."""


class MerkleError(ProofError):
    """A row, a path or a pair of neighbours does not prove what was asked."""


class SealError(ProofError):
    """Root, count, manifest or salt do not give the seal."""


class JournalBroken(ProofError):
    """An entry of the journal is missing, or not the one that was written; `number` says which."""

    def __init__(self, message: str, *, number: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.number = number


class ChainError(TouchstoneError):
    """Anything that went wrong between us and the chain."""


class ChainUnavailable(ChainError):
    """The chain could not be asked: nothing follows about the product."""


class EndpointsDisagree(ChainUnavailable):
    """Two endpoints say different things of what is final: nothing follows about the product, and an operator has to look."""


class WrongChain(ChainError):
    """An endpoint answers, but not for the chain or the contract that we trust."""


class TransactionRefused(ChainError):
    """The contract or the node refused a transaction; `error` is the contract's error name where it gave one."""

    def __init__(self, message: str, *, error: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.error = error


class StoreError(TouchstoneError):
    """Anything that went wrong between us and the store."""


class StoreUnavailable(StoreError):
    """The store could not be asked."""


class StoreDamaged(StoreError):
    """What is stored contradicts itself."""


class TreeMissing(StoreDamaged):
    """There is no tree file of a batch, neither in its folder nor in the archive."""


class AlreadyRegistered(StoreError):
    """Units or a batch are registered already; `conflicts` names each."""

    def __init__(self, message: str, conflicts: Iterable[str] = (), *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.conflicts = tuple(conflicts)


class PublishingError(TouchstoneError):
    """Anything that keeps a batch from getting from one registry to another."""


class RegistryUnavailable(PublishingError):
    """Another registry could not be asked, or could not ask: nothing follows about the batch."""


class PublicationRefused(PublishingError):
    """A registry does not take a batch; `reason` is a stable code."""

    def __init__(self, message: str, *, reason: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class StampUnavailable(TouchstoneError):
    """A time-stamp authority gave no time-stamp that holds: it is asked again later."""


class DeliveryError(TouchstoneError):
    """A message did not reach who is told; `is_final` if to try again as things are would be in vain."""

    def __init__(self, message: str, *, is_final: bool = False, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.is_final = is_final


class LabelError(TouchstoneError):
    """A label cannot be made, or its code does not read back as its link."""


class KeyFileError(TouchstoneError):
    """A keystore file is missing, malformed or does not open."""


class TokenError(KeyFileError):
    """A key on a token cannot be used: no library, token or key, a wrong PIN, or the token was taken away."""


class CalendarUnknown(TouchstoneError):
    """Nobody told us yet which days of a year are working days there: nothing is counted on a guess."""


class WorkerLost(TouchstoneError):
    """A worker process ended before its work was done."""


class Overloaded(TouchstoneError):
    """So much is asked at once that this was not begun: to ask again in a moment helps."""
