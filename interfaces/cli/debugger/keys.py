"""Names of keys, from the bytes that a terminal sends for them."""

from __future__ import annotations

from codecs import getincrementaldecoder
from typing import Final

ESCAPE: Final = "\x1b"
NAMED: Final = {
    "\r": "enter",
    "\n": "enter",
    "\x7f": "backspace",
    "\x08": "backspace",
    "\x04": "eof",
    "\x15": "clear",
    "\x0c": "redraw",
}
SEQUENCES: Final = {
    "[A": "up",
    "[B": "down",
    "[C": "right",
    "[D": "left",
    "OA": "up",
    "OB": "down",
    "OC": "right",
    "OD": "left",
    "[H": "home",
    "[F": "end",
    "OH": "home",
    "OF": "end",
    "[1~": "home",
    "[4~": "end",
    "[7~": "home",
    "[8~": "end",
    "[5~": "pageup",
    "[6~": "pagedown",
    "OP": "f1",
    "[11~": "f1",
}
LONGEST_SEQUENCE: Final = 16


class KeyReader:
    """Turns bytes into keys, however they are cut into pieces."""

    def __init__(self) -> None:
        self._decoder = getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""

    @property
    def unsure(self) -> bool:
        """Whether an escape has come that may be a key, or the beginning of one."""
        return bool(self._rest)

    def keys(self, data: bytes) -> list[str]:
        """The keys that are whole with these bytes. No bytes: nothing more comes, an escape was the key."""
        text = self._rest + self._decoder.decode(data)
        found: list[str] = []
        while text:
            if text[0] != ESCAPE:
                found.append(NAMED.get(text[0], text[0]))
                text = text[1:]
                continue
            length = _sequence(text)
            if not length and data:
                break
            found.append(SEQUENCES.get(text[1:length], "unknown") if length > 1 else "escape")
            text = text[max(length, 1) :]
        self._rest = text
        return [key for key in found if len(key) > 1 or key.isprintable()]


def _sequence(text: str) -> int:
    """The length of the escape sequence at the beginning, or 0 when its end has not come."""
    if len(text) == 1:
        return 0
    if text[1] not in "[O":
        return 1  # the key itself, and another one
    for index, char in enumerate(text[2:LONGEST_SEQUENCE], 2):
        if "@" <= char <= "~":
            return index + 1
    return 1 if len(text) >= LONGEST_SEQUENCE else 0
