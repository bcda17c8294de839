"""What the debugger does when it is told something: no terminal, no server."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from interfaces.cli.debugger.commands import BY_KEY, BY_NAME, COMMANDS
from interfaces.cli.debugger.model import Ask, Grown, Key, Kind, Landed, Line, Message, Model, Prompt, Said, Tick
from interfaces.cli.debugger.reducer import after
from tests.cli.debugger.models import EXECUTION, model


def told(begun: Model, *messages: Message) -> tuple[Model, Ask | None]:
    """After these messages; only the last may want to know something."""
    ask: Ask | None = None
    for message in messages:
        assert ask is None, ask
        begun, ask = after(begun, message)
    return begun, ask


def keys(*names: str) -> list[Message]:
    return [Key(name) for name in names]


def typed(text: str) -> list[Message]:
    return [Key(char) for char in text]


def asked(begun: Model, *messages: Message) -> Ask:
    """What is wanted after these messages."""
    ask = told(begun, *messages)[1]
    assert ask is not None
    return ask


@pytest.mark.parametrize(
    ("key", "at", "to"),
    [
        ("right", 3, "4"),
        ("down", 3, "4"),
        ("n", 3, "4"),
        (" ", 3, "4"),
        ("left", 3, "2"),
        ("up", 3, "2"),
        ("p", 3, "2"),
        ("home", 3, "1"),
        ("g", 3, "1"),
        ("end", 3, "head"),
        ("G", 3, "head"),
        ("pagedown", 3, "5"),
        ("pageup", 3, "1"),
    ],
)
def test_moving_by_keys(key: str, at: int, to: str) -> None:
    """One event, ten, or to an end; never past one."""
    assert asked(model(at), Key(key)) == Ask(kind="go", at=at, text=to)


@pytest.mark.parametrize(
    ("key", "at", "said"), [("right", 5, "newest"), ("left", 1, "first"), ("pagedown", 5, "newest")]
)
def test_there_is_nothing_past_an_end(key: str, at: int, said: str) -> None:
    """That is said, and nothing is asked."""
    now, ask = told(model(at), Key(key))
    assert ask is None
    assert said in now.said[0]
    assert not now.wrong


@pytest.mark.parametrize(
    ("key", "text"), [("e", "forward error"), ("E", "back error"), (".", "forward node"), (",", "back node")]
)
def test_finding_by_keys(key: str, text: str) -> None:
    """Errors and visits, either way."""
    assert asked(model(), Key(key)) == Ask(kind="find", at=3, text=text)


@pytest.mark.parametrize(("key", "direction"), [("w", "forward"), ("W", "back")])
def test_a_write_is_looked_for_under_a_pointer(key: str, direction: str) -> None:
    """The question begins with what this event wrote; what is answered is there the next time."""
    now, ask = told(model(), Key(key))
    assert ask is None
    assert now.prompt is not None
    assert now.prompt.text == "/total"
    now, ask = told(now, *keys("clear"), *typed("/lines"), Key("enter"))
    assert ask == Ask(kind="find", at=3, text=f"{direction} write:/lines")
    again, _ = told(now, Key(key))
    assert again.prompt is not None
    assert again.prompt.text == "/lines"


def test_blame_and_diff_are_asked_for() -> None:
    """Each with a suggestion that Enter takes."""
    assert asked(model(), *keys("b", "enter")) == Ask(kind="blame", at=3, text="/total")
    assert asked(model(), *keys("d", "enter")) == Ask(kind="diff", at=3, text="2")
    assert asked(model(1), *keys("d", "enter")).text == "1"


def test_an_answer_suggests_where_to_jump() -> None:
    """To the version that it speaks of."""
    now, _ = told(model(), Said(lines=("written at version 2",), place="2"))
    assert now.said == ("written at version 2",)
    assert asked(now, *keys("v", "enter")) == Ask(kind="go", at=3, text="2")
    assert asked(now, *keys("v", "clear"), *typed("head~3"), Key("enter")).text == "head~3"


def test_typing() -> None:
    """Characters, backspace, clear; other keys do nothing, and commands are not commands then."""
    now, ask = told(model(), Key("v"), *typed("qx"), *keys("backspace", "left", "f1"), *typed("é7"))
    assert ask is None
    assert now.prompt is not None
    assert now.prompt.text == "qé7"
    assert not now.over
    emptied, _ = told(now, *keys("clear", "backspace"))
    assert emptied.prompt is not None
    assert emptied.prompt.text == ""


@pytest.mark.parametrize("way", ["escape", "eof"])
@pytest.mark.parametrize("command", [each.name for each in COMMANDS if each.question])
def test_a_question_is_left_without_an_answer(command: str, way: str) -> None:
    """Nothing was done, and the debugger goes on."""
    now, ask = told(model(), Line(command), Key(way))
    assert (now.prompt, ask, now.said, now.over) == (None, None, ("Nothing was done.",), False)


def test_nothing_is_no_version() -> None:
    """An empty answer where one is needed leaves the question."""
    assert told(model(), *keys("v", "enter"))[0].said == ("Nothing was done.",)
    assert told(model(), *keys("x", "enter"))[0].said == ("Nothing was done.",)


@pytest.mark.parametrize(
    ("text", "op"),
    [
        ("/total=13", {"op": "replace", "path": "/total", "value": 13}),
        ("/new=text", {"op": "add", "path": "/new", "value": "text"}),
        ("/lines/1=[1]", {"op": "replace", "path": "/lines/1", "value": [1]}),
        ("/lines/2=null", {"op": "add", "path": "/lines/2", "value": None}),
        ("/a~1b/c=a=b", {"op": "replace", "path": "/a~1b/c", "value": "a=b"}),
        ('/total="13"', {"op": "replace", "path": "/total", "value": "13"}),
        ("/total=", {"op": "replace", "path": "/total", "value": ""}),
    ],
)
@pytest.mark.parametrize("command", ["fork", "edit"])
def test_a_change_is_confirmed_before_it_is_made(command: str, text: str, op: dict[str, Any]) -> None:
    """What is there is replaced, what is not is added; a value is JSON if it parses, else text."""
    now, ask = told(model(), Line(f"{command} {text}"))
    assert ask is None
    assert now.prompt is not None
    assert op["path"] in now.prompt.question
    assert "[y/N]" in now.prompt.question
    assert asked(now, Key("y")) == Ask(kind=cast("Kind", command), at=3, patch=(op,))
    assert asked(now, Line("yes")) == asked(now, Key("Y"))


@pytest.mark.parametrize("no", ["n", "x", "enter", "escape", "eof"])
@pytest.mark.parametrize("command", ["fork /total=1", "edit /total=1", "rollback"])
def test_nothing_is_changed_without_a_yes(command: str, no: str) -> None:
    """Any other key is a no."""
    now, ask = told(model(), Line(command), Key(no))
    assert (ask, now.prompt, now.said) == (None, None, ("Nothing was done.",))


def test_a_fork_without_a_change() -> None:
    """Is one too."""
    assert asked(model(), *keys("f", "enter", "y")) == Ask(kind="fork", at=3)


@pytest.mark.parametrize("text", ["total=1", "/total", "=1"])
def test_a_change_that_is_none(text: str) -> None:
    """Is refused with the form it should have."""
    now, ask = told(model(), Line(f"edit {text}"))
    assert (ask, now.prompt, now.wrong) == (None, None, True)
    assert "/pointer=value" in now.said[0]


def test_rollback_is_to_the_cursor() -> None:
    """And confirmed."""
    now, _ = told(model(2), Key("r"))
    assert now.prompt is not None
    assert "ex_1 back to version 2" in now.prompt.question
    assert asked(now, Key("y")) == Ask(kind="rollback", at=2)


@pytest.mark.parametrize(
    ("line", "ask"),
    [
        ("forward 2", Ask(kind="go", at=3, text="5")),
        ("n 999999", Ask(kind="go", at=3, text="5")),
        ("back 2", Ask(kind="go", at=3, text="1")),
        ("jump 4", Ask(kind="go", at=3, text="4")),
        ("  4  ", Ask(kind="go", at=3, text="4")),
        ("v node:/workflow/0/set@1:before", Ask(kind="go", at=3, text="node:/workflow/0/set@1:before")),
        ("write /lines", Ask(kind="find", at=3, text="forward write:/lines")),
        ("W /lines", Ask(kind="find", at=3, text="back write:/lines")),
        ("blame /a b", Ask(kind="blame", at=3, text="/a b")),
        ("diff 1", Ask(kind="diff", at=3, text="1")),
        ("refresh", Ask(kind="refresh", at=3)),
        ("error-back", Ask(kind="find", at=3, text="back error")),
    ],
)
def test_commands_by_line(line: str, ask: Ask) -> None:
    """A name or a key, and what it is about; a number alone is a version."""
    assert asked(model(), Line(line)) == ask


@pytest.mark.parametrize("line", ["", "   ", "# a note"])
def test_lines_that_say_nothing(line: str) -> None:
    """Are passed over."""
    assert told(model(), Line(line)) == (model(), None)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("nonsense", "There is no command 'nonsense'"),
        ("error 3", "error takes nothing after it"),
        ("forward x", "'x' is not how many"),
        ("forward -1", "'-1' is not how many"),
        ("forward ²", "is not how many"),
        ("forward 99999999999999", "is not how many"),
    ],
)
def test_lines_that_are_refused(line: str, says: str) -> None:
    """In words; nothing is asked."""
    now, ask = told(model(), Line(line))
    assert (ask, now.wrong) == (None, True)
    assert says in now.said[0]


def test_a_question_is_answered_by_the_next_line() -> None:
    """So that a script can do what a person does."""
    now, ask = told(model(), Line("fork"), Line("/total=13"))
    assert ask is None
    assert asked(now, Line("y")).patch == ({"op": "replace", "path": "/total", "value": 13},)


def test_an_empty_line_takes_what_is_suggested() -> None:
    """As Enter does on a terminal."""
    assert asked(model(place="2"), Line("jump"), Line(" ")) == Ask(kind="go", at=3, text="2")
    assert asked(model(), Line("blame"), Line("")).text == "/total"


def test_what_a_key_is_not_on() -> None:
    """Is said, with where help is."""
    now, ask = told(model(), Key("ß"))
    assert (ask, now.wrong) == (None, True)
    assert "?" in now.said[0]


def test_landing_shows_the_place_and_forgets_the_answer() -> None:
    """All that belongs to a version comes at once."""
    begun = model(said=("old",), wrong=True, top=5, pointer="/total")
    other = model(4)
    landed = Landed(
        execution={**EXECUTION, "version": 6}, at=4, page=other.page, state={"n": 1}, before={}, said=("new",)
    )
    now, ask = after(begun, landed)
    assert ask is None
    assert (now.at, now.head, now.state, now.said, now.wrong, now.top) == (4, 6, {"n": 1}, ("new",), False, 0)
    assert now.pointer == "/total"


def test_growing_keeps_the_cursor_and_the_answer() -> None:
    """Only the head moves."""
    begun = model(said=("kept",))
    now, _ = after(begun, Grown(execution={**EXECUTION, "version": 9}, page=begun.page))
    assert (now.at, now.head, now.said) == (3, 9, ("kept",))


@pytest.mark.parametrize(
    ("status", "prompt", "looks"),
    [
        ("running", None, True),
        ("suspended", None, True),
        ("paused", None, False),
        ("completed", None, False),
        ("running", Prompt(command="blame", question="Blame"), False),
    ],
)
def test_time_passes(status: str, prompt: Prompt | None, looks: bool) -> None:
    """What may go on is looked at again, unless the person is asked something."""
    ask = after(model(execution={**EXECUTION, "status": status}, prompt=prompt), Tick())[1]
    assert ask == (Ask(kind="refresh", at=3) if looks else None)


def test_scrolling_the_state() -> None:
    """Down, and up again, not past the top."""
    down, _ = told(model(), *keys("]", "]"))
    assert down.top == 10
    assert told(down, *keys("[", "[", "["))[0].top == 0


def test_help_names_every_command_and_quit_leaves() -> None:
    """With the keys that it is on."""
    now, _ = told(model(), Key("?"))
    assert all(any(each.name in line and each.says in line for line in now.said) for each in COMMANDS)
    for way in ("q", "eof"):
        assert told(model(), Key(way))[0].over


def test_no_key_is_on_two_commands() -> None:
    """Nor is one command's key another's name."""
    assert len(BY_KEY) == sum(len(each.keys) for each in COMMANDS)
    assert not BY_KEY.keys() & BY_NAME.keys()


MESSAGES = st.one_of(
    st.sampled_from([*BY_KEY, "enter", "escape", "backspace", "clear", "y"]).map(Key),
    st.text(st.characters(codec="utf-8"), max_size=1).filter(bool).map(Key),
    st.tuples(st.sampled_from([*BY_NAME, "17", "y"]), st.text(max_size=8)).map(lambda each: Line(" ".join(each))),
    st.just(Tick()),
)


@given(messages=st.lists(MESSAGES, max_size=30), at=st.integers(1, 5))
def test_whatever_is_pressed_it_goes_on(messages: list[Message], at: int) -> None:
    """It never fails, stays at its version until it lands, and changes nothing without a yes."""
    now = model(at)
    for message in messages:
        before = now
        now, ask = after(now, message)
        assert now.at == at
        if ask is not None and ask.kind in ("fork", "edit", "rollback"):
            assert before.prompt is not None
            assert before.prompt.ask == ask
            assert message in (Key("y"), Key("Y")) or isinstance(message, Line)
        now = replace(now, over=False)
