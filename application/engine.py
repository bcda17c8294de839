"""The engine: takes executions up, takes in commands, fires timers, and loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterable
from hashlib import sha256
from typing import Any, Final, Literal

import msgspec

from application.breakers import Breakers
from application.calling import Calls
from application.checkpointing import Growth
from application.children import Children
from application.driver import Driver
from application.folds import Folds
from application.forking import ForkPlan
from application.live import Live
from application.ports import (
    Append,
    Clock,
    EventLog,
    Ids,
    Nodes,
    Recorded,
    SchemaCheck,
    StoreUnavailable,
    Summary,
    VersionConflict,
)
from application.programs import Programs
from application.publications import Publications
from application.publishing import Publisher
from application.reading import execution_event
from application.requests import EXECUTION_ID, Accepted, Done, ForkRequest, Published, Submission, ToPublish
from application.residents import Residents
from application.reusing import Recordings
from application.running import NodeRunner
from application.settling import Settling
from application.timers import Timers
from application.writer import Writer
from domain.commands import Cancel, FireDue, OutsideCommand, Recover, Retry, RollBack, Rules, Start
from domain.decide import decide
from domain.errors import ClewError, InvalidDefinition, NotFound, Outdated, Refused, Unacceptable, Unavailable
from domain.events import CommandKey, ExecutionEvent, ExecutionForked, ExecutionStarted
from domain.evolve import evolve, fold
from domain.execution import Execution
from domain.forked import base_of
from domain.limits import Limits
from domain.program import Program

logger = logging.getLogger("clew.engine")
DECIDE_AGAIN: Final = 100
"""Times that a command is decided again after somebody else's append came first."""
REVIVE_S: Final = 1.0
"""How long after a failed commit an execution is folded again from the log, and goes on."""
CUT_S: Final = 1.0
"""How long a stop waits for a node to take notice that it is cut short. One that doesn't is left behind."""


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How much one engine does at once.

    `resident_bytes` bounds what is kept in memory of executions that rest (some 1,600 small ones): those that were let go
    leave a timer, if anything, and are folded from the log when they are woken.
    """

    limits: Limits = Limits()
    max_running: int = 1_000
    threads: int = 32
    resident_bytes: int = 8 * 1_048_576
    stop_s: float = 5.0
    """How long a stop waits for nodes in flight."""
    worker: str = "worker"


class Engine:
    """Drives the executions of one store. Lives on one event loop, which nothing else should block."""

    def __init__(  # noqa: PLR0913 - the engine's ports
        self,
        *,
        log: EventLog,
        nodes: Nodes,
        clock: Clock,
        ids: Ids,
        check_schema: SchemaCheck,
        programs: Programs,
        settings: EngineSettings | None = None,
        secrets: dict[str, str] | None = None,
        committed: Callable[[int], None] = lambda position: None,
        folds: Folds | None = None,
    ) -> None:
        self.settings = settings or EngineSettings()
        self._programs = programs
        self._log = log
        self._folds = folds or Folds(log)
        self._clock = clock
        self._ids = ids
        self._check_schema = check_schema
        self._writer = Writer(log, committed)
        self.publications = Publications(log, programs, nodes)
        self._publisher = Publisher(
            self.publications,
            programs,
            nodes,
            writer=self._writer,
            clock=clock,
            limit=self.settings.limits.published_versions,
        )
        self._calls = Calls(programs, self.publications, writer=self._writer, clock=clock)
        self._runner = NodeRunner(nodes, threads=self.settings.threads, secrets=secrets or {}, call=self._calls.resolve)
        self._children = Children(
            log,
            self._folds,
            clock,
            live_of=self._live,
            submit=self.submit,
            command=self.command,
            moved=self._moved,
            spawn=self._spawn,
        )
        self.breakers = Breakers(clock)
        self._driver = Driver(
            nodes,
            self._runner,
            clock,
            breakers=self.breakers,
            recordings=Recordings(log, self._folds, programs, nodes),
            worker=self.settings.worker,
            max_running=self.settings.max_running,
            rested=self._look_after,
        )
        self._residents = Residents(self.settings.resident_bytes)
        self._timers = Timers(clock, self._fire)
        self._settling = Settling(log, self._children, self._live)
        self._unloaded: set[str] = set()
        """Executions whose memory is no longer true, though this worker lives: each is to be folded again."""
        self._chores: set[asyncio.Task[None]] = set()
        self.stranded: dict[str, str] = {}
        """Executions that should run and can't be taken up, with the reason: their nodes are not here, mostly."""

    # Life

    async def start(self, unfinished: Iterable[Summary] = ()) -> None:
        """Take up what the lists say is unfinished: what was running goes on, what was parked keeps its due time."""
        self._timers.start()
        unfinished = list(unfinished)
        await self._children.cancel_orphans(unfinished)
        for summary in unfinished:
            if summary.status == "running" or summary.children:
                await self._take_up(summary.execution_id)
            elif summary.due is not None:
                self._timers.note(summary.execution_id, summary.due)

    def begin_no_more(self) -> None:
        """Begin no step any more; those in flight go on."""
        self._driver.stopping = True

    async def stop(self) -> None:
        """Begin no step any more, give those in flight a while, and make durable what is known.

        A node that does not end in time is left as it is in the log: in flight, to be recovered at the next start.
        """
        self.begin_no_more()
        await self._timers.stop()
        tasks = [task for live in self._residents for task in live.tasks.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self.settings.stop_s)
            for task in late:
                self._runner.cut(task)
            _, left = await asyncio.wait(late, timeout=CUT_S) if late else ((), ())
            for task in left:
                logger.error("%s: its node does not take notice of the stop, and is left behind", task.get_name())
        for live in self._residents:
            try:
                await live.flush()
            except ClewError as error:
                logger.error("%s: what was decided last is not recorded: %s", live.execution.id, error)
        for chore in list(self._chores):
            chore.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)
        self._runner.close()
        self._calls.close()

    @property
    def sickness(self) -> str | None:
        """Why nothing could be recorded a moment ago, or None."""
        return self._writer.sickness

    # What people ask

    async def submit(self, submission: Submission) -> Accepted:
        """Begin an execution. Durable when it returns.

        Raises InvalidDefinition; Unacceptable for a key that came with another request, or a bad id; Refused when the
        id is taken; Unavailable when there is too much to do already.
        """
        program = self._program_of(submission)
        self._refuse_if_full()
        execution_id = self._id_for(submission)
        execution = Execution(id=execution_id)
        start = Start(
            now=self._clock.now(),
            actor=submission.actor,
            initial_state=submission.initial_state,
            labels=submission.labels,
            priority=submission.priority,
            parent=submission.parent,
            key=submission.key,
        )
        events = decide(execution, start, self._rules(program))
        try:
            live, recorded = await self._begin(execution, program, submission.definition, events)
        except VersionConflict:
            return await self._existing(execution_id, submission)
        return Accepted(
            execution_id=execution_id,
            status=live.execution.status,
            position=recorded[-1].position,
            warnings=self.publications.warnings_of(program) if submission.parent is None else (),
        )

    async def fork(self, plan: ForkPlan) -> Accepted:
        """Begin a fork. Durable when it returns.

        Raises Unacceptable when its definition has no place for it, an edit does not apply, or a key came with another
        request; Refused when the id is taken, or it goes back too far; Unavailable when there is too much to do already.
        """
        self._refuse_if_full()
        request = plan.request
        base = base_of(plan.base, self._id_for(request))
        command = msgspec.structs.replace(plan.command, now=max(self._clock.now(), plan.base.updated))
        events = decide(base, command, self._rules(plan.program))
        try:
            live, recorded = await self._begin(base, plan.program, plan.definition, events)
        except VersionConflict:
            return await self._existing(base.id, request)
        self._folds.keep(evolve(base, events[0]), recorded[0].hash, Growth())
        self._look_after(live)  # it may have nothing to do: parked, or at its end
        return Accepted(
            execution_id=base.id,
            status=live.execution.status,
            position=recorded[-1].position,
            warnings=self.publications.warnings_of(plan.program),
        )

    async def forked(self, request: ForkRequest) -> Accepted | None:
        """The fork that a request has led to already, as it was then; None: it has not, and would have an id of its own.

        Raises as `fork` does when the id is taken by something else.
        """
        if request.execution_id is None and request.key is None:
            return None
        execution_id = self._id_for(request)
        if not self._log.version(execution_id):
            return None
        return await self._existing(execution_id, request)

    def _refuse_if_full(self) -> None:
        if self._writer.is_full():
            raise Unavailable("There is more waiting to be recorded than may be. Try again in a second.")

    async def _begin(
        self, base: Execution, program: Program, definition: dict[str, Any] | None, events: tuple[ExecutionEvent, ...]
    ) -> tuple[Live, tuple[Recorded, ...]]:
        """Record the first events of an execution, durably, and let it go on. Raises VersionConflict, StoreUnavailable."""
        try:
            recorded = await self._record_start(base.id, program, definition, events)
        except StoreUnavailable:
            self._spawn(self._look_for(base.id))
            raise
        live = self._residents.get(base.id)
        if live is None:  # else somebody's command was quicker, and found it in the log
            growth = Growth()
            growth.add(recorded)
            live = self._made_live(fold(events, base), program, growth)
        self._go_on(live)
        return live, recorded

    async def publish(self, asked: ToPublish) -> Published:
        """Publish a version of a workflow (see `Publisher.publish`)."""
        return await self._publisher.publish(asked)

    def _program_of(self, submission: Submission) -> Program:
        if submission.definition_hash:
            return self._programs.of(submission.definition_hash)
        return self._programs.compile(submission.definition, submission.known)

    def _id_for(self, submission: Submission | ForkRequest) -> str:
        if submission.execution_id is not None:
            if not EXECUTION_ID.fullmatch(submission.execution_id):
                message = (
                    f"{submission.execution_id[:60]!r} can't be an id: write 1 to 128 letters, digits, _, . and -."
                )
                raise Unacceptable(message, code="INVALID_ID")
            return submission.execution_id
        if submission.key is not None:
            text = f"{submission.actor}\n{submission.route}\n{submission.key.key}"
            return "ex_" + sha256(text.encode()).hexdigest()[:32]
        return self._ids.new("ex_")

    async def _record_start(
        self, execution_id: str, program: Program, definition: dict[str, Any] | None, events: tuple[ExecutionEvent, ...]
    ) -> tuple[Recorded, ...]:
        """Record the definition, unless the log has it, and the start, in one transaction."""
        stored = self._programs.storing(program.hash, definition, events[0].time) if definition is not None else None
        if stored is not None:  # a conflict here only says that somebody stored the same definition first
            self._writer.submit(stored)
        return await self._writer.submit(Append(stream=execution_id, after=0, events=events))

    async def _look_for(self, execution_id: str) -> None:
        """A start that could not be confirmed may be in the log all the same: then the execution goes on."""
        while not self._driver.stopping:
            await asyncio.sleep(REVIVE_S)
            try:
                if self._log.version(execution_id):
                    await self._take_up(execution_id)
            except ClewError as error:
                logger.error("%s: nobody knows yet whether it has begun: %s", execution_id, error)
            else:
                return

    async def _existing(self, execution_id: str, request: Submission | ForkRequest) -> Accepted:
        """The answer when the id is taken: by the same request (a replay), or by something else."""
        first = self._log.read(execution_id, limit=1)[0]
        execution = self._folds.load(execution_id)
        if execution.status == "running" and self._residents.get(execution_id) is None:
            await self._take_up(execution_id)  # nobody knew yet that it has begun
        if request.key is not None and _key_of(first) == request.key:
            if isinstance(request, ForkRequest):
                execution = self._folds.after_command(execution_id, 1)
            return self._replayed(execution, first.position)
        if request.key is not None and request.execution_id is None:
            raise _key_reused(request.key)
        if isinstance(request, Submission) and request.on_conflict == "use":
            found = self._replayed(execution, first.position)
            return msgspec.structs.replace(found, existing=True)
        raise Refused(f"There is an execution {execution_id!r} already.", code="EXECUTION_EXISTS")

    def _replayed(self, execution: Execution, position: int) -> Accepted:
        return Accepted(execution_id=execution.id, status=execution.status, position=position, replayed=True)

    async def command(self, execution_id: str, command: OutsideCommand) -> Done:
        """Decide a command on the execution as it is now. Durable when it returns.

        Raises NotFound; Refused or Unacceptable as `decide` does; StoreUnavailable when it can't be recorded.
        """
        for _ in range(DECIDE_AGAIN):
            live = await self._live(execution_id)
            known = live.execution.keys.get(command.key.key) if command.key is not None else None
            if known is not None:
                if known.key != command.key:
                    raise _key_reused(known.key)
                await live.flush()
                then = self._folds.after_command(execution_id, known.version)
                return self._done(then, changed=False, replayed=True)
            try:
                events = live.decide(msgspec.structs.replace(command, now=self._driver.now(live)))
            except Outdated:
                await live.flush()  # the version that is told is to be one that can be looked at
                raise
            if events and isinstance(command, Retry) and command.into is not None:
                live.rules = self._rules(command.into)
            decided = live.execution  # what is answered: by the time that this is durable, it may have gone on
            if isinstance(command, Cancel | RollBack):
                for task in live.tasks.values():
                    self._runner.cut(task)
            self._go_on(live)
            self._look_after(live)  # also if it can't be recorded: then it is folded again from the log
            try:
                position = await live.flush()
            except VersionConflict:
                self._unload(live)
                continue
            return self._done(decided, changed=bool(events), position=position)
        raise Unavailable(f"{execution_id} is being changed too quickly from elsewhere. Try again.")

    async def keep_definition(self, definition: dict[str, Any], program: Program) -> None:
        """Make a definition durable that an execution is to go on by. Raises StoreUnavailable."""
        stored = self._programs.storing(program.hash, definition, self._clock.now())
        if stored is not None:
            with contextlib.suppress(VersionConflict):  # somebody stored the same
                await self._writer.submit(stored)

    def _done(self, execution: Execution, *, changed: bool, position: int = 0, replayed: bool = False) -> Done:
        return Done(
            execution_id=execution.id,
            status=execution.status,
            version=execution.version,
            position=position or self._log.position(),
            changed=changed,
            replayed=replayed,
        )

    async def settled(self, execution_id: str, timeout_s: float) -> bool:
        """Wait until the execution has ended, parked or paused, durably. False when the time was not enough.

        One that waits for a child has parked when that has: until then it goes on by itself.
        """
        return await self._settling.settled(execution_id, timeout_s)

    # What the engine does by itself

    def _rules(self, program: Program) -> Rules:
        return Rules(program=program, limits=self.settings.limits, check_schema=self._check_schema)

    async def _live(self, execution_id: str) -> Live:
        """The live execution: as it is in memory, else folded from the log. Raises NotFound.

        Raises Refused when its definition does not compile with the nodes that are here now.
        """
        live = self._residents.get(execution_id)
        if live is None:
            execution, growth = self._folds.grown(execution_id)
            try:
                program = self._programs.of(execution.definition_hash)
            except InvalidDefinition as error:
                raise Refused(f"{execution_id} can't go on here: {error.message}", code="CAN_NOT_GO_ON") from error
            live = self._made_live(execution, program, growth)
            live.bereft = execution_id in self._unloaded
            self._unloaded.discard(execution_id)
            self._residents.rests(live)
            self._children.taken_up(live)
        return live

    def _made_live(self, execution: Execution, program: Program, growth: Growth) -> Live:
        live = Live(execution, self._rules(program), self._writer, folds=self._folds, growth=growth)
        self._residents.add(live)
        return live

    async def _take_up(self, execution_id: str) -> None:
        """Go on with an execution that was running when its worker stopped, crashed or lost the store."""
        try:
            live = await self._live(execution_id)
        except (NotFound, Refused) as error:
            logger.error("%s", error)
            self.stranded[execution_id] = error.message
            return
        self.stranded.pop(execution_id, None)
        if live.execution.status == "running" and live.fresh:
            self._recover(live)
        if live.execution.due is not None and len(live.execution.waits()) == len(live.execution.branches):
            self._timers.note(execution_id, live.execution.due)  # an attempt that is due begins in its order among all
        else:
            self._driver.wake(live)
        self._look_after(live)

    def _go_on(self, live: Live) -> None:
        """Let the execution go on, if it can: what a crash interrupted is recovered first."""
        if live.fresh and live.execution.status == "running" and live.execution.in_flight():
            self._recover(live)
        self._driver.wake(live)

    def _recover(self, live: Live) -> None:
        live.fresh = False
        cause: Literal["crash", "store"] = "store" if live.bereft else "crash"
        live.decide(Recover(now=self._driver.now(live), worker=self.settings.worker, cause=cause))

    async def _fire(self, execution_id: str) -> None:
        live = await self._live(execution_id)
        live.decide(FireDue(now=self._driver.now(live)))
        self._go_on(live)
        self._look_after(live)

    def _moved(self, live: Live) -> None:
        self._go_on(live)
        self._look_after(live)

    def _look_after(self, live: Live) -> None:
        """After anything that changed an execution: make it durable, then let go, set timers and tell who waits."""
        self._spawn(self._settle(live))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        chore = asyncio.get_running_loop().create_task(work)
        self._chores.add(chore)
        chore.add_done_callback(self._chores.discard)

    async def _settle(self, live: Live) -> None:
        execution = None
        while execution is not live.execution and (execution is None or live.execution.status != "running"):
            execution = live.execution
            try:
                await live.flush()
            except ClewError as error:
                self._unload(live)
                await self._revive(execution.id, error)
                return
        if execution is not None:
            self._children.durable(live, execution)
        execution = live.execution
        self._timers.note(execution.id, execution.due)
        if execution.status == "running":  # whoever moves it on looks after it
            return
        self._settling.rests(execution)
        if execution.has_ended and not live.tasks:
            self._residents.drop(live)
        else:
            self._residents.rests(live)

    def _unload(self, live: Live) -> None:
        for task in live.tasks.values():
            self._runner.cut(task)
        self._residents.drop(live)
        self._unloaded.add(live.execution.id)

    async def _revive(self, execution_id: str, error: ClewError) -> None:
        """After a failed commit the log is what is true: fold it again, as often as it takes, and go on from there."""
        logger.error("%s: a commit failed, it is taken up again from the log: %s", execution_id, error)
        while not self._driver.stopping:
            await asyncio.sleep(REVIVE_S)
            try:
                await self._take_up(execution_id)
            except ClewError as again:
                logger.error("%s can't be taken up yet: %s", execution_id, again)
            else:
                return


def _key_of(first: Recorded) -> CommandKey | None:
    """The key that an execution was begun with."""
    started = execution_event(first)
    return started.key if isinstance(started, ExecutionStarted | ExecutionForked) else None


def _key_reused(key: CommandKey) -> Unacceptable:
    message = f"The idempotency key {key.key!r} was used for another request. A new request needs a new key."
    return Unacceptable(message, code="IDEMPOTENCY_KEY_REUSED")
