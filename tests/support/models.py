"""A stand-in of an OpenAI-compatible endpoint: it says what a test scripts, in one piece or streamed, as it is asked to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from infrastructure.nodes.ai_endpoint import AiEndpoint, Price
from tests.support.outside import Asked, Reply, Web, web

KEY = "sk-s3cret-0123456789"
USAGE = {"prompt_tokens": 1_000, "completion_tokens": 500, "total_tokens": 1_500}
EVENTS = (("Content-Type", "text/event-stream; charset=utf-8"),)
PIECE = 7
"""Characters of a streamed piece: fewer than most words have, so that everything is torn."""

Answer = dict[str, Any] | Reply | Callable[[dict[str, Any]], "dict[str, Any] | Reply"]
"""A completion, a raw reply, or a function of the request's body."""


def said(content: str | None, *, finish: str = "stop", usage: Any = USAGE, **message: Any) -> dict[str, Any]:
    """A completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}
    return {"id": "c-1", "object": "chat.completion", "model": "m-2026", "choices": [choice], "usage": usage}


def calling(*calls: tuple[str, Any], content: str | None = None, **more: Any) -> dict[str, Any]:
    """A completion that calls tools: (name, arguments) each; arguments as a text are sent as they are."""
    wire = [
        {
            "id": f"id-{place}",
            "type": "function",
            "function": {"name": name, "arguments": args if isinstance(args, str) else json.dumps(args)},
        }
        for place, (name, args) in enumerate(calls)
    ]
    return said(content, finish="tool_calls", tool_calls=wire, **more)


def whole(completion: dict[str, Any]) -> Reply:
    """A completion in one piece."""
    return Reply(body=json.dumps(completion).encode())


def events_of(completion: dict[str, Any]) -> list[bytes]:
    """A completion as the events of a stream, torn into small pieces, its counts in the last one."""
    choice = completion["choices"][0]
    message = choice["message"]
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": piece} for piece in _torn(message.get("content") or "")]
    deltas += [{"refusal": piece} for piece in _torn(message.get("refusal") or "")]
    for index, call in enumerate(message.get("tool_calls") or ()):
        name = call["function"]["name"]
        deltas.append(
            {"tool_calls": [{"index": index, "id": call["id"], "type": "function", "function": {"name": name}}]}
        )
        deltas += [
            {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
            for piece in _torn(call["function"]["arguments"])
        ]
    about = {"id": completion["id"], "model": completion["model"], "object": "chat.completion.chunk"}
    chunks = [{**about, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({**about, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]})
    chunks.append({**about, "choices": [], "usage": completion["usage"]})
    return [b": keep the line open\n\n", *(event(chunk) for chunk in chunks), b"data: [DONE]\n\n"]


def event(chunk: Any) -> bytes:
    """One event."""
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def streamed(completion: dict[str, Any], *, wait_s: float = 0.0) -> Reply:
    """A completion that comes bit by bit."""
    return Reply(headers=EVENTS, parts=tuple(events_of(completion)), part_wait_s=wait_s)


def _torn(text: str) -> Iterator[str]:
    yield from (text[at : at + PIECE] for at in range(0, len(text), PIECE))


@contextmanager
def model(answers: Sequence[Answer] | Answer) -> Iterator[Web]:
    """An endpoint, while the block runs: it gives the answers in order, or one for ever."""
    script = iter(answers) if isinstance(answers, list) else None

    def answer(asked: Asked) -> Reply:
        wanted = json.loads(asked.body)
        found = next(script) if script is not None else answers
        found = found(wanted) if callable(found) else found
        if isinstance(found, Reply):
            return found
        assert isinstance(found, dict)
        return streamed(found) if wanted.get("stream") else whole(found)

    with web(answer) as server:
        yield server


def endpoint_of(server: Web, **more: Any) -> AiEndpoint:
    """The settings for a stand-in: the model `m` at 2 and 8 for a million tokens."""
    return AiEndpoint(server.url("/v1"), **{"key": KEY, "model": "m", "prices": {"m": Price(2.0, 8.0)}, **more})
