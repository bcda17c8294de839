"""A fork without edits ends as its source did: random workflows, forked at random versions."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from random import Random
from typing import Any, NamedTuple

import msgspec
import pytest

from domain.commands import FireDue, Signal
from domain.errors import Unacceptable
from domain.events import EdgeTaken, NodeFailed
from domain.execution import Execution
from infrastructure.json_schemas import check_schema
from tests.reference.strategies import Case, build
from tests.reference.test_against_reference import act_of, blurred, is_refused
from tests.support.forks import cut_of, fork_of
from tests.support.workflows import Script, Walk, nodes_of

SEEDS = 4_000 if os.environ.get("CLEW_TORTURE") == "1" else 400
CUTS = 6
"""Versions at which each of them is forked."""
MOST_TURNS = 5_000


class Played(NamedTuple):
    """What a run has used up, by the version at which it did: acts of a script by step, letters of its mail."""

    acts: list[tuple[int, str]]
    letters: list[int]


class Noted(Script):
    """A script that notes when a step has taken its next act."""

    walk: Walk

    def __init__(self, acts: dict[str, list[Any]]) -> None:
        super().__init__(acts)
        self.played = Played([], [])

    def play(self, context: Any, config: dict[str, Any]) -> Any:
        """The next act of the step that is running."""
        self.played.acts.append((len(self.walk.events), context.step.name))
        return super().play(context, config)


def run(walk: Walk, mail: list[Any], played: Played) -> Walk:
    """Go on until nothing happens by itself and nothing is left to be sent."""
    for _ in range(MOST_TURNS):
        waits = walk.execution.waits()
        match walk.execution.status:
            case "running":
                walk.now = max([walk.now, *(wait.due or 0 for _, _, wait in waits)])
                walk.visit_branch(walk.first_branch())
            case "suspended" if (due := waits[0][2].due) is not None:
                walk.now = max(walk.now, due)
                walk.decide(FireDue(now=walk.now))
            case "suspended" if mail:
                played.letters.append(len(walk.events))
                name, payload = mail.pop(0)
                with suppress(Unacceptable):
                    walk.decide(Signal(now=walk.now, name=name, payload=payload))
            case _:
                break
    return walk


def walk_of(case: Case) -> tuple[Walk, Played]:
    """A case that was run to its end, by its script and with its mail."""
    script = Noted({name: [act_of(does) for does in acts] for name, acts in case.script.items()})
    walk = Walk(case.definition, nodes_of(script))
    script.walk = walk
    walk.rules = msgspec.structs.replace(walk.rules, check_schema=check_schema)
    return run(walk, list(case.mail), script.played), script.played


def goes_on_alike(cut: Execution) -> bool:
    """Whether what is behind a cut can only be what it was: a fork tries a step anew that its source had given up, or had
    tried before.
    """
    again = any(branch.visit is not None and branch.visit.attempt > 1 for branch in cut.branches.values())
    waits = any(wait.kind == "retry" for _, _, wait in cut.waits())
    return cut.status not in ("failed", "paused") and not again and not waits


def forked(case: Case, walk: Walk, played: Played, cut: Execution) -> Walk:
    """A fork at a cut, with what is left of the script and the mail there."""
    used = Counter(step for version, step in played.acts if version < cut.version)
    script = Script({name: [act_of(does) for does in acts[used[name] :]] for name, acts in case.script.items()})
    fork = fork_of(walk, cut.version, nodes=nodes_of(script), definition=case.definition)
    fork.rules = msgspec.structs.replace(fork.rules, check_schema=check_schema)
    letters = sum(1 for version in played.letters if version < cut.version)
    return run(fork, list(case.mail[letters:]), Played([], []))


def seen(walk: Walk, *, after: int = 0) -> list[tuple[str, int, str | None]]:
    """(address, visit, edge) of every visit that ended behind a version."""
    return [
        (event.address, event.visit, event.edge if isinstance(event, EdgeTaken) else "error")
        for event in walk.events[after:]
        if isinstance(event, EdgeTaken | NodeFailed)
    ]


@pytest.mark.parametrize("block", range(2))
def test_a_fork_ends_as_its_source(block: int) -> None:
    """Status, state, error and the visits from there on are the same, at whatever version it was forked."""
    tried: Counter[str] = Counter()
    for seed in range(block * SEEDS // 2, (block + 1) * SEEDS // 2):
        chance = Random(f"forks {seed}")
        case = build(chance)
        if is_refused(case):
            continue
        walk, played = walk_of(case)
        for version in {chance.randint(1, len(walk.events)) for _ in range(CUTS)}:
            cut = cut_of(walk, version)
            if not goes_on_alike(cut):
                continue
            fork = forked(case, walk, played, cut)
            tried["in a loop" if any(one.frames for one in cut.branches.values()) else "outside"] += 1
            tried["in branches"] += len(cut.branches) > 1
            tried[walk.execution.status] += 1
            try:
                assert fork.execution.status == walk.execution.status
                assert blurred(fork.execution.state) == blurred(walk.execution.state)
                assert seen(fork) == seen(walk, after=cut.version)
                mine, other = (one.execution.failure and one.execution.failure.error.code for one in (fork, walk))
                assert mine == other
            except AssertionError as error:
                error.add_note(f"build(Random('forks {seed}')) at {version}, cut at {cut.version}")
                raise
    assert min(tried[kind] for kind in ("in a loop", "outside", "in branches", "completed", "failed", "suspended")) > 2
