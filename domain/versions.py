"""Versions of workflows and nodes: their form, their order, and which one will do for which."""

from __future__ import annotations

import re
from typing import Final

VERSION: Final = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")
NAMED: Final = re.compile(r"[0-9]+(?:\.[0-9]+){0,2}")
"""What a definition may say of a node's version: `1`, `1.2` or `1.2.3`."""

Order = tuple[tuple[int, str], ...]


def order(version: str) -> Order:
    """What sorts versions by their numbers, however long those are: 1.10.0 is newer than 1.9.0."""
    numbers = [number.lstrip("0") for number in version.split(".")]
    return tuple((len(number), number) for number in numbers)


def same_major(left: str, right: str) -> bool:
    """Whether two versions promise the same: their first numbers are equal."""
    return order(left)[0] == order(right)[0]


def satisfies(here: str, named: str) -> bool:
    """Whether a version will do where another was named, perhaps in part: same major, and not older."""
    return same_major(here, named) and order(here)[: named.count(".") + 1] >= order(named)
