"""Texts as PostgreSQL takes them, which has no NUL."""

from __future__ import annotations


def stored(text: str) -> str:
    r"""A text without NUL: that is `\0`, and a backslash two."""
    return text.replace("\\", r"\\").replace("\0", r"\0") if "\0" in text or "\\" in text else text


def restored(text: str) -> str:
    """The text that was stored."""
    if "\\" not in text:
        return text
    return "\\".join(part.replace(r"\0", "\0") for part in text.split(r"\\"))
