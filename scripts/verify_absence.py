"""The part of `touchstone verify` that repeats an absence file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry.chain import named
from registry.chain.annals import Annals
from registry.chain.endpoints import connect
from registry.chain.reader import ChainReader
from registry.checking.trust import Trust
from registry.enforcement import absence_steps
from registry.enforcement.absence_steps import GOOD, OFFLINE, UNAVAILABLE, AbsenceStep, Made, Outcome
from registry.errors import ChainUnavailable, WrongChain
from scripts import absence
from scripts.verify_proof import MARKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.proofs.absence_file import AbsenceFile, Listing
    from scripts.console import Console

NOT_ASKED: Final = (
    "the chain was not asked whether these are all its batches up to that block: "
    "name every contract of the registry, from a source that you trust, with --contract, and an endpoint with --rpc"
)


def check(raw: bytes, contracts: Sequence[str], rpc: str, console: Console) -> bool:
    """Repeat an absence file and print every step; say whether all that was asked holds.

    Raises `InputError` if a contract is no address or `rpc` no endpoint.
    """
    addresses = [named.read_address(one) for one in contracts]
    file, made = absence_steps.repeat(raw)
    if addresses and file is not None and all(one.outcome in GOOD for one in made):
        made = (*made, *_ask(file, addresses, rpc))
    steps = absence_steps.all_steps(made)
    asked = tuple(AbsenceStep) if addresses else OFFLINE
    holds = all(one.outcome in GOOD for one in steps if one.step in asked)
    told = {
        "holds": holds,
        "complete": all(one.outcome in GOOD for one in steps),
        "absence": None if file is None or not holds else absence.facts(file),
        "steps": [
            {"step": one.step.value, "outcome": one.outcome.value, "codes": list(one.codes), "detail": one.detail}
            for one in steps
        ],
    }
    head = ["every step that was asked holds" if holds else "not every step holds"]
    about = absence.lines(file) if file is not None and holds else []
    console.found(told, [*head, *map(_line, steps), *about])
    if not addresses and holds:
        console.warn(NOT_ASKED)
    return holds


def _ask(file: AbsenceFile, addresses: Sequence[str], rpc: str) -> tuple[Made, ...]:
    """Ask the contracts at these addresses, which the file may name and never chooses."""
    w3s = connect(rpc)
    if sorted(addresses) != sorted(listing.contract for listing in file.listings):
        listed = ", ".join(listing.contract for listing in file.listings)
        return (_failed("other_contract", f"the file is about {listed}, expected just the contracts that you named"),)
    chronicles = []
    for listing in file.listings:
        try:
            found = named.find(w3s, listing.contract)
        except WrongChain as error:
            return (_failed("other_code", error.message),)
        except ChainUnavailable as error:
            return (Made(AbsenceStep.CONTRACT, Outcome.UNKNOWN, (UNAVAILABLE,), error.message),)
        if wrong := _wrong(file, listing, found):
            return (wrong,)
        trust = Trust(file.registry_id, (found.deployment,))
        chronicles.append(Annals(ChainReader(w3s, trust, found.deployment)))
    detail = ", ".join(f"chain {listing.chain_id}, contract {listing.contract}" for listing in file.listings)
    return (Made(AbsenceStep.CONTRACT, Outcome.PASSED, (), detail), *absence_steps.ask(file, chronicles))


def _wrong(file: AbsenceFile, listing: Listing, found: named.NamedContract) -> Made | None:
    chain_id = found.deployment.chain_id
    if chain_id != listing.chain_id:
        return _failed("other_chain", f"the endpoint answers for chain {chain_id}, the file is about chain {listing.chain_id}")
    if found.registry_id != file.registry_id:
        return _failed("other_registry", f"contract {listing.contract} belongs to registry 0x{found.registry_id.hex()}")
    return None


def _failed(code: str, detail: str) -> Made:
    return Made(AbsenceStep.CONTRACT, Outcome.FAILED, (code,), detail)


def _line(one: Made) -> str:
    told = ": ".join(text for text in (", ".join(one.codes), one.detail) if text)
    return f"  {one.step.value:<13} {MARKS[one.outcome]:<4} {told}".rstrip()
