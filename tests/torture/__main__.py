"""The long form: `python -m tests.torture`, all campaigns one after the other, round after round, each with a fresh seed.

A line for each round says how many runs and faults there were. Whatever is found is told with the command that plays that
round again; then the exit status is 1.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import tempfile
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Final

from tests.torture import disk
from tests.torture.campaigns import CAMPAIGNS, impossible, look_for, play
from tests.torture.planted import BUGS
from tests.torture.rounds import Round, Size

MADE: Final = "CLEW_TORTURE_DISK"
"""Tells the process that was started with the watched disk where the library is, for it to clear it away."""
SHOWN: Final = 10
"""Findings of a round that are written out."""


def arguments(given: Sequence[str]) -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0, help="how long to go on (60)")
    parser.add_argument(
        "--rounds", type=int, default=0, help="how many rounds of each campaign (as many as there is time for)"
    )
    parser.add_argument("--seed", default="", help="of the first round (a random one)")
    parser.add_argument("--only", action="append", choices=CAMPAIGNS, help="a campaign; may be given several times")
    parser.add_argument("--bug", action="append", choices=BUGS, help="look for a planted bug, and do nothing else")
    parser.add_argument("--short", action="store_true", help="play short rounds")
    return parser.parse_args(given)


def main(given: Sequence[str]) -> int:
    """Play; the exit status."""
    asked = arguments(given)
    size: Size = "short" if asked.short else "long"
    if asked.bug:
        return _look_for_bugs(asked.bug, asked.seed)
    names = [name for name in asked.only or CAMPAIGNS if _is_possible(name)]
    first = asked.seed or secrets.token_hex(4)
    until = monotonic() + asked.minutes * 60
    found = 0
    for number in count():
        if not names or (asked.rounds and number >= asked.rounds):
            break
        seed = first if number == 0 else f"{first}-{number}"
        for name in names:
            if monotonic() > until:
                return 1 if found else 0
            began = monotonic()
            told = play(name, seed, size, until=until)
            found += len(told.found)
            _tell(name, seed, told, size=size, seconds=monotonic() - began)
    return 1 if found else 0


def _look_for_bugs(names: Sequence[str], seed: str) -> int:
    missed = 0
    for name in names:
        told = Round()
        look_for(name, seed, told)
        missed += len(told.found)
        sys.stdout.write(f"{name}: {'not noticed' if told.found else 'noticed'}\n")
        sys.stdout.flush()
    return 1 if missed else 0


def _is_possible(name: str) -> bool:
    reason = impossible(name)
    if reason is not None:
        sys.stdout.write(f"{name} is not played: {reason}\n")
    return reason is None


def _tell(name: str, seed: str, told: Round, *, size: Size, seconds: float) -> None:
    line = f"{name} {seed}: {told.runs} runs, {told.faults} faults, {len(told.found)} found, {seconds:.1f} s\n"
    if told.found:
        again = f"python -m tests.torture --only {name} --seed {seed} --rounds 1{' --short' if size == 'short' else ''}"
        line += "".join(f"  {wrong.strip()}\n" for wrong in told.found[:SHOWN]) + f"  again: {again}\n"
    sys.stdout.write(line)
    sys.stdout.flush()


def _with_watched_disk() -> None:
    """Start anew with the watched disk preloaded, where it can be made; it is cleared away as soon as it is loaded."""
    if disk.is_watched():
        library = Path(os.environ.pop(MADE))
        library.unlink()
        library.parent.rmdir()
        del os.environ["LD_PRELOAD"]
    elif disk.compiler() is not None:
        library = disk.make(Path(tempfile.mkdtemp(prefix="clew-disk-")))
        environment = {**os.environ, "LD_PRELOAD": str(library), MADE: str(library)}
        os.execve(sys.executable, [sys.executable, "-m", "tests.torture", *sys.argv[1:]], environment)
    return


if __name__ == "__main__":
    _with_watched_disk()
    sys.exit(main(sys.argv[1:]))
