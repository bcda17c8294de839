"""What a step of a workload does: nothing but wait at a gate, or leave a line and die in the middle of its run."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from time import monotonic_ns

LEDGER = "ledger"
KILLED = "killed"
"""The name of the run that dies in the middle."""


class Effects:
    """The effects of one process. With a ledger, each step leaves its number and the time there; step `die_at` then
    kills the process (SIGKILL), so that it is in flight when the run is taken up again.
    """

    def __init__(self, ledger: Path | None = None, die_at: int | None = None) -> None:
        self._ledger = None if ledger is None else os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._die_at = die_at
        self._gate: Gate | None = None

    def shut(self, runs: int) -> Gate:
        """Let the first step of every run wait until all of them are there."""
        self._gate = Gate(runs)
        return self._gate

    def open(self) -> None:
        """Let no step wait any more."""
        self._gate = None

    async def step(self, number: int) -> None:
        """The effect of a run's step of this number, from 0."""
        if self._gate is not None and number == 0:
            await self._gate.passed()
        self.leave(number)

    def leave(self, number: int) -> None:
        """The same, where nobody waits."""
        if self._ledger is None:
            return
        os.write(self._ledger, f"{number} {monotonic_ns()}\n".encode())
        if number == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)


class Gate:
    """It opens when so many runs wait at it."""

    def __init__(self, runs: int) -> None:
        self._missing = runs
        self._open = asyncio.Event()

    async def passed(self) -> None:
        """Wait until it is open."""
        self._missing -= 1
        if self._missing == 0:
            self._open.set()
        await self._open.wait()

    async def opened(self) -> None:
        """Wait as an onlooker."""
        await self._open.wait()
