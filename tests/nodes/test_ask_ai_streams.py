"""`ask-ai` with an answer that comes piece by piece, and what can go wrong on the way."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from infrastructure.nodes.ai_stream import MAX_STREAMED_CHARACTERS, Stream
from infrastructure.nodes.ask_ai import AskAi
from infrastructure.nodes.library import standard_registry
from infrastructure.nodes.outside import Outside
from tests.support.models import EVENTS, KEY, calling, endpoint_of, event, events_of, model, said, streamed
from tests.support.nodes import Visit, run
from tests.support.outside import Asked, Reply, ran

TEXT = "The quick brown fox jumps over the lazy dog: ž, 😀 and \\n."
TOOLS = [{"name": "look_up", "parameters": {"type": "object", "required": ["key"]}}]


def ask(answer: Any, **config: Any) -> tuple[Visit, list[Asked]]:
    """One visit with a stream, and what the stand-in was asked."""
    with model(answer) as server:
        visit = run(AskAi(endpoint_of(server)), {"userPrompt": "Hi?", "stream": True, **config})
    return visit, server.asked


def without_time(visit: Visit) -> Any:
    """The answer and the state, but for how long it took."""
    state = json.loads(json.dumps(visit.state))
    if state["aiResponseData"]:
        assert state["aiResponseData"].pop("durationMs") >= 0
    return visit.answer, state, visit.spent


@pytest.mark.parametrize(
    ("wire", "config"),
    [
        (said(TEXT), {}),
        (said(""), {}),
        (said(TEXT, usage=None), {}),
        (said('{"a": [1, 2]}'), {"responseFormat": "json", "schema": {"required": ["a"]}}),
        (said("no json"), {"responseFormat": "json"}),
        (said(None, refusal="I had rather not say what."), {}),
        (calling(("look_up", {"key": TEXT}), ("look_up", {"key": "b"}), content="Well."), {"tools": TOOLS}),
        (calling(("look_up", {"other": 1})), {"tools": TOOLS}),
        (calling(("divide", {})), {"tools": TOOLS}),
        (said("cut", finish="length"), {}),
    ],
)
def test_a_stream_comes_to_the_same_as_one_piece(wire: dict[str, Any], config: dict[str, Any]) -> None:
    """The same edge, data, state, error and spending; only asked for differently."""
    in_pieces, (streaming,) = ask(wire, **config)
    in_one, (plain,) = ask(wire, **{**config, "stream": False})
    assert without_time(in_pieces) == without_time(in_one)
    sent = json.loads(streaming.body)
    assert (sent.pop("stream"), sent.pop("stream_options")) == (True, {"include_usage": True})
    assert sent == json.loads(plain.body)


def test_every_piece_is_a_heartbeat() -> None:
    """As long as tokens come, the node's time begins anew."""
    visit, _ = ask(streamed(said(TEXT), wait_s=0.005))
    assert visit.edge == "success"
    assert visit.beats >= 8
    assert ask(said(TEXT), stream=False)[0].beats == 1


def test_an_answer_may_take_longer_than_the_step_has_if_it_keeps_coming() -> None:
    """In a real run: a second in all, a third of one at most between two pieces."""
    definition = {
        "id": "w", "name": "w", "version": "1.0.0",
        "workflow": [{"ask-ai": {"prompt": "Hi?", "stream": True, "$timeout": 400}}],
    }  # fmt: skip
    for wait_s, status in ((0.1, "completed"), (0.6, "failed")):
        with model(streamed(said(TEXT), wait_s=wait_s)) as server:
            nodes = standard_registry(files_root=None, entry_points=False, outside=Outside(ai=endpoint_of(server)))
            found = ran(definition, nodes)
        assert found.execution["status"] == status
        if status == "failed":
            assert found.execution["error"]["code"] == "NODE_TIMEOUT"


def test_the_time_of_the_request_is_for_all_of_it() -> None:
    """`timeout` says how long anyone wants to wait."""
    visit, _ = ask(streamed(said(TEXT), wait_s=0.1), timeout=300)
    assert visit.code == "REQUEST_TIMEOUT"
    assert visit.data["recoverable"] is True


def test_an_endpoint_that_knows_no_streams() -> None:
    """Answers in one piece, which is as good."""
    visit, _ = ask(Reply(body=json.dumps(said(TEXT)).encode()))
    assert visit.data["content"] == TEXT
    visit, _ = ask(Reply(body=b" " * 1_048_577))
    assert visit.code == "RESPONSE_TOO_LARGE"


def test_the_key_is_not_in_what_is_streamed() -> None:
    """However it is torn; nor in an error."""
    visit, _ = ask(said(f"Your key is {KEY}, isn't it?"))
    assert visit.data["content"] == "Your key is [secret:CLEW_AI_KEY], isn't it?"
    visit, _ = ask(calling(("look_up", {"key": KEY})), tools=TOOLS)
    assert KEY not in json.dumps(visit.data)
    assert visit.data["toolCalls"][0]["arguments"] == {"key": "[secret:CLEW_AI_KEY]"}
    visit, _ = ask(Reply(headers=EVENTS, body=event({"error": {"message": f"no {KEY}"}})))
    assert KEY not in json.dumps(visit.data)


START = events_of(said(TEXT))[:4]


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(401, b'{"error": {"message": "who?"}}'), "UNAUTHORIZED"),
        (Reply(429, b"slow down"), "RATE_LIMITED"),
        (Reply(503, b""), "UNAVAILABLE"),
        (Reply(headers=EVENTS, parts=(*START, event({"error": {"message": "busy", "code": 429}}))), "RATE_LIMITED"),
        (Reply(headers=EVENTS, parts=(*START, event({"error": {"message": "gone"}}))), "SERVER_ERROR"),
        (Reply(headers=EVENTS, parts=(*START, event({"error": "gone"}))), "SERVER_ERROR"),
        (Reply(headers=EVENTS, parts=tuple(START)), "INVALID_ANSWER"),
        (Reply(headers=EVENTS, parts=tuple(START), torn=True), "NETWORK_ERROR"),
        (Reply(headers=EVENTS, body=b"data: {not json\n\n"), "INVALID_ANSWER"),
        (Reply(headers=EVENTS, body=b"data: [1]\n\n"), "INVALID_ANSWER"),
        (Reply(headers=EVENTS, body=b'data: {"choices": [{"delta": {"content": 5}}]}\n\n'), "INVALID_ANSWER"),
        (Reply(headers=EVENTS, body=b"data: " + b"[" * 100_000 + b"\n\n"), "INVALID_ANSWER"),
        (Reply(headers=EVENTS, body=b": nothing but comments\n\n" * 10), "INVALID_ANSWER"),
        (Reply(headers=EVENTS, body=b""), "INVALID_ANSWER"),
        (Reply(headers=EVENTS, body=b"data: [DONE]\n\n"), "INVALID_ANSWER"),
        (Reply(headers=EVENTS, body=b"\xff\xfe" * 1_000), "INVALID_ANSWER"),
        (Reply(headers=EVENTS, endless=True), "RESPONSE_TOO_LARGE"),
        (
            Reply(headers=EVENTS, body=event({"choices": [{"delta": {"content": "x" * 100_000}}]}) * 11),
            "RESPONSE_TOO_LARGE",
        ),
        (
            Reply(
                headers=EVENTS, body=event({"choices": [{"delta": {"tool_calls": [{"index": n} for n in range(129)]}}]})
            ),
            "INVALID_ANSWER",
        ),
    ],
)
def test_streams_that_come_to_nothing(reply: Reply, code: str) -> None:
    """Each with its code; those that may pass are recoverable."""
    visit, _ = ask(reply)
    assert visit.code == code
    assert visit.data["recoverable"] is (code not in ("UNAUTHORIZED", "RESPONSE_TOO_LARGE"))
    assert visit.state == {"aiResponse": None, "aiResponseData": None}


def test_an_endpoint_that_is_not_there() -> None:
    """A network error, recoverable."""
    with model(said("a")) as server:
        endpoint = endpoint_of(server)
    visit = run(AskAi(endpoint), {"userPrompt": "Hi?", "stream": True})
    assert visit.code == "NETWORK_ERROR"


def test_pieces_may_be_cut_anywhere() -> None:
    """Within a character, within a line ending, byte by byte."""
    whole = b"".join(events_of(said(TEXT))).replace(b"\n", b"\r\n")
    for size in (1, 2, 3, 1_000_000):
        stream = Stream()
        for at in range(0, len(whole), size):
            stream.feed(whole[at : at + size])
        found = stream.completion()
        assert (found.text, found.total, found.finish_reason, found.model) == (TEXT, 1_500, "stop", "m-2026")
    unended = Stream()
    unended.feed(whole.rstrip(b"\r\n"))
    assert unended.completion().text == TEXT


def test_one_line_without_end_takes_linear_time() -> None:
    """Sixteen megabytes of it, in small parts."""
    stream = Stream()
    began = time.monotonic()
    for _ in range(16_000):
        stream.feed(b"x" * 1_000)
    assert time.monotonic() - began < 2
    assert stream.has_begun is False


def test_only_the_first_choice_counts() -> None:
    """Others were not asked for."""
    stream = Stream()
    stream.feed(
        event({"choices": [{"index": 1, "delta": {"content": "no"}}, {"index": 0, "delta": {"content": "yes"}}]})
    )
    stream.feed(event({"choices": [{"delta": {}, "finish_reason": "stop"}]}))
    assert stream.completion().text == "yes"
    assert stream.characters == 3
    assert MAX_STREAMED_CHARACTERS == 1_048_576
