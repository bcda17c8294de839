"""The two clients are one in two ways of waiting: what one can do, the other can."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest

from clew import AsyncClient, Client
from interfaces.client import following
from interfaces.client.requests import Request
from interfaces.http.routes import OPERATIONS
from tests.client.scripted import HANG_UP, Answer, scripted

RUNNING = Answer(200, {"executionId": "ex_1", "status": "running"})
PARKED = Answer(200, {"executionId": "ex_1", "status": "suspended", "waiting": []})
NO_EFFECT = {"/workflows/validate"}
"""What is posted and changes nothing: done twice it is as done once."""


def _public(client: type) -> dict[str, Callable[..., Any]]:
    members = inspect.getmembers(client, inspect.isfunction)
    return {name: member for name, member in members if not name.startswith("_")}


def test_both_have_the_same_methods() -> None:
    """What is added to one is added to the other."""
    assert _public(Client).keys() == _public(AsyncClient).keys()
    assert _public(Client)
    properties = {name for name, _ in inspect.getmembers(Client, lambda member: isinstance(member, property))}
    assert properties == {
        name for name, _ in inspect.getmembers(AsyncClient, lambda member: isinstance(member, property))
    }


@pytest.mark.parametrize("name", _public(Client))
def test_both_take_and_give_the_same(name: str) -> None:
    """Parameters, their defaults, answers and words; the asynchronous one is awaited, or iterated with `async for`."""
    plain, awaited = _public(Client)[name], _public(AsyncClient)[name]
    signature, other = inspect.signature(plain), inspect.signature(awaited)
    assert list(signature.parameters.values()) == list(other.parameters.values())
    assert re.sub(r"^Async(?=Iterator\[)", "", other.return_annotation) == signature.return_annotation
    assert plain.__doc__ == awaited.__doc__
    if signature.return_annotation.startswith("Iterator["):
        assert inspect.isasyncgenfunction(awaited)
    else:
        assert inspect.iscoroutinefunction(awaited)


def test_both_are_made_alike() -> None:
    """But for the kind of pause."""
    made, other = inspect.signature(Client).parameters, inspect.signature(AsyncClient).parameters
    assert [each for each in made.values() if each.name != "sleep"] == [
        each for each in other.values() if each.name != "sleep"
    ]


def test_every_command_of_the_interface_takes_a_key() -> None:
    """So that the clients may send again what is posted."""
    without = {
        operation.path
        for operation in OPERATIONS
        if operation.method in ("POST", "PATCH", "DELETE") and "Idempotency-Key" not in operation.headers
    }
    assert without <= NO_EFFECT


def test_a_request_that_could_be_done_twice_is_a_mistake() -> None:
    """Everything is sent again after a lost connection."""
    with pytest.raises(AssertionError, match="has no Idempotency-Key"):
        Request(method="POST", path="/x")


def test_many_tasks_share_one_client() -> None:
    """Each has its own answer, whatever the order; a task that pauses holds up no other."""
    met = asyncio.Event()

    async def pause(seconds: float) -> None:
        met.set()
        await asyncio.sleep(0)

    async def both(url: str) -> tuple[bool, Any]:
        async with AsyncClient(url, sleep=pause) as client:
            waiting = asyncio.create_task(client.wait("ex_1"))
            await met.wait()
            return await waiting, await client.version()

    version = Answer(200, {"name": "clew"})
    with scripted([HANG_UP, RUNNING, PARKED, version]) as server:
        assert asyncio.run(both(server.url)) == (True, {"name": "clew"})


def test_a_task_that_is_cancelled_gives_up_its_place() -> None:
    """Nobody waits for it any more, so another wait may be long."""

    async def cancelled(url: str) -> int:
        paused = asyncio.Event()

        async def pause(seconds: float) -> None:
            paused.set()
            await asyncio.Event().wait()

        async with AsyncClient(url, sleep=pause) as client:
            task = asyncio.create_task(client.wait("ex_1"))
            await paused.wait()
            held = client._server.long_waits
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert held == 1
            return client._server.long_waits

    with scripted([HANG_UP]) as server:
        assert asyncio.run(cancelled(server.url)) == 0


def test_waiting_holds_answers_back_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is asked to hold its answer back, for whole seconds and not too long; past a bound it is not."""
    with scripted([RUNNING, PARKED]) as server, Client(server.url, sleep=lambda seconds: None) as client:
        assert client.wait("ex_1", timeout_s=7.5)
    asked = [each.headers.get("Prefer") for each in server.asked]
    assert asked[0] == "wait=7"
    assert asked[1] in ("wait=7", "wait=6")
    with scripted([PARKED]) as server, Client(server.url) as client:
        assert client.wait("ex_1", timeout_s=3_600)
    assert server.asked[0].headers["Prefer"] == f"wait={following.LONGEST_WAIT_S}"
    monkeypatch.setattr(following, "LONG_WAITS", 0)
    with scripted([PARKED]) as server, Client(server.url) as client:
        assert client.wait("ex_1")
    assert "Prefer" not in server.asked[0].headers
