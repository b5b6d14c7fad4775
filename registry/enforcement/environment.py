"""What an evidence bundle says of the program and the machine that made it, as far as they know it themselves.

What nobody looked at is said to be so: a program cannot vouch for the machine that it runs on.
"""

from __future__ import annotations

import ctypes
import platform
import struct
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

FORMAT: Final = "touchstone-environment"
NOT_SYNCHRONISED: Final = 0x40
"""STA_UNSYNC of adjtimex(2)."""
NOT_LOOKED_AT: Final = (
    "the devices with which codes were read and photos were taken", "the network between them and this server",
    "malware on this server", "who else has access to this server",
)  # fmt: skip


def describe(now: int, blocks: list[dict[str, str]]) -> dict[str, Any]:
    """Return the environment as JSON values; `now` in Unix seconds, `blocks` the newest final block of each deployment."""
    return {
        "format": FORMAT,
        "version": "1",
        "software": {"name": "touchstone-registry", "version": _version(), "python": sys.version.split()[0]},
        "system": {"name": platform.system(), "release": platform.release(), "machine": platform.machine()},
        "clock": {
            "source": "the system's clock of the server",
            "time": datetime.fromtimestamp(now, tz=UTC).isoformat().replace("+00:00", "Z"),
            **_clock(),
            "finalBlocks": blocks,
        },
        "cleanEnvironment": {
            "program": "its own installation, from packages pinned by their hashes",
            "notLookedAt": list(NOT_LOOKED_AT),
        },
    }


def _version() -> str:
    try:
        return version("touchstone-registry")
    except PackageNotFoundError:
        return "run from its source"


def _clock() -> dict[str, Any]:
    """Return what the kernel says of its clock (Linux, adjtimex(2)): synchronised or not, and by how much it may be off."""
    unknown: dict[str, Any] = {"synchronised": "unknown", "mayBeOffByMicroseconds": None}
    if not sys.platform.startswith("linux"):
        return unknown
    told = ctypes.create_string_buffer(512)
    try:
        state = ctypes.CDLL(None).adjtimex(told)
    except (OSError, AttributeError):
        return unknown
    if state < 0:
        return unknown
    _, _, _, most, _, status = struct.unpack_from("@Illlli", told.raw)
    return {"synchronised": "no" if status & NOT_SYNCHRONISED else "yes", "mayBeOffByMicroseconds": most}
