"""`clew run` without a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.running import ASKING, COUNTING, FAILING, clew, written


def test_run_prints_the_result_of_end(tmp_path: Path) -> None:
    """The result is on stdout alone, and the command ends with 0."""
    ran = clew("run", written(tmp_path, COUNTING))
    assert (ran.code, ran.json) == (0, 3)
    assert "completed" in ran.err


def test_run_without_end_prints_the_final_state(tmp_path: Path) -> None:
    """A workflow that stores no result is shown by its state."""
    definition = {**COUNTING, "workflow": COUNTING["workflow"][:1]}
    assert clew("run", written(tmp_path, definition)).json == {"n": 3, "upto": 3}


def test_run_takes_a_definition_from_stdin() -> None:
    """`-` is stdin."""
    assert clew("run", "-", stdin=json.dumps(COUNTING)).json == 3


def test_run_with_json_prints_the_execution(tmp_path: Path) -> None:
    """Programs get the whole execution, as over HTTP."""
    execution = clew("run", "--json", written(tmp_path, COUNTING)).json
    assert execution["status"] == "completed"
    assert execution["finalState"]["result"] == 3


def test_state_is_laid_over_the_definition_s_own(tmp_path: Path) -> None:
    """`--state` changes one value and leaves the others."""
    execution = clew("run", "--json", "--state", "upto=5", written(tmp_path, COUNTING)).json
    assert execution["finalState"]["n"] == 5


def test_input_is_the_initial_state_and_state_is_laid_over_it(tmp_path: Path) -> None:
    """`--input` replaces the definition's own state; `--state` counts more than both."""
    given = tmp_path / "input.json"
    given.write_text('{"n": 1, "upto": 2, "kept": true}')
    ran = clew("run", "--json", "--input", str(given), "--state", "upto=4", written(tmp_path, COUNTING))
    assert ran.json["finalState"] == {"n": 4, "upto": 4, "kept": True, "result": 4}


@pytest.mark.parametrize(
    ("text", "said"),
    [("[1]", "the initial state is a JSON object"), ("{", "line 1, column 2")],
    ids=["not an object", "not JSON"],
)
def test_a_bad_input_is_a_mistake_of_usage(tmp_path: Path, text: str, said: str) -> None:
    """What can't be an initial state is refused before anything runs."""
    given = tmp_path / "input.json"
    given.write_text(text)
    ran = clew("run", "--input", str(given), written(tmp_path, COUNTING))
    assert ran.code == 2
    assert said in ran.err


def test_a_failed_execution_ends_with_1_and_says_where_and_why(tmp_path: Path) -> None:
    """The error's code, address and message are on stderr."""
    ran = clew("run", written(tmp_path, FAILING))
    assert (ran.code, ran.out) == (1, "")
    assert "GAVE_UP at /workflow/0/give-up: no luck" in ran.err


def test_a_parked_execution_in_memory_ends_with_6_and_says_how_to_keep_one(tmp_path: Path) -> None:
    """What waits for a person in memory can't be answered later."""
    ran = clew("run", written(tmp_path, ASKING))
    assert ran.code == 6
    assert "asks for approval 'sure': Sure? (approve, reject)" in ran.err
    assert "--store sqlite:///PATH" in ran.err


def test_a_run_waits_for_a_time_to_come(tmp_path: Path) -> None:
    """A timer needs nobody: the run goes on when it is due."""
    definition = {**COUNTING, "workflow": [{"wait": {"for": 150}}, {"end": {"result": "rested"}}]}
    ran = clew("run", written(tmp_path, definition))
    assert (ran.code, ran.json) == (0, "rested")


def test_a_run_past_its_timeout_ends_with_6(tmp_path: Path) -> None:
    """`--timeout` bounds the wait, also for a timer."""
    definition = {**COUNTING, "workflow": [{"wait": {"for": "1h"}}]}
    ran = clew("run", "--timeout", "0.2", written(tmp_path, definition))
    assert ran.code == 6
    assert "is parked: it waits, until" in ran.err


def test_an_invalid_definition_is_shown_in_its_file(tmp_path: Path) -> None:
    """`run` shows problems as `validate` does, and ends with 3."""
    path = tmp_path / "bad.json"
    path.write_text('{"id": "a", "name": "A", "version": "1.0.0",\n "workflow": ["emty"]}')
    ran = clew("run", str(path))
    assert (ran.code, ran.out) == (3, "")
    assert f"{path}:2:15: error[" in ran.err
    assert "'empty'" in ran.err


def test_a_key_that_stands_twice_keeps_a_definition_from_running(tmp_path: Path) -> None:
    """JSON parsers drop duplicates; `run` does not."""
    path = tmp_path / "twice.json"
    path.write_text('{"id": "a", "name": "A", "name": "B", "version": "1.0.0", "workflow": ["empty"]}')
    ran = clew("run", str(path))
    assert ran.code == 3
    assert "DUPLICATE_KEY" in ran.err


def test_nodes_of_one_s_own_are_loaded_and_broken_ones_told(tmp_path: Path) -> None:
    """A file that can't be imported is named with its line, and keeps no other from loading."""
    nodes = tmp_path / "nodes"
    nodes.mkdir()
    (nodes / "greet.py").write_text(
        "from clew import Edge, NodeMetadata, WorkflowNode\n"
        "class Greet(WorkflowNode):\n"
        "    metadata = NodeMetadata(id='greet', name='Greet', version='1.0.0')\n"
        "    def execute(self, context, config):\n"
        "        return Edge('success', {'said': 'hello ' + config['to']})\n"
    )
    (nodes / "broken.py").write_text("\nraise RuntimeError('not today')\n")
    definition = {
        **COUNTING,
        "workflow": [{"greet": {"to": "you", "error?": "$fail"}}, {"end": {"result": "$.greet_output.said"}}],
    }
    ran = clew("run", "--nodes", str(nodes), written(tmp_path, definition))
    assert (ran.code, ran.json) == (0, "hello you")
    assert "broken.py:2 is not loaded" in ran.err
    assert "not today" in ran.err
