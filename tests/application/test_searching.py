"""Searches that remember: what they find never changes, what they ask of the log becomes less."""

from __future__ import annotations

import random
from typing import Any

import pytest

import application.searching
from application.ports import Append, Recorded
from application.searching import Searches
from domain.events import SignalReceived
from infrastructure.memory_log import MemoryLog


class CountingLog(MemoryLog):
    """Counts the versions that searches have looked through."""

    def __init__(self) -> None:
        super().__init__()
        self.looked = 0

    def search(self, stream: str, **asked: Any) -> list[Recorded]:
        """Search, and note how far it went."""
        found = super().search(stream, **asked)
        after, upto = asked.get("after", 0), asked["upto"]
        if len(found) == asked["limit"]:
            after, upto = (found[-1].version - 1, upto) if asked.get("newest_first") else (after, found[-1].version)
        self.looked += upto - after
        return found


def history(*marked: int, length: int) -> CountingLog:
    """A log whose stream has some versions that say `yes`."""
    log = CountingLog()
    events = [SignalReceived(time=1, name="yes" if version in marked else "no") for version in range(1, length + 1)]
    log.append([Append(stream="x", after=0, events=tuple(events))])
    return log


def newest(searches: Searches, *, upto: int, after: int = 0, text: bytes = b'"yes"') -> list[int]:
    """The versions that are found."""
    found = searches.newest(
        "x", tags=["signal_received"], texts=[[text]], meant=lambda event: True, after=after, upto=upto
    )
    return [each.version for each in found]


def test_a_stretch_without_a_match_is_looked_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is searched, from wherever, and while the history grows; other texts are other searches."""
    monkeypatch.setattr(application.searching, "LONG_GAP", 100)
    log = history(10, length=1_000)
    searches = Searches(log)
    assert newest(searches, upto=1_000) == [10]
    assert log.looked >= 1_000
    log.looked = 0
    assert [newest(searches, upto=upto) for upto in (1_000, 500, 11, 10, 9)] == [[10], [10], [10], [10], []]
    assert log.looked < 100
    log.append([Append(stream="x", after=1_000, events=(SignalReceived(time=1, name="no"),) * 50)])
    log.looked = 0
    assert newest(searches, upto=1_050) == [10]
    assert newest(searches, upto=1_040) == [10]
    assert log.looked < 150
    assert newest(searches, upto=1_050, text=b'"no"')[0] == 1_050


@pytest.mark.parametrize("seed", range(20))
def test_searches_find_what_there_is(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In any order of asking, with any bounds, some of them given up halfway."""
    monkeypatch.setattr(application.searching, "LONG_GAP", 5)
    monkeypatch.setattr(application.searching, "GAPS", 3)
    monkeypatch.setattr(application.searching, "PAGE", 4)
    chance = random.Random(seed)
    marked = set(chance.sample(range(1, 301), 12))
    searches = Searches(history(*marked, length=300))
    for _ in range(60):
        after, upto = sorted(chance.sample(range(301), 2))
        expected = sorted((each for each in marked if after < each <= upto), reverse=True)
        if chance.random() < 0.3:
            found = searches.newest(
                "x", tags=["signal_received"], texts=[[b'"yes"']], meant=lambda event: True, after=after, upto=upto
            )
            first = next(found, None)
            assert (first and first.version) == (expected[0] if expected else None)
        else:
            assert newest(searches, after=after, upto=upto) == expected
            oldest = searches.oldest(
                "x", tags=["signal_received"], texts=[[b'"yes"']], meant=lambda event: True, after=after, upto=upto
            )
            assert [each.version for each in oldest] == expected[::-1]


def test_what_is_remembered_has_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of few searches, those that were made last."""
    monkeypatch.setattr(application.searching, "LONG_GAP", 10)
    monkeypatch.setattr(application.searching, "SEARCHES", 3)
    searches = Searches(history(length=100))
    for number in range(9):
        assert newest(searches, upto=100, text=f'"{number}"'.encode()) == []
    assert len(searches._gaps) == 3
