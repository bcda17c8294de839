"""What an event or a wait says, in a few words for a person."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

LONGEST: Final = 100
"""Characters of a value in a table."""
POINTERS_SHOWN: Final = 3


def plain(value: Any, *, longest: int = LONGEST) -> str:
    """Text as it is, other values as compact JSON, cut; what could move a terminal's cursor becomes a dot."""
    if not isinstance(value, str):
        import msgspec

        value = msgspec.json.encode(value).decode()
    text = value if len(value) <= longest else value[: longest - 1] + "…"
    return "".join(char if char.isprintable() else " " if char in "\n\t" else "·" for char in text)


def gist(event: Mapping[str, Any]) -> str:
    """What an event on the wire says, beside its type and step."""
    words = _GISTS.get(str(event.get("type")))
    told = words(event.get("data") or {}) if words is not None else ""
    attempt = event.get("attempt", 1)
    if event.get("type") == "NodeStarted" and attempt > 1:
        told = f"attempt {attempt}" + (f"; {told}" if told else "")
    return told


def step_of(event: Mapping[str, Any], names: Mapping[str, str] | None = None) -> str:
    """The step of an event: its name, else what `names` has for its address, else the last part of that."""
    address = str(event.get("address", ""))
    name = event.get("step") or (names or {}).get(address)
    return plain(name) if name else _short(address)


def names_in(events: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Names of steps by address: a reader without the nodes of a workflow has those only where a visit begins."""
    return {str(event["address"]): str(event["step"]) for event in events if event.get("step")}


def _short(address: str) -> str:
    """The key of a step; of a step that is only a text in a list, the whole address."""
    key = address.rpartition("/")[2].replace("~1", "/").replace("~0", "~").removesuffix("...")
    return plain(address if key.isdecimal() else key)


def wait_in_words(wait: Mapping[str, Any]) -> str:
    """What a parked visit waits for."""
    until = f", until {wait['due']}" if wait.get("due") else ""
    match wait.get("kind"):
        case "timer":
            return f"waits{until}" if until else "waits"
        case "retry":
            return f"is tried again{until.replace(', until', ' at')}"
        case "lock":
            return f"waits for its locks ({', '.join(plain(path) for path in wait.get('locks', ()))}){until}"
        case "child":
            what = f"{plain(wait.get('workflowId', ''))} {plain(wait.get('version', ''))}"
            return f"waits for its child {plain(wait.get('executionId', ''))} ({what}){until}"
        case "approval":
            choices = ", ".join(plain(choice) for choice in wait.get("choices", ()))
            return f"asks for approval {plain(wait['name'])!r}: {plain(wait.get('title', ''))} ({choices}){until}"
        case _:
            return f"waits for the signal {plain(wait.get('name', ''))!r}{until}"


def duration_in_words(time_ms: float | None) -> str:
    """A duration, as exact as anybody reads it: `0.3 ms`, `12.5 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    if time_ms is None:
        return ""
    if time_ms < 1_000:
        return f"{time_ms:.3g} ms"
    seconds = time_ms / 1_000
    if seconds < 60:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    for unit, size, lesser, part in (("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // part} {lesser}"
    raise AssertionError("a minute or more has minutes")


def loop_in_words(loop: Mapping[str, Any]) -> str:
    """How far a loop is."""
    total = f" of {loop['total']:,}" if loop.get("total") is not None else ""
    return f"{plain(loop.get('step') or loop['address'])}: pass {loop['index'] + 1:,}{total}"


def error_in_words(error: Mapping[str, Any]) -> str:
    """An error object: its code, its message, and where it came up."""
    where = f" at {error['address']}" if error.get("address") else ""
    return f"{plain(error.get('code', 'ERROR'))}{where}: {plain(error.get('message', ''), longest=500)}"


def _started(data: Mapping[str, Any]) -> str:
    return f"{plain(data.get('workflow', ''))} {plain(data.get('workflowVersion', ''))}"


def _forked(data: Mapping[str, Any]) -> str:
    source = data.get("source") or {}
    return f"off {plain(source.get('execution', ''))} at version {source.get('version')}{_because(data)}"


def _changes(data: Mapping[str, Any]) -> str:
    patch = data.get("patch") or []
    shown = [f"{op['op']} {plain(op['path'])}" for op in patch[:POINTERS_SHOWN]]
    more = [f"{len(patch) - POINTERS_SHOWN} more"] if len(patch) > POINTERS_SHOWN else []
    return ", ".join([*shown, *more])


def _edited(data: Mapping[str, Any]) -> str:
    return f"{_changes(data)}{_because(data)}"


def _edge(data: Mapping[str, Any]) -> str:
    edge = plain(data["edge"]) if data.get("edge") is not None else "no edge"
    return f"{edge} → {_short(str(data['target'])) if data.get('target') else 'the end'}"


def _error(data: Mapping[str, Any]) -> str:
    return error_in_words(data.get("error") or {})


def _suspended(data: Mapping[str, Any]) -> str:
    wait = data.get("wait") or {}
    return f"{wait.get('kind', '')} {plain(wait.get('name', ''))}".strip()


def _opened(data: Mapping[str, Any]) -> str:
    names = [plain(branch.get("name", "")) for branch in data.get("branches") or ()]
    more = [f"{len(names) - POINTERS_SHOWN} more"] if len(names) > POINTERS_SHOWN else []
    return f"opens {', '.join([*names[:POINTERS_SHOWN], *more])}" if names else "opens no branch"


def _named(data: Mapping[str, Any]) -> str:
    return f"named {plain(data.get('name', ''))}{_because(data)}"


def _back(data: Mapping[str, Any]) -> str:
    name = f" ({plain(data['name'])})" if data.get("name") else ""
    return f"to version {data.get('to')}{name}{_because(data)}"


def _closed(data: Mapping[str, Any]) -> str:
    error = f": {error_in_words(data['error'])}" if data.get("error") else ""
    return f"{data.get('outcome', '')}{error}"


def _signal(data: Mapping[str, Any]) -> str:
    return f"{plain(data.get('name', ''))} {plain(data.get('payload'))}{_because(data)}"


def _resumed(data: Mapping[str, Any]) -> str:
    return f"by {plain(data.get('cause', ''))}{_because(data)}"


def _child_started(data: Mapping[str, Any]) -> str:
    return f"{_started(data)}: {plain(data.get('child', ''))}"


def _child_observed(data: Mapping[str, Any]) -> str:
    return (
        f"{plain(data.get('child', ''))} {plain(data.get('status', ''))}, at its version {data.get('childVersion', 0)}"
    )


def _recovered(data: Mapping[str, Any]) -> str:
    after = "after the store failed" if data.get("cause") == "store" else "after a crash"
    return f"{after}, by {plain(data.get('worker', ''))}"


def _reason(data: Mapping[str, Any]) -> str:
    return plain(data.get("reason", ""))


def _because(data: Mapping[str, Any]) -> str:
    return f" ({plain(data['reason'])})" if data.get("reason") else ""


_GISTS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "ExecutionStarted": _started,
    "ExecutionForked": _forked,
    "ChildStarted": _child_started,
    "ChildObserved": _child_observed,
    "StateUpdated": _changes,
    "EdgeTaken": _edge,
    "NodeFailed": _error,
    "Failed": _error,
    "Suspended": _suspended,
    "BranchesOpened": _opened,
    "SnapshotTaken": _named,
    "StateEdited": _edited,
    "RolledBack": _back,
    "BranchClosed": _closed,
    "SignalReceived": _signal,
    "Resumed": _resumed,
    "Recovered": _recovered,
    "Paused": _reason,
    "Cancelled": _reason,
}
