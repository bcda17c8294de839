"""From a definition to a program, or to everything that is wrong with it."""

from __future__ import annotations

import re
from typing import Any, Final

from msgspec.structs import replace

from domain import json
from domain.checks import check_steps
from domain.errors import InvalidDefinition
from domain.inner import inner_definitions
from domain.json_text import Skeleton
from domain.limits import Limits
from domain.locks import with_inner_locks
from domain.node import NodeCatalog, NodeMetadata, WorkflowNode
from domain.options import budget_of, default_retry, options_of, priority_of, rolls_back_of, settings_of
from domain.outline import LONGEST_NAME, Outline, StepOutline
from domain.parameters import Compiled, compile_parameters
from domain.paths import parse_path
from domain.problems import Problem, pointer
from domain.program import Program, RetryPolicy, Setter, Step
from domain.reporting import Report
from domain.room import Room
from domain.routing import Router, continuation
from domain.secret_references import warn_of_references
from domain.value_forms import literals
from domain.values import Value, compile_value
from domain.versions import NAMED, VERSION, satisfies

KNOWN_KEYS: Final = ("id", "name", "version", "workflow", "initialState", "description", "$schema", "settings")
ID: Final = re.compile(r"[a-zA-Z0-9_-]+")


_Place = tuple[Any, "str | int"]
"""The place of what holds a value, and its key there."""


def compile_definition(
    definition: Any, nodes: NodeCatalog, *, limits: Limits | None = None, known: tuple[Problem, ...] = ()
) -> Program:
    """The program of a decoded JSON definition.

    Runs nothing. Raises InvalidDefinition with every problem at once, `known` ones (such as duplicate keys) included;
    warnings alone are in the program.
    """
    report = Report(known)
    limits = limits or Limits()
    if not isinstance(definition, dict):
        report(
            Problem(code="SCHEMA", path="", message="A workflow is a JSON object with id, name, version and workflow.")
        )
        raise InvalidDefinition(report.problems())
    if _is_too_deep(definition, limits.definition_depth, report) or _is_too_large(definition, limits, report):
        raise InvalidDefinition(report.problems())
    _check_document(definition, report)
    lowered = settings_of(definition, limits, report)
    rolls_back = rolls_back_of(definition, report)
    priority = priority_of(definition, report)
    budget = budget_of(definition, report)
    room = Room()
    steps = _compile_steps(definition, nodes, lowered, report, room)
    _check_inner(steps, nodes, limits, report, room)
    if report.errors:
        raise InvalidDefinition(report.problems())
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
        warnings=report.problems(),
    )


def _check_document(definition: dict[str, Any], report: Report) -> None:
    _check_text(definition, "id", ID, f"at most {LONGEST_NAME} letters, digits, _ and -", report, most=LONGEST_NAME)
    _check_text(definition, "name", re.compile(r"(?s).+"), "at least one character", report)
    _check_text(definition, "version", VERSION, "three numbers such as 1.0.0", report)
    if not isinstance(definition.get("initialState", {}), dict):
        report(Problem(code="SCHEMA", path="/initialState", message="initialState is an object."))
    report.unknown(definition, KNOWN_KEYS, _unknown_key)


def _unknown_key(key: str) -> Problem:
    message = f"{key!r} is not a key of a workflow; it is kept, and means nothing."
    return Problem(code="UNKNOWN_KEY", path=pointer(key), message=message, severity="warning")


def _is_too_deep(definition: dict[str, Any], limit: int, report: Report) -> bool:
    """Whether a value is nested too deep, which is then reported: everything after this check may recurse."""
    try:
        deeper = Skeleton(json.encode(definition)).deeper_than(limit)
    except (TypeError, ValueError, OverflowError, RecursionError):  # not JSON, or far too deep
        deeper = True
    place = _first_deeper_than(definition, limit) if deeper else None
    if place is not None:
        report(Problem(code="TOO_DEEP", path=place, message=f"This is nested deeper than {limit} levels."))
    return place is not None


def _first_deeper_than(definition: Any, limit: int) -> str | None:
    """The pointer of the first value on the first level that is one too deep."""
    level: list[tuple[Any, _Place | None]] = [(definition, None)]
    for _ in range(limit):
        level = [
            (value, (place, key))
            for container, place in level
            for key, value in (container.items() if isinstance(container, dict) else enumerate(container))
            if isinstance(value, (dict, list))
        ]
        if not level:
            return None
    place, tokens = level[0][1], []
    while place is not None:
        place, key = place
        tokens.append(key)
    return pointer(*reversed(tokens))


def _is_too_large(definition: dict[str, Any], limits: Limits, report: Report) -> bool:
    """Whether a definition that did not come as text is larger than any text may be."""
    size = len(json.encode(definition))
    if size > limits.definition_bytes:
        message = f"The definition has {size:,} bytes; at most {limits.definition_bytes:,} are allowed."
        report(Problem(code="TOO_LARGE", path="", message=message))
    return size > limits.definition_bytes


def _check_text(
    definition: dict[str, Any],
    key: str,
    pattern: re.Pattern[str],
    rule: str,
    report: Report,
    *,
    most: int | None = None,
) -> None:
    value = definition.get(key)
    if key not in definition:
        report(Problem(code="SCHEMA", path="", message=f"A workflow needs {key!r} ({rule})."))
    elif not isinstance(value, str) or (most is not None and len(value) > most) or not pattern.fullmatch(value):
        report(Problem(code="SCHEMA", path=pointer(key), message=f"{key} is a text of {rule}."))


def _compile_steps(
    definition: dict[str, Any], nodes: NodeCatalog, limits: Limits, report: Report, room: Room
) -> tuple[Step, ...]:
    listed = definition.get("workflow")
    if not isinstance(listed, list) or not listed:
        place = "/workflow" if "workflow" in definition else ""
        report(Problem(code="SCHEMA", path=place, message="workflow is an array of at least one step."))
        return ()
    outline = Outline(lambda node_id: _metadata(nodes, node_id), report, room, most_steps=limits.definition_steps)
    outline.read(listed)
    router = Router(outline, nodes.names(), report)
    retry = default_retry(definition, report)
    if not outline.has_enough():
        router.find_targets()
    if outline.has_enough():
        return ()
    steps = tuple(
        _compile_step(step, router, nodes, limits, retry=retry, report=report, room=room) for step in outline.steps
    )
    steps = with_inner_locks(steps)
    check_steps(definition, outline, steps, router=router, nodes=nodes, report=report)
    return steps


def _check_inner(steps: tuple[Step, ...], nodes: NodeCatalog, limits: Limits, report: Report, room: Room) -> int:
    """Report what is wrong with the definitions inside a definition. Gives the number of steps in all of them together,
    which may be no more than one may have.
    """
    count = len(steps)
    for path, inner in inner_definitions(steps, nodes):
        if report.full:
            break
        left = replace(limits, definition_steps=limits.definition_steps - count)
        inside = report.inside(path, without="NEVER_WRITTEN")  # the step around it says what it begins with
        _check_document(inner, inside)
        rolls_back_of(inner, inside)
        priority_of(inner, inside)
        found = _compile_steps(inner, nodes, settings_of(inner, left, inside), inside, room)
        count += _check_inner(found, nodes, left, inside, room)
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
    room: Room,
) -> Step:
    node = nodes.find(step.node) if step.kind == "node" else None
    compiled = Compiled({}, {}, ())
    setter = None
    if step.kind == "setter":
        setter = _setter(step, report, room)
    elif node is None:
        _report_unknown_node(step, nodes, report)
    else:
        _check_version(step, node.metadata, report)
        _adopt_iterations(step, node.metadata)
        compiled = compile_parameters(step, node.metadata, nodes.secret_names(), report, room)
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
    message, meant = f"There is no node {step.node!r}.", step.node
    if not ID.fullmatch(step.node):
        message = f"{step.node!r} is not the id of a node: that is a literal of letters, digits, _ and -."
    report(Problem(code="UNKNOWN_NODE", path=path, message=message), meant=meant, known=nodes.names)


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


def _setter(step: StepOutline, report: Report, room: Room) -> Setter | None:
    try:
        path = parse_path(step.key)
    except ValueError as error:
        report(Problem(code="INVALID_PATH", path=step.address, message=f"{step.key!r} is not a state path: {error}"))
        return None
    if not path:
        report(Problem(code="INVALID_PATH", path=step.address, message="$ itself can't be set: set its keys."))
        return None
    warn_of_references(step.value, step.address, report, where="The state", takers=[])
    return Setter(path, compile_value(step.value, path=step.address, report=report, room=room))


def _adopt_iterations(step: StepOutline, metadata: NodeMetadata) -> None:
    """`maxIterations` of a node that has such a parameter means the engine's option of that name."""
    known = metadata.parameters or {}
    if "maxIterations" in known and isinstance(step.parameters.get("maxIterations"), int):
        step.options.setdefault("$maxIterations", step.parameters["maxIterations"])


def _report_doubts(step: StepOutline, node: WorkflowNode, values: dict[str, Value], report: Report) -> None:
    try:
        found = node.doubts(literals(values), given=frozenset(values), routed=frozenset(step.routes))
        doubts = [(str(key), str(message)) for key, message in found]
    except Exception as error:  # noqa: BLE001 - a node's own code: what it can't judge may still run
        message = f"{step.node} can't say what it thinks of its parameters: {type(error).__name__}: {error}"
        report(Problem(code="DOUBTS_FAILED", path=step.address, message=message, severity="warning"))
        return
    for key, message in doubts:
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
            report(Problem(code="UNKNOWN_EDGE", path=path, message=message), meant=edge, known=takes)
