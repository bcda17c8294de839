"""What is measured from a log, through both clients and the embedded engine alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clew import Client, Engine
from domain.errors import NotFound, Unacceptable, Unavailable
from tests.client.both import CONNECTS
from tests.client.scripted import HANG_UP, Answer, scripted
from tests.support.http import RunningServer, running_server

COUNTING: dict[str, Any] = {
    "id": "counting",
    "name": "Counting",
    "version": "1.0.0",
    "initialState": {"n": 0, "list": [1, 2], "text": "a\u2028b"},
    "workflow": [{"each...": {"items": "$.list", "loop?": [{"$.n": "$.n + $.currentItem"}]}}],
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One real server for the module."""
    home: Path = tmp_path_factory.mktemp("server")
    with running_server(home) as found:
        yield found


def look_at(source: Any) -> None:
    """The same questions, whoever is asked."""
    left = source.run(COUNTING)["executionId"]
    right = source.run(COUNTING, initial_state={"n": 0, "list": [1, 5]})["executionId"]
    timeline = source.timeline(left)
    assert timeline["columns"]["step"] == ["each", "", "each", "", "each"]
    assert source.timeline(left, after=timeline["columns"]["version"][3], limit=1)["columns"]["edge"] == ["done"]
    assert source.metrics(left)["visits"] == 5
    assert source.lineage(left, depth=1)["walks"][0]["cause"] == "start"
    page = source.path(left, limit=2)["path"]
    assert [item["parameters"] for item in page["items"]][1] == {"$.n": 1}
    assert len(source.path(left, after=page["next"])["path"]["items"]) == 3
    assert [line["value"] for line in source.probe(left, "$.n", every="change")] == [0, 1, 3]
    assert [line["value"] for line in source.probe(left, "$.text", every="change", from_=2, to="head")] == ["a\u2028b"]
    both = source.compare(left, right)
    assert both["divergence"]["left"]["output"]["item"] == 2
    assert source.compare(f"{left}@3", left)["ahead"]["side"] == "right"
    for wrong in ("$.n +", "$.n | nothing"):
        with pytest.raises(Unacceptable) as refused:
            list(source.probe(left, wrong))
        assert refused.value.code == "INVALID_EXPRESSION"
    with pytest.raises(NotFound):
        list(source.probe("nobody", "1"))


@CONNECTS
def test_a_client(server: RunningServer, connect: type[Client]) -> None:
    """Of a real server."""
    with connect(server.url) as client:
        look_at(client)


def test_an_engine() -> None:
    """In this process."""
    with Engine() as engine:
        look_at(engine)


@CONNECTS
def test_a_stream_that_breaks_off(connect: type[Client]) -> None:
    """Is no answer: it is not asked for again, and nobody takes a part of it for all."""
    cut = Answer(200, b'{"version":1}\n{"ver', {"Content-Length": "500", "Connection": "close"})
    with scripted([HANG_UP, cut, Answer(503, {"error": {"code": "UNAVAILABLE", "message": "later"}})]) as server:
        with connect(server.url) as client:
            for _ in range(3):
                with pytest.raises(Unavailable):
                    list(client.probe("ex_1", "1"))
        assert len(server.asked) == 3


def test_no_server() -> None:
    """Says so, and what to do."""
    with Client("http://127.0.0.1:9", attempts=1) as client, pytest.raises(Unavailable, match="clew serve"):
        next(client.probe("ex_1", "1"))
