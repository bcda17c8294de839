"""The campaigns of kills: SIGKILL at named points and at calls to the disk, and once more while what is left is recovered."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from random import Random
from shutil import copytree
from typing import Final, NamedTuple

from tests.torture.disk import Order, What, notes
from tests.torture.failpoints import Kill
from tests.torture.lives import Told, live
from tests.torture.rounds import Cases, Round, Size, folder
from tests.torture.stories import Story, story_of

SAMPLE: Final = 8
"""Deaths that are tried in a short round; in a long one every one is."""
TWICE: Final = 0.3
"""How often the life after a killed one is killed, too."""
KILLS: Final = (What.KILL_BEFORE, What.KILL_WITHIN)


class Death(NamedTuple):
    """How a life ends: at a call to the disk, or at a named point."""

    order: Order = Order()
    kill: Kill | None = None

    def __str__(self) -> str:
        return str(self.kill or self.order)


def deaths(told: Told) -> Iterator[Death]:
    """Every way to die in a life that came to so many calls and points."""
    for number, what in itertools.product(range(1, told.calls + 1), KILLS):
        yield Death(order=Order(what, first=number))
    for point, hits in (told.hits or {}).items():
        for hit in range(1, hits + 1):
            yield Death(kill=Kill(point, "before", hit))
            yield Death(kill=Kill(point, "after", hit))


def some(told: Told, chance: Random, size: Size) -> list[Death]:
    """All of them, or a few of either kind for a short round: each at another point, whose hits are many or few."""
    found = list(deaths(told))
    if size == "long":
        return found
    points = [name for name, hits in (told.hits or {}).items() if hits]
    chosen = chance.sample(points, min(SAMPLE // 2, len(points)))
    named = [chance.choice([death for death in found if death.kill and death.kill.point == name]) for name in chosen]
    calls = [death for death in found if death.kill is None]
    return named + chance.sample(calls, min(SAMPLE // 2, len(calls)))


def kills(seed: str, size: Size, told: Round) -> Cases:
    """A story is killed at each of its calls and points; then it goes on to its end, after another kill now and then."""
    chance = Random(f"kills {seed}")
    story = story_of(seed)
    with folder() as home:
        quiet = _live(story, home / "quiet", Death(), told=told)
        for number, death in enumerate(some(quiet, chance, size)):
            place = home / str(number)
            _live(story, place, death, told=told)
            lives = [death]
            if chance.random() < TWICE:
                again = Death(order=Order(chance.choice(KILLS), first=chance.randint(1, chance.choice((30, 300)))))
                _live(story, place, again, told=told)
                lives.append(again)
            _end(story, place, lives, told=told)
            yield


def recoveries(seed: str, size: Size, told: Round) -> Cases:
    """A story is killed once; the life after it is killed at each of its calls and points."""
    chance = Random(f"recoveries {seed}")
    story = story_of(seed)
    with folder() as home:
        quiet = _live(story, home / "quiet", Death(), told=told)
        first = chance.choice(list(deaths(quiet)))
        _live(story, home / "first", first, told=told)
        recovery = _live(story, _copied(home / "first", home / "second"), Death(), told=told)
        for number, death in enumerate(some(recovery, chance, size)):
            place = _copied(home / "first", home / str(number))
            _live(story, place, death, told=told)
            _end(story, place, [first, death], told=told)
            yield


def _copied(place: Path, to: Path) -> Path:
    copytree(place, to)
    return to


def _live(story: Story, place: Path, death: Death, *, told: Round) -> Told:
    """A life in a place that has a store and a trace."""
    (place / "store").mkdir(parents=True, exist_ok=True)
    trace = place / "trace"
    outcome, found = live(story, place / "store", trace, past=notes(trace), order=death.order, kill=death.kill)
    told.runs += 1
    told.faults += outcome.end == "killed"
    if outcome.end == "failed":
        told.found.append(f"{death}: {outcome.given}")
    return found


def _end(story: Story, place: Path, lives: list[Death], *, told: Round) -> None:
    """The last life, and what it found."""
    trace = place / "trace"
    outcome, last = live(story, place / "store", trace, past=notes(trace), last=True)
    told.runs += 1
    where = ", then ".join(map(str, lives))
    if outcome.end != "done":
        told.found.append(f"{where}: {outcome.given}")
    told.found += [f"{where}: {wrong}" for wrong in last.wrong]
