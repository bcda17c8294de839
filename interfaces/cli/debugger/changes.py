"""What an event did to the state, for the eye."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from domain.patches import ABSENT, find
from interfaces.cli.debugger.trees import Marks, short
from interfaces.cli.wording import plain

NOTHING: Final = "(nothing)"
SIGNS: Final = {"add": "+", "replace": "~", "remove": "-"}


def marks_of(patch: Sequence[Mapping[str, Any]], before: Mapping[str, Any]) -> Marks:
    """What a patch wrote, and what it removed."""
    marks = {str(op["path"]): SIGNS[op["op"]] for op in patch if op["op"] != "remove"}
    gone = {str(op["path"]): value_at(before, str(op["path"])) for op in patch if op["op"] == "remove"}
    return Marks(marks, {path: value for path, value in gone.items() if path not in marks})


def change_lines(patch: Sequence[Mapping[str, Any]], before: Mapping[str, Any]) -> Iterator[str]:
    """Each operation of a patch as `pointer: old → new`."""
    for op in patch:
        old = short(value_at(before, op["path"])) if is_there(before, op["path"]) else NOTHING
        new = short(op["value"]) if op["op"] != "remove" else NOTHING
        yield f"{plain(op['path'])}: {old} → {new}"


def is_there(value: Any, pointer: str) -> bool:
    """Whether something stands under a pointer."""
    return find(value, pointer) is not ABSENT


def value_at(value: Any, pointer: str) -> Any:
    """What stands under a pointer; None when nothing does."""
    found = find(value, pointer)
    return None if found is ABSENT else found
