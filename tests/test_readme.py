"""The README is true: its workflow, node, Python and curl lines are run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from interfaces.bootstrap import library_nodes
from tests.support.process import ServerProcess
from tests.support.workflows import problems_of

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
FILE = re.compile(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", re.DOTALL)


def block(language: str, containing: str) -> str:
    """The one code block of a language that contains a text."""
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    (found,) = [text for text in blocks if containing in text]
    return found


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory with the files that the README tells to save."""
    for name, content in FILE.findall(README):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


@pytest.fixture
def server(home: Path) -> Iterator[ServerProcess]:
    """`clew serve` with the README's node."""
    server = ServerProcess(home, nodes=home / "nodes")
    try:
        server.start()
        yield server
    finally:
        server.close()


def test_the_workflow_has_twelve_lines(home: Path) -> None:
    """As the README says of it."""
    assert len((home / "greet.json").read_text().splitlines()) == 12


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_calls(home: Path, server: ServerProcess) -> None:
    """They submit the workflow, read history and state, pause, resume and answer, and it completes."""
    script = block("sh", "curl").replace("http://127.0.0.1:8484", str(server.http.base_url).rstrip("/"))
    ran = subprocess.run(
        ["sh", "-e", "-c", script],
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "/usr/bin:/bin"},
    )
    answers = [json.loads(line) for line in re.split(r"(?<=\})(?=\{)", ran.stdout.strip())]
    assert ran.returncode == 0, ran.stderr
    assert [event["version"] for event in answers[0]["items"]] == [1, 2, 3, 4, 5]
    assert answers[1]["version"] == 9
    assert (answers[2]["workflowId"], answers[2]["workflowVersion"]) == ("greet", "1.0.0")
    assert answers[3]["executionId"] != answers[-1]["executionId"]
    assert answers[4]["latest"] == "1.0.0"
    assert answers[-1]["status"] == "completed"
    assert answers[-1]["finalState"]["result"] == "2 greeted"
    assert answers[-1]["finalState"]["approval_output"]["comment"] == "enough"


def test_the_step_that_runs_a_child() -> None:
    """It is one that validates without a word."""
    step = json.loads(block("json", "runWorkflow"))
    assert problems_of({"id": "a", "name": "A", "version": "1.0.0", "workflow": [step]}, library_nodes()) == ()


def test_the_lines_for_authors(home: Path) -> None:
    """They find nothing wrong with the workflow, draw it, show a node, and print the published schema."""
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    ran = subprocess.run(
        ["sh", "-e", "-c", block("sh", "clew validate")],
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": path},
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("greet.json is valid.\n")
    assert "Runs its body once per element of a list." in ran.stdout
    assert 'subgraph b0_0["each: loop"]' in (home / "greet.mmd").read_text()
    assert (home / "workflow.schema.json").read_text() == (ROOT / "schemas" / "workflow.schema.json").read_text()


def test_the_python_lines(home: Path) -> None:
    """The node is found in its folder, and runs in process."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n" + block("python", "from clew import Engine")
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=home, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.stdout.strip() == "HELLO!", ran.stderr
