"""Children: begun once their parent's log says so, observed when they have ended, cancelled when nobody waits for them.

No transaction spans two logs. A parent's `ChildStarted` is durable first, and everything after it can be repeated: at
the next start as well, whatever a crash left undone (DESIGN, section 7).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Container, Coroutine, Iterable, Iterator, Mapping
from typing import Any, Final, assert_never

from application.ancestry import parts_of
from application.folds import Folds
from application.live import Live
from application.ports import Clock, EventLog, StoreUnavailable, Summary
from application.requests import Submission
from domain.children import depth_of, open_children
from domain.commands import Cancel, Observe
from domain.errors import ClewError, ErrorInfo, NotFound, Refused, Unavailable
from domain.events import (
    Cancelled,
    ChildStarted,
    Completed,
    EdgeTaken,
    ExecutionForked,
    ExecutionStarted,
    Failed,
    NodeStarted,
    Parent,
    Resumed,
    RolledBack,
    Suspended,
)
from domain.execution import Execution
from domain.position import Visit

logger = logging.getLogger("clew.engine")
AGAIN_S: Final = 1.0
"""How long after a store that could not be used a child is seen to again."""
ENDS: Final = (Completed, Failed, Cancelled)
"""The events by which an execution ends."""
GOING_ON: Final = (ExecutionStarted, ExecutionForked, NodeStarted, EdgeTaken, Suspended, Resumed, RolledBack)
"""Events after which it has not, unless one of those follows."""
NEWEST: Final = 16
"""Events of an execution in which something is looked for first."""


class Children:
    """Keeps children in step with their parents, on the engine's loop.

    `live_of`, `submit` and `command` are the engine's own; `moved` is called when something was decided for a parent;
    `spawn` runs a chore, until the engine stops.
    """

    def __init__(
        self,
        log: EventLog,
        folds: Folds,
        clock: Clock,
        *,
        live_of: Callable[[str], Awaitable[Live]],
        submit: Callable[[Submission], Awaitable[Any]],
        command: Callable[[str, Cancel], Awaitable[Any]],
        moved: Callable[[Live], None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._log = log
        self._folds = folds
        self._clock = clock
        self._live_of = live_of
        self._submit = submit
        self._command = command
        self._moved = moved
        self._spawn = spawn
        self._news: dict[str, list[asyncio.Event]] = {}

    def taken_up(self, live: Live) -> None:
        """An execution was folded from the log: begin what it waits for, or observe it, if that was not done yet."""
        live.children = frozenset(open_children(live.execution))
        for child in live.children:
            self._spawn(self._tend(live.execution.id, child))

    def durable(self, live: Live, execution: Execution) -> None:
        """A version of a live execution is durable: carry out what it says of children, and tell its own parent."""
        if execution.version < live.looked_at:
            return
        live.looked_at = execution.version
        waited_for = frozenset(open_children(execution))
        ready = live.unobserved if execution.status != "paused" else set()
        for child in (waited_for - live.children - live.observed) | (waited_for & ready):
            live.unobserved.discard(child)
            self._spawn(self._tend(execution.id, child))
        for child in live.children - waited_for - live.observed:
            live.begun.pop(child, None)
            self._spawn(self._let_go(child, execution.id))
        live.children = waited_for
        live.observed &= waited_for
        if execution.parent is not None and execution.has_ended:
            self._spawn(self._tend(execution.parent.execution, execution.id, execution))
        self._tell(execution.id)

    async def cancel_orphans(self, unfinished: Iterable[Summary]) -> None:
        """Cancel, before they go on, the children that no parent waits for any more: a crash came before their cancelling."""
        rows = {row.execution_id: row for row in unfinished}
        gone: set[str] = set()
        while orphans := [row for row in rows.values() if row.execution_id not in gone and _is_orphan(row, rows, gone)]:
            parents = {row.parent or "" for row in orphans}
            waited_for = {parent: self._open_children(parent) for parent in parents}
            for row in orphans:
                gone.add(row.execution_id)
                if row.execution_id not in waited_for[row.parent or ""]:
                    await self._let_go(row.execution_id, row.parent or "")

    @contextlib.contextmanager
    def news(self, execution_id: str) -> Iterator[asyncio.Event]:
        """What is set as soon as something has become of an execution or of one of its children."""
        event = asyncio.Event()
        waiting = self._news.setdefault(execution_id, [])
        waiting.append(event)
        try:
            yield event
        finally:
            waiting.remove(event)
            if not waiting:
                self._news.pop(execution_id, None)

    def has_ended(self, child: str) -> bool:
        """Whether a child has ended, durably. False too when it has not begun."""
        newest = self._log.read(child, newest_first=True, limit=NEWEST)
        for recorded in newest:  # what people do to an execution that has ended comes behind its end
            if isinstance(recorded.event, ENDS):
                return True
            if isinstance(recorded.event, GOING_ON):
                return False
        return bool(newest) and self._folds.load(child).has_ended

    def _tell(self, execution_id: str) -> None:
        for event in self._news.get(execution_id, ()):
            event.set()

    # One child at a time

    async def _tend(self, parent: str, child: str, ended: Execution | None = None) -> None:
        """Begin a child that is not there yet, and observe it if it has ended; as often as it takes."""
        while True:
            try:
                await self._see_to(parent, child, ended)
            except (StoreUnavailable, Unavailable) as error:
                logger.error("%s, a child of %s, can't be seen to yet: %s", child, parent, error.message)
                await asyncio.sleep(AGAIN_S)
            except (NotFound, Refused) as error:
                logger.error("%s, a child of %s, is left alone: %s", child, parent, error.message)
                return
            else:
                return

    async def _see_to(self, parent: str, child: str, ended: Execution | None) -> None:
        live = await self._live_of(parent)
        visit = open_children(live.execution).get(child)
        if visit is None:
            return
        if not self._log.version(child):
            error = await self._begin(live, child, visit)
            live = await self._live_of(parent)  # it may have been let go meanwhile, and be another one now
            if child not in open_children(live.execution):  # while the child began, its parent went on without it
                await live.flush()
                await self._let_go(child, parent)
                return
            if error is not None:
                self._give_up(live, child, error)
                return
        if ended is None and self.has_ended(child):
            ended = self._folds.load(child)
        if not self._is_child(child, parent) and not (ended is not None and self._is_of_source(child, live.execution)):
            message = f"There is another execution {child}, which is no child of {parent}."
            self._give_up(live, child, Refused(message, code="EXECUTION_EXISTS"))
        elif ended is not None:
            self._decide(live, observation(ended, self._now(live)))
        self._tell(parent)

    async def _begin(self, live: Live, child: str, visit: Visit) -> ClewError | None:
        """Begin a child. Gives why it can't be: its nodes are gone, or its state is too large."""
        above = live.execution
        started = live.begun.pop(child, None) or self._started(above.id, child)
        submission = Submission(
            definition_hash=started.definition_hash,
            initial_state=started.initial_state,
            execution_id=child,
            on_conflict="use",
            priority=above.priority,
            parent=Parent(execution=above.id, address=visit.address, visit=visit.number, depth=depth_of(above) + 1),
        )
        try:
            await self._submit(submission)
        except (StoreUnavailable, Unavailable):
            raise
        except ClewError as error:  # the parent must not wait for ever
            return error
        return None

    def _started(self, parent: str, child: str) -> ChildStarted:
        """The event of the parent that says what the child is to run."""
        upto = None
        while newest := self._log.read(parent, upto=upto, limit=NEWEST, newest_first=True):
            for recorded in newest:
                if isinstance(recorded.event, ChildStarted) and recorded.event.child == child:
                    return recorded.event
            upto = newest[-1].version - 1
        raise NotFound(f"{parent} has begun no child {child}.")

    def _give_up(self, live: Live, child: str, error: ClewError) -> None:
        info = ErrorInfo(
            type="configuration",
            code="CHILD_NOT_STARTED",
            message=f"It could not begin. {error.message}",
            details=error.details if isinstance(error.details, dict) else None,
        )
        self._decide(live, Observe(now=self._now(live), child=child, version=0, status="failed", error=info))

    def _decide(self, live: Live, command: Observe) -> None:
        if live.decide(command):
            live.observed.add(command.child)
            self._moved(live)
        elif command.child in open_children(live.execution):  # paused: it is observed when that is over
            live.unobserved.add(command.child)

    def _now(self, live: Live) -> int:
        return max(self._clock.now(), live.execution.updated)

    async def _let_go(self, child: str, parent: str) -> None:
        """Cancel a child that its parent, durably, does not wait for any more, unless it has ended by itself."""
        cancel = Cancel(now=0, reason=f"{parent}, which ran it, does not wait for it any more.")
        while True:
            try:
                if self._is_child(child, parent):
                    await self._command(child, cancel)
            except (StoreUnavailable, Unavailable) as error:
                logger.error("%s, a child of %s, can't be cancelled yet: %s", child, parent, error.message)
                await asyncio.sleep(AGAIN_S)
            except (NotFound, Refused) as error:  # it has ended by itself; or its nodes are gone, and it does not run
                logger.debug("%s is not cancelled: %s", child, error.message)
                return
            else:
                return

    def _is_child(self, child: str, parent: str) -> bool:
        """Whether there is an execution of that id, and it was begun by that parent."""
        first = self._log.read(child, limit=1)
        started = first[0].event if first else None
        begun = started.parent if isinstance(started, ExecutionStarted) else None
        return begun is not None and begun.execution == parent

    def _is_of_source(self, child: str, execution: Execution) -> bool:
        """Whether a child was begun by what an execution was forked off: its result was taken again."""
        if execution.source is None:
            return False
        return any(self._is_child(child, part.execution) for part in parts_of(self._log, execution.id)[:-1])

    def _open_children(self, parent: str) -> Container[str]:
        """The children that an execution waits for, durably."""
        try:
            return open_children(self._folds.load(parent))
        except NotFound:
            return ()


def _is_orphan(row: Summary, rows: Mapping[str, Summary], gone: Container[str]) -> bool:
    """Whether nobody waits for an execution that is a child, going by the unfinished ones."""
    if row.parent is None:
        return False
    above = rows.get(row.parent)
    return above is None or row.parent in gone or row.execution_id not in above.children.values()


def observation(child: Execution, now: int) -> Observe:
    """What a parent is told of a child that has ended."""
    match child.status:
        case "completed":
            return Observe(now=now, child=child.id, version=child.version, status="completed", state=child.state)
        case "failed":
            error = child.failure.error if child.failure is not None else None
            return Observe(now=now, child=child.id, version=child.version, status="failed", error=error)
        case "cancelled":
            return Observe(now=now, child=child.id, version=child.version, status="cancelled")
        case "running" | "suspended" | "paused":
            raise AssertionError(f"{child.id} has not ended")
        case _:
            assert_never(child.status)
