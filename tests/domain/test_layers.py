"""Layers: a mapping that shares most of itself with the one that it was made from."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ErrorInfo, StepFailure
from domain.events import NodeStarted, RolledBack
from domain.layers import RECENT, SHADOWED, Layers
from tests.support.workflows import Script, Walk, nodes_of, workflow

keys = st.integers(0, 60).map(str)


def filled(count: int) -> Layers[int]:
    """So many entries, put one by one."""
    layers: Layers[int] = Layers()
    for number in range(count):
        layers = layers.put(str(number), number)
    return layers


@given(st.lists(st.tuples(keys, st.integers(-9, 9)), max_size=400))
def test_it_is_what_a_dict_would_be(puts: list[tuple[str, int]]) -> None:
    """In every version, however often an entry is put again; stored and read, it is the same to the last layer."""
    layers, like = Layers[int](), dict[str, int]()
    versions = []
    for key, value in puts:
        layers = layers.put(key, value)
        like[key] = value
        versions.append((layers, dict(like)))
    for layers, like in versions:
        assert layers == like
        assert (layers.whole(), dict(layers.items()), len(layers)) == (like, like, len(like))
        assert set(layers) == set(layers.keys()) == set(like)
        assert all(layers[key] == layers.get(key) == value and key in layers for key, value in like.items())
        assert ("no", layers.get("no"), layers.get("no", 7)) == ("no", None, 7)
        assert "no" not in layers
        again = msgspec.msgpack.decode(msgspec.msgpack.encode(layers), type=Layers[int])
        assert (again.recent, again.older, again.changes) == (layers.recent, layers.older, layers.changes)


def test_what_a_change_copies_grows_with_the_root_of_what_there_is() -> None:
    """The lower layer is shared from version to version, and copied once for many changes."""
    layers, merges, copied = filled(1_024), 0, 0
    for number in range(1_024):
        before, layers = layers, layers.put(str(number), -number)
        merges += before.older is not layers.older
        copied = max(copied, len(layers.recent))
    assert copied <= 33
    assert merges <= 1_024 // 32 + 1
    assert filled(RECENT).older == {}


def test_values_that_are_gone_do_not_stay_for_ever() -> None:
    """Though few entries change, all are merged after a while."""
    layers = filled(1_000)
    for number in range(2 * SHADOWED):
        layers = layers.put("7", number)
    assert layers.older["7"] != 7
    assert layers["7"] == 2 * SHADOWED - 1


def test_it_is_equal_to_any_mapping_with_the_same_entries() -> None:
    """However they are laid out, and to nothing else."""
    assert isinstance(Layers(), Mapping)
    assert Layers({"a": 1}) == Layers(older={"a": 1}) == {"a": 1}
    assert Layers({"a": 1}, {"a": 2}) != {"a": 2}
    assert Layers() != []


def test_the_log_knows_no_layers() -> None:
    """A position that is put back counts the entries of many steps in one place, as it was always written."""
    broken = StepFailure(ErrorInfo(code="BROKEN", message="It is broken."))
    steps = [{f"s{number}": {"$node": "a"}} for number in range(3 * RECENT)]
    definition = workflow(*steps, {"snapshot": {"name": "here"}}, {"b": {}}, onCriticalError="rollback")
    walk = Walk(definition, nodes_of(Script({"b": [broken]}))).run()
    assert walk.execution.failure is not None
    (back,) = [event for event in walk.events if isinstance(event, RolledBack)]
    entered = {event.address: 1 for event in walk.events if isinstance(event, NodeStarted) and event.step != "b"}
    assert len(entered) == 3 * RECENT + 1
    assert back.branches[""].entries == entered
    assert b"earlier" not in msgspec.json.encode(back)
