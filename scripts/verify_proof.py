"""The part of `touchstone verify` that repeats a proof file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from registry.chain import named
from registry.chain.endpoints import connect
from registry.chain.reader import ChainReader
from registry.checking import repeating
from registry.checking.repeating import GOOD, OFFLINE, ProofStep, Repeated
from registry.checking.trust import Trust
from registry.checking.verdicts import Code, Outcome
from registry.errors import ChainUnavailable, WrongChain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.proofs.proof_file import ProofFile
    from scripts.console import Console

MARKS: Final = {"passed": "ok", "failed": "NO", "noted": "note", "not_asked": "-", "unknown": "?"}
NOT_ASKED: Final = (
    "the chain was not asked whether this seal is anchored, by a valid key, for this product, and not withdrawn: "
    "name a contract that you trust with --contract, and an endpoint with --rpc"
)


def check(raw: bytes, contract: str | None, rpc: str, console: Console) -> bool:
    """Repeat a proof file and print every step; say whether all that was asked holds.

    Raises `InputError` if `contract` is no address or `rpc` no endpoint.
    """
    address = None if contract is None else named.read_address(contract)
    file, made = repeating.repeat(raw)
    holds = all(one.outcome in GOOD for one in made)
    if address is not None and file is not None and holds:
        made = (*made, *_ask(file, address, rpc))
    steps = repeating.all_steps(made)
    asked = ProofStep if address is not None else OFFLINE
    holds = all(one.outcome in GOOD for one in steps if one.step in asked)
    console.found(_facts(file, steps, holds=holds), [*_lines(file, holds=holds), *map(_line, steps)])
    if address is None and holds:
        console.warn(NOT_ASKED)
    return holds


def _ask(file: ProofFile, address: str, rpc: str) -> Sequence[Repeated]:
    """Ask the contract at this address, which the file may name and never chooses."""
    w3s = connect(rpc)
    step = ProofStep.CONTRACT
    if address != file.contract:
        return (Repeated(step, Outcome.FAILED, ("other_contract",), f"the file says that it is anchored in {file.contract}"),)
    try:
        found = named.find(w3s, address)
    except WrongChain as error:
        return (Repeated(step, Outcome.FAILED, ("other_code",), error.message),)
    except ChainUnavailable as error:
        return (Repeated(step, Outcome.UNKNOWN, (Code.CHAIN_UNAVAILABLE,), error.message),)
    chain_id = found.deployment.chain_id
    if chain_id != file.chain_id:
        detail = f"the endpoint answers for chain {chain_id}, the file is about chain {file.chain_id}"
        return (Repeated(step, Outcome.FAILED, ("other_chain",), detail),)
    if found.registry_id != file.registry_id:
        detail = f"the contract belongs to registry 0x{found.registry_id.hex()}"
        return (Repeated(step, Outcome.FAILED, ("other_registry",), detail),)
    trust = Trust(file.registry_id, (found.deployment,))
    told = repeating.ask(file, trust, [ChainReader(w3s, trust, found.deployment)])
    return (Repeated(step, Outcome.PASSED, (), f"chain {chain_id}, contract {address}"), *told)


def _facts(file: ProofFile | None, steps: Sequence[Repeated], *, holds: bool) -> dict[str, Any]:
    return {
        "holds": holds,
        "complete": all(one.outcome in GOOD for one in steps),
        "unit": None
        if file is None
        else {"gtin": file.record.gtin, "lot": file.record.lot, "serial": file.record.serial, "seal": f"0x{file.seal.hex()}"},
        "steps": [
            {"step": one.step.value, "outcome": one.outcome.value, "codes": list(one.codes), "detail": one.detail}
            for one in steps
        ],
    }


def _lines(file: ProofFile | None, *, holds: bool) -> list[str]:
    about = "" if file is None else f"  GTIN {file.record.gtin}, lot {file.record.lot}, serial {file.record.serial}"
    return [("every step that was asked holds" if holds else "not every step holds") + about]


def _line(one: Repeated) -> str:
    told = ": ".join(text for text in (", ".join(one.codes), one.detail) if text)
    return f"  {one.step.value:<10} {MARKS[one.outcome]:<4} {told}".rstrip()
