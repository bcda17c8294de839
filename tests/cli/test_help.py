"""The `clew` command as a process: how quick its help is, what it imports, and how it ends."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from interfaces.cli import exits
from interfaces.cli.main import cli
from tests.cli.running import COUNTING, clew, written

ROOT = Path(__file__).parents[2]
HEAVY = (
    "rich",
    "httpx2",
    "starlette",
    "uvicorn",
    "eventsourcing",
    "msgspec",
    "sqlite_utils",
    "minijinja",
    "asyncio",
)
HELP_S = 0.2
COMMANDS = (
    *("serve", "migrate", "run", "validate", "graph", "schema", "nodes"),
    *("publish", "workflows", "versions", "start", "ls", "show", "events", "state"),
    *("diff", "blame", "step", "timeline", "metrics", "probe", "lineage", "fork", "what-if", "debug"),
    *("resume", "signal", "pause", "retry", "cancel", "rollback", "edit", "snapshot", "snapshots", "version"),
)


def process(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `clew` as a process of its own, without CLEW_* settings."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("CLEW_")}
    command = [sys.executable, "-m", "clew", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=False)


def test_help_is_quick() -> None:
    """The best of several tries counts, in time of the processor: what is measured is the command, not what else the
    machine does.
    """
    times = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert process("--help").returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(times) < HELP_S


def test_help_imports_nothing_heavy() -> None:
    """Whatever takes long to import waits for the command that needs it."""
    program = (
        "import sys, json\nfrom interfaces.cli.main import cli\n"
        "try:\n    cli(['--help'])\nexcept SystemExit:\n    print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    loaded = set(json.loads(ran.stderr))
    assert "click" in loaded
    assert loaded.isdisjoint(HEAVY)
    assert not [name for name in loaded if name.split(".")[0] in ("domain", "application", "infrastructure")]


def test_help_names_every_command_and_exit_code() -> None:
    """All commands, in the order in which a person meets them, and all codes."""
    text = clew("--help").out
    assert tuple(cli.commands) == COMMANDS
    assert all(f"\n  {name} " in text for name in COMMANDS)
    codes = sorted(
        {
            exits.OK,
            exits.FAILED,
            exits.USAGE,
            exits.INVALID,
            exits.NOT_FOUND,
            exits.CONFLICT,
            exits.WAITING,
            exits.UNAVAILABLE,
        }
    )
    assert codes == list(range(8))
    assert all(f"\n    {code}  " in text for code in codes)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command: str) -> None:
    """Help of a command says what it does and lists its options."""
    ran = clew(command, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert "Options:" in ran.out


def test_a_wrong_command_is_a_mistake_of_usage() -> None:
    """Code 2, and nothing on stdout."""
    ran = clew("rum")
    assert (ran.code, ran.out) == (2, "")


def test_url_and_store_exclude_each_other() -> None:
    """A command asks one place."""
    ran = clew("ls", "--url", "http://127.0.0.1:9", "--store", "memory:")
    assert ran.code == 2
    assert "exclude each other" in ran.err


def test_no_server_is_told_in_a_line() -> None:
    """Code 7, and what to do."""
    ran = clew("ls", "--url", "http://127.0.0.1:9")
    assert ran.code == 7
    assert "No server answers at http://127.0.0.1:9" in ran.err
    assert "clew serve" in ran.err
    assert len(ran.err.splitlines()) == 1


def test_version_is_that_of_the_package() -> None:
    """`clew version` and `clew --version` agree."""
    from clew import __version__

    assert clew("version").out == f"clew {__version__}\n"
    assert clew("version", "--json").json == {"version": __version__}
    assert clew("--version").out == f"clew {__version__}\n" or __version__ in clew("--version").out


@pytest.mark.parametrize("form", [["--json"], []], ids=["json", "table"])
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_a_reader_that_goes_away_ends_a_command_quietly(tmp_path: Path, form: list[str], unbuffered: str) -> None:
    """`clew … | head` leaves no traceback, and the code that shells give for SIGPIPE."""
    store = f"sqlite:///{tmp_path / 'log.db'}"
    definition = {**COUNTING, "initialState": {"n": 0, "upto": 900}}
    name = clew("run", "--json", "--store", store, written(tmp_path, definition)).json["executionId"]
    command = [sys.executable, "-m", "clew", "events", name, "--store", store, "--limit", "1000", *form]
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.read(1)
        running.stdout.close()
        said = running.stderr.read()
        code = running.wait(timeout=30)
    assert (code, said) == (exits.BROKEN_PIPE, b"")


def test_ctrl_c_ends_a_run_quietly(tmp_path: Path) -> None:
    """Code 130, no traceback; what was parked in the store stays there."""
    store = f"sqlite:///{tmp_path / 'log.db'}"
    definition = {**COUNTING, "workflow": [{"wait": {"for": "1h"}}]}
    command = [sys.executable, "-m", "clew", "run", "--store", store, written(tmp_path, definition)]
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 20
    while "suspended" not in clew("ls", "--store", store).out:
        assert running.poll() is None
        assert time.monotonic() < deadline
    running.send_signal(2)
    out, err = running.communicate(timeout=30)
    assert (running.returncode, out, err) == (exits.INTERRUPTED, "", "")
    assert clew("ls", "--store", store, "--json").json["items"][0]["status"] == "suspended"
