"""A probe's questions: is the process up (`/healthz`), and can it answer (`/readyz`)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from flask import Blueprint, jsonify

from registry.errors import TouchstoneError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Response

_log = logging.getLogger(__name__)


def blueprint(probes: Mapping[str, Callable[[], object]]) -> Blueprint:
    """Return the probes' answers; each probe raises a `TouchstoneError` if what it asks is not ready."""
    health = Blueprint("health", __name__)

    @health.get("/healthz")
    def healthz() -> Response:
        return jsonify(status="ok")

    @health.get("/readyz")
    def readyz() -> Response:
        # Which error it is stays in the log: endpoints and paths are no business of who asks.
        found = {name: _ask(name, probe) for name, probe in probes.items()}
        ready = set(found.values()) <= {"ok"}
        answer = jsonify(status="ready" if ready else "not ready", checks=found)
        answer.status_code = 200 if ready else 503
        return answer

    return health


def _ask(name: str, probe: Callable[[], object]) -> str:
    try:
        probe()
    except TouchstoneError as error:
        _log.warning("%s is not ready: %s", name, error)
        return type(error).__name__
    return "ok"
