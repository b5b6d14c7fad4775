"""Who is accredited, where labels lead, and how many batches were anchored: the chain's directory, for everybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, g, jsonify, make_response, render_template

from registry.errors import DocumentError, StoreError
from registry.proofs import profile
from webapp.facts import country, in_language, instant, moment
from webapp.languages import current
from webapp.pages import RETRY_AFTER
from webapp.presenter import results as words
from webapp.presenter.refusals import message
from webapp.written import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from registry.enforcement.directory import Directory, Entry
    from registry.proofs.profile import Profile
    from webapp.accredited import Accredited


def blueprint(accredited: Accredited, profile_of: Callable[[bytes], bytes | None]) -> Blueprint:
    """Return the page of manufacturers, and the same for machines. `profile_of` gives the body of a profile's hash, or none."""
    views = Views(accredited, profile_of)
    pages = Blueprint("manufacturers", __name__)
    pages.add_url_rule("/manufacturers", "index", views.index)
    pages.add_url_rule("/manufacturers.json", "as_json", views.as_json)
    return pages


@dataclass(frozen=True, slots=True)
class Views:
    """The page and the file, over what they ask."""

    accredited: Accredited
    profile_of: Callable[[bytes], bytes | None]

    def index(self) -> Response:
        """Show everybody who is accredited, or was."""
        told = self.accredited.now()
        g.headline = "manufacturers"
        if told.directory is None:
            return _unknown(make_response(render_template("message.html", message=message(503))))
        found = told.directory
        return make_response(
            render_template(
                "manufacturers.html",
                silent=told.is_silent,
                entries=[self._entry(one) for one in found.entries],
                domains=found.domains,
                batches=sum(count for _, count in found.batches),
                months=words.rows((words.months(month, month), count) for month, count in found.batches[-words.MONTHS :]),
                width=words.WIDTH,
                as_of=[(chain, contract, block.number, instant(block.time)) for chain, contract, block in found.as_of],
            )
        )

    def as_json(self) -> Response:
        """Return the directory."""
        told = self.accredited.now()
        if told.directory is None:
            return _unknown(jsonify(error="chain_unavailable"))
        return jsonify(silent=told.is_silent, **_plain(told.directory, self._profile))

    def _entry(self, entry: Entry) -> dict[str, Any]:
        """Return a manufacturer for the page; what its profile says was written by itself."""
        known = self._profile(entry.profile)
        return {
            "number": entry.number,
            "brand": _said(known.brand if known else {}),
            "name": _said(known.legal_name if known else {}),
            "country": country(known.country) if known else "",
            "domain": shown(known.domain) if known else "",
            "since": moment(entry.accredited_at),
            "suspended": moment(entry.suspended_at) if entry.suspended_at else None,
            "batches": entry.batch_count,
        }

    def _profile(self, digest: bytes) -> Profile | None:
        """Return a profile; none if nobody here has its body, which changes nothing of what the chain says."""
        try:
            raw = self.profile_of(digest)
            return profile.read(raw) if raw is not None and profile.profile_hash(raw) == digest else None
        except (StoreError, DocumentError):
            return None


def _said(texts: Mapping[str, str]) -> tuple[str, str | None]:
    """Return a text in the reader's language, and its language where that is another one."""
    found = in_language(texts, current())
    return (shown(found.value), found.lang) if found else ("", None)


def _plain(found: Directory, profile_of: Callable[[bytes], Profile | None]) -> dict[str, Any]:
    return {
        "asOf": [
            {"chainId": chain, "contract": contract, "block": block.number, "blockHash": f"0x{block.hash.hex()}",
             "time": instant(block.time).iso}
            for chain, contract, block in found.as_of
        ],
        "domains": list(found.domains),
        "manufacturers": [
            {
                "number": one.number,
                "accreditedAt": moment(one.accredited_at).iso,
                "suspendedAt": moment(one.suspended_at).iso or None,
                "profileHash": f"0x{one.profile.hex()}",
                "profile": _profile_plain(profile_of(one.profile)),
                "batches": {str(month): count for month, count in one.batches},
            }
            for one in found.entries
        ],
    }  # fmt: skip


def _profile_plain(known: Profile | None) -> dict[str, Any] | None:
    if known is None:
        return None
    return {
        "legalName": dict(known.legal_name), "brand": dict(known.brand), "domain": known.domain, "country": known.country,
        "gtins": list(known.gtins),
    }  # fmt: skip


def _unknown(answer: Response) -> Response:
    answer.status_code = 503
    answer.headers["Retry-After"] = str(RETRY_AFTER)
    return answer
