"""Folding executions from the log, each from the checkpoint that is nearest."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial
from itertools import takewhile
from typing import Final, NamedTuple

from application.checkpointing import CheckpointWriter, Growth, checkpoint_of, restored
from application.ports import Checkpoint, Checkpoints, EventLog, Recorded, StoreUnavailable
from application.reading import PAGE, execution_event, history
from domain.completions import end_of_completion
from domain.errors import NotFound
from domain.events import (
    ChildObserved,
    Completed,
    EdgeTaken,
    ExecutionForked,
    Failed,
    Resumed,
    StateUpdated,
)
from domain.evolve import evolve
from domain.execution import Execution
from domain.forked import base_of

logger = logging.getLogger("clew.checkpoints")
AT_ONCE: Final = 16
"""Events in which the end of a command's is looked for at once: there are seldom more than five."""
CONSEQUENCES: Final = (Resumed, ChildObserved, StateUpdated, EdgeTaken, Completed, Failed)
"""What a command can lead to besides the event that has its key."""


class _Start(NamedTuple):
    """Where a fold begins: an execution, what grew since its checkpoint, the next events, and whether there may be more."""

    execution: Execution
    growth: Growth
    page: list[Recorded]
    more: bool


class Folds:
    """Executions as the log has them. Thread-safe.

    Without `checkpoints` each is folded from its beginning, a fork from that of its source. A checkpoint is only believed
    if the log has the event that it was made after; one that can't be believed or read is as good as none. `keeps`:
    whether new ones are written.
    """

    def __init__(self, log: EventLog, checkpoints: Checkpoints | None = None, *, keeps: bool = True) -> None:
        self._log = log
        self._checkpoints = checkpoints
        self._writer = CheckpointWriter(checkpoints) if checkpoints is not None and keeps else None

    def load(self, execution_id: str, *, upto: int | None = None, base: Execution | None = None) -> Execution:
        """An execution at its newest version, or at `upto`; from `base`, an earlier version of it, if given.

        Raises NotFound when there is no such execution.
        """
        return self.grown(execution_id, upto=upto, base=base)[0]

    def grown(
        self, execution_id: str, *, upto: int | None = None, base: Execution | None = None
    ) -> tuple[Execution, Growth]:
        """Like `load`, with how much its history has grown since the newest checkpoint before that."""
        execution, growth, page, more = self._start(execution_id, upto, base)
        while True:
            for recorded in page:
                execution = evolve(execution, execution_event(recorded))
                growth.add((recorded,))
                if growth.outweighs:
                    self.keep(execution, recorded.hash, growth)
            if not more:
                break
            page = self._page(execution_id, execution.version, upto)
            more = len(page) == PAGE
        if not execution.version:
            raise NotFound(f"There is no execution {execution_id!r}.")
        return execution, growth

    def walk(self, execution_id: str, *, first: int = 1, upto: int) -> Iterator[tuple[Execution, Recorded]]:
        """An execution at each of its versions from `first` to `upto`, with the event that made it so.

        One version is in memory at a time, and shares with the one before it what did not change. Raises NotFound.
        """
        begun = self._log.read(execution_id, after=first - 1, limit=1) if first <= upto else []
        if not begun:
            return
        execution = self.load(execution_id, upto=first)
        yield execution, begun[0]
        for recorded in history(self._log, execution_id, after=first, upto=upto):
            execution = evolve(execution, execution_event(recorded))
            yield execution, recorded

    def keep(self, execution: Execution, hash_: bytes, growth: Growth) -> None:
        """Have a checkpoint written of an execution whose newest event is durable, and has this hash."""
        if self._writer is None:
            return
        # Encoded here, though often on the engine's loop: it is quick, and nothing else could run beside it anyway.
        checkpoint = checkpoint_of(execution, hash_)
        self._writer.offer(checkpoint)
        growth.restart(len(checkpoint.fold))  # if it was dropped, the next one is kept

    def version_at(self, execution_id: str, time: int, *, upto: int) -> int:
        """The last version, up to one, that is not after a time; 0 when all of them are."""
        found = self._nearest(execution_id, upto=upto, time=time)
        version = max(found.version - 1, 0) if found is not None else 0
        page = self._page(execution_id, version, upto)
        if found is not None and (not page or page[0].hash != found.hash or page[0].event.time > time):
            self._forget(execution_id)
            version, page = 0, self._page(execution_id, 0, upto)
        while page:
            for recorded in page:
                if recorded.event.time > time:
                    return version
                version = recorded.version
            page = self._page(execution_id, version, upto) if len(page) == PAGE else []
        return version

    def end_of_completion(self, execution_id: str, version: int) -> int:
        """The version that a version means: the last of the completion that it is in the middle of."""
        found = self.events(execution_id, after=version - 1, page=AT_ONCE)
        return end_of_completion(version, (execution_event(recorded) for recorded in found))

    def events(self, execution_id: str, *, after: int, upto: int | None = None, page: int = PAGE) -> Iterator[Recorded]:
        """The events of an execution behind a version, read a few at a time."""
        while found := self._log.read(execution_id, after=after, upto=upto, limit=page):
            yield from found
            after = found[-1].version

    def after_command(self, execution_id: str, version: int) -> Execution:
        """An execution as the command left it whose event with the key is that version: what whoever sends it again is
        to be answered.

        Those of a command's events that follow the one with the key have its time, and end a wait.
        """
        last = self._log.read(execution_id, after=version - 1, limit=1)[0]
        while page := self._log.read(execution_id, after=last.version, limit=AT_ONCE):
            following = list(takewhile(partial(_follows, last), page))
            last = following[-1] if following else last
            if len(following) < len(page):
                break
        return self.load(execution_id, upto=last.version)

    def drain(self, timeout_s: float) -> bool:
        """Wait until the checkpoints that are waiting are written. False: that takes longer."""
        return self._writer is None or self._writer.drain(timeout_s)

    def close(self) -> None:
        """Write what is waiting, and release the checkpoints."""
        if self._writer is not None:
            self._writer.stop()
        if self._checkpoints is not None:
            self._checkpoints.close()

    def _start(self, execution_id: str, upto: int | None, base: Execution | None) -> _Start:
        if base is not None:
            page = self._page(execution_id, base.version, upto)
            if len(page) < PAGE:  # else a checkpoint may save the most of it
                return _Start(base, Growth(), page, more=False)
        found = self._nearest(execution_id, upto=upto)
        if found is not None and found.version > (base.version if base is not None else 0):
            page = self._page(execution_id, found.version - 1, upto)
            execution = restored(found, page[0]) if page else None
            if execution is not None:
                return _Start(execution, Growth(len(found.fold)), page[1:], more=len(page) == PAGE)
            self._forget(execution_id)
        page = self._page(execution_id, base.version if base is not None else 0, upto)
        return _Start(base or self._beginning(execution_id, page), Growth(), page, more=len(page) == PAGE)

    def _beginning(self, execution_id: str, page: list[Recorded]) -> Execution:
        """What the first event of an execution is folded onto: nothing, or for a fork its source as it was then."""
        first = page[0].event if page else None
        if not isinstance(first, ExecutionForked):
            return Execution(id=execution_id)
        return base_of(self.load(first.source.execution, upto=first.source.version), execution_id)

    def base_of(self, execution_id: str) -> Execution:
        """What the first event of an execution is folded onto: nothing, or for a fork its source as it was then."""
        return self._beginning(execution_id, self._log.read(execution_id, limit=1))

    def _page(self, execution_id: str, after: int, upto: int | None) -> list[Recorded]:
        return self._log.read(execution_id, after=after, upto=upto, limit=PAGE)

    def _nearest(self, execution_id: str, *, upto: int | None, time: int | None = None) -> Checkpoint | None:
        if self._checkpoints is None:
            return None
        try:
            return self._checkpoints.nearest(execution_id, upto=upto, time=time)
        except StoreUnavailable as error:
            logger.warning("%s is folded without its checkpoints: %s", execution_id, error.message)
            return None

    def _forget(self, execution_id: str) -> None:
        """Throw away checkpoints that do not fit the log, or are damaged."""
        logger.warning("The checkpoints of %s do not fit its log, and are thrown away.", execution_id)
        if self._checkpoints is None or self._writer is None:
            return
        try:
            self._checkpoints.forget(execution_id)
        except StoreUnavailable as error:
            logger.warning("The checkpoints of %s can't be thrown away: %s", execution_id, error.message)


def _follows(before: Recorded, recorded: Recorded) -> bool:
    return isinstance(recorded.event, CONSEQUENCES) and recorded.event.time == before.event.time
