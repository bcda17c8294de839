"""What events do to the state, seen from one place in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from domain.events import EVENT_TYPES, ExecutionEvent, ExecutionStarted
from domain.json import encode
from domain.patches import ABSENT, Op, Patch, apply, escape, find

if TYPE_CHECKING:
    from collections.abc import Sequence

WRITING: Final = tuple(tag for tag, kind in EVENT_TYPES.items() if "patch" in kind.__struct_fields__)
"""The tags of all events that change the state of an execution that has begun: those with a patch."""


def patch_of(event: ExecutionEvent) -> Patch:
    """What an event does to the state. An execution begins by adding each key of its initial state."""
    if isinstance(event, ExecutionStarted):
        return tuple(Op("add", f"/{escape(key)}", value) for key, value in event.initial_state.items())
    patch: Patch = getattr(event, "patch", ())
    return patch


def touches(path: str, pointer: str) -> bool:
    """Whether an operation at `path` writes what is at `pointer`: itself, something that it is in, or something in it."""
    return path == pointer or path.startswith(f"{pointer}/") or pointer.startswith(f"{path}/")


def writes(event: ExecutionEvent, pointer: str) -> bool:
    """Whether an event writes what is at `pointer`."""
    return any(touches(op.path, pointer) for op in patch_of(event))


def rewritten(value: Any, patch: Sequence[Op], pointer: str) -> Any:
    """What is at `pointer` after a patch, if it was `value` before (ABSENT: nothing), which is left as it is."""
    for op in patch:
        if op.path == pointer or pointer.startswith(f"{op.path}/"):
            value = ABSENT if op.op == "remove" else find(op.value, pointer.removeprefix(op.path))
        elif op.path.startswith(f"{pointer}/"):
            inner = Op(op.op, f"/{op.path.removeprefix(pointer)}", op.value)
            value = apply({"": value}, (inner,))[""]
    return value


def texts_of(pointer: str) -> tuple[bytes, ...]:
    """Pieces of stored events, one of which is in each that writes what is at `pointer` (and in some others)."""
    if not pointer:
        return (b'"path":"',)
    parts = pointer.split("/")
    above = ["/".join(parts[:count]) for count in range(2, len(parts) + 1)]
    quoted = [_stored(path) for path in above]
    return (*quoted, quoted[-1][:-1] + b"/")


def _stored(path: str) -> bytes:
    return b'"path":' + encode(path)
