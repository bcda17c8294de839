"""What an OpenAI-compatible endpoint answers: completions with their tool calls, and refusals by their status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from application.redactor import Redactor
from domain import json
from domain.errors import ErrorInfo, StepFailure
from infrastructure.json_schemas import check_schema
from infrastructure.nodes.ai_messages import Tools
from infrastructure.nodes.exchange import Response

_CODES: Final = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    402: "PAYMENT_REQUIRED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    408: "REQUEST_TIMEOUT",
    409: "CONFLICT",
    413: "REQUEST_TOO_LARGE",
    422: "UNPROCESSABLE",
    429: "RATE_LIMITED",
    503: "UNAVAILABLE",
}
MAX_CALLS: Final = 128
"""Tool calls of one answer."""
MAX_TOKENS: Final = 1_000_000_000
"""Of one answer: what is more is no count."""
_MAX_REASON: Final = 500
_FENCE: Final = "```"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A tool call as the model wrote it: its arguments are the text of a JSON object, if all is well."""

    id: str
    name: str
    arguments: str

    def on_the_wire(self) -> dict[str, Any]:
        """As the endpoint wants to be reminded of it."""
        return {"id": self.id, "type": "function", "function": {"name": self.name, "arguments": self.arguments}}


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of a model. `text` None: it only calls tools. Counts are None where the endpoint does not give them."""

    id: str | None
    model: str
    text: str | None
    refusal: str | None = None
    calls: tuple[Call, ...] = ()
    finish_reason: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None

    @property
    def total(self) -> int | None:
        """All tokens, if that can be told."""
        if self.total_tokens is None and self.prompt_tokens is not None and self.completion_tokens is not None:
            return self.prompt_tokens + self.completion_tokens
        return self.total_tokens

    def cleaned(self, redactor: Redactor) -> Completion:
        """The same without secrets."""
        return msgspec.structs.replace(
            self,
            id=redactor.json(self.id),
            model=redactor.text(self.model),
            text=redactor.json(self.text),
            refusal=redactor.json(self.refusal),
            calls=tuple(
                Call(id=redactor.text(call.id), name=redactor.text(call.name), arguments=redactor.text(call.arguments))
                for call in self.calls
            ),
        )


class Function(msgspec.Struct):
    """Which tool, and the text of its arguments."""

    name: str | None = None
    arguments: str | None = None


class ToolCall(msgspec.Struct):
    """A tool call on the wire; in a stream, a piece of the one at `index`."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None


class Message(msgspec.Struct):
    """What a model says, or in a stream a piece of it."""

    content: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None


class _Choice(msgspec.Struct):
    message: Message
    finish_reason: str | None = None


class Usage(msgspec.Struct):
    """Counts of tokens."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None


class _Wire(msgspec.Struct):
    choices: list[_Choice]
    id: str | None = None
    model: str | None = None
    usage: Usage | None = None


def completion(body: bytes) -> Completion:
    """The first choice of a response body. Raises `INVALID_ANSWER`, recoverable."""
    try:
        wire = msgspec.json.decode(body.decode(errors="replace"), type=_Wire)
    except (msgspec.DecodeError, RecursionError) as error:
        raise unusable(f"the endpoint answered with what is no chat completion: {error}") from error
    if not wire.choices:
        raise unusable("the endpoint answered without a choice")
    choice = wire.choices[0]
    return said(
        choice.message, id=wire.id, model=wire.model, finish_reason=choice.finish_reason, usage=wire.usage or Usage()
    )


def said(message: Message, *, id: str | None, model: str | None, finish_reason: str | None, usage: Usage) -> Completion:
    """A message as a completion. Raises `INVALID_ANSWER`, recoverable, for tool calls that are none."""
    calls = message.tool_calls or []
    if len(calls) > MAX_CALLS:
        raise unusable(f"the model answered with {len(calls):,} tool calls; at most {MAX_CALLS} are taken")
    return Completion(
        id=id,
        model=model or "",
        text=None if calls and not message.content else message.content,
        refusal=message.refusal,
        calls=tuple(_call(call, place) for place, call in enumerate(calls)),
        finish_reason=finish_reason,
        prompt_tokens=_count(usage.prompt_tokens),
        completion_tokens=_count(usage.completion_tokens),
        total_tokens=_count(usage.total_tokens),
    )


def _count(tokens: int | None) -> int | None:
    """A count that can be one: whatever else an endpoint says is no count."""
    return tokens if tokens is not None and 0 <= tokens <= MAX_TOKENS else None


def usable(found: Completion) -> None:
    """Raise `REFUSED` for an answer that the model would not give, `INVALID_ANSWER`, recoverable, for none at all."""
    if found.refusal and not found.text and not found.calls:
        reason = found.refusal[:_MAX_REASON]
        raise StepFailure(ErrorInfo(code="REFUSED", message=f"the model refused: {reason}", details={"reason": reason}))
    if found.text is None and not found.calls:
        raise unusable("the model answered without text", finishReason=found.finish_reason)


def _call(call: ToolCall, place: int) -> Call:
    function = call.function or Function()
    if not function.name:
        raise unusable("the model answered with a tool call that names no tool")
    return Call(id=call.id or f"call_{place}", name=function.name, arguments=function.arguments or "{}")


def called(found: Completion, tools: Tools) -> list[dict[str, Any]]:
    """The calls as `{id, name, arguments}`, each of a tool that was given, with arguments that keep to its schema.

    Raises `INVALID_ANSWER`, recoverable.
    """
    return [{"id": call.id, "name": call.name, "arguments": _arguments(call, found, tools)} for call in found.calls]


def _arguments(call: Call, found: Completion, tools: Tools) -> Any:
    details = {"finishReason": found.finish_reason, "tool": call.name, "arguments": call.arguments[:_MAX_REASON]}
    if call.name not in tools:
        known = ", ".join(tools) or "none"
        raise unusable(f"the model called {call.name[:80]!r}, which is no tool that it was given ({known})", **details)
    value = _json(call.arguments, f"the arguments of {call.name} are", found, details)
    _check(tools[call.name], value, f"the arguments of {call.name} break its schema", details)
    return value


def checked(found: Completion, schema: Any) -> Any:
    """The JSON value that a model wrote (a fence around it is taken off), held to a schema if there is one.

    Raises `INVALID_ANSWER`, recoverable: asked again, a model may do better.
    """
    text = found.text or ""
    details = {"finishReason": found.finish_reason, "answer": text[:_MAX_REASON]}
    value = _json(_unfenced(text), "the model's answer is", found, details)
    if schema is not None:
        _check(schema, value, "the model's answer breaks the schema", details)
    return value


def _json(text: str, what: str, found: Completion, details: Mapping[str, Any]) -> Any:
    try:
        return json.normal(msgspec.json.decode(text), "the answer")
    except (msgspec.DecodeError, RecursionError, StepFailure) as error:
        cut = ": it was cut off at maxTokens" if found.finish_reason == "length" else ""
        raise unusable(f"{what} not JSON{cut}", **details) from error


def _check(schema: Any, value: Any, what: str, details: Mapping[str, Any]) -> None:
    problems = check_schema(schema, value)
    if problems:
        first = f"{problems[0].path or 'it'}: {problems[0].message}"[:_MAX_REASON]
        listed = [{"path": problem.path, "message": problem.message[:_MAX_REASON]} for problem in problems]
        raise unusable(f"{what} at {first}", **details, problems=listed)


def _unfenced(text: str) -> str:
    """What is between a first line such as ```json and a last ```, else the whole text."""
    stripped = text.strip()
    head, _, rest = stripped.partition("\n")
    language = head.removeprefix(_FENCE).strip()
    if not head.startswith(_FENCE) or not rest.endswith(_FENCE) or not (language.isalnum() or not language):
        return stripped
    return rest.removesuffix(_FENCE)


def refusal(response: Response, text: str) -> StepFailure:
    """The error of a status that is no success. `text` is the body, without the key."""
    retry_after = response.headers.get("retry-after")
    return refused(response.status, reason_of(text) or response.reason, retry_after=retry_after)


def refused(status: int, reason: str, *, retry_after: str | None = None) -> StepFailure:
    """The error of a status."""
    details: dict[str, Any] = {"status": status, "reason": reason}
    if retry_after is not None:
        details["retryAfter"] = retry_after[:40]
    return StepFailure(
        ErrorInfo(
            type="configuration" if status in (401, 402, 403) else "runtime",
            code=_CODES.get(status) or ("SERVER_ERROR" if status >= 500 else f"HTTP_{status}"),
            message=f"the AI endpoint answered {status}: {reason}",
            recoverable=status in (408, 429) or 500 <= status < 600,
            details=details,
        )
    )


def reason_of(text: str) -> str:
    """What `{error: {message}}` says, else the beginning of the text."""
    try:
        told = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        told = None
    error = told.get("error") if isinstance(told, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return (message if isinstance(message, str) else text).strip()[:_MAX_REASON]


def unusable(message: str, **details: Any) -> StepFailure:
    """`INVALID_ANSWER`: what came back can't be used; asked again, the model may do better."""
    return StepFailure(ErrorInfo(code="INVALID_ANSWER", message=message, recoverable=True, details=details or None))
