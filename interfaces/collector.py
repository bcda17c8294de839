"""The garbage collector, kept out of the way while something large is read: it would look at all of it again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

LARGE: Final = 65_536
"""Bytes of a text from which on it is worth it."""
_turn: Final = Lock()


@contextmanager
def paused_for(text: bytes) -> Iterator[None]:
    """No collection meanwhile, if the text is large. One at a time, so that it runs in between whatever is sent."""
    if len(text) < LARGE or not _turn.acquire(blocking=False):
        yield
        return
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
        _turn.release()
