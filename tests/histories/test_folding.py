"""What a history folds to does not change unnoticed: checkpoints of yesterday would then be wrong."""

from __future__ import annotations

import msgspec

from application.checkpointing import MEANING
from domain.events import EVENT_TYPES
from domain.evolve import evolve
from domain.execution import Execution
from tests.histories.folding import FILE, Header, Line, parts, plain

ADVICE = (
    "The same events fold to something else than they did. If that is meant, raise MEANING in "
    "application/checkpointing.py, and write the file anew: python -m tests.histories.folding"
)


def test_a_history_folds_to_what_it_ever_did() -> None:
    """Every field that a fold had when the file was written is as it was then."""
    header, *lines = FILE.read_bytes().splitlines()
    folded = Execution(id="walked")
    compared = 0
    for line in (msgspec.json.decode(each, type=Line) for each in lines):
        folded = evolve(folded, msgspec.json.decode(line.stored, type=EVENT_TYPES[line.tag]))  # type: ignore[arg-type]
        if line.fold is not None:
            assert parts(line.fold, plain(folded)) == [], ADVICE
            compared += 1
    assert compared > 10
    assert folded.status == "completed"
    assert msgspec.json.decode(header, type=Header).meaning == MEANING, ADVICE
