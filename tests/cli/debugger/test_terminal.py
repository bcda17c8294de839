"""`clew debug` on a terminal: a real process at the other end of a pseudo-terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from interfaces.cli.debugger.terminal import ENTER, LEAVE
from tests.cli.running import COUNTING, clew, written

ROOT = Path(__file__).parents[3]
SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
DEADLINE_S = 30.0


class Terminal:
    """A terminal that a command runs on: what it has painted, and what is pressed."""

    def __init__(self, *arguments: str, columns: int, rows: int) -> None:
        self._ours, self._theirs = pty.openpty()
        self._resize(columns, rows)
        self.found = termios.tcgetattr(self._theirs)
        environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "clew", *arguments],
            cwd=ROOT,
            env={**environment, "TERM": "xterm-256color"},
            stdin=self._theirs,
            stdout=self._theirs,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.sent = ""

    def _resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns: int, rows: int) -> None:
        """As a person does with the window."""
        self._resize(columns, rows)
        self.process.send_signal(signal.SIGWINCH)

    def press(self, keys: str) -> None:
        """Keys, as they are sent."""
        os.write(self._ours, keys.encode())

    def shows(self, text: str, *, after: int = 0) -> int:
        """Wait until a text is painted; gives how much was sent by then."""
        self._until(lambda: text in SEQUENCE.sub("", self.sent[after:]), f"{text!r} is not painted")
        return len(self.sent)

    def ends(self) -> tuple[int, str]:
        """The exit status, and what was said on stderr. What it painted to its end is read."""
        self._until(lambda: self.process.poll() is not None, "it does not end")
        while self._reads(0.1):
            continue
        assert self.process.stderr is not None
        return self.process.returncode, self.process.stderr.read()

    @property
    def mode(self) -> list[Any]:
        """How the terminal is set."""
        return termios.tcgetattr(self._theirs)

    def close(self) -> None:
        """End what still runs."""
        self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()
        os.close(self._ours)
        os.close(self._theirs)

    def _until(self, so: Callable[[], bool], otherwise: str) -> None:
        deadline = monotonic() + DEADLINE_S
        while not so():
            assert monotonic() < deadline, f"{otherwise}: {self.sent!r}"
            self._reads(0.1)

    def _reads(self, timeout_s: float) -> bool:
        ready, _, _ = select.select([self._ours], [], [], timeout_s)
        if ready:
            self.sent += os.read(self._ours, 65_536).decode(errors="replace")
        return bool(ready)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, int]:
    """A completed execution in a store: the store, its id, its version."""
    home = tmp_path_factory.mktemp("store")
    store = f"sqlite:///{home / 'log.db'}"
    execution = clew("run", "--json", "--store", store, written(home, COUNTING)).json
    return store, execution["executionId"], execution["version"]


@contextmanager
def debugging(run: tuple[str, str, int], *, columns: int = 110, rows: int = 30) -> Iterator[Terminal]:
    """`clew debug` on that execution, once it has painted."""
    store, name, version = run
    terminal = Terminal("debug", name, "--store", store, columns=columns, rows=rows)
    try:
        terminal.shows(f"version {version} of {version}")
        yield terminal
    finally:
        terminal.close()


def test_it_paints_and_gives_the_terminal_back(run: tuple[str, str, int]) -> None:
    """A whole screen of its own; afterwards everything is as it was found."""
    with debugging(run) as terminal:
        assert terminal.sent.startswith(ENTER)
        assert terminal.mode[3] & (termios.ECHO | termios.ICANON) == 0
        seen = terminal.shows("q quit")
        terminal.press("\x1b[D")
        seen = terminal.shows(f"version {run[2] - 1} of {run[2]}", after=seen)
        terminal.press("g")
        seen = terminal.shows(f"version 1 of {run[2]}", after=seen)
        assert "\x1b[2J" not in terminal.sent[len(ENTER) + 20 :]  # nothing flickers: only what changed is written
        terminal.press("q")
        assert terminal.ends() == (0, "")
        assert terminal.sent.endswith(LEAVE)
        assert terminal.mode == terminal.found


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_gives_the_terminal_back(run: tuple[str, str, int], number: signal.Signals, status: int) -> None:
    """And ends it as shells have it."""
    with debugging(run) as terminal:
        terminal.shows("q quit")
        terminal.process.send_signal(number)
        assert terminal.ends() == (status, "")
        assert terminal.sent.endswith(LEAVE)
        assert terminal.mode == terminal.found


def test_a_window_changes_its_size(run: tuple[str, str, int]) -> None:
    """Everything is painted anew, in what room there is."""
    with debugging(run) as terminal:
        seen = terminal.shows("q quit")
        terminal.resize(40, 20)
        terminal.shows("? help  q quit", after=seen)
        rows = re.split(r"\x1b\[\d+;1H", terminal.sent[seen:])[1:]
        assert len(rows) >= 20
        assert max(len(SEQUENCE.sub("", row)) for row in rows) <= 40
        assert "│" not in terminal.sent[seen:]
        terminal.press("q")
        assert terminal.ends()[0] == 0


def test_a_question_is_typed_and_left(run: tuple[str, str, int]) -> None:
    """What is typed is shown; Escape leaves it; the end of input leaves the debugger."""
    with debugging(run) as terminal:
        seen = terminal.shows("q quit")
        terminal.press("v")
        seen = terminal.shows("Version", after=seen)
        terminal.press("2\r")
        seen = terminal.shows(f"version 2 of {run[2]}", after=seen)
        terminal.press("d")
        seen = terminal.shows("Changes since version 1", after=seen)
        terminal.press("\x1b")
        seen = terminal.shows("Nothing was done.", after=seen)
        terminal.press("\x04")
        assert terminal.ends() == (0, "")
        assert terminal.mode == terminal.found


def test_a_terminal_that_can_do_nothing_is_used_by_lines(run: tuple[str, str, int]) -> None:
    """Nothing is painted where TERM says that nothing can be; an unknown execution is told before anything is."""
    store, name, version = run
    ran = clew("debug", name, "--store", store, stdin="1\nq\n")
    assert (ran.code, ran.out.splitlines()[1][: len("1 of 99")]) == (0, f"1 of {version}")
    terminal = Terminal("debug", "ex_none", "--store", store, columns=80, rows=24)
    try:
        assert terminal.ends() == (4, "Error: There is no execution 'ex_none'.\n")
        assert terminal.sent == ""
    finally:
        terminal.close()
