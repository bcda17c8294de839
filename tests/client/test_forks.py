"""Forks from a Python program: `fork`, `preview_fork`, and what goes on into a source, of the engine and the clients."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clew import AsyncClient, Client, Engine
from domain.errors import InvalidDefinition, NotFound, Refused, Unacceptable
from tests.support.process import ServerProcess

STEPS = [{"$.n": 1}, "empty", {"$.n": "$.n * 10"}]
DEFINITION: dict[str, Any] = {"id": "forked", "name": "Forked", "version": "1.0.0", "workflow": STEPS}


@pytest.fixture(params=["engine", "client"])
def clew(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine | Client]:
    """An engine in this process, or a client of a server."""
    if request.param == "engine":
        with Engine() as engine:
            yield engine
        return
    (tmp_path / "nodes").mkdir()
    process = ServerProcess(tmp_path, nodes=tmp_path / "nodes")
    try:
        process.start()
        with Client(str(process.http.base_url)) as client:
            yield client
    finally:
        process.close()


def test_a_fork_goes_on_from_any_version(clew: Engine | Client) -> None:
    """With the same words everywhere."""
    source = clew.run(DEFINITION)["executionId"]
    patch = [{"op": "replace", "path": "/n", "value": 7}]
    fork = clew.fork(source, at=3, patch=patch, labels={"a": "b"}, fork_id="mine", reason="why", timers="keep")
    assert (fork.execution_id, fork.status) == ("mine", "running")
    assert clew.wait("mine")
    shown = clew.execution("mine")
    assert (shown["finalState"]["n"], shown["labels"]) == (70, {"a": "b"})
    assert shown["source"]["executionId"] == source
    both = clew.events("mine", lineage=True, limit=1_000)["items"]
    assert {event["executionId"] for event in both} == {source, "mine"}
    asked_of_source(clew, source)
    later = {**DEFINITION, "version": "1.1.0", "workflow": [*STEPS, {"$.more": 1}]}
    clew.publish(later)
    latest = clew.fork(source, at="head~3", definition="latest").execution_id
    assert clew.wait(latest) and clew.execution(latest)["finalState"]["more"] == 1


def asked_of_source(clew: Engine | Client, source: str) -> None:
    """Questions about the fork `mine` that go on into its source."""
    told = clew.blame("mine", "/n", lineage=True, limit=1)
    assert [each["executionId"] for each in (told["written"], *told["earlier"])] == ["mine", "mine"]
    assert told["next"] == f"{source}@{clew.blame(source, '/n', at=3)['written']['version']}"
    assert clew.blame("mine", "/n", told["next"], lineage=True)["written"]["executionId"] == source
    step = clew.step("mine", 1, lineage=True)
    assert (step["executionId"], step["version"]) == (source, clew.execution("mine")["source"]["version"])
    assert clew.step("mine", 1)["version"] is None
    assert set(clew.timeline("mine", lineage=True)["columns"]["execution"]) == {source, "mine"}


def test_a_preview_begins_nothing(clew: Engine | Client) -> None:
    """It says where the fork would begin, and what would run again."""
    source = clew.run(DEFINITION)["executionId"]
    told = clew.preview_fork(source, at=1)
    assert (told["at"], len(told["rerun"])) == (1, 3)
    assert len(clew.executions()["items"]) <= 1


def test_what_can_not_be_is_refused(clew: Engine | Client) -> None:
    """By the error that it is."""
    source = clew.run(DEFINITION)["executionId"]
    with pytest.raises(NotFound):
        clew.fork("nobody")
    clew.fork(source, fork_id="taken")
    with pytest.raises(Refused):
        clew.fork(source, fork_id="taken")
    with pytest.raises(Unacceptable) as refused:
        clew.fork(source, patch=[{"op": "remove", "path": "/nothing"}])
    assert refused.value.code == "PATCH_FAILED"
    with pytest.raises(Unacceptable) as refused:
        clew.fork(source, effects="twice")  # type: ignore[arg-type]
    assert refused.value.code == "SCHEMA"
    with pytest.raises(InvalidDefinition) as invalid:
        clew.fork(source, definition={**DEFINITION, "workflow": ["nowhere"]})
    assert invalid.value.problems[0].path == "/workflow/0"
    with pytest.raises(TypeError, match="has no option 'when'"):
        clew.fork(source, when=1)  # type: ignore[call-arg]


def test_the_asynchronous_client_has_them_too(tmp_path: Path) -> None:
    """With the same words."""
    (tmp_path / "nodes").mkdir()
    process = ServerProcess(tmp_path, nodes=tmp_path / "nodes")

    async def test() -> None:
        async with AsyncClient(str(process.http.base_url)) as client:
            source = (await client.run(DEFINITION))["executionId"]
            assert (await client.preview_fork(source, at=1))["at"] == 1
            fork = await client.fork(source, at=1)
            assert await client.wait(fork.execution_id)
            page = await client.events(fork.execution_id, lineage=True)
            assert page["items"][0]["executionId"] == source
            step = await client.step(fork.execution_id, 1, lineage=True)
            assert step["executionId"] == source
            told = await client.blame(fork.execution_id, "/n", 1, lineage=True)
            assert told["executionId"] == fork.execution_id
            columns = (await client.timeline(fork.execution_id, lineage=True))["columns"]
            assert set(columns["execution"]) == {fork.execution_id}  # the source had begun no step yet

    try:
        process.start()
        asyncio.run(test())
    finally:
        process.close()
