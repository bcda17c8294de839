"""The limits of the language as settings of the server: `CLEW_LIMIT_STATE_BYTES=8388608` and so on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from domain.errors import ClewError
from domain.limits import Limits

PREFIX: Final = "CLEW_LIMIT_"
NAMES: Final = tuple(
    field.name
    for field in msgspec.structs.fields(Limits)
    if field.name != "node_timeout_cap_ms"  # a workflow's own
)
LARGEST: Final = {"definition_depth": 128, "steps": 10_000_000, "iterations_cap": 10_000_000}
"""Past these nothing is gained: values may not be deeper, and no history should be longer."""
MOST: Final = 2**40


class BadLimit(ClewError):
    """A limit has a value that can't be used."""

    code = "BAD_SETTING"


def limits_from(environment: Mapping[str, str]) -> Limits:
    """The limits that the environment sets, the others at their defaults. Raises BadLimit."""
    for name in environment:
        if name.startswith(PREFIX) and name.removeprefix(PREFIX).lower() not in NAMES:
            known = ", ".join(PREFIX + each.upper() for each in NAMES)
            raise BadLimit(f"{name} is not a limit; those are {known}.")
    given = {name: environment.get(PREFIX + name.upper()) for name in NAMES}
    return msgspec.structs.replace(Limits(), **{name: _number(name, text) for name, text in given.items() if text})


def _number(name: str, text: str) -> int:
    most = LARGEST.get(name, MOST)
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:20]) <= most:
        raise BadLimit(f"{PREFIX}{name.upper()}={text} is no limit: it is a whole number from 1 to {most:,}.")
    return int(text)
