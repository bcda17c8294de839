"""`sendEmail` against a real mail server on 127.0.0.1."""

from __future__ import annotations

import json
import logging
import socket
from typing import Any

import pytest

from infrastructure.nodes.library import standard_registry
from infrastructure.nodes.mail import MAX_RECIPIENTS, MailServer
from infrastructure.nodes.outside import Outside
from infrastructure.nodes.send_email import MAX_BODY, SendEmail, SendEmailDashed
from tests.support.nodes import Visit, run
from tests.support.outside import Mailbox, mailbox, ran

SECRET = "s3cret-p@ss:word"
FROM = "Clew <clew@example.org>"


def server_of(box: Mailbox, *, login: bool = False, options: str = "") -> MailServer:
    """The settings for a stand-in."""
    user = "robot:s3cret-p%40ss%3Aword@" if login else ""
    return MailServer(f"smtp://{user}127.0.0.1:{box.port}{options}", FROM)


def send(box: Mailbox, *, routed: tuple[str, ...] = (), login: bool = False, **config: Any) -> Visit:
    """One visit."""
    given = {"to": "ann@example.com", "subject": "Hi", **config}
    return run(SendEmail(server_of(box, login=login)), given, routed=routed)


def test_a_message_arrives() -> None:
    """Everyone is in the envelope, but those in blind copy are not in the message."""
    with mailbox() as box:
        visit = send(
            box,
            to=['"Bee, Ann" <ann@example.com>', "bob@example.com, ann@example.com"],
            cc="cy@example.com",
            bcc=["dee@example.com"],
            replyTo="eve@example.com",
            subject="Grüße",
            body="Hello\n.\n..dots",
        )
    assert visit.edge == "success"
    assert visit.data == {
        "messageId": "<key@example.org>",
        "to": ["ann@example.com", "bob@example.com", "ann@example.com"],
        "subject": "Grüße",
        "sentAt": "2026-11-22T12:00:00.000000Z",
    }
    assert visit.state == {"lastEmailSent": visit.data}
    (delivered,) = box.messages
    message = delivered.message
    assert delivered.sender == "clew@example.org"
    assert delivered.recipients == ["ann@example.com", "bob@example.com", "cy@example.com", "dee@example.com"]
    assert message["From"] == FROM
    assert message["To"] == '"Bee, Ann" <ann@example.com>, bob@example.com, ann@example.com'
    assert message["Cc"] == "cy@example.com"
    assert message["Reply-To"] == "eve@example.com"
    assert message["Subject"] == "Grüße"
    assert message["Message-ID"] == "<key@example.org>"
    assert message["Date"] == "Sun, 22 Nov 2026 12:00:00 +0000"
    assert "dee@example.com" not in message.as_string()
    assert message.get_content() == "Hello\n.\n..dots\n"


@pytest.mark.parametrize(
    ("body", "text"), [("t", "t\n"), ({"a": ["ä"]}, '{\n  "a": [\n    "ä"\n  ]\n}\n'), (5, "5\n"), (None, "\n")]
)
def test_bodies(body: Any, text: str) -> None:
    """Text as it is, objects as indented JSON."""
    with mailbox() as box:
        assert send(box, body=body).edge == "success"
    assert box.messages[0].message.get_content() == text


def test_html_goes_beside_the_text() -> None:
    """As an alternative for readers that show it."""
    with mailbox() as box:
        assert send(box, body="plain", html="<b>bold</b>").edge == "success"
    message = box.messages[0].message
    assert message.get_content_type() == "multipart/alternative"
    plain, html = message.iter_parts()
    assert plain.get_content_type() == "text/plain"
    assert html.get_content() == "<b>bold</b>\n"


def test_a_second_attempt_has_the_same_message_id() -> None:
    """So that whoever gets both can tell."""
    with mailbox() as box:
        assert send(box).data["messageId"] == send(box).data["messageId"]
    first, second = box.messages
    assert first.message["Message-ID"] == second.message["Message-ID"]


def test_it_logs_in() -> None:
    """With the name and password of the URL, their escapes resolved."""
    with mailbox() as box:
        assert send(box, login=True).edge == "success"
    (auth,) = [line for line in box.commands if line.startswith("AUTH")]
    import base64

    assert base64.b64decode(auth.split()[-1]) == f"\0robot\0{SECRET}".encode()


@pytest.mark.parametrize(
    ("replies", "code", "recoverable"),
    [
        ({"AUTH": f"535 no: {SECRET}"}, "SMTP_AUTH_FAILED", False),
        ({"AUTH": "454 later"}, "SMTP_AUTH_FAILED", True),
        ({"EHLO": "250 plain"}, "SMTP_NOT_SUPPORTED", False),
        ({"MAIL": f"550 {SECRET}"}, "SMTP_550", False),
        ({"MAIL": "451 later"}, "SMTP_451", True),
        ({"RCPT": "550 who"}, "RECIPIENTS_REFUSED", False),
        ({"RCPT": "450 later"}, "RECIPIENTS_REFUSED", True),
        ({"DATA": "554 spam"}, "SMTP_554", False),
        ({"MAIL": "nonsense"}, "SMTP_-1", True),
        (
            {"EHLO": "421 too busy", "ehlo": "421 too busy", "HELO": "421 too busy", "helo": "421 busy"},
            "SMTP_421",
            True,
        ),
    ],
    ids=lambda value: str(value) if not isinstance(value, dict) else "",
)
def test_refusals(*, replies: dict[str, str], code: str, recoverable: bool, caplog: pytest.LogCaptureFixture) -> None:
    """A code of its own for each, recoverable when the server says later; the password is nowhere."""
    lower = {begin.lower(): said for begin, said in replies.items()}
    with caplog.at_level(logging.DEBUG), mailbox(replies | lower) as box:
        visit = send(box, login=True, body="b")
    assert visit.code == code, visit.data
    assert visit.data["recoverable"] is recoverable
    assert SECRET not in json.dumps(visit.data) + caplog.text
    assert visit.state == {"lastEmailSent": None}


def test_some_recipients_refused() -> None:
    """The mail is out for the others: a success that says who did not get it."""
    with mailbox({"RCPT TO:<bob": "550 who", "rcpt TO:<bob": "550 who"}) as box:
        visit = send(box, to=["ann@example.com", "bob@example.com"])
    assert visit.edge == "success"
    assert visit.data["refused"] == {"bob@example.com": 550}
    assert "bob@example.com" in visit.logged[0]


def test_a_server_that_is_not_there() -> None:
    """May be there later."""
    with mailbox() as box:
        pass
    visit = send(box, login=True)
    assert visit.code == "NETWORK_ERROR"
    assert visit.data["recoverable"] is True


def test_a_server_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of its answers has a time; then it counts as not there."""
    monkeypatch.setattr("infrastructure.nodes.mail.SMTP_TIMEOUT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = MailServer(f"smtp://robot:s3cret@127.0.0.1:{silent.getsockname()[1]}", FROM)
        visit = run(SendEmail(server), {"to": "ann@example.com", "subject": "Hi"})
    assert visit.code == "NETWORK_ERROR"
    assert visit.data["recoverable"] is True
    assert "s3cret" not in json.dumps(visit.data)


def test_a_body_that_grows_as_it_is_laid_out_is_bounded() -> None:
    """A megabyte of small values, nested deep, would be a hundred when each has a line of its own."""
    deep: Any = [0] * 200_000
    for _ in range(100):
        deep = [deep]
    with mailbox() as box:
        visit = send(box, body=deep)
        assert visit.code == "MESSAGE_TOO_LARGE"
        assert send(box, body="x" * MAX_BODY).edge == "success"
        assert send(box, body="x" * (MAX_BODY + 1)).code == "MESSAGE_TOO_LARGE"
    assert len(box.messages) == 1


def test_starttls_is_required_where_it_is_asked_for() -> None:
    """A server without it gets neither password nor mail."""
    with mailbox() as box:
        visit = run(
            SendEmail(server_of(box, login=True, options="?starttls")), {"to": "ann@example.com", "subject": "Hi"}
        )
    assert visit.code == "SMTP_NOT_SUPPORTED"
    assert not [line for line in box.commands if line.startswith(("AUTH", "MAIL", "mail"))]


@pytest.mark.parametrize(
    "config",
    [
        {"subject": "a\r\nBcc: eve@example.com"},
        {"subject": "a\nb"},
        {"subject": "a\u2028b"},
        {"subject": "x" * 3_000},
        {"to": "ann@example.com\r\nBcc: eve@example.com"},
        {"cc": ["ann@example.com\n"]},
        {"bcc": "a@b\r\nDATA"},
        {"replyTo": "a@b.c\nX: y"},
        {"to": "ann"},
        {"to": "@example.com"},
        {"to": "ann@"},
        {"to": "a b@example.com"},
        {"to": "<ann@example.com> eve@example.com"},
        {"to": "ann@example.com>RCPT"},
        {"to": "ann@example.com, bob"},
        {"to": ","},
        {"to": "Ann <ann@example.com"},
        {"to": '"Ann" <bob@example.com> <ann@example.com>'},
        {"to": "(" * 1_900},
        {"to": "a@b@c"},
        {"to": [5]},
        {"to": 5},
        {"to": ["a@example.com"] * (MAX_RECIPIENTS + 1)},
        {"subject": 5},
        {"html": {}},
    ],
)
def test_bad_parameters(config: dict[str, Any]) -> None:
    """Line breaks in headers above all: nothing is sent."""
    with mailbox() as box:
        visit = send(box, **config)
    assert visit.code == "INVALID_PARAMETER"
    assert visit.state == {"lastEmailSent": None}
    assert box.commands == []


def test_a_subject_or_a_body_is_needed() -> None:
    """One of the two is enough."""
    with mailbox() as box:
        server = server_of(box)
        assert run(SendEmail(server), {"to": "a@example.com"}).code == "INVALID_PARAMETER"
        assert run(SendEmail(server), {"to": "a@example.com", "html": "x"}).code == "INVALID_PARAMETER"
        assert run(SendEmail(server), {"to": "a@example.com", "body": "b"}).edge == "success"
        assert run(SendEmail(server), {"to": "a@example.com", "subject": "s"}).edge == "success"
    assert len(box.messages) == 2


@pytest.mark.parametrize(
    ("configured", "to", "code"),
    [(False, "a@example.com", "EMAIL_NOT_CONFIGURED"), (True, [], "NO_RECIPIENT"), (True, " ", "NO_RECIPIENT")],
)
def test_what_keeps_mail_from_being_sent_at_all(*, configured: bool, to: Any, code: str) -> None:
    """Its own edge if that is routed, else `error`."""
    with mailbox() as box:
        server = server_of(box) if configured else None
        config = {"to": to, "subject": "s"}
        routed = run(SendEmail(server), config, routed=("config_error",))
        unrouted = run(SendEmail(server), config, routed=("error",))
    assert routed.edge == "config_error"
    assert routed.data["code"] == code
    assert unrouted.code == code
    assert routed.state == unrouted.state == {"lastEmailSent": None}
    assert box.messages == []


@pytest.mark.parametrize(
    ("url", "sender"),
    [
        ("http://host", FROM),
        ("smtp://", FROM),
        ("smtp://user:s3cret@host:port", FROM),
        ("smtp://user:s3cret@host/path", FROM),
        ("smtp://user:s3cret@host?tls", FROM),
        ("smtp://user:s3cret@host", ""),
        ("smtp://user:s3cret@host", "a@b.c, d@e.f"),
        ("smtp://user:s3cret@host", "a@b.c\nBcc: d@e.f"),
        ("smtp://user:s3cret@host", "nobody"),
    ],
)
def test_bad_settings(url: str, sender: str) -> None:
    """Refused when the service starts, in words that repeat no secret."""
    with pytest.raises(ValueError, match=r"a mail server is|the sender of mail") as refused:
        MailServer(url, sender)
    assert "s3cret" not in repr(refused.value) + repr(refused.value.__cause__)


def test_ports_and_tls_of_a_url() -> None:
    """The customary ports; no password in any text made of it."""
    plain, secure = MailServer("smtp://host", FROM), MailServer("smtps://u:s3cret@host", FROM)
    assert (plain.port, plain.tls, plain.starttls) == (25, False, False)
    assert (secure.port, secure.tls) == (465, True)
    assert MailServer("smtp://host:587?starttls", FROM).starttls
    assert "s3cret" not in f"{secure} {secure!r}"


def test_both_names_in_a_real_run() -> None:
    """`send-email` is the same node; the password is nowhere in the log of the execution."""
    assert SendEmailDashed.metadata.id == "send-email"
    mail = {"to": "ann@example.com", "subject": "Hi {{$.name}}", "body": {"n": "$.name"}}
    definition = {
        "id": "w", "name": "w", "version": "1.0.0", "initialState": {"name": "Ann"},
        "workflow": [{"sendEmail": mail}, {"send-email": mail}],
    }  # fmt: skip
    with mailbox() as box:
        nodes = standard_registry(files_root=None, entry_points=False, outside=Outside(mail=server_of(box, login=True)))
        found = ran(definition, nodes)
    assert found.visits == ["sendEmail success", "send-email success"]
    assert [delivered.message["Subject"] for delivered in box.messages] == ["Hi Ann", "Hi Ann"]
    first, second = (delivered.message["Message-ID"] for delivered in box.messages)
    assert first != second
    assert SECRET not in found.log
