"""Where in a JSON text the keys and elements stand that pointers name: found in one pass, without decoding anything."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from domain.json_text import FLAT_VALUE, GAP, TEXT, end_of, key_at, skip_elements, skip_gap, unquoted

MANY: Final = 200
"""Members that are passed over before an object is taken for a wide one."""
MAX_WANTED: Final = 20_000
"""Characters of keys that a pattern is made of."""
MAX_AGAIN: Final = 8
"""Values under a key that stands twice that are gone through: each may be the better part of the text."""

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}")
_MEMBER: Final = re.compile(rf"({TEXT}){GAP}:{GAP}{FLAT_VALUE}{GAP},{GAP}", re.DOTALL)
_MEMBERS: Final = re.compile(rf"(?:{TEXT}{GAP}:{GAP}{FLAT_VALUE}{GAP},{GAP})*+", re.DOTALL)


class Spot(NamedTuple):
    """A place of the document, in characters: a key, or an element (of a container that is not empty: its bracket).

    `value` is where the value there begins; None where the pointer goes further than the document does.
    """

    start: int
    end: int
    value: int | None


def spots(text: str, paths: Iterable[str], *, repeated: bool) -> dict[str, Spot]:
    """The spot of each pointer; of one that goes further than the document does, the deepest that exists.

    If keys may be `repeated`, the last counts of those that stand twice. In a text that is no JSON, the spots are only as
    good as it is sound.
    """
    root = _branches(paths)
    _Search(text, repeated=repeated).go_through(root)
    found: dict[str, Spot] = {}
    todo = [(root, Spot(0, 1, None))]
    while todo:
        branch, above = todo.pop()
        spot = branch.spot or above._replace(value=None)
        found.update(dict.fromkeys(branch.ending, spot))
        todo += [(below, spot) for below in branch.below.values()]
    return found


class _Branch:
    """The pointers that go through one place of the document: those that end here, and those that go on, by token."""

    __slots__ = ("below", "ending", "spot")

    def __init__(self) -> None:
        self.ending: list[str] = []
        self.below: dict[str, _Branch] = {}
        self.spot: Spot | None = None

    def forget(self) -> None:
        """Take back what was found below."""
        todo = [*self.below.values()]
        while todo:
            branch = todo.pop()
            if branch.spot is not None:
                branch.spot = None
                todo += branch.below.values()


def _branches(paths: Iterable[str]) -> _Branch:
    root = _Branch()
    for path in paths:
        branch = root
        for token in path.split("/")[1:]:
            branch = branch.below.setdefault(token.replace("~1", "/").replace("~0", "~"), _Branch())
        branch.ending.append(path)
    return root


class _Visit:
    """A container that is gone through: the pointers that enter it, and how far it is."""

    def __init__(self, at: int, below: dict[str, _Branch]) -> None:
        self.at = at
        self.below = below
        self.left = len(below)
        """How many tokens are not found yet."""
        self.end: int | None = None
        """Where it ends, once that is known."""


class _List(_Visit):
    """With the index of the element that is next, and those that are wanted, the next one last."""

    def __init__(self, at: int, below: dict[str, _Branch]) -> None:
        super().__init__(at, below)
        self.index = 0
        self.wanted = sorted((int(token) for token in below if _INDEX.fullmatch(token)), reverse=True)


class _Object(_Visit):
    """With the places of wanted keys that stand in it again, of which the last counts."""

    def __init__(self, at: int, below: dict[str, _Branch]) -> None:
        super().__init__(at, below)
        self.again: dict[str, int] = {}
        self.unwanted: re.Pattern[str] | None = None


class _Search:
    """Goes through a text once. Containers that no pointer enters are passed over by one pattern."""

    def __init__(self, text: str, *, repeated: bool) -> None:
        self._text = text
        self._repeated = repeated
        self._visits: list[_List | _Object] = []
        self._again = MAX_AGAIN

    def go_through(self, root: _Branch) -> None:
        """Find the spots of all branches that the document has."""
        self._take(root, Spot(0, 1, skip_gap(self._text, 0)))
        while self._visits:
            visit = self._visits[-1]
            entered = self._list(visit) if isinstance(visit, _List) else self._object(visit)
            if not entered:
                self._visits.pop()
                if self._visits and self._visits[-1].end is None and not self._is_done(self._visits[-1]):
                    self._visits[-1].at = self._after_comma(self._end(visit))

    def _is_done(self, visit: _Visit) -> bool:
        """Whether nothing more can be found in a container: then it need not be gone through to its end."""
        return visit.left == 0 and not self._repeated

    def _take(self, branch: _Branch, spot: Spot) -> bool:
        """Note where a branch is; the last time counts. True: the value is a container, and is entered."""
        if branch.spot is not None:
            branch.forget()
        branch.spot = spot
        bracket = self._text[spot.value : spot.value + 1] if spot.value is not None else ""
        if not branch.below or bracket not in ("[", "{") or spot.value is None:
            return False
        inside = skip_gap(self._text, spot.value + 1)
        self._visits.append(_List(inside, branch.below) if bracket == "[" else _Object(inside, branch.below))
        return True

    def _object(self, visit: _Object) -> bool:
        """Go on to the next wanted member. Whether its value has been entered; else the object is at its end."""
        since = 0
        while visit.end is None:
            if self._is_done(visit):
                return False
            since += 1
            if since % MANY == 0:
                visit.at = self._pass_over(visit)
            key = _MEMBER.match(self._text, visit.at) or key_at(self._text, visit.at)
            if key is None:
                visit.end = visit.at + 1
            elif (branch := visit.below.get(token := unquoted(key[1]))) is None:
                self._pass(visit, key)
            elif branch.spot is not None:
                visit.again[token] = visit.at
                self._pass(visit, key)
            else:
                visit.left -= 1
                if self._take(branch, self._key(visit.at)):
                    return True
                self._pass(visit, key)
        while visit.again and self._again:
            token, at = visit.again.popitem()
            self._again -= 1
            if self._take(visit.below[token], self._key(at)):
                return True
        return False

    def _pass(self, visit: _Object, key: re.Match[str]) -> None:
        """Go on behind the value of a key; `key` may hold the whole member already."""
        if key.re is _MEMBER:
            visit.at = key.end()
            return
        visit.at, passed = skip_elements(self._text, key.end(), 1)
        if not passed:  # the last one, which has no comma
            visit.end = self._closing(visit.at)

    def _pass_over(self, visit: _Object) -> int:
        """Where the next member stands that may be wanted, in an object that has many others."""
        if visit.unwanted is None:
            wanted = [json.dumps(token, ensure_ascii=False) for token in visit.below]
            if sum(map(len, wanted)) > MAX_WANTED:
                return visit.at
            none_of = "|".join([*map(re.escape, wanted), r'"[^"\\]*+\\'])
            visit.unwanted = re.compile(rf"(?:(?!{none_of}){_MEMBER.pattern})*+", re.DOTALL)
        found = visit.unwanted.match(self._text, visit.at)
        return found.end() if found is not None else visit.at

    def _key(self, at: int) -> Spot:
        key = key_at(self._text, at)
        assert key is not None, "a member begins with its key"
        return Spot(key.start(1), key.end(1), key.end())

    def _list(self, visit: _List) -> bool:
        """Go on to the next wanted element. Whether it has been entered; else the list is at its end."""
        while visit.wanted:
            steps = visit.wanted[-1] - visit.index
            visit.at, passed = skip_elements(self._text, visit.at, steps)
            visit.index += passed
            if passed < steps or self._is_end(visit.at):
                break
            branch = visit.below[str(visit.wanted.pop())]
            visit.left -= 1
            if self._take(branch, self._element(visit.at)):
                visit.index += 1
                return True
        return False

    def _end(self, visit: _Visit) -> int:
        """Where a container ends that is left."""
        if visit.end is not None:
            return visit.end
        at = visit.at
        if isinstance(visit, _List):
            at, _ = skip_elements(self._text, at, len(self._text))
            return at + 1 if self._is_end(at) else self._closing(at)
        while True:
            members = _MEMBERS.match(self._text, at)
            key = key_at(self._text, members.end() if members is not None else at)
            if key is None:
                return (members.end() if members is not None else at) + 1
            at, passed = skip_elements(self._text, key.end(), 1)
            if not passed:
                return self._closing(at)

    def _is_end(self, at: int) -> bool:
        return self._text[at : at + 1] in ("]", "}", "")

    def _element(self, start: int) -> Spot:
        is_long = self._text[start] in "[{" and not self._is_end(skip_gap(self._text, start + 1))
        return Spot(start, start + 1 if is_long else max(end_of(self._text, start), start + 1), start)

    def _closing(self, last: int) -> int:
        """Where the container ends whose last value begins there; the end of the text if it does not."""
        end = end_of(self._text, last)
        return skip_gap(self._text, end) + 1 if end >= 0 else len(self._text)

    def _after_comma(self, at: int) -> int:
        """Where the next key or element begins after a value."""
        at = skip_gap(self._text, at)
        return skip_gap(self._text, at + 1) if self._text[at : at + 1] == "," else at
