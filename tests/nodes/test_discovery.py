"""Nodes from folders and from installed packages."""

from __future__ import annotations

import sys
from importlib.metadata import distributions
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from application.ports import LoadProblem
from domain.node import WorkflowNode
from infrastructure.nodes.library import standard_registry
from infrastructure.nodes.registry import NodeRegistry
from tests.support.nodes import run

EXAMPLES = Path(__file__).parents[2] / "examples/nodes"

NODE = """
from domain.node import Edge, NodeMetadata, WorkflowNode

class Greet(WorkflowNode):
    metadata = NodeMetadata(id="{id}", name="Greet", version="1.0.0")

    async def execute(self, context, config):
        return Edge("success", "hello")
"""


def put(folder: Path, name: str, text: str) -> Path:
    """A file with this text."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text))
    return path


def test_discover_is_recursive_and_skips_hidden_files(tmp_path: Path) -> None:
    """Names that begin with `_` or `.` are not looked at, files or folders; nor what is not Python."""
    put(tmp_path, "one.py", NODE.format(id="one"))
    put(tmp_path, "deep/er/two.py", NODE.format(id="two"))
    for skipped in ("_helper.py", ".hidden.py", "_lib/three.py", ".git/four.py", "__pycache__/five.py", "notes.txt"):
        put(tmp_path, skipped, "raise RuntimeError('read')")
    registry = NodeRegistry()
    registry.discover(tmp_path)
    assert registry.names() == {"one", "two"}
    assert registry.problems() == []
    assert registry.listing()[1].source == str(tmp_path / "deep/er/two.py")


def test_files_of_the_same_name_do_not_meet(tmp_path: Path) -> None:
    """Each is a module of its own, and leaves no compiled file beside it."""
    put(tmp_path, "a/node.py", NODE.format(id="first"))
    put(tmp_path, "b/node.py", NODE.format(id="second"))
    registry = NodeRegistry()
    registry.discover(tmp_path)
    assert registry.names() == {"first", "second"}
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b", "node.py", "node.py"]


def test_what_a_file_imports_is_not_registered(tmp_path: Path) -> None:
    """Only what it defines: no base classes, no private ones, nothing twice."""
    text = """
        from abc import ABC
        from dataclasses import dataclass
        from domain.node import Edge, NodeMetadata, WorkflowNode
        from infrastructure.nodes.log import Log

        @dataclass
        class Settings:
            x: int = 1

        class Base(WorkflowNode, ABC):
            pass

        class _Private(WorkflowNode):
            def execute(self, context, config):
                return None

        class Real(Base):
            metadata = NodeMetadata(id="real", name="Real", version="1.0.0")

            def execute(self, context, config):
                return Edge("success", Settings().x)

        Again = Real
    """
    put(tmp_path, "node.py", text)
    put(tmp_path, "helpers.py", "def f():\n    return 1\n")
    registry = NodeRegistry()
    registry.discover(tmp_path)
    assert registry.names() == {"real"}
    assert registry.problems() == []
    with registry.borrow("real") as node:
        assert run(node).data == 1


NO_METADATA = """
from domain.node import WorkflowNode


class Nameless(WorkflowNode):
    def execute(self, context, config):
        return None
"""


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("x = 1\ndef f(:\n", 2, "SyntaxError"),
        ("x = 1\n\nraise RuntimeError('no luck')\n", 3, "RuntimeError: no luck"),
        ("def f():\n    return 1 / 0\n\nf()\n", 2, "ZeroDivisionError"),
        ("import json\njson.loads('{')\n", 2, "JSONDecodeError"),
        ("\nimport no_such_module_anywhere\n", 2, "Install it in the environment"),
        ("import sys\nsys.exit(3)\n", 2, "SystemExit: 3"),
        ("class X(Y):\n    pass\n", 1, "NameError"),
        ("x = '\x00'\n", None, "SyntaxError|null bytes"),
        (NO_METADATA, 5, "NodeMetadata"),
        (NODE.format(id="not an id"), 4, "letters, digits"),
    ],
)
def test_a_file_that_fails_is_reported_while_the_others_load(
    tmp_path: Path, text: str, line: int | None, says: str
) -> None:
    """By file and line, with what happened."""
    bad = put(tmp_path, "bad.py", text)
    put(tmp_path, "after.py", NODE.format(id="after"))
    put(tmp_path, "zz.py", NODE.format(id="zz"))
    before = set(sys.modules)
    registry = NodeRegistry()
    registry.discover(tmp_path)
    assert registry.names() == {"after", "zz"}
    (problem,) = registry.problems()
    assert problem.source == str(bad)
    assert problem.line == line or line is None
    assert any(each in problem.message for each in says.split("|"))
    left = [name for name in set(sys.modules) - before if name.startswith("_clew_nodes") and name.endswith("_bad")]
    assert left == [] or "class" in text


def test_a_file_that_can_not_be_read_is_reported(tmp_path: Path) -> None:
    """Bytes that are no text, and links to nothing."""
    (tmp_path / "latin.py").write_bytes(b"x = '\xff'\n")
    (tmp_path / "gone.py").symlink_to("nowhere.py")
    put(tmp_path, "good.py", NODE.format(id="good"))
    registry = NodeRegistry()
    registry.discover(tmp_path)
    assert registry.names() == {"good"}
    assert [Path(problem.source).name for problem in registry.problems()] == ["gone.py", "latin.py"]


def test_one_bad_class_does_not_keep_the_others_of_its_file(tmp_path: Path) -> None:
    """Each class is registered for itself."""
    put(tmp_path, "nodes.py", NO_METADATA + NODE.format(id="good"))
    registry = NodeRegistry()
    registry.discover(tmp_path)
    assert registry.names() == {"good"}
    assert [problem.line for problem in registry.problems()] == [5]


def test_an_id_that_is_taken_is_a_problem(tmp_path: Path) -> None:
    """Of the library or of another file: the first stays, and the problem names both."""
    first = put(tmp_path, "a.py", NODE.format(id="same"))
    second = put(tmp_path, "b.py", NODE.format(id="same"))
    third = put(tmp_path, "c.py", NODE.format(id="log"))
    registry = standard_registry(files_root=None, nodes_dirs=[tmp_path], entry_points=False)
    taken = f"is taken by {first}: choose another."
    assert registry.problems() == [
        LoadProblem(source=str(second), line=4, message=f"The node id 'same' of {second} {taken}"),
        LoadProblem(
            source=str(third), line=4, message=f"The node id 'log' of {third} is taken by the library: choose another."
        ),
    ]
    sources = {listing.metadata.id: listing.source for listing in registry.listing()}
    assert sources["same"] == str(first)
    assert sources["log"] == "library"


def test_discovering_again_loads_only_what_is_new(tmp_path: Path) -> None:
    """A file that was loaded is left alone."""
    put(tmp_path, "a.py", NODE.format(id="a"))
    registry = NodeRegistry()
    registry.discover(tmp_path)
    put(tmp_path, "b.py", NODE.format(id="b"))
    registry.discover(str(tmp_path))
    assert registry.names() == {"a", "b"}
    assert registry.problems() == []


def test_a_folder_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    """And so is a file in its place."""
    registry = NodeRegistry()
    registry.discover(tmp_path / "nope")
    registry.discover(put(tmp_path, "a.py", NODE.format(id="a")))
    assert [problem.message for problem in registry.problems()] == [
        "there is no such directory",
        "it is not a directory",
    ]


def plugin(folder: Path, name: str, entries: str) -> None:
    """An installed distribution with these entry points."""
    put(folder, f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    put(folder, f"{name}-1.0.dist-info/entry_points.txt", f"[clew.nodes]\n{entries}\n")


def test_installed_packages_offer_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point names a class or a module; one that fails is a problem, and the others load."""
    put(tmp_path, "plugged_nodes.py", NODE.format(id="plugged"))
    put(tmp_path, "more_nodes.py", NODE.format(id="more") + "\nfrom plugged_nodes import Greet as Other\n")
    put(tmp_path, "broken_nodes.py", "raise RuntimeError('no luck')\n")
    plugin(
        tmp_path,
        "plug",
        "a = plugged_nodes:Greet\nb = more_nodes\nc = broken_nodes\nd = plugged_nodes:Edge\ne = nope:X",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    registry = standard_registry(files_root=None)
    assert {"plugged", "more"} <= registry.names()
    sources = {listing.metadata.id: listing.source for listing in registry.listing()}
    assert sources["plugged"] == "plug: plugged_nodes:Greet"
    problems = {problem.source: problem.message for problem in registry.problems()}
    assert problems.keys() == {"plug: broken_nodes", "plug: plugged_nodes:Edge", "plug: nope:X"}
    assert "no luck" in problems["plug: broken_nodes"]
    for name in ("plugged_nodes", "more_nodes"):
        del sys.modules[name]


def installed_licences() -> WorkflowNode:
    """The example, loaded as a user's own node."""
    registry = NodeRegistry()
    registry.discover(EXAMPLES)
    assert registry.problems() == []
    with registry.borrow("installed-licences") as node:
        return node


def test_the_example_reads_what_is_installed() -> None:
    """Every package with its version and licence, by name."""
    node = installed_licences()
    visit = run(node)
    assert visit.edge == "success"
    items = visit.data["items"]
    assert visit.data["count"] == len(items) > 10
    assert visit.state == {"packages": items}
    names = [item["name"].lower().replace("_", "-").replace(".", "-") for item in items]
    assert names == sorted(set(names))
    assert {"msgspec", "starlette"} <= set(names)
    assert all(item.keys() == {"name", "version", "licence"} and item["licence"] for item in items)
    assert len(items) <= len(list(distributions()))
    assert node.metadata.effect == "reads"


def test_the_example_can_be_limited() -> None:
    """To the first packages; not to none."""
    node = installed_licences()
    assert len(run(node, {"limit": 3}).data["items"]) == 3
    with pytest.raises(ValueError, match="at least 1"):
        run(node, {"limit": 0})


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        ("License-Expression: MIT OR Apache-2.0\nLicense: other", "MIT OR Apache-2.0"),
        ("License: MIT License", "MIT"),
        ("License: BSD 3-Clause", "BSD-3-Clause"),
        ("License: Apache License, Version 2.0", "Apache-2.0"),
        ("License: Apache-2.0", "Apache-2.0"),
        ("Classifier: License :: OSI Approved :: BSD License", "BSD License"),
        ("License: Our own terms", "Our own terms"),
        ("License: UNKNOWN\nClassifier: License :: OSI Approved :: ISC License (ISCL)", "ISC"),
        ("License: a whole\n        licence text\nClassifier: License :: OSI Approved :: MIT License", "MIT"),
        (
            "Classifier: License :: OSI Approved\n"
            "Classifier: License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)\n"
            "Classifier: License :: OSI Approved :: Apache Software License",
            "Apache-2.0, MPL-2.0",
        ),
        ("Summary: nothing said", "UNKNOWN"),
    ],
)
def test_the_example_tells_licences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metadata: str, licence: str
) -> None:
    """The expression, else the text, else the classifiers; well-known names as SPDX identifiers."""
    text = f"Metadata-Version: 2.1\nName: A_sample.package\nVersion: 1.0\n{metadata}\n"
    (tmp_path / "a_sample.package-1.0.dist-info").mkdir()
    (tmp_path / "a_sample.package-1.0.dist-info/METADATA").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    items: list[dict[str, Any]] = run(installed_licences()).data["items"]
    assert {"name": "A_sample.package", "version": "1.0", "licence": licence} in items


def test_a_node_without_execute_is_reported(tmp_path: Path) -> None:
    """A class that describes itself was meant as a node; a base without a description was not."""
    (tmp_path / "half.py").write_text(
        "from clew import NodeMetadata, WorkflowNode\n"
        "class Base(WorkflowNode):\n    pass\n"
        "class Half(WorkflowNode):\n    metadata = NodeMetadata(id='half', name='Half', version='1.0.0')\n"
    )
    registry = NodeRegistry()
    registry.discover(tmp_path)
    (problem,) = registry.problems()
    assert (problem.line, "Half has no `execute`" in problem.message) == (4, True)
