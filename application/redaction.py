"""What a visit hands on to be recorded, without the secrets that its node has read."""

from __future__ import annotations

from typing import assert_never

from msgspec.structs import replace

from application.redactor import Redactor
from domain.commands import Called, Ended, Erred, Forked, Marked, Outcome, Parked, Passed, Stored, Took
from domain.errors import ErrorInfo
from domain.node import Call, Park, Pass
from domain.patches import Op, Patch, escape, tokens


def clean_outcome(outcome: Outcome, redactor: Redactor) -> Outcome:
    """The outcome, every text in it without the secrets."""
    match outcome:
        case Took(edge=edge, data=data):
            return Took(edge=redactor.json(edge), data=redactor.json(data))
        case Passed(answer=answer):
            return replace(outcome, answer=_clean_pass(answer, redactor))
        case Parked(answer=answer):
            return Parked(answer=_clean_park(answer, redactor))
        case Called(initial_state=state):
            return replace(outcome, initial_state=redactor.json(state))
        case Forked(answer=answer):
            return Forked(answer=replace(answer, edge=redactor.text(answer.edge), items=redactor.json(answer.items)))
        case Marked(name=name):
            return Marked(name=redactor.text(name))
        case Ended(result=result):
            return Ended(result=redactor.json(result))
        case Stored(value=value):
            return Stored(value=redactor.json(value))
        case Erred(error=error):
            return Erred(error=clean_error(error, redactor))
        case _:
            assert_never(outcome)


def clean_call(call: Call, redactor: Redactor) -> Call:
    """What a child is to run, before anything of it is stored."""
    return replace(
        call,
        workflow=redactor.text(call.workflow),
        version=redactor.text(call.version),
        definition=None if call.definition is None else redactor.json(dict(call.definition)),
        state=redactor.json(dict(call.state)),
    )


def clean_patch(patch: Patch, redactor: Redactor) -> Patch:
    """The patch with clean values. Of the keys only those that it adds are looked at: the others are in the state."""
    return tuple(_clean_op(op, redactor) for op in patch)


def _clean_op(op: Op, redactor: Redactor) -> Op:
    path = op.path
    if op.op == "add":
        *parents, last = tokens(path)
        path = "".join(f"/{escape(token)}" for token in (*parents, redactor.text(last)))
    return Op(op.op, path, redactor.json(op.value))


def _clean_pass(answer: Pass, redactor: Redactor) -> Pass:
    return Pass(
        edge=redactor.text(answer.edge),
        data=redactor.json(answer.data),
        bind=redactor.json(dict(answer.bind)),
        bounded=answer.bounded,
    )


def _clean_park(answer: Park, redactor: Redactor) -> Park:
    return Park(
        kind=answer.kind,
        name=redactor.text(answer.name),
        due=answer.due,
        schema=redactor.json(answer.schema),
        choices=tuple(map(redactor.text, answer.choices)),
        about=redactor.json(dict(answer.about)),
    )


def clean_error(error: ErrorInfo, redactor: Redactor) -> ErrorInfo:
    """The error object, every text in it without the secrets."""
    return replace(
        error,
        code=redactor.text(error.code),
        message=redactor.text(error.message),
        details=redactor.json(error.details),
    )
