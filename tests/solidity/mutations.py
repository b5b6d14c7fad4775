"""Shows that the invariants can fail: breaks the contract in one place at a time and expects the right ones to notice.

    python -m tests.solidity.mutations           all of them, a minute each
    python -m tests.solidity.mutations NAME ...  some of them

Works on a copy, so the tree stays as it is. Not part of `make test`; run it after a change of the contract or its invariants.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
CONTRACT: Final = "contracts/ProvenanceRegistry.sol"


class Mutation(NamedTuple):
    """One fault planted in the contract, and the invariants that must notice it."""

    found: str
    planted: str
    noticed_by: frozenset[str]


OWN_KEY: Final = "NobodyButAManufacturersOwnKeyAnchorsForIt"
ANCHOR: Final = "AnAnchorNeverChangesOwnerOrTime"
ADDRESS: Final = "AnAddressNeverChangesManufacturer"
WITHDRAWN: Final = "AWithdrawnBitClearsOnlyByTheControllersAnnulment"
ROLES: Final = "RolesCannotBeEscalated"
RELAYED: Final = "RelayedAnchorsNeitherReplayNorDouble"

MUTATIONS: Final = {
    "a key anchors for the next manufacturer": Mutation(
        "uint32 manufacturer = record.manufacturer;\n",
        "uint32 manufacturer = record.manufacturer % 4 + 1;\n",
        frozenset({OWN_KEY}),
    ),
    "anybody anchors for manufacturer 1": Mutation(
        "_anchor(msg.sender, seal);",
        "_anchor(_keys[msg.sender].manufacturer == 0 ? address(bytes20(hex'7E5F4552091A69125d5DfCb7b8C2659029395Bdf'))"
        " : msg.sender, seal);",
        frozenset({OWN_KEY}),
    ),
    "a seal is anchored again": Mutation(
        "if (batch.anchoredBy != address(0)) revert BatchAlreadyAnchored(manufacturer, seal, batch.anchoredAt);",
        "",
        frozenset({ANCHOR, RELAYED}),
    ),
    "a withdrawal moves the anchor's time": Mutation(
        "batch.withdrawnAt = _now();",
        "batch.withdrawnAt = batch.anchoredAt = _now();",
        frozenset({ANCHOR}),
    ),
    "a known key is added again": Mutation(
        "if (_keys[key].manufacturer != 0) revert KeyAlreadyKnown(key, _keys[key].manufacturer);",
        "",
        frozenset({ADDRESS}),
    ),
    "a key is added without its consent": Mutation(
        "if (recovered != key) revert KeyConsentInvalid(key, recovered);",
        "if (recovered == address(0)) revert KeyConsentInvalid(key, recovered);",
        frozenset({ADDRESS}),
    ),
    "a withdrawal replaces the word": Mutation(
        "withdrawn[words[i].word] |= words[i].mask;",
        "withdrawn[words[i].word] = words[i].mask;",
        frozenset({WITHDRAWN}),
    ),
    "an annulment clears the whole word": Mutation(
        "withdrawn[word] &= ~mask;",
        "withdrawn[word] = 0;",
        frozenset({WITHDRAWN}),
    ),
    "anybody annuls": Mutation(
        "if (msg.sender != account.controller) revert ControllerUnauthorized(manufacturer, msg.sender);",
        "",
        frozenset({WITHDRAWN}),
    ),
    "an accredited controller becomes an accreditor": Mutation(
        "emit ManufacturerAccredited(manufacturer, controller);",
        "_grantRole(ACCREDITOR_ROLE, controller);\n        emit ManufacturerAccredited(manufacturer, controller);",
        frozenset({ROLES}),
    ),
    "freezing a controller lets inspectors appoint witnesses": Mutation(
        "account.controllerFrozen = frozen;",
        "account.controllerFrozen = frozen;\n        _setRoleAdmin(WITNESS_ROLE, INSPECTOR_ROLE);",
        frozenset({ROLES}),
    ),
    "a witness becomes an inspector by attesting": Mutation(
        "emit BatchAttested(manufacturer, seal, msg.sender);",
        "_grantRole(INSPECTOR_ROLE, msg.sender);\n        emit BatchAttested(manufacturer, seal, msg.sender);",
        frozenset({ROLES}),
    ),
    "a replay is accepted and does nothing": Mutation(
        "if (batch.anchoredBy != address(0)) revert BatchAlreadyAnchored(manufacturer, seal, batch.anchoredAt);",
        "if (batch.anchoredBy != address(0)) return;",
        frozenset({RELAYED}),
    ),
    "a relayer lends its own key": Mutation(
        "_anchor(_recover(keccak256(abi.encode(ANCHOR_TYPEHASH, seal, deadline)), signature), seal);",
        "address signer = _recover(keccak256(abi.encode(ANCHOR_TYPEHASH, seal, deadline)), signature);\n"
        "        _anchor(_keys[signer].manufacturer == 0 ? msg.sender : signer, seal);",
        frozenset({RELAYED}),
    ),
}


def failing(mutation: Mutation, folder: Path) -> set[str]:
    """Plant the fault in a copy of the project; name the invariants that fail there."""
    for name in ("contracts", "tests/solidity"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "hardhat.config.js", folder)
    shutil.copy(ROOT / "package.json", folder)
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    source = (folder / CONTRACT).read_text(encoding="utf-8")
    if source.count(mutation.found) != 1:
        sys.exit(f"found {source.count(mutation.found)} times, expected once: {mutation.found.strip()}")
    (folder / CONTRACT).write_text(source.replace(mutation.found, mutation.planted), encoding="utf-8")
    command = [str(folder / "node_modules/.bin/hardhat"), "test", "solidity", "--grep", "invariant_"]
    done = subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, text=True, check=False)
    if "Running Solidity tests" not in done.stdout:
        sys.exit(f"the broken contract does not compile:\n{done.stdout}{done.stderr}")
    if "setUp()" in done.stdout:
        sys.exit("the fault breaks the set-up already, so it shows nothing about the invariants")
    return set(re.findall(r"\d+\) invariant_(\w+)\(\)", done.stdout))


def main() -> int:
    """Plant each fault asked for, and say who noticed."""
    chosen = sys.argv[1:] or list(MUTATIONS)
    missed = 0
    for name in chosen:
        with tempfile.TemporaryDirectory() as folder:
            noticed = failing(MUTATIONS[name], Path(folder))
        unnoticed = MUTATIONS[name].noticed_by - noticed
        missed += bool(unnoticed)
        print(f"{'MISSED ' if unnoticed else 'noticed'}  {name}: {', '.join(sorted(noticed)) or 'nobody'}", flush=True)
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main())
