"""What people ask of the service, and what it answers."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from domain.events import CommandKey
from domain.execution import Status
from domain.problems import Problem


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """A request to run a definition (decoded JSON). `known` are problems its text had already, such as duplicate keys."""

    definition: Any
    initial_state: dict[str, Any] | None = None
    execution_id: str | None = None
    on_conflict: Literal["fail", "use"] = "fail"
    labels: dict[str, str] = {}
    priority: int | None = None
    actor: str = ""
    key: CommandKey | None = None
    known: tuple[Problem, ...] = ()


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """A submission is durable. `position` is the log's, for readers of lists.

    `replayed`: it was so already; `existing`: by another request, and this one said to use what has its id.
    """

    execution_id: str
    status: Status
    position: int
    replayed: bool = False
    existing: bool = False
    warnings: tuple[Problem, ...] = ()


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A command is durable. `changed` False: what it asked for was so already."""

    execution_id: str
    status: Status
    version: int
    position: int
    changed: bool
    replayed: bool = False
