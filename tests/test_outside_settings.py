"""The settings of the nodes that reach the outside, from the environment to the nodes."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from clew import Edge, Engine, ExecutionContext, NodeMetadata, WorkflowNode
from interfaces.bootstrap import make_nodes, make_service
from interfaces.quiet_logs import keep_secrets_out
from interfaces.settings import BadSetting, Secret, Settings, from_environment
from tests.support.nodes import run
from tests.support.outside import Reply, mailbox, web

READ = {"id": "r", "name": "r", "version": "1.0.0", "workflow": ["reading"]}


class Reading(WorkflowNode):
    """Says how long a secret is."""

    metadata = NodeMetadata(id="reading", name="Reading", version="1.0.0")

    def execute(self, context: ExecutionContext, config: dict[str, Any]) -> Edge:
        """Read it."""
        context.state["length"] = len(context.secrets["D"])
        return Edge("success")


def test_the_environment_reaches_the_nodes() -> None:
    """Hosts, mail server and endpoint of `CLEW_*` are what the registered nodes use."""
    wire = {"choices": [{"message": {"content": "Hello."}}], "usage": {"prompt_tokens": 1, "completion_tokens": 0}}
    with web(lambda asked: Reply(body=json.dumps(wire).encode())) as server, mailbox() as box:
        settings = from_environment(
            {
                "CLEW_STORE": "memory:",
                "CLEW_ALLOW_HOSTS": f"10.0.0.0/8, 127.0.0.1:{server.port}",
                "CLEW_SMTP_URL": f"smtp://robot:s3cret@127.0.0.1:{box.port}",
                "CLEW_SMTP_FROM": "clew@example.org",
                "CLEW_AI_URL": server.url("/v1"),
                "CLEW_AI_KEY": "sk-s3cret-0123456789",
                "CLEW_AI_MODEL": "m",
                "CLEW_AI_HOSTS": "ai.example.org",
                "CLEW_AI_PRICES": '{"m": {"input": 1000000, "output": 2}}',
            }
        )
        assert "s3cret" not in repr(settings)
        nodes = make_nodes(settings)
        with nodes.borrow("fetchApi") as fetch, nodes.borrow("ask-ai") as ask, nodes.borrow("send-email") as send:
            assert run(fetch, {"url": server.url()}).edge == "success"
            assert run(send, {"to": "ann@example.com", "subject": "Hi"}).edge == "success"
            assert run(ask, {"userPrompt": "Hi?"}).data["usage"]["cost"] == 1.0
    assert server.asked[1].headers["authorization"] == "Bearer sk-s3cret-0123456789"


def test_without_settings_nothing_is_allowed() -> None:
    """The default is none: no private address, no mail, no model."""
    nodes = make_nodes(from_environment({"CLEW_STORE": "memory:"}))
    with nodes.borrow("fetchApi") as fetch, nodes.borrow("ask-ai") as ask, nodes.borrow("sendEmail") as send:
        assert run(fetch, {"url": "http://127.0.0.1/"}).code == "ADDRESS_REFUSED"
        assert run(send, {"to": "ann@example.com", "subject": "Hi"}).code == "EMAIL_NOT_CONFIGURED"
        assert run(ask, {"userPrompt": "Hi?"}).code == "AI_NOT_CONFIGURED"


def test_a_secret_may_be_in_a_file(tmp_path: Path) -> None:
    """`file:PATH` refers to it, so that it is in no environment; a missing file is told at the start."""
    (tmp_path / "key").write_text("sk-s3cret\n")
    assert from_environment({"CLEW_AI_KEY": f"file:{tmp_path / 'key'}"}).ai_key.reveal() == "sk-s3cret"
    with pytest.raises(BadSetting, match="CLEW_AI_KEY refers to the file"):
        from_environment({"CLEW_AI_KEY": f"file:{tmp_path / 'none'}"})


def test_secrets_that_definitions_may_name(tmp_path: Path) -> None:
    """From variables, from a file of them, and from files that either refers to; variables come first."""
    (tmp_path / "word").write_text("s3cret-word\n")
    (tmp_path / "all.toml").write_text('a = "s3cret-a"\nb = "s3cret-b"\nc-1 = "file:word"\n')
    environment = {
        "CLEW_SECRETS": str(tmp_path / "all.toml"),
        "CLEW_SECRET_b": "s3cret-other",
        "CLEW_SECRET_D": f"file:{tmp_path / 'word'}",
    }
    settings = from_environment(environment)
    assert {name: secret.reveal() for name, secret in settings.secrets.items()} == {
        "a": "s3cret-a", "b": "s3cret-other", "c-1": "s3cret-word", "D": "s3cret-word",
    }  # fmt: skip
    assert "s3cret" not in repr(settings)
    with Engine(settings=replace(settings, store="memory:"), nodes=[Reading]) as engine:
        assert engine.run(READ)["finalState"]["length"] == len("s3cret-word")
    with Engine(secrets={"D": "s3cret-word"}, nodes=[Reading]) as engine:
        assert engine.run(READ)["finalState"]["length"] == len("s3cret-word")


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"CLEW_SECRETS": "none.toml"}, "CLEW_SECRETS refers to the file none.toml"),
        ({"CLEW_SECRETS": "broken"}, "can't be read as TOML"),
        ({"CLEW_SECRETS": "nested"}, "b is no text"),
        ({"CLEW_SECRETS": "away"}, "d in away refers to the file none"),
        ({"CLEW_SECRET_x": "abc"}, "fewer than 4"),
        ({"CLEW_SECRET_": "s3cret-x"}, "no name"),
        ({"CLEW_SECRET_x.y": "s3cret-x"}, "no name"),
        ({"CLEW_SECRET_x": "file:none"}, "CLEW_SECRET_x refers to the file none"),
    ],
)
def test_secrets_that_can_not_be_used(
    environment: dict[str, str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told at the start, without the value."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken").write_text("a = s3cret-1\n")
    (tmp_path / "nested").write_text('a = "s3cret-1"\n[b]\nc = "s3cret-2"\n')
    (tmp_path / "away").write_text('d = "file:none"\n')
    with pytest.raises(BadSetting, match=says) as refused:
        make_service(from_environment({"CLEW_STORE": "memory:", **environment}))
    assert "s3cret" not in str(refused.value)


def test_no_logger_of_the_process_shows_a_secret(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Messages, arguments, exceptions with their causes; what has none in it is left as it is."""
    before = logging.getLogRecordFactory()
    settings = Settings(
        secrets={"A": Secret("s3cret-a")},
        ai_key=Secret("sk-s3cret-0123456789"),
        smtp_url=Secret("smtp://u:s3cret%2Bword@host"),
    )
    logger = logging.getLogger("anybody")
    try:
        keep_secrets_out(settings)
        with caplog.at_level(logging.DEBUG):
            logger.info("with %s and %d", "s3cret-a", 5)
            logger.debug("key=%s, %s", "sk-s3cret-0123456789", "s3cret+word")
            logger.info("odd %s %s", "s3cret-a")  # noqa: PLE1206 - what a careless author may write
            logger.info("plain %s", "text")
            try:
                raise ValueError("s3cret-a") from KeyError("s3cret+word")
            except ValueError:
                logger.exception("failed")
    finally:
        logging.setLogRecordFactory(before)
    assert "s3cret" not in caplog.text
    assert "with [secret:A] and 5" in caplog.text
    assert "key=[secret:CLEW_AI_KEY], [secret:CLEW_SMTP_URL]" in caplog.text
    assert "ValueError: [secret:A]" in caplog.text
    assert caplog.records[3].args == ("text",)
    keep_secrets_out(Settings(smtp_url=Secret("smtp://[")))
    assert logging.getLogRecordFactory() is before


def test_a_secret_is_shown_to_nobody() -> None:
    """In no text made of it."""
    assert "s3cret" not in f"{Secret('s3cret')} {Secret('s3cret')!r}"
    assert not Secret()


@pytest.mark.parametrize(
    ("name", "environment"),
    [
        ("CLEW_ALLOW_HOSTS", {"CLEW_ALLOW_HOSTS": "http://a/"}),
        ("CLEW_SMTP_URL", {"CLEW_SMTP_URL": "smtp://u:s3cret@host:s3cret", "CLEW_SMTP_FROM": "a@example.org"}),
        ("CLEW_SMTP_FROM", {"CLEW_SMTP_URL": "smtp://u:s3cret@host"}),
        ("CLEW_AI_URL", {"CLEW_AI_URL": "ftp://a"}),
        ("CLEW_AI_URL", {"CLEW_AI_URL": "http://a", "CLEW_AI_KEY": "s3cret\n2"}),
        ("CLEW_AI_URL", {"CLEW_AI_URL": "http://a", "CLEW_AI_HOSTS": "*"}),
        ("CLEW_AI_URL", {"CLEW_AI_URL": "http://a", "CLEW_AI_PRICES": '{"m": 5}'}),
        ("CLEW_AI_URL", {"CLEW_AI_URL": "http://a", "CLEW_AI_PRICES": "cheap"}),
    ],
)
def test_bad_settings_are_told_at_the_start(name: str, environment: dict[str, str]) -> None:
    """One clear message that names the setting and repeats no secret, nor does anything it came from."""
    with pytest.raises(BadSetting, match=name) as refused:
        make_nodes(from_environment({"CLEW_STORE": "memory:", **environment}))
    error: BaseException | None = refused.value
    while error is not None:
        assert "s3cret" not in repr(error)
        error = error.__cause__
