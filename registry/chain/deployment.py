"""Which contracts belong to the registry: the compiled contract, the operator's trust file, the record of each deployment.

The trust file is the operator's own word and never comes from a database or the network (protocol § 7):

    {
      "registryId": "0x... 32 bytes",
      "production": false,
      "deployments": [{"chainId": 31337, "contract": "0x...", "block": 1, "codeHash": "0x... 32 bytes"}],
      "finality": "finalized",
      "freshSeconds": 10,
      "staleSeconds": 600
    }

The first deployment is the current one. `contracts/deployments/<chainId>.json` records what was deployed where and how it was
compiled, so that anyone can compile it again and compare.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast, get_args

from web3 import Web3

from registry.checking.trust import Deployment, Finality, Trust
from registry.errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WORD: Final = 32
MAX_FILE: Final = 2**20
DEPLOYMENT_FIELDS: Final = frozenset({"chainId", "contract", "block", "codeHash"})
TRUST_FIELDS: Final = frozenset({"registryId", "deployments", "production", "finality", "freshSeconds", "staleSeconds"})
FRESH_SECONDS: Final = 10.0
STALE_SECONDS: Final = 600.0
REQUIRED: Final = ("registryId", "deployments")


@dataclass(frozen=True, slots=True)
class Artifact:
    """The compiled contract, as it is checked in beside this module."""

    abi: tuple[Mapping[str, Any], ...]
    bytecode: bytes
    deployed_bytecode: bytes
    """The code on the chain, but for the immutables, which are zero here."""
    immutables: tuple[tuple[int, int], ...]
    """Start and length of each place in the deployed code where an immutable stands."""
    compiler: Mapping[str, Any]

    def made(self, code: bytes) -> bool:
        """Say whether deployed code is this contract's, whatever its immutables are."""
        return len(code) == len(self.deployed_bytecode) and self._blank(code) == self._blank(self.deployed_bytecode)

    def _blank(self, code: bytes) -> bytes:
        blank = bytearray(code)
        for start, length in self.immutables:
            blank[start : start + length] = bytes(length)
        return bytes(blank)


@dataclass(frozen=True, slots=True)
class DeploymentRecord:
    """A deployment with what it takes to check it."""

    registry_id: bytes
    production: bool
    deployment: Deployment
    compiler: Mapping[str, Any]


@cache
def artifact() -> Artifact:
    """Return the compiled contract."""
    raw = json.loads(files("registry.chain").joinpath("ProvenanceRegistry.json").read_text("utf-8"))
    return Artifact(
        abi=tuple(raw["abi"]),
        bytecode=bytes.fromhex(raw["bytecode"].removeprefix("0x")),
        deployed_bytecode=bytes.fromhex(raw["deployedBytecode"].removeprefix("0x")),
        immutables=tuple((place["start"], place["length"]) for place in raw["immutableReferences"]),
        compiler=raw["compiler"],
    )


def load_trust(path: Path) -> Trust:
    """Return the operator's settings. Raises `DocumentError` if the file is missing, malformed or says something unknown."""
    document = _object(_read(path), path, "the trust file")
    _only(document, TRUST_FIELDS, path)
    for name in REQUIRED:
        if name not in document:
            raise DocumentError(f"{path} has no {name!r}")
    listed = document["deployments"]
    if not isinstance(listed, list) or not listed:
        raise DocumentError(f"{path}: 'deployments' is {_short(listed)}, expected a list of at least one deployment")
    deployments = tuple(_deployment(entry, path) for entry in listed)
    if len({(one.chain_id, one.contract) for one in deployments}) != len(deployments):
        raise DocumentError(f"{path} lists a deployment twice")
    finality = document.get("finality", "finalized")
    if finality not in get_args(Finality):
        raise DocumentError(f"{path}: 'finality' is {_short(finality)}, expected one of {', '.join(get_args(Finality))}")
    production = document.get("production", False)
    if not isinstance(production, bool):
        raise DocumentError(f"{path}: 'production' is {_short(production)}, expected true or false")
    fresh = _seconds(document, "freshSeconds", FRESH_SECONDS, path)
    stale = _seconds(document, "staleSeconds", STALE_SECONDS, path)
    if stale < fresh:
        raise DocumentError(f"{path}: 'staleSeconds' is {stale:g}, expected at least 'freshSeconds' ({fresh:g})")
    return Trust(
        registry_id=_word(document["registryId"], "registryId", path),
        deployments=deployments,
        finality=cast("Finality", finality),
        fresh_seconds=fresh,
        stale_seconds=stale,
        production=production,
    )


def save_trust(path: Path, trust: Trust) -> None:
    """Write the operator's settings, whole or not at all. Raises `DocumentError` if the file cannot be written."""
    document = {
        "registryId": _hex(trust.registry_id),
        "production": trust.production,
        "deployments": [_as_json(one) for one in trust.deployments],
        "finality": trust.finality,
        "freshSeconds": trust.fresh_seconds,
        "staleSeconds": trust.stale_seconds,
    }
    _write(path, document)


def read_records(folder: Path) -> tuple[DeploymentRecord, ...]:
    """Return every recorded deployment, of each chain the latest first; none if there is no such folder.

    Raises `DocumentError` if a file is malformed.
    """
    found: list[DeploymentRecord] = []
    for path in sorted(folder.glob("*.json")):
        document = _object(_read(path), path, "a record of deployments")
        listed = document.get("deployments")
        if not isinstance(listed, list):
            raise DocumentError(f"{path}: 'deployments' is {_short(listed)}, expected a list")
        for item in listed:
            entry = _object(item, path, "a deployment")
            plain = {name: value for name, value in entry.items() if name in DEPLOYMENT_FIELDS}
            found.append(
                DeploymentRecord(
                    registry_id=_word(entry.get("registryId"), "registryId", path),
                    production=entry.get("production") is True,
                    deployment=_deployment({"chainId": document.get("chainId"), **plain}, path),
                    compiler=_object(entry.get("compiler"), path, "'compiler'"),
                )
            )
    return tuple(found)


def write_record(folder: Path, record: DeploymentRecord) -> Path:
    """Put a deployment first among those of its chain in `<folder>/<chainId>.json`; returns that file.

    Raises `DocumentError` if the file is malformed or cannot be written.
    """
    chain_id = record.deployment.chain_id
    known = [one for one in read_records(folder) if one.deployment.chain_id == chain_id and one.deployment != record.deployment]
    listed = [
        {
            **{name: value for name, value in _as_json(one.deployment).items() if name != "chainId"},
            "registryId": _hex(one.registry_id),
            "production": one.production,
            "compiler": dict(one.compiler),
        }
        for one in (record, *known)
    ]
    path = folder / f"{chain_id}.json"
    _write(path, {"chainId": chain_id, "deployments": listed})
    return path


def _as_json(deployment: Deployment) -> dict[str, Any]:
    return {
        "chainId": deployment.chain_id,
        "contract": deployment.contract,
        "block": deployment.block,
        "codeHash": _hex(deployment.code_hash),
    }


def _deployment(entry: object, path: Path) -> Deployment:
    fields = _object(entry, path, "a deployment")
    _only(fields, DEPLOYMENT_FIELDS, path)
    contract = fields.get("contract")
    if not isinstance(contract, str) or not Web3.is_checksum_address(contract):
        raise DocumentError(f"{path}: 'contract' is {_short(contract)}, expected an address with its EIP-55 capitals")
    return Deployment(
        chain_id=_count(fields, "chainId", path),
        contract=contract,
        block=_count(fields, "block", path),
        code_hash=_word(fields.get("codeHash"), "codeHash", path),
    )


def _only(fields: Mapping[str, object], known: frozenset[str], path: Path) -> None:
    # A misspelt setting would be ignored, and the operator would trust something else than what is written there.
    if unknown := sorted(fields.keys() - known):
        raise DocumentError(f"{path} says {', '.join(map(_short, unknown[:8]))}, expected only {', '.join(sorted(known))}")


def _object(value: object, path: Path, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DocumentError(f"{path}: {what} is {_short(value)}, expected a JSON object")
    return value


def _count(fields: Mapping[str, object], name: str, path: Path) -> int:
    value = fields.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise DocumentError(f"{path}: {name!r} is {_short(value)}, expected a whole number")
    return value


def _seconds(fields: Mapping[str, object], name: str, default: float, path: Path) -> float:
    value = fields.get(name, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < float("inf"):
        raise DocumentError(f"{path}: {name!r} is {_short(value)}, expected a number of seconds")
    return float(value)


def _word(value: object, name: str, path: Path) -> bytes:
    text = value.removeprefix("0x") if isinstance(value, str) else ""
    try:
        word = bytes.fromhex(text)
    except ValueError:
        word = b""
    if len(word) != WORD or len(text) != 2 * WORD or not any(word):
        raise DocumentError(f"{path}: {name!r} is {_short(value)}, expected 0x and 64 hex digits, not all zero")
    return word


def _hex(word: bytes) -> str:
    return f"0x{word.hex()}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"  # noqa: PLR2004 - what fits a line


def _read(path: Path) -> object:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE)
        return json.loads(raw, parse_constant=_no_constant)
    except OSError as error:
        raise DocumentError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"{path} is not JSON: {error}") from error


def _no_constant(name: str) -> NoReturn:
    message = f"{name} is not a JSON number"
    raise ValueError(message)


def _write(path: Path, document: Mapping[str, Any]) -> None:
    write_whole(path, (json.dumps(document, indent=2) + "\n").encode())


def write_whole(path: Path, raw: bytes) -> None:
    """Write a public file that is there whole or not at all. Raises `DocumentError` if it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(file.fileno(), 0o644)
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, path)  # noqa: PTH105 - one call for both kinds of path
        except BaseException:
            os.unlink(name)  # noqa: PTH108 - as above
            raise
    except OSError as error:
        raise DocumentError(f"{path} cannot be written: {error.strerror or error}") from error
