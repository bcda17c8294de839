"""Documents made to hurt are answered soon, and shortly: over the whole way of a body, from its bytes to the answer."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.support.hostile_documents import hostile_documents
from tests.support.http import JSON, client

DOCUMENTS = hostile_documents()
LIMIT_S = 0.1
"""What each may take of the processor on a quiet machine; `make bench` shows what it does take."""
BUSY = 10
"""How many times as long it may take here, where other tests run beside it."""
LONGEST_ANSWER = 400_000


@pytest.fixture(scope="module")
def http() -> Iterator[TestClient]:
    """A service whose patterns are made already."""
    with client() as found:
        for name in ("a repeated key behind empty lists", "steps that are numbers", "one giant path"):
            found.post("/workflows/validate", content=DOCUMENTS[name], headers=JSON)
        yield found


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_hostile_document_is_answered_soon(http: TestClient, name: str) -> None:
    """It is taken or refused with a bounded answer, without the processor being busy for long."""
    begun = time.process_time()
    answer = http.post("/workflows/validate", content=DOCUMENTS[name], headers=JSON)
    taken_s = time.process_time() - begun
    assert answer.status_code in (200, 400, 413, 422), answer.text[:500]
    assert len(answer.content) <= LONGEST_ANSWER or name == "a giant id", "what is taken is answered with its id"
    assert taken_s <= LIMIT_S * BUSY, f"{taken_s * 1000:.0f} ms"
    assert answer.json()


def test_what_is_too_much_is_told_with_the_limit(http: TestClient) -> None:
    """Too many steps, keys or words of expressions are one error that says what to do, not a thousand."""
    for name, code in (
        ("steps by name", "TOO_MANY_STEPS"),
        ("extra parameters", "TOO_LARGE"),
        ("long expressions", "TOO_LARGE"),
    ):
        answer = http.post("/workflows/validate", content=DOCUMENTS[name], headers=JSON)
        last = answer.json()["error"]["details"][-1]
        assert last["code"] == code
        assert "run-workflow" in last["message"]


def test_problems_that_are_not_listed_are_counted(http: TestClient) -> None:
    """A hundred are told, the rest is a number."""
    answer = http.post("/workflows/validate", content=DOCUMENTS["unknown keys of the submission"], headers=JSON)
    details = answer.json()["error"]["details"]
    assert len(details) == 101
    more = next(each for each in details if each["code"] == "MORE")
    assert "70," in more["message"]
    assert "not listed" in more["message"]
