"""Planted bugs: each is a way in which an engine like this one is wrong, which the campaign must notice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from msgspec.structs import replace
from pytest import MonkeyPatch

from application import driver, engine, folds, live, summaries, writer
from application.ports import StoreUnavailable, VersionConflict
from domain import branching, decide, evolve, going_back, joining, locks, retrying, taking, visits, waiting
from domain.events import BranchClosed, EdgeTaken, NodeStarted, Resumed, StateEdited, StateUpdated
from domain.execution import Execution
from infrastructure import chain, memory_log
from tests.simulation.faults import FaultyLog

Plant = Callable[[MonkeyPatch], None]
MUTANTS: Final[dict[str, Plant]] = {}


def mutant(plant: Plant) -> Plant:
    """Add a mutant under the name of its function."""
    MUTANTS[plant.__name__.replace("_", " ")] = plant
    return plant


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The code with that bug in it."""
    with MonkeyPatch.context() as patch:
        MUTANTS[name](patch)
        yield


def _ignoring(events: type[Any]) -> Callable[[Execution, Any], Execution]:
    original = evolve._evolve

    def fold(execution: Execution, event: Any) -> Execution:
        return execution if isinstance(event, events) else original(execution, event)

    return fold


# The store


@mutant
def no_version_check(patch: MonkeyPatch) -> None:
    original = chain._chain

    def extend(batch: Any, encoded: Any, *, head_of: Any, position: int, **more: Any) -> Any:
        moved = [replace(append, after=head_of(append.stream).version) for append in batch]
        return chain.extend(moved, encoded, head_of=head_of, position=position, **more)

    del original
    patch.setattr(memory_log, "extend", extend)


@mutant
def the_chain_forgets_the_tag(patch: MonkeyPatch) -> None:
    original = chain.link
    calls = iter(range(10**9))

    def link(previous: bytes, stream: str, version: int, tag: str, stored: bytes) -> bytes:
        return original(previous, stream, version, "" if next(calls) % 50 == 49 else tag, stored)

    patch.setattr(chain, "link", link)


@mutant
def an_append_of_the_batch_is_skipped(patch: MonkeyPatch) -> None:
    original = chain.extend

    def extend(batch: Any, encoded: Any, **more: Any) -> Any:
        found = original(batch, encoded, **more)
        if len(batch) > 1 and len(found.rows) > 3:
            del found.rows[-1]
        return found

    patch.setattr(memory_log, "extend", extend)


@mutant
def a_failed_commit_is_taken_for_a_success(patch: MonkeyPatch) -> None:
    original = FaultyLog.append

    def append(self: FaultyLog, batch: Any) -> Any:
        try:
            return original(self, batch)
        except StoreUnavailable:
            if self.crashed:
                raise
            return [() for _ in batch]

    patch.setattr(FaultyLog, "append", append)


# The writer and the live execution


@mutant
def acknowledged_before_the_commit(patch: MonkeyPatch) -> None:
    async def flush(self: live.Live) -> int:
        self.hand_over()
        return 0

    patch.setattr(live.Live, "flush", flush)


@mutant
def effects_do_not_wait_for_their_beginning(patch: MonkeyPatch) -> None:
    original = live.Live.flush

    async def flush(self: live.Live) -> Any:
        return 0 if self.execution.in_flight() else await original(self)

    patch.setattr(live.Live, "flush", flush)


@mutant
def after_a_failed_commit_nobody_takes_it_up_again(patch: MonkeyPatch) -> None:
    async def revive(self: engine.Engine, execution_id: str, error: Any) -> None:
        return

    patch.setattr(engine.Engine, "_revive", revive)


@mutant
def a_doubtful_commit_is_hidden_by_the_next(patch: MonkeyPatch) -> None:
    original = live.Live.flush

    async def flush(self: live.Live) -> int:
        lost, self.lost = self.lost, None
        try:
            return await original(self)
        finally:
            self.lost = self.lost or lost

    patch.setattr(live.Live, "flush", flush)


@mutant
def a_conflict_is_answered_as_recorded(patch: MonkeyPatch) -> None:
    original = writer.Writer.record

    def record(self: writer.Writer, append: Any, then: Any) -> None:
        original(self, append, lambda outcome: then(() if isinstance(outcome, VersionConflict) else outcome))

    patch.setattr(writer.Writer, "record", record)


@mutant
def a_start_in_doubt_is_given_up(patch: MonkeyPatch) -> None:
    async def look(self: engine.Engine, execution_id: str) -> None:
        return

    async def existing(self: engine.Engine, execution_id: str, submission: Any) -> Any:
        self._take_up = look_away  # type: ignore[method-assign]
        try:
            return await original(self, execution_id, submission)
        finally:
            del self._take_up

    async def look_away(execution_id: str) -> None:
        return

    original = engine.Engine._existing
    patch.setattr(engine.Engine, "_look_for", look)
    patch.setattr(engine.Engine, "_existing", existing)


# Driving


@mutant
def a_wake_up_is_lost_when_a_command_ends_a_pause(patch: MonkeyPatch) -> None:
    patch.setattr(engine.Engine, "_go_on", lambda self, live: None)


@mutant
def branches_that_open_are_not_driven(patch: MonkeyPatch) -> None:
    original = driver.Driver.wake

    def wake(self: driver.Driver, live: Any) -> None:
        if len(live.execution.branches) < 3:
            original(self, live)

    patch.setattr(driver.Driver, "wake", wake)


@mutant
def a_crash_is_not_noticed(patch: MonkeyPatch) -> None:
    def recover(self: engine.Engine, live: Any) -> None:
        live.fresh = False

    patch.setattr(engine.Engine, "_recover", recover)


@mutant
def late_answers_are_taken(patch: MonkeyPatch) -> None:
    patch.setattr(driver, "_is_open", lambda live, name, visit: True)
    patch.setattr(driver.Driver, "_let_go", lambda self, live: None)


@mutant
def a_timer_fires_early(patch: MonkeyPatch) -> None:
    original = waiting.fire_due
    patch.setattr(decide, "fire_due", lambda draft, rules, now: original(draft, rules, now + 3_000_000))


@mutant
def timers_are_forgotten_over_a_restart(patch: MonkeyPatch) -> None:
    original = engine.Engine.start

    async def start(self: engine.Engine, unfinished: Any = ()) -> None:
        await original(self, [row for row in unfinished if row.status == "running"])

    patch.setattr(engine.Engine, "start", start)


@mutant
def time_goes_back_after_a_restart(patch: MonkeyPatch) -> None:
    clock = iter(range(10**9))
    original = driver.Driver.now
    patch.setattr(driver.Driver, "now", lambda self, live: original(self, live) - 5_000_000 * (next(clock) % 2))


# Deciding and folding


@mutant
def the_pass_forgets_the_index(patch: MonkeyPatch) -> None:
    patch.setattr(visits, "next_pass", lambda branch, address: "1")


@mutant
def a_visit_ends_twice(patch: MonkeyPatch) -> None:
    original = taking._finish_route

    def finish(draft: Any, rules: Any, step: Any, taken: Any, route: Any) -> None:
        last = draft.events[-1]
        if isinstance(last, EdgeTaken) and last.edge == "x":
            draft.events.append(last)
        original(draft, rules, step, taken, route)

    patch.setattr(taking, "_finish_route", finish)


@mutant
def patches_are_not_folded_when_they_are_long(patch: MonkeyPatch) -> None:
    original = evolve._evolve

    def fold(execution: Execution, event: Any) -> Execution:
        if isinstance(event, StateUpdated) and len(event.patch) > 2:
            return execution
        return original(execution, event)

    patch.setattr(evolve, "_evolve", fold)


@mutant
def patches_are_recorded_as_the_node_saw_the_state(patch: MonkeyPatch) -> None:
    patch.setattr(taking, "rebase", lambda ops, state: tuple(ops))


@mutant
def loops_are_left_without_putting_back_their_keys(patch: MonkeyPatch) -> None:
    patch.setattr(taking, "left_by", lambda execution, branch, route: ())


@mutant
def error_stays_bound_for_ever(patch: MonkeyPatch) -> None:
    patch.setattr(taking, "_kept_bindings", lambda branch, route, target: -1)


@mutant
def retries_never_end(patch: MonkeyPatch) -> None:
    patch.setattr(retrying, "_tries", lambda visit: 0)


@mutant
def a_recovered_visit_keeps_its_attempt(patch: MonkeyPatch) -> None:
    original = visits.begin

    def begin(draft: Any, rules: Any, command: Any) -> None:
        original(draft, rules, command)
        last = draft.events[-1]
        if isinstance(last, NodeStarted) and last.attempt > 1:
            draft.events.append(replace(last, attempt=last.attempt + 1))

    patch.setattr(decide, "begin", begin)


@mutant
def a_crash_loop_is_never_ended(patch: MonkeyPatch) -> None:
    original = visits.recover

    def recover(draft: Any, rules: Any, command: Any) -> None:
        original(draft, rules, command)
        del draft.events[1:]

    patch.setattr(decide, "recover", recover)


@mutant
def signals_are_taken_twice(patch: MonkeyPatch) -> None:
    patch.setattr(evolve, "_drop", lambda execution, name, versions: execution)
    original = evolve._signal_received
    patch.setattr(evolve, "_signal_received", lambda execution, event: original(original(execution, event), event))
    patch.setattr(waiting, "end_by_signal", _by_signal_twice(waiting.end_by_signal))


def _by_signal_twice(original: Callable[..., None]) -> Callable[..., None]:
    def end(draft: Any, rules: Any, signal: Any, *, branch: str, now: int) -> None:
        original(draft, rules, signal, branch=branch, now=now)
        ended = [event for event in draft.events if isinstance(event, EdgeTaken) and event.edge == "received"]
        draft.events.extend(ended[-1:])

    return end


# Branches, locks and going back


@mutant
def a_branch_that_ends_is_not_closed(patch: MonkeyPatch) -> None:
    patch.setattr(decide, "settle", lambda draft, rules, now: None)


@mutant
def a_cancelled_branch_stays_open(patch: MonkeyPatch) -> None:
    patch.setattr(evolve, "_evolve", _ignoring_cancelled(evolve._evolve))


def _ignoring_cancelled(original: Callable[..., Execution]) -> Callable[[Execution, Any], Execution]:
    def fold(execution: Execution, event: Any) -> Execution:
        closes = isinstance(event, BranchClosed) and event.outcome != "ended"
        return execution if closes else original(execution, event)

    return fold


@mutant
def a_locks_end_wakes_nobody(patch: MonkeyPatch) -> None:
    patch.setattr(joining, "grant_locks", lambda draft, rules, now: None)


@mutant
def a_granted_lock_runs_nothing(patch: MonkeyPatch) -> None:
    original = evolve._evolve

    def fold(execution: Execution, event: Any) -> Execution:
        if isinstance(event, Resumed) and event.cause == "lock":
            return execution
        return original(execution, event)

    patch.setattr(evolve, "_evolve", fold)


@mutant
def the_list_of_a_concurrent_loop_is_not_kept(patch: MonkeyPatch) -> None:
    original = joining._next_pass

    def following(draft: Any, rules: Any, branch: str, now: int) -> None:
        opened = joining._opened(draft, branch)
        if opened.begun < 3:
            original(draft, rules, branch, now)

    patch.setattr(joining, "_next_pass", following)


@mutant
def a_retry_forgets_the_branches_inside(patch: MonkeyPatch) -> None:
    patch.setattr(going_back, "without_inner", lambda branches, name: dict(branches))


@mutant
def a_branch_closes_twice(patch: MonkeyPatch) -> None:
    original = branching.branch_closed

    def closed(execution: Execution, event: Any) -> Execution:
        after = original(execution, event)
        return after if event.outcome == "ended" else replace(after, branches={**after.branches, **execution.branches})

    patch.setattr(evolve, "branch_closed", closed)


@mutant
def locks_are_held_while_a_retry_waits(patch: MonkeyPatch) -> None:
    patch.setattr(locks, "_holds", lambda visit: visit is not None)


@mutant
def a_new_walk_has_the_old_number(patch: MonkeyPatch) -> None:
    original = going_back.new_walk
    patch.setattr(evolve, "new_walk", lambda execution, branches: replace(original(execution, branches), ended=1))


# What people change


@mutant
def a_version_in_the_middle_of_a_completion_is_gone_back_to(patch: MonkeyPatch) -> None:
    patch.setattr(folds, "end_of_completion", lambda version, events: version)


@mutant
def an_edit_leaves_the_state_as_it_was(patch: MonkeyPatch) -> None:
    patch.setattr(evolve, "_evolve", _ignoring(StateEdited))


@mutant
def the_lists_miss_that_a_pause_goes_on(patch: MonkeyPatch) -> None:
    original = summaries._rolled_back
    patch.setattr(summaries, "_rolled_back", lambda row, event: original(row, replace(event, paused=False)))


# The lists


@mutant
def the_lists_miss_a_wait(patch: MonkeyPatch) -> None:
    patch.setattr(summaries, "_parked", lambda row, branch, due, now: row)


@mutant
def the_lists_miss_an_end(patch: MonkeyPatch) -> None:
    original = summaries._ended
    patch.setattr(
        summaries, "_ended", lambda row, status, time: original(row, "running" if status == "failed" else status, time)
    )
