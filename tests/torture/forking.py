"""Works done in forked processes, which may be killed in them."""

from __future__ import annotations

import json
import os
import signal
import traceback
from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple

PATIENCE_S: Final = 120
"""Seconds of real time after which a work is taken to hang, and ended."""


class Outcome(NamedTuple):
    """How a work came out: done (with what it gave, as JSON), killed as ordered, or failed (with what it said)."""

    end: Literal["done", "killed", "failed"]
    given: Any = None


def forked(work: Callable[[], Any]) -> Outcome:
    """Do a work in a process of its own. Call it from a process with one thread."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _do(work, reading, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        text = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGKILL:
            return Outcome("killed")
        return Outcome(
            "failed", "it hangs" if number == signal.SIGALRM else f"it ended by {signal.Signals(number).name}"
        )
    if not text:
        return Outcome("failed", f"it ended with status {os.waitstatus_to_exitcode(status)} and said nothing")
    end, given = json.loads(text)
    return Outcome(end, given)


def _do(work: Callable[[], Any], reading: int, writing: int) -> None:
    """Never returns."""
    os.close(reading)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(PATIENCE_S)
    try:
        answer = "done", work()
    except BaseException:  # noqa: BLE001 - whatever it was, the parent is to be told
        answer = "failed", traceback.format_exc()
    try:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(json.dumps(answer).encode())
    finally:
        os._exit(0)
