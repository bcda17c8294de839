"""The one writer of a process: takes what all executions have waiting, and commits it in one transaction."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from threading import Thread
from typing import Final, NamedTuple, TypeVar

from application.ports import Append, EventLog, Recorded, StoreUnavailable, VersionConflict
from domain.errors import ClewError

MAX_WAITING: Final = 20_000
"""Events waiting for a commit, past which new work is refused until there is room."""

PROBE_S: Final = 1.0
"""How often the store is asked, after a failed commit, whether it could record something again."""

Recording = asyncio.Future[tuple[Recorded, ...]]
Then = Callable[[tuple[Recorded, ...] | ClewError], None]
"""What is to follow when an append is durable, or has failed. Called on the loop; must not raise."""
Answers = Sequence[tuple[Recorded, ...] | VersionConflict]
Job = Callable[[], None]
T = TypeVar("T")


class Batch(NamedTuple):
    """Appends that are committed together, and what follows each."""

    appends: list[Append]
    thens: list[Then]


class Writer:
    """Group commit.

    An append is committed in the next turn of the loop, together with every other that arrived until then: a lone one
    is committed at once, and under load batches form by themselves. Those of as many streams as the log wants inline are
    committed on the engine's own loop; more on a thread, while the loop goes on and the next batch forms. There is one
    commit at a time, and appends are recorded in the order of submission.
    """

    def __init__(self, log: EventLog, committed: Callable[[int], None]) -> None:
        self._log = log
        self._committed = committed
        self._waiting = Batch([], [])
        self._events_waiting = 0
        """Those of the batch that is under way included."""
        self._is_committing = False
        self._thread: CommitThread | None = None
        self._probing: asyncio.TimerHandle | None = None
        self.sickness: str | None = None
        """Why the last commit failed, until one succeeds or the store says that one could."""

    def is_full(self) -> bool:
        """Whether new work must wait."""
        return self._events_waiting >= MAX_WAITING

    def submit(self, append: Append) -> Recording:
        """Hand an append over. The future is done when it is durable, or has failed with a ClewError."""
        recording: Recording = asyncio.get_running_loop().create_future()
        recording.add_done_callback(_retrieve)  # nobody needs to look at it
        self.record(append, lambda outcome: _tell(recording, outcome))
        return recording

    def record(self, append: Append, then: Then) -> None:
        """Hand an append over, and say what is to follow: a future for each would cost half as much as the append."""
        if not self._waiting.appends and not self._is_committing:
            asyncio.get_running_loop().call_soon(self._commit)
        self._waiting.appends.append(append)
        self._waiting.thens.append(then)
        self._events_waiting += len(append.events)

    def _commit(self) -> None:
        batch, self._waiting = self._waiting, Batch([], [])
        if self._is_inline(batch):
            self._answer(batch, self._append(batch))
            return
        self._is_committing = True
        self._on_thread(lambda: self._append(batch), lambda outcome: self._returned(batch, outcome))

    def _on_thread(self, work: Callable[[], T], then: Callable[[T], None]) -> None:
        """Do a work after those before it, and on the loop what is to follow."""
        loop = asyncio.get_running_loop()

        def job() -> None:
            outcome = work()
            try:
                loop.call_soon_threadsafe(then, outcome)
            except RuntimeError:
                if not loop.is_closed():  # else nobody waits any more: what was committed is in the log
                    raise

        if self._thread is None:
            self._thread = CommitThread(self)
        self._thread.do(job)

    def _is_inline(self, batch: Batch) -> bool:
        most = self._log.commits_inline
        return len(batch.appends) <= most or len({append.stream for append in batch.appends}) <= most

    def _returned(self, batch: Batch, outcome: Answers | StoreUnavailable) -> None:
        self._is_committing = False
        self._answer(batch, outcome)
        if self._waiting.appends:
            self._commit()

    def _append(self, batch: Batch) -> Answers | StoreUnavailable:
        try:
            return self._log.append(batch.appends)
        except StoreUnavailable as error:
            return error
        except Exception as error:  # noqa: BLE001 - whatever went wrong, everyone who waits must be told
            return StoreUnavailable(f"The log failed: {error!r}")

    def _answer(self, batch: Batch, outcome: Answers | StoreUnavailable) -> None:
        self._events_waiting -= sum(len(append.events) for append in batch.appends)
        if isinstance(outcome, StoreUnavailable):
            self._sick(outcome)
            for then in batch.thens:
                then(outcome)
            return
        self._well()
        last = 0
        for then, answer in zip(batch.thens, outcome, strict=True):
            if answer and not isinstance(answer, VersionConflict):
                last = answer[-1].position
            then(answer)
        if last:
            self._committed(last)

    def _sick(self, problem: StoreUnavailable) -> None:
        """Say so until the store is well again, which is found out without anybody having to try."""
        self.sickness = problem.message
        if self._probing is None:
            self._probing = asyncio.get_running_loop().call_later(PROBE_S, self._probe)

    def _well(self) -> None:
        self.sickness = None
        if self._probing is not None:
            self._probing.cancel()
            self._probing = None

    def _probe(self) -> None:
        self._probing = None
        if self._log.commits_inline:
            self._probed(self._illness())
        else:
            self._on_thread(self._illness, self._probed)

    def _illness(self) -> StoreUnavailable | None:
        try:
            self._log.probe()
        except StoreUnavailable as error:
            return error
        except Exception as error:  # noqa: BLE001 - whatever went wrong, it is not well yet, and the thread must go on
            return StoreUnavailable(f"The log failed: {error!r}")
        return None

    def _probed(self, illness: StoreUnavailable | None) -> None:
        if illness is None:
            self._well()
        else:
            self._sick(illness)


class CommitThread:
    """A thread that does one job after the other, and ends with its owner."""

    def __init__(self, owner: object) -> None:
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        Thread(target=_work, args=(self._jobs,), name="clew-commit", daemon=True).start()
        weakref.finalize(owner, self._jobs.put, None)

    def do(self, job: Job) -> None:
        """Have a job done after those before it."""
        self._jobs.put(job)


def _work(jobs: SimpleQueue[Job | None]) -> None:
    while (job := jobs.get()) is not None:
        job()
        del job  # it holds its owner, which must be free to go while this waits


def _tell(recording: Recording, outcome: tuple[Recorded, ...] | ClewError) -> None:
    if recording.done():  # cancelled by whoever no longer waits
        return
    if isinstance(outcome, ClewError):
        recording.set_exception(outcome)
    else:
        recording.set_result(outcome)


def _retrieve(recording: Recording) -> None:
    if not recording.cancelled():
        recording.exception()
