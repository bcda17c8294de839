"""What clients of a store want in a story: which workflows run, who interferes, and what must have come of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Final

from application.requests import ToPublish
from domain.commands import Signal
from domain.events import CommandKey
from domain.limits import Limits
from infrastructure.table_records import Records
from tests.reference.strategies import Case
from tests.simulation.campaign import case_of, differs_from_the_reference, has_one_end
from tests.simulation.world import World, folded

if TYPE_CHECKING:
    from tests.torture.lives import DiskLife

ROWS: Final = 3
PARKED: Final = {"signal": {"name": "go", "received?": ["f"]}}
FIXED: Final[dict[str, list[Any]]] = {
    "rows": [{"range...": {"stop": ROWS, "loop?": [
        {"database": {"operation": "insert", "table": "rows", "data": {"of": "$.rangeValue"}}}]}}, "f"],
    "parked": ["f", PARKED, "f"],
    "long": [{"range...": {"stop": 9, "loop?": [{"$.n": "$.n + 1"}, "f"]}}],
    "wide": [{"parallel": {"x?": ["f", {"wait": {"for": 5}}, "f"], "y?": ["f"], "z?": [{"wait": {"for": 2}}]}}, "f"],
    "child": [{"run-workflow": {"definition": {"id": "kid", "name": "Kid", "version": "1.0.0", "workflow": ["f", "f"]}}}],
    "large": [{"$.text": "$.text + $.text"}, "f"],
}  # fmt: skip


def fixed(name: str) -> dict[str, Any]:
    """One of them as a definition."""
    state = {"n": 0, "text": "x" * 20_000 if name == "large" else ""}
    return {"id": name, "name": name, "version": "1.0.0", "initialState": state, "workflow": FIXED[name]}


@dataclass(frozen=True)
class Story:
    """The workflows of a seed by the keys they are submitted under; `case` is the random one among them."""

    seed: int | str
    case: Case
    submissions: dict[str, dict[str, Any]]
    meddling: int
    harmless: bool


def story_of(seed: int | str) -> Story:
    """A story as chance has it."""
    chance = Random(f"story {seed}")
    case = case_of(chance)
    while case is None:
        case = case_of(chance)
    names = chance.sample(list(FIXED), chance.choice((1, 2, 3)))
    submissions = {name: fixed(name) for name in names}
    submissions["random"] = case.definition
    keys = list(submissions)
    chance.shuffle(keys)
    harmless = has_one_end(case) or chance.random() < 0.5
    return Story(seed, case, {key: submissions[key] for key in keys}, chance.choice((0, 0, 2, 4)), harmless)


async def act(life: DiskLife, story: Story) -> None:
    """Ask for everything once; who is refused does without."""
    for key, definition in story.submissions.items():
        execution_id = await life.submit(definition, key)
        if key == "random" and execution_id is not None:
            await life.people(execution_id, story.meddling, harmless=story.harmless)
    await life.publish(ToPublish(definition=fixed("long")))


async def finish(life: DiskLife, story: Story) -> None:
    """Ask again until there is an answer, and answer what waits for somebody."""
    for key, definition in story.submissions.items():
        execution_id = await life.submit(definition, key)
        assert execution_id is not None, f"the submission {key} was refused without a reason"
        await life.people(execution_id, 0, harmless=True)
        if key == "parked":
            await life.rest()
            if folded(life.world, execution_id).status == "suspended":
                await life.ask(execution_id, Signal(now=0, name="go", key=CommandKey(key="go", request="go")))
    assert await life.publish(ToPublish(definition=fixed("long"))), "a publication was refused without a reason"


def unfulfilled(world: World, story: Story, *, interruptions: int, sick: bool) -> Iterator[str]:
    """What has not come of a story that was finished after so many interruptions; tables on a `sick` disk may fail."""
    for key in story.submissions:
        if key == "rows" and sick:
            continue
        execution_id = next(iter(world.history.answers[key]))
        ended = folded(world, execution_id)
        if key != "random" and interruptions <= Limits().recoveries and ended.status != "completed":
            yield f"{key} is {ended.status}: {ended.failure}"
    if "rows" in story.submissions and not sick and world.tables is not None and interruptions <= Limits().recoveries:
        with world.tables.reading() as connection:
            rows = [found.record["of"] for found in Records(connection, "rows").where({})]
        if sorted(rows) != list(range(ROWS)):
            yield f"the table has the rows {rows}"
    if has_one_end(story.case) and not story.meddling and interruptions <= Limits().recoveries:
        random = next(iter(world.history.answers["random"]))
        yield from differs_from_the_reference(story.case, world, random)
