"""Watching an execution: waiting until it ends or needs somebody, and showing a person at a terminal how far it is."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from interfaces.cli.wording import gist, plain, step_of

if TYPE_CHECKING:
    from rich.console import RenderableType

TICK_S: Final = 0.125
LINES: Final = 6
"""Newest events that are shown."""


class Watched(Protocol):
    """What an engine and a client have in common here."""

    def wait(self, execution_id: str, *, timeout_s: float) -> bool:
        """Wait until it has ended, parked or paused."""
        ...

    def execution(self, execution_id: str) -> dict[str, Any]:
        """The execution."""
        ...

    def events(
        self, execution_id: str, *, after: int = 0, limit: int = 100, order: Literal["asc", "desc"] = "asc"
    ) -> dict[str, Any]:
        """A page of its history."""
        ...


def watch(source: Watched, execution_id: str, *, timeout_s: float | None) -> dict[str, Any]:
    """The execution once it has ended, is paused, or waits for somebody; or as it is when the time is up.

    One that waits for a time only goes on by itself, and is waited for.
    """
    deadline = time.monotonic() + timeout_s if timeout_s is not None else float("inf")
    with _display(source, execution_id) as show:
        while True:
            left_s = max(deadline - time.monotonic(), 0)
            if source.wait(execution_id, timeout_s=min(TICK_S, left_s)):
                execution = source.execution(execution_id)
                if not goes_on_by_itself(source, execution):
                    return execution
                time.sleep(min(TICK_S, left_s))
            if left_s == 0:
                return source.execution(execution_id)
            show()


def goes_on_by_itself(source: Watched, execution: Mapping[str, Any]) -> bool:
    """Whether nobody need do anything for it to go on, nor for a child that it waits for."""
    if execution["status"] != "suspended":
        return bool(execution["status"] == "running")
    return any(_ends_by_itself(source, wait) for wait in execution["waiting"])


def _ends_by_itself(source: Watched, wait: Mapping[str, Any]) -> bool:
    if wait["kind"] != "child":
        return wait["kind"] not in ("signal", "approval")
    child = source.execution(wait["executionId"])
    return "finalState" in child or goes_on_by_itself(source, child)


@contextlib.contextmanager
def _display(source: Watched, execution_id: str) -> Iterator[Callable[[], None]]:
    """What to call to show the newest events; does nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.live import Live

    began = time.monotonic()
    with Live(console=Console(stderr=True), transient=True, auto_refresh=False) as live:

        def show() -> None:
            newest = source.events(execution_id, limit=LINES, order="desc")["items"]
            live.update(picture(execution_id, newest, time.monotonic() - began), refresh=True)

        yield show


def picture(execution_id: str, newest: list[dict[str, Any]], elapsed_s: float) -> RenderableType:
    """The newest events (newest first), oldest on top, under a line that says where the execution is."""
    from rich.text import Text

    head = newest[0] if newest else {"version": 0}
    text = Text(f"{execution_id}  version {head['version']}  {elapsed_s:.1f} s\n", style="bold", no_wrap=True)
    for event in reversed(newest):
        line = f"  {event['version']:>6}  {plain(event['type']):<16}  {step_of(event)}  {gist(event)}\n"
        text.append(line, style="not bold dim")
    text.rstrip()
    return text
