"""What a fork goes back to: the histories that lead to an execution, the oldest first."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from application.ports import EventLog, Recorded
from domain.errors import NotFound
from domain.events import ExecutionForked
from domain.execution import Execution


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of a lineage, which lends it its versions 1 to `upto`: those `before` + 1 to `before` + `upto` of all."""

    execution: str
    upto: int
    before: int


def alone(log: EventLog, execution_id: str) -> Part:
    """An execution without what it goes back to. Raises NotFound."""
    version = log.version(execution_id)
    if not version:
        raise NotFound(f"There is no execution {execution_id!r}.")
    return Part(execution=execution_id, upto=version, before=0)


def parts_of(log: EventLog, execution_id: str) -> tuple[Part, ...]:
    """The executions that one goes back to, and itself last, up to its newest version. Raises NotFound."""
    names = [(execution_id, alone(log, execution_id).upto)]
    while isinstance(first := log.read(names[0][0], limit=1)[0].event, ExecutionForked):
        names.insert(0, (first.source.execution, first.source.version))
    parts: list[Part] = []
    for name, upto in names:
        before = parts[-1].before + parts[-1].upto if parts else 0
        parts.append(Part(execution=name, upto=upto, before=before))
    return tuple(parts)


def parts_to(log: EventLog, head: Execution, *, lineage: bool) -> tuple[Part, ...]:
    """The executions that lead to one as it was at its `head`, the oldest first; without its lineage itself alone."""
    if not lineage:
        return (Part(execution=head.id, upto=head.version, before=0),)
    *sources, own = parts_of(log, head.id)
    return (*sources, replace(own, upto=head.version))


def read_parts(log: EventLog, parts: Sequence[Part], *, after: int, upto: int) -> list[Recorded]:
    """The events of a lineage with `after` < place <= `upto`, oldest first; each is of the stream that it is of."""
    found: list[Recorded] = []
    for part in parts:
        low, high = max(after - part.before, 0), min(upto - part.before, part.upto)
        if low < high:
            found += log.read(part.execution, after=low, upto=high)
    return found


def place_of(parts: Sequence[Part], execution_id: str, version: int) -> int:
    """The place of a version among all those of its lineage, from 1."""
    return next(part.before for part in parts if part.execution == execution_id) + version
