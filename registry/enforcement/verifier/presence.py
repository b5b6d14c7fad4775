"""What a presence file says: that units are in one batch (docs/evidence.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .documents import ADDRESS, CHAIN_ID, TEXT82, Members, Refused, checked_gtin
from .files import MAX_PATH
from .secp256k1 import decoded_signature, recovered_address
from .trees import Row, check_path, check_seal, unit_digest, unit_key

if TYPE_CHECKING:
    from collections.abc import Callable

SIGNATURE = r"[A-Za-z0-9_-]{86}"


class Presence:
    """A presence file: manifest, salt and root of a batch, and any number of its units."""

    def __init__(self, document: Any) -> None:
        fields = Members(document, "presence")
        fields.text("format", "touchstone-presence")
        fields.text("version", "1")
        self.registry_id = fields.word("registryId")
        self.manifest = fields.text("manifest").encode()
        self.salt = fields.word("salt")
        self.root = fields.word("root")
        self.count = fields.count("unitCount")
        self.seal = fields.word("seal")
        anchor = fields.member("anchor")
        self.chain_id = int(anchor.text("chainId", CHAIN_ID))
        self.contract = anchor.text("contract", ADDRESS)
        self.manufacturer = anchor.count("manufacturer")
        self.units = [PresentUnit(one, self) for one in fields.members("units")]
        anchor.done()
        fields.done()
        if not self.units or len({(unit.gtin, unit.serial) for unit in self.units}) != len(self.units):
            raise Refused("presence.units is empty, or has a unit twice")
        self.about = f"presence of {len(self.units)} units in batch 0x{self.seal.hex()}"

    def steps(self) -> list[tuple[str, Callable[[], str]]]:
        """Return what is repeated, in this order."""
        return [("seal", self._seal), ("paths", self._paths), ("signatures", self._signatures)]

    def _seal(self) -> str:
        products = check_seal(
            self.seal,
            registry_id=self.registry_id,
            salt=self.salt,
            root=self.root,
            count=self.count,
            manifest=self.manifest,
        )
        for unit in self.units:
            if (unit.gtin, unit.lot) not in products:
                raise Refused(f"the manifest does not name the product and lot of serial {unit.serial}")
        return f"seal 0x{self.seal.hex()}"

    def _paths(self) -> str:
        for unit in self.units:
            try:
                check_path(unit.row, unit.path, self.root, self.count)
            except Refused as error:
                raise Refused(f"serial {unit.serial}: {error}") from error
        return f"{len(self.units)} units lead to the root"

    def _signatures(self) -> str:
        signed = [unit for unit in self.units if unit.signature]
        for unit in signed:
            signer = recovered_address(unit.row.digest, decoded_signature(unit.signature))
            if signer != unit.signer:
                raise Refused(f"serial {unit.serial}: the signature recovers to {signer}, expected {unit.signer}")
        return f"{len(signed)} labels were read, and are signed as they say"


class PresentUnit:
    """One unit of a presence file."""

    def __init__(self, fields: Members, file: Presence) -> None:
        self.gtin, self.lot, self.serial = checked_gtin(fields), fields.text("lot", TEXT82), fields.text("serial", TEXT82)
        attributes = fields.word("attributesHash")
        key = unit_key(file.salt, self.gtin, self.serial)
        digest = unit_digest(file.registry_id, self.gtin, self.lot, self.serial)
        self.row = Row(fields.count("index"), key, digest, attributes)
        self.path = fields.words("path")
        self.signature = fields.text_or_nothing("signature", SIGNATURE)
        self.signer = fields.text_or_nothing("signer", ADDRESS)
        fields.done()
        if len(self.path) > MAX_PATH or bool(self.signature) != bool(self.signer):
            raise Refused(f"{fields.where} has a path that is too long, or a signature without its signer")
