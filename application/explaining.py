"""Explanations: what the state was at any version, what has changed, who wrote what, and where to look next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, Final, Literal

from application.ancestry import parts_to
from application.explaining_diff import writers_of
from application.explaining_lineage import Ground, Span
from application.explaining_writes import Writes
from application.folds import Folds
from application.places import ENDS, Places
from application.ports import EventLog, Recorded
from application.presenting import describe_event, patch_of
from application.reading import execution_event
from application.searching import FIRST_PAGE, Searches
from domain import changes, json
from domain.durations import iso
from domain.errors import Unacceptable
from domain.events import EVENT_TYPES, EdgeTaken, ExecutionEvent
from domain.execution import Execution
from domain.patches import ABSENT, diff, find
from domain.pointers import checked
from domain.problems import Problem, nearest
from domain.program import Program

BLAME_LIMIT: Final = 100
"""Earlier writes that are told unless another number is asked for."""
BLAME_BYTES: Final = 8 * 1_048_576
"""What the values of an answer about writes may come to before it ends early: the rest is on the next page."""
MAX_FIELDS: Final = 1_000
"""Parts of a state that are read at once."""
ERRING: Final = ("edge_taken", *(tag for tag, kind in EVENT_TYPES.items() if "error" in kind.__struct_fields__))
"""The tags of events that can tell of an error."""
ERROR_TEXTS: Final = (b'"error":{', b'"edge":"error"')
BY: Final = ("event", "node", "visit", "error", "write:")
WRITE: Final = "write:"

Direction = Literal["back", "forward"]


class Explanations:
    """Explains executions at any point of their lives, from their logs alone. Each answer is of one moment."""

    def __init__(
        self, log: EventLog, folds: Folds, places: Places, *, program_of: Callable[[Execution], Program]
    ) -> None:
        self._log = log
        self._folds = folds
        self._places = places
        self._program_of = program_of
        self._searches = Searches(log)
        self._writes = Writes(log, folds, self._searches)

    def state(self, head: Execution, at: str | None, fields: Sequence[str] | None) -> dict[str, Any]:
        """`{executionId, version, state}`, or with `fields` in the place of `state` `{pointer: value}` of those there are."""
        version = head.version if at is None else self._places.version(head, at)
        pointers = None if fields is None else [checked(field, "?fields") for field in fields]
        state = self._state(head, version)
        told = {"executionId": head.id, "version": version}
        if pointers is None:
            return {**told, "state": state}
        if len(pointers) > MAX_FIELDS:
            raise _unacceptable(f"At most {MAX_FIELDS:,} fields are read at once, not {len(pointers):,}.", "fields")
        values = {pointer: find(state, pointer) for pointer in pointers}
        return {**told, "fields": {pointer: value for pointer, value in values.items() if value is not ABSENT}}

    def diff(self, head: Execution, from_: str | None, to: str | None) -> dict[str, Any]:
        """`{from, to, patch, changes}`: what leads from the state at one version to that at another, and who did it.

        Where `to` is the earlier version, a change is told with the event that it takes back.
        """
        old_version = 1 if from_ is None else self._places.version(head, from_, where="?from")
        new_version = head.version if to is None else self._places.version(head, to, where="?to")
        old, new = self._state(head, old_version), self._state(head, new_version)
        patch = tuple(diff(old, new))
        first, last = sorted((old_version, new_version))
        written = writers_of(self._log, head.id, [op.path for op in patch], after=first, upto=last)
        program = self._program_of(head)
        told = [
            {
                "pointer": op.path,
                **_described(written[op.path], program, head),
                **_values(old=find(old, op.path), new=find(new, op.path)),
            }
            for op in patch
        ]
        return {"from": old_version, "to": new_version, "patch": patch, "changes": told}

    def blame(
        self,
        head: Execution,
        pointer: str,
        at: str | None = None,
        *,
        limit: int = BLAME_LIMIT,
        lineage: bool = False,
    ) -> dict[str, Any]:
        """`{pointer, at, value, written, earlier, next}`: who last wrote what is there at a version, and who did before.

        `written` is null where nobody did. `earlier` has at most `limit` writes, newest first; `next` is the version to ask
        at for those before them, null when there are none. What is not there has no `value`, and no `old` one before it.

        With `lineage` what a fork has of its source is told of that: each write names its `executionId`, `at` may be
        `ID@VERSION` of a source, and `next` is so where the rest is in one. The answer's `executionId` is what `at` is of.
        """
        checked(pointer, "?pointer")
        ground = self._ground(head, at, lineage=lineage)
        spans = ground.back(upto=ground.version)
        found = chain.from_iterable(self._written(span, pointer, first=limit + 2) for span in spans)
        writes = list(islice(found, limit + 2))
        told = self._told(ground, pointer, writes[: limit + 1], named=lineage)
        following = writes[len(told)] if len(told) < len(writes) else None
        value = {"value": told[0]["value"]} if told and "value" in told[0] else {}
        return {
            **({"executionId": ground.execution_id} if lineage else {}),
            "pointer": pointer,
            "at": ground.version,
            **value,
            "written": told[0] if told else None,
            "earlier": told[1:],
            "next": None if following is None else _place(following, head),
        }

    def _ground(self, head: Execution, at: str | None, *, lineage: bool) -> Ground:
        ground = Ground(self._folds, head, parts_to(self._log, head, lineage=lineage))
        if at is not None:
            ground.stand(self._places, at, named=lineage)
        return ground

    def _written(self, span: Span, pointer: str, *, first: int = FIRST_PAGE) -> Iterator[Recorded]:
        return self._writes.back(span.execution, pointer, upto=span.upto, first=first, inherits=span.inherits)

    def _told(self, ground: Ground, pointer: str, writes: Sequence[Recorded], *, named: bool) -> list[dict[str, Any]]:
        """Writes, newest first, with the values before and after each; as many as there is room for, but one."""
        if not writes:
            return []
        before = ground.before(writes[-1])
        value = find(before.state, pointer) if before is not None else ABSENT
        values = [value]
        for recorded in reversed(writes):
            value = self._after(ground, recorded, value, pointer)
            values.append(value)
        values.reverse()
        room = BLAME_BYTES
        told: list[dict[str, Any]] = []
        for recorded, new, old in zip(writes, values, values[1:], strict=False):
            room -= sum(len(json.encode(each)) for each in (new, old) if each is not ABSENT)
            if room < 0 and told:
                break
            end = ground.head(recorded.stream)
            name = {"executionId": recorded.stream} if named else {}
            told.append({**name, **_described(recorded, self._program_of(end), end), **_values(old=old, value=new)})
        return told

    def _after(self, ground: Ground, recorded: Recorded, value: Any, pointer: str) -> Any:
        """The value after a write. Not all that an execution began with need be in its first event."""
        if recorded.version == 1:
            return find(ground.at(recorded.stream, 1).state, pointer)
        return changes.rewritten(value, changes.patch_of(execution_event(recorded)), pointer)

    def step(
        self,
        head: Execution,
        at: str | None = None,
        *,
        dir: Direction = "back",
        by: str = "event",
        lineage: bool = False,
    ) -> dict[str, Any]:
        """`{version, event}`: the nearest before (or behind) a version, itself excepted; both null at the end of the road.

        `by`: any `event`; a `node` that begins (each attempt of a visit); a `visit` that ends; an `error`, whether somebody
        took care of it or not; `write:/pointer`, a write of what is there.

        With `lineage` the road leads through what a fork goes back to: the answer has the `executionId` too, and `at` may be
        `ID@VERSION` of a source, from which the way forward is that to this execution.
        """
        if dir not in ("back", "forward"):
            raise _unacceptable(f"dir is back or forward, not {dir!r}.", "dir")
        ground = self._ground(head, at, lineage=lineage)
        spans = ground.back(upto=ground.version - 1) if dir == "back" else ground.forward()
        nearest_in = self._search(by, back=dir == "back")
        recorded = next(chain.from_iterable(map(nearest_in, spans)), None)
        if recorded is None:
            return {**({"executionId": None} if lineage else {}), "version": None, "event": None}
        name = {"executionId": recorded.stream} if lineage else {}
        before = self._log.read(recorded.stream, after=max(recorded.version - 2, 0), upto=recorded.version - 1)
        program = self._program_of(ground.head(recorded.stream))
        event = describe_event(recorded, program, patch_of(before[0] if before else None))
        return {**name, "version": recorded.version, "event": {**name, **event}}

    def _search(self, by: str, *, back: bool) -> Callable[[Span], Iterator[Recorded]]:
        """What finds the events that are meant in a span, the nearest first. Raises Unacceptable."""
        if by.startswith(WRITE):
            pointer = checked(by.removeprefix(WRITE), "?by", offset=len(WRITE))
            if back:
                return lambda span: self._written(span, pointer)
            return lambda span: self._writes.forward(span.execution, pointer, after=span.after, upto=span.upto)
        if by == "event":
            return lambda span: self._next(span, back=back)
        if by not in STEPS:
            meant = nearest(by[:40], BY)
            hint = f" Did you mean {meant!r}?" if meant else ""
            raise _unacceptable(f"by is event, node, visit, error or write:/pointer, not {by[:60]!r}.{hint}", "by")
        tags, texts, meant_by = STEPS[by]
        search = self._searches.newest if back else self._searches.oldest
        return lambda span: search(
            span.execution, tags=tags, texts=texts, meant=meant_by, after=span.after, upto=span.upto
        )

    def _next(self, span: Span, *, back: bool) -> Iterator[Recorded]:
        after = max(span.after, span.upto - 1) if back else span.after
        return iter(self._log.read(span.execution, after=after, upto=span.upto, limit=1))

    def _state(self, head: Execution, version: int) -> dict[str, Any]:
        return (head if version == head.version else self._folds.load(head.id, upto=version)).state


def is_error(event: ExecutionEvent) -> bool:
    """Whether an event tells of an error."""
    return getattr(event, "error", None) is not None or (isinstance(event, EdgeTaken) and event.edge == "error")


STEPS: Final[dict[str, tuple[Sequence[str], Sequence[Sequence[bytes]], Callable[[ExecutionEvent], bool]]]] = {
    "node": (("node_started",), (), lambda event: True),
    "visit": (ENDS, (), lambda event: True),
    "error": (ERRING, (ERROR_TEXTS,), is_error),
}
"""Tags, texts and what is meant, of each kind of step."""


def _described(recorded: Recorded, program: Program, head: Execution) -> dict[str, Any]:
    """The event of a write, without what it says."""
    event = execution_event(recorded)
    described = {"version": recorded.version, "type": type(event).__name__, "time": iso(event.time)}
    address = getattr(event, "address", "")
    step = program.at(address) if address in program.index else None
    more = {
        "address": address,
        "step": step.name if step is not None else head.step_names.get(address, ""),
        "node": step.node if step is not None else "",
        "visit": getattr(event, "visit", 0),
        "attempt": getattr(event, "attempt", 0),
        "branch": getattr(event, "branch", ""),
        "actor": event.actor,
    }
    return {**described, **{name: value for name, value in more.items() if value}}


def _place(recorded: Recorded, head: Execution) -> int | str:
    """How the version of an event is asked for: by its number, and in what `head` goes back to as ID@VERSION."""
    return recorded.version if recorded.stream == head.id else f"{recorded.stream}@{recorded.version}"


def _values(**values: Any) -> dict[str, Any]:
    """Those values that there are."""
    return {name: value for name, value in values.items() if value is not ABSENT}


def _unacceptable(message: str, parameter: str) -> Unacceptable:
    problem = Problem(code="INVALID_PARAMETER", path=f"?{parameter}", message=message)
    return Unacceptable(message, code="INVALID_PARAMETER", details=[problem])
