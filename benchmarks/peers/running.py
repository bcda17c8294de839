"""Running an entrant's script in a process, on a store that is new and gone afterwards."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic_ns
from urllib.parse import urlsplit, urlunsplit

from benchmarks.peers.effects import LEDGER
from benchmarks.peers.entrants import PYTHON, ROOT, Entrant, last_line
from benchmarks.peers.figures import STEPS, Figures, read

POSTGRES = os.environ.get("CLEW_TEST_POSTGRES", "postgresql://root@127.0.0.1:5432/test")
PROCESS_S = 60.0
QUIET = {"LANGSMITH_TRACING": "false", "LANGCHAIN_TRACING_V2": "false", "PYTHONWARNINGS": "ignore"}
"""Nothing of a run is sent anywhere."""


class NotMeasured(Exception):
    """A run that failed; the message is the reason."""


@dataclass(frozen=True)
class Crash:
    """W4: seconds from the start of the next process to the next new step, and how many steps ran again."""

    next_s: float
    again: int
    steps: int


@contextmanager
def new_sqlite() -> Iterator[tuple[str, Path]]:
    """A file, and the directory it is in."""
    with tempfile.TemporaryDirectory() as home:
        yield f"sqlite:///{home}/log.db", Path(home)


@contextmanager
def new_postgres() -> Iterator[tuple[str, Path]]:
    """A database, and a directory for what else there is."""
    name = f"clew_peer_{secrets.token_hex(6)}"
    with tempfile.TemporaryDirectory() as home:
        _database("create", name)
        try:
            yield urlunsplit(urlsplit(POSTGRES)._replace(path=f"/{name}")), Path(home)
        finally:
            _database("drop", name)


def why_no_postgres() -> str | None:
    """The reason when no database can be made there."""
    try:
        with new_postgres():
            return None
    except NotMeasured as reason:
        return str(reason)


def measured(entrant: Entrant, store: str, home: Path) -> Figures:
    """All that it measures itself."""
    return read(_run(entrant, "measure", store, home).stdout)


def killed(entrant: Entrant, store: str, home: Path, steps: int) -> Crash:
    """A run that is killed in the middle of so many steps, and taken up by the next process."""
    _run(entrant, "begin", store, home, steps, ends=-signal.SIGKILL)
    before = {number for number, _ in _ledger(home)}
    begun = monotonic_ns()
    _run(entrant, "resume", store, home, steps)
    lines = _ledger(home)
    if {number for number, _ in lines} != set(range(steps)):
        raise NotMeasured("steps are missing after a crash")
    next_at = next(at for number, at in lines if number not in before)
    return Crash((next_at - begun) / 1e9, len(lines) - steps, steps)


def _run(
    entrant: Entrant, action: str, store: str, home: Path, steps: int = STEPS, *, ends: int = 0
) -> subprocess.CompletedProcess[str]:
    script = [entrant.python, "-m", f"benchmarks.peers.{entrant.module}", action]
    return _finished([*script, "--store", store, "--home", str(home), *_steps(action, steps)], ends)


def _steps(action: str, steps: int) -> list[str]:
    return [] if action == "measure" else ["--steps", str(steps)]


def _database(action: str, name: str) -> None:
    _finished([str(PYTHON), "-m", "benchmarks.peers.database", action, POSTGRES, name])


def _finished(command: list[str], ends: int = 0) -> subprocess.CompletedProcess[str]:
    try:
        ran = subprocess.run(  # noqa: S603 - our own scripts
            command,
            cwd=ROOT,
            env={**os.environ, **QUIET},
            capture_output=True,
            text=True,
            timeout=PROCESS_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NotMeasured(f"it did not end in {PROCESS_S:.0f} s") from error
    except OSError as error:
        raise NotMeasured(str(error)) from error
    if ran.returncode != ends:
        raise NotMeasured(last_line(ran.stderr) or f"it ended with status {ran.returncode}")
    return ran


def _ledger(home: Path) -> list[tuple[int, int]]:
    lines = (home / LEDGER).read_text().splitlines()
    return [(int(number), int(at)) for number, at in (line.split() for line in lines)]
