"""Consoles on a page: commands, and what they print."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

PROMPT: Final = "$ "
CONTINUED: Final = "> "
LEFT_OUT: Final = "…"
LONGEST_S: Final = 60.0


class Typed(NamedTuple):
    """A command, and the lines that the page has it print."""

    command: str
    printed: tuple[str, ...]

    def matches(self, output: str) -> bool:
        """Whether it printed that; `…` stands for any text within a line, and alone on a line for any lines."""
        pattern = "".join(map(_pattern, self.printed))
        return re.fullmatch(pattern, "".join(f"{line.rstrip()}\n" for line in output.splitlines())) is not None


def _pattern(line: str) -> str:
    if line.strip() == LEFT_OUT:
        return r"(?:.*\n)*"
    return ".*".join(map(re.escape, line.rstrip().split(LEFT_OUT))) + r"\n"


def typed(source: str) -> list[Typed]:
    """The commands of a console, in order."""
    found: list[Typed] = []
    for line in source.splitlines():
        if line.startswith(PROMPT):
            found.append(Typed(line.removeprefix(PROMPT), ()))
        elif line.startswith(CONTINUED) and not found[-1].printed:
            command = f"{found[-1].command}\n{line.removeprefix(CONTINUED)}"
            found[-1] = Typed(command, ())
        else:
            assert found, f"nothing was typed before {line!r}"
            found[-1] = found[-1]._replace(printed=(*found[-1].printed, line))
    return found


def output_of(command: str, folder: Path, environment: Mapping[str, str]) -> str:
    """What a shell prints for a command, on both streams."""
    ran = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    return ran.stdout
