"""Where every edge leads, resolved when a workflow is compiled."""

from __future__ import annotations

from typing import Any

import pytest

from domain.compiler import compile_definition
from domain.program import END, Program, Route
from tests.support.workflows import Catalog, Script, problems_of, scripted, workflow

NODES = Catalog(*[scripted(letter, Script()) for letter in "abcdhi"])


def program_of(*steps: Any) -> Program:
    """The program of these steps."""
    return compile_definition(workflow(*steps), NODES)


def leads(program: Program, address: str, edge: str | None) -> Any:
    """Where an edge of a step leads (None: its continuation): an address, `END`, `end` or `fail`."""
    step = program.at(address)
    route = step.routes[edge] if edge is not None else step.next
    if route.kind != "go":
        return route.kind
    return "END" if route.target == END else program.steps[route.target].address


NESTED = (
    {"a": {"x?": [{"b": {"y?": None, "z?": "d"}}, "c"], "e?": {}, "h?": "h"}},
    {"a...": {"go?": [{"b": {"y?": None, "again?": "$continue", "out?": "$break"}}, "c"], "done?": ["c"]}},
    {"d": {"back?": "d", "end?": "$end", "fail?": "$fail"}},
)
LOOP = "/workflow/1/a..."


@pytest.mark.parametrize(
    ("address", "edge", "target"),
    [
        ("/workflow/0/a", None, LOOP),
        ("/workflow/0/a", "x", "/workflow/0/a/x?/0/b"),
        ("/workflow/0/a", "e", LOOP),
        ("/workflow/0/a", "h", "/workflow/0/a/h?"),
        ("/workflow/0/a/h?", None, LOOP),
        ("/workflow/0/a/x?/0/b", None, "/workflow/0/a/x?/1"),
        ("/workflow/0/a/x?/0/b", "y", LOOP),
        ("/workflow/0/a/x?/0/b", "z", "/workflow/2/d"),
        ("/workflow/0/a/x?/1", None, LOOP),
        (LOOP, "go", f"{LOOP}/go?/0/b"),
        (LOOP, None, "/workflow/2/d"),
        (f"{LOOP}/go?/0/b", None, f"{LOOP}/go?/1"),
        (f"{LOOP}/go?/1", None, LOOP),
        (f"{LOOP}/go?/0/b", "y", "/workflow/2/d"),
        (f"{LOOP}/go?/0/b", "again", LOOP),
        (f"{LOOP}/go?/0/b", "out", "/workflow/2/d"),
        (f"{LOOP}/done?/0", None, "/workflow/2/d"),
        ("/workflow/2/d", None, "END"),
        ("/workflow/2/d", "back", "/workflow/2/d"),
        ("/workflow/2/d", "end", "end"),
        ("/workflow/2/d", "fail", "fail"),
    ],
)
def test_where_edges_and_continuations_lead(address: str, edge: str | None, target: str) -> None:
    """Blocks, jumps, nodes that are run, null and directives."""
    assert leads(program_of(*NESTED), address, edge) == target


@pytest.mark.parametrize(
    ("address", "edge", "keep", "body"),
    [
        ("/workflow/0/a...", "go", 1, True),
        ("/workflow/0/a...", "empty", 1, True),
        ("/workflow/0/a...", "done", 0, False),
        ("/workflow/0/a...", "skip", 1, True),
        ("/workflow/0/a...", "stop", 0, False),
        ("/workflow/0/a.../go?/0/b...", "on", 2, True),
        ("/workflow/0/a.../go?/0/b...", None, 1, False),
        ("/workflow/0/a.../go?/0/b.../on?/0/c", None, 2, False),
        ("/workflow/0/a.../go?/0/b.../on?/0/c", "x", 0, False),
        ("/workflow/0/a.../go?/0/b.../on?/0/c", "y", 1, False),
        ("/workflow/0/a.../go?/0/b.../on?/0/c", "z", 1, False),
    ],
    ids=["into a body", "an empty body", "an exit", "own $continue", "own $break", "an inner body", "out of the inner loop",
         "round the inner loop", "a jump out of both", "a jump into the outer body", "null in the inner body"],
)  # fmt: skip
def test_how_many_frames_an_edge_keeps(address: str, edge: str | None, keep: int, body: bool) -> None:
    """A route knows which loops it stays in; only the loop's own begins a pass."""
    inner = {"b...": {"on?": [{"c": {"x?": "d", "y?": "i", "z?": None}}]}}
    loop = {"go?": [inner, "i"], "empty?": {}, "done?": ["h"], "skip?": "$continue", "stop?": "$break"}
    step = program_of({"a...": loop}, "d").at(address)
    route = step.routes[edge] if edge is not None else step.next
    assert (route.keep, route.body) == (keep, body)


def test_an_error_route_says_where_error_is_bound() -> None:
    """In its block, in the block of the one node, or in the block of the target of a jump."""
    program = program_of({"a": {"error?": ["b"], "x?": ["b"]}}, {"b": {"error?": "h"}}, {"c": {"error?": "d"}}, "d",
                         {"i": {"error?": []}})  # fmt: skip
    routes = {step.name: step.routes["error"] for step in program.steps if "error" in step.routes}
    assert {name: (route.binds, route.jump) for name, route in routes.items()} == {
        "a": ("/workflow/0/a/error?", False),
        "b": ("/workflow/1/b/error?", False),
        "c": ("/workflow", True),
        "i": ("", False),
    }
    assert program.at("/workflow/0/a").routes["x"].binds == ""


@pytest.mark.parametrize(
    ("steps", "codes"),
    [
        ([{"c": {"x?": "b"}}, "b", "b"], ["AMBIGUOUS_TARGET"]),
        ([{"a": {"x?": [{"c": {"y?": "b"}}, "b"]}}, "b", "b"], ["JUMP_NOT_RUN"]),
        ([{"a": {"x?": [{"c": {"y?": "b"}}, "b", "b"]}}, "b"], ["AMBIGUOUS_TARGET"]),
        ([{"a": {"x?": "inside"}}, {"c": {"y?": [{"inside": {"$node": "b"}}]}}], ["UNKNOWN_TARGET"]),
        ([{"a": {"x?": [{"inside": {"$node": "b"}}], "y?": "inside"}}], ["UNKNOWN_TARGET"]),
        ([{"c": {"x?": "there"}}, {"there": {"$node": "b"}}], []),
        ([{"c": {"x?": "h"}}], []),
        ([{"c": {"x?": "b"}}, {"b...": {"go?": []}}], ["JUMP_NOT_RUN"]),
    ],
    ids=["two of a name in the block", "the inner block has one", "two in the inner block", "a nested block of another step",
         "a nested block of the step itself", "a step that is no node", "a node that is no step", "a loop by its name"],
)  # fmt: skip
def test_what_a_name_is_searched_in(steps: list[Any], codes: list[str]) -> None:
    """From the inside, block by block; a nested block is reached only through its edge."""
    assert [one.code for one in problems_of(workflow(*steps), NODES)] == codes


def test_the_nodes_that_routes_run_are_steps_of_their_own() -> None:
    """With the route's address, without configuration, in a block of the step."""
    program = program_of({"a...": {"go?": "h", "done?": "i"}}, "b")
    ran, left = program.at("/workflow/0/a.../go?"), program.at("/workflow/0/a.../done?")
    assert (ran.name, ran.node, ran.parameters, ran.depth) == ("h", "h", {}, 1)
    assert (left.name, left.depth) == ("i", 0)
    assert ran.blocks == ("/workflow", "/workflow/0/a.../go?")


def test_every_target_is_a_step_of_the_program_within_the_loops_that_it_keeps() -> None:
    """No route leads to a step in a loop whose frame it has left."""
    program = program_of(*NESTED)
    for step in program.steps:
        for route in (*step.routes.values(), step.next):
            assert isinstance(route, Route)
            if route.kind == "go" and route.target != END:
                target = program.steps[route.target]
                assert route.keep == target.depth or (target.loop and route.keep == target.depth + 1)
