"""Texts as PostgreSQL takes them, which has no NUL, and keys no longer than its indexes take."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

LONGEST_KEY_BYTES: Final = 1_000
"""A third of a page is what an index takes, of all that is in a key."""
_LONG: Final = r"\L"


def stored(text: str) -> str:
    r"""A text without NUL: that is `\0`, and a backslash two."""
    return text.replace("\\", r"\\").replace("\0", r"\0") if "\0" in text or "\\" in text else text


def restored(text: str) -> str:
    """The text that was stored."""
    if "\\" not in text:
        return text
    return "\\".join(part.replace(r"\0", "\0") for part in text.split(r"\\"))


def key(text: str) -> str:
    r"""What stands for a stored text in a key: itself, or, if that is too long, `\L` and its hash."""
    if len(text) * 4 <= LONGEST_KEY_BYTES or len(text.encode()) <= LONGEST_KEY_BYTES:
        return text
    return _LONG + sha256(text.encode()).hexdigest()


def is_long(key: str) -> bool:
    """Whether a key stands for a text that is longer."""
    return key.startswith(_LONG)
