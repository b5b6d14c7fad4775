"""The site's doors for programs, as OpenAPI 3.1 describes them. Codes come from the code itself, so that none is forgotten."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from registry.checking.trust import Reason
from registry.checking.verdicts import Binding, Code, History, Outcome, Registration, Step
from registry.enforcement import cases
from registry.enforcement.results import FEWEST, MONTH, ProductGroup
from registry.publishing.inbox import MAX_PART
from registry.publishing.offer import MAX_BYTES
from registry.publishing.refusals import Refusal
from registry.publishing.status import State
from webapp.limits import MAX_TEXT
from webapp.presenter.words import Headline

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

JSON: Final = "application/json"
HEX32: Final = {"type": "string", "pattern": "^0x[0-9a-f]{64}$"}
TIME: Final = {"type": "string", "format": "date-time"}
COUNT: Final = {"type": "integer", "minimum": 0}
TEXT: Final = {"type": "string"}
YES_OR_NO: Final = {"type": "boolean"}


def one_of(codes: Iterable[str]) -> dict[str, Any]:
    """Return the schema of a code."""
    return {"type": "string", "enum": [str(code) for code in codes]}


def listed(of: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a list."""
    return {"type": "array", "items": dict(of)}


def maybe(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of what may be null."""
    return {"anyOf": [dict(schema), {"type": "null"}]}


def record(optional: Iterable[str] = (), /, **members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of an object with these members and no other; all have to be there but the optional ones."""
    left_out = set(optional)
    return {
        "type": "object",
        "properties": {name: dict(schema) for name, schema in members.items()},
        "required": [name for name in members if name not in left_out],
        "additionalProperties": False,
    }


def _verdict() -> dict[str, Any]:
    product = {"type": "object", "description": "What the anchored manifest says of the product."}
    return record(
        headline=one_of(Headline),
        registration=one_of(Registration),
        reasons=listed(one_of(Code)),
        history=one_of(History),
        past=maybe(
            record(
                checks_before=COUNT, first_day=maybe({"type": "string", "format": "date"}), first_region=maybe(TEXT),
                opened_day=maybe({"type": "string", "format": "date"}),
            )
        ),
        binding=one_of(Binding),
        presented=TEXT,
        unit=maybe(record(gtin=TEXT, serial=TEXT, lot=maybe(TEXT), product=maybe(product))),
        manufacturer=maybe(
            record(number=COUNT, profile={"type": "object"}, accredited_at=maybe(TIME), suspended_at=maybe(TIME))
        ),
        batch=maybe(record(seal=HEX32, root=HEX32, unit_count=COUNT, manifest_hash=HEX32, attestations=COUNT)),
        anchor=maybe(record(
                chain_id=COUNT, contract=TEXT, key=TEXT, time=maybe(TIME), block=COUNT, transaction=maybe(TEXT))),
        withdrawal=maybe(
            record(
                reason=one_of(one.name.lower() for one in Reason), key=TEXT, time=maybe(TIME), whole_batch=YES_OR_NO,
                under_review=YES_OR_NO,
            )
        ),
        checks=listed(
            record(
                step={"type": "integer", "enum": [int(one) for one in Step]}, name=one_of(one.name.lower() for one in Step),
                outcome=one_of(Outcome), code=maybe(one_of(Code)), detail=TEXT,
            )
        ),
        proof=maybe(
            record(
                index=COUNT, unit_key=HEX32, digest=HEX32, attributes_hash=HEX32, leaf=HEX32, path=listed(HEX32),
                signature=TEXT, signer=TEXT, salt=HEX32, manifest=TEXT,
            )
        ),
        seen=maybe(record(block=COUNT, block_time=maybe(TIME), age_seconds={"type": "number"}, stale=YES_OR_NO)),
        checked_at=maybe(TIME),
    )  # fmt: skip


def _report() -> dict[str, Any]:
    month = {"type": "string", "pattern": f"^{MONTH.pattern}$"}
    return record(
        format={"const": "touchstone-results"},
        version={"const": "1"},
        registryId=HEX32,
        months=record(first=month, last=month),
        revision={"type": "integer", "minimum": 1},
        replaces=maybe({"type": "string", "pattern": "^[0-9a-f]{64}$"}),
        reason=maybe(TEXT),
        publishedAt=TIME,
        fewestCases={"const": FEWEST},
        lines=listed(
            record(
                region=maybe(TEXT), productGroup=maybe(one_of(ProductGroup)), outcome=maybe(one_of(cases.Outcome)),
                cases={"type": "integer", "minimum": FEWEST},
            )
        ),
    )  # fmt: skip


def _schemas() -> dict[str, Any]:
    month_counts = {"type": "object", "additionalProperties": COUNT}
    return {
        "Verdict": _verdict(),
        "Refusal": record(
            error=record(("hint", "gtins", "status"), code=TEXT, message=TEXT, hint=TEXT, gtins=listed(TEXT), status=TEXT)
        ),
        "PublishingRefusal": record(
            error=record(
                ("hint",), code=one_of([*Refusal, "chain_unavailable", "store_unavailable", *_GENERAL]), message=TEXT, hint=TEXT
            )
        ),
        "Status": record(
            ("reason",), state=one_of(State), parcel=TEXT, offset=COUNT, size=COUNT, partSize=COUNT, unitsChecked=COUNT,
            profilesWanted=listed(HEX32), reason=record(code=TEXT, message=TEXT, hint=TEXT),
        ),
        "Accepted": record(accepted={"const": True}),
        "Report": _report(),
        "Reports": record(fewestCases={"const": FEWEST}, reports=listed(record(sha256=TEXT, url=TEXT, report=_report()))),
        "Directory": record(
            silent=YES_OR_NO,
            asOf=listed(record(chainId=COUNT, contract=TEXT, block=COUNT, blockHash=HEX32, time=TIME)),
            domains=listed(TEXT),
            manufacturers=listed(
                record(
                    number=COUNT, accreditedAt=TEXT, suspendedAt=maybe(TIME), profileHash=HEX32,
                    profile=maybe({"type": "object"}), batches=month_counts,
                )
            ),
        ),
        "Health": record(("checks",), status=TEXT, checks={"type": "object", "additionalProperties": TEXT}),
    }  # fmt: skip


_GENERAL: Final = (
    "bad_request", "not_found", "method_not_allowed", "request_entity_too_large", "request_uri_too_long",
    "too_many_requests", "internal_error", "internal_server_error", "length_required",
)  # fmt: skip
"""Codes that any door may refuse with."""


def _answer(schema: str, says: str, mimetype: str = JSON) -> dict[str, Any]:
    return {"description": says, "content": {mimetype: {"schema": _named(schema)}}}


def _named(schema: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{schema}"}


def _answers(done: str, says: str, refusal: str, *statuses: int) -> dict[str, Any]:
    found = {"200": _answer(done, says)}
    return found | {str(status): _answer(refusal, REFUSED[status]) for status in statuses}


REFUSED: Final = {
    400: "What was asked is not well-formed.",
    403: "The manufacturer may not send this.",
    404: "There is no such thing.",
    409: "It does not fit what is there: ask where it is.",
    413: "It is too large.",
    414: "The address is too long.",
    422: "What arrived is not what was sent.",
    429: "Your network asked too much in this minute: `Retry-After` says when to ask again. Nothing was found out.",
    503: "The chain or the store could not be asked: try again later.",
    507: "There is no room for it now.",
}


def _in_path(name: str, pattern: str, says: str) -> dict[str, Any]:
    return {
        "name": name, "in": "path", "required": True, "description": says, "schema": {"type": "string", "pattern": pattern},
    }  # fmt: skip


def _asked(name: str, says: str, *, longest: int = MAX_TEXT) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": says, "schema": {"type": "string", "maxLength": longest}}


def _body(mimetype: str, says: str, most: int) -> dict[str, Any]:
    schema = {"type": "object"} if mimetype == JSON else {"type": "string", "format": "binary", "maxLength": most}
    return {"required": True, "description": says, "content": {mimetype: {"schema": schema}}}


SEAL: Final = _in_path("seal", "^(0x)?[0-9a-f]{64}$", "The batch's seal: 32 bytes in hex.")
PARCEL: Final = _in_path("parcel", "^[0-9a-f]{32}$", "As the answer to the offer names it.")
SENDING: Final = (400, 403, 404, 409, 413, 414, 503, 507)


def _paths(*, has_results: bool, has_directory: bool) -> dict[str, Any]:
    verdicts = {
        "200": _answer("Verdict", "A verdict. `registration` says what can be said of the code."),
        "400": {
            "description": "What was presented is none of our labels (a verdict), or the question is not well-formed.",
            "content": {JSON: {"schema": {"anyOf": [_named("Verdict"), _named("Refusal")]}}},
        },
        "414": _answer("Refusal", REFUSED[414]),
        "429": _answer("Refusal", REFUSED[429]),
        "503": _answer("Verdict", "Nothing could be found out about the product: ask again later."),
    }  # fmt: skip
    sending = _answers("Status", "Where the batch is.", "PublishingRefusal", *SENDING)
    paths: dict[str, Any] = {
        "/api/v1/verify": {
            "get": {
                "operationId": "verify",
                "summary": "Check one label, or one number that somebody typed.",
                "description": "Give either `link`, exactly as it was scanned, or `number`, and with it `gtin` if it is known.",
                "parameters": [
                    _asked("link", "A label's link, percent-encoded."),
                    _asked("number", "What a person typed."),
                    _asked("gtin", "The product of that number."),
                ],
                "responses": verdicts,
            }
        },
        "/api/v1/batches/{seal}": {
            "parameters": [SEAL],
            "post": {
                "operationId": "offer",
                "summary": "Offer a batch whose seal is on the chain.",
                "requestBody": _body(JSON, "The offer (docs/publishing.md).", MAX_BYTES),
                "responses": sending,
            },
        },
        "/api/v1/batches/{seal}/{parcel}": {
            "parameters": [SEAL, PARCEL],
            "get": {"operationId": "status", "summary": "Ask where a batch is.", "responses": sending},
            "patch": {
                "operationId": "append",
                "summary": "Send the next part.",
                "parameters": [
                    {"name": "Upload-Offset", "in": "header", "required": True, "schema": {"type": "integer", "minimum": 0}},
                    {
                        "name": "Upload-Checksum", "in": "header", "required": True,
                        "schema": {"type": "string", "pattern": "^sha256 [0-9a-f]{64}$"},
                    },
                ],
                "requestBody": _body("application/octet-stream", "Bytes of the parcel.", MAX_PART),
                "responses": sending | {"422": _answer("PublishingRefusal", REFUSED[422])},
            },
        },
        "/api/v1/batches/{seal}/pictures/{digest}": {
            "parameters": [SEAL, _in_path("digest", "^[0-9a-f]{64}$", "The picture's SHA-256 in hex.")],
            "put": {
                "operationId": "picture",
                "summary": "Send a picture that the manifest of an admitted batch names.",
                "requestBody": _body("application/octet-stream", "The picture.", MAX_PART),
                "responses": _answers("Accepted", "It is kept.", "PublishingRefusal", *SENDING),
            },
        },
        "/api/v1/profiles/{profile_hash}": {
            "parameters": [
                _in_path("profile_hash", "^(0x)?[0-9a-f]{64}$", "The hash that the chain has."),
                {
                    "name": "manufacturer", "in": "query", "required": True,
                    "schema": {"type": "integer", "minimum": 1, "maximum": 2**32 - 1},
                },
            ],
            "put": {
                "operationId": "profile",
                "summary": "Send the body of a manufacturer's profile.",
                "requestBody": _body(JSON, "The profile, byte for byte.", MAX_PART),
                "responses": _answers("Accepted", "It is kept.", "PublishingRefusal", *SENDING),
            },
        },
        "/healthz": {
            "get": {"operationId": "healthz", "summary": "Is it up?", "responses": {"200": _answer("Health", "Yes.")}}
        },
        "/readyz": {
            "get": {
                "operationId": "readyz",
                "summary": "Can it answer?",
                "responses": {"200": _answer("Health", "Yes."), "503": _answer("Health", "No: `checks` says which.")},
            }
        },
    }  # fmt: skip
    page = {"404": {"description": "There is no such report."}, "503": {"description": "It could not be asked now."}}
    if has_results:
        month = _in_path("month", f"^{MONTH.pattern}$", "The last month of the report.")
        revision = {"name": "revision", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 1}}
        report = {"200": _answer("Report", "The report, byte for byte as its hash is anchored."), **page}
        paths |= {
            "/results.json": {
                "get": {
                    "operationId": "results", "summary": "The newest revision of every published report.",
                    "responses": {"200": _answer("Reports", "All of them."), "503": page["503"]},
                }
            },
            "/results/{month}.json": {
                "parameters": [month],
                "get": {"operationId": "report", "summary": "The newest report of a month.", "responses": report},
            },
            "/results/{month}/{revision}.json": {
                "parameters": [month, revision],
                "get": {"operationId": "revision", "summary": "One revision of a month's report.", "responses": report},
            },
        }  # fmt: skip
    if has_directory:
        silent = {
            "description": "The chain could not be asked, and never was.",
            "content": {JSON: {"schema": {"type": "object"}}},
        }
        paths["/manufacturers.json"] = {
            "get": {
                "operationId": "manufacturers", "summary": "Who is accredited, as the chain says.",
                "responses": {"200": _answer("Directory", "Everybody."), "503": silent},
            }
        }  # fmt: skip
    return paths


@lru_cache(4)
def description(*, has_results: bool, has_directory: bool) -> dict[str, Any]:
    """Return the description of a site's doors."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Touchstone",
            "version": version("touchstone-registry"),
            "description": "What a registry says of a label, and how batches come into it. A verdict is about a code, never "
            "about the product that carries it; `cannot_check` says nothing about it at all.",
        },
        "paths": _paths(has_results=has_results, has_directory=has_directory),
        "components": {"schemas": _schemas()},
    }
