"""A log that fails and crashes when a plan says so, and the ledger of what nodes did to the world."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from application.ports import Append, Clock, EventLog, Recorded, StoreUnavailable, VersionConflict

SLACK_US = 1_500_000
"""A new life begins a second later by the virtual clock than what the old one may have recorded last."""


@dataclass
class Plan:
    """What goes wrong in one life of the engine, by the number of the append at which it does.

    `crash_before`: the process is gone before anything is recorded; `crash_after`: just after. `refuse`: the store says
    no; `doubt`: it says no and has recorded all the same.
    """

    crash_before: int | None = None
    crash_after: int | None = None
    refuse: frozenset[int] = frozenset()
    doubt: frozenset[int] = frozenset()

    @property
    def crashes(self) -> bool:
        """Whether this life ends by a crash, if it comes so far."""
        return self.crash_before is not None or self.crash_after is not None


class FaultyLog(EventLog):
    """One life's way to a log that outlives it."""

    def __init__(self, kept: EventLog, plan: Plan, crash: Callable[[], None], *, clock: Clock, ledger: Ledger) -> None:
        self._kept = kept
        self._clock = clock
        self._ledger = ledger
        self._plan = plan
        self._crash = crash
        self._appends = 0
        self.crashed = False

    def append(self, batch: Sequence[Append]) -> list[tuple[Recorded, ...] | VersionConflict]:
        """Record, unless the plan has something else in mind."""
        self._refuse_the_dead()
        self._appends += 1
        number = self._appends
        if number == self._plan.crash_before:
            self._die()
        if number in self._plan.refuse:
            raise StoreUnavailable("the disk is full, as planned")
        self._ledger.wrong += [
            f"{append.stream}: a {type(event).__name__} is recorded before its time"
            for append in batch
            for event in append.events
            if event.time > self._clock.now() + SLACK_US
        ]
        answers = self._kept.append(batch)
        if number == self._plan.crash_after:
            self._die()
        if number in self._plan.doubt:
            raise StoreUnavailable("nobody knows whether that was recorded, as planned")
        return answers

    def _die(self) -> None:
        self.crashed = True
        self._crash()
        self._refuse_the_dead()

    def _refuse_the_dead(self) -> None:
        if self.crashed:
            raise StoreUnavailable("this process is gone")

    def read(
        self,
        stream: str,
        *,
        after: int = 0,
        upto: int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[Recorded]:
        """Read what is recorded."""
        return self._kept.read(stream, after=after, upto=upto, limit=limit, newest_first=newest_first)

    def search(
        self,
        stream: str,
        *,
        tags: Sequence[str],
        texts: Sequence[Sequence[bytes]] = (),
        after: int = 0,
        upto: int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[Recorded]:
        """Look through what is recorded."""
        return self._kept.search(
            stream, tags=tags, texts=texts, after=after, upto=upto, limit=limit, newest_first=newest_first
        )

    def follow(self, after: int, limit: int) -> list[Recorded]:
        """Read by position."""
        return self._kept.follow(after, limit)

    def version(self, stream: str) -> int:
        """Of what is recorded."""
        return self._kept.version(stream)

    def position(self) -> int:
        """Of what is recorded."""
        return self._kept.position()

    def probe(self) -> None:
        """Of what is recorded."""
        self._refuse_the_dead()
        self._kept.probe()

    def close(self) -> None:
        """The log outlives this way to it."""


@dataclass
class Ledger:
    """What nodes did: how often under each idempotency key, and what was wrong with when they did it."""

    done: Counter[str] = field(default_factory=Counter)
    order: list[tuple[str, str, str]] = field(default_factory=list)
    """(execution, address, visit) of each run of a node with an effect."""
    wrong: list[str] = field(default_factory=list)

    def did(self, execution: str, address: str, visit: str, key: str) -> None:
        """A node had its effect."""
        self.order.append((execution, address, visit))
        self.done[key] += 1
