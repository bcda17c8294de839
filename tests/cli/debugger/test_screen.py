"""The screen as lines: what is on it, at every size, with states of every kind."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interfaces.cli.debugger.changes import change_lines, marks_of
from interfaces.cli.debugger.commands import help_lines
from interfaces.cli.debugger.keys import NAMED, SEQUENCES, KeyReader
from interfaces.cli.debugger.model import Model, Prompt
from interfaces.cli.debugger.screen import LEAST_HEIGHT, LEAST_WIDTH, painted, plain_lines
from interfaces.cli.debugger.trees import Marks, tree
from tests.cli.debugger.models import EVENTS, EXECUTION, model


def screen(shown: Model, width: int = 120, height: int = 30) -> str:
    """The screen as text."""
    return "\n".join(plain_lines(painted(shown, width, height)))


def many(count: int, at: int) -> Model:
    """A debugger in a long history."""
    page = tuple({**EVENTS[1], "time": "2026-11-24T10:00:00.000001Z", "version": each} for each in range(1, count + 1))
    return model(at, page=page, execution={**EXECUTION, "version": count})


def test_all_that_matters_is_on_the_screen() -> None:
    """Where it is, the events, the step in its definition, the state with what changed, and the keys."""
    shown = screen(model())
    assert "ex_1  w 1.0.0  suspended" in shown
    assert "version 3 of 5  2026-11-24T10:00:00.000001Z" in shown
    assert "▶3 10:00:00.000 StateUpdated    set  replace /total" in shown
    assert "Step: /workflow/0/set" in shown
    assert "▶     set:" in shown
    assert "        total: 12" in shown
    assert "State: 1 changed" in shown
    assert "~ total: 12" in shown
    assert "? help" in shown


@pytest.mark.parametrize("width", [40, 41, 79, 80, 99, 100, 101, 250])
@pytest.mark.parametrize("height", [12, 13, 24, 60])
@pytest.mark.parametrize("asks", [False, True])
def test_the_size_is_respected(width: int, height: int, asks: bool) -> None:
    """So many rows, none wider; the cursor's event and the state are on every one."""
    prompt = Prompt(command="blame", question="Blame", text="/日本" * 30) if asks else None
    wide = model(state={"名前": "日本語" * 80, "total": 12}, said=("answer " * 60,) * 2, prompt=prompt)
    rows = painted(wide, width, height)
    assert len(rows) == height
    assert max(row.cell_len for row in rows) <= width
    text = "\n".join(plain_lines(rows))
    assert "▶3" in text
    assert "State" in text


def test_a_window_that_is_too_small_says_so() -> None:
    """And still where it is."""
    for width, height in ((LEAST_WIDTH - 1, 30), (100, LEAST_HEIGHT - 1), (1, 1)):
        rows = painted(model(), width, height)
        assert (len(rows), max(row.cell_len for row in rows) <= width) == (height, True)
    assert "3 of 5" in screen(model(), 39, 30)


@pytest.mark.parametrize("at", [1, 2, 30, 59, 60])
def test_the_cursor_is_in_sight(at: int) -> None:
    """Wherever it is in a long history, with what is around it."""
    shown = screen(many(60, at), 80, 24)
    assert f"▶{at:>2} " in shown
    assert f" {min(at + 1, 60):>2} " in shown


def test_answers_and_questions() -> None:
    """Stand at the bottom; what is too long is cut, and says how much there is."""
    assert "written at version 3" in screen(model(said=("written at version 3",)))
    asked = screen(model(prompt=Prompt(command="blame", question="Blame", text="/total")))
    assert "Blame /total" in asked.splitlines()[-1]
    for height in range(LEAST_HEIGHT, 40):
        long = screen(model(said=tuple(f"line {each}" for each in range(100))), 80, height)
        assert "line 0" in long
        assert "more lines" in long
        assert "? help" in long.splitlines()[-1]
    help_shown = screen(model(said=help_lines()), 80, 27)
    assert all(line.strip()[:79] in help_shown for line in help_lines())
    for count in range(40):
        shown = screen(model(said=("an answer",) * count), 80, 24).splitlines()
        assert len(shown) == 24
        assert "? help" in shown[-1]


def test_nothing_in_a_state_moves_the_cursor() -> None:
    """Escapes, line ends and directions are shown, not sent; on every part of the screen."""
    nasty = "\x1b[2J\x9b31m\r\n\u202e\x07"
    event = {**EVENTS[2], "time": "2026-11-24T10:00:00.000001Z", "step": nasty, "address": f"/workflow/0/{nasty}"}
    shown = screen(
        model(
            3,
            page=(*model().page[:2], event),
            state={nasty: nasty, "list": [nasty]},
            definition={"workflow": [{nasty: nasty}]},
            said=(nasty,),
            prompt=Prompt(command="blame", question=nasty, text=nasty),
            execution={**EXECUTION, "executionId": nasty},
        )
    )
    assert all(char.isprintable() or char == "\n" for char in shown)


def test_what_an_event_changed_is_marked() -> None:
    """Written, added, gone; inside containers too."""
    before = {"a": 1, "gone": "x", "deep": {"list": [1, {"k": 1, "old": 2}]}}
    after = {"a": 2, "new": {"b": 1}, "deep": {"list": [1, {"k": 5}]}}
    patch: list[dict[str, Any]] = [
        {"op": "replace", "path": "/a", "value": 2},
        {"op": "remove", "path": "/gone"},
        {"op": "add", "path": "/new", "value": {"b": 1}},
        {"op": "replace", "path": "/deep/list/1/k", "value": 5},
        {"op": "remove", "path": "/deep/list/1/old"},
    ]
    lines = [(line.mark, line.text) for line in tree(after, marks_of(patch, before))]
    assert ("~", "a: 2") in lines
    assert ("+", 'new: {"b":1}') in lines
    assert ("-", 'gone: "x"') in lines
    assert ("~", "k: 5") in lines
    assert ("-", "old: 2") in lines
    assert ("", "0: 1") in lines
    assert list(change_lines(patch, before)) == [
        "/a: 1 → 2",
        '/gone: "x" → (nothing)',
        '/new: (nothing) → {"b":1}',
        "/deep/list/1/k: 1 → 5",
        "/deep/list/1/old: 2 → (nothing)",
    ]


def test_a_large_state_is_shown_in_part() -> None:
    """In few lines, with what changed among them, however far down it is."""
    state: dict[str, Any] = {f"key{each}": {"text": "x" * 100, "list": list(range(50))} for each in range(5_000)}
    assert len(json.dumps(state)) > 1_000_000
    state["key4000"]["list"][30] = "changed"
    lines = tree(state, Marks({"/key4000/list/30": "~"}))
    assert len(lines) < 300
    texts = [line.text for line in lines]
    assert '30: "changed"' in texts
    assert "key4001: {2 keys}" in texts
    assert any(text.startswith("… ") and text.endswith(" more") for text in texts)
    shown = screen(model(state=state, page=(*model().page[:2], _wrote("/key4000/list/30"))), 100, 30)
    assert '30: "changed"' in shown


def _wrote(path: str) -> dict[str, Any]:
    patch = [{"op": "replace", "path": path, "value": "changed"}]
    return {**model().page[2], "data": {"patch": patch}}


def test_a_long_text_is_shown_in_part() -> None:
    """With how long it is."""
    [line] = tree({"text": "x" * 1_000_000}, Marks({}))
    assert len(line.text) < 300
    assert "(1,000,000 characters)" in line.text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=6), inner, max_size=5),
    max_leaves=30,
)


@given(state=st.dictionaries(st.text(max_size=6), JSON, max_size=6), before=JSON, paths=st.lists(st.text(max_size=12)))
def test_any_state_has_a_screen(state: dict[str, Any], before: Any, paths: list[str]) -> None:
    """Whatever is in it and was changed."""
    patch = [
        {"op": "remove" if index % 2 else "replace", "path": f"/{path}", "value": 1} for index, path in enumerate(paths)
    ]
    event = {**model().page[2], "data": {"patch": patch}}
    shown = model(state=state, before={"x": before}, page=(*model().page[:2], event))
    assert len(painted(shown, 80, 24)) == 24
    assert len(list(change_lines(patch, shown.before))) == len(paths)


@pytest.mark.parametrize(
    ("sent", "key"), [*((f"\x1b{each}", name) for each, name in SEQUENCES.items()), *NAMED.items()]
)
def test_keys_have_names(sent: str, key: str) -> None:
    """Whole, and cut anywhere."""
    assert KeyReader().keys(sent.encode()) == [key]
    for cut in range(1, len(sent)):
        reader = KeyReader()
        assert reader.keys(sent[:cut].encode()) + reader.keys(sent[cut:].encode()) == [key]


def test_an_escape_alone_is_a_key() -> None:
    """When nothing comes after it; what is no key is none."""
    reader = KeyReader()
    assert (reader.keys(b"\x1b"), reader.unsure) == ([], True)
    assert (reader.keys(b""), reader.unsure) == (["escape"], False)
    assert reader.keys(b"\x1bq") == ["escape", "q"]
    assert reader.keys("é日".encode()[:3]) == ["é"]
    assert reader.keys("é日".encode()[3:]) == ["日"]
    assert reader.keys(b"\x1b[99~\x00\x01a") == ["unknown", "a"]


@given(st.lists(st.binary(max_size=6), max_size=10))
def test_any_bytes_are_some_keys(pieces: list[bytes]) -> None:
    """A terminal may send anything; what is left is over at the end."""
    reader = KeyReader()
    for piece in (*pieces, b""):
        assert all(len(key) > 1 or key.isprintable() for key in reader.keys(piece))
    assert not reader.unsure
