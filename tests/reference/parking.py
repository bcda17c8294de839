"""Steps that wait, without a clock: time passes for what is due, and the next letter comes for what is not."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from tests.reference.errors import Raised, error_object, invalid
from tests.reference.ways import Stopped

Taken = tuple[str | None, Any]


@dataclass
class Post:
    """What will be sent, in order, and what came early, by name."""

    mail: list[tuple[str, Any]]
    kept: dict[str, list[Any]] = field(default_factory=dict)

    def wait(self, name: str, takes: Callable[[Any], bool], *, due: bool, at_once: bool) -> Any | None:
        """The payload of the signal that ends the wait, in a list; None: its time is over. Stopped: nobody sends it."""
        early = self.kept.get(name, [])
        while early:
            payload = early.pop(0)
            if takes(payload):
                return [payload]
        if due or at_once:
            return None
        while self.mail:
            sent, payload = self.mail.pop(0)
            if sent != name:
                self.kept.setdefault(sent, []).append(payload)
            elif takes(payload):
                return [payload]
        raise Stopped("suspended")


def wait(step: str, config: dict[str, Any], routed: Collection[str], post: Post) -> Taken:
    """NODES: parks for a time: exactly one of the two, and one that can be understood."""
    if ("for" in config) == ("until" in config) or isinstance(config.get("for"), str):
        raise invalid("not a time")
    return "done", {"dueAt": "a time", "resumedAt": "a time"}


def signal(step: str, config: dict[str, Any], routed: Collection[str], post: Post) -> Taken:
    """NODES: parks for a named message, which may have to be an integer."""

    def takes(payload: Any) -> bool:
        return "schema" not in config or (type(payload) is int)

    return _parked(config["name"], takes, lambda payload: ("received", payload), config, routed, post)


def approval(step: str, config: dict[str, Any], routed: Collection[str], post: Post) -> Taken:
    """NODES: parks for a person's choice, which is the edge."""
    choices = config.get("choices", ["approve", "reject"])

    def takes(payload: Any) -> bool:
        return isinstance(payload, dict) and payload.get("choice") in choices

    def taken(payload: Any) -> Taken:
        answer = {
            "by": payload.get("by"),
            "comment": payload.get("comment"),
            "at": "a time",
            "data": payload.get("data"),
        }
        return payload["choice"], {"choice": payload["choice"], **answer}

    return _parked(step, takes, taken, config, routed, post)


def _parked(
    name: str,
    takes: Callable[[Any], bool],
    taken: Callable[[Any], Taken],
    config: dict[str, Any],
    routed: Collection[str],
    post: Post,
) -> Taken:
    found = post.wait(name, takes, due="timeout" in config, at_once=config.get("timeout") == 0)
    if found is not None:
        return taken(found[0])
    if "timeout" in routed:
        return "timeout", {"name": name}
    raise Raised(error_object("SIGNAL_TIMEOUT", "nobody sent it", details={"name": name}), keeps=True)
