"""The words of evidence bundles: the report on paper, the text that a person reads first, and the desk's page about them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from registry.enforcement import letter_pdf, result_lines
from registry.enforcement.cases import Kind, Outcome
from registry.enforcement.consignments import Group
from registry.enforcement.evidence import Nature, Part
from registry.enforcement.letter_pdf import Document
from registry.units.serials import printed
from webapp.facts import instant
from webapp.languages import LANGUAGES, current, gettext, ngettext, number, speaking
from webapp.presenter import desk_cases, lists
from webapp.presenter.words import mark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from registry.enforcement.cases import Case
    from registry.enforcement.consignments import Line
    from registry.enforcement.snapshot import Snapshot
    from registry.storage.outbox import Task

MOST_LINES: Final = 300
"""Lines on paper: items.csv has them all."""
UNPROVED: Final[Mapping[str, str]] = {
    "not_stored": mark("its tree file is not stored here any more"),
    "not_anchored": mark("its batch is not on the chain"),
    "damaged": mark("what is stored of it here is damaged"),
    "registered_now": mark("it is registered by now: the list was checked earlier"),
    "no_unit": mark("no unit can have this number"),
    "too_many": mark("the bundle would be too large"),
}
FAULTS: Final[Mapping[str, str]] = {
    "away": mark("The chain or the registry's store could not be asked now, so no bundle was made. Try again in a moment"),
    "too_large": mark("What belongs to this case is too large for one bundle. Split the case"),
    "no_registry": mark("This site cannot ask the chain, so it makes no bundles"),
    "changed": mark("Somebody else changed this while you had it open. Look at it as it is now, then try again"),
}


def fault(reason: str) -> str:
    """Return why no bundle was made, and what to do."""
    return gettext(FAULTS.get(reason, FAULTS["away"]))


def papers(case: Case, snapshot: Snapshot, made: datetime, *, office: str, name: Callable[[int], str]) -> Iterator[Part]:
    """Yield report and README in every language."""
    for language in LANGUAGES:
        with speaking(language):
            paper = report(case, snapshot, made, office=office, name=name)
            read_first = readme(case, int(made.timestamp()), office)
        yield Part(f"README.{language.tag}.txt", read_first.encode(), "text/plain", "readme", Nature.ASSERTED)
        yield Part(f"report.{language.tag}.pdf", letter_pdf.write(paper, made), "application/pdf", "report", Nature.INFERRED)


def readme(case: Case, made_at: int, office: str) -> str:
    """Return what a person reads first, as plain text."""
    files = [
        ("report.*.pdf", gettext("the report, for people")),
        ("manifest.json", gettext("every file with its size and SHA-256, and whether it was observed, inferred or asserted")),
        ("case.json", gettext("the case: what people wrote down, and each event with its SHA-256 in the office's journal")),
        ("items.csv, items.jsonl", gettext("every checked line: as it was read, what was found, when, and at which block")),
        ("custody.csv", gettext("where the goods were, and who had them")),
        ("registry_snapshot/", gettext("what the chain says of manufacturers, keys and batches, with blocks and transactions")),
        ("proofs/presence/", gettext("for each batch, what leads from its units to the seal on the chain")),
        ("proofs/absence/", gettext("for each number that was never registered, the place in every batch where it would be")),
        ("media/original/", gettext("photos exactly as they came, with what the camera wrote into them")),
        ("media/copy/", gettext("copies of them to look at, with nothing of that left")),
        ("statements/", gettext("what rights holders were told, and what they answered")),
        ("environment.json", gettext("which program made this, on which system, by which clock")),
        ("anchor/", gettext("where on the chain the hash of manifest.json lies, once it does; a time-stamp, if there is one")),
        ("verify.py", gettext("the program that checks all of it")),
    ]  # fmt: skip
    wide = max(len(path) for path, _ in files) + 2
    lines = [
        gettext("Evidence of case %(case)s", case=case.id),
        gettext("Made on %(time)s by %(office)s", time=instant(made_at).words, office=office),
        "",
        *limits(),
        "",
        gettext("What is in it"),
        *(f"  {path:<{wide}}{what}" for path, what in files),
        "",
        gettext("How to check it"),
        *(f"  {number}. {text}" for number, text in enumerate(checking(), 1)),
    ]
    return "\n".join(lines) + "\n"


def checking() -> list[str]:
    """Return how everything is checked, step by step."""
    return [
        gettext("Take verify.py from the registry's source, not from here, if you do not trust whoever gave you this bundle:"
                " both have to be the same file."),
        gettext("Run, with Python 3.9 or newer and nothing else: python verify.py BUNDLE.zip – it compares every file with its"
                " SHA-256, repeats every proof, and names what does not hold. It needs no network."),
        gettext("Ask the chain, with an endpoint and a contract address that you chose yourself: python verify.py BUNDLE.zip"
                " --rpc ENDPOINT --contract ADDRESS – it says since when the hash of manifest.json is on record, and repeats"
                " proofs by the contract's own functions."),
        gettext("If there is anchor/manifest.tsr: openssl ts -verify -in anchor/manifest.tsr -data manifest.json -CAfile"
                " YOUR_TSA_ROOT.pem – it says whether the time-stamp authority saw this manifest, and when."),
    ]  # fmt: skip


def limits() -> list[str]:
    """Return what a bundle is not."""
    return [
        gettext("A printed code proves a number, never the object: what is as registered may still be a copy, and a number that"
                " was never registered says nothing of who made the goods."),
        gettext("Prepared to help meet what courts ask of electronic evidence (PRC: Online Litigation Rules of the People's"
                " Courts, articles 16 to 19; EU: Regulation 608/2013; US: Federal Rules of Evidence 902(13) and (14))."
                " Whether it is admitted, a court decides."),
        gettext("Observed is what was recorded as it came, or as the chain has it. Inferred is what the registry's program made"
                " of it. Asserted is what a person said. The manifest says which file is which."),
    ]  # fmt: skip


def report(case: Case, snapshot: Snapshot, made: datetime, *, office: str, name: Callable[[int], str]) -> Document:
    """Return the report in the reader's language."""
    lines = [result_lines.from_record(record) for record in case.units]
    parts = [
        letter_pdf.Part(gettext("What this report is"), limits()),
        letter_pdf.Part(gettext("The case (asserted)"), list(_facts(case, office))),
        letter_pdf.Part(gettext("What was checked (inferred)"), list(_counts(lines))),
        letter_pdf.Part(gettext("What is shown by proofs (observed)"), list(_shown(snapshot))),
        letter_pdf.Part(gettext("What was examined, and what was not (asserted)"), list(_examined(case))),
        letter_pdf.Part(gettext("Custody (asserted)"), list(_custody(case, name)) or [gettext("Nothing is written down.")]),
        letter_pdf.Part(gettext("Photos (observed)"), list(_photos(case)) or [gettext("There are none.")]),
        letter_pdf.Part(gettext("Rights holders (asserted)"), list(_told(case)) or [gettext("Nobody was told.")]),
        letter_pdf.Part(
            gettext("Lines that are not simply as registered"), list(_lines(lines)) or [gettext("There are none.")]
        ),
        letter_pdf.Part(gettext("How to check this bundle"), checking()),
    ]
    return Document(
        current().tag,
        gettext("Evidence report on case %(case)s", case=desk_name(case)),
        parts,
        gettext("Case %(case)s, made on %(time)s", case=case.id, time=instant(int(made.timestamp())).words),
    )


def desk_name(case: Case) -> str:
    """Return what an office calls a case."""
    return case.details.reference or case.id


def _facts(case: Case, office: str) -> Iterator[str]:
    yield gettext("Office: %(office)s", office=office)
    yield gettext("Case number here: %(case)s; opened on %(time)s", case=case.id, time=instant(case.opened_at).words)
    found = desk_cases.outcome(case.outcome)
    yield gettext("State: %(state)s", state=desk_cases.state(case.state) + (f" – {found}" if found else ""))
    if case.details.reference:
        yield gettext("File number: %(reference)s", reference=case.details.reference)
    own = desk_cases.label("reference")
    for _, pairs in desk_cases.facts(case.details):
        yield from (f"{label}: {value}" for label, value in pairs if label != own)


def _counts(lines: list[Line]) -> Iterator[str]:
    if not lines:
        yield gettext("No checked lines are in this case.")
        return
    times = [line.checked_at for line in lines if line.checked_at]
    yield ngettext("%(count)s line was checked.", "%(count)s lines were checked.", len(lines)) % {"count": number(len(lines))}
    if times:
        yield gettext(
            "Between %(first)s and %(last)s; newest block asked: %(block)s", first=instant(min(times)).words,
            last=instant(max(times)).words, block=number(max(line.block for line in lines)),
        )  # fmt: skip
    counts = Counter(line.group for line in lines)
    for group in Group:
        if counts[group]:
            yield f"{number(counts[group])} · {gettext(lists.GROUPS[group][2])}"


def _shown(snapshot: Snapshot) -> Iterator[str]:
    yield ngettext(
        "%(count)s unit is shown to be in a batch whose seal is on the chain.",
        "%(count)s units are shown to be in batches whose seals are on the chain.", snapshot.present,
    ) % {"count": number(snapshot.present)}  # fmt: skip
    yield ngettext(
        "%(count)s number is shown to be in no batch of any manufacturer that ever claimed its product number.",
        "%(count)s numbers are shown to be in no batch of any manufacturer that ever claimed their product numbers.",
        snapshot.absent,
    ) % {"count": number(snapshot.absent)}  # fmt: skip
    yield gettext("Batches that a witness attested were replayed whole; of others, that a number was not in them is according"
                  " to the manufacturer's tree.")  # fmt: skip
    for one in snapshot.unproved[:MOST_LINES]:
        yield gettext("Not shown: GTIN %(gtin)s, serial %(serial)s: %(why)s", gtin=one.unit.gtin,
                      serial=printed(one.unit.serial), why=gettext(UNPROVED[one.why]))  # fmt: skip


def _examined(case: Case) -> Iterator[str]:
    counted = case.of(Kind.EXAMINED)
    for event in counted:
        yield f"{instant(event.time).words}: {desk_cases.examined(event.values)}" + (f" ({event.why})" if event.why else "")
    if not counted:
        yield gettext("Nobody wrote down how many units were opened or examined.")
    elif case.details.quantity:
        left = max(case.details.quantity - sum(event.values.get("examined", 0) for event in counted), 0)
        yield gettext("Of %(all)s units, %(left)s were not examined.", all=number(case.details.quantity), left=number(left))
    yield gettext("The registry examined no object: it checked codes. Features that only the manufacturer and inspectors know"
                  " are not in this bundle.")  # fmt: skip


def _custody(case: Case, name: Callable[[int], str]) -> Iterator[str]:
    for event in case.of(Kind.CUSTODY):
        told = f"{instant(event.values['at']).words}: {desk_cases.custody(event.values)}"
        yield f"{told} · {name(event.who)}" + (f" · {event.why}" if event.why else "")


def _photos(case: Case) -> Iterator[str]:
    for photo in case.originals:
        yield f"{photo['name']} · {photo['shows']} · SHA-256 {photo['sha256']}"


def _told(case: Case) -> Iterator[str]:
    for event in case.of(Kind.NOTIFIED, Kind.ACKNOWLEDGED, Kind.ANSWERED):
        what = gettext(desk_cases.EVENTS[event.kind])
        whom = gettext("Manufacturer no. %(number)s", number=event.values["manufacturer"])
        found = event.values.get("conclusion", "")
        conclusion = f" · {desk_cases.outcome(Outcome(found))}" if found in set(Outcome) else ""
        yield f"{instant(event.time).words}: {what} · {whom}{conclusion}"


def _lines(lines: list[Line]) -> Iterator[str]:
    notable = [line for line in lines if line.group is not Group.AS_REGISTERED or line.cause]
    for line in notable[:MOST_LINES]:
        yield f"{number(line.entry.number)} · {lists.SIGNATURE.sub('…', line.entry.text)} · {lists.found_of(line)}"
    if len(notable) > MOST_LINES:
        yield gettext("%(lines)s more lines are in items.csv.", lines=number(len(notable) - MOST_LINES))


def anchored(task: Task | None) -> str:
    """Return what became of a bundle's hash."""
    if task is None or task.result is None:
        return gettext("Waiting for the notary to put its hash on the chain.")
    since = gettext("Its hash is on the chain since %(time)s.", time=instant(task.result["time"]).words)
    if task.result.get("timestamp"):
        return " ".join((since, gettext("A time-stamp authority confirmed it, too.")))
    return since if task.done_at else " ".join((since, gettext("Waiting for a time-stamp.")))
