"""The example workflow and its node: every edge of the audit, without a crash."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from clew import Engine
from interfaces.settings import Settings
from tests.support.nodes import run

EXAMPLES = Path(__file__).parents[2] / "examples"
DEFINITION = json.loads((EXAMPLES / "licence-audit.json").read_text())


def audited(home: Path, rules: dict[str, list[str]], choice: str | None) -> tuple[dict[str, Any], str]:
    """The final state and the report of an audit by these rules; `choice` answers the approval that it must ask for."""
    settings = Settings(store="memory:", nodes=(EXAMPLES / "nodes",), files=home)
    with Engine(settings=settings) as engine:
        execution = engine.run(DEFINITION, initial_state={**DEFINITION["initialState"], "rules": rules})
        name = execution["executionId"]
        assert execution["status"] == ("completed" if choice is None else "suspended"), execution["error"]
        if choice is not None:
            engine.signal(name, execution["waiting"][0]["name"], {"choice": choice})
            assert engine.wait(name)
        return engine.execution(name)["finalState"], (home / "licence-report.md").read_text()


def test_forbidden_licences_take_their_edge(tmp_path: Path) -> None:
    """What is forbidden is listed as such; what is neither stays unknown, and a rejection is recorded."""
    state, report = audited(tmp_path, {"allowed": [], "forbidden": ["MIT"]}, "reject")
    mit = [package for package in state["packages"] if package["licence"] == "MIT"]
    assert len(state["forbidden"]) == len(mit) > 0
    assert state["allowed"] == []
    assert state["decision"] == state["result"]["decision"] == "rejected"
    assert "## No rule knows (rejected)" in report
    assert f"## Forbidden\n\n- {state['forbidden'][0]}\n" in report


def test_nobody_is_asked_when_every_licence_is_known(tmp_path: Path) -> None:
    """Without anything unknown the audit goes through by itself."""
    with Engine(settings=Settings(store="memory:", nodes=(EXAMPLES / "nodes",), files=tmp_path)) as engine:
        packages = engine.run({**DEFINITION, "workflow": ["installed-licences"]})["finalState"]["packages"]
    choices = {choice for package in packages for choice in package["licence"].split(" OR ")}
    state, report = audited(tmp_path, {"allowed": sorted(choices), "forbidden": []}, None)
    assert len(state["allowed"]) == len(packages)
    assert state["decision"] == "not needed"
    assert "## Forbidden\n\nNone.\n" in report


@pytest.fixture
def evidence() -> ModuleType:
    """The example's node file, imported as a module."""
    spec = importlib.util.spec_from_file_location("example_evidence", EXAMPLES / "nodes" / "evidence.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def installed(folder: Path) -> None:
    """A package `sample` with one file as it was installed, one altered, one without a hash, and a licence text."""
    info = folder / "sample-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sample\nVersion: 1.0\n")
    (info / "LICENSE").write_text("hello")
    (folder / "sound.py").write_text("hello")
    (folder / "altered.py").write_text("bye")
    hello = "sha256=LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ"
    lines = [f"sound.py,{hello},5", f"altered.py,{hello},5", f"sample-1.0.dist-info/LICENSE,{hello},5"]
    (info / "RECORD").write_text("\n".join([*lines, f"gone.py,{hello},5", "sample-1.0.dist-info/RECORD,,"]))


def test_the_evidence_of_a_package(tmp_path: Path, evidence: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are compared with RECORD, licence texts found, and alternatives told apart."""
    installed(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    package = {"name": "sample", "version": "1.0", "licence": "MIT OR (Apache-2.0)"}
    visit = run(evidence.PackageEvidence(), {"package": package})
    assert visit.edge == "success"
    assert visit.data == {
        "name": "sample",
        "label": "sample 1.0: MIT OR (Apache-2.0)",
        "choices": ["MIT", "Apache-2.0"],
        "files": 3,
        "altered": ["altered.py"],
        "licenceTexts": ["sample-1.0.dist-info/LICENSE"],
    }
    with pytest.raises(LookupError, match="nothing-such is not installed any more"):
        run(evidence.PackageEvidence(), {"package": {**package, "name": "nothing-such"}})
