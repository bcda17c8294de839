"""An execution walked again with nothing changed comes out as it was, event by event."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from contextlib import suppress
from copy import deepcopy
from random import Random
from typing import Any

import msgspec
import pytest

from application.preparing import prepare_visit
from application.retracing import Assumed, called_as_asked
from application.running import NodeRunner, Ran
from domain.commands import (
    Begin,
    Command,
    EditState,
    Erred,
    Finish,
    FireDue,
    Resume,
    Retry,
    RollBack,
    Stored,
    TakeSnapshot,
)
from domain.compiler import compile_definition
from domain.completions import end_of_completion
from domain.errors import InvalidDefinition, Refused, Unacceptable
from domain.events import ExecutionEvent, NodeStarted
from domain.evolve import fold
from domain.execution import Execution
from domain.json_patch import Operation
from domain.position import Branch, Visit
from domain.preparing import Prepared
from domain.program import Step
from infrastructure.json_schemas import check_schema
from infrastructure.nodes.library import standard_registry
from infrastructure.nodes.registry import NodeRegistry
from tests.reference.strategies import LETTERS, Case, build
from tests.reference.test_against_reference import MOST_TURNS, act_of, disturb, is_refused, sent
from tests.support.retracing import QUIET, Constant, retraced
from tests.support.workflows import Script, Walk, scripted, workflow

TORTURE = os.environ.get("CLEW_TORTURE") == "1"
SEEDS = 8_000 if TORTURE else 800


def nodes_doing(script: Script, effect: str) -> NodeRegistry:
    """The library, and the letters with this effect."""
    registry = standard_registry(files_root=None, entry_points=False)
    for letter in LETTERS:
        registry.register(scripted(letter, script, effect=effect))
    return registry


class Lively(Walk):
    """A walk whose nodes are run as the engine runs them, and may be in flight side by side."""

    def __init__(self, definition: dict[str, Any], nodes: NodeRegistry, loop: asyncio.Runner) -> None:
        self._loop = loop
        self._runner = NodeRunner(nodes, threads=1, secrets={}, call=called_as_asked, log=QUIET)
        self.flying: dict[str, tuple[Visit, Ran, tuple[str, ...]]] = {}
        super().__init__(definition, nodes)
        self.rules = msgspec.structs.replace(self.rules, check_schema=check_schema)

    def turn(self, chance: Random) -> None:
        """A node in flight ends, or another visit begins."""
        self.flying = {name: each for name, each in self.flying.items() if self._is_open(name, each[0])}
        ready = [name for name, branch in self.execution.branches.items() if self._can_go(name, branch)]
        name = chance.choice([*self.flying, *ready])
        self.now += 1_000
        if name in self.flying:
            self.land(name)
            return
        visit = self.execution.branches[name].visit
        step = self._step(name)
        value, prepared = prepare_visit(self.execution, name, step, program=self.program, nodes=self.nodes)
        late: tuple[str, ...] = ()
        if visit is not None and visit.ready:
            late = prepared.warnings
        else:
            self.decide(Begin(now=self.now, branch=name, warnings=prepared.warnings))
        visit = self.execution.branches[name].visit
        if visit is not None and visit.wait is None:
            self.flying[name] = (visit, self._loop.run(self._fly(name, step, value, prepared)), late)

    def land(self, name: str) -> None:
        """What a node gave is recorded."""
        _, ran, late = self.flying.pop(name)
        finish = Finish(now=self.now, branch=name, outcome=ran.outcome, patch=ran.patch, reads=ran.reads, warnings=late)
        self.decide(finish)

    async def _fly(self, name: str, step: Step, value: Any, prepared: Prepared) -> Ran:
        if prepared.failure is not None:
            return Ran(outcome=Erred(error=prepared.failure))
        if step.setter is not None:
            return Ran(outcome=Stored(value=value))
        return await self._runner.run(self.execution, self.execution.branches[name], step, prepared)

    def _is_open(self, name: str, visit: Visit) -> bool:
        branch = self.execution.branches.get(name)
        return branch is not None and branch.visit == visit

    def _can_go(self, name: str, branch: Branch) -> bool:
        wait = branch.visit.wait if branch.visit is not None else None
        return name not in self.flying and branch.address is not None and (wait is None or wait.kind == "retry")


def lived(case: Case, nodes: NodeRegistry, chance: Random, loop: asyncio.Runner) -> Walk:
    """An execution of a case, its branches in any order, with crashes and pauses."""
    walk = Lively(case.definition, nodes, loop)
    mail, again = list(case.mail), case.again
    for _ in range(chance.choice((MOST_TURNS, MOST_TURNS, 30))):
        if not walk.flying and not walk.execution.has_ended and len(walk.execution.branches) == 1:
            disturb(walk, chance)
        if not walk.flying and chance.random() < 0.1:
            meddle(walk, chance)
        waits = walk.execution.waits()
        match walk.execution.status:
            case "running":
                walk.now = max([walk.now, *(wait.due or 0 for _, _, wait in waits)])
                walk.turn(chance)
            case "suspended" if (due := waits[0][2].due) is not None:
                walk.now = max(walk.now, due)
                walk.decide(FireDue(now=walk.now))
            case "suspended" if mail:
                sent(walk, *mail.pop(0))
            case "paused" if walk.flying:
                walk.land(next(iter(walk.flying)))
            case "failed" | "paused" as status if again:
                again -= 1
                walk.decide(Retry(now=walk.now) if status == "failed" else Resume(now=walk.now))
            case _:
                break
    return walk


def meddle(walk: Walk, chance: Random) -> None:
    """Somebody goes back, changes the state, or names a version, if that may be now."""
    version = chance.randint(1, len(walk.events))
    version = end_of_completion(version, walk.events[version - 1 :])
    command: Command = chance.choice(
        (
            RollBack(now=walk.now, target=fold(walk.events[:version], Execution(id="walked"))),
            EditState(now=walk.now, operations=(Operation(op="add", path="/k0", value=chance.randint(0, 3)),)),
            TakeSnapshot(now=walk.now, name="here", actor="ann"),
        )
    )
    with suppress(Refused, Unacceptable):
        walk.decide(command)


def plain(events: list[ExecutionEvent]) -> list[dict[str, Any]]:
    """The events, without who did them, and without the warnings that a crash kept nobody from seeing."""
    shown = []
    for event in events:
        cleaned = msgspec.structs.replace(event, worker="", warnings=()) if isinstance(event, NodeStarted) else event
        shown.append({"type": type(event).__name__, **msgspec.to_builtins(cleaned)})
    return shown


def check_unchanged(seed: int, effect: str, loop: asyncio.Runner) -> None:
    """Walk a random execution again, from its beginning or from a version."""
    case = build(Random(f"retraced {seed}"))
    if is_refused(case):
        return
    acts = {name: [act_of(does) for does in each] for name, each in case.script.items()}
    script = Script(acts) if effect == "writes" else Constant(acts)
    nodes = nodes_doing(script, effect)
    chance = Random(seed)
    walk = lived(case, nodes, chance, loop)
    ran = len(script.ran)
    at = chance.choice((None, None, chance.randint(1, len(walk.events))))
    try:
        again = retraced(walk.events, walk.program, nodes, upto=at)
        assert again.events is not None
        began = again.execution.version - len(again.events)
        assert plain(again.events) == plain(walk.events[began:])
        assert again.execution == walk.execution
        assert (again.astray, again.needs) == (False, [])
    except BaseException as error:
        error.add_note(f"seed {seed}, at {at}: {json.dumps(case.definition)}")
        raise
    assert effect == "none" or len(script.ran) == ran, "a node with an effect has run"


@pytest.mark.parametrize("effect", ["writes", "none"])
@pytest.mark.parametrize("block", range(2))
def test_nothing_changed_comes_out_the_same(effect: str, block: int) -> None:
    """From the beginning and from any version, with nodes that are recorded and with nodes that compute."""
    loop = asyncio.Runner()
    for seed in (5_455, *range(block * SEEDS // 2, (block + 1) * SEEDS // 2)):
        check_unchanged(seed, effect, loop)
    loop.close()


def mutated(definition: dict[str, Any], other: dict[str, Any], chance: Random) -> dict[str, Any]:
    """The definition with something changed, in a place or wholly."""
    changed: dict[str, Any] = deepcopy(definition)
    lists: list[list[Any]] = []

    def look(value: Any) -> None:
        if isinstance(value, list):
            lists.append(value)
        for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            look(each)

    look(changed["workflow"])
    place = chance.choice(lists)
    match chance.choice(("other", "drop", "insert", "settings", "double")):
        case "other":
            return other
        case "drop" if place:
            place.pop(chance.randrange(len(place)))
        case "insert":
            place.insert(chance.randint(0, len(place)), {"$.k0": "$.n"})
        case "settings":
            changed["settings"]["maxSteps"] = chance.randint(1, 30)
        case _:
            place.extend(deepcopy(place))
    return changed


@pytest.mark.parametrize("block", range(2))
def test_whatever_is_changed_the_walk_comes_to_an_end(block: int) -> None:
    """Another definition, another state, other answers: no fault, no node that has an effect, and every visit told."""
    loop = asyncio.Runner()
    walked: Counter[str] = Counter()
    for seed in range(block * SEEDS // 2, (block + 1) * SEEDS // 2):
        chance = Random(f"changed {seed}")
        case, other = build(chance), build(chance)
        if is_refused(case):
            continue
        acts = {name: [act_of(does) for does in each] for name, each in case.script.items()}
        script = Script(acts)
        nodes = nodes_doing(script, "writes")
        walk = lived(case, nodes, chance, loop)
        ran = len(script.ran)
        definition = mutated(case.definition, other.definition, chance)
        try:
            program = compile_definition(definition, nodes)
        except InvalidDefinition:
            program = walk.program
        assumed = {
            address: Assumed(edge=chance.choice(("x", "go", "error", None)), output=chance.choice((1, {}, None)))
            for address in program.index
            if chance.random() < 0.2
        }
        again = retraced(
            walk.events,
            walk.program,
            nodes,
            now=program,
            state={"n": chance.randint(0, 3), "items": [1]} if chance.random() < 0.5 else None,
            assume=chance.choice(({}, "recorded", assumed)),
        )
        assert len(script.ran) == ran, "a node with an effect has run"
        assert again.events is not None and fold(again.events, Execution(id="walked")) == again.execution
        unknown = {need.passage.key for need in again.needs}
        if not again.execution.has_ended and again.astray:
            waiting = {visit.address for _, visit, _ in again.execution.waits()}
            stuck = {passage.address for passage in again.trail.passages if passage.key in unknown}
            assert waiting | stuck or again.execution.status == "paused", seed
        walked["unknown" if unknown else again.execution.status] += 1
    loop.close()
    assert {"unknown", "completed", "failed"} <= walked.keys()


def test_a_retry_by_another_definition_goes_on_by_it() -> None:
    """From there on records and steps are those of that one."""
    script = Script({"a": [ValueError("no"), ("x", 1)], "b": [("x", 2)]})
    nodes = nodes_doing(script, "writes")
    walk = Walk(workflow({"a": {}}), nodes).run()
    assert walk.execution.status == "failed"
    into = compile_definition(workflow({"a": {}}, {"b": {}}), nodes)
    walk.decide(Retry(now=walk.now, into=into))
    walk.program, walk.rules = into, msgspec.structs.replace(walk.rules, program=into)
    walk.run()
    again = retraced(walk.events, compile_definition(workflow({"a": {}}), nodes), nodes, programs={into.hash: into})
    assert again.events is not None and plain(again.events) == plain(walk.events)
    assert (again.execution.status, again.needs) == ("completed", [])
    assert again.execution.state["b_output"] == 2
