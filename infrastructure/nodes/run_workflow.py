"""`runWorkflow`: a step that runs another workflow and waits for its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from domain.children import RESULT_KEYS
from domain.node import Answer, Call, NodeMetadata, Parameter
from domain.publishing import LATEST
from domain.versions import VERSION
from infrastructure.nodes.base import LIBRARY_VERSION, LibraryNode, example, invalid, notes, taken
from infrastructure.nodes.waiting import bad_duration, due_after

if TYPE_CHECKING:
    from domain.context import ExecutionContext


class RunWorkflow(LibraryNode):
    """Runs a child execution, parked until it has ended."""

    metadata = NodeMetadata(
        id="runWorkflow",
        name="Run workflow",
        version=LIBRARY_VERSION,
        description="Runs a published workflow, or a definition, as a child execution, and waits for its end.",
        example=example(
            {
                "runWorkflow": {
                    "workflowId": "charge",
                    "initialState": {"amount": "$.total"},
                    "timeout": "1h",
                    "success?": [{"$.receipt": "$.runWorkflowResult"}],
                    "error?": "$fail",
                }
            },
            total=25,
        ),
        outputs=RESULT_KEYS,
        edges=("success",),
        effect="none",
        gone=("baseUrl", "JWT_token"),
        edge_info={"success": taken("the child completed", "executionId workflowId version status result finalState")},
        output_info={
            "runWorkflowResult": "The child's state key result, else its whole final state.",
            "runWorkflowExecutionId": "The child's id.",
            "runWorkflowFinalState": "The child's final state.",
        },
        notes=notes(
            """
            Exactly one of workflowId and `definition`. The execution is parked meanwhile.

            A child that fails is CHILD_FAILED, one that is cancelled CHILD_CANCELLED, past the timeout
            it is cancelled: CHILD_TIMEOUT. The details hold its own error, executionId, workflowId and
            version.
            """
        ),
        parameters={
            "workflowId": Parameter(
                types=("string",), required=True, instead=("definition",), description="A published workflow."
            ),
            "version": Parameter(
                types=("string",), default=LATEST, description="A published version, or latest: the highest."
            ),
            "definition": Parameter(
                types=("object",), definition=True, description="A definition to run instead of a published one."
            ),
            "initialState": Parameter(
                types=("object",), default={}, description="Laid over the child's own initial state, key by key."
            ),
            "timeout": Parameter(
                types=("number", "string"), description="A duration, after which the child is cancelled."
            ),
        },
    )

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Ask for the child."""
        definition, workflow = config.get("definition"), config.get("workflowId")
        if (definition is None) == (workflow is None):
            raise invalid(f"{self.metadata.id} needs exactly one of workflowId and definition", parameter="workflowId")
        version = config["version"]
        if version != LATEST and not VERSION.fullmatch(version):
            raise invalid(f"version is {LATEST} or a text such as 1.0.0, not {version[:40]!r}", parameter="version")
        return Call(
            workflow=workflow or "",
            version=version,
            definition=definition,
            state=config["initialState"],
            due=due_after(context, config, "timeout"),
        )

    def doubts(
        self, literals: Mapping[str, Any], *, given: frozenset[str], routed: frozenset[str]
    ) -> Iterator[tuple[str, str]]:
        """Both a workflow and a definition, a version that is none, and a timeout that is no duration."""
        if {"workflowId", "definition"} <= given:
            yield "definition", f"{self.metadata.id} needs exactly one of workflowId and definition."
        version = literals.get("version", LATEST)
        if isinstance(version, str) and version != LATEST and not VERSION.fullmatch(version):
            yield "version", f"version is {LATEST} or a text such as 1.0.0."
        yield from bad_duration(literals, "timeout")


class RunWorkflowDashed(RunWorkflow):
    """The same under its other name."""

    metadata = msgspec.structs.replace(
        RunWorkflow.metadata,
        id="run-workflow",
        example=example(
            {
                "run-workflow": {
                    "definition": {
                        "id": "double",
                        "name": "Double",
                        "version": "1.0.0",
                        "initialState": {"n": 0},
                        "workflow": [{"end": {"result": "$.n * 2"}}],
                    },
                    "initialState": {"n": "$.n"},
                    "success?": [{"$.doubled": "$.runWorkflowResult"}],
                }
            },
            n=21,
        ),
    )
