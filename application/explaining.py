"""Explanations: what the state was at any version, what has changed, who wrote what, and where to look next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, Literal

from application.explaining_diff import writers_of
from application.explaining_writes import Writes
from application.folds import Folds
from application.places import ENDS, Places
from application.ports import EventLog, Recorded
from application.presenting import describe_event, patch_of
from application.reading import execution_event
from application.searching import Searches
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
        self, head: Execution, pointer: str, at: str | None = None, *, limit: int = BLAME_LIMIT
    ) -> dict[str, Any]:
        """`{pointer, at, value, written, earlier, next}`: who last wrote what is there at a version, and who did before.

        `written` is null where nobody did. `earlier` has at most `limit` writes, newest first; `next` is the version to ask
        at for those before them, null when there are none. What is not there has no `value`, and no `old` one before it.
        """
        checked(pointer, "?pointer")
        version = head.version if at is None else self._places.version(head, at)
        writes = list(islice(self._writes.back(head.id, pointer, upto=version, first=limit + 2), limit + 2))
        told = self._told(head, pointer, writes[: limit + 1])
        following = writes[len(told)].version if len(told) < len(writes) else None
        value = {"value": told[0]["value"]} if told and "value" in told[0] else {}
        return {
            "pointer": pointer,
            "at": version,
            **value,
            "written": told[0] if told else None,
            "earlier": told[1:],
            "next": following,
        }

    def _told(self, head: Execution, pointer: str, writes: Sequence[Recorded]) -> list[dict[str, Any]]:
        """Writes, newest first, with the values before and after each; as many as there is room for, but one."""
        if not writes:
            return []
        oldest = writes[-1].version
        value = find(self._state(head, oldest - 1), pointer) if oldest > 1 else ABSENT
        values = [value]
        for recorded in reversed(writes):
            value = self._after(head, recorded, value, pointer)
            values.append(value)
        values.reverse()
        program, room = self._program_of(head), BLAME_BYTES
        told: list[dict[str, Any]] = []
        for recorded, new, old in zip(writes, values, values[1:], strict=False):
            room -= sum(len(json.encode(each)) for each in (new, old) if each is not ABSENT)
            if room < 0 and told:
                break
            told.append({**_described(recorded, program, head), **_values(old=old, value=new)})
        return told

    def _after(self, head: Execution, recorded: Recorded, value: Any, pointer: str) -> Any:
        """The value after a write. Not all that an execution began with need be in its first event."""
        if recorded.version == 1:
            return find(self._state(head, 1), pointer)
        return changes.rewritten(value, changes.patch_of(execution_event(recorded)), pointer)

    def step(
        self, head: Execution, at: str | None = None, *, dir: Direction = "back", by: str = "event"
    ) -> dict[str, Any]:
        """`{version, event}`: the nearest before (or behind) a version, itself excepted; both null at the end of the road.

        `by`: any `event`; a `node` that begins (each attempt of a visit); a `visit` that ends; an `error`, whether somebody
        took care of it or not; `write:/pointer`, a write of what is there.
        """
        if dir not in ("back", "forward"):
            raise _unacceptable(f"dir is back or forward, not {dir!r}.", "dir")
        version = head.version if at is None else self._places.version(head, at)
        recorded = next(self._nearest(head, version, by, back=dir == "back"), None)
        if recorded is None:
            return {"version": None, "event": None}
        before = self._log.read(head.id, after=max(recorded.version - 2, 0), upto=recorded.version - 1)
        event = describe_event(recorded, self._program_of(head), patch_of(before[0] if before else None))
        return {"version": recorded.version, "event": event}

    def _nearest(self, head: Execution, version: int, by: str, *, back: bool) -> Iterator[Recorded]:
        after, upto = (0, version - 1) if back else (version, head.version)
        if by.startswith(WRITE):
            pointer = checked(by.removeprefix(WRITE), "?by", offset=len(WRITE))
            if back:
                return self._writes.back(head.id, pointer, upto=upto)
            return self._writes.forward(head.id, pointer, after=after, upto=upto)
        if by == "event":
            page = self._log.read(head.id, after=max(after, upto - 1) if back else after, upto=upto, limit=1)
            return iter(page)
        if by not in STEPS:
            meant = nearest(by[:40], BY)
            hint = f" Did you mean {meant!r}?" if meant else ""
            raise _unacceptable(f"by is event, node, visit, error or write:/pointer, not {by[:60]!r}.{hint}", "by")
        tags, texts, meant_by = STEPS[by]
        search = self._searches.newest if back else self._searches.oldest
        return search(head.id, tags=tags, texts=texts, meant=meant_by, after=after, upto=upto)

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


def _values(**values: Any) -> dict[str, Any]:
    """Those values that there are."""
    return {name: value for name, value in values.items() if value is not ABSENT}


def _unacceptable(message: str, parameter: str) -> Unacceptable:
    problem = Problem(code="INVALID_PARAMETER", path=f"?{parameter}", message=message)
    return Unacceptable(message, code="INVALID_PARAMETER", details=[problem])
