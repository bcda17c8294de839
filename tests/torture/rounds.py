"""A round of a campaign: what every one of them gives back, and the folders that its runs need."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

Size = Literal["short", "long"]
MEMORY: Final = Path("/dev/shm")
"""Folders in memory are quicker, and what would be lost with it the campaigns decide themselves."""


@dataclass
class Round:
    """What a campaign adds to with each case: so many runs, so many faults in them, and what was found, each in words."""

    runs: int = 0
    faults: int = 0
    found: list[str] = field(default_factory=list)


Cases = Generator[None, None, None]
"""Each is played when it is asked for."""
Campaign = Callable[[str, Size, Round], Cases]
"""(seed, size, round) -> its cases."""


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    place = MEMORY if MEMORY.is_dir() else None
    home = Path(tempfile.mkdtemp(prefix="clew-torture-", dir=place))
    try:
        yield home
    finally:
        shutil.rmtree(home)
