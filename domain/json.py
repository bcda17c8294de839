"""JSON values: what counts as one, copies, sizes and their one encoding."""

from __future__ import annotations

import math
from hashlib import sha256
from typing import Any, Final

import msgspec

from domain.errors import ErrorInfo, StepFailure
from domain.problems import pointer

MAX_DEPTH: Final = 128
"""Deepest nesting of a value that a node may produce; bounds every recursion over values."""
LONGEST_PLACE: Final = 200
"""Characters of a place in a message: a value that contains itself has very long ones."""
MIN_INTEGER: Final = -(2**63)
MAX_INTEGER: Final = 2**64 - 1

_encode = msgspec.json.Encoder().encode


def encode(value: Any) -> bytes:
    """Compact UTF-8 JSON, keys in their order."""
    return _encode(value)


def digest(value: Any) -> str:
    """The content hash of a JSON value: hexadecimal SHA-256 of its compact encoding."""
    return sha256(_encode(value)).hexdigest()


def copy(value: Any) -> Any:
    """A deep copy of a JSON value."""
    if isinstance(value, dict):
        return {key: copy(item) if isinstance(item, (dict, list)) else item for key, item in value.items()}
    if isinstance(value, list):
        return [copy(item) if isinstance(item, (dict, list)) else item for item in value]
    return value


def normal(value: Any, what: str) -> Any:
    """The value as plain JSON (tuples as lists), or a `NOT_JSON` error that says where in `what` it is not."""
    return _normal(value, what, ())


def check_key(key: Any, what: str) -> str:
    """A key of an object, as it is. Raises `NOT_JSON` for what can't be one."""
    return _key(key, what, ())


def _normal(value: Any, what: str, path: tuple[str | int, ...]) -> Any:
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind is str:
        return _text(value, what, path)
    if kind is int:
        if MIN_INTEGER <= value <= MAX_INTEGER:
            return value
        raise _not_json(what, path, "an integer beyond 64 bits")
    if kind is float:
        if math.isfinite(value):
            return value
        raise _not_json(what, path, f"the number {value}")
    if len(path) >= MAX_DEPTH:
        raise _not_json(what, path, f"nested deeper than {MAX_DEPTH} levels (or contains itself)")
    if isinstance(value, (list, tuple)):
        return [_normal(item, what, (*path, index)) for index, item in enumerate(value)]
    if isinstance(value, dict):
        return {_key(key, what, path): _normal(item, what, (*path, key)) for key, item in value.items()}
    raise _not_json(what, path, f"a {kind.__module__}.{kind.__qualname__}")


def _text(value: str, what: str, path: tuple[str | int, ...]) -> str:
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise _not_json(what, path, "a text with a lone surrogate, which UTF-8 can't hold") from error
    return value


def _key(key: Any, what: str, path: tuple[str | int, ...]) -> str:
    if isinstance(key, str):
        return _text(key, what, path)
    raise _not_json(what, path, f"an object whose key {key!r} is not a text")


def _not_json(what: str, path: tuple[str | int, ...], found: str) -> StepFailure:
    place = pointer(*path)
    if len(place) > LONGEST_PLACE:
        place = place[:LONGEST_PLACE] + "…"
    return StepFailure(
        ErrorInfo(
            code="NOT_JSON",
            message=f"{what} is not JSON: {place or 'it'} is {found}",
            details={"pointer": place},
        )
    )
