"""The screen of the debugger, as lines of a given width: nothing here knows a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from rich.text import Text

from interfaces.cli.debugger.changes import marks_of
from interfaces.cli.debugger.model import Model
from interfaces.cli.debugger.trees import Marks, TreeLine, tree
from interfaces.cli.tables import EVENT_STYLES, STATUS_STYLES
from interfaces.cli.wording import gist, names_in, plain, step_of

LEAST_WIDTH: Final = 40
LEAST_HEIGHT: Final = 12
LEAST_BODY: Final = 6
"""Rows below which only the events are shown."""
SIDE_BY_SIDE: Final = 100
"""Columns from which the state stands beside the events."""
MARK_STYLES: Final = {"+": "bold green", "~": "bold yellow", "-": "red strike", "▶": "bold reverse"}
HINT: Final = "? help  q quit  ←→ move  e error  w write  b blame  d diff  f fork  v jump"
CURSOR: Final = "▶"
TIME: Final = slice(len("2026-11-22T"), len("2026-11-22T10:00:00.000"))


class Pane(NamedTuple):
    """A part of the screen: its title, its lines, and which of them is to be in sight."""

    title: str
    lines: Sequence[Text]
    focus: int = 0


def painted(model: Model, width: int, height: int) -> list[Text]:
    """The screen: `height` lines, none wider than `width`."""
    if width < LEAST_WIDTH or height < LEAST_HEIGHT:
        rows = [Text(f"{model.at} of {model.head}"), Text(f"At least {LEAST_WIDTH}×{LEAST_HEIGHT}, please.")]
    else:
        head = _header(model, width)
        foot = _footer(model, height - len(head))
        rows = [*head, *_body(model, width, height - len(head) - len(foot)), *foot]
    rows = rows[:height] + [Text()] * (height - len(rows))
    return [_fitted(row, width) for row in rows]


def _fitted(row: Text, width: int) -> Text:
    copy = row.copy()
    copy.truncate(width, overflow="ellipsis")
    return copy


def _header(model: Model, width: int) -> list[Text]:
    execution = model.execution
    status = str(execution["status"])
    left = Text.assemble(
        (plain(execution["executionId"]), "bold"),
        f"  {plain(execution['workflowId'])} {plain(execution['workflowVersion'])}  ",
        (status, STATUS_STYLES.get(status, "")),
    )
    place = f"version {model.at:,} of {model.head:,}"
    right = Text.assemble((place, "bold"), f"  {plain(model.event['time'])}")
    if left.cell_len + right.cell_len + 2 > width:
        return [left, right]
    return [Text.assemble(left, " " * (width - left.cell_len - right.cell_len), right)]


def _footer(model: Model, height: int) -> list[Text]:
    """The answer, above what is asked; a long one may take the place of everything else until the next key."""
    room = height - 1
    said = [Text(line, style="red" if model.wrong else "") for line in map(_flat, model.said[:room])]
    if len(model.said) > room:
        said[-1] = Text(f"… {len(model.said) - room + 1:,} more lines", style="dim")
    if model.prompt is None:
        return [*said, Text(HINT, style="dim")]
    asked = Text.assemble((f"{plain(model.prompt.question, longest=400)} ", "bold"), _flat(model.prompt.text))
    return [*said, asked.append("█", style="blink")]


def _body(model: Model, width: int, height: int) -> list[Text]:
    events, step, state = _events(model), _step(model), _state(model)
    if height < LEAST_BODY:
        return _shown(events, width, height)
    if width >= SIDE_BY_SIDE:
        left_width = width * 45 // 100
        upper = height * 3 // 5
        left = [*_shown(events, left_width, upper), *_shown(step, left_width, height - upper)]
        right = _shown(state, width - left_width - 3, height)
        return [_beside(one, other, left_width) for one, other in zip(left, right, strict=True)]
    upper = max(height * 2 // 5, 2)
    middle = max(height // 5, 2)
    return [
        *_shown(events, width, upper),
        *_shown(step, width, middle),
        *_shown(state, width, height - upper - middle),
    ]


def _beside(left: Text, right: Text, left_width: int) -> Text:
    return Text.assemble(left, " " * (left_width - left.cell_len), (" │ ", "dim"), right)


def _shown(pane: Pane, width: int, height: int) -> list[Text]:
    """A pane in so many rows, with what is in focus in the middle where that is possible."""
    if height <= 0:
        return []
    room = height - 1
    first = max(min(pane.focus - room // 2, len(pane.lines) - room), 0)
    rows = [_fitted(line, width) for line in pane.lines[first : first + room]]
    title = Text(f"─ {pane.title} ", style="dim")
    title.append("─" * max(width - title.cell_len, 0))
    return [_fitted(title, width), *rows, *[Text()] * (room - len(rows))]


def _events(model: Model) -> Pane:
    names = names_in(model.page)
    wide = len(str(model.page[-1]["version"]))
    lines = [_event_line(event, model.at, names, wide) for event in model.page]
    return Pane("Events", lines, model.at - int(model.page[0]["version"]))


def _event_line(event: Mapping[str, Any], at: int, names: Mapping[str, str], wide: int) -> Text:
    here = event["version"] == at
    kind = str(event["type"])
    line = Text.assemble(
        (CURSOR if here else " ", "bold"),
        f"{event['version']:>{wide}} {str(event['time'])[TIME]} ",
        (f"{plain(kind):<15}", EVENT_STYLES.get(kind, "")),
        f" {step_of(event, names)}  ",
        (gist(event), "dim"),
    )
    if here:
        line.stylize("bold")
    return line


def _step(model: Model) -> Pane:
    """The definition around the step at the cursor."""
    address = model.address
    if not address:
        return Pane("Step: none yet", [])
    lines = tree(model.definition, Marks({address: CURSOR}, opened=address))
    focus = next((index for index, line in enumerate(lines) if line.pointer == address), 0)
    texts = [_tree_line(line if line.pointer == address else line._replace(mark="")) for line in lines]
    return Pane(f"Step: {plain(address)}", texts, focus)


def _state(model: Model) -> Pane:
    lines = tree(model.state, marks_of(model.patch, model.before))
    changed = [index for index, line in enumerate(lines) if line.mark]
    title = f"State: {len(model.patch):,} changed" if model.patch else "State"
    texts = [_tree_line(line) for line in lines] or [Text("(empty)", style="dim")]
    top = min(model.top, len(texts) - 1)
    return Pane(title, texts[top:], max(changed[0] - top, 0) if changed else 0)


def _tree_line(line: TreeLine) -> Text:
    style = MARK_STYLES.get(line.mark, "")
    return Text.assemble((line.mark or " ", style), " " * (2 * line.depth + 1), (_flat(line.text), style))


def _flat(text: str) -> str:
    """Text that stays on its line and moves no cursor."""
    return plain(text, longest=1_000)


def plain_lines(rows: Iterable[Text]) -> list[str]:
    """The screen without its colours."""
    return [row.plain for row in rows]
