"""Lives of an engine on one log: random workflows, random people, crashes in between, and the end of it all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from copy import deepcopy
from dataclasses import dataclass, field
from random import Random
from typing import Any

from application.engine import Engine, EngineSettings
from application.folds import Folds
from application.forking import Forks
from application.ports import Summary
from application.programs import Programs
from application.publications import Publications
from application.reading import execution_event, load
from application.requests import ForkRequest, Submission
from application.summaries import summarise
from domain.commands import Cancel, EditState, OutsideCommand, Pause, Resume, Retry, RollBack, Signal, TakeSnapshot
from domain.context import ExecutionContext
from domain.errors import ClewError
from domain.events import CommandKey, NodeStarted
from domain.execution import Execution
from domain.json_patch import read_operations
from domain.limits import Limits
from domain.node import Answer, Edge, NodeMetadata, WorkflowNode
from infrastructure.json_schemas import check_schema
from infrastructure.memory_log import MemoryLog
from infrastructure.nodes.library import standard_registry
from infrastructure.nodes.registry import NodeRegistry
from infrastructure.sqlite_log import SqliteLog
from infrastructure.table_store import TableStore
from tests.reference.nodes import Does
from tests.simulation.faults import FaultyLog, Ledger, Plan
from tests.simulation.invariants import History, violations
from tests.simulation.virtual_time import VirtualClock, VirtualLoop, measured_by

LIFE_S = 1_200.0
FORKING = 0.15
"""How often somebody who may change things forks the execution besides."""
"""Virtual seconds after which a life that has not settled is taken to stand still."""
EFFECTS = {"a": "writes", "b": "writes", "c": "reads", "d": "writes", "e": "none"}


class Ids:
    """Ids in order, over all lives."""

    def __init__(self) -> None:
        self.count = 0

    def new(self, prefix: str) -> str:
        """The next one."""
        self.count += 1
        return f"{prefix}{self.count}"


@dataclass
class World:
    """A log, and everything that must outlive the engines on it."""

    seed: int | str
    script: dict[str, list[Does]] = field(default_factory=dict)
    log: MemoryLog | SqliteLog = field(default_factory=MemoryLog)
    ledger: Ledger = field(default_factory=Ledger)
    history: History = field(default_factory=History)
    ids: Ids = field(default_factory=Ids)
    crashes: int = 0
    now: float = 0.0
    given: dict[str, Does] = field(default_factory=dict)
    """What each try of a visit does, by its key and number."""
    tables: TableStore | None = None
    engine: Engine | None = None
    """The one that lives now."""

    def __post_init__(self) -> None:
        self.chance = Random(f"world {self.seed}")
        self.forking = Random(f"forks {self.seed}")
        self.left = {name: list(acts) for name, acts in self.script.items()}

    def live(self, plan: Plan, act: Callable[[Life], Coroutine[Any, Any, None]]) -> bool:
        """One life of an engine. False: it was killed."""
        loop = VirtualLoop(self.now)
        clock = VirtualClock(loop)
        log = FaultyLog(self.log, plan, loop.stop, clock=clock, ledger=self.ledger)
        life = self.life(log, clock)
        try:
            with measured_by(loop):
                loop.run_until_complete(asyncio.wait_for(life.run(act), LIFE_S))
        except RuntimeError:
            if not log.crashed:
                raise
            self.crashes += 1
            return False
        finally:
            self.now = loop.now + 1
            log.crashed = True
            loop.bury()
        return True

    def life(self, log: FaultyLog, clock: VirtualClock) -> Life:
        """A new one."""
        return Life(self, log, clock)

    def violations(self) -> list[str]:
        """What is not as it must be."""
        return violations(self.log, self.history, self.ledger, crashes=self.crashes)

    def summaries(self) -> list[Summary]:
        """The rows of all executions, folded from the whole log."""
        rows: dict[str, Summary] = {}
        for recorded in self.log.follow(0, 1_000_000):
            row = summarise(rows.get(recorded.stream), recorded)
            if row is not None:
                rows[recorded.stream] = row
        return list(rows.values())

    def does(self, context: ExecutionContext) -> Does:
        """What this visit does: the same when a crash lets it try again, the next when it retries by itself."""
        key = f"{context.idempotency_key} {context.step.attempt - self._interruptions(context)}"
        if key not in self.given:
            self.given[key] = self.give(key, context.step.name)
        return self.given[key]

    def give(self, key: str, name: str) -> Does:
        """What a try does that is the next of its step."""
        del key
        acts = self.left.get(name)
        return acts.pop(0) if acts else Does()

    def _interruptions(self, context: ExecutionContext) -> int:
        """How often this visit was interrupted, as its engine knows: of a node without effects that need not be durable."""
        live = self.engine._residents.get(context.execution_id) if self.engine is not None else None
        visits = [branch.visit for branch in live.execution.branches.values()] if live is not None else []
        here = (context.step.address, context.step.visit)
        return next((visit.recoveries for visit in visits if visit and (visit.address, visit.number) == here), 0)


class Life:
    """One engine, from its start to its stop or crash."""

    def __init__(self, world: World, log: FaultyLog, clock: VirtualClock) -> None:
        self.world = world
        self.log = log
        nodes = standard_registry(files_root=None, entry_points=False, tables=world.tables)
        for letter, effect in EFFECTS.items():
            nodes.register(effect_node(letter, effect, world, log))
        nodes.register(Drop)
        nodes.register(Deepen)
        nodes.register(Broken)
        self.engine = world.engine = self.engine_on(nodes, clock)
        programs = Programs(world.log, nodes, Limits())
        self._forks = Forks(
            world.log,
            Folds(world.log),
            programs,
            Publications(world.log, programs, nodes),
            nodes=nodes,
            head_of=lambda name: folded(world, name),
            version_at=lambda head, at: int(at),
        )

    def engine_on(self, nodes: NodeRegistry, clock: VirtualClock) -> Engine:
        """Its engine, not started."""
        settings = EngineSettings(worker="w", limits=Limits())
        return Engine(
            log=self.log,
            nodes=nodes,
            clock=clock,
            ids=self.world.ids,
            check_schema=check_schema,
            programs=Programs(self.log, nodes, settings.limits),
            settings=settings,
        )

    async def run(self, act: Callable[[Life], Coroutine[Any, Any, None]]) -> None:
        """Start, act, wait until everything has come to rest, stop."""
        unfinished = [row for row in self.world.summaries() if row.status in ("running", "suspended")]
        await self.engine.start(unfinished)
        await act(self)
        await self.rest()
        await self.engine.stop()

    async def rest(self) -> None:
        """Wait until every execution has ended, paused, or parked for somebody: what waits for a time comes to it."""
        while True:
            await self._settle()
            rows = self.world.summaries()
            if all(row.due is None and row.status != "running" for row in rows):
                return
            await asyncio.sleep(1.0)

    async def _settle(self) -> None:
        for row in self.world.summaries():
            while not await self._told(lambda row=row: self.engine.settled(row.execution_id, 30.0)):  # type: ignore[misc]
                if self.engine.stranded:
                    raise AssertionError(self.engine.stranded)

    async def submit(self, definition: dict[str, Any], key: str) -> str | None:
        """Begin an execution, as a client that tries again under the same key until it is told."""
        submission = Submission(definition=definition, key=CommandKey(key=key, request=key), actor="client")
        accepted = await self._told(lambda: self.engine.submit(submission))
        if accepted is None:
            return None
        self.world.history.accept(accepted.execution_id, key, accepted.position)
        return str(accepted.execution_id)

    async def ask(self, execution_id: str, command: OutsideCommand) -> None:
        """Give a command, and note it if it was acknowledged."""
        done = await self._told(lambda: self.engine.command(execution_id, command))
        if done is not None and done.changed and command.key is not None:
            self.world.history.command(execution_id, command.key.key, done.version)

    async def _told(self, ask: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """The answer, or None for a refusal; a store that could not record is asked again."""
        for _ in range(5):
            try:
                return await ask()
            except ClewError as error:
                if error.code != "STORE_UNAVAILABLE":
                    return None
                await asyncio.sleep(1.5)
        return None

    async def people(self, execution_id: str, count: int, *, harmless: bool) -> None:
        """Somebody who commands an execution now and then; harmless commands change nothing about how it ends."""
        chance = self.world.chance
        for _ in range(count):
            await asyncio.sleep(chance.random() * 0.05)
            self.world.ids.count += 1
            key = CommandKey(key=f"command {self.world.ids.count}", request="r")
            kinds: list[OutsideCommand] = [Pause(now=0, key=key), Resume(now=0, key=key)]
            if not harmless:
                kinds += [Signal(now=0, name="go", payload=1, key=key), Retry(now=0, key=key), Cancel(now=0, key=key)]
                kinds += self._changes(execution_id, key)
            await self.ask(execution_id, chance.choice(kinds))
            if not harmless and self.world.forking.random() < FORKING:
                await self.fork(execution_id)
        if folded(self.world, execution_id).status == "paused":
            await self.ask(execution_id, Resume(now=0))

    async def fork(self, execution_id: str) -> None:
        """Somebody goes on from a version in another execution, as a client that tries again until it is told."""
        chance = self.world.forking
        key = CommandKey(key=f"fork {chance.random()}", request="r")
        head = folded(self.world, execution_id)
        edit: dict[str, Any] = {
            "op": "add",
            "path": f"/{chance.choice('abnxq')}",
            "value": chance.choice((0, 1, "e", {})),
        }
        request = ForkRequest(
            source=execution_id,
            at=str(chance.randint(1, head.version)),
            operations=read_operations([edit][: chance.randint(0, 1)]),
            effects=chance.choice(("rerun", "reuse")),
            signals=chance.choice(("keep", "drop")),
            timers=chance.choice(("restart", "keep")),
            key=key,
        )
        plan = self._forks.plan(request)
        accepted = await self._told(lambda: self.engine.fork(plan))
        if accepted is not None:
            self.world.history.accepted[accepted.execution_id] = accepted.position
            self.world.history.answers.setdefault(key.key, set()).add(accepted.execution_id)

    def _changes(self, execution_id: str, key: CommandKey) -> list[OutsideCommand]:
        """Somebody goes back to a version, edits the state, and names a version."""
        chance = self.world.chance
        head = folded(self.world, execution_id)
        folds = Folds(self.world.log)
        to = folds.end_of_completion(execution_id, chance.randint(1, head.version))
        value: Any = chance.choice((0, 1, "e", [1, 2, 3, 4, 5], {}))
        patch = [{"op": "add", "path": f"/{chance.choice('abnxq')}", "value": value}]
        expected = chance.choice((None, None, (head.version,)))
        return [
            RollBack(now=0, key=key, target=folds.load(execution_id, upto=to), expected=expected),
            EditState(now=0, key=key, operations=read_operations(patch), expected=expected),
            TakeSnapshot(now=0, key=key, name=chance.choice("mn")),
        ]


def effect_node(letter: str, effect: Any, world: World, log: FaultyLog) -> type[WorkflowNode]:
    """A node that takes a while, does what the world has in store for its visit, and keeps the ledger."""

    class Doing(WorkflowNode):
        metadata = NodeMetadata(id=letter, name=letter, version="1.0.0", effect=effect)
        keeps_config = True

        async def execute(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
            if not log.crashed:
                _note(world, context, effect)
            await asyncio.sleep(world.chance.choice((0, 0, 0.001, 0.01, 0.05)))
            does = world.does(context) if not log.crashed else Does()
            if does.raises is not None:
                raise ValueError(does.raises)
            for key, value in does.writes.items():
                context.state[key] = deepcopy(value)
            return None if does.edge is None else Edge(does.edge, deepcopy(does.data))

    return Doing


class Drop(WorkflowNode):
    """Takes a key away in which others write."""

    metadata = NodeMetadata(id="drop", name="Drop", version="1.0.0", effect="reads")

    async def execute(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        await asyncio.sleep(0.001)
        context.state.pop("deep", None)
        return Edge("dropped")


class Deepen(WorkflowNode):
    """Writes into a key that others take away."""

    metadata = NodeMetadata(id="deepen", name="Deepen", version="1.0.0", effect="reads")

    async def execute(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        deep = context.state.setdefault("deep", {})
        await asyncio.sleep(0.002)
        if isinstance(deep, dict):
            deep.setdefault("list", []).append(context.step.visit)
        return Edge("deepened")


class Broken(WorkflowNode):
    """Never comes to anything."""

    metadata = NodeMetadata(id="broken", name="Broken", version="1.0.0", effect="reads")

    async def execute(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        raise ValueError("broken for good")


def _note(world: World, context: ExecutionContext, effect: str) -> None:
    """Write down that a node runs; one with an effect must find its beginning in the log."""
    if effect != "writes":
        return
    step = context.step
    world.ledger.did(context.execution_id, step.address, str(step.visit), context.idempotency_key)
    for recorded in world.log.read(context.execution_id, newest_first=True):
        event = execution_event(recorded)
        if isinstance(event, NodeStarted) and event.address == step.address and event.visit == step.visit:
            if event.attempt == step.attempt:
                return
            break
    world.ledger.wrong.append(f"{step.address} visit {step.visit}: its effect came before its beginning was durable")


def folded(world: World, execution_id: str) -> Execution:
    """An execution as the log has it."""
    return load(world.log, execution_id)
