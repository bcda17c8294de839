"""What is sent to be run or validated: a definition, or an object that has one and says how to run it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from application.programs import Programs
from application.requests import EXECUTION_ID, Submission
from domain.document import parse_definition
from domain.errors import InvalidDefinition
from domain.limits import Limits
from domain.options import PRIORITY_RULE, is_priority
from domain.problems import Problem, pointer
from domain.program import Program
from domain.reporting import Report
from interfaces.http.bodies import limits as parse_limits
from interfaces.http.bodies import unknown_key

WRAPPER: Final = "/definition"
HOW: Final = ("initialState", "executionId", "onConflict", "labels", "priority")
KEYS: Final = ("definition", *HOW)
START_KEYS: Final = ("version", *HOW)
LATER: Final = ("breakpoints",)
"""Keys of the design that mean nothing yet: taking them in silence would be a promise."""
MOST_LABELS: Final = 64
LONGEST_LABEL: Final = 255


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A submission as it was read: the decoded body, what it asks for, and the program that its definition compiles to.

    `prefix` is the pointer of the definition in the body.
    """

    body: Any
    submission: Submission
    program: Program
    prefix: str


def read_draft(text: bytes, programs: Programs, limits: Limits) -> Draft:
    """Read and compile a body. Takes time that grows with it: call it off the loop.

    Raises NotJson, and InvalidDefinition with every problem at once, their paths being pointers into the body.
    """
    body, known = parse_definition(text, limits=parse_limits(limits.definition_bytes))
    wrapped = isinstance(body, dict) and "definition" in body and "workflow" not in body
    prefix = WRAPPER if wrapped else ""
    outer = start_problems(body, KEYS) if wrapped else []
    definition = body["definition"] if wrapped else body
    inner: tuple[Problem, ...] = ()
    program = None
    try:
        program = programs.compile(definition)
    except InvalidDefinition as error:
        inner = moved(error.problems, prefix)
    if outer or known or program is None:
        warnings = moved(program.warnings, prefix) if program is not None else ()
        raise InvalidDefinition(Report((*known, *outer, *inner, *warnings)).problems())
    return Draft(body=body, submission=_submission(body, definition, wrapped=wrapped), program=program, prefix=prefix)


def moved(problems: tuple[Problem, ...], prefix: str) -> tuple[Problem, ...]:
    """The problems of a definition as problems of the body that it stands in."""
    if not prefix:
        return problems
    return tuple(msgspec.structs.replace(problem, path=prefix + problem.path) for problem in problems)


def _submission(body: Any, definition: Any, *, wrapped: bool) -> Submission:
    if not wrapped:
        return Submission(definition=definition)
    return Submission(
        definition=definition,
        initial_state=body.get("initialState"),
        execution_id=body.get("executionId"),
        on_conflict=body.get("onConflict", "fail"),
        labels=body.get("labels", {}),
        priority=body.get("priority"),
    )


def start_problems(body: dict[str, Any], keys: tuple[str, ...]) -> list[Problem]:
    """What is wrong with what a body says of how to run; `keys` are all those that it may have."""
    report = Report()
    report.unknown(body, (*keys, *LATER), lambda key: unknown_key(key, keys))
    for key in (*keys, *LATER):
        for problem in _key_problems(key, body[key]) if key in body else ():
            report(problem)
    return list(report.problems())


def _key_problems(key: str, value: Any) -> Iterator[Problem]:
    match key:
        case "initialState":
            if not isinstance(value, dict):
                yield _wrong(key, "initialState is an object: the state that the execution begins with.")
        case "executionId":
            if not isinstance(value, str) or not EXECUTION_ID.fullmatch(value):
                yield _wrong(key, "An execution id has 1 to 128 letters, digits, `_`, `.` and `-`.")
        case "onConflict":
            if value not in ("fail", "use"):
                yield _wrong(key, 'onConflict is "fail" (409 when the id is taken) or "use" (that execution then).')
        case "priority":
            if not is_priority(value):
                yield _wrong(key, PRIORITY_RULE)
        case "labels":
            yield from _label_problems(value)
        case _ if key in LATER:
            yield Problem(code="NOT_SUPPORTED", path=pointer(key), message=f"{key} is not supported yet; leave it out.")


def _label_problems(labels: Any) -> Iterator[Problem]:
    if not isinstance(labels, dict) or len(labels) > MOST_LABELS:
        yield _wrong("labels", f"Labels are an object of at most {MOST_LABELS} texts by name.")
        return
    for name, value in labels.items():
        if not isinstance(value, str) or len(value) > LONGEST_LABEL or not 0 < len(name) <= LONGEST_LABEL:
            message = f"A label is a text of at most {LONGEST_LABEL} characters, under a name of 1 to {LONGEST_LABEL}."
            yield Problem(code="SCHEMA", path=pointer("labels", name), message=message)


def _wrong(key: str, message: str) -> Problem:
    return Problem(code="SCHEMA", path=pointer(key), message=message)
