"""A terminal that is taken over and given back: keys come in one by one, a whole screen goes out at once."""

from __future__ import annotations

import io
import os
import select
import shutil
import signal
import sys
import termios
import tty
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from interfaces.cli.debugger.keys import KeyReader

ENTER: Final = "\x1b[?1049h\x1b[?25l\x1b[2J"
"""The alternate screen, without a cursor, empty (ECMA-48 and xterm's control sequences)."""
LEAVE: Final = "\x1b[0m\x1b[?25h\x1b[?1049l"
BEGIN: Final = "\x1b[?2026h"
"""What follows is to be shown at once; terminals that don't know this ignore it."""
END: Final = "\x1b[?2026l"
ESCAPE_S: Final = 0.05
"""How long after an escape the rest of a key's sequence may come."""


class Terminal:
    """The terminal of stdin and stdout. A context manager: whatever happens, it is left as it was found."""

    def __init__(self) -> None:
        self._in = sys.stdin.fileno()
        self._reader = KeyReader()
        self._rows: list[Text] = []
        self._size = (0, 0)
        self._console = Console(file=io.StringIO(), force_terminal=True, markup=False, highlight=False, emoji=False)

    def __enter__(self) -> Terminal:
        self._found = termios.tcgetattr(self._in)
        self._wakes, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        self._handlers = {
            signal.SIGWINCH: signal.signal(signal.SIGWINCH, self._resized),
            signal.SIGTERM: signal.signal(signal.SIGTERM, _terminated),
        }
        tty.setcbreak(self._in, termios.TCSADRAIN)
        mode = termios.tcgetattr(self._in)
        mode[6][termios.VSUSP] = b"\0"  # a stopped program would leave its screen behind
        termios.tcsetattr(self._in, termios.TCSADRAIN, mode)
        self._write(ENTER)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._write(LEAVE)
        finally:
            termios.tcsetattr(self._in, termios.TCSADRAIN, self._found)
            for number, handler in self._handlers.items():
                signal.signal(number, handler)
            os.close(self._wakes)
            os.close(self._wake)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        found = shutil.get_terminal_size()
        return found.columns, found.lines

    def paint(self, rows: Sequence[Text]) -> None:
        """Show these rows. Only those that are other than before are written, so that nothing flickers."""
        anew = self._size != self.size
        if anew:
            self._size, self._rows = self.size, []
        written = ["\x1b[2J"] if anew else []
        for index, row in enumerate(rows):
            if index >= len(self._rows) or self._rows[index] != row:
                written.append(f"\x1b[{index + 1};1H{self._styled(row)}\x1b[0m\x1b[K")
        self._rows = list(rows)
        if written:
            self._write(BEGIN + "".join(written) + END)

    def forget(self) -> None:
        """Paint everything the next time, for something else has written here."""
        self._size = (0, 0)

    def keys(self, timeout_s: float) -> list[str] | None:
        """The keys that were pressed; none when the time is over or the size has changed. None: there is no input more."""
        wait_s = ESCAPE_S if self._reader.unsure else timeout_s
        ready, _, _ = select.select([self._in, self._wakes], [], [], wait_s)
        if self._wakes in ready:
            os.read(self._wakes, 1_024)
        if self._in in ready:
            data = os.read(self._in, 1_024)
            return self._reader.keys(data) if data else None
        return self._reader.keys(b"") if self._reader.unsure and not ready else []

    def _styled(self, row: Text) -> str:
        with self._console.capture() as captured:
            self._console.print(row, end="", no_wrap=True, overflow="ignore", crop=False, soft_wrap=True)
        return captured.get()

    def _resized(self, number: int, frame: FrameType | None) -> None:
        os.write(self._wake, b"!")

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


def _terminated(number: int, frame: Any) -> None:
    """As if the program had asked for it, so that the terminal is given back."""
    raise SystemExit(128 + number)
