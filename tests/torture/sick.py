"""The campaign of sick disks: calls that fail with ENOSPC, EIO or EROFS, once or for a while, then the disk is well again."""

from __future__ import annotations

import errno
from random import Random
from typing import Final

from tests.torture.disk import Calls, Order, What, notes
from tests.torture.lives import live
from tests.torture.rounds import Cases, Round, Size, folder
from tests.torture.stories import story_of

SAMPLE: Final[dict[Size, int]] = {"short": 6, "long": 250}
SICKNESSES: Final = (
    (Calls.WRITES, errno.ENOSPC),
    (Calls.WRITES, errno.EIO),
    (Calls.SYNCS, errno.EIO),
    (Calls.SYNCS, errno.ENOSPC),
    (Calls.NAMES, errno.ENOSPC),
    (Calls.NAMES, errno.EIO),
    (Calls.WRITES | Calls.NAMES, errno.EROFS),
    (Calls.ALL, errno.EIO),
)
HOW_MANY: Final = (1, 1, 2, 5, 20)
"""Calls in a row that fail."""


def sick(seed: str, size: Size, told: Round) -> Cases:
    """A story on a disk that falls ill and gets well; the life is killed thereafter or not, and the story comes to its end."""
    chance = Random(f"sick {seed}")
    story = story_of(seed)
    with folder() as home:
        counted = {}
        for calls in {calls for calls, _ in SICKNESSES}:
            place = home / f"quiet-{calls:d}"
            place.mkdir()
            outcome, quiet = live(story, place, home / f"quiet-{calls:d}.trace", past=[], order=Order(calls=calls))
            assert outcome.end == "done", outcome.given
            counted[calls] = quiet.calls
        for number in range(SAMPLE[size]):
            calls, error = chance.choice(SICKNESSES)
            what = chance.choice((What.FAIL, What.FAIL, What.FAIL_THEN_KILL))
            order = Order(
                what,
                calls,
                chance.randint(1, min(chance.choice((8, 30, 10_000)), counted[calls])),
                chance.choice(HOW_MANY),
                error,
            )
            place, trace = home / str(number), home / f"{number}.trace"
            place.mkdir()
            for each in (order, Order()):
                last = each is not order
                outcome, found = live(story, place, trace, past=notes(trace), order=each, last=last)
                told.runs += 1
                told.faults += found.failed or outcome.end == "killed"
                if outcome.end == "failed":
                    told.found.append(f"{order}, {'the life after it' if last else 'while it lasts'}: {outcome.given}")
                    break
                told.found += [f"{order}: {wrong}" for wrong in found.wrong]
            yield
