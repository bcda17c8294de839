"""The main job, as `make demo` runs it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEMO = [sys.executable, str(ROOT / "examples" / "demo.py")]


def servers_in(home: Path) -> list[int]:
    """The ids of processes that serve a store in this directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                command = (entry / "cmdline").read_bytes().decode("utf-8", "replace")
            except OSError:  # it has ended meanwhile
                continue
            if f"{home}/log.db" in command and "serve" in command:
                found.append(int(entry.name))
    return found


def test_the_demo_crashes_goes_on_and_ends_well(tmp_path: Path) -> None:
    """It exits with 0, shows the crash, the state and the changes, writes the report, and leaves no process."""
    home = tmp_path / "demo"
    ran = subprocess.run([*DEMO, str(home)], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "✗" not in ran.stdout
    assert re.search(r"\bSIGKILL +the server is gone *\n +\d+ .*\bRecovered\b", ran.stdout)
    assert re.search(r"The state at version \d+, before the crash", ran.stdout)
    assert re.search(r"What changed between version \d+ and version \d+", ran.stdout)
    assert (home / "files" / "licence-report.md").read_text().startswith("# Licence audit\n")
    assert f"The report: {home / 'files' / 'licence-report.md'}\n" in ran.stdout
    assert servers_in(home) == []
    again = subprocess.run([*DEMO, str(home)], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert again.returncode == 2
    assert "Name a new directory" in again.stdout


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupted_demo_leaves_no_server(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """Its server ends with it."""
    home = tmp_path / "demo"
    running = subprocess.Popen([*DEMO, str(home)], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while not servers_in(home):
        assert running.poll() is None
        assert time.monotonic() < deadline
    running.send_signal(number)
    _, err = running.communicate(timeout=30)
    assert (running.returncode, err) == (code, b"")
    assert servers_in(home) == []


def test_a_server_that_can_not_start_ends_the_demo_with_its_reason(tmp_path: Path) -> None:
    """Exit status 1, and the server's own message."""
    home = tmp_path / "demo"
    home.mkdir()
    (home / "log.db").write_text("this is no database, but long enough to look like a file that is one" * 20)
    ran = subprocess.run(
        [*DEMO, str(home)],
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 1
    assert "The demo failed: The server does not start" in ran.stdout
    assert "is not an SQLite database" in ran.stdout
