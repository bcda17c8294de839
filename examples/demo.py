"""The main job, with a crash in the middle: audit the installed packages, kill the server half way, and go on.

Starts `clew serve` in a new directory, submits `licence-audit.json`, kills the server with SIGKILL when half of the
packages are classified, starts it again, answers the approval, and shows the history. Exits with 1 when anything is not
as it should be. Usage: python examples/demo.py [DIRECTORY]
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from clew import ClewError, Client

HERE = Path(__file__).resolve().parent
START_S = 20.0
SETTLE_S = 30.0
KILL_AT = (0.5, 0.25, 0.1)
"""The part that is classified when the server is killed; a machine that is too fast for one gets the next."""
Event = dict[str, Any]
console = Console(width=None if sys.stdout.isatty() else 120, highlight=False, markup=False)


class DemoFailed(Exception):
    """Something is not as it should be."""


class Server:
    """`clew serve` as a child process, on one store and one port, which can be killed and started again."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start it; the seconds until it was ready."""
        began = time.monotonic()
        where = ["--port", str(self.port), "--store", f"sqlite:///{self.home / 'log.db'}"]
        command = [sys.executable, "-m", "clew", "serve", *where, "--nodes", str(HERE / "nodes")]
        # Interrupted here, the child could be there and not be known yet.
        with (self.home / "server.log").open("ab") as log, uninterrupted():
            self._process = subprocess.Popen(  # noqa: S603
                command, cwd=self.home, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        with Client(self.url, attempts=1) as client:
            while not client.ready():
                if self._process.poll() is not None or time.monotonic() - began > START_S:
                    raise DemoFailed(f"The server does not start:\n{(self.home / 'server.log').read_text()}")
                time.sleep(0.02)
        return time.monotonic() - began

    def kill(self) -> None:
        """SIGKILL: it gets no chance to save anything."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """End it politely, or else not."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.kill()


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait until this is over."""
    came: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda number, _: came.append(number)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


class Story(NamedTuple):
    """What happened: the whole history, as much of it as was read before the crash, and what there is at the end."""

    execution: dict[str, Any]
    state: dict[str, Any]
    events: list[Event]
    seen: list[Event]
    report: Path

    @property
    def recovered(self) -> int:
        """The version of the first `Recovered`."""
        return next(int(event["version"]) for event in self.events if event["type"] == "Recovered")


def main() -> int:
    """Run the demo; the exit status."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    home = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else HERE.parent / ".clew" / f"demo-{stamp}"
    if (home / "server.log").exists():
        console.print(f"{home} has an earlier demo in it. Name a new directory.", style="bold red", soft_wrap=True)
        return 2
    home.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with running(home) as server, Client(server.url) as client:
            story = play(server, client)
            show(story, client)
            check(story)
    except (DemoFailed, ClewError, TimeoutError) as error:
        console.print(f"The demo failed: {error}", style="bold red", soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


@contextmanager
def running(home: Path) -> Iterator[Server]:
    """A server that is gone afterwards, whatever happens."""
    server = Server(home)
    try:
        yield server
    finally:
        server.stop()


# -- the job ----------------------------------------------------------------------------------------------------------


def play(server: Server, client: Client) -> Story:
    """Submit, crash, go on, approve, complete."""
    say(f"clew serve is ready after {server.start():.1f} s at {server.url}, its data in {server.home}")
    definition = json.loads((HERE / "licence-audit.json").read_text())
    for part in KILL_AT:
        key = f"licence-audit-{part}"
        accepted = client.submit(definition, key=key)
        name = accepted.execution_id
        say(f"submitted examples/licence-audit.json: {name}")
        seen = follow(client, name, part)
        server.kill()
        say(f"killed the server with SIGKILL; version {seen[-1]['version']} was the last one seen", "bold yellow")
        say(f"started it again: ready after {server.start():.1f} s")
        if not client.submit(definition, key=key).replayed:
            raise DemoFailed("The same request under the same key began another execution.")
        settle(client, name)
        if any(event["type"] == "Recovered" for event in client.all_events(name, after=seen[-1]["version"])):
            return finish(server, client, name, seen)
        say("this machine was quicker than the kill: once more, and earlier")
        client.cancel(name, reason="the demo wants to crash in the middle")
    raise DemoFailed("The execution was never in the middle of things when the server was killed.")


def follow(client: Client, name: str, part: float) -> list[Event]:
    """Read events as they are recorded, until that part of the packages is classified (or nothing runs any more)."""
    seen: list[Event] = []
    wanted = float("inf")
    deadline = time.monotonic() + SETTLE_S
    while len(classified(seen)) < wanted:
        page = client.events(name, after=len(seen), limit=1_000)["items"]
        seen += page
        if wanted == float("inf") and classified(seen):
            wanted = max(len(client.state(name)["state"]["packages"]) * part, 1)
        if not page and client.execution(name)["status"] != "running":
            break
        if time.monotonic() > deadline:
            raise DemoFailed(f"{name} does not get on.")
    say(f"{len(classified(seen))} packages are classified")
    return seen


def finish(server: Server, client: Client, name: str, seen: list[Event]) -> Story:
    """From the crash to the end, with the approval if there is anything to approve."""
    for wait in client.execution(name)["waiting"]:
        say(f"a person is asked: {wait['title']}")
        for line in wait["description"].split("; "):
            console.print(f"      {line}")
        client.signal(name, wait["name"], {"choice": "approve", "by": "demo", "comment": "seen and found harmless"})
        say("approved")
        settle(client, name)
    execution = client.execution(name)
    if execution["status"] != "completed":
        raise DemoFailed(f"{name} is {execution['status']}, not completed: {execution['error']}")
    say(f"completed: {json.dumps(execution['finalState']['result'])}")
    report = server.home / "files" / execution["finalState"]["result"]["report"]
    return Story(execution, execution["finalState"], list(client.all_events(name)), seen, report)


def settle(client: Client, name: str) -> None:
    """Wait until the execution ends or parks."""
    if not client.wait(name, timeout_s=SETTLE_S):
        raise DemoFailed(f"{name} is still running after {SETTLE_S:.0f} s.")


def classified(events: Sequence[Event]) -> list[Event]:
    """The events in which a package took its edge."""
    return [event for event in events if event["type"] == "EdgeTaken" and event.get("step") == "classify"]


# -- what it looked like ----------------------------------------------------------------------------------------------


def show(story: Story, client: Client) -> None:
    """The history with the crash in it, a state before the crash, what changed, and the report."""
    title(f"The history of {story.execution['executionId']}: {len(story.events)} events")
    console.print(history(story))
    before = story.recovered - 1
    title(f"The state at version {before}, before the crash")
    was = client.state(story.execution["executionId"], before)["state"]
    console.print(listed(was))
    after = two_passes_on(story.events, before)
    title(f"What changed between version {before} and version {after}")
    console.print(changes(story, was, before, after))
    if was != client.state(story.execution["executionId"], after)["state"]:
        raise DemoFailed(f"The patches up to version {after} do not make its state.")
    title(f"The report: {story.report}")
    console.print("\n".join(story.report.read_text().splitlines()[:12]))


def history(story: Story) -> Table:
    """The first pass, the crash, and the end; how much there is between."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("version", "time", "event", "step", "what"):
        table.add_column(heading, justify="right" if heading == "version" else "left", overflow="fold")
    crash, total = story.recovered, len(story.events)
    parked = next((int(event["version"]) for event in story.events if event["type"] == "Suspended"), total - 8)
    wanted = {*range(1, 19), *range(crash - 6, crash + 11), *range(parked - 5, total + 1)}
    elided: list[Event] = []
    for event in story.events:
        if event["version"] not in wanted:
            elided.append(event)
            continue
        if elided:
            what = f"… {len(elided)} events like these: {len(classified(elided))} packages classified"
            table.add_row("", "", "", "", Text(what, style="dim"))
            elided = []
        if event["version"] == crash:
            table.add_row("", "", Text("SIGKILL", style="bold red"), "", Text("the server is gone", style="bold red"))
        table.add_row(*row(event))
    return table


STYLES = {
    "Recovered": "bold yellow",
    "Suspended": "cyan",
    "SignalReceived": "cyan",
    "Resumed": "cyan",
    "Completed": "bold green",
}


def row(event: Event) -> list[Text]:
    """An event as a row."""
    step = event.get("step") or str(event.get("address", "")).rpartition("/")[2]
    cells = [str(event["version"]), event["time"][11:23], event["type"], step, gist(event)]
    return [Text(cell, style=STYLES.get(event["type"], "")) for cell in cells]


def gist(event: Event) -> str:
    """What an event says."""
    data = event["data"]
    match event["type"]:
        case "NodeStarted":
            return f"attempt {event['attempt']}, after the crash" if event["attempt"] > 1 else ""
        case "StateUpdated":
            return ", ".join(f"{op['op']} {op['path']}" for op in data["patch"])
        case "EdgeTaken":
            return f"{data['edge']} edge" if data["edge"] else ""
        case "Recovered":
            return f"taken over by {data['worker']}"
        case "SignalReceived":
            return json.dumps(data["payload"])
        case "Suspended":
            return "waits for a person"
        case _:
            return ""


def listed(state: dict[str, Any]) -> Table:
    """A state, a key on a line."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in state.items():
        table.add_row(key, Text(json.dumps(abridged(value), ensure_ascii=False)))
    return table


def two_passes_on(events: Sequence[Event], version: int) -> int:
    """The version at which two more packages are classified."""
    later = [int(event["version"]) for event in classified(events) if event["version"] > version]
    return min(later[min(1, len(later) - 1)] + 3, len(events)) if later else len(events)


def changes(story: Story, state: dict[str, Any], before: int, after: int) -> Table:
    """Each change between two versions, old -> new; brings `state` from one to the other."""
    table = Table("version", "step", "pointer", "old → new", box=None, header_style="bold", pad_edge=False)
    for event in story.events[before:after]:
        for op in event["data"].get("patch", ()):
            old = write(state, op)
            new = op.get("value")
            step = event.get("step") or str(event["address"]).rpartition("/")[2]
            what = f"{brief(old)} → {'(removed)' if op['op'] == 'remove' else brief(new)}"
            table.add_row(str(event["version"]), Text(step), Text(op["path"]), Text(what))
    return table


ABSENT = object()


def write(state: dict[str, Any], op: dict[str, Any]) -> Any:
    """Apply one operation of a patch (RFC 6902); what was there before, or ABSENT."""
    *parents, last = [token.replace("~1", "/").replace("~0", "~") for token in op["path"].split("/")[1:]]
    holder: Any = state
    for token in parents:
        holder = holder[int(token)] if isinstance(holder, list) else holder[token]
    key: Any = int(last) if isinstance(holder, list) else last
    there = key < len(holder) if isinstance(holder, list) else key in holder
    old = holder[key] if there else ABSENT
    if op["op"] == "remove":
        del holder[key]
    elif isinstance(holder, list) and not there:
        holder.append(op["value"])
    else:
        holder[key] = op["value"]
    return old


def brief(value: Any) -> str:
    """A value on one line."""
    text = "(nothing)" if value is ABSENT else json.dumps(value)
    return text if len(text) <= 60 else text[:59] + "…"


def abridged(value: Any) -> Any:
    """A value with its long lists cut."""
    if isinstance(value, dict):
        return {key: abridged(inner) for key, inner in value.items()}
    if isinstance(value, list) and len(value) > 4:
        return [abridged(value[0]), f"… {len(value) - 2} more …", abridged(value[-1])]
    return value


# -- whether it is as it should be ------------------------------------------------------------------------------------


def check(story: Story) -> None:
    """Raise DemoFailed unless everything that was promised holds."""
    state, events = story.state, story.events
    names = Counter(package["name"] for package in state["packages"])
    labels = [*state["allowed"], *state["unknown"], *state["forbidden"]]
    ended = Counter(
        (event["address"], event["visit"]) for event in events if event["type"] in ("EdgeTaken", "NodeFailed")
    )
    report = story.report.read_text() if story.report.is_file() else ""
    counts = f"{len(names)} packages are installed: {len(state['allowed'])} with an allowed licence, {len(state['unknown'])} "
    held = {
        "the execution is completed": story.execution["status"] == "completed",
        "its versions are 1 to n, without a gap": [event["version"] for event in events]
        == [*range(1, len(events) + 1)],
        "the crash is in the history": any(event["type"] == "Recovered" for event in events),
        "what was recorded before the crash is what it was": events[: len(story.seen)] == story.seen,
        "every package was classified exactly once": Counter(label.split()[0] for label in labels) == names,
        "every visit ended exactly once": set(ended.values()) == {1},
        "unknown licences were approved by a person": state["decision"]
        == ("approved" if state["unknown"] else "not needed"),
        "the report is there, and its numbers are right": counts in report,
        "the report names every package": all(f"- {label}\n" in report for label in labels),
    }
    title("Checked")
    for what, holds in held.items():
        console.print(f"  {'✓' if holds else '✗'} {what}", style="green" if holds else "bold red")
    failed = [what for what, holds in held.items() if not holds]
    if failed:
        raise DemoFailed(f"not true: {'; '.join(failed)}.")


def say(what: str, style: str = "") -> None:
    """One line of what happens, with the time."""
    console.print(f"{datetime.now().astimezone():%H:%M:%S}  {what}", style=style, soft_wrap=True)


def title(what: str) -> None:
    """A heading."""
    console.print()
    console.print(what, style="bold underline", soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
