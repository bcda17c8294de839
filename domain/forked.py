"""The fold of a fork: what it has of its source, and what it begins with anew."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from domain.editing import with_lists
from domain.events import ExecutionForked, Place
from domain.execution import Execution, KeptSignal, Snapshot, counted, status_of
from domain.layers import Layers
from domain.patches import apply
from domain.position import Branch


def base_of(source: Execution, fork_id: str) -> Execution:
    """What the events of a fork are folded from: its source, at the version that it was forked off at."""
    return replace(source, id=fork_id, version=0)


def forked(base: Execution, event: ExecutionForked) -> Execution:
    """The fork of `base`: its state with the edits, its position without the attempts that were under way.

    It counts visits, entries and steps on from there, in a walk that is its first, so that its passes are those that its
    source had or would have had. Its keys, marks and spending are its own. A critical error can still take it back to its
    source's newest snapshot.
    """
    dropped = dropped_visits(base, event.places)
    fork = Execution(
        id=base.id,
        workflow=event.workflow,
        workflow_version=event.workflow_version,
        definition_hash=event.definition_hash,
        labels=event.labels,
        priority=event.priority,
        source=event.source,
        effects=event.effects,
        children=event.children,
        state=apply(base.state, event.patch),
        steps=max(base.steps - len(dropped), 0),
        visits=_numbers(base.visits, dropped),
        outputs=base.outputs,
        step_names=base.step_names,
        branches={name: _placed(base, name, place, event) for name, place in event.places.items()},
        kept=_numbered(base.kept) if event.signals == "keep" else {},
        snapshot=_owned(base.snapshot, event) if event.snapshot else None,
        started=event.time,
        key=event.key,
    )
    return counted(with_lists(replace(fork, status=status_of(fork)), event.lists))


def dropped_visits(base: Execution, places: Mapping[str, Place]) -> list[tuple[str, str, int]]:
    """(branch, address, number) of each visit that the source had begun, and the fork begins again."""
    found: list[tuple[str, str, int]] = []
    failure = base.failure
    for name, place in places.items():
        branch = base.branches.get(name)
        if branch is None or place.parked:
            continue
        if branch.visit is not None:
            found.append((name, branch.visit.address, branch.visit.number))
        elif failure is not None and failure.branch == name and failure.visit and not failure.restored:
            found.append((name, failure.address, failure.visit))
    return found


def _placed(base: Execution, name: str, place: Place, event: ExecutionForked) -> Branch:
    branch = base.branches.get(name, Branch(address=None))
    visit = branch.visit
    if place.parked and visit is not None and visit.wait is not None:
        since = event.time if event.timers == "restart" and place.due is not None else visit.wait.since
        return replace(branch, visit=replace(visit, wait=replace(visit.wait, since=since, due=place.due)))
    for _, address, _ in dropped_visits(base, {name: place}):
        branch = branch.unentered(address)
    return replace(branch, address=place.address, visit=None)


def _numbers(visits: Layers[int], dropped: list[tuple[str, str, int]]) -> Layers[int]:
    """The counts of visits without the newest ones of each step, as far as these are begun again: they get their numbers."""
    begun = {(address, number) for _, address, number in dropped}
    for address in {address for address, _ in begun}:
        count = visits.get(address, 0)
        while (address, count) in begun:
            count -= 1
        visits = visits.put(address, count)
    return visits


def _numbered(kept: Mapping[str, tuple[KeptSignal, ...]]) -> dict[str, tuple[KeptSignal, ...]]:
    """The signals that the source had kept, under numbers that no version of the fork is."""
    number = 0
    found: dict[str, tuple[KeptSignal, ...]] = {}
    for name, signals in kept.items():
        found[name] = tuple(replace(signal, version=-number - at) for at, signal in enumerate(signals, start=1))
        number += len(signals)
    return found


def _owned(snapshot: Snapshot | None, event: ExecutionForked) -> Snapshot | None:
    """The snapshot, which says whose it is. One that its step was still taking is taken again."""
    if snapshot is None or snapshot.visit is not None:
        return None
    return replace(snapshot, execution=snapshot.execution or event.source.execution)
