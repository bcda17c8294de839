"""What was measured, drawn for people: bars over time, sums, trees, and two executions side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from rich.text import Text
from rich.tree import Tree

from interfaces.cli.tables import STATUS_STYLES, card_of, draw, table_of, terminal_width
from interfaces.cli.wording import duration_in_words, error_in_words, plain, step_of

LEAST_BAR: Final = 16
MOST_BAR: Final = 60
"""Characters of the whole time, in a timeline."""
VISIT_STYLES: Final = {
    "completed": "green",
    "error": "yellow",
    "failed": "red",
    "cancelled": "magenta",
    "running": "cyan",
    "waiting": "yellow",
}
OPERATIONS_SHOWN: Final = 50
"""Operations of a patch that are shown; --json has all."""
RUNS, WAITS, GOES_ON = "█", "░", "…"


def rows_of(columns: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """The visits of a timeline, one after another."""
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))


def print_timeline(timeline: Mapping[str, Any]) -> None:
    """Visits as bars over the time from the first beginning to the last end on the page."""
    visits = list(rows_of(timeline["columns"]))
    branched = any(visit["branch"] for visit in visits)
    named = "execution" in timeline["columns"]
    table = table_of(
        *(["EXECUTION"] if named else []),
        *("VERSION", "STEP"),
        *(["BRANCH"] if branched else []),
        *("VISIT", "TOOK", "EDGE", "TIME"),
    )
    scale = _Scale(visits)
    for visit in visits:
        depth = visit["pass"].count("/")
        table.add_row(
            *([plain(visit["execution"])] if named else []),
            str(visit["version"]),
            "  " * depth + step_of(visit),
            *([plain(visit["branch"])] if branched else []),
            str(visit["visit"]),
            _took(visit),
            plain(visit["edge"] or visit["status"]),
            Text(scale.bar(visit), style=VISIT_STYLES.get(visit["status"], "")),
        )
    draw(table)
    if visits:
        draw(Text(f"{duration_in_words(scale.span_ms)} from {visits[0]['time']} on", style="dim"))


class _Scale:
    """Where times are in a bar."""

    def __init__(self, visits: Sequence[Mapping[str, Any]]) -> None:
        times = [_ms(time) for visit in visits for time in (visit["time"], visit["endTime"]) if time]
        self._first = min(times, default=0.0)
        self.span_ms = max(times, default=0.0) - self._first
        self._width = max(LEAST_BAR, min(MOST_BAR, terminal_width() // 2))

    def bar(self, visit: Mapping[str, Any]) -> str:
        """Blank, then its time: what it ran, and behind that what it waited in all."""
        begins = min(self._characters(_ms(visit["time"]) - self._first), self._width - 1)
        if visit["endTime"] is None:
            filled = WAITS if visit["waitingFor"] else RUNS
            return " " * begins + filled * (self._width - begins) + GOES_ON
        length = max(self._characters(visit["durationMs"]), 1)
        waits = round(length * visit["waitingMs"] / visit["durationMs"]) if visit["durationMs"] else 0
        return " " * begins + RUNS * (length - waits) + WAITS * waits

    def _characters(self, time_ms: float) -> int:
        return int(time_ms / self.span_ms * self._width) if self.span_ms else 0


def _ms(time: str) -> float:
    return datetime.fromisoformat(time).timestamp() * 1_000


def _took(visit: Mapping[str, Any]) -> str:
    if visit["durationMs"] is None:
        return f"waits: {visit['waitingFor']}" if visit["waitingFor"] else "runs"
    attempts = f" in {visit['attempts']}" if visit["attempts"] > 1 else ""
    return duration_in_words(visit["durationMs"]) + attempts


def print_metrics(metrics: Mapping[str, Any]) -> None:
    """What an execution took, and a line for each step."""
    waits = [f"{plain(kind)} {duration_in_words(time)}" for kind, time in metrics["waitingMs"].items()]
    trouble = [f"{metrics[name]} {name}" for name in ("errors", "retries", "recoveries") if metrics[name]]
    rows: list[tuple[str, str | Text]] = [
        ("execution", f"{plain(metrics['executionId'])}  {metrics['status']}, at version {metrics['version']}"),
        ("took", duration_in_words(metrics["durationMs"]) + ("" if metrics["endTime"] else " so far")),
        ("waited", ", ".join(waits) or "not at all"),
        ("visits", f"{metrics['visits']:,}" + (f" in {metrics['walks']} walks" if metrics["walks"] > 1 else "")),
        ("trouble", ", ".join(trouble) or "none"),
        ("state", f"{metrics['stateBytes']:,} bytes, after {metrics['stateOperations']:,} operations"),
        ("log", f"{metrics['logBytes']:,} bytes, {metrics['events']:,} events"),
    ]
    draw(card_of(rows))
    table = table_of("STEP", "NODE", "VISITS", "TOTAL", "AVERAGE", "P95", "WAITED", "CRITICAL", "ERRORS", "RETRIES")
    for step in metrics["steps"]:
        took = step["durationMs"]
        table.add_row(
            step_of(step),
            plain(step["node"]),
            f"{step['count']:,}" + (f" ({step['open']} open)" if step["open"] else ""),
            *(duration_in_words(took[name]) for name in ("total", "average", "p95")),
            duration_in_words(step["waitingMs"]["total"]),
            duration_in_words(step["criticalMs"]),
            str(step["errors"] or ""),
            str(step["retries"] or ""),
        )
    draw(table)


def print_lineage(lineage: Mapping[str, Any]) -> None:
    """The tree: ancestors above, descendants below."""
    tree: Tree | None = None
    place: Tree | None = None
    for ancestor in lineage["ancestors"]:
        below = _relative(ancestor)
        place = place.add(below) if place is not None else Tree(below)
        tree = tree or place
    source = next((each for each in lineage["ancestors"][-1:] if each["relation"] == "source"), None)
    mark = f"  (this one, forked off at version {source['at']})" if source is not None else "  (this one)"
    own = Text.assemble(_relative(lineage), (mark, "bold"))
    here = place.add(own) if place is not None else Tree(own)
    for walk in lineage["walks"][1:]:
        here.add(Text(_walk(walk), style="dim"))
    _grow(here, lineage)
    draw(tree or here)


def _grow(place: Tree, execution: Mapping[str, Any]) -> None:
    for each in execution["descendants"] or ():
        what = "fork" if each["relation"] == "fork" else f"{step_of(each)}, visit {each['visit']}"
        where = f"{what}, version {each['at']}: "
        _grow(place.add(Text.assemble((where, "dim"), _relative(each))), each)
    if execution["next"] is not None:
        more = f"more: clew lineage {plain(execution['executionId'])} --after {execution['next']}"
        place.add(Text(more, style="dim"))


def _relative(execution: Mapping[str, Any]) -> Text:
    if execution["status"] is None:
        return Text(f"{plain(execution['executionId'])}  not in the log")
    workflow = f"{plain(execution['workflowId'])} {plain(execution['workflowVersion'])}"
    status = execution["status"]
    return Text.assemble(f"{plain(execution['executionId'])}  {workflow}  ", (status, STATUS_STYLES.get(status, "")))


def _walk(walk: Mapping[str, Any]) -> str:
    to = f" to version {walk['to']}" if walk.get("to") else ""
    reason = f" ({plain(walk['reason'])})" if walk.get("reason") else ""
    return f"walk {walk['walk']}: {walk['cause']}{to} at version {walk['version']}{reason}"


def probed(line: Mapping[str, Any], *, as_json: bool) -> str:
    """A line of a probe."""
    if as_json:
        return msgspec.json.encode(line).decode()
    told = error_in_words(line["error"]) if "error" in line else plain(line["value"], longest=500)
    return f"{line['version']:>8}  {line['time']}  {told}"


def print_comparison(found: Mapping[str, Any]) -> None:
    """Two executions side by side."""
    rows: list[tuple[str, str | Text]] = [(side, _side(found[side])) for side in ("left", "right")]
    if not found["sameDefinition"]:
        rows.append(("definition", "not the same"))
    rows.append(("alike", f"{found['same']:,} visits"))
    ahead, divergence, parting = found["ahead"], found["divergence"], found["parting"]
    if divergence is None:
        rows.append(("difference", "none so far" if ahead else "none"))
    if ahead is not None:
        count = f"{ahead['visits']:,} visit{'s' if ahead['visits'] > 1 else ''}"
        rows.append(("ahead", f"{ahead['side']}, by {count}; the next is {_visit(ahead['next'])}"))
    draw(card_of(rows))
    if divergence is not None:
        _print_pair("They first differ here", divergence)
    if parting is not None and parting != divergence:
        _print_pair("Their ways part here", parting)
    _print_patch("From the left state at the beginning to the right one", found["initialPatch"])
    _print_patch("From the left state to the right one", found["patch"])


def _side(execution: Mapping[str, Any]) -> str:
    workflow = f"{plain(execution['workflowId'])} {plain(execution['workflowVersion'])}"
    return f"{plain(execution['executionId'])}@{execution['version']}  {workflow}  {execution['status']}"


def _visit(visit: Mapping[str, Any]) -> str:
    return f"{step_of(visit)}, visit {visit['visit']} (version {visit['version']})"


def _print_pair(heading: str, pair: Mapping[str, Any]) -> None:
    draw(Text(f"{heading}, in {', '.join(pair['differences'])}:", style="bold"))
    rows: list[tuple[str, str | Text]] = []
    for side in ("left", "right"):
        visit = pair[side]
        edge = plain(visit["edge"]) if visit["edge"] is not None else "no edge"
        rows.append((side, f"{_visit(visit)}  {visit['status']}, {edge} → {plain(visit['target'] or 'the end')}"))
        if visit["error"] is not None:
            rows.append(("", Text(error_in_words(visit["error"]), style="red")))
        elif visit["output"] is not None:
            rows.append(("", f"output {plain(visit['output'], longest=500)}"))
        rows += [("", _operation(op)) for op in visit["patch"][:OPERATIONS_SHOWN]]
    draw(card_of(rows))


def _print_patch(heading: str, patch: Sequence[Mapping[str, Any]]) -> None:
    if not patch:
        return
    draw(Text(f"{heading}:", style="bold"))
    rows: list[tuple[str, str | Text]] = [("", _operation(op)) for op in patch[:OPERATIONS_SHOWN]]
    if len(patch) > OPERATIONS_SHOWN:
        rows.append(("", f"{len(patch) - OPERATIONS_SHOWN:,} more: --json"))
    draw(card_of(rows))


def _operation(op: Mapping[str, Any]) -> str:
    value = f"  {plain(op['value'])}" if "value" in op else ""
    return f"{op['op']:<7} {plain(op['path'])}{value}"


def print_path(path: Mapping[str, Any]) -> None:
    """The visits of an execution, with what each ran with."""
    table = table_of("VERSION", "STEP", "VISIT", "TOOK", "EDGE", "PARAMETERS")
    for visit in path["items"]:
        ran_with = visit["parameters"] if visit["unresolved"] is None else f"unknown: {visit['unresolved']}"
        table.add_row(
            str(visit["version"]),
            step_of(visit),
            str(visit["visit"]),
            _took(visit),
            plain(visit["edge"] or visit["status"]),
            Text(plain(ran_with)),
        )
    draw(table)
