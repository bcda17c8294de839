"""A history and what it folds to, as folded.jsonl has them: written by `python -m tests.histories.folding`.

Write it anew only when the meaning of a fold has changed on purpose, and raise MEANING (application/checkpointing.py)
with it: else checkpoints that were kept before are taken for what they are not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from application.checkpointing import MEANING
from domain.commands import Pause, Resume, Retry, Signal
from domain.errors import ErrorInfo, StepFailure
from domain.events import CommandKey
from domain.execution import Execution
from tests.support.workflows import Script, Walk, nodes_of, workflow

FILE: Final = Path(__file__).parent / "folded.jsonl"
EVERY: Final = 5
"""Events from one fold in the file to the next."""
DEFINITION: Final = workflow(
    {"$.order.total": 7},
    {"range...": {"stop": 2, "loop?": ["a", {"each...": {"items": [5, 6], "loop?": ["b"]}}]}},
    {"parallel": {"x?": ["c", {"$.x": "$.order.total + 1"}], "y?": [{"d": {"error?": ["handler"]}}]}},
    {"a2": {"$node": "a", "$retry": {"maxAttempts": 2, "delay": 10}}},
    {"signal": {"name": "go"}},
    {"snapshot": {"name": "here"}},
    {"e": {"error?": {"f": {}}}},
    {"g": {}},
    state={"range_value": "before", "list": [1]},
    onCriticalError="rollback",
)


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """An event as it is stored, and sometimes what the history up to it folds to."""

    tag: str
    stored: msgspec.Raw
    fold: dict[str, Any] | None = None


class Header(msgspec.Struct, frozen=True):
    """The meaning of a fold when the file was written."""

    meaning: int


def story() -> Walk:
    """A bit of everything."""
    failing = StepFailure(ErrorInfo(code="NO", message="No.", recoverable=True))
    critical = StepFailure(ErrorInfo(code="BROKEN", message="It is broken."))
    script = Script(
        {
            "a": [("x", {"n": 1}), ("x", {"n": 2})],
            "d": [failing],
            "a2": [failing, ("x", [1, None])],
            "e": [ValueError("no"), ("x", 1)],
            "g": [critical, None],
        }
    )
    walk = Walk(DEFINITION, nodes_of(script))
    walk.decide(Signal(now=walk.now, name="go", payload={"early": True}, key=CommandKey(key="k-1", request="r")))
    walk.run(visits=6)
    walk.decide(Pause(now=walk.now, actor="ann", key=CommandKey(key="k-2", request="r")))
    walk.decide(Resume(now=walk.now + 5))
    walk.run()
    walk.decide(Retry(now=walk.now))
    return walk.run()


def main() -> None:
    """Write the file."""
    walk = story()
    lines: list[Header | Line] = [Header(meaning=MEANING)]
    for at, (event, snapshot) in enumerate(zip(walk.events, walk.snapshots, strict=True), start=1):
        fold = msgspec.json.decode(snapshot) if at % EVERY == 0 or at == len(walk.events) else None
        lines.append(Line(tag=event.tag, stored=msgspec.Raw(msgspec.json.encode(event)), fold=fold))
    FILE.write_bytes(msgspec.json.Encoder().encode_lines(lines))


def parts(golden: Any, found: Any, place: str = "") -> list[str]:
    """Where what was folded once is not what is folded now; what has come to it since is of no matter."""
    if isinstance(golden, dict) and isinstance(found, dict):
        return [each for key in golden for each in parts(golden[key], found.get(key), f"{place}/{key}")]
    return [] if golden == found else [f"{place}: it was {golden!r}, and is {found!r}"]


def plain(execution: Execution) -> Any:
    """An execution as plain JSON."""
    return msgspec.json.decode(msgspec.json.encode(execution))


if __name__ == "__main__":
    main()
