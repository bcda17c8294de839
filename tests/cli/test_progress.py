"""What `run` shows to a person at a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

from tests.cli.running import COUNTING, written

ROOT = Path(__file__).parents[2]


def test_progress_is_shown_on_a_terminal_and_only_there(tmp_path: Path) -> None:
    """The newest events move on stderr while it runs, and are gone at the end; stdout has the result alone."""
    definition = {**COUNTING, "workflow": [{"wait": {"for": 600}}, *COUNTING["workflow"]]}
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "clew", "run", written(tmp_path, definition)]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    running = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    seen = b""
    try:
        while chunk := os.read(ours, 4096):
            seen += chunk
    except OSError:  # what Linux says when the other end of a terminal is closed
        assert seen
    finally:
        os.close(ours)
    out, _ = running.communicate(timeout=30)
    assert (running.returncode, out) == (0, b"3\n")
    assert b"Suspended" in seen
    assert b"\x1b[2K" in seen
    assert b"completed after" in seen
