"""For random workflows, every prefix of the log folds to the state that was live at that version."""

from __future__ import annotations

import os
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import application.live
from domain.commands import Begin, Command, Pause, Recover, Resume, Retry, Rules, Signal
from domain.decide import decide_and_fold
from domain.events import (
    EdgeTaken,
    ExecutionEvent,
    ExecutionStarted,
    NodeFailed,
    NodeStarted,
    Resumed,
    StateUpdated,
    Suspended,
)
from domain.evolve import evolve
from domain.execution import Execution, exact_weight
from domain.limits import Limits
from domain.patches import ABSENT, Op, find, tokens
from tests.support.workflows import RUNNERS, Act, Script, Walk, engined, nodes_of, workflow

TORTURE = os.environ.get("CLEW_TORTURE") == "1"
EXAMPLES = 3_000 if TORTURE else 120
PROFILE = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
POSITION_KEYS = {"currentItem", "currentIndex", "rangeValue", "rangeIndex"}
Acts = dict[str, list[Act]]
Kind = str
Draw = Callable[..., Any]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.text("a~/", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab/"), inner, max_size=2),
    max_leaves=4,
)


def _writes(key: str, value: Any) -> Act:
    """A node that writes, changes what is nested, and deletes."""

    def act(context: Any, config: Any) -> Any:
        if key in context.state and isinstance(context.state[key], list):
            context.state[key].append(deepcopy(value))
        elif value is None:
            context.state.pop(key, None)
        else:
            context.state[key] = deepcopy(value)

    return act


acts = st.lists(
    st.one_of(
        st.sampled_from([None, "x", "y", "go", "go", "done", "error"]),
        st.tuples(st.sampled_from(["x", "y", "go", "error"]), json_values),
        st.builds(ValueError, st.just("no")),
        st.builds(_writes, st.sampled_from(["k0", "k1"]), json_values),
    ),
    max_size=5,
)


class Builder:
    """Draws a workflow: steps with names of their own, and routes to what can be reached from where they stand."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._count = 0
        self.acts: Acts = {}

    def block(self, depth: int, around: tuple[str, ...], *, looped: bool) -> list[Any]:
        """A block of a few steps."""
        kinds = self._draw(
            st.lists(st.sampled_from(["node", "node", "node", "setter", "range", "each", "loop", "log", "signal"]),
                     min_size=1, max_size=3)
        )  # fmt: skip
        named = [(kind, self._name()) for kind in kinds]
        inside = (*around, *[name for kind, name in named if kind != "setter"])
        return [self._step(kind, name, depth, inside, looped=looped) for kind, name in named]

    def _name(self) -> str:
        self._count += 1
        return f"s{self._count}"

    def _step(self, kind: Kind, name: str, depth: int, names: tuple[str, ...], *, looped: bool) -> Any:
        def route(*, own: bool = False) -> Any:
            return self._route(depth, names, looped=looped, own=own)

        match kind:
            case "setter":
                path = self._draw(st.sampled_from(["$.k0", "$.k1.a", "$.k2[0]", "$.k2[1].b"]))
                return {path: self._draw(json_values)}
            case "log":
                return {name: {"$node": "log", "message": "{{$.k0 | default('none')}}"}}
            case "signal":
                return {name: {"$node": "signal", "name": "sig", "received?": route()}}
            case "range":
                body = self._body(depth, names)
                return {f"{name}...": {"$node": "range", "stop": self._draw(st.integers(0, 3)), "loop?": body}}
            case "each":
                items = self._draw(st.lists(json_values, max_size=3))
                return {
                    f"{name}...": {"$node": "each", "items": items, "loop?": self._body(depth, names), "done?": route()}
                }
            case "loop":
                self.acts[name] = self._draw(acts)
                return {f"{name}...": {"$node": "b", "go?": self._body(depth, names), "done?": route(own=True)}}
            case _:
                self.acts[name] = self._draw(acts)
                edges = self._draw(st.lists(st.sampled_from(["x?", "y?", "error?"]), unique=True, max_size=3))
                return {name: {"$node": "a", **{edge: route() for edge in edges}}}

    def _body(self, depth: int, names: tuple[str, ...]) -> Any:
        return self.block(depth + 1, names, looped=True) if depth < 3 else []

    def _route(self, depth: int, names: tuple[str, ...], *, looped: bool, own: bool) -> Any:
        """`looped`: the step is in a body; `own`: it is a loop itself, which the blocks of its exits are not in."""
        directives = ["$end", "$fail", *(["$break", "$continue"] if looped or own else [])]
        choices = ["block", "block", "jump", "null", "node", *directives]
        choice = self._draw(st.sampled_from(choices))
        match choice:
            case "block":
                return self.block(depth + 1, names, looped=looped) if depth < 3 else {}
            case "jump":
                return self._draw(st.sampled_from(names)) if names else None
            case "null":
                return None
            case "node":
                return "c"
            case _:
                return choice


@st.composite
def workflows(draw: Draw) -> tuple[dict[str, Any], Acts]:
    """(definition, what its nodes do)."""
    builder = Builder(draw)
    steps = builder.block(0, (), looped=False)
    state = draw(st.dictionaries(st.sampled_from(["k0", "k1", "currentItem"]), json_values, max_size=2))
    return workflow(*steps, state=state, maxSteps=40, maxIterations=5), builder.acts


interruptions = st.lists(st.sampled_from(["", "", "", "crash", "pause", "signal", "retry"]), max_size=30)


def taken(definition: dict[str, Any], script: dict[str, list[Act]], disturbed: list[str]) -> Walk:
    """Run it, disturbed between visits by crashes, pauses, signals and retries of a failure."""
    walk = Walk(definition, nodes_of(Script(script)))
    left = list(disturbed)
    for _ in range(200):
        word = left.pop(0) if left else ""
        if walk.execution.status == "failed" and word == "retry":
            walk.decide(Retry(now=walk.now))
        if walk.execution.has_ended:
            break
        if word == "signal" or walk.execution.status == "suspended":
            walk.decide(Signal(now=walk.now, name="sig", payload={"n": len(left)}))
        elif word == "pause":
            walk.decide(Pause(now=walk.now))
            walk.decide(Resume(now=walk.now + 5))
        elif word == "crash":
            walk.decide(Begin(now=walk.now, worker="w"))
            if not walk.execution.has_ended:
                walk.decide(Recover(now=walk.now, worker="w2"))
        if walk.execution.status == "running":
            walk.visit()
    return walk


@PROFILE
@given(workflows(), interruptions)
def test_every_prefix_of_the_log_folds_to_what_was_live(
    drawn: tuple[dict[str, Any], Acts], disturbed: list[str]
) -> None:
    """Also after the events have been stored and read again; what was live is never changed afterwards."""
    walk = taken(*drawn, disturbed)
    folded = Execution(id="walked")
    for version, (event, snapshot) in enumerate(zip(walk.events, walk.snapshots, strict=True), start=1):
        folded = evolve(folded, msgspec.json.decode(msgspec.json.encode(event), type=type(event)))
        assert folded.version == version
        assert msgspec.json.encode(folded) == snapshot
        assert folded.weight >= exact_weight(folded)
    assert folded == msgspec.json.decode(msgspec.json.encode(walk.execution), type=Execution)


def _applied(state: Any, op: Op) -> None:
    """RFC 6902 by the letter, in place: the oracle."""
    *parents, last = tokens(op.path)
    for token in parents:
        state = state[int(token)] if isinstance(state, list) else state[token]
    if isinstance(state, list):
        index = int(last)
        if op.op == "remove":
            del state[index]
        elif op.op == "add":
            assert index <= len(state)
            state.insert(index, deepcopy(op.value))
        else:
            state[index] = deepcopy(op.value)
    elif op.op == "remove":
        del state[last]
    else:
        assert (last in state) is (op.op == "replace")
        state[last] = deepcopy(op.value)


@PROFILE
@given(workflows(), interruptions)
def test_patches_applied_one_by_one_give_the_state(drawn: tuple[dict[str, Any], Acts], disturbed: list[str]) -> None:
    """By an RFC 6902 that knows nothing of Clew; `add` is of what is not there, `replace` of what is."""
    walk = taken(*drawn, disturbed)
    state: Any = {}
    for event, snapshot in zip(walk.events, walk.snapshots, strict=True):
        match event:
            case ExecutionStarted():
                state = deepcopy(event.initial_state)
            case StateUpdated():
                assert event.patch
                for op in event.patch:
                    _applied(state, op)
            case EdgeTaken() if event.output_at:
                assert find(state, event.output_at) is not ABSENT
            case _:
                pass
        assert msgspec.json.decode(snapshot)["state"] == state


@PROFILE
@given(workflows(), interruptions)
def test_the_shape_of_a_history(drawn: tuple[dict[str, Any], Acts], disturbed: list[str]) -> None:
    """One end for each visit, in one append with its writes; visits unique; frames those of the loops around."""
    walk = taken(*drawn, disturbed)
    depths = {step.address: (step.depth, step.loop) for step in walk.program.steps}
    walked, seen, open_visit = 1, set(), None
    execution = Execution(id="walked")
    for at, event in enumerate(walk.events):
        before, execution = execution, evolve(execution, event)
        match event:
            case NodeStarted():
                if event.attempt == 1:
                    assert open_visit is None
                    assert (walked, event.address, event.pass_) not in seen
                    seen.add((walked, event.address, event.pass_))
                else:
                    assert open_visit == (event.address, event.visit)
                open_visit = (event.address, event.visit)
            case EdgeTaken() | NodeFailed():
                assert open_visit == (event.address, event.visit)
                open_visit = None
            case StateUpdated():
                following = walk.events[at + 1]
                assert isinstance(following, EdgeTaken | NodeFailed)
                assert (following.address, following.visit) == (event.address, event.visit) == open_visit
            case Suspended():
                assert open_visit == (event.address, event.visit)
            case Resumed(cause="retry"):
                walked += 1
            case _:
                pass
        if isinstance(event, EdgeTaken):
            assert -1 <= event.keep <= len(before.branches[""].frames)
        branch = execution.branches[""]
        if branch.address is not None:
            depth, loop = depths[branch.address]
            assert len(branch.frames) == depth or (loop and len(branch.frames) == depth + 1)
    if execution.status == "completed":
        assert open_visit is None
        assert execution.branches[""].frames == ()
        kept = {key for key in drawn[0]["initialState"] if key in POSITION_KEYS}
        assert execution.state.keys() & POSITION_KEYS == kept


@settings(PROFILE, max_examples=EXAMPLES // 6)
@given(workflows())
def test_a_real_engine_folds_to_what_it_held(drawn: tuple[dict[str, Any], Acts]) -> None:
    """The live fold of a running engine, after each of its decisions, is that of the stored log up to there."""
    live: dict[int, bytes] = {}

    def watched(execution: Execution, command: Command, rules: Rules) -> tuple[tuple[ExecutionEvent, ...], Execution]:
        events, after = decide_and_fold(execution, command, rules)
        live[after.version] = msgspec.json.encode(after)
        return events, after

    definition, script = drawn
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(application.live, "decide_and_fold", watched)
        ran = engined(definition, nodes_of(Script(script)))
    folded = Execution(id=ran.execution.id)
    for event in ran.events:
        folded = evolve(folded, event)
        if folded.version in live:
            assert msgspec.json.encode(folded) == live.pop(folded.version)
    assert live == {}
    assert folded == ran.execution


@settings(PROFILE, max_examples=EXAMPLES // 6)
@given(workflows())
def test_an_engine_does_what_decide_and_evolve_alone_do(drawn: tuple[dict[str, Any], Acts]) -> None:
    """The same steps by the same edges to the same end."""
    histories = []
    for run in RUNNERS.values():
        definition, script = drawn
        ran = run(definition, nodes_of(Script(script)), limits=Limits())
        visits = [(event.address, event.edge) for event in ran.events if isinstance(event, EdgeTaken)]
        histories.append((visits, ran.execution.status, ran.execution.state, ran.execution.outputs))
    assert histories[0] == histories[1]
