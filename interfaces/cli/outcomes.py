"""How a run came out, and what a person can do next."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from interfaces.cli.options import Place
from interfaces.cli.wording import error_in_words, wait_in_words
from interfaces.settings import shown


def outcome(execution: Mapping[str, Any], place: Place) -> list[str]:
    """Lines about the execution that `run` left."""
    name, status = execution["executionId"], execution["status"]
    match status:
        case "completed":
            return [f"{name} completed after {_elapsed(execution)}, at version {execution['version']}."]
        case "failed":
            return [f"{name} failed after {_elapsed(execution)}.", error_in_words(execution["error"] or {})]
        case "cancelled":
            return [f"{name} was cancelled after {_elapsed(execution)}."]
        case "suspended":
            waits = [f"{name} is parked: it {wait_in_words(wait)}." for wait in execution["waiting"]]
            return [*waits, *_next_steps(execution, place)]
        case "paused":
            return [f"{name} is paused.", *_kept(f"Go on with: clew resume {name}", place)]
        case _:
            return [f"{name} is still running, at version {execution['version']}.", *_kept("", place)]


def _next_steps(execution: Mapping[str, Any], place: Place) -> list[str]:
    lines = []
    for wait in execution["waiting"]:
        if wait["kind"] == "child":
            lines.append(f"Look at the child with: clew show {wait['executionId']}")
        if wait["kind"] not in ("signal", "approval"):
            continue
        payload = f'{{"choice": "{wait["choices"][0]}"}}' if wait["kind"] == "approval" else "JSON"
        data = shlex.quote(payload)
        lines.append(f"Answer with: clew signal {execution['executionId']} {shlex.quote(wait['name'])} --data {data}")
    return [line for advice in lines for line in _kept(advice, place)] or _kept("", place)


def _kept(advice: str, place: Place) -> list[str]:
    """The advice with the place in it; where nothing is kept, that."""
    if place.url:
        return [f"{advice} --url {shlex.quote(place.url)}"] if advice else ["It goes on at the server."]
    store = place.store or "memory:"
    if store == "memory:":
        return ["It was in memory and ends here. To go on with one later, run it with --store sqlite:///PATH."]
    folders = [word for folder in place.nodes for word in ("--nodes", str(folder))]
    files = ["--files", str(place.files)] if place.files is not None else []
    engine = shlex.join(["--store", shown(store), *folders, *files])
    return [f"{advice} {engine}" if advice else f"It goes on when an engine has its store: clew serve {engine}"]


def _elapsed(execution: Mapping[str, Any]) -> str:
    began, ended = (datetime.fromisoformat(execution[key]) for key in ("startTime", "endTime"))
    return f"{(ended - began).total_seconds():.3f} s"
