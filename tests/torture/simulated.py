"""The campaigns that need no disk: the engine in virtual time on a log in memory, and the reference interpreter."""

from __future__ import annotations

import logging
from random import Random
from typing import Final

from tests.reference.strategies import build
from tests.reference.test_against_reference import by_engine, by_reference, is_refused, same
from tests.simulation import mutants as simulated_mutants
from tests.simulation.campaign import play
from tests.torture.rounds import Cases, Round, Size

STORIES: Final[dict[Size, int]] = {"short": 30, "long": 1_000}
WORKFLOWS: Final[dict[Size, int]] = {"short": 40, "long": 1_000}
ENOUGH: Final = 400
"""Stories within which a planted bug must be noticed."""


def simulation(seed: str, size: Size, told: Round) -> Cases:
    """Random workflows, crashes, stores that refuse or leave in doubt, and people: thousands of stories a minute."""
    logging.disable(logging.CRITICAL)
    for number in range(STORIES[size]):
        name = f"{seed}.{number}"
        told.runs += 1
        told.faults += 1
        try:
            told.found += [f"the story {name!r}: {wrong}" for wrong in play(name)]
        except Exception as error:  # noqa: BLE001 - whatever it stumbles over is a finding
            told.found.append(f"the story {name!r}: {error!r}")
        yield


def reference(seed: str, size: Size, told: Round) -> Cases:
    """Random workflows, disturbed by crashes and pauses, end as the plain interpreter ends them."""
    for number in range(WORKFLOWS[size]):
        name = f"torture {seed}.{number}"
        case = build(Random(name))
        if is_refused(case):
            continue
        told.runs += 1
        told.faults += 1
        try:
            same(by_engine(case, chance=Random(name)), by_reference(case))
        except AssertionError as error:
            told.found.append(f"build(Random({name!r})): {error} differs")
        yield


def mutants(seed: str, size: Size, told: Round) -> Cases:
    """Each bug that is planted in the engine is noticed; one that is not is a finding."""
    del size
    logging.disable(logging.CRITICAL)
    for name in simulated_mutants.MUTANTS:
        told.runs += 1
        told.faults += 1
        with simulated_mutants.planted(name):
            if not any(_is_noticed(f"{seed}.{number}") for number in range(ENOUGH)):
                told.found.append(f"the planted bug {name!r} was not noticed")
        yield


def _is_noticed(story: str) -> bool:
    try:
        return bool(play(story))
    except Exception:  # noqa: BLE001 - whatever a bug leads to
        return True
