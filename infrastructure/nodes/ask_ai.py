"""`ask-ai`: a completion from an OpenAI-compatible endpoint."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from application.redaction import clean_error
from domain import json
from domain.errors import ErrorInfo, StepFailure, Unacceptable
from domain.node import Answer, Edge, NodeMetadata, Parameter
from infrastructure.json_schemas import check_schema
from infrastructure.nodes.ai_answers import Completion, called, checked, completion, refusal, usable
from infrastructure.nodes.ai_messages import Tools, messages_of, tools_of, tools_on_the_wire
from infrastructure.nodes.ai_spending import Meter
from infrastructure.nodes.ai_stream import MAX_STREAM_BYTES, Stream
from infrastructure.nodes.base import LIBRARY_VERSION, example, invalid, notes, taken
from infrastructure.nodes.connecting import failed
from infrastructure.nodes.exchange import Door, Request, Response
from infrastructure.nodes.outward import OutwardNode, timeout_s

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from domain.context import ExecutionContext
    from infrastructure.nodes.ai_endpoint import AiEndpoint

MAX_ANSWER_BYTES: Final = 1_048_576
_SCHEMA_NAME: Final = "answer"


class AskAi(OutwardNode):
    """Asks a language model, and waits for its whole answer; with tools, that may be which of them to call."""

    metadata = NodeMetadata(
        id="ask-ai",
        name="Ask AI",
        version=LIBRARY_VERSION,
        description="Asks a language model (an OpenAI-compatible endpoint) for a completion.",
        example=example(
            {
                "ask-ai": {
                    "userPrompt": "Summarise in one sentence: {{$.text}}",
                    "temperature": 0,
                    "maxTokens": 200,
                    "success?": [{"$.summary": "$.aiResponse"}],
                    "error?": "$fail",
                }
            },
            text="Clew keeps every event of a run.",
        ),
        outputs=("aiResponse", "aiResponseData"),
        edges=("success", "tool_calls"),
        effect="writes",
        spends=True,
        gone=("JWT_token",),
        edge_info={
            "success": taken("the model answered", "content model usage"),
            "tool_calls": taken("it wants tools to be called", "content toolCalls message model usage"),
        },
        output_info={
            "aiResponse": "The answer as text.",
            "aiResponseData": "{id, model, content, finishReason, usage, durationMs}, and toolCalls if there are any.",
        },
        notes=notes(
            """
            `content` is the text, or with responseFormat `json` the parsed value. `usage` is
            {promptTokens, completionTokens, totalTokens, cost}; what the endpoint doesn't tell is null.

            An agent is a loop: `ask-ai...` with a body under `tool_calls?`. Each of toolCalls is {id,
            name, arguments}, checked against the tool's schema; `message` is the model's own, to be
            appended to `messages` before the answers of the tools.

            What it costs counts against `settings.budget`; once that is used up, it is not run:
            BUDGET_EXCEEDED.

            Endpoint, key and usual model are settings of the service (CLEW_AI_URL, CLEW_AI_KEY,
            CLEW_AI_MODEL); a definition never holds a key.

            An answer that is no JSON, or breaks the schema, is INVALID_ANSWER, which is recoverable:
            $retry asks again.
            """
        ),
        parameters={
            "userPrompt": Parameter(
                types=("string",),
                required=True,
                instead=("messages",),
                aliases=("prompt",),
                description="What is asked.",
            ),
            "model": Parameter(types=("string",), description="The default is the service's."),
            "systemPrompt": Parameter(types=("string",), description="How the model is to behave."),
            "messages": Parameter(
                types=("array",),
                description="The conversation so far: {role, content} each, as the endpoint has them. userPrompt is next.",
            ),
            "tools": Parameter(
                types=("array",),
                description="What the model may call: {name, description, parameters: JSON Schema} each.",
            ),
            "toolChoice": Parameter(types=("string",), description="auto, none, required, or the name of a tool."),
            "temperature": Parameter(types=("number",), description="0: as predictable as the model can be."),
            "maxTokens": Parameter(types=("integer",), description="Lowered to what is left of the budget."),
            "responseFormat": Parameter(
                types=("string",), default="text", enum=("text", "json"), description="json: the answer is parsed."
            ),
            "schema": Parameter(types=("object",), description="JSON Schema of the answer, for responseFormat json."),
            "stream": Parameter(
                types=("boolean",), default=False, description="Take the answer piece by piece: each is a heartbeat."
            ),
            "baseUrl": Parameter(types=("string",), description="Only where the service's settings allow that host."),
            "timeout": Parameter(types=("number", "string"), description="The default is the step's own $timeout."),
        },
    )

    def __init__(self, endpoint: AiEndpoint | None = None) -> None:
        self._endpoint = endpoint
        self._door = Door(endpoint.allowed) if endpoint is not None else None

    async def reach(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Ask once."""
        _check(config)
        messages, tools = messages_of(config), tools_of(config)
        if self._endpoint is None or self._door is None:
            message = "this service has no AI endpoint: set CLEW_AI_URL"
            raise StepFailure(ErrorInfo(type="configuration", code="AI_NOT_CONFIGURED", message=message))
        body = _body(self._endpoint, config, messages, tools)
        meter = Meter(context, self._endpoint, model=body["model"], prompt=json.encode([messages, config.get("tools")]))
        most = meter.most_tokens(config.get("maxTokens"))
        if most is not None:
            body["max_tokens"] = most
        began = time.monotonic()
        found = await self._asked(context, _request(self._endpoint, context, config, body), meter)
        duration_ms = round((time.monotonic() - began) * 1000)
        usage = meter.usage(found)  # whatever is made of the answer, it is paid for
        usable(found)
        if found.calls:
            return _kept_calls(context, found, called(found, tools), usage=usage, duration_ms=duration_ms)
        content = checked(found, config.get("schema")) if config["responseFormat"] == "json" else found.text
        return _kept(context, found, content, usage=usage, duration_ms=duration_ms)

    def refused(self, context: ExecutionContext, failure: StepFailure) -> Edge:
        """As for every node, without the key, which an endpoint may repeat in whatever it says."""
        if self._endpoint is not None:
            failure = StepFailure(clean_error(failure.error, self._endpoint.redactor))
        return super().refused(context, failure)

    async def _asked(self, context: ExecutionContext, request: Request, meter: Meter) -> Completion:
        """The completion, without the key, whether it came in one piece or many."""
        assert self._endpoint is not None and self._door is not None
        stream = Stream()

        def heard(part: bytes) -> None:
            stream.feed(part)
            context.heartbeat()

        try:
            response = await self._door.exchange(request, heard=heard)
            found = self._found(response, stream)
        except BaseException:  # the time of the step may be up, too
            if stream.characters:
                meter.broken_off(stream.characters)
            raise
        return found.cleaned(self._endpoint.redactor)

    def _found(self, response: Response, stream: Stream) -> Completion:
        assert self._endpoint is not None
        if not 200 <= response.status < 300:
            raise refusal(response, self._endpoint.redactor.text(response.body.decode(errors="replace")))
        if stream.has_begun:
            return stream.completion()
        if len(response.body) > MAX_ANSWER_BYTES:  # asked for a stream, it answered in one piece
            raise failed("RESPONSE_TOO_LARGE", f"the answer is over {MAX_ANSWER_BYTES:,} bytes long")
        return completion(response.body)

    def doubts(
        self, literals: Mapping[str, Any], *, given: frozenset[str], routed: frozenset[str]
    ) -> Iterable[tuple[str, str]]:
        """Tools whose calls go nowhere, and a schema that is not asked for."""
        yield from super().doubts(literals, given=given, routed=routed)
        if "tools" in given and literals.get("toolChoice") != "none" and "tool_calls" not in routed:
            yield "tools", "The model may call a tool, and then this step takes tool_calls, which leads nowhere."
        if (
            "schema" in given
            and literals.get("responseFormat", "text" if "responseFormat" not in given else "") == "text"
        ):
            yield "schema", "schema needs responseFormat json."


def _kept(
    context: ExecutionContext, found: Completion, content: Any, *, usage: dict[str, Any], duration_ms: int
) -> Edge:
    _keep(context, found, {"content": content, "usage": usage, "durationMs": duration_ms})
    return Edge("success", {"content": content, "model": found.model, "usage": usage})


def _kept_calls(
    context: ExecutionContext,
    found: Completion,
    calls: list[dict[str, Any]],
    *,
    usage: dict[str, Any],
    duration_ms: int,
) -> Edge:
    """The calls, and the model's message as it belongs into `messages` before the answers of the tools."""
    _keep(context, found, {"content": found.text, "usage": usage, "durationMs": duration_ms, "toolCalls": calls})
    wire = [call.on_the_wire() for call in found.calls]
    return Edge(
        "tool_calls",
        {
            "content": found.text,
            "toolCalls": calls,
            "message": {"role": "assistant", "content": found.text, "tool_calls": wire},
            "model": found.model,
            "usage": usage,
        },
    )


def _keep(context: ExecutionContext, found: Completion, more: dict[str, Any]) -> None:
    context.state["aiResponse"] = found.text
    context.state["aiResponseData"] = {
        "id": found.id,
        "model": found.model,
        "finishReason": found.finish_reason,
        **more,
    }


def _check(config: Mapping[str, Any]) -> None:
    """What can be wrong before anything is asked (and paid)."""
    if config.get("maxTokens", 1) < 1:
        raise invalid("maxTokens is 1 or more", parameter="maxTokens")
    if not 0 <= config.get("temperature", 0) <= 2:
        raise invalid("temperature is from 0 to 2", parameter="temperature")
    if "schema" not in config:
        return
    if config["responseFormat"] != "json":
        raise invalid("schema needs responseFormat json", parameter="schema", allowed=("json",))
    try:
        check_schema(config["schema"], None)
    except Unacceptable as error:
        raise invalid(f"schema: {error.message}", parameter="schema") from error


def _request(
    endpoint: AiEndpoint, context: ExecutionContext, config: Mapping[str, Any], body: Mapping[str, Any]
) -> Request:
    base = endpoint.base(config.get("baseUrl"))
    if base is None:
        message = (
            "the service's settings do not allow this baseUrl: leave it out, or have its host added (CLEW_AI_HOSTS)"
        )
        raise StepFailure(ErrorInfo(type="configuration", code="BASE_URL_REFUSED", message=message))
    headers = (
        ("Content-Type", "application/json"),
        ("Idempotency-Key", context.idempotency_key),
        *endpoint.headers(),
    )
    return Request(
        method="POST",
        url=f"{base}/chat/completions",
        headers=headers,
        content=json.encode(body),
        timeout_s=timeout_s(config),
        max_redirects=0,  # the key goes to nobody else
        max_bytes=MAX_STREAM_BYTES if config["stream"] else MAX_ANSWER_BYTES,
    )


def _body(
    endpoint: AiEndpoint, config: Mapping[str, Any], messages: list[dict[str, Any]], tools: Tools
) -> dict[str, Any]:
    model = config.get("model") or endpoint.model
    if not model:
        raise invalid("ask-ai needs a model: the service has no default (CLEW_AI_MODEL)", parameter="model")
    body: dict[str, Any] = {"model": model, "messages": messages, **tools_on_the_wire(config, tools)}
    if "temperature" in config:
        body["temperature"] = config["temperature"]
    if "schema" in config:
        form = {"name": _SCHEMA_NAME, "schema": config["schema"]}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    elif config["responseFormat"] == "json":
        body["response_format"] = {"type": "json_object"}
    if config["stream"]:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    return body
