"""Hand-made verdicts, one for every headline and more, as the verifier would give them for the demo's brands."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from PIL import Image, ImageDraw

from registry.checking.trust import Deployment, Reason, Seen, Withdrawal
from registry.checking.typed import Choice
from registry.checking.verdicts import (
    AnchorView,
    BatchView,
    Binding,
    Check,
    Code,
    History,
    HistoryView,
    ManufacturerView,
    Outcome,
    ProofView,
    Registration,
    Step,
    UnitView,
    Verdict,
)
from registry.proofs import pictures
from registry.proofs.manifest import Product
from registry.proofs.profile import Profile
from registry.units.links import parse
from registry.units.records import UnitId
from webapp.presenter.words import Headline
from webapp.readers import Readers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.proofs.pictures import Picture

NOW: Final = 1_785_391_331
"""2026-07-30 06:02:11 UTC."""
GTIN: Final = "09521002000016"
SERIAL: Final = "7K3M9QX2PTRDH5WB"
HOST: Final = "verify.example.org"
LINK: Final = f"https://{HOST}/01/{GTIN}/10/B2608/21/{SERIAL}?sig={'A' * 85}Q"
PAST: Final = HistoryView(3, 20_610, "CN-33", ticket="dGlja2V0")
"""Three checks, the first on 2026-06-06."""


def _drawn() -> bytes:
    """Draw a bottle, as a manufacturer's photographer would not."""
    paper = Image.new("RGB", (400, 300), "#f4efe6")
    pen = ImageDraw.Draw(paper)
    pen.rounded_rectangle((150, 110, 250, 285), 18, fill="#5b7f6b")
    pen.rectangle((182, 60, 218, 120), fill="#5b7f6b")
    pen.rectangle((178, 30, 222, 66), fill="#9c3b2e")
    pen.rectangle((158, 160, 242, 245), fill="#fbf7ee")
    pen.line((200, 170, 200, 235), fill="#9c3b2e", width=6)
    file = BytesIO()
    paper.save(file, "PNG")
    return file.getvalue()


PICTURE: Final = pictures.read(_drawn())
PRODUCT: Final = Product(
    gtin=GTIN,
    lot="B2608",
    carrier="signed",
    names={"en": "Bamboo Spring Reserve, 500 ml", "zh-Hans": "竹泉·珍藏 浓香型白酒 500毫升"},
    model="BS-52-500",
    produced="2026-08-14",
    markets=("CN", "SG"),
    pictures=("0" * 64, PICTURE.digest),
    trademarks=("45120983",),
    serialised_since="2026-08-01",
)
"""Of its two pictures, a site may have the second."""
PROFILE: Final = Profile(
    legal_name={"en": "Bamboo Spring Distillery Co., Ltd.", "zh-Hans": "竹泉酒业股份有限公司"},
    brand={"en": "Bamboo Spring", "zh-Hans": "竹泉"},
    domain="bamboo-spring.example",
    trademarks=("45120983", "45120984"),
    gtins=("9521002",),
    country="CN",
    contact="care@bamboo-spring.example",
)
ADDRESS: Final = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
DEPLOYMENT: Final = Deployment(31337, ADDRESS, 1, b"\x07" * 32)
SEEN: Final = Seen(block=1204, block_time=NOW - 12, age_seconds=2.0, stale=False)
ALL_STEPS: Final = tuple(Check(step, Outcome.PASSED) for step in Step if step <= Step.WITHDRAWAL)
REST: Final = (Check(Step.HISTORY, Outcome.NOT_ASKED), Check(Step.BINDING, Outcome.NOT_ASKED))

REGISTERED: Final = Verdict(
    registration=Registration.REGISTERED,
    checks=(*ALL_STEPS, *REST),
    checked_at=NOW,
    presented=LINK,
    link=parse(LINK),
    unit=UnitView(GTIN, SERIAL, "B2608", PRODUCT),
    manufacturer=ManufacturerView(2, PROFILE, NOW - 90 * 86400, 0),
    batch=BatchView(b"\xab" * 32, b"\xcd" * 32, 1000, b"\xef" * 32, 1),
    anchor=AnchorView(DEPLOYMENT, ADDRESS, NOW - 20 * 86400, 1130, "0x" + "1a" * 32),
    proof=ProofView(7, b"\x01" * 32, b"\x02" * 32, b"\x00" * 32, b"\x03" * 32, (b"\x04" * 32,), b"\x05" * 64, ADDRESS,
                    b"\x06" * 32, b"{}"),
    seen=SEEN,
)  # fmt: skip


def found(
    registration: Registration,
    code: Code | None = None,
    *,
    step: Step = Step.LINK,
    outcome: Outcome = Outcome.FAILED,
    **more: Any,
) -> Verdict:
    """Return a verdict in which one step ended so."""
    checks = tuple(Check(step, outcome, code) if check.step is step else check for check in REGISTERED.checks)
    return replace(REGISTERED, registration=registration, checks=checks, **more)


def bare(registration: Registration, code: Code, *, step: Step, outcome: Outcome = Outcome.FAILED, **more: Any) -> Verdict:
    """Return a verdict that proved nothing: the unit is only what was read."""
    checks = tuple(Check(one, outcome, code) if one is step else Check(one, Outcome.NOT_ASKED) for one in Step)
    known = {"unit": UnitView(GTIN, SERIAL, "B2608"), "link": parse(LINK)}
    return Verdict(registration, checks, NOW, LINK, seen=SEEN, **{**known, **more})


def withdrawn(reason: Reason, code: Code, *, whole_batch: bool = False) -> Verdict:
    """Return a verdict on a withdrawn unit."""
    withdrawal = Withdrawal(reason, ADDRESS, NOW - 3 * 86400, whole_batch, key_compromised=False)
    return found(Registration.WITHDRAWN, code, step=Step.WITHDRAWAL, withdrawal=withdrawal)


FOREIGN: Final = parse(LINK.replace(HOST, "verify-example.shop"))
STALE: Final = Seen(1204, NOW - 400, 385.0, stale=True)

BY_NAME: Final[Mapping[str, Verdict]] = {
    "registered": REGISTERED,
    "registered_stale": replace(REGISTERED, seen=STALE, extra_reasons=(Code.CHAIN_STALE,)),
    "registered_endorsed": found(Registration.REGISTERED, Code.ENDORSED, step=Step.KEY, outcome=Outcome.NOTED),
    "registered_first_check": replace(
        REGISTERED, history=History.FIRST_CHECK, past=replace(PAST, checks_before=0, first_day=None)
    ),
    "registered_checked_before": replace(REGISTERED, history=History.PLAUSIBLE_REPEAT, past=PAST),
    "unusual_history": replace(REGISTERED, history=History.UNUSUAL, past=replace(PAST, checks_before=1_204, first_region="")),
    "confirmed_copy": replace(REGISTERED, history=History.CONFIRMED_COPY),
    "not_registered": bare(Registration.NOT_REGISTERED, Code.NO_RECORD, step=Step.RECORD),
    "altered_signature": bare(Registration.ALTERED, Code.SIGNATURE_MALFORMED, step=Step.SIGNATURE),
    "altered": bare(Registration.ALTERED, Code.SIGNER_UNKNOWN, step=Step.SIGNATURE),
    "altered_gtin": bare(Registration.ALTERED, Code.GTIN_NOT_CLAIMED, step=Step.GTIN),
    "withdrawn": withdrawn(Reason.RECALLED, Code.RECALLED),
    "withdrawn_stolen": withdrawn(Reason.STOLEN, Code.STOLEN),
    "withdrawn_destroyed": withdrawn(Reason.DESTROYED, Code.DESTROYED),
    "withdrawn_void": withdrawn(Reason.VOID, Code.VOID, whole_batch=True),
    "withdrawn_copied": withdrawn(Reason.COPIED, Code.COPIED),
    "opened": replace(REGISTERED, history=History.OPENED, past=replace(PAST, opened_day=PAST.first_day)),
    "secret_used": replace(REGISTERED, binding=Binding.SECRET_USED),
    "secret_wrong": replace(REGISTERED, binding=Binding.SECRET_WRONG),
    "chip_replay": replace(REGISTERED, binding=Binding.CHIP_REPLAY),
    "chip_wrong": replace(REGISTERED, binding=Binding.CHIP_WRONG),
    "verified": replace(REGISTERED, binding=Binding.SECRET_OK, history=History.FIRST_CHECK),
    "verified_chip": replace(REGISTERED, binding=Binding.CHIP_OK),
    "examined": replace(REGISTERED, binding=Binding.EXAMINED),
    "not_yet_released": bare(Registration.SIGNED_NOT_ANCHORED, Code.NO_RECORD, step=Step.RECORD),
    "not_anchored": bare(Registration.SIGNED_NOT_ANCHORED, Code.NOT_ANCHORED, step=Step.ANCHOR),
    "awaiting_finality": found(Registration.AWAITING_FINALITY, Code.NOT_FINAL, step=Step.ANCHOR, outcome=Outcome.UNKNOWN),
    "under_review": found(Registration.ISSUER_SUSPENDED, Code.SUSPENDED, step=Step.KEY),
    "key_under_review": found(
        Registration.KEY_UNDER_REVIEW, Code.KEY_COMPROMISED, step=Step.KEY, unit=UnitView(GTIN, SERIAL, "B2608")
    ),
    "withdrawal_under_review": found(
        Registration.KEY_UNDER_REVIEW, Code.WITHDRAWAL_UNDER_REVIEW, step=Step.WITHDRAWAL, outcome=Outcome.UNKNOWN
    ),
    "cannot_check": bare(Registration.CANNOT_CHECK, Code.CHAIN_UNAVAILABLE, step=Step.ANCHOR, outcome=Outcome.UNKNOWN),
    "number_known": found(
        Registration.NUMBER_KNOWN, Code.TYPED, step=Step.LINK, outcome=Outcome.NOTED, proof=None, link=None, presented="7k3m"
    ),
    "number_known_repaired": replace(
        found(Registration.NUMBER_KNOWN, Code.TYPED, step=Step.LINK, outcome=Outcome.NOTED, proof=None, link=None),
        extra_reasons=(Code.REPAIRED_READING,),
    ),
    "number_known_unsigned": found(
        Registration.NUMBER_KNOWN, Code.SIGNATURE_ABSENT, step=Step.SIGNATURE, outcome=Outcome.NOT_ASKED, proof=None
    ),
    "number_known_other_lot": found(Registration.NUMBER_KNOWN, Code.LOT_DIFFERS, step=Step.RECORD, proof=None),
    "foreign_host": found(Registration.FOREIGN_HOST, Code.HOST_NOT_OFFICIAL, step=Step.LINK, link=FOREIGN),
    "withdrawn_foreign_host": replace(
        withdrawn(Reason.RECALLED, Code.RECALLED), link=FOREIGN, extra_reasons=(Code.HOST_NOT_OFFICIAL,)
    ),
    "unreadable": Verdict(
        Registration.UNREADABLE,
        (
            Check(Step.LINK, Outcome.FAILED, Code.NOT_A_LINK, "found no http or https at the start"),
            *(Check(step, Outcome.NOT_ASKED) for step in Step if step > Step.LINK),
        ),
        NOW,
        "6901234567892",
    ),
}
"""Each under a name that starts with, or is explained by, its headline."""

CHOICE: Final = Choice("7K3M 9QX2", (UnitId(GTIN, "7K3M9QX2"), UnitId("09521002000023", "7K3M9QX2")))


class Album:
    """Has the sample's picture, and no other."""

    def has(self, digest: str) -> bool:
        """Say whether it is that picture."""
        return digest == PICTURE.digest

    def read(self, digest: str) -> Picture | None:
        """Return it, if it is that picture."""
        return PICTURE if self.has(digest) else None


class Answers:
    """Checks that answer from a table; what is not in it is `unreadable`. Remembers what it was asked."""

    def __init__(self, table: Mapping[str, Verdict | Choice] | None = None) -> None:
        self.table = dict(table or {})
        self.asked: list[str] = []

    def link(self, raw: str) -> Verdict:
        """Answer for a link."""
        self.asked.append(raw)
        answer = self.table.get(raw, BY_NAME["unreadable"])
        assert isinstance(answer, Verdict)
        return answer

    def typed(self, text: str, gtin: str | None) -> Verdict | Choice:
        """Answer for what was typed."""
        self.asked.append(f"{gtin}|{text}" if gtin else text)
        return self.table.get(text, BY_NAME["unreadable"])

    def number(self, unit: UnitId) -> Verdict:
        """Answer for a number."""
        self.asked.append(f"{unit.gtin}/{unit.serial}")
        answer = self.table.get(unit.serial, BY_NAME["number_known"])
        return answer if isinstance(answer, Verdict) else BY_NAME["number_known"]


LISTS: Final = TemporaryDirectory(prefix="lists-")
"""Where sites of tests keep lists that they check: gone with the process."""


def nothing(_: bytes) -> tuple[str, ...]:
    """Read no code in any photo."""
    return ()


def readers(table: Mapping[str, Verdict | Choice] | None = None, **more: Any) -> Readers:
    """Return readers that answer from a table."""
    return Readers(**{"checks": Answers(table), "decode": nothing, "probes": {}, "lists": Path(LISTS.name), **more})


assert {Headline(name) for name in BY_NAME if name in set(Headline)} == set(Headline) - {Headline.OTHER_MARKET}
