"""The registry: registration, reuse, listing, and the library in it."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, ClassVar

import pytest

from domain.context import ExecutionContext
from domain.errors import StepFailure
from domain.node import Answer, Edge, NodeMetadata, WorkflowNode
from infrastructure.nodes.discovery import InvalidNode
from infrastructure.nodes.library import LIBRARY, standard_registry
from infrastructure.nodes.registration import POOL_SIZE
from infrastructure.nodes.registry import NodeRegistry

MINE = NodeMetadata(id="mine", name="Mine", version="1.0.0")


class Mine(WorkflowNode):
    """A node that counts its instances."""

    metadata = MINE
    made: ClassVar[int] = 0

    def __init__(self) -> None:
        type(self).made += 1

    def execute(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Go on."""
        return Edge("success")


@pytest.fixture
def registry() -> NodeRegistry:
    """An empty registry, with no instance made."""
    Mine.made = 0
    return NodeRegistry()


def test_a_new_instance_for_every_visit(registry: NodeRegistry) -> None:
    """Unless the node asks for something else."""
    registry.register(Mine)
    with registry.borrow("mine") as one, registry.borrow("mine") as other:
        assert isinstance(one, Mine)
        assert one is not other
    assert Mine.made == 2


@pytest.mark.parametrize("how", [{"singleton": True}, {"reuse": "singleton"}])
def test_a_singleton_is_made_once(registry: NodeRegistry, how: dict[str, Any]) -> None:
    """Also by many threads at once."""
    registry.register(Mine, **how)
    seen: list[WorkflowNode] = []

    def visit() -> None:
        with registry.borrow("mine") as node:
            seen.append(node)

    threads = [threading.Thread(target=visit) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(seen) == 20
    assert len(set(map(id, seen))) == 1
    assert Mine.made == 1


def test_a_pool_reuses_at_most_ten(registry: NodeRegistry) -> None:
    """A visit that finds none idle gets a new one; ten are kept."""
    registry.register(Mine, reuse="pool")
    for _ in range(3):
        with registry.borrow("mine"):
            pass
    assert Mine.made == 1
    many = [registry.borrow("mine") for _ in range(POOL_SIZE + 5)]
    for each in many:
        each.__enter__()
    assert Mine.made == POOL_SIZE + 5
    for each in many:
        each.__exit__(None, None, None)
    again = [registry.borrow("mine") for _ in range(POOL_SIZE)]
    for each in again:
        each.__enter__()
    assert Mine.made == POOL_SIZE + 5
    with registry.borrow("mine"):
        assert Mine.made == POOL_SIZE + 6
    for each in again:
        each.__exit__(None, None, None)


def test_an_instance_whose_visit_raised_is_not_reused(registry: NodeRegistry) -> None:
    """Who knows what state it is in."""
    registry.register(Mine, reuse="pool")
    with pytest.raises(ValueError, match="boom"), registry.borrow("mine"):
        raise ValueError("boom")
    with registry.borrow("mine"):
        pass
    assert Mine.made == 2


def test_the_metadata_may_ask_for_reuse(registry: NodeRegistry) -> None:
    """What `register` says goes before it."""

    class Shared(Mine):
        metadata = NodeMetadata(id="shared", name="Shared", version="1.0.0", reuse="singleton")

    registry.register(Shared)
    with registry.borrow("shared") as one, registry.borrow("shared") as other:
        assert one is other


def test_a_constructor_that_fails_makes_the_node_unavailable(registry: NodeRegistry) -> None:
    """Its metadata can still be seen, and the visit's error says why; a later visit tries again."""

    class Broken(Mine):
        metadata = NodeMetadata(id="broken", name="Broken", version="1.0.0")
        fails: ClassVar[bool] = True

        def __init__(self) -> None:
            if self.fails:
                raise RuntimeError("no connection")

    for reuse in ("instance", "singleton", "pool"):
        Broken.fails = True
        registry = NodeRegistry()
        registry.register(Broken, reuse=reuse)
        found = registry.find("broken")
        assert found is not None
        assert found.metadata.id == "broken"
        with pytest.raises(StepFailure) as caught, registry.borrow("broken"):
            pass
        assert caught.value.error.code == "NODE_UNAVAILABLE"
        assert "RuntimeError: no connection" in caught.value.error.message
        Broken.fails = False
        with registry.borrow("broken") as node:
            assert isinstance(node, Broken)


def test_an_unknown_node_is_unavailable(registry: NodeRegistry) -> None:
    """A definition that was stored may name a node that is gone."""
    assert registry.find("nope") is None
    with pytest.raises(StepFailure) as caught:
        registry.borrow("nope")
    assert caught.value.error.code == "NODE_UNAVAILABLE"


def test_an_id_can_be_taken_once(registry: NodeRegistry) -> None:
    """The refusal names both sources."""
    registry.register(Mine, source="first.py")
    with pytest.raises(InvalidNode, match=r"second\.py is taken by first\.py"):
        registry.register(Mine, source="second.py")
    registry.register_lazy("log", "infrastructure.nodes.log:Log")

    class Log(Mine):
        metadata = NodeMetadata(id="log", name="Log", version="1.0.0")

    with pytest.raises(InvalidNode, match="taken by the library"):
        registry.register(Log)
    assert [listing.source for listing in registry.listing()] == ["library", "first.py"]


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        (None, "NoneType|has none"),
        ({"id": "x"}, "it has dict"),
        (NodeMetadata(id="not an id", name="x", version="1.0.0"), "letters, digits"),
        (NodeMetadata(id="", name="x", version="1.0.0"), "letters, digits"),
        (NodeMetadata(id="x\n", name="x", version="1.0.0"), "letters, digits"),
        (NodeMetadata(id="x", name="x", version="1"), "three numbers, such as 1.0.0"),
        (NodeMetadata(id="x", name="x", version="1.0.0-beta"), "three numbers, such as 1.0.0"),
        (NodeMetadata(id="x", name="x", version="1", edges="success"), "not as it should be"),  # type: ignore[arg-type]
        (NodeMetadata(id="x", name="x", version="1", effect="maybe"), "not as it should be"),  # type: ignore[arg-type]
        (NodeMetadata(id=5, name="x", version="1"), "not as it should be"),  # type: ignore[arg-type]
        (NodeMetadata(id="x", name="x", version="1", parameters={"a": {"types": 5}}), "not as it should be"),  # type: ignore[dict-item]
        (NodeMetadata(id="x", name="x", version="1", gone=object()), "not as it should be"),  # type: ignore[arg-type]
    ],
)
def test_unsound_metadata_is_refused(registry: NodeRegistry, metadata: Any, says: str) -> None:
    """With what its author has to change."""
    node_class = type("Bad", (Mine,), {"metadata": metadata})
    with pytest.raises(InvalidNode, match=says):
        registry.register(node_class)
    assert registry.names() == frozenset()


def test_a_class_without_execute_is_no_node(registry: NodeRegistry) -> None:
    """It can't do anything."""
    with pytest.raises(InvalidNode, match="no `execute`"):
        registry.register(type("Idle", (WorkflowNode,), {"metadata": MINE}))


def test_lazy_nodes_that_can_not_be_imported_are_reported(registry: NodeRegistry) -> None:
    """Once, and without taking the others along."""
    registry.register_lazy("lost", "infrastructure.nodes.nowhere:Lost")
    registry.register_lazy("odd", "infrastructure.nodes.log:Log")
    registry.register_lazy("none", "infrastructure.nodes.library:LIBRARY")
    registry.register(Mine)
    for _ in range(2):
        assert [listing.metadata.id for listing in registry.listing()] == ["mine"]
        assert registry.find("lost") is None
    assert registry.names() == {"lost", "mine", "none", "odd"}
    messages = [problem.message for problem in registry.problems()]
    assert len(messages) == 3
    assert any("ModuleNotFoundError" in message for message in messages)
    assert any("its id is log" in message for message in messages)
    with pytest.raises(StepFailure) as caught:
        registry.borrow("lost")
    assert caught.value.error.code == "NODE_UNAVAILABLE"


def test_the_library_is_whole(tmp_path: Path) -> None:
    """Every node can be loaded and borrowed, has the id it is listed under, and a description."""
    registry = standard_registry(files_root=tmp_path, entry_points=False)
    listing = registry.listing()
    assert [each.metadata.id for each in listing] == sorted(LIBRARY)
    assert registry.problems() == []
    assert {each.source for each in listing} == {"library"}
    for each in listing:
        assert each.metadata.description
        assert each.metadata.parameters is not None
        with registry.borrow(each.metadata.id) as node:
            assert node.keeps_config
            assert node.inline or each.metadata.effect != "none"
    expected = {
        "aggregate", "approval", "arrayUtilities", "batch", "calculateField", "compareDatasets", "dateTime", "each",
        "editFields", "empty", "end", "every-array-item", "extractText", "fail", "filesystem", "filter", "jsonExtract",
        "limit", "log", "logic", "math", "mathOperations", "objectUtilities", "range", "removeDuplicates", "signal",
        "sort", "splitOut", "stringOperations", "summarize", "switch", "transform", "transformObject", "validateData",
        "wait", "while",
    }  # fmt: skip
    assert expected <= registry.names()


def test_the_library_gives_its_root_to_filesystem(tmp_path: Path) -> None:
    """And to nothing else."""
    from tests.support.nodes import run

    with standard_registry(files_root=tmp_path, entry_points=False).borrow("filesystem") as node:
        assert run(node, {"operation": "write", "path": "a", "content": "x"}).edge == "success"
    assert (tmp_path / "a").read_text() == "x"
    with standard_registry(files_root=None, entry_points=False).borrow("filesystem") as node:
        assert run(node, {"operation": "read", "path": "a"}).code == "FILES_NOT_CONFIGURED"


def test_the_library_is_imported_when_it_is_used() -> None:
    """Knowing the names costs no import."""
    code = (
        "import sys; from infrastructure.nodes.library import standard_registry\n"
        "registry = standard_registry(files_root=None, entry_points=False)\n"
        "assert 'log' in registry.names()\n"
        "assert 'infrastructure.nodes.log' not in sys.modules\n"
        "assert registry.find('log') is not None\n"
        "assert 'infrastructure.nodes.log' in sys.modules\n"
        "assert 'infrastructure.nodes.filesystem' not in sys.modules\n"
    )
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", code]
    finished = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=60)
    assert finished.returncode == 0, finished.stderr
