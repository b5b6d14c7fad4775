"""What a site counts for Prometheus: all workers together, also those that were killed, and nothing that names anybody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from scripts.__main__ import program
from tests.journeys.running_demo import free_ports

ROOT: Final = Path(__file__).parents[2]
WORKER: Final = """
import os, signal, sys, time
from pathlib import Path
from webapp.metrics import Meter
meter = Meter(Path(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    meter.count("check.link", 200, 0.003, "registered")
meter.count("api.verify", 503, 0.3, "cannot_check")
meter.watch({"scans_waiting": lambda: 4})
time.sleep(0.2)
print("ready", flush=True)
if sys.argv[3] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
sys.stdin.read()
"""


def worker(folder: Path, answers: int, end: str) -> subprocess.Popen[bytes]:
    """Start a process that counts, and then waits or is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(folder), str(answers), end],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def printed(folder: Path) -> str:
    """Return what a program of its own prints of a folder."""
    words = [sys.executable, "-m", "scripts", "metrics", "--folder", str(folder)]
    return subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT, timeout=60).stdout


def test_all_workers_are_summed_and_the_killed_ones_still_count(tmp_path: Path) -> None:
    """Answers stay counted; what a worker sees now goes with it."""
    folder = tmp_path / "metrics"
    killed, living = worker(folder, 3, "killed"), worker(folder, 5, "waits")
    killed.communicate(timeout=10)
    text = printed(folder)
    assert 'touchstone_answers_total{endpoint="check.link",headline="registered",status="200"} 8.0' in text
    assert 'touchstone_answers_total{endpoint="api.verify",headline="cannot_check",status="503"} 2.0' in text
    assert 'touchstone_answer_seconds_bucket{endpoint="check.link",le="0.005"} 8.0' in text
    assert 'touchstone_now{what="scans_waiting"} 4.0' in text
    living.communicate(b"", timeout=10)
    assert "scans_waiting" not in printed(folder)
    assert folder.stat().st_mode & 0o007 == 0


def test_it_is_served_on_this_machine(tmp_path: Path) -> None:
    """At one address, until it is told to end."""
    folder, port = tmp_path / "metrics", free_ports()
    living = worker(folder, 1, "waits")
    words = [sys.executable, "-m", "scripts", "metrics", "--folder", str(folder), "--listen", f"127.0.0.1:{port}"]
    serving = subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                    text = answer.read().decode()
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        assert "touchstone_answers_total" in text
    finally:
        serving.send_signal(signal.SIGTERM)
        serving.communicate(timeout=10)
        living.communicate(b"", timeout=10)
    assert serving.returncode == 0


@pytest.mark.parametrize("listen", ["0.0.0.0:9464", "93.184.216.34:9464", "[::]:9464", "127.0.0.1", "127.0.0.1:0", "host:1"])
def test_it_is_never_served_to_the_whole_network(tmp_path: Path, listen: str) -> None:
    """An address of this machine or a private network, and a port, are expected."""
    done = CliRunner().invoke(program, ["metrics", "--folder", str(tmp_path), "--listen", listen])
    assert (done.exit_code, "expected an address" in done.output) == (1, True)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With who makes it."""
    done = CliRunner().invoke(program, ["metrics", "--folder", str(tmp_path / "none")])
    assert (done.exit_code, "the site makes it" in done.output) == (1, True)
