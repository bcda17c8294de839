"""Waiting for what happens by itself, elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

PATIENCE_S = 30.0


def until(condition: Callable[[], bool]) -> None:
    """Ask again and again, until it is so."""
    deadline = monotonic() + PATIENCE_S
    while not condition():
        assert monotonic() < deadline, "it did not happen"
