"""The limits of the language as settings of the server: `CLEW_LIMIT_STATE_BYTES=8388608` and so on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from domain.limits import Limits
from interfaces.setting import BadSetting

PREFIX: Final = "CLEW_LIMIT_"
NAMES: Final = tuple(
    field.name
    for field in msgspec.structs.fields(Limits)
    if field.name != "node_timeout_cap_ms"  # a workflow's own
)
LARGEST: Final = {"definition_depth": 128, "steps": 10_000_000, "iterations_cap": 10_000_000}
"""Past these nothing is gained: values may not be deeper, and no history should be longer."""
MOST: Final = 2**40


class BadLimit(BadSetting):
    """A limit has a value that can't be used."""


def limits_from(environment: Mapping[str, str], *, called: Callable[[str], str] = str) -> Limits:
    """The limits that the environment sets, the others at their defaults. Raises BadLimit.

    `called` is what a variable is called for people, who may have set it elsewhere.
    """
    for name in environment:
        if name.startswith(PREFIX) and name.removeprefix(PREFIX).lower() not in NAMES:
            known = ", ".join(PREFIX + each.upper() for each in NAMES)
            raise BadLimit(f"{name} is not a limit; those are {known}.")
    given = {name: environment.get(PREFIX + name.upper()) for name in NAMES}
    numbers = {name: _number(name, text, called(PREFIX + name.upper())) for name, text in given.items() if text}
    return msgspec.structs.replace(Limits(), **numbers)


def _number(name: str, text: str, called: str) -> int:
    most = LARGEST.get(name, MOST)
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:20]) <= most:
        raise BadLimit(f"{called}={text} is no limit: it is a whole number from 1 to {most:,}.")
    return int(text)
