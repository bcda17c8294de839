"""`sendEmail`: mail by SMTP."""

from __future__ import annotations

import json as layout
import smtplib
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec

from domain.durations import iso, microseconds
from domain.errors import ErrorInfo, StepFailure
from domain.node import Answer, Edge, NodeMetadata, Parameter
from infrastructure.nodes.base import LIBRARY_VERSION, LibraryNode, example, invalid, notes, taken
from infrastructure.nodes.mail import Letter, MailServer, addresses, one_line, written
from infrastructure.nodes.needs import need

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.headerregistry import Address

    from domain.context import ExecutionContext

MAX_BODY: Final = 4_194_304
"""Characters of the text of a message."""
_PEOPLE: Final = ("string", "array")
_LAYOUT: Final = layout.JSONEncoder(indent=2, ensure_ascii=False)


class SendEmail(LibraryNode):
    """Hands one message to the mail server of the settings. Runs in a thread: smtplib waits."""

    inline: ClassVar[bool] = False
    metadata = NodeMetadata(
        id="sendEmail",
        name="Send e-mail",
        version=LIBRARY_VERSION,
        description="Sends mail by SMTP.",
        example=example(
            {
                "sendEmail": {
                    "to": "$.customer.email",
                    "subject": "Your order",
                    "body": "Thank you, {{$.customer.name}}.",
                    "error?": [{"log": {"message": "{{error.message}}", "level": "error"}}],
                }
            },
            customer={"name": "Ada", "email": "ada@example.org"},
        ),
        outputs=("lastEmailSent",),
        edges=("success", "config_error"),
        effect="writes",
        gone=("google_token",),
        edge_info={
            "success": taken("the mail server took it", "messageId to subject sentAt refused?"),
            "config_error": taken(
                "there is no mail server, or nobody to send to, if the step routes it; "
                "else error. Its data is the error object"
            ),
        },
        output_info={"lastEmailSent": "The data of success."},
        notes=notes(
            """
            At least a `subject` or a `body`. Server and sender are settings of the service
            (CLEW_SMTP_URL, CLEW_SMTP_FROM). The Message-ID is the same in every attempt of a visit.

            `refused` are the recipients that the server did not take, when it took others.
            """
        ),
        parameters={
            "to": Parameter(types=_PEOPLE, required=True, description="Addresses: a text with commas, or a list."),
            "cc": Parameter(types=_PEOPLE, description="As to."),
            "bcc": Parameter(types=_PEOPLE, description="As to; nobody sees them."),
            "subject": Parameter(types=("string",), description="One line."),
            "body": Parameter(description="Text as it is; everything else as indented JSON."),
            "html": Parameter(types=("string",), description="The body once more, for readers that show HTML."),
            "replyTo": Parameter(types=_PEOPLE, description="Where answers go."),
        },
    )

    needs = (need("subject", "body"),)

    def __init__(self, server: MailServer | None = None) -> None:
        self._server = server

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Send one message."""
        if "subject" not in config and "body" not in config:
            raise invalid("sendEmail needs a subject or a body", parameter="subject")
        one_line(config.get("subject", ""), "subject")
        people = {name: addresses(config.get(name, []), name) for name in ("to", "cc", "bcc", "replyTo")}
        if self._server is None:
            message = "this service has no mail server: set CLEW_SMTP_URL and CLEW_SMTP_FROM"
            return self._unready(context, config, "EMAIL_NOT_CONFIGURED", message)
        if not people["to"]:
            return self._unready(context, config, "NO_RECIPIENT", "to holds no address")
        letter = _letter(context, config, people, self._server.sender.domain)
        recipients = [address.addr_spec for name in ("to", "cc", "bcc") for address in people[name]]
        refused = _send(self._server, letter, list(dict.fromkeys(recipients)))
        if refused:
            context.log(f"the mail server refused some recipients: {refused}")
        return _sent(context, letter, refused)

    def _unready(self, context: ExecutionContext, config: Mapping[str, Any], code: str, message: str) -> Edge:
        failure = ErrorInfo(type="configuration", code=code, message=message)
        refused = self._refused(context, config, failure)
        return Edge("config_error", refused.data) if "config_error" in context.step.routed else refused


class SendEmailDashed(SendEmail):
    """`sendEmail` under its other name."""

    metadata = msgspec.structs.replace(
        SendEmail.metadata,
        id="send-email",
        example=example(
            {"send-email": {"to": ["$.email"], "subject": "Hello", "body": "Welcome.", "error?": "$fail"}},
            email="ada@example.org",
        ),
    )


def _letter(
    context: ExecutionContext, config: Mapping[str, Any], people: Mapping[str, list[Address]], domain: str
) -> Letter:
    return Letter(
        message_id=f"<{context.idempotency_key}@{domain}>",
        sent_at=context.now(),
        to=people["to"],
        cc=people["cc"],
        reply_to=people["replyTo"],
        subject=config.get("subject", ""),
        text=_text(config.get("body")),
        html=config.get("html"),
    )


def _text(body: Any) -> str:
    """The body as text, measured while it is laid out: indenting what is nested deep makes far more of it."""
    pieces = [body or ""] if body is None or isinstance(body, str) else _LAYOUT.iterencode(body)
    text: list[str] = []
    size = 0
    for piece in pieces:
        text.append(piece)
        size += len(piece)
        if size > MAX_BODY:
            message = f"the body of a mail has at most {MAX_BODY:,} characters: send a part of it, or where it is"
            raise StepFailure(ErrorInfo(type="validation", code="MESSAGE_TOO_LARGE", message=message))
    return "".join(text)


def _sent(context: ExecutionContext, letter: Letter, refused: Mapping[str, int]) -> Edge:
    result: dict[str, Any] = {
        "messageId": letter.message_id,
        "to": [address.addr_spec for address in letter.to],
        "subject": letter.subject,
        "sentAt": iso(microseconds(letter.sent_at)),
    }
    if refused:
        result["refused"] = dict(refused)
    context.state["lastEmailSent"] = result
    return Edge("success", result)


def _send(server: MailServer, letter: Letter, recipients: list[str]) -> dict[str, int]:
    """Hand it in. What the server says to a refusal is left out of the error: it may repeat what it was told."""
    try:
        return server.send(written(letter, server.sender), recipients)
    except smtplib.SMTPRecipientsRefused as error:
        codes = {address: answer[0] for address, answer in error.recipients.items()}
        later = all(400 <= code < 500 for code in codes.values())
        raise _failed("RECIPIENTS_REFUSED", "refused every recipient", recoverable=later, details=codes) from None
    except smtplib.SMTPAuthenticationError as error:
        what = f"did not take the name and password of CLEW_SMTP_URL ({error.smtp_code})"
        raise _failed("SMTP_AUTH_FAILED", what, recoverable=400 <= error.smtp_code < 500) from None
    except smtplib.SMTPNotSupportedError:
        what = "lacks what this message needs: STARTTLS, a login, or addresses beyond ASCII"
        raise _failed("SMTP_NOT_SUPPORTED", what) from None
    except smtplib.SMTPResponseException as error:
        later = 400 <= error.smtp_code < 500 or error.smtp_code < 0
        what = f"refused the message ({error.smtp_code})"
        raise _failed(f"SMTP_{error.smtp_code}", what, recoverable=later) from None
    except (smtplib.SMTPException, OSError) as error:
        what = f"can't be reached, or broke off: {type(error).__name__}"
        raise _failed("NETWORK_ERROR", what, recoverable=True) from None


def _failed(code: str, what: str, *, recoverable: bool = False, details: Any = None) -> StepFailure:
    message = f"the mail server {what}"
    return StepFailure(ErrorInfo(code=code, message=message, recoverable=recoverable, details=details))
