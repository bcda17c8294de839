"""What the nodes of the comparison do: scripted ones, and those of NODES sections 1, 2 and 4 that it uses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from domain import comparison
from domain.errors import StepFailure
from tests.reference import parking
from tests.reference.errors import Raised, error_object, invalid

Json = Any
State = dict[str, Any]


@dataclass(frozen=True)
class Does:
    """What a scripted node does in one visit: write to the state, then raise, or take an edge with data (or none)."""

    edge: str | None = None
    data: Json = None
    writes: Mapping[str, Json] = field(default_factory=dict)
    raises: str | None = None


@dataclass
class Frame:
    """One entry into a loop: its index, what an iterator keeps, and what its position keys held before."""

    index: int = 0
    kept: dict[str, Any] | None = None
    saved: dict[str, Any] = field(default_factory=dict)
    unset: set[str] = field(default_factory=set)
    item: Any = None
    entered: bool = False

    def forget(self) -> None:
        """A visit that failed before there was a pass is no entry: what it kept is kept anew."""
        if not self.entered:
            self.kept, self.saved, self.unset = None, {}, set()

    def remember(self, key: str, state: State) -> None:
        """Keep what a position key holds at entry."""
        if key in self.saved or key in self.unset:
            return
        if key in state:
            self.saved[key] = deepcopy(state[key])
        else:
            self.unset.add(key)

    def restore(self, state: State) -> None:
        """Give the position keys back, once: what an exit's route does to them later stays."""
        state.update(deepcopy(self.saved))
        for key in self.unset:
            state.pop(key, None)
        self.saved, self.unset = {}, set()

    @property
    def root(self) -> dict[str, Any]:
        """What `loop` shows in the body."""
        return {"index": self.index, "item": self.item}


class Ends(Exception):
    """The execution is complete."""


Taken = tuple[str | None, Json]


def scripted(does: Does, state: State) -> Taken:
    """A scripted visit."""
    if does.raises is not None:
        raise Raised(error_object("NODE_ERROR", does.raises, recoverable=True, details={"class": "ValueError"}))
    state.update(deepcopy(dict(does.writes)))
    return does.edge, None if does.edge is None else deepcopy(does.data)


def log(config: dict[str, Any], state: State, previous: Json) -> Taken:
    """NODES: one line; leaves `input` as it was."""
    message = config.get("message", previous)
    state["lastLoggedMessage"] = deepcopy(message)
    return "success", {"message": message, "fields": {k: v for k, v in config.items() if k not in ("message", "level")}}


def empty(config: dict[str, Any], state: State, previous: Json) -> Taken:
    """NODES: does nothing."""
    return "nothing", None


OPERATIONS: dict[str, Callable[[list[Any]], bool]] = {
    "and": lambda values: all(comparison.truth(value) for value in values),
    "or": lambda values: any(comparison.truth(value) for value in values),
    "not": lambda values: not comparison.truth(values[0]),
    "equal": lambda values: comparison.equal(values[0], values[1]),
    "notEqual": lambda values: not comparison.equal(values[0], values[1]),
    "less": lambda values: comparison.order(values[0], values[1]) < 0,
}


def logic(config: dict[str, Any], state: State, previous: Json) -> Taken:
    """NODES: the truth value of an operation."""
    try:
        result = OPERATIONS[config["operation"]](config["values"])
    except StepFailure as failure:
        state["logicResult"] = None
        raise Raised(failure.error.as_json(), keeps=True) from failure
    state["logicResult"] = result
    return ("true" if result else "false"), {"result": result}


def math(config: dict[str, Any], state: State, previous: Json) -> Taken:
    """NODES: folds numbers from the left; only `add` here."""
    if not all(isinstance(value, int) and not isinstance(value, bool) for value in config["values"]):
        state["mathResult"] = None
        raise invalid("not a number")
    state["mathResult"] = sum(config["values"])
    return "success", {"result": state["mathResult"]}


def switch(config: dict[str, Any], state: State, previous: Json) -> Taken:
    """NODES: the expression `item` as text is the edge; empty, null or false takes the fallback."""
    item = config["item"]
    if isinstance(item, list | dict) and item:
        state.update({"switchResult": None, "selectedEdge": None, "matchedRule": None})
        raise invalid("no edge has such a name")
    if item is None or item is False or item == [] or item == {}:
        item_text = ""
    else:
        item_text = item if isinstance(item, str) else json.dumps(item)
    edge = item_text or config.get("fallbackOutput", "default")
    state.update({"switchResult": deepcopy(item), "selectedEdge": edge, "matchedRule": None})
    return edge, {"item": item, "edge": edge, "matchedRule": None, "mode": "expression"}


def fail(config: dict[str, Any], state: State, previous: Json) -> Taken:
    """NODES: takes `error` with what it was given."""
    known = {key: config[key] for key in ("type", "details", "recoverable") if key in config}
    raise Raised(error_object(config.get("code", "FAILED"), config["message"], **known))


def end(config: dict[str, Any], state: State, previous: Json) -> Taken:
    """NODES: completes the execution from anywhere."""
    if "result" in config:
        state["result"] = deepcopy(config["result"])
    raise Ends


LIBRARY: dict[str, Callable[[dict[str, Any], State, Json], Taken]] = {
    "log": log,
    "empty": empty,
    "logic": logic,
    "math": math,
    "switch": switch,
    "fail": fail,
    "end": end,
}
PARKING = {"wait": parking.wait, "signal": parking.signal, "approval": parking.approval}
ITERATORS = {"each": "current-item", "range": "current_step", "while": "do", "batch": None}
"""The original name of the edge of a pass."""
POSITION = {
    "each": ("currentItem", "currentIndex"),
    "range": ("rangeValue", "rangeIndex"),
    "batch": ("currentBatch", "currentBatchIndex"),
}


def values_of(node: str, config: dict[str, Any]) -> list[Any]:
    """All that an iterator which knows its count goes over."""
    if node == "range":
        start, stop, by = config.get("start", 0), config["stop"], config.get("step", 1)
        if not all(isinstance(each, int) and not isinstance(each, bool) for each in (start, stop, by)) or by == 0:
            raise invalid("not a range")
        return list(range(start, stop, by))
    if not isinstance(config["items"], list):
        raise invalid("not a list")
    if node == "batch":
        size = config.get("size", 10)
        return [config["items"][at : at + size] for at in range(0, len(config["items"]), size)]
    items: list[Any] = config["items"]
    return items


def counted_pass(node: str, frame: Frame, state: State) -> Json | None:
    """Set the position keys for the next pass and give its data; None when there is none."""
    assert frame.kept is not None
    values = values_of(node, frame.kept)
    if frame.index >= len(values):
        return None
    value, total, index = values[frame.index], len(values), frame.index
    named, counter = (frame.kept.get(key, POSITION[node][at]) for at, key in enumerate(("as", "indexAs")))
    state[named], state[counter] = deepcopy(value), index
    if node != "batch":
        frame.item = value
    place = {"total": total, "isFirst": index == 0, "isLast": index == total - 1}
    if node == "batch":
        return {"items": value, "index": index, "size": len(value), **place}
    named_too = {"value": value} if node == "range" else {}
    return {"item": value, **named_too, "index": index, **place, "remaining": total - index - 1}


def holds(condition: Any) -> bool:
    """The condition of `while`."""
    if isinstance(condition, str):
        raise invalid("a text is no condition")
    if isinstance(condition, dict) and "operator" in condition:
        return comparison.order(condition["left"], condition["right"]) < 0
    if isinstance(condition, dict) and "operation" in condition:
        return OPERATIONS[condition["operation"]](condition["values"])
    return comparison.truth(condition)


class NotStorable(Exception):
    """A setter's path goes where nothing can be stored."""


def store(state: State, path: str, value: Any) -> None:
    """LANGUAGE section 2: missing or null parents become objects, or lists before `[n]`."""
    keys: list[str | int] = [
        int(index) if index else quoted or name
        for name, quoted, index in re.findall(r"\.(\w+)|\['([^']*)'\]|\[(\d+)\]", path)
    ]
    at: Any = state
    for key, following in zip(keys, [*keys[1:], None], strict=True):
        fresh: Any = deepcopy(value) if following is None else [] if isinstance(following, int) else {}
        match at, key:
            case list(), int() if key == len(at):
                at.append(fresh)
            case (list(), int()) if key < len(at):
                at[key] = fresh if following is None or at[key] is None else at[key]
            case dict(), str():
                at[key] = fresh if following is None or at.get(key) is None else at[key]
            case _:
                raise NotStorable(path)
        at = at[key]
