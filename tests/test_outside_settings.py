"""The settings of the nodes that reach the outside, from the environment to the nodes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from interfaces.bootstrap import make_nodes
from interfaces.settings import BadSetting, Secret, from_environment
from tests.support.nodes import run
from tests.support.outside import Reply, mailbox, web


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
