"""The description of the doors for programs holds for every answer, whatever is asked."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode, checks
from schemathesis.openapi import from_wsgi

from registry.publishing.desk import Desk as PublishingDesk
from registry.publishing.inbox import Inbox
from tests.publishing import brand
from tests.publishing.brand import Books
from tests.webapp.desk import open_desk
from tests.webapp.samples import BY_NAME, readers
from tests.webapp.test_manufacturers import Registry
from tests.webapp.test_results import JULY, Results, furnish
from webapp import openapi
from webapp.app import create_app
from webapp.desk.casework import Casework

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask
    from schemathesis import Case
    from schemathesis.specs.openapi.schemas import OpenApiSchema

EXAMPLES = 60
"""Of each operation."""
ELSEWHERE = {"/proof.json", "/api/v1/openapi.json", "/desk/sheets/{name}/{file}"}
"""What other standards or pages of ours describe: the proof file, this description."""
HELD = [
    checks.status_code_conformance, checks.content_type_conformance, checks.response_schema_conformance,
    checks.response_headers_conformance,
]  # fmt: skip


PATHS: dict[str, dict[str, Any]] = openapi.description(has_results=True, has_directory=True)["paths"]
ASKED = [
    (operation["operationId"], mode)
    for path in PATHS.values()
    for name, operation in path.items()
    if name != "parameters"
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or "parameters" in path or "parameters" in operation
]
"""Each operation, asked as it is described and, where it takes anything, as it is not."""


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> OpenApiSchema:
    """A site with every door, over what tests know of verdicts, batches, results and manufacturers."""
    folder: Path = tmp_path_factory.mktemp("doors")
    time = [float(JULY.begins)]
    desk = open_desk(folder, {}, copy=lambda data: data, clock=lambda: time[0])
    furnish(Results(desk, time))
    inbox = folder / "inbox"
    inbox.mkdir()
    registry = Registry()
    asked = replace(
        readers({f"S{number}": verdict for number, verdict in enumerate(BY_NAME.values())}),
        casework=Casework(lambda: desk.cases, bytes),
        desk=PublishingDesk(Inbox(inbox), brand.asking(brand.a_chain()), Books()),
        accredited=registry.accredited,
        profile_of=registry.profile_of,
    )
    return from_wsgi("/api/v1/openapi.json", create_app(asked))


@pytest.mark.parametrize(("name", "mode"), ASKED)
def test_every_answer_is_as_described(described: OpenApiSchema, name: str, mode: GenerationMode) -> None:
    """Also to rubbish: no status, type, header or form that the description does not have, as a fault of ours would."""
    operation = described.find_operation_by_id(name)
    seen: list[int] = []

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Case[Any]) -> None:
        answer = case.call()
        seen.append(answer.status_code)
        case.validate_response(answer, checks=HELD)

    ask()
    assert seen


def test_what_there_is_is_as_described(described: OpenApiSchema) -> None:
    """Every verdict that tests know, reports with a correction, and who is accredited."""
    asked: list[tuple[str, dict[str, Any], int | None]] = [
        ("verify", {"query": {"number": f"S{number}"}}, None) for number in range(len(BY_NAME))
    ]
    asked += [("report", {"path_parameters": {"month": "2026-07"}}, 200), ("results", {}, 200), ("manufacturers", {}, 200)]
    asked += [("revision", {"path_parameters": {"month": "2026-07", "revision": number}}, 200) for number in (1, 2)]
    for name, values, status in asked:
        case = described.find_operation_by_id(name).Case(**values)
        answer = case.call()
        assert status in {None, answer.status_code}
        case.validate_response(answer, checks=HELD)


def test_every_door_for_programs_is_described(described: OpenApiSchema) -> None:
    """Whoever adds one describes it."""
    app: Flask = described.app
    doors = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/") or rule.rule.endswith(".json") or rule.endpoint.startswith("health.")
    }
    told = {(path, method) for path, operations in PATHS.items() for method in operations if method != "parameters"}
    assert told == {door for door in doors if door[0] not in ELSEWHERE}
