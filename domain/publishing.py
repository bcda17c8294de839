"""Published versions of workflows: what may be published, which one is meant, and whether it can run here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from domain.errors import NotFound, Refused
from domain.events import WorkflowPublished
from domain.node import NodeCatalog
from domain.patches import diff
from domain.problems import nearest
from domain.program import Program
from domain.versions import order, same_major

LATEST: Final = "latest"
"""Stands for the highest version."""
NAME_KEPT: Final = 255
"""Characters of a workflow's name that its lists show."""

Published = Mapping[str, WorkflowPublished]
"""What is published of one workflow, by version."""


class Publish(msgspec.Struct, frozen=True, kw_only=True):
    """Publish a program under its id and version. `nodes` are the versions of its nodes, `limit` the most versions."""

    now: int
    program: Program
    nodes: dict[str, str]
    limit: int
    actor: str = ""


def publish(published: Published, command: Publish) -> WorkflowPublished | None:
    """The event of publishing; None when the same definition is published under that version already.

    Raises Refused for another definition: a published version never changes.
    """
    program = command.program
    there = published.get(program.version)
    if there is not None:
        if there.definition_hash == program.hash:
            return None
        message = f"{program.id} {program.version} is published already with another definition, and never changes."
        raise Refused(f"{message} Give yours a version of its own.", code="VERSION_PUBLISHED")
    if len(published) >= command.limit:
        message = f"{program.id} has {len(published):,} published versions, which is the limit."
        raise Refused(f"{message} Publish what follows under another id.", code="VERSION_LIMIT")
    return WorkflowPublished(
        time=command.now,
        actor=command.actor,
        workflow=program.id,
        workflow_version=program.version,
        name=program.name[:NAME_KEPT],
        definition_hash=program.hash,
        nodes=command.nodes,
    )


def first_difference(old: Any, new: Any) -> str:
    """Where a definition differs from another, in a sentence."""
    found = next(iter(diff(old, new)), None)
    if found is None:
        return "They differ in the order of keys only, which is the order of steps."
    return f"They differ at {found.path or 'the top'} first."


def nodes_of(program: Program, nodes: NodeCatalog) -> dict[str, str]:
    """The versions of the nodes that a program's steps run, by id."""
    found = {step.node: nodes.find(step.node) for step in program.steps if step.node}
    return {name: node.metadata.version for name, node in sorted(found.items()) if node is not None}


def newest(versions: Iterable[str]) -> str | None:
    """The highest of some versions; None when there are none."""
    return max(versions, key=order, default=None)


def choose(workflow: str, version: str, published: Published, *, known: Iterable[str] = ()) -> WorkflowPublished:
    """The published version that is meant by its text, or by `latest`.

    `known` are the ids of published workflows. Raises NotFound, which names what is nearest.
    """
    last = newest(published)
    if last is None:
        close = nearest(workflow, known)
        hint = f" Did you mean {close!r}?" if close is not None else ""
        raise NotFound(f"There is no published workflow {workflow!r}.{hint}", code="NO_SUCH_WORKFLOW")
    found = published.get(last if version == LATEST else version)
    if found is None:
        close = nearest(version, published)
        hint = f", the nearest is {close}" if close not in (None, last) else ""
        message = f"{workflow} has no published version {version!r}: the newest is {last}{hint}."
        raise NotFound(message, code="NO_SUCH_VERSION")
    return found


def check_nodes(published: WorkflowPublished, nodes: NodeCatalog) -> None:
    """Raise Refused when a node is gone, or is of another major version than when the workflow was published."""
    changed: list[dict[str, str | None]] = []
    for name, version in published.nodes.items():
        node = nodes.find(name)
        if node is None or not same_major(node.metadata.version, version):
            here = node.metadata.version if node is not None else None
            changed.append({"node": name, "published": version, "here": here})
    if changed:
        one = changed[0]
        found = f"is {one['here']} here" if one["here"] is not None else "is not here"
        more = f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""
        message = (
            f"{published.workflow} {published.workflow_version} was published with {one['node']} {one['published']}, "
            f"which {found}{more}. Publish a version that was made for the nodes of today."
        )
        raise Refused(message, code="NODES_CHANGED", details={"nodes": changed})
