"""`log` and `empty`."""

from __future__ import annotations

from typing import Any

import pytest

from domain.node import Edge
from infrastructure.nodes.empty import Empty
from infrastructure.nodes.log import Log
from tests.support.nodes import run


def test_log_writes_one_line_with_its_level_and_fields() -> None:
    """Extra parameters become fields of the line, of the edge data, and nothing else."""
    visit = run(Log(), {"message": "hello", "level": "warn", "user": {"id": 1}, "n": 2, "_why": "a comment"})
    assert visit.logged == ['warn: hello user={"id":1} n=2']
    assert visit.answer == Edge("success", {"message": "hello", "fields": {"user": {"id": 1}, "n": 2}})
    assert visit.state == {"lastLoggedMessage": "hello"}


@pytest.mark.parametrize(("message", "text"), [([1, 2], "[1,2]"), (None, "null"), (1.5, "1.5"), (True, "true")])
def test_log_takes_any_message(message: Any, text: str) -> None:
    """What is not text is written as compact JSON, and kept with its type."""
    visit = run(Log(), {"message": message})
    assert visit.logged == [f"info: {text}"]
    assert visit.state["lastLoggedMessage"] == message


def test_log_says_the_previous_edge_data_by_default() -> None:
    """Without a message the line has what the node before handed on."""
    assert run(Log(), {}, previous={"items": [1]}).data["message"] == {"items": [1]}


def test_log_keeps_to_one_line() -> None:
    """A message with line breaks can't pretend to be another entry of the log."""
    assert run(Log(), {"message": "a\nerror: b\r\nc"}).logged == ["info: a\\nerror: b\\nc"]


def test_log_refuses_an_unknown_level() -> None:
    """A level that does not exist is named, with those that do; the result key is null."""
    visit = run(Log(), {"message": "x", "level": "loud"}, state={"lastLoggedMessage": "old"})
    assert visit.code == "INVALID_PARAMETER"
    assert visit.data["details"]["allowed"] == ["debug", "info", "warn", "error"]
    assert "debug, info, warn, error" in visit.data["message"]
    assert visit.state == {"lastLoggedMessage": None}


def test_log_takes_its_default_level_for_one_that_was_missing() -> None:
    """A log line must not fail a run: a missing reference in the level is null, and means the default."""
    assert run(Log(), {"message": "x", "level": None}).logged == ["info: x"]


def test_log_is_lenient_fills_bare_paths_and_keeps_the_input() -> None:
    """What `log` asks of the engine stands in its metadata."""
    known = Log.metadata.parameters
    assert known is not None
    assert known["message"].lenient
    assert known["message"].fill_bare
    assert Log.metadata.extra is not None
    assert Log.metadata.extra.lenient
    assert not Log.metadata.extra.fill_bare
    assert Log.metadata.keeps_input
    assert Log.metadata.effect == "none"


def test_empty_does_nothing() -> None:
    """`empty` takes `nothing`, without data, and writes nothing."""
    visit = run(Empty(), {}, state={"a": 1}, previous=1)
    assert visit.answer == Edge("nothing", None)
    assert visit.patch == ()
    assert not visit.reads
