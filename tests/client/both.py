"""Both clients under one test: the asynchronous one is awaited for it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest

from clew import AsyncClient, Client


class Awaited:
    """An AsyncClient that is used like a Client: each call is awaited to its end on a loop of its own."""

    def __init__(self, url: str, *, sleep: Callable[[float], None] | None = None, **options: Any) -> None:
        async def pause(seconds: float) -> None:
            assert sleep is not None
            sleep(seconds)

        self._runner = asyncio.Runner()
        try:
            self._client = AsyncClient(url, sleep=pause if sleep else asyncio.sleep, **options)
        except BaseException:
            self._runner.close()
            raise

    def __enter__(self) -> Awaited:
        self._runner.run(self._client.__aenter__())
        return self

    def __exit__(self, *error: Any) -> None:
        self._runner.run(self._client.__aexit__(*error))
        self._runner.close()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if inspect.iscoroutinefunction(found):
            return lambda *given, **named: self._runner.run(found(*given, **named))
        if inspect.isasyncgenfunction(found):
            return lambda *given, **named: self._runner.run(_all(found(*given, **named)))
        return found


async def _all(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]


CONNECTS = pytest.mark.parametrize("connect", [Client, cast("type[Client]", Awaited)], ids=["sync", "async"])
"""Gives a test `connect`, once for each client."""
