"""The cases of LANGUAGE, section 10, as one table: all but 22 (a compile error) and 23 (kills, of each of the others)."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from tests.support.workflows import Act


class LanguageCase(NamedTuple):
    """Steps, what their nodes do visit by visit, the order in which they run, and how the execution ends.

    `state` is what the state then has at least; `seen` the parameters of the scripted nodes, for cases about those.
    """

    steps: list[Any]
    acts: dict[str, list[Act]]
    order: str
    status: str = "completed"
    state: dict[str, Any] | None = None
    seen: list[dict[str, Any]] | None = None


GO_LOOP: Final[dict[str, list[Act]]] = {"a": ["go", "go", "done"]}
INNER: Final = {"inner...": {"$node": "each", "items": ["x", "y"], "loop?": [{"b": {"item": "$.currentItem"}}]}}
OUTER: Final = {
    "each...": {"items": [1, 2], "loop?": [{"a": {"item": "$.currentItem"}}, INNER, {"c": {"item": "$.currentItem"}}]}
}
CASES: Final[dict[str, LanguageCase]] = {
    "1 one after the other": LanguageCase(["a", "b"], {}, "a b"),
    "2 a node is run and the block goes on": LanguageCase([{"a": {"x?": "h"}}, "b"], {"a": ["x"]}, "a h b"),
    "3 an unrouted edge goes on": LanguageCase([{"a": {"x?": "h"}}, "b"], {"a": ["y"]}, "a b"),
    "4 no error, no error route": LanguageCase([{"a": {"error?": {"h": {}}}}, "b"], {"a": ["ok"]}, "a b"),
    "4 nor for a step without an edge": LanguageCase([{"a": {"error?": [{"h": {}}]}}, "b"], {}, "a b"),
    "5 a block of several": LanguageCase([{"a": {"x?": ["h", "i"]}}, "b"], {"a": ["x"]}, "a h i b"),
    "6 a block in a block": LanguageCase(
        [{"a": {"x?": {"h": {"y?": {"i": {}}}}}}, "b"], {"a": ["x"], "h": ["y"]}, "a h i b"
    ),
    "7 a jump forward": LanguageCase([{"a": {"x?": "c"}}, "b", "c", "d"], {"a": ["x"]}, "a c d"),
    "8 null at the top completes": LanguageCase([{"a": {"x?": None}}, "b"], {"a": ["x"]}, "a"),
    "9 null ends its block": LanguageCase(
        [{"a": {"x?": {"h": {"y?": None}, "i": {}}}}, "b"], {"a": ["x"], "h": ["y"]}, "a h b"
    ),
    "10 a jump out of a block": LanguageCase(
        [{"a": {"x?": {"h": {"y?": "c"}}}}, "b", "c"], {"a": ["x"], "h": ["y"]}, "a h c"
    ),
    "11 $end": LanguageCase([{"a": {"x?": "$end"}}, "b"], {"a": ["x"]}, "a"),
    "12 raised, unrouted": LanguageCase(["a", "b"], {"a": [ValueError("no")]}, "a", "failed"),
    "13 raised, routed": LanguageCase([{"a": {"error?": ["h"]}}, "b"], {"a": [ValueError("no")]}, "a h b"),
    "14 returned, unrouted": LanguageCase(["a", "b"], {"a": ["error"]}, "a", "failed"),
    "15 a loop that leaves by null": LanguageCase(
        [{"a...": {"go?": ["h"], "done?": None}}, "b"], GO_LOOP, "a h a h a b"
    ),
    "16 a loop with an exit": LanguageCase(
        [{"a...": {"go?": ["h"], "done?": {"i": {}}}}, "b"], GO_LOOP, "a h a h a i b"
    ),
    "17 the original form of a loop": LanguageCase(
        [{"a": {"loop?": ["h"]}}, "b"], {"a": ["loop", "loop", "x"]}, "a h a h a b"
    ),
    "18 two loops after one another": LanguageCase(
        [{"range...": {"stop": 2, "loop?": ["h"]}}, {"range...": {"stop": 3, "loop?": ["i"]}}], {}, "h h i i i"
    ),
    "19 a loop in a loop runs in full": LanguageCase(
        [{"range...": {"stop": 2, "loop?": [{"each...": {"items": [1, 2], "loop?": ["h"]}}, "i"]}}], {}, "h h i h h i"
    ),
    "19 the item of an outer loop is itself again": LanguageCase(
        [OUTER], {}, "a b b c a b b c", seen=[{"item": item} for item in (1, "x", "y", 1, 2, "x", "y", 2)]
    ),
    "20 a setter counts to five": LanguageCase(
        [{"$.i": 0}, {"while...": {"condition": "$.i < 5", "loop?": [{"$.i": "$.i + 1"}]}}], {}, "", state={"i": 5}
    ),
    "21 two steps of one name": LanguageCase([{"log": {}}, {"log": {}}], {}, ""),
    "24 null in a body leaves the loop": LanguageCase(
        [{"range...": {"stop": 3, "loop?": [{"h": {"x?": None}}, "i"]}}, "b"], {"h": [None, "x"]}, "h i h b"
    ),
    "24 null one block deeper ends that block": LanguageCase(
        [{"range...": {"stop": 2, "loop?": [{"h": {"x?": [{"i": {"y?": None}}, "c"]}}, "d"]}}, "b"],
        {"h": ["x", "x"], "i": ["y", "y"]},
        "h i d h i d b",
    ),
    "25 a list is not bounded by the limit on passes": LanguageCase(
        [{"$.n": 0}, {"each...": {"items": list(range(1_500)), "loop?": [{"$.n": "$.n + 1"}]}}],
        {},
        "",
        state={"n": 1_500},
    ),
    "26 a handler that is jumped to reads the error": LanguageCase(
        [{"a": {"error?": "handler"}}, "b", {"handler": {"text": "{{error.message}}"}}],
        {"a": [ValueError("the card was declined")]},
        "a handler",
        seen=[{}, {"text": "the card was declined"}],
    ),
    "27 a text with a path in it": LanguageCase(
        [{"$.i": 1}, {"a": {"text": "(1 + $.i)"}}], {}, "a", seen=[{"text": "(1 + $.i)"}]
    ),
}
