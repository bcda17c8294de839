"""From a definition to a program, or to everything that is wrong with it."""

from __future__ import annotations

import re
from typing import Any, Final

from msgspec.structs import replace

from domain import json
from domain.checks import check_steps
from domain.errors import InvalidDefinition
from domain.inner import inner_definitions
from domain.limits import Limits
from domain.locks import with_inner_locks
from domain.node import NodeCatalog, NodeMetadata, WorkflowNode
from domain.options import budget_of, default_retry, options_of, priority_of, rolls_back_of, settings_of
from domain.outline import Outline, Report, StepOutline
from domain.parameters import Compiled, compile_parameters
from domain.paths import parse_path
from domain.problems import Problem, nearest, pointer
from domain.program import Program, RetryPolicy, Setter, Step
from domain.routing import Router, continuation
from domain.scope import Scope
from domain.secret_references import warn_of_references
from domain.values import Value, compile_value
from domain.versions import NAMED, VERSION, satisfies

KNOWN_KEYS: Final = ("id", "name", "version", "workflow", "initialState", "description", "$schema", "settings")
ID: Final = re.compile(r"[a-zA-Z0-9_-]+")
MAX_PROBLEMS: Final = 100
"""Problems reported at once; past it one more says that there are others."""


class _Problems(list[Problem]):
    """All problems so far, errors and warnings."""

    def errors(self) -> bool:
        return any(problem.severity == "error" for problem in self)

    def ordered(self) -> tuple[Problem, ...]:
        ordered = sorted(self, key=lambda problem: problem.severity != "error")
        if len(ordered) <= MAX_PROBLEMS:
            return tuple(ordered)
        message = f"{len(ordered) - MAX_PROBLEMS} more problems are not listed."
        more = Problem(code="MORE", path="", message=message, severity=ordered[MAX_PROBLEMS].severity)
        return (*ordered[:MAX_PROBLEMS], more)


def compile_definition(
    definition: Any, nodes: NodeCatalog, *, limits: Limits | None = None, known: tuple[Problem, ...] = ()
) -> Program:
    """The program of a decoded JSON definition.

    Runs nothing. Raises InvalidDefinition with every problem at once, `known` ones (such as duplicate keys) included;
    warnings alone are in the program.
    """
    problems = _Problems(known)
    report = problems.append
    limits = limits or Limits()
    if not isinstance(definition, dict):
        report(
            Problem(code="SCHEMA", path="", message="A workflow is a JSON object with id, name, version and workflow.")
        )
        raise InvalidDefinition(problems.ordered())
    if _is_too_deep(definition, limits.definition_depth, report) or _is_too_large(definition, limits, report):
        raise InvalidDefinition(problems.ordered())
    _check_document(definition, report)
    lowered = settings_of(definition, limits, report)
    rolls_back = rolls_back_of(definition, report)
    priority = priority_of(definition, report)
    budget = budget_of(definition, report)
    steps = _compile_steps(definition, nodes, lowered, report)
    _check_inner(steps, nodes, limits, report)
    if problems.errors():
        raise InvalidDefinition(problems.ordered())
    return Program(
        hash=json.digest(definition),
        id=definition["id"],
        name=definition["name"],
        version=definition["version"],
        initial_state=definition.get("initialState", {}),
        steps=steps,
        max_steps=lowered.steps,
        index={step.address: step.index for step in steps},
        priority=priority,
        rolls_back=rolls_back,
        budget=budget,
        warnings=problems.ordered(),
    )


def _check_document(definition: dict[str, Any], report: Report) -> None:
    _check_text(definition, "id", ID, "letters, digits, _ and -", report)
    _check_text(definition, "name", re.compile(r"(?s).+"), "at least one character", report)
    _check_text(definition, "version", VERSION, "three numbers such as 1.0.0", report)
    if not isinstance(definition.get("initialState", {}), dict):
        report(Problem(code="SCHEMA", path="/initialState", message="initialState is an object."))
    for key in definition:
        if key not in KNOWN_KEYS:
            close = nearest(key, KNOWN_KEYS)
            message = f"{key!r} is not a key of a workflow; it is kept, and means nothing."
            report(Problem(code="UNKNOWN_KEY", path=pointer(key), message=message, severity="warning", nearest=close))


def _is_too_deep(definition: Any, limit: int, report: Report) -> bool:
    """Whether a value is nested too deep, which is then reported: everything after this check may recurse."""
    level: list[tuple[str, Any]] = [("", definition)]
    for _ in range(limit):
        level = [
            (place + pointer(key), value)
            for place, container in level
            for key, value in (container.items() if isinstance(container, dict) else enumerate(container))
            if isinstance(value, (dict, list))
        ]
        if not level:
            return False
    message = f"This is nested deeper than {limit} levels."
    report(Problem(code="TOO_DEEP", path=level[0][0], message=message))
    return True


def _is_too_large(definition: dict[str, Any], limits: Limits, report: Report) -> bool:
    """Whether a definition that did not come as text is larger than any text may be."""
    size = len(json.encode(definition))
    if size > limits.definition_bytes:
        message = f"The definition has {size:,} bytes; at most {limits.definition_bytes:,} are allowed."
        report(Problem(code="TOO_LARGE", path="", message=message))
    return size > limits.definition_bytes


def _check_text(definition: dict[str, Any], key: str, pattern: re.Pattern[str], rule: str, report: Report) -> None:
    value = definition.get(key)
    if key not in definition:
        report(Problem(code="SCHEMA", path="", message=f"A workflow needs {key!r} ({rule})."))
    elif not isinstance(value, str) or not pattern.fullmatch(value):
        report(Problem(code="SCHEMA", path=pointer(key), message=f"{key} is a text of {rule}."))


def _compile_steps(definition: dict[str, Any], nodes: NodeCatalog, limits: Limits, report: Report) -> tuple[Step, ...]:
    listed = definition.get("workflow")
    if not isinstance(listed, list) or not listed:
        place = "/workflow" if "workflow" in definition else ""
        report(Problem(code="SCHEMA", path=place, message="workflow is an array of at least one step."))
        return ()
    outline = Outline(lambda node_id: _metadata(nodes, node_id), report)
    outline.read(listed)
    router = Router(outline, nodes.names(), report)
    retry = default_retry(definition, report)
    router.find_targets()
    if len(outline.steps) > limits.definition_steps:
        message = f"The workflow has {len(outline.steps):,} steps; at most {limits.definition_steps:,} are allowed."
        report(Problem(code="TOO_MANY_STEPS", path="/workflow", message=message))
        return ()
    steps = tuple(_compile_step(step, router, nodes, limits, retry=retry, report=report) for step in outline.steps)
    steps = tuple(with_inner_locks(step, steps) for step in steps)
    check_steps(definition, outline, steps, router=router, nodes=nodes, report=report)
    return steps


def _check_inner(steps: tuple[Step, ...], nodes: NodeCatalog, limits: Limits, report: Report) -> int:
    """Report what is wrong with the definitions inside a definition. Gives the number of steps in all of them together,
    which may be no more than one may have.
    """
    count = len(steps)
    for path, inner in inner_definitions(steps, nodes):
        room = replace(limits, definition_steps=limits.definition_steps - count)

        def report_inside(problem: Problem, path: str = path) -> None:
            if problem.code != "NEVER_WRITTEN":  # the step around it says what it begins with
                report(replace(problem, path=path + problem.path))

        _check_document(inner, report_inside)
        rolls_back_of(inner, report_inside)
        priority_of(inner, report_inside)
        found = _compile_steps(inner, nodes, settings_of(inner, room, report_inside), report_inside)
        count += _check_inner(found, nodes, room, report_inside)
    return count


def _metadata(nodes: NodeCatalog, node_id: str) -> NodeMetadata | None:
    node = nodes.find(node_id)
    return node.metadata if node is not None else None


def _compile_step(
    step: StepOutline,
    router: Router,
    nodes: NodeCatalog,
    limits: Limits,
    *,
    retry: RetryPolicy | None,
    report: Report,
) -> Step:
    node = nodes.find(step.node) if step.kind == "node" else None
    compiled = Compiled({}, {}, ())
    setter = None
    if step.kind == "setter":
        setter = _setter(step, report)
    elif node is None:
        _report_unknown_node(step, nodes, report)
    else:
        _check_version(step, node.metadata, report)
        _adopt_iterations(step, node.metadata)
        compiled = compile_parameters(step, node.metadata, nodes.secret_names(), report)
        _check_edges(step, node.metadata, report)
        _report_doubts(step, node, {**compiled.early, **compiled.late}, report)
    return Step(
        index=step.index,
        address=step.address,
        name=step.name,
        node=step.node,
        blocks=step.block.chain,
        depth=len(step.block.loops),
        loop=step.loop,
        keeps_input=step.kind == "setter" or (node is not None and node.metadata.keeps_input),
        options=options_of(
            step, limits, retry=retry, iterates=node is not None and node.metadata.iterates, report=report
        ),
        parameters=compiled.early,
        late=compiled.late,
        secrets=compiled.secrets,
        routes=router.routes_of(step),
        next=continuation(step),
        branches=tuple(edge for edge in step.routes if step.is_branch(edge)),
        setter=setter,
    )


def _report_unknown_node(step: StepOutline, nodes: NodeCatalog, report: Report) -> None:
    path = step.address + pointer("$node") if "$node" in step.options else step.address
    message, close = f"There is no node {step.node!r}.", nearest(step.node, nodes.names())
    if not ID.fullmatch(step.node):
        message = f"{step.node!r} is not the id of a node: that is a literal of letters, digits, _ and -."
    report(Problem(code="UNKNOWN_NODE", path=path, message=message, nearest=close))


def _check_version(step: StepOutline, metadata: NodeMetadata, report: Report) -> None:
    """`$node` may name the version that the step was made for: the node here must be as new, and of its major."""
    named = step.node_version
    if named is None:
        return
    close = f"{metadata.id}@{metadata.version.partition('.')[0]}"
    if not NAMED.fullmatch(named):
        message = f"{named!r} is no version of a node: write {metadata.id}@1, @1.2 or @1.2.3."
    elif not satisfies(metadata.version, named):
        message = (
            f"{metadata.id} is {metadata.version} here. This step asks for {named}: that major version, not older."
        )
    else:
        return
    report(Problem(code="NODE_VERSION", path=step.address + pointer("$node"), message=message, nearest=close))


def _setter(step: StepOutline, report: Report) -> Setter | None:
    try:
        path = parse_path(step.key)
    except ValueError as error:
        report(Problem(code="INVALID_PATH", path=step.address, message=f"{step.key!r} is not a state path: {error}"))
        return None
    if not path:
        report(Problem(code="INVALID_PATH", path=step.address, message="$ itself can't be set: set its keys."))
        return None
    problems: list[Problem] = []
    warn_of_references(step.value, step.address, report, where="The state", takers=[])
    value = compile_value(step.value, path=step.address, problems=problems)
    for problem in problems:
        report(problem)
    return Setter(path, value)


def _adopt_iterations(step: StepOutline, metadata: NodeMetadata) -> None:
    """`maxIterations` of a node that has such a parameter means the engine's option of that name."""
    known = metadata.parameters or {}
    if "maxIterations" in known and isinstance(step.parameters.get("maxIterations"), int):
        step.options.setdefault("$maxIterations", step.parameters["maxIterations"])


def _report_doubts(step: StepOutline, node: WorkflowNode, values: dict[str, Value], report: Report) -> None:
    nowhere = Scope(state={})
    literals = {name: value.resolve(nowhere, []) for name, value in values.items() if value.constant}
    for key, message in node.doubts(literals, given=frozenset(values), routed=frozenset(step.routes)):
        path = step.address + pointer(key) if key else step.address
        report(Problem(code="WILL_FAIL", path=path, message=message, severity="warning"))


def _check_edges(step: StepOutline, metadata: NodeMetadata, report: Report) -> None:
    if metadata.edges is None or metadata.branches:
        return
    takes = {*metadata.edges, "error"}
    for edge in step.routes:
        if edge and edge not in takes:
            message = f"{metadata.id} never takes the edge {edge!r}; it takes {', '.join(sorted(takes))}."
            path = step.address + pointer(edge + "?")
            report(Problem(code="UNKNOWN_EDGE", path=path, message=message, nearest=nearest(edge, takes)))
