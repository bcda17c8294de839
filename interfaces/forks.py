"""What can be said of a fork, whoever asks for it: over HTTP, in Python, on the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypedDict

from application.requests import ForkRequest
from domain import json
from domain.errors import StepFailure, Unacceptable
from domain.json_patch import read_operations
from domain.problems import Problem, pointer

CHOICES: Final = {
    "effects": ("rerun", "reuse"),
    "signals": ("keep", "drop"),
    "children": ("reuse", "restart"),
    "timers": ("restart", "keep"),
}
"""The policies, each with its default first."""
PATCH: Final = "/patch"
LONGEST_AT: Final = 2_000
"""Characters of what names a version."""


class ForkOptions(TypedDict, total=False):
    """How a fork begins, unless it is as its source was at its newest version.

    `at` names a version (`17`, `head~3`, `node:/address@2`), `patch` changes the state there (a JSON Patch), `definition`
    is `"latest"` (the newest published version of the workflow) or another one. `effects="reuse"` takes results that are
    recorded behind the cut instead of running nodes with effects again; `signals="drop"` leaves kept signals behind;
    `children="restart"` begins children anew whose results are there; `timers="keep"` lets timers end when they would have.
    """

    at: str | int
    patch: Sequence[Mapping[str, Any]]
    definition: Mapping[str, Any] | Literal["same", "latest"]
    effects: Literal["rerun", "reuse"]
    signals: Literal["keep", "drop"]
    children: Literal["reuse", "restart"]
    timers: Literal["restart", "keep"]
    fork_id: str
    labels: Mapping[str, str]
    priority: int
    reason: str


def fork_body(options: ForkOptions) -> dict[str, Any]:
    """The options as they are sent. Raises TypeError for one that there is not."""
    unknown = options.keys() - ForkOptions.__annotations__.keys()
    if unknown:
        raise TypeError(f"A fork has no option {min(unknown)!r}; it has {', '.join(ForkOptions.__annotations__)}.")
    names = {"fork_id": "executionId"}
    return {names.get(name, name): value for name, value in options.items() if value is not None}


def fork_of(execution_id: str, options: ForkOptions) -> ForkRequest:
    """The request that options stand for. Raises Unacceptable with everything that is wrong with them."""
    try:
        body = json.normal(fork_body(options), "what a fork is told")
    except StepFailure as failure:  # a program can pass what no text could
        raise Unacceptable(failure.message, code=failure.code, details=failure.details) from failure
    problems = fork_problems(body)
    if problems:
        raise Unacceptable(problems[0].message, code=problems[0].code, details=problems)
    return fork_request(body, execution_id)


def fork_problems(body: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with what only forks are told."""
    at = body.get("at", 1)
    found = [definition_problem(body)]
    if not (type(at) is int and at >= 0) and not (isinstance(at, str) and 0 < len(at) <= LONGEST_AT):
        found.append(_wrong("at", "at names a version: 17, head~3, a time, node:/address@2, or mark:name."))
    for name, choices in CHOICES.items():
        if body.get(name, choices[0]) not in choices:
            found.append(_wrong(name, f'{name} is "{choices[0]}" (unless you say otherwise) or "{choices[1]}".'))
    try:
        read_operations(body.get("patch", []), at=PATCH)
    except Unacceptable as refusal:
        found += refusal.details
    return [problem for problem in found if problem is not None]


def definition_problem(body: Mapping[str, Any]) -> Problem | None:
    """What is wrong with the form of `definition`, if anything."""
    given = body.get("definition", "same")
    if isinstance(given, dict) or given in ("same", "latest"):
        return None
    return _wrong("definition", 'definition is "same", "latest" (the newest published version), or a definition.')


def fork_request(body: Mapping[str, Any], source: str) -> ForkRequest:
    """The request of a body, plain JSON, in which nothing is wrong."""
    policies: Any = {name: body.get(name, choices[0]) for name, choices in CHOICES.items()}
    return ForkRequest(
        source=source,
        at=str(body["at"]) if "at" in body else None,
        operations=read_operations(body.get("patch", []), at=PATCH),
        patch_at=PATCH,
        definition=body.get("definition", "same"),
        execution_id=body.get("executionId"),
        labels=body.get("labels"),
        priority=body.get("priority"),
        reason=body.get("reason", ""),
        **policies,
    )


def _wrong(key: str, message: str) -> Problem:
    return Problem(code="SCHEMA", path=pointer(key), message=message)
