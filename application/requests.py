"""What people ask of the service, and what it answers."""

from __future__ import annotations

import re
from typing import Any, Final, Literal

import msgspec

from domain.events import CommandKey, Parent, WorkflowPublished
from domain.execution import Status
from domain.json_patch import Operation
from domain.problems import Problem

EXECUTION_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}")
RUN: Final = "POST /workflows"


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """A request to run a definition (decoded JSON). `known` are problems its text had already, such as duplicate keys.

    With a `definition_hash` it is that stored definition. `route` is what was asked: the id that a key stands for
    depends on it.
    """

    definition: Any = None
    definition_hash: str = ""
    route: str = RUN
    initial_state: dict[str, Any] | None = None
    execution_id: str | None = None
    on_conflict: Literal["fail", "use"] = "fail"
    labels: dict[str, str] = {}
    priority: int | None = None
    actor: str = ""
    key: CommandKey | None = None
    known: tuple[Problem, ...] = ()
    parent: Parent | None = None


class ForkRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request to fork the execution `source` at a version (None: its newest).

    `expected` are the versions that the source may have by now (None: any). `definition` is `"same"` (what the source
    runs), `"latest"` (the newest published version of its workflow) or another one, as decoded JSON. `patch_at` is the
    pointer of the operations in what was sent. Without labels or a priority the fork has those of its source.
    """

    source: str
    expected: tuple[int, ...] | None = None
    at: str | None = None
    operations: tuple[Operation, ...] = ()
    patch_at: str = ""
    definition: Any = "same"
    effects: Literal["rerun", "reuse"] = "rerun"
    signals: Literal["keep", "drop"] = "keep"
    children: Literal["reuse", "restart"] = "reuse"
    timers: Literal["restart", "keep"] = "restart"
    execution_id: str | None = None
    labels: dict[str, str] | None = None
    priority: int | None = None
    actor: str = ""
    reason: str = ""
    key: CommandKey | None = None

    @property
    def route(self) -> str:
        """What is asked: the id that a key stands for depends on it."""
        return f"POST /executions/{self.source}/forks"


class ToPublish(msgspec.Struct, frozen=True, kw_only=True):
    """A request to publish a definition (decoded JSON) under the id and version in it."""

    definition: Any
    actor: str = ""
    known: tuple[Problem, ...] = ()


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """A version is published, durably. `new` False: it was so already, and `event` says since when."""

    event: WorkflowPublished
    position: int
    new: bool
    warnings: tuple[Problem, ...] = ()


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
