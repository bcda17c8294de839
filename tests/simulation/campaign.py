"""One seed, one story: what is submitted, what goes wrong, who interferes, and what must come of it."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from domain.compiler import compile_definition
from domain.errors import InvalidDefinition
from domain.events import EdgeTaken, NodeFailed
from domain.limits import Limits
from tests.reference.interpreter import Reference
from tests.reference.strategies import Case, build
from tests.reference.test_against_reference import blurred, has_branches
from tests.simulation.faults import Plan
from tests.simulation.world import Broken, Deepen, Drop, Life, World, folded
from tests.support.workflows import Script, nodes_of

LIVES = 4
NODES = nodes_of(Script(), Broken, Deepen, Drop)
PARKING: list[Any] = [
    {"wait": {"for": 20}},
    {"a": {"$retry": {"maxAttempts": 3, "delay": 10}, "error?": {}}},
    {"signal": {"name": "go", "timeout": 50, "timeout?": ["b"], "received?": ["d"]}},
    {"parallel": {"x?": ["a", "d"], "y?": [{"wait": {"for": 5}}, "b"], "z?": [{"c": {"error?": {}}}]}},
    {"parallel": {"mode": "any", "x?": ["a", "b"], "y?": ["d", "b"], "z?": [{"wait": {"for": 30}}], "error?": {}}},
    {"range...": {"stop": 3, "loop?": [{"parallel": {"mode": "any", "x?": ["a"], "y?": ["d"], "error?": {}}}]}},
    {"parallel": {f"{name}?": [{"a": {"$locks": ["$.q"], "$retry": {"maxAttempts": 2, "delay": "40s"}, "error?": {}}}]
                  for name in "wxyz"}},
    {"range...": {"stop": 2, "loop?": [
        {"$.deep": {"k": 1}},
        {"parallel": {"onError": "collect", "x?": ["drop"], "y?": ["deepen"], "z?": ["deepen", "drop"]}}]}},
    {"broken": {"$retry": {"maxAttempts": 3, "delay": "2s"}, "error?": {}}},
    {"parallel": {"x?": ["a"], "y?": "$fail", "z?": [{"parallel": {"i?": ["b"]}}]}},
    {"parallel": {"x?": [{"a": {"error?": {}}}], "y?": [{"b": {"error?": {}}}, {"d": {"error?": {}}}],
                  "z?": [{"wait": {"for": 10}}, {"a": {"error?": {}}}]}},
    {"each...": {"items": [1, 2, 3, 4], "$concurrency": 2, "loop?": [{"d": {"$locks": ["$.n"], "error?": {}}}]}},
    {"run-workflow": {"definition": {"id": "child", "name": "Child", "version": "1.0.0", "workflow": ["a", "b"]},
                      "error?": {}}},
]  # fmt: skip


def case_of(chance: Random) -> Case | None:
    """A random workflow, or None when chance made one that is refused."""
    case = build(chance)
    while chance.random() < 0.8 and has_branches(case):  # most are to be compared with the reference
        case = build(chance)
    if chance.random() < 0.4:
        steps = case.definition["workflow"]
        for _ in range(chance.randint(1, 3)):
            steps.insert(chance.randint(0, len(steps)), chance.choice(PARKING))
    case.definition["settings"]["maxSteps"] = 60
    try:
        compile_definition(case.definition, NODES, limits=Limits())
    except InvalidDefinition:
        return None
    return case


def plan_of(chance: Random) -> Plan:
    """What goes wrong in a life."""
    crash = chance.choice(("before", "after", "never"))
    numbers = range(1, chance.choice((8, 20, 60)))
    return Plan(
        crash_before=chance.choice(numbers) if crash == "before" else None,
        crash_after=chance.choice(numbers) if crash == "after" else None,
        refuse=frozenset(chance.sample(numbers, chance.choice((0, 0, 1, 3)))),
        doubt=frozenset(chance.sample(numbers, chance.choice((0, 0, 1, 2)))),
    )


def play(seed: int | str) -> list[str]:
    """Play the story of a seed to its end. Gives everything that went wrong that must not."""
    chance = Random(f"campaign {seed}")
    case = case_of(chance)
    if case is None:
        return []
    plain = has_one_end(case)
    harmless = plain or chance.random() < 0.5
    world = World(seed, case.script)
    meddling = chance.choice((0, 0, 2, 5))

    async def act(life: Life) -> None:
        execution_id = await life.submit(case.definition, f"key {seed}")
        if execution_id is not None and meddling:
            await life.people(execution_id, meddling, harmless=harmless)

    async def finish(life: Life) -> None:
        execution_id = await life.submit(case.definition, f"key {seed}")
        assert execution_id is not None, "a submission was refused without a reason"
        await life.people(execution_id, 0, harmless=True)

    for _ in range(LIVES):
        if world.live(plan_of(chance), act):
            break
    if not world.live(Plan(), finish):
        return ["the last life was killed, though nothing was planned"]
    found = [*world.violations(), *_locks_that_were_not_given(world)]
    if plain and not found and not meddling and not _interrupted_too_often(world):
        (execution_id,) = world.history.accepted
        found += differs_from_the_reference(case, world, execution_id)
    return found


def _locks_that_were_not_given(world: World) -> list[str]:
    """No step here keeps a lock for long."""
    events = (recorded.event for recorded in world.log.follow(0, 1_000_000))
    errors = (event.output for event in events if isinstance(event, EdgeTaken) and isinstance(event.output, dict))
    codes = [str(error.get("code")) for error in errors]
    kept = [code for code in codes if code == "LOCK_TIMEOUT"]
    state = [folded(world, row.execution_id).state for row in world.summaries()]
    return ["a lock was not given"] if kept or "LOCK_TIMEOUT" in json.dumps(state) else []


def has_one_end(case: Case) -> bool:
    """Whether it comes to one end only, of which the reference knows: nothing runs beside anything, nobody is asked."""
    asked = '"exhausted": "pause"' in json.dumps(case.definition)
    return not (asked or has_branches(case) or any(step in case.definition["workflow"] for step in PARKING))


def _interrupted_too_often(world: World) -> bool:
    """Whether a visit may have failed with CRASH_LOOP, of which the reference knows nothing."""
    return world.crashes > Limits().recoveries


def differs_from_the_reference(case: Case, world: World, execution_id: str) -> list[str]:
    """In what an execution of the case came out otherwise than by the plain interpreter."""
    reference = Reference(case.definition, case.script).run()
    ended = folded(world, execution_id)
    taken = [
        [event.address, event.edge if isinstance(event, EdgeTaken) else "error"]
        for event in (recorded.event for recorded in world.log.read(execution_id))
        if isinstance(event, EdgeTaken | NodeFailed)
    ]
    error = ended.failure.error.as_json() if ended.failure is not None else None
    mine = {"visits": taken, "status": ended.status, "state": ended.state, "error": error}
    its = {
        "visits": [list(visit) for visit in reference.visits],
        "status": reference.status,
        "state": reference.state,
        "error": reference.error,
    }
    return [
        f"{part} differs from the reference"
        for part in mine
        if json.dumps(blurred(mine[part]), sort_keys=True) != json.dumps(blurred(its[part]), sort_keys=True)
    ]
