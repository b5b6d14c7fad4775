"""The brand monitor: tells a brand when somebody else is accredited for what is its own, or when its own entry changes.

Anybody may run one: it needs chain endpoints and a trust file, and nobody's leave. It follows the contract's events up to the
newest final block. Profiles of others are fetched from where the chain says that they lie, and believed for their hash; one
that cannot be had is told of as well, because what it claims is not known. An alarm is on disk before the place in the chain
moves on, and goes out at least once, under the same id each time. A monitor that sees nothing says so: a blind one warns of
nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from registry.enforcement.overlaps import Claims, overlaps
from registry.errors import ChainError, DeliveryError, DocumentError, StoreUnavailable
from registry.proofs import profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from registry.chain.wire import Event
    from registry.proofs.absence_file import Block

OWN: Final = (
    "KeyAdded", "KeyRevoked", "KeyCompromised", "ControllerFrozen", "ControllerReplacementProposed",
    "ControllerReplacementCancelled", "ControllerReplaced", "ManufacturerSuspended", "ManufacturerReinstated", "ProfileUpdated",
)  # fmt: skip
"""What changes a manufacturer's own entry, its batches left out."""
NAMES: Final = ("ManufacturerAccredited", "VerifierDomainsSet", "BatchAnchored", *OWN)
MAX_STATE: Final = 2**24
VERSION: Final = "1"


class Chronicle(Protocol):
    """What is asked of a deployment (`registry.chain.annals.Annals`). Raises `ChainError`."""

    @property
    def chain_id(self) -> int:
        """The chain's number."""

    @property
    def contract(self) -> str:
        """The contract's EIP-55 address."""

    def happened(self, names: Sequence[str], first: int) -> tuple[Block, tuple[Event, ...]]:
        """Return the newest final block, and the events of these names from a block up to it."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What is a brand's own."""

    claims: Claims
    number: int = 0
    """Its manufacturer number; 0 if it is not accredited, and nobody is to claim any of it."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that a brand is told."""

    id: str
    """The same for the same thing, whoever looks and how often: whoever gets it twice knows it."""
    kind: str
    """`claimed`, `anchored`, `unread`, `changed`, `domains` or `blind`."""
    text: str
    """One line, for people."""
    facts: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """Return it for machines, and for the state."""
        return {"id": self.id, "kind": self.kind, "text": self.text, "facts": self.facts}


@dataclass(slots=True)
class State:
    """How far the chain was read, what of it is to be told, and who claims what is watched."""

    places: dict[str, int] = field(default_factory=dict)
    """The first block that was not read yet, by contract."""
    pending: list[Alarm] = field(default_factory=list)
    claimants: list[int] = field(default_factory=list)
    """Numbers of manufacturers that claim what is watched, or whose claims are not known."""
    silent_since: int = 0
    """Unix seconds since when nothing could be read; 0 if the last look succeeded."""
    told_blind: bool = False

    @classmethod
    def read(cls, path: Path) -> State:
        """Return the state that was kept; an empty one if there is none. Raises `DocumentError` if it is damaged."""
        try:
            with path.open("rb") as file:
                raw = file.read(MAX_STATE)
        except FileNotFoundError:
            return cls()
        except OSError as error:
            raise StoreUnavailable(f"{path} cannot be read: {error.strerror or error}") from error
        try:
            kept = json.loads(raw)
            if kept["version"] != VERSION:
                raise DocumentError(f"{path} is of version {kept['version']!r:.20}, expected {VERSION}")
            return cls(
                {str(contract): int(block) for contract, block in kept["places"].items()},
                [Alarm(one["id"], one["kind"], one["text"], dict(one["facts"])) for one in kept["pending"]],
                [int(number) for number in kept["claimants"]],
                int(kept["silentSince"]),
                told_blind=kept["toldBlind"] is True,
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DocumentError(
                f"{path} is not what the monitor wrote", hint="remove it: everything is looked at again, and told again"
            ) from error

    def write(self, path: Path) -> None:
        """Keep it, whole or not at all. Raises `StoreUnavailable`."""
        document = {
            "version": VERSION,
            "places": self.places,
            "pending": [alarm.as_json() for alarm in self.pending],
            "claimants": sorted(set(self.claimants)),
            "silentSince": self.silent_since,
            "toldBlind": self.told_blind,
        }
        new = path.with_name(f".{path.name}.new")
        try:
            with new.open("w", encoding="utf-8") as file:
                json.dump(document, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        except OSError as error:
            raise StoreUnavailable(f"{path} cannot be written: {error.strerror or error}") from error


class Monitor:
    """Looks at the chain for one brand, and tells what it has to."""

    def __init__(
        self,
        watched: Watched,
        chronicles: Sequence[Chronicle],
        *,
        state: Path,
        fetch: Callable[[str], bytes],
        tell: Callable[[Alarm], None],
        blind_after: float = 3600.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`fetch` gets what lies at an address, `tell` sends an alarm: both raise `DeliveryError` if they cannot.

        `state` is the monitor's own file. After `blind_after` seconds without an answer of the chain, that is told.
        """
        self._watched = watched
        self._chronicles = chronicles
        self._path = state
        self._fetch = fetch
        self._tell = tell
        self._blind_after = blind_after
        self._clock = clock

    def once(self) -> list[Alarm]:
        """Read what happened since the last look, and send what is to be told; returns what was sent.

        The first look tells of others alone: what one's own entry was till then is no news. What could not be sent stays, and
        is tried at the next look. Raises `ChainError` if a deployment could not be asked (what others said was told
        nevertheless), and `StoreUnavailable` or `DocumentError` about the state.
        """
        state = State.read(self._path)
        problem: ChainError | None = None
        for chronicle in self._chronicles:
            try:
                self._look(chronicle, state)
            except ChainError as error:
                problem = error
        self._note_silence(state, problem)
        state.write(self._path)
        sent = self._send(state)
        if problem is not None:
            raise problem
        return sent

    def _look(self, chronicle: Chronicle, state: State) -> None:
        """Read a deployment's events; what they mean and the place up to which they were read get into the state at once."""
        is_first = chronicle.contract not in state.places
        first = state.places.get(chronicle.contract, 0)
        final, events = chronicle.happened(NAMES, first)
        for event in events:
            found = self._meaning(chronicle, event, state)
            state.pending += [alarm for alarm in found if not (is_first and alarm.kind in {"changed", "domains"})]
        state.places[chronicle.contract] = max(final.number + 1, first)

    def _meaning(self, chronicle: Chronicle, event: Event, state: State) -> Iterable[Alarm]:
        number = event.values.get("manufacturer", 0)
        if event.name == "VerifierDomainsSet":
            listed = ", ".join(map(str, event.values["domains"]))
            return [_alarm(chronicle, event, "domains", f"labels may lead to these domains from now on: {listed}")]
        if number == self._watched.number:
            return [_alarm(chronicle, event, "changed", _said(event))] if event.name in OWN else []
        if event.name == "ProfileUpdated":
            return self._judged(chronicle, event, number, state)
        if event.name == "BatchAnchored" and number in state.claimants:
            return [_alarm(chronicle, event, "anchored", f"manufacturer {number}, who claims what is yours, anchored a batch")]
        return []

    def _judged(self, chronicle: Chronicle, event: Event, number: int, state: State) -> list[Alarm]:
        """Say whether another one's profile claims what is watched."""
        digest, uri = bytes(event.values["profileHash"]), str(event.values["uri"])
        known = self._claims(digest, uri)
        if isinstance(known, str):
            state.claimants.append(number)
            return [_alarm(chronicle, event, "unread", f"what manufacturer {number} claims is not known: {known}")]
        both = list(overlaps(self._watched.claims, known))
        if both:
            state.claimants.append(number)
            return [_alarm(chronicle, event, "claimed", f"manufacturer {number} claims what is yours: {'; '.join(both[:10])}")]
        state.claimants = [one for one in state.claimants if one != number]
        return []

    def _claims(self, digest: bytes, uri: str) -> Claims | str:
        """Return what a profile claims, or why that is not known."""
        try:
            raw = self._fetch(uri)
            found = profile.read_json(raw)
        except (DeliveryError, DocumentError) as error:
            return error.message
        if profile.profile_hash(found) != digest:
            return "what lies there is another profile than the accredited one"
        return Claims.of(profile.read(found))

    def _note_silence(self, state: State, problem: ChainError | None) -> None:
        now = int(self._clock())
        if problem is None:
            state.silent_since, state.told_blind = 0, False
            return
        state.silent_since = state.silent_since or now
        if now - state.silent_since >= self._blind_after and not state.told_blind:
            state.told_blind = True
            since = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(state.silent_since))
            facts = {"since": since}
            text = f"the monitor has seen nothing of the chain since {since}, and warns of nothing meanwhile"
            state.pending.append(Alarm(_id("blind", since), "blind", text, facts))

    def _send(self, state: State) -> list[Alarm]:
        sent = []
        for alarm in list(state.pending):
            with suppress(DeliveryError):
                self._tell(alarm)
                sent.append(alarm)
                state.pending.remove(alarm)
                state.write(self._path)
        return sent


def _alarm(chronicle: Chronicle, event: Event, kind: str, text: str) -> Alarm:
    transaction = f"0x{event.transaction.hex()}"
    facts = {
        "chain": str(chronicle.chain_id),
        "contract": chronicle.contract,
        "block": str(event.block),
        "transaction": transaction,
        "event": event.name,
        **{name: _plain(value) for name, value in event.values.items()},
    }
    line = "".join(sign if sign.isprintable() else " " for sign in text)[:500]
    return Alarm(_id(kind, chronicle.contract, transaction, str(event.position)), kind, line, facts)


def _said(event: Event) -> str:
    values = ", ".join(f"{name} {_plain(value)}" for name, value in event.values.items() if name != "manufacturer")
    return f"your entry changed: {event.name} ({values})"


def _plain(value: object) -> str:
    """Return a value of an event as text: bounded, and of signs that show."""
    text = f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
    return "".join(sign if sign.isprintable() else " " for sign in text)[:200]


def _id(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
