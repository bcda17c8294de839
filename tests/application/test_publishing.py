"""Publishing with a real engine: what is in the log, races, failing disks, and executions that are pinned."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from application.programs import definition_stream
from application.publications import Publications, workflow_stream
from application.requests import Published, Submission, ToPublish
from domain.commands import Signal
from domain.errors import InvalidDefinition, NotFound, Refused, Unacceptable
from domain.events import CommandKey, DefinitionStored, WorkflowPublished
from infrastructure.memory_log import MemoryLog
from infrastructure.nodes.registry import NodeRegistry
from tests.support.engines import everything, log_with, service_on
from tests.support.workflows import Script, nodes_of, scripted, workflow
from tests.support.worlds import FailingLog, World, run, world


def asked(*steps: Any, version: str = "1.0.0", actor: str = "") -> ToPublish:
    """A request to publish these steps."""
    return ToPublish(definition={**workflow(*steps), "version": version}, actor=actor)


def nodes(version: str = "1.0.0") -> NodeRegistry:
    """The library, the letters, and a node `mine` of a version."""
    return nodes_of(Script(), scripted("mine", Script(), version=version))


async def publish(there: World, *steps: Any, version: str = "1.0.0") -> Published:
    """Publish these steps."""
    return await there.engine.publish(asked(*steps, version=version))


def test_a_definition_is_stored_once_and_published_with_its_nodes() -> None:
    """In one transaction: the definition in the stream of its hash, the version in that of its workflow."""

    async def test() -> None:
        async with world(nodes("1.2.3")) as there:
            first = await there.engine.publish(asked("mine", {"$.x": 1}, actor="ann"))
            again = await there.engine.publish(asked("mine", {"$.x": 1}))
            await there.run("mine", {"$.x": 1})
            assert (first.new, again.new) == (True, False)
            assert (again.event, again.position) == (first.event, first.position)
            assert (first.event.actor, first.event.nodes) == ("ann", {"mine": "1.2.3"})
            log = there.log.follow(0, 10)
            assert [type(each.event) for each in log[:2]] == [DefinitionStored, WorkflowPublished]
            assert [each.stream for each in log[:2]] == [
                definition_stream(first.event.definition_hash),
                workflow_stream("tested"),
            ]
            assert log[1].position == first.position

    run(test())


def test_a_definition_that_ran_before_is_not_stored_again() -> None:
    """Its hash is what it is known by."""

    async def test() -> None:
        async with world(nodes()) as there:
            await there.run("mine")
            await publish(there, "mine")
            assert sum(isinstance(each.event, DefinitionStored) for each in there.log.follow(0, 100)) == 1

    run(test())


def test_another_definition_is_refused_with_the_difference() -> None:
    """And nothing is recorded, not even the definition."""

    async def test() -> None:
        async with world(nodes()) as there:
            await publish(there, {"log": {"message": "x"}})
            position = there.log.position()
            with pytest.raises(Refused, match="They differ at /workflow/0/log/message first"):
                await publish(there, {"log": {"message": "y"}})
            with pytest.raises(InvalidDefinition):
                await publish(there, "nothing-such", version="2.0.0")
            assert there.log.position() == position

    run(test())


def test_twenty_at_once_publish_one_version() -> None:
    """Nineteen find it published; of twenty different ones nineteen are refused."""

    async def test() -> None:
        async with world(nodes()) as there:
            same = await asyncio.gather(*(publish(there, "mine") for _ in range(20)))
            assert sorted(each.new for each in same) == [*[False] * 19, True]
            others = await asyncio.gather(
                *(publish(there, {"$.n": n}, version="2.0.0") for n in range(20)), return_exceptions=True
            )
            assert sum(isinstance(each, Refused) for each in others) == 19
            versions = await asyncio.gather(*(publish(there, "mine", version=f"3.0.{n}") for n in range(20)))
            assert all(each.new for each in versions)
            assert there.log.version(workflow_stream("tested")) == 22

    run(test())


def test_a_disk_that_fails_publishes_nothing() -> None:
    """And once it works again, publishing does."""

    async def test() -> None:
        log = FailingLog()
        async with world(nodes(), log=log) as there:
            log.failures = 1
            with pytest.raises(Exception, match="disk is full"):
                await publish(there, "mine")
            assert log.position() == 0
            assert (await publish(there, "mine")).new

    run(test())


def test_an_execution_is_pinned_to_the_version_that_it_began_with() -> None:
    """Publishing a newer one changes nothing for it, before or after a restart."""
    log = MemoryLog()
    park = {"ask": {"$node": "signal", "name": "go"}}
    with service_on(log, nodes()) as service:
        service.publish_and_wait(asked(park, {"$.v": 1}))
        first = service.queries.startable("tested")
        began = service.submit_and_wait(Submission(definition_hash=first.definition_hash)).execution_id
        assert service.wait_settled(began, 10)
        service.publish_and_wait(asked(park, {"$.v": 2}, version="1.0.1"))
        assert service.queries.startable("tested").workflow_version == "1.0.1"
        assert service.queries.execution(began)["definitionHash"] == first.definition_hash
        kept = everything(log)
    with service_on(log_with(kept), nodes()) as service:
        assert service.queries.execution(began)["workflowVersion"] == "1.0.0"
        service.command_and_wait(began, Signal(now=0, name="go"))
        assert service.wait_settled(began, 10)
        assert service.queries.state(began)["state"]["v"] == 1
        assert service.queries.versions("tested")["latest"] == "1.0.1"


def test_a_version_is_not_run_on_nodes_that_it_was_not_made_for() -> None:
    """Another major version of a node, or none, refuses the start; the same major does not."""
    log = MemoryLog()
    with service_on(log, nodes("1.2.0")) as service:
        service.publish_and_wait(asked("mine"))
        kept = everything(log)
    for version, says in (("2.0.0", r"which is 2\.0\.0 here"), ("1.0.0", None)):
        with service_on(log_with(kept), nodes(version)) as service:
            if says is None:
                assert service.queries.startable("tested").workflow_version == "1.0.0"
                continue
            with pytest.raises(Refused, match=says):
                service.queries.startable("tested")
            assert service.queries.published("tested").nodes == {"mine": "1.2.0"}  # it can be read all the same
    with service_on(log_with(kept), nodes_of(Script())) as service, pytest.raises(Refused, match="which is not here"):
        service.queries.startable("tested")


def test_a_version_that_no_longer_compiles_is_not_run() -> None:
    """A node of the same major version may have lost what a step uses."""
    log = MemoryLog()
    picky = scripted("picky", Script(), edges=("yes", "no"))
    with service_on(log, nodes_of(Script(), picky)) as service:
        service.publish_and_wait(asked({"picky": {"no?": {}}}))
        kept = everything(log)
    pickier = scripted("picky", Script(), edges=("yes",), version="1.1.0")
    with service_on(log_with(kept), nodes_of(Script(), pickier)) as service:
        with pytest.raises(Refused, match="can't run with the nodes of today") as refused:
            service.queries.startable("tested")
        assert "never takes the edge 'no'" in refused.value.message


def test_a_key_means_one_thing_on_one_route() -> None:
    """The same key begins one execution of a definition, and another one of a published workflow."""
    with service_on(MemoryLog(), nodes()) as service:
        published = service.publish_and_wait(asked("mine")).event.definition_hash
        key = CommandKey(key="k", request="r")
        ids = [
            service.submit_and_wait(each).execution_id
            for each in (
                Submission(definition=workflow("mine"), key=key),
                Submission(definition_hash=published, key=key, route="POST /workflows/tested/executions"),
                Submission(definition_hash=published, key=key, route="POST /workflows/other/executions"),
            )
        ]
        assert len(set(ids)) == 3


@pytest.mark.parametrize("name", ["workflow:tested", "definition:00", "", "a b", "x" * 129, "ž"])
def test_an_execution_can_not_have_the_name_of_another_stream(name: str) -> None:
    """Ids are checked for every caller, not for HTTP alone."""
    with service_on(MemoryLog(), nodes()) as service, pytest.raises(Unacceptable, match="can't be an id"):
        service.submit_and_wait(Submission(definition=workflow("mine"), execution_id=name))


def test_streams_of_workflows_are_no_executions() -> None:
    """They can't be read as such."""
    with service_on(MemoryLog(), nodes()) as service:
        service.publish_and_wait(asked("mine"))
        for ask in (service.queries.execution, service.queries.events, service.queries.state):
            with pytest.raises(NotFound):
                ask("workflow:tested")


def test_versions_are_read_from_where_they_were_last_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what came later is read; what falls out of the cache is read anew."""
    monkeypatch.setattr("application.publications.CACHED", 1)

    class ReadingLog(MemoryLog):
        """Remembers where reading began."""

        def __init__(self) -> None:
            super().__init__()
            self.after: list[int] = []

        def read(self, stream: str, *, after: int = 0, **more: Any) -> Any:
            """Note, and read."""
            self.after.append(after)
            return super().read(stream, after=after, **more)

    log = ReadingLog()
    with service_on(log, nodes()) as service:
        service.publish_and_wait(asked("mine"))
        publications = Publications(log, service.programs, service.nodes)
        for _ in range(2):
            assert len(publications.of("tested")) == 1
        assert log.after[-1] == 1
        service.publish_and_wait(ToPublish(definition={**workflow("mine"), "id": "other"}))
        assert len(publications.of("other")) == 1
        assert [each.event.workflow_version for each in publications.of("tested")] == ["1.0.0"]
        assert log.after[-1] == 0
