"""Events seen from one place in the state: who writes it, and what it is afterwards."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.changes import WRITING, patch_of, rewritten, texts_of, touches, writes
from domain.errors import Unacceptable
from domain.events import Completed, ExecutionStarted, RolledBack, StateUpdated
from domain.patches import ABSENT, Op, apply, diff, find
from domain.pointers import DEEPEST, LONGEST, checked, listed

KEYS = st.sampled_from(["a", "b", "a/b", "~", "", 'q"', "0"])
VALUES = st.recursive(
    st.none() | st.integers(0, 2) | st.sampled_from(["x", '"path":"/a"']),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
STATES = st.dictionaries(KEYS, VALUES, max_size=3)
POINTERS = st.lists(KEYS | st.sampled_from(["1", "2"]), max_size=3).map(
    lambda keys: "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)
)


def updated(*patch: Op) -> StateUpdated:
    """A change of the state."""
    return StateUpdated(time=1, address="/workflow/0", visit=1, patch=patch)


@given(STATES, STATES, POINTERS)
def test_what_is_not_written_stays_and_what_is_written_is_told(old: Any, new: Any, pointer: str) -> None:
    """Over any change: the value afterwards is right, and a value that is another one has been written."""
    patch = tuple(diff(old, new))
    before, after = find(old, pointer), find(apply(old, patch), pointer)
    told = rewritten(before, patch, pointer)
    assert (told is ABSENT) == (after is ABSENT)
    assert told is ABSENT or msgspec.json.encode(told) == msgspec.json.encode(after)
    event = updated(*patch)
    if (before is ABSENT) != (after is ABSENT) or (
        before is not ABSENT and msgspec.json.encode(before) != msgspec.json.encode(after)
    ):
        assert writes(event, pointer)
    if writes(event, pointer):
        stored = msgspec.json.encode(event)
        assert any(text in stored for text in texts_of(pointer))


def test_a_write_around_it_or_in_it_counts_and_one_beside_it_does_not() -> None:
    """By whole keys."""
    for path in ("/a/b", "/a", "/a/b/c"):
        assert touches(path, "/a/b")
    for path in ("/a/bb", "/ab", "/b", "/a/c", "/a/b~1c"):
        assert not touches(path, "/a/b")
    assert touches("/a", "")


def test_what_an_event_changes() -> None:
    """A start adds what it begins with; what says nothing of the state changes nothing."""
    started = ExecutionStarted(
        time=1,
        workflow="w",
        workflow_version="1.0.0",
        definition_hash="",
        initial_state={"a/b": 1},
        first="/workflow/0",
    )
    assert patch_of(started) == (Op("add", "/a~1b", 1),)
    back = RolledBack(time=1, to=1, patch=(Op("remove", "/a"),), outputs=(Op("remove", "/b"),))
    assert writes(back, "/a")
    assert not writes(back, "/b")
    assert patch_of(Completed(time=1)) == ()
    assert {"state_updated", "rolled_back"} <= set(WRITING)
    assert "edge_taken" not in WRITING


@pytest.mark.parametrize(
    ("text", "offset"), [("a", 0), ("a/b", 0), ("/a~", 2), ("/a~2", 2), ("/~0~1/~x", 6), ("~0", 0), ("$.a", 0)]
)
def test_a_pointer_that_is_none_is_refused_at_its_place(text: str, offset: int) -> None:
    """The character that is wrong, counted from where the parameter begins."""
    for before in (0, 6):
        with pytest.raises(Unacceptable) as caught:
            checked(text, "?by", offset=before)
        [problem] = caught.value.details
        assert (caught.value.code, problem.path, problem.offset) == ("INVALID_POINTER", "?by", before + offset)


def test_pointers_have_bounds() -> None:
    """Neither too long nor too deep; up to there they are taken."""
    for good in ("", "/", "/" + "x" * (LONGEST - 1), "/x" * DEEPEST):
        assert checked(good, "?pointer") == good
    for bad in ("/" + "x" * LONGEST, "/x" * (DEEPEST + 1)):
        with pytest.raises(Unacceptable, match="at most"):
            checked(bad, "?pointer")


def test_an_index_is_a_number_without_zeros_in_front() -> None:
    """RFC 6901, section 4; and a number may be too long to be one."""
    assert find({"a": [1, 2]}, "/a/1") == 2
    for pointer in ("/a/01", "/a/-", "/a/2", "/a/-1", "/a/" + "9" * 5_000, "/a/٣"):
        assert find({"a": [1, 2, 3, 4][:2]}, pointer) is ABSENT


@pytest.mark.parametrize(
    ("text", "pointers"),
    [
        ("/a", ["/a"]),
        ("/a,/b/c", ["/a", "/b/c"]),
        ("/a,b,/c", ["/a,b", "/c"]),
        ("", [""]),
        ('["/a,/b","/c"]', ["/a,/b", "/c"]),
        ("[]", []),
    ],
)
def test_a_list_of_pointers(text: str, pointers: list[str]) -> None:
    """Commas stand between them, where a pointer begins."""
    assert listed(text, "?fields") == pointers


@pytest.mark.parametrize(
    ("text", "offset"), [("/a,/b~", 5), ("a,/b", 0), ("/a,/b/~9,/c", 6), ("[1]", None), ("[", None)]
)
def test_a_list_with_something_else_in_it(text: str, offset: int | None) -> None:
    """Is refused, with the place in the whole text."""
    with pytest.raises(Unacceptable) as caught:
        listed(text, "?fields")
    assert caught.value.details[0].offset == offset
