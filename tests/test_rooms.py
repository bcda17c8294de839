"""The house: imports point inward, and the front door opens in a clone and in an installed wheel."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PURE = {
    "__future__", "abc", "collections", "datetime", "decimal", "difflib", "domain", "enum", "functools", "hashlib", "itertools",
    "json", "math", "minijinja", "msgspec", "operator", "re", "re2", "string", "types", "typing", "unicodedata",
}  # fmt: skip
"""What the domain may import: itself, three libraries, and the parts of the standard library that do nothing."""


def run(*command: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)


def test_imports_point_inward() -> None:
    """The contracts of pyproject.toml hold: interfaces -> application -> domain <- infrastructure."""
    lint = run(str(Path(sys.executable).parent / "lint-imports"), "--no-cache")
    assert lint.returncode == 0, lint.stdout + lint.stderr


@pytest.mark.parametrize("module", sorted((ROOT / "domain").rglob("*.py")), ids=lambda path: path.stem)
def test_the_domain_is_pure(module: Path) -> None:
    """No module of the domain imports anything that could do I/O, tell the time or wait."""
    tree = ast.parse(module.read_text())
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= PURE, imported - PURE
    assert not [node for node in ast.walk(tree) if isinstance(node, (ast.AsyncFunctionDef, ast.Await))]


def test_a_planted_outward_import_is_caught(tmp_path: Path) -> None:
    """The contract fails for a domain module that imports the infrastructure, so its passing means something."""
    for room in ("clew", "domain", "application", "infrastructure", "interfaces"):
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").write_text('"""A room."""\n')
    (tmp_path / "infrastructure" / "store.py").write_text('"""A module."""\n')
    (tmp_path / "interfaces" / "bootstrap.py").write_text("import infrastructure.store\n")
    (tmp_path / "domain" / "bad.py").write_text("import infrastructure.store\n")
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    code = "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    lint = run(sys.executable, "-c", code, cwd=tmp_path)
    assert lint.returncode != 0
    assert "domain.bad -> infrastructure.store" in lint.stdout


FRONT_DOOR = """
import sys
from clew import Client, Edge, Engine, ExecutionContext, NodeMetadata, WorkflowNode
import clew, domain
assert domain.__file__.startswith(sys.argv[1]), domain.__file__

class Greet(WorkflowNode):
    metadata = NodeMetadata(id="greet", name="Greet", version="1.0.0", effect="none")
    def execute(self, context: ExecutionContext, config: dict) -> Edge:
        context.state["greeting"] = "hello " + config["name"]
        return Edge("success", context.state["greeting"])

definition = {"id": "hi", "name": "Hi", "version": "1.0.0", "workflow": [{"greet": {"name": "world"}}]}
with Engine(nodes=[Greet]) as engine:
    result = engine.run(definition)
assert result["status"] == "completed", result
assert result["finalState"] == {"greeting": "hello world", "greet_output": "hello world"}, result
print("in", clew.__version__)
"""


def test_the_front_door_opens_in_a_clone(tmp_path: Path) -> None:
    """`from clew import …` works from a checkout, and a node of one's own runs."""
    script = tmp_path / "door.py"
    script.write_text(FRONT_DOOR)
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); exec(open({str(script)!r}).read())"
    opened = run(sys.executable, "-c", code, str(ROOT), cwd=tmp_path)
    assert opened.stdout.strip() == "in 0.1.0", opened.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy, so that no build leaves anything in the tree."""
    source = tmp_path_factory.mktemp("source")
    kept = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist")
    shutil.copytree(ROOT, source, ignore=kept, dirs_exist_ok=True)
    built = run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist", cwd=source)
    assert built.returncode == 0, built.stdout + built.stderr
    (found,) = (source / "dist").glob("*.whl")
    return found


def test_the_front_door_opens_in_an_installed_wheel(wheel: Path, tmp_path: Path) -> None:
    """The wheel holds the rooms and the schemas, and its front door works from another directory."""
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
    names = {path.name for path in site.iterdir()}
    rooms = {"clew", "domain", "application", "infrastructure", "interfaces", "schemas"}
    assert {name for name in names if not name.endswith(".dist-info")} == rooms
    assert (site / "schemas" / "workflow.schema.json").is_file()
    (tmp_path / "door.py").write_text(FRONT_DOOR)
    code = f"import sys; sys.path.insert(0, {str(site)!r}); exec(open('door.py').read())"
    opened = run(sys.executable, "-c", code, str(site), cwd=tmp_path)
    assert opened.stdout.strip() == "in 0.1.0", opened.stderr
