"""For random workflows, disturbed by crashes, pauses, signals and retries: every visit is measured once, and none twice."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.events import NodeStarted
from domain.execution import Execution
from tests.application.test_checkpoint_property import log_of
from tests.application.test_measuring import queries_of, rows
from tests.domain.test_fold_property import EXAMPLES, PROFILE, Acts, interruptions, taken, workflows
from tests.support.workflows import Script, nodes_of

NODES = nodes_of(Script())


def open_visits(execution: Execution) -> set[tuple[str, str, int]]:
    """(branch, address, visit) of what has begun and not ended."""
    if execution.has_ended:
        return set()
    found = ((name, branch.visit) for name, branch in execution.branches.items())
    return {(name, visit.address, visit.number) for name, visit in found if visit is not None}


@settings(PROFILE, max_examples=max(EXAMPLES // 2, 60))
@given(workflows(), interruptions, st.integers(1, 200), st.integers(1, 9))
def test_every_visit_is_measured_once(
    drawn: tuple[dict[str, Any], Acts], disturbed: list[str], upto: int, limit: int
) -> None:
    """Up to any version: what is open is what the fold has open, visits of a branch follow one another, pages add up, the
    metrics count the same, and an execution is like itself.
    """
    events = taken(*drawn, disturbed).events[:upto]
    queries = queries_of(log_of(events), NODES)
    visits = rows(queries.timeline("walked", limit=10_000))
    begun = [at for at, event in enumerate(events, start=1) if isinstance(event, NodeStarted) and event.attempt == 1]
    assert set(begun) <= {visit["version"] for visit in visits}
    still_open = [visit for visit in visits if visit["endVersion"] is None]
    assert {(each["branch"], each["address"], each["visit"]) for each in still_open} == open_visits(
        queries.fold("walked")
    )
    by_branch = defaultdict(list)
    for visit in visits:
        by_branch[visit["branch"]].append(visit)
    for each in by_branch.values():
        for before, visit in pairwise(each):
            assert before["endVersion"] is not None
            assert before["endVersion"] <= visit["version"]
            assert before["walk"] <= visit["walk"]
    assert all(visit["durationMs"] >= visit["waitingMs"] >= 0 for visit in visits if visit["endVersion"] is not None)
    paged: list[Any] = []
    after: int | None = 0
    while after is not None:
        page = queries.timeline("walked", after=after, limit=limit)
        paged, after = paged + rows(page), page["next"]
    assert paged == visits
    metrics = queries.metrics("walked")
    assert metrics["visits"] == len(visits)
    assert sum(step["open"] for step in metrics["steps"]) == len(still_open)
    assert sum(step["criticalMs"] for step in metrics["steps"]) <= metrics["durationMs"]
    both = queries.compare("walked", "walked")
    assert (both["divergence"], both["ahead"], both["patch"]) == (None, None, [])
    assert both["same"] == len(visits) - len(still_open)
