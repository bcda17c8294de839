"""`timeline`, `metrics`, `lineage`, `probe`, `diff` and `show --path`, on a local store and of a server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from interfaces.cli.wording import duration_in_words
from tests.cli.running import ASKING, COUNTING, FAILING, Ran, clew, written
from tests.support import stores
from tests.support.http import running_server
from tests.support.stores import DURABLE

PARENT = {
    "id": "parent",
    "name": "Parent",
    "version": "1.0.0",
    "workflow": [{"child": {"$node": "run-workflow", "definition": ASKING}}],
}


@pytest.fixture(params=[*DURABLE, "server"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    """The options that name a store of each kind in turn, or a server."""
    monkeypatch.chdir(tmp_path)
    if request.param == "server":
        with running_server(tmp_path) as server:
            yield "--url", server.url
        return
    with stores.stores(request.param, tmp_path) as kind:
        yield "--store", kind.url()


def test_an_execution_is_measured(tmp_path: Path, place: tuple[str, str]) -> None:
    """For people as tables and bars, for programs as JSON."""

    def asked(*arguments: str) -> Ran:
        return clew(*arguments, *place)

    name = asked("run", "--json", written(tmp_path, COUNTING)).json["executionId"]
    other = asked("run", "--json", "--state", "upto=2", written(tmp_path, COUNTING)).json["executionId"]
    drawn = asked("timeline", name).out.splitlines()
    assert drawn[0].split() == ["VERSION", "STEP", "VISIT", "TOOK", "EDGE", "TIME"]
    assert len(drawn) == 1 + 8 + 1
    assert all("█" in line for line in drawn[1:9])
    columns = asked("timeline", name, "--json").json["columns"]
    assert columns["step"] == ["while", "", "while", "", "while", "", "while", "end"]
    few = asked("timeline", name, "--limit", "3")
    assert len(few.out.splitlines()) == 5
    assert f"--after {columns['version'][2]}" in few.err
    assert "4" in next(line for line in asked("metrics", name).out.splitlines() if line.startswith("while"))
    assert asked("metrics", name, "--json").json["visits"] == 8
    lines = asked("probe", name, "$.n").out.splitlines()
    assert [line.split()[-1] for line in lines] == ["0", "1", "2", "3"]
    streamed = asked("probe", name, "$.n", "--every", "version", "--json", "--from", "2", "--to", "head~1").out
    versions = [json.loads(line)["version"] for line in streamed.splitlines()]
    assert versions == list(range(2, asked("show", name, "--json").json["version"]))
    told = asked("diff", name, other).out
    assert "They first differ here, in edge, target, output" in told
    assert "replace /n  2" in told
    assert asked("diff", f"{name}@5", name, "--json").json["ahead"]["side"] == "right"
    shown = asked("show", name, "--path").out
    assert '{"$.n":1}' in shown
    assert asked("show", name, "--path", "--limit", "2", "--json").json["path"]["next"] is not None


def test_a_tree(tmp_path: Path, place: tuple[str, str]) -> None:
    """With parents above and children below, and a mark at the one that was asked for."""
    parent = clew("run", "--json", written(tmp_path, PARENT), *place).json
    child = parent["waiting"][0]["executionId"]
    for name in (parent["executionId"], child):
        first, second = clew("lineage", name, *place).out.splitlines()[:2]
        assert first.startswith(parent["executionId"])
        assert child in second
        assert ("(this one)" in first, "(this one)" in second) == (name != child, name == child)


def test_what_is_wrong_is_told(tmp_path: Path, place: tuple[str, str]) -> None:
    """With the exit codes of other commands."""
    name = clew("run", "--json", written(tmp_path, FAILING), *place).json["executionId"]
    assert clew("timeline", "nobody", *place).code == 4
    assert clew("diff", name, "nobody", *place).code == 4
    ran = clew("probe", name, "$.n +", *place)
    assert (ran.code, ran.out) == (2, "")
    assert "value is missing" in ran.err
    assert "failed" in clew("timeline", name, *place).out
    assert "1 errors" in clew("metrics", name, *place).out


@pytest.mark.parametrize(
    ("time_ms", "words"),
    [
        (None, ""),
        (0.0, "0 ms"),
        (0.1234, "0.123 ms"),
        (999.0, "999 ms"),
        (1_500.0, "1.5 s"),
        (59_900.0, "59.9 s"),
        (200_000.0, "3 min 20 s"),
        (7_500_000.0, "2 h 5 min"),
        (277_200_000.0, "3 d 5 h"),
    ],
)
def test_durations_in_words(time_ms: float | None, words: str) -> None:
    """As exact as anybody reads them."""
    assert duration_in_words(time_ms) == words
