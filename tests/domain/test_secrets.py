"""Secrets by reference: what a definition may write, what becomes of it, and what is kept out of records."""

from __future__ import annotations

from typing import Any

import pytest

from domain.compiler import compile_definition
from domain.errors import InvalidDefinition, StepFailure
from domain.node import NodeMetadata, Parameter
from domain.secrets import GivenSecrets, SecretRef, reveal, unusable
from infrastructure.nodes.discovery import InvalidNode, checked_metadata
from infrastructure.nodes.registry import NodeRegistry
from tests.support.workflows import Script, problems_of, scripted, walked, workflow

VALUE = 's3cr/t+"<ü>&\\?'
SECRETS = {"key": VALUE, "other": "hunter22"}


def registry(*, known: frozenset[str] | None = frozenset(SECRETS), script: Script | None = None) -> NodeRegistry:
    """A node with parameters that take secrets, and one that does not."""
    found = NodeRegistry(secrets=known)
    parameters = {
        "text": Parameter(types=("string",), secrets=True),
        "object": Parameter(types=("object",), secrets=True),
        "any": Parameter(secrets=True),
        "plain": Parameter(),
    }
    found.register(scripted("a", script or Script(), parameters=parameters))
    found.register(scripted("b", script or Script(), parameters={"plain": Parameter()}))
    return found


def told(step: Any, **more: Any) -> list[tuple[str, str, str]]:
    """(code, path inside the step, severity) of what validation says."""
    problems = problems_of(workflow(step), registry(**more))
    return [(problem.code, problem.path.removeprefix("/workflow/0"), problem.severity) for problem in problems]


@pytest.mark.parametrize(
    "config",
    [
        {"text": {"$secret": "key"}},
        {"any": {"$secret": "key", "before": "Bearer "}},
        {"object": {"h": {"$secret": "key", "before": "a", "after": "b"}, "l": [{"$secret": "other"}, "$.x"]}},
        {"any": "$.x"},
    ],
)
def test_a_reference_stands_where_a_parameter_takes_secrets(config: Any) -> None:
    """At the parameter itself or anywhere inside."""
    assert told({"a": config}) == []


@pytest.mark.parametrize(
    ("reference", "path"),
    [
        ({"$secret": 5}, "/$secret"),
        ({"$secret": ""}, "/$secret"),
        ({"$secret": "{{$.name}}"}, "/$secret"),
        ({"$secret": "$.name"}, "/$secret"),
        ({"$secret": "a.b"}, "/$secret"),
        ({"$secret": "key", "befor": "x"}, "/befor"),
        ({"$secret": "key", "before": 5}, "/before"),
        ({"$secret": "key", "after": "{{$.x}}"}, "/after"),
    ],
)
def test_a_reference_that_is_none_is_an_error_with_its_place(reference: Any, path: str) -> None:
    """It is a literal, like `$node`: who may read which secret must show before anything runs."""
    assert told({"a": {"any": {"deep": [reference]}}}) == [("INVALID_SECRET", f"/a/any/deep/0{path}", "error")]


def test_a_secret_is_a_text() -> None:
    """A parameter that is an object can have one inside it only."""
    assert told({"a": {"object": {"$secret": "key"}}}) == [("PARAMETER_TYPE", "/a/object", "error")]


def test_an_unknown_secret_is_a_warning_where_they_are_known() -> None:
    """With the nearest name, once for each; where they are not known, nothing is said."""
    step = {"a": {"any": [{"$secret": "kex"}, {"$secret": "kex"}]}}
    problems = problems_of(workflow(step), registry())
    assert [(one.code, one.severity, one.path, one.nearest) for one in problems] == [
        ("UNKNOWN_SECRET", "warning", "/workflow/0/a/any/0", "key")
    ]
    assert told(step, known=None) == []


@pytest.mark.parametrize("step", [{"a": {"plain": {"x": {"$secret": "key"}}}}, {"$.x": [{"$secret": "key"}]}])
def test_elsewhere_it_is_data_with_a_warning(step: Any) -> None:
    """Keys that begin with `$` are data everywhere else."""
    [(code, _, severity)] = told(step)
    assert (code, severity) == ("SECRET_NOT_TAKEN", "warning")
    assert told({"a": {"plain": {"$secret": 5, "$gt": 1}}}) == []


@pytest.mark.parametrize(
    ("config", "paths"),
    [
        ({"any": {"Authorization": "Bearer abc", "x": 1}}, ["/a/any/Authorization"]),
        ({"any": {"X-Api-Key": "abc", "api_key": "abc", "client_secret": "abc"}}, 3 * ["/a/any/"]),
        ({"any": {"Authorization": "Bearer {{$.x}}", "token": "$.x", "password": "", "Accept": "json"}}, []),
        ({"any": {"Authorization": {"$secret": "key"}}}, []),
        ({"plain": {"token": "abc"}}, []),
    ],
)
def test_a_credential_that_is_written_out_is_a_warning(config: Any, paths: list[str]) -> None:
    """Definitions are in the log; the message says what to write instead."""
    found = [problem for problem in problems_of(workflow({"a": config}), registry()) if "CREDENTIAL" in problem.code]
    assert len(found) == len(paths)
    assert all(one.path.removeprefix("/workflow/0").startswith(path) for one, path in zip(found, paths, strict=True))
    assert all("$secret" in one.message and one.severity == "warning" for one in found)


def test_a_reference_resolves_to_itself() -> None:
    """What is resolved before the node runs has no value in it, and can be shown."""
    script = Script()
    step = {"a": {"any": {"h": {"$secret": "key", "before": "Bearer "}, "n": "$.n"}}}
    walked(workflow(step, state={"n": 1}), registry(script=script))
    [config] = script.configs
    assert config == {"any": {"h": SecretRef("key", "Bearer "), "n": 1}}
    assert reveal(config, SECRETS) == {"any": {"h": f"Bearer {VALUE}", "n": 1}}


def test_what_comes_from_the_state_is_no_reference() -> None:
    """Nobody's input can name a secret of the server."""
    script = Script()
    state = {"input": {"x": {"$secret": "key"}}}
    walked(workflow({"a": {"any": "$.input", "object": {"y": "{{$.input.x}}"}}}, state=state), registry(script=script))
    [config] = script.configs
    assert reveal(config, SECRETS) == {"any": {"x": {"$secret": "key"}}, "object": {"y": {"$secret": "key"}}}


def test_a_step_says_which_secrets_it_names() -> None:
    """Each once, in order."""
    step = {"a": {"any": [{"$secret": "other"}, {"$secret": "key"}, {"$secret": "other"}]}}
    program = compile_definition(workflow(step, "b"), registry())
    assert [step.secrets for step in program.steps] == [("other", "key"), ()]


def test_a_duplicate_problem_stops_the_compiler() -> None:
    """An unsound reference is an error, so nothing runs."""
    with pytest.raises(InvalidDefinition):
        compile_definition(workflow({"a": {"text": {"$secret": None}}}), registry())


def test_a_loop_keeps_its_parameters_so_none_of_them_takes_secrets() -> None:
    """Refused when the node is registered."""
    for spec, more in [(Parameter(secrets=True), {"resolved_at": "entry"}), (Parameter(secrets=True, late=True), {})]:
        with pytest.raises(InvalidNode, match="can't take secrets"):
            checked_metadata(scripted("x", Script(), parameters={"p": spec}, **more))
    assert isinstance(
        checked_metadata(scripted("x", Script(), parameters={"p": Parameter(secrets=True)})), NodeMetadata
    )


def test_a_visit_remembers_what_it_read() -> None:
    """By index, `get` or a walk over all; names alone are no reading."""
    secrets = GivenSecrets(SECRETS)
    assert list(secrets) == ["key", "other"]
    assert len(secrets) == 2
    assert VALUE not in repr(secrets)
    assert secrets.read == set()
    assert secrets["key"] == VALUE
    assert secrets.read == {"key"}
    assert dict(secrets.items()) == SECRETS
    assert secrets.read == set(SECRETS)


def test_a_secret_that_is_not_there() -> None:
    """A clear error for the step; for `in` and `get` it is as in any mapping."""
    secrets = GivenSecrets(SECRETS)
    with pytest.raises(StepFailure) as failed:
        secrets["kez"]
    assert failed.value.error.code == "UNKNOWN_SECRET"
    assert failed.value.error.type == "configuration"
    assert failed.value.error.recoverable is False
    assert "CLEW_SECRET_kez" in failed.value.error.message
    assert "'key'" in failed.value.error.message
    assert "kez" not in secrets
    assert secrets.get("kez", "none") == "none"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "12345"),
        ("a b", "12345"),
        ("1a", "12345"),
        ("a" * 65, "12345"),
        ("a", "123"),
        ("a", "x" * 65_537),
        ("a", "abc\udc80"),
    ],
)
def test_secrets_that_can_not_be_kept(name: str, value: str) -> None:
    """Told without repeating them."""
    problem = unusable(name, value)
    assert problem is not None
    assert not value or value not in problem
    assert unusable("A_b-1", "1234") is None
