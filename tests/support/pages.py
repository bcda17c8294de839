"""Pages of the documentation, taken apart: their examples, and what they say becomes of them.

An example is a JSON fence. The paragraphs behind it that begin with an arrow say what happens, one after the other:

    → **completed**; ran `a b`; state `{"n": 1}`
    → signal `paid` with `{"amount": 5}`: **completed**
    → instead, after `3d`: **failed** with `SIGNAL_TIMEOUT`
    → **refused**: `UNKNOWN_NODE` at `/workflow/0/lgo`

A comment before a fence says what else it is: `<!-- file: NAME -->` is saved, `<!-- published -->` is published before
what follows it, `<!-- values -->` and `<!-- expressions -->` are lines `what is written → what it gives`, with the state
that the paragraph before says ("With the state `{…}`:").
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

DOCS: Final = Path(__file__).resolve().parents[2] / "docs"
ARROW: Final = "→ "

_FENCE = re.compile(
    r"(?:With the state `(?P<state>[^\n]*)`:\n\n)?(?:<!-- (?P<mark>[^\n]*) -->\n)?"
    r"```(?P<language>\w+)\n(?P<source>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
_ACT = re.compile(
    r"(?P<instead>instead, )?(?P<verb>signal|after|retry|resume)(?: `(?P<what>[^`]+)`)?(?: with `(?P<payload>[^`]+)`)?: "
)
_STATUS = re.compile(r"\*\*(\w+)\*\*(?: with `(\w+)`)?")
_PROBLEM = re.compile(r"`(\w+)` at `([^`]*)`(?: “([^”]*)”)?")
_FACT = re.compile(r"(ran in any order|ran|state has|state lacks|state|waited|error) (?:`([^`]*)`|“([^”]*)”)")
_BETWEEN = re.compile(r"[;,:.\s]*|[;,\s]*warns\s*")


class Fence(NamedTuple):
    """A block of code, the comment and the state before it, and the paragraphs with an arrow behind it."""

    line: int
    mark: str
    language: str
    source: str
    state: dict[str, Any]
    told: tuple[str, ...]


class Act(NamedTuple):
    """What somebody does with a parked or failed execution; `instead` of everything since it was begun."""

    verb: str
    what: str
    payload: Any
    instead: bool


class Told(NamedTuple):
    """What the page says has come of an example: all of `facts` is to be so. `act` None: of its submission."""

    text: str
    act: Act | None
    status: str
    code: str
    problems: frozenset[tuple[str, str]]
    messages: frozenset[str]
    facts: dict[str, str]


def fences(page: Path) -> list[Fence]:
    """All blocks of code of a page, in order."""
    text = page.read_text()
    found = []
    for match in _FENCE.finditer(text):
        line = text.count("\n", 0, match.start("source"))
        told = tuple(_arrows(text[match.end() :]))
        state = json.loads(match["state"] or "{}")
        found.append(Fence(line, match["mark"] or "", match["language"], match["source"], state, told))
    return found


def _arrows(text: str) -> Iterator[str]:
    for paragraph in text.strip("\n").split("\n\n"):
        if not paragraph.startswith(ARROW):
            return
        yield " ".join(paragraph.removeprefix(ARROW).split("\n"))


def told(text: str) -> Told:
    """A paragraph with an arrow, read. Every word of it has to mean something."""
    act = _ACT.match(text)
    status = _STATUS.match(text, act.end() if act else 0)
    assert status is not None, f"it is not said what becomes of it: {text}"
    rest = text[status.end() :]
    problems = {(code, path): message for code, path, message in _PROBLEM.findall(rest)}
    rest = _PROBLEM.sub("", rest)
    facts = {name: ticked or quoted for name, ticked, quoted in _FACT.findall(rest)}
    unread = _FACT.sub("", rest)
    assert _BETWEEN.fullmatch(unread), f"this is not understood: {unread.strip()!r} in {text}"
    payload = json.loads(act["payload"]) if act and act["payload"] else None
    return Told(
        text=text,
        act=Act(act["verb"], act["what"] or "", payload, bool(act["instead"])) if act else None,
        status=status[1],
        code=status[2] or "",
        problems=frozenset(problems),
        messages=frozenset(message for message in problems.values() if message),
        facts=facts,
    )


def definition_text(source: str) -> bytes:
    """The text of a whole definition: what an example leaves out is put in, without moving its lines."""
    text = source.strip()
    if text.startswith("["):
        text = '{"workflow": ' + text + "}"
    if not re.match(r'\{\s*"id"', text):
        text = '{"id": "example", "name": "Example", "version": "1.0.0", ' + text.removeprefix("{")
    return text.encode()
