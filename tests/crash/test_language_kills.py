"""LANGUAGE 10, case 23, with real kills: `kill -9` right after a commit, on a real store, then a restart."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.support.language_cases import CASES

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("part", range(3))
def test_killed_right_after_a_commit_a_case_ends_the_same(part: int, tmp_path: Path) -> None:
    """The same state and the same edges; each node had its effect once, but for the one in flight, which may have twice."""
    cases = list(CASES)[part::3]
    command = [sys.executable, "-m", "tests.crash.killing", str(tmp_path), *cases]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr
    told = [json.loads(line) for line in ended.stdout.splitlines()]
    assert {each["case"] for each in told} == set(cases)
    assert sum(each["killed"] for each in told) >= len(cases)
    quiet: dict[str, Any] = {}
    for each in told:
        where = f"{each['case']}, killed after commit {each['kill']}"
        undisturbed = quiet.setdefault(each["case"], each)
        # In how many commits a run is recorded is a matter of time: the last kills may come too late.
        assert each["killed"] == (each["kill"] > 0) or each["kill"] > 1, where
        assert (each["path"], each["state"], each["status"]) == (
            undisturbed["path"], undisturbed["state"], CASES[each["case"]].status,
        ), where  # fmt: skip
        effects = Counter((address, visit) for address, visit, _ in each["ran"])
        assert list(effects) == [(address, visit) for address, visit, _ in undisturbed["ran"]], where
        assert sum(effects.values()) - len(effects) <= 1, where
        again = [visit for visit in each["ran"] if visit[2] > 1]
        assert len(again) <= 1, where
