"""Paths into JSON values: how they are written, and what they find."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from domain.problems import pointer

Path = tuple[str | int, ...]

MAX_PATH: Final = 8_192  # characters; a longer text is not taken for a path

NAME: Final = r"[^\W\d]\w*"
QUOTED: Final = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
INDEX: Final = r"(?:0|[1-9][0-9]{0,14})"
SEGMENTS: Final = rf"(?:\.{NAME}|\[(?:{QUOTED}|{INDEX})\])"

_PATH = re.compile(rf"\${SEGMENTS}*", re.DOTALL)
_SEGMENT = re.compile(rf"\.({NAME})|\[(?:({QUOTED})|({INDEX}))\]", re.DOTALL)
_FIELD_SEGMENT = re.compile(rf"\.([^.\[\]]+)|\[(?:({QUOTED})|({INDEX}))\]", re.DOTALL)
_NAME = re.compile(NAME)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "\\": "\\", "'": "'", '"': '"', "/": "/"}


class Missing(Enum):
    """The type of `MISSING`, of which there is no other value."""

    MISSING = "missing"

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = Missing.MISSING
"""What a path finds where there is nothing. JSON null is a value, and is not this."""


def parse_path(text: str) -> Path:
    """The path written as `$.a['b'][0]`; `$` alone is the root, `()`. Raises ValueError for anything else."""
    if len(text) > MAX_PATH:
        raise ValueError(f"A path has at most {MAX_PATH} characters; this text has {len(text)}.")
    if not _PATH.fullmatch(text):
        raise ValueError(
            f"`{text[:80]}` is not a path. Write `$.name`, with further `.name`, `['any key']` or `[0]` after it."
        )
    return tuple(_key(*match.groups()) for match in _SEGMENT.finditer(text))


def parse_field(text: str) -> Path:
    """The path of a field inside an item, written without `$.`: `order.items[0].id`, `['any key']`.

    Between dots any text without brackets is a key, so that `first-name` works. Raises ValueError for what is none.
    """
    if len(text) > MAX_PATH:
        raise ValueError(f"A field has at most {MAX_PATH} characters; this text has {len(text)}.")
    dotted = text.removeprefix("$") if text.startswith(("$.", "$[")) else text if text.startswith("[") else f".{text}"
    path: list[str | int] = []
    at = 0
    while match := _FIELD_SEGMENT.match(dotted, at):
        path.append(_key(*match.groups()))
        at = match.end()
    if at != len(dotted) or not path:
        raise ValueError(f"`{text[:80]}` is not a field. Write it as `name`, `order.items[0].id` or `['any key']`.")
    return tuple(path)


def path_or_none(text: str) -> Path | None:
    """The path, or None for a text that `parse_path` does not take."""
    if len(text) > MAX_PATH or not _PATH.fullmatch(text):
        return None
    if "[" not in text:
        return tuple(text.split(".")[1:])
    try:
        return parse_path(text)
    except ValueError:
        return None


def format_path(path: Path) -> str:
    """The path as people write it; `parse_path` reads it back."""
    return "$" + "".join(_segment(key) for key in path)


def pointer_of(path: Path) -> str:
    """The JSON Pointer (RFC 6901) of the path."""
    return pointer(*path)


def unquote(quoted: str) -> str:
    """The text inside a pair of quotes, its escapes undone: JSON's, and `\\'`. Raises ValueError for any other."""
    return quoted[1:-1] if "\\" not in quoted else _join_surrogates(_ESCAPE.sub(_unescape, quoted[1:-1]))


def get(value: Any, path: Path) -> Any:
    """What the path finds in the value, itself and not a copy, or MISSING; never raises.

    `[n]` finds an element of a list or a character of a text. `length` finds the length of a list or text.
    """
    for key in path:
        # the common case first: a dict needs no look at what else it could be
        value = value.get(key, MISSING) if type(value) is dict and type(key) is str else _step(value, key)
        if value is MISSING:
            return MISSING
    return value


def _step(value: Any, key: str | int) -> Any:
    if isinstance(key, str):
        if isinstance(value, Mapping):
            return value.get(key, MISSING)
        return len(value) if key == "length" and isinstance(value, list | str) else MISSING
    return value[key] if isinstance(value, list | str) and 0 <= key < len(value) else MISSING


def _key(name: str | None, quoted: str | None, index: str | None) -> str | int:
    if name is not None:
        return name
    return int(index) if index is not None else unquote(quoted or "''")


def _segment(key: str | int) -> str:
    if isinstance(key, int):
        return f"[{key}]"
    if _NAME.fullmatch(key):
        return f".{key}"
    return "['" + key.replace("\\", "\\\\").replace("'", "\\'") + "']"


def _unescape(match: re.Match[str]) -> str:
    escape = match[1]
    if len(escape) == 5:
        return chr(int(escape[1:], 16))
    if escape not in _ESCAPES:
        raise ValueError(f"`\\{escape}` is not an escape; write `\\\\` for a backslash.")
    return _ESCAPES[escape]


def _join_surrogates(text: str) -> str:
    """JSON writes a character past U+FFFF as two escapes; Python keeps it as one character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
