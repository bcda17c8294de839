"""`math`."""

from __future__ import annotations

from typing import Any

import pytest

from infrastructure.nodes.arithmetic import Math
from tests.support.nodes import run


@pytest.mark.parametrize(
    ("operation", "values", "result"),
    [
        ("add", [10, 20], 30),
        ("add", ["1", " 2 ", "+3"], 6),
        ("add", [5], 5),
        ("add", [0.5, 0.5], 1),
        ("subtract", [10, 3, 2], 5),
        ("multiply", [2, 3, 4], 24),
        ("divide", [100, 5, 2], 10),
        ("divide", [1, 4], 0.25),
        ("modulo", [7, 3], 1),
        ("power", [2, 3, 2], 64),
        ("power", [4, 0.5], 2),
        ("min", [3, "1", 2], 1),
        ("max", [3, 1, 2.5], 3),
        ("average", [1, 2, 4, 5], 3),
        ("average", [1, 2], 1.5),
    ],
)
def test_operations_fold_from_the_left(operation: str, values: list[Any], result: float) -> None:
    """Numbers and numeric texts give one number; whole results are integers."""
    visit = run(Math(), {"operation": operation, "values": values})
    assert visit.edge == "success"
    assert visit.data == {"result": result}
    assert visit.state == {"mathResult": result}
    assert isinstance(visit.data["result"], type(result))


@pytest.mark.parametrize(
    ("operation", "values", "code"),
    [
        ("add", ["a", 1], "INVALID_PARAMETER"),
        ("add", [True, 1], "INVALID_PARAMETER"),
        ("add", [None], "INVALID_PARAMETER"),
        ("add", [[1], 1], "INVALID_PARAMETER"),
        ("add", [], "INVALID_PARAMETER"),
        ("add", "12", "INVALID_PARAMETER"),
        ("sum", [1, 2], "INVALID_PARAMETER"),
        ("divide", [1, 0], "EXPRESSION_ERROR"),
        ("modulo", [1, 0], "EXPRESSION_ERROR"),
        ("power", [0, -1], "EXPRESSION_ERROR"),
        ("power", [-1, 0.5], "EXPRESSION_ERROR"),
        ("power", [10, 400], "EXPRESSION_ERROR"),
        ("power", [9, 9, 9, 9], "EXPRESSION_ERROR"),
        ("multiply", [1e308, 10], "EXPRESSION_ERROR"),
        ("multiply", [2**62, 4], "EXPRESSION_ERROR"),
        ("add", ["1" * 400], "EXPRESSION_ERROR"),
    ],
)
def test_bad_input_is_the_error_edge(operation: str, values: Any, code: str) -> None:
    """No gluing of texts, no division by zero, nothing that is not a JSON number; the result key is null."""
    visit = run(Math(), {"operation": operation, "values": values}, state={"mathResult": 7})
    assert visit.code == code
    assert visit.state == {"mathResult": None}


def test_an_unknown_operation_names_the_known_ones() -> None:
    """The allowed values are in the message and the details."""
    visit = run(Math(), {"operation": "plus", "values": [1]})
    assert "add, subtract, multiply" in visit.data["message"]
    assert "average" in visit.data["details"]["allowed"]
