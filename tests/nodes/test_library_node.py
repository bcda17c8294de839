"""What all nodes of the library have in common."""

from __future__ import annotations

from typing import Any

import pytest

from domain.context import ExecutionContext
from domain.errors import ErrorInfo, StepFailure
from domain.node import Answer, Edge, End, Fork, Mark, NodeMetadata, Parameter, Park, Pass
from infrastructure.nodes.base import LibraryNode, WritesNothing, bad_parameter
from infrastructure.nodes.library import standard_registry
from tests.support.nodes import run

ERROR = ErrorInfo(code="OOPS", message="oops", recoverable=True, details={"a": 1})


class Sample(LibraryNode):
    """Does what the test says."""

    metadata = NodeMetadata(
        id="sample",
        name="Sample",
        version="1.0.0",
        outputs=("sampled",),
        parameters={
            "needed": Parameter(required=True),
            "count": Parameter(types=("integer",), default=3),
            "mode": Parameter(types=("string",), enum=("a", "b")),
            "soft": Parameter(types=("array",), default=["x"], lenient=True),
            "loose": Parameter(types=("array",), lenient=True),
        },
    )

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Raise what is asked for, or hand the parameters back."""
        if isinstance(config["needed"], BaseException):
            raise config["needed"]
        context.state["sampled"] = config["needed"]
        return Edge("success", config)


def test_defaults_are_filled_in_without_touching_the_config() -> None:
    """The parameters given are left as they are; those that may be missing are."""
    config = {"needed": None}
    assert run(Sample(), config).data == {"needed": None, "count": 3, "soft": ["x"]}
    assert config == {"needed": None}


def test_a_lenient_parameter_that_was_missing_takes_its_default() -> None:
    """A missing reference in it is null by now, which is not what its type says."""
    assert run(Sample(), {"needed": 1, "soft": None, "loose": None}).data["soft"] == ["x"]


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({}, "sample needs the parameter needed"),
        ({"needed": 1, "count": "3"}, "count is an integer, not string"),
        ({"needed": 1, "count": 2.5}, "count is an integer, not number"),
        ({"needed": 1, "count": None}, "count is an integer, not null"),
        ({"needed": 1, "count": True}, "count is an integer, not boolean"),
        ({"needed": 1, "mode": "c"}, 'mode can\'t be "c"; allowed: a, b'),
    ],
)
def test_a_bad_value_is_returned_with_null_results(config: dict[str, Any], says: str) -> None:
    """`INVALID_PARAMETER` on the `error` edge, not an exception."""
    visit = run(Sample(), config, state={"sampled": "old"})
    assert visit.code == "INVALID_PARAMETER"
    assert visit.data["message"] == says
    assert visit.data["type"] == "validation"
    assert visit.state == {"sampled": None}


def test_a_whole_float_is_an_integer() -> None:
    """JSON has one kind of number."""
    assert run(Sample(), {"needed": 1, "count": 3.0}).edge == "success"


def test_a_failure_is_returned_with_all_it_says() -> None:
    """Its code, details and whether trying again may help reach the route; the result keys are null."""
    visit = run(Sample(), {"needed": StepFailure(ERROR)}, state={"sampled": 1})
    assert visit.answer == Edge("error", ERROR.as_json())
    assert visit.state == {"sampled": None}


def test_a_failure_may_leave_the_state_alone() -> None:
    """Where NODES says that it writes nothing."""
    visit = run(Sample(), {"needed": WritesNothing(ERROR)}, state={"sampled": 1})
    assert visit.answer == Edge("error", ERROR.as_json())
    assert visit.patch == ()


def test_a_bug_is_raised() -> None:
    """What is not a StepFailure is for the engine to report, and writes nothing."""
    with pytest.raises(ZeroDivisionError):
        run(Sample(), {"needed": ZeroDivisionError()})


def test_a_type_that_the_engine_refuses_is_answered_alike() -> None:
    """`invalid` returns the error and writes null, as the node itself does."""

    class Refused(Sample):
        def execute(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
            return self.invalid(context, {}, ERROR)

    visit = run(Refused(), {}, state={"sampled": 1})
    assert visit.answer == Edge("error", ERROR.as_json())
    assert visit.state == {"sampled": None}


def test_the_allowed_values_are_in_message_and_details() -> None:
    """For people and for programs."""
    error = bad_parameter("mode can't be 5", parameter="mode", allowed=("a", "b"))
    assert error.message == "mode can't be 5; allowed: a, b"
    assert error.details == {"parameter": "mode", "allowed": ["a", "b"]}


def test_every_node_answers_a_visit_without_parameters() -> None:
    """Whatever is missing, nothing is raised."""
    registry = standard_registry(files_root=None, entry_points=False)
    for name in sorted(registry.names()):
        with registry.borrow(name) as node:
            visit = run(node, {}, index=0)
        assert isinstance(visit.answer, Edge | Pass | Park | Fork | Mark | End), name


@pytest.mark.parametrize("value", [None, True, 5, -1.5, "", "x", "$.x", [], [[]], [None], {}, {"a": {}}, "😀"])
def test_no_value_of_any_parameter_raises(value: Any) -> None:
    """Hostile parameters are errors, one by one and all at once, in every node."""
    registry = standard_registry(files_root=None, entry_points=False)
    for name in sorted(registry.names()):
        with registry.borrow(name) as node:
            known = node.metadata.parameters or {}
            answers = [run(node, dict.fromkeys(known, value), index=0, previous=value).answer]
            sound = {key: _sound(spec) for key, spec in known.items()}
            answers += [run(node, {**sound, key: value}, index=0, state={"items": value}).answer for key in known]
        assert all(isinstance(answer, Edge | Pass | Park | Fork | Mark | End) for answer in answers), name


def _sound(spec: Parameter) -> Any:
    """A value that the parameter takes, as far as its own description says."""
    if spec.enum:
        return spec.enum[0]
    samples: dict[str, Any] = {"string": "x", "number": 1, "integer": 1, "boolean": True, "object": {}, "array": [1]}
    return samples[spec.types[0]] if spec.types else "x"
