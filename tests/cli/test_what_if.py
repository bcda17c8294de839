"""`clew what-if`: on a store of this machine, also while an engine holds it, and at a server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from interfaces.embedded import Engine
from interfaces.settings import Settings
from tests.cli.running import clew, written

DECIDING: dict[str, Any] = {
    "id": "deciding",
    "name": "Deciding",
    "version": "1.0.0",
    "initialState": {"total": 5},
    "workflow": [
        {"big": {"$node": "logic", "operation": "greater", "values": ["$.total", 10], "true?": [{"$.fee": 1}]}},
        {"noted": {"$node": "filesystem", "operation": "write", "path": "note.txt", "content": "{{ $.total }}"}},
    ],
}


def test_one_execution_in_a_table(tmp_path: Path) -> None:
    """Each visit with its verdict, what became of it, what is different first, and what is not known."""
    store = f"sqlite:///{tmp_path / 'log.db'}"
    name = clew("run", "--json", "--store", store, written(tmp_path, DECIDING)).json["executionId"]
    ran = clew("what-if", name, "--store", store)
    assert ran.code == 0, ran.err
    assert [line.split()[:2] for line in ran.out.splitlines()[1:3]] == [["same", "big"], ["reused", "noted"]]
    assert ran.out.splitlines()[-1] == f"{name} would be completed (it is completed)."
    ran = clew("what-if", name, "--store", store, "--set", "/total=20")
    assert "First difference: /workflow/0/big is changed: true instead of false" in ran.out
    assert "Not known: /workflow/1/noted (its parameter content is different; it came to success then)" in ran.out
    assert clew("what-if", name, "--store", store, "--set", "/total=20", "--assume", "recorded", "--json").json[
        "finalState"
    ]["fee"] == 1  # fmt: skip


def test_many_in_a_sentence(tmp_path: Path) -> None:
    """Under a definition in a file, while an engine holds the store; what is assumed stands in a file too."""
    settings = Settings(store=f"sqlite:///{tmp_path / 'log.db'}")
    other = json.loads(json.dumps(DECIDING))
    other["workflow"][0]["big"]["values"] = ["$.total", 3]
    with Engine(settings=settings) as engine:
        for total in (1, 5, 7):
            engine.run(DECIDING, initial_state={"total": total})
        engine._service.lists_catch_up()
        ran = clew(
            "what-if", "--workflow", "deciding", "--store", settings.store, "--definition", written(tmp_path, other)
        )
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[0] == "2 of 3 would end otherwise, 2 of them from /workflow/0/big on."
    assert ran.out.count("otherwise  completed") == 2
    assumed = tmp_path / "assumed.json"
    assumed.write_text(
        json.dumps({"/workflow/1/noted": {"edge": "error", "output": {"code": "FULL", "message": "No."}}})
    )
    where = ("--workflow", "deciding", "--store", settings.store)
    found = clew("what-if", *where, "--last", "2", "--assume", str(assumed), "--json")
    assert (found.json["walked"], found.json["otherwise"]) == (2, 2)


def test_what_can_not_be_asked(tmp_path: Path) -> None:
    """Mistakes of usage end with 2, an execution that there is none of with 4."""
    store = f"sqlite:///{tmp_path / 'log.db'}"
    clew("run", "--store", store, written(tmp_path, DECIDING))
    assert clew("what-if", "--store", store).code == 2
    assert clew("what-if", "x", "--workflow", "deciding", "--store", store).code == 2
    assert clew("what-if", "--workflow", "deciding", "--at", "3", "--store", store).code == 2
    assert clew("what-if", "x", "--set", "total=3", "--store", store).code == 2
    assert clew("what-if", "x", "--assume", "nowhere.json", "--store", store).code == 2
    assert clew("what-if", "x", "--store", store).code == 4
