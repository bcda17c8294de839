"""What is told of executions that were walked again: each visit beside what it was, and many of them in a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, Literal

from application.retracing import History, Need, Retracing
from application.trails import Passage, differing
from domain.errors import Unacceptable
from domain.json_patch import Operation, applied
from domain.patches import same

Verdict = Literal["same", "reused", "changed", "new", "dropped", "unknown"]
MOST_STEPS: Final = 10_000
"""Visits that one answer lists; all are counted."""
MOST_NAMED: Final = 5
"""Executions that are named of those which first differ at the same place."""
LARGEST_PATCHED: Final = 2**22
"""Bytes that a patch may move and copy where a final state is compared."""
ALIKE: Final = ("same", "reused")


class _Compared:
    """The visits of a walk, each with the one that it is compared with."""

    def __init__(self, known: History, walk: Retracing) -> None:
        needs = {need.passage.key for need in walk.needs}
        pairs = [(now, known.trail.find(now.key)) for now in walk.trail.passages]
        self.visits: list[tuple[Verdict, Passage | None, Passage | None]] = [
            ("unknown" if now.key in needs else verdict_of(now, then), then, now) for now, then in pairs
        ]
        visited = {id(then) for _, then in pairs}
        self.visits += [
            ("dropped", then, None) for then in known.trail.passages[known.since :] if id(then) not in visited
        ]

    @property
    def divergence(self) -> dict[str, Any] | None:
        """The first visit that is not what it was."""
        found = next((visit for visit in self.visits if visit[0] not in ALIKE), None)
        return _divergence(*found) if found is not None else None


def verdict_of(now: Passage, then: Passage | None) -> Verdict:
    """How a visit compares with the one that was recorded."""
    if then is None:
        return "new"
    recorded = now.source == "record"
    alike = now.comes_out_as(then)
    if not alike and recorded:  # what it wrote is what it wrote then, on another state
        alike = (now.ending, now.edge, now.error) == (then.ending, then.edge, then.error)
    if alike:
        return "reused" if recorded else "same"
    return "changed"


def answer(execution_id: str, known: History, walk: Retracing) -> dict[str, Any]:
    """The body of `POST /executions/{id}/what-if`."""
    compared = _Compared(known, walk)
    counts = Counter(verdict for verdict, _, _ in compared.visits)
    told = {
        "executionId": execution_id,
        "from": known.start.version if known.since or known.open else 0,
        "status": _status(walk),
        "recorded": {"status": known.head.status, "version": known.head.version},
        "steps": [_step(*visit) for visit in compared.visits[:MOST_STEPS]],
        "counts": dict(counts),
        "divergence": compared.divergence,
        "needs": [_need(need) for need in walk.needs],
        "finalState": walk.execution.state,
    }
    failure = walk.execution.failure if walk.execution.status == "failed" else None
    if failure is not None:
        told["error"] = {**failure.error.as_json(), "address": failure.address}
    return told


def _status(walk: Retracing) -> str:
    """The status of the walk: `unknown` where it stopped for a result that is not known."""
    return "unknown" if walk.needs and not walk.execution.has_ended else walk.execution.status


def _step(verdict: Verdict, then: Passage | None, now: Passage | None) -> dict[str, Any]:
    passage = now or then
    assert passage is not None, "a visit of neither"
    shown = _place(passage) | {"verdict": verdict, "ending": passage.ending}
    if passage.ending == "taken":
        shown["edge"] = passage.edge
    if passage.error is not None:
        shown["error"] = passage.error
    return shown


def _place(passage: Passage) -> dict[str, Any]:
    place: dict[str, Any] = {
        "address": passage.address,
        "pass": passage.pass_,
        "walk": passage.walk,
        "visit": passage.visit,
    }
    named = {"step": passage.step, "node": passage.node, "branch": passage.branch}
    return place | {name: text for name, text in named.items() if text}


def _divergence(verdict: Verdict, then: Passage | None, now: Passage | None) -> dict[str, Any]:
    passage = now or then
    assert passage is not None, "a visit of neither"
    values, data = differing(then, now) if then is not None and now is not None and verdict == "changed" else ([], [])
    return _place(passage) | {
        "verdict": verdict,
        "then": then.shown_end() if then is not None else None,
        "now": now.shown_end() if now is not None else None,
        "values": values,
        "data": data,
    }


def _need(need: Need) -> dict[str, Any]:
    shown = _place(need.passage) | {"reason": need.reason}
    if need.recorded is not None and need.recorded.ending in ("taken", "failed"):
        shown["recorded"] = need.recorded.shown_end()
    return shown


# Many


def outcome_of(execution_id: str, known: History, walk: Retracing, patch: tuple[Operation, ...]) -> dict[str, Any]:
    """What is told of one among many."""
    compared = _Compared(known, walk)
    told: dict[str, Any] = {
        "executionId": execution_id,
        "verdict": "unknown" if walk.needs else "same" if _ends_alike(known, walk, patch) else "otherwise",
        "status": {"then": known.head.status, "now": _status(walk)},
        "divergence": compared.divergence,
    }
    if walk.needs:
        told["reason"] = f"{walk.needs[0].passage.address}: {walk.needs[0].reason}"
    return told


def _ends_alike(known: History, walk: Retracing, patch: tuple[Operation, ...]) -> bool:
    """Whether the end is the recorded one: with what was changed from outside, where nothing came of that, or without."""
    then, now = known.head, walk.execution
    if then.status != now.status:
        return False
    if same(then.state, now.state) or not patch:
        return same(then.state, now.state)
    try:
        return same(applied(then.state, patch, most=LARGEST_PATCHED), now.state)
    except Unacceptable:  # it does not apply to what became of the state
        return False


def summary_of(workflow_id: str, told: Sequence[dict[str, Any]], *, left: int) -> dict[str, Any]:
    """The body of `POST /workflows/{workflowId}/what-if`. `left` are those that there was no time for."""
    counts = Counter(each["verdict"] for each in told)
    groups = grouped(told)
    return {
        "workflowId": workflow_id,
        "walked": len(told),
        "same": counts["same"],
        "otherwise": counts["otherwise"],
        "unknown": counts["unknown"],
        "left": left,
        "summary": _summary(len(told), counts, groups, left),
        "divergences": groups,
        "executions": list(told),
    }


def grouped(told: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Where those that do not end as they did first differ, the most frequent place first."""
    places: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for each in told:
        found = each.get("divergence")
        if each["verdict"] == "otherwise" and found is not None:
            places.setdefault((found["address"], found.get("step", "")), []).append(each)
    return [
        {
            "address": address,
            "step": step,
            "count": len(those),
            "executions": [each["executionId"] for each in those[:MOST_NAMED]],
        }
        for (address, step), those in sorted(places.items(), key=lambda item: -len(item[1]))
    ]


def _summary(walked: int, counts: Counter[str], groups: Sequence[dict[str, Any]], left: int) -> str:
    if not walked:
        return "There is no such execution."
    said = f"{counts['otherwise']:,} of {walked:,} would end otherwise"
    if groups:
        said += f", {groups[0]['count']:,} of them from {groups[0]['address']} on"
    if counts["unknown"]:
        said += f"; of {counts['unknown']:,} it is not known"
    if left:
        said += f"; {left:,} were not walked, for it took too long"
    return f"{said}."
