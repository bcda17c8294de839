"""JSON laid out for people: what fits on a line stands on one."""

from __future__ import annotations

import json
from typing import Any, Final

WIDTH: Final = 120
INDENT: Final = "  "


def laid_out(value: Any, *, width: int = WIDTH) -> str:
    """The JSON text of a value, without a final line break."""
    return _lines(value, "", "", width)


def _lines(value: Any, margin: str, before: str, width: int) -> str:
    """The text of a value that stands behind `before` on a line with this margin; a comma may follow."""
    line = json.dumps(value, ensure_ascii=False)
    if not value or not isinstance(value, (dict, list)) or len(margin) + len(before) + len(line) < width:
        return line
    inner = margin + INDENT
    if isinstance(value, list):
        return f"[\n{_elements(value, inner, width)}\n{margin}]"
    pairs = []
    for key, each in value.items():
        name = json.dumps(key, ensure_ascii=False) + ": "
        pairs.append(inner + name + _lines(each, inner, name, width))
    return "{\n" + ",\n".join(pairs) + f"\n{margin}}}"


def _elements(values: list[Any], margin: str, width: int) -> str:
    """Elements with containers among them stand one to a line; others as many as fit."""
    if any(isinstance(each, (dict, list)) for each in values):
        return ",\n".join(margin + _lines(each, margin, "", width) for each in values)
    lines = [margin]
    for at, each in enumerate(values):
        word = json.dumps(each, ensure_ascii=False) + ("," if at < len(values) - 1 else "")
        if lines[-1] == margin:
            lines[-1] += word
        elif len(lines[-1]) + len(word) + 1 <= width:
            lines[-1] += " " + word
        else:
            lines.append(margin + word)
    return "\n".join(lines)
