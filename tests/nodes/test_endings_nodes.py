"""`fail` and `end`."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from domain.node import End
from infrastructure.nodes.endings import Fail, Finish
from tests.support.nodes import run


def test_fail_takes_error_with_its_defaults() -> None:
    """A message is enough."""
    visit = run(Fail(), {"message": "no stock"})
    assert visit.edge == "error"
    assert visit.data == {
        "type": "runtime",
        "code": "FAILED",
        "message": "no stock",
        "recoverable": False,
        "severity": "critical",
        "details": None,
    }
    assert visit.patch == ()


def test_fail_says_all_that_it_is_told() -> None:
    """Code, type, details and recoverable are the author's."""
    given = {"message": "m", "code": "NO_STOCK", "type": "state", "details": {"sku": 1}, "recoverable": True}
    assert run(Fail(), given).data == {**given, "severity": "error"}


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"message": 5},
        {"message": "m", "type": "mine"},
        {"message": "m", "recoverable": "no"},
        {"message": "m", "code": 5},
    ],
)
def test_fail_with_a_bad_parameter_fails_for_that(config: dict[str, Any]) -> None:
    """It fails either way, and says why."""
    assert run(Fail(), config).code == "INVALID_PARAMETER"


@pytest.mark.parametrize("result", [None, 0, {"a": 1}])
def test_end_hands_its_result_to_the_engine(result: Any) -> None:
    """The result, null included, is the engine's to store."""
    visit = run(Finish(), {"result": result})
    assert visit.answer == End(result)
    assert visit.patch == ()


def test_end_without_a_result_stores_none() -> None:
    """No result is not a null result."""
    assert run(Finish(), {}).answer == End(msgspec.UNSET)


def test_they_have_no_edges() -> None:
    """Nothing but `error` can be routed."""
    assert Fail.metadata.edges == ()
    assert Finish.metadata.edges == ()
    assert Finish.metadata.outputs == ("result",)
