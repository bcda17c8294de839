"""Nothing that this process logs has a secret of its settings in it, whoever logs it."""

from __future__ import annotations

import logging
from traceback import format_exception
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from application.redactor import Redactor
from domain.secrets import MIN_LENGTH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from interfaces.settings import Settings


def keep_secrets_out(settings: Settings) -> None:
    """From here on every line of every logger is cleaned before any handler sees it.

    For a process that is Clew's own: it sets the record factory of the logging module.
    """
    values = _values(settings)
    if not values:
        return
    redactor = Redactor(values)
    make = logging.getLogRecordFactory()

    def clean(*args: Any, **more: Any) -> logging.LogRecord:
        record = make(*args, **more)
        message = _message(record)
        if redactor.text(message) != message:
            record.msg, record.args = redactor.text(message), None
        if record.exc_info and record.exc_info[1] is not None:  # formatters take the text that is there already
            record.exc_text = redactor.text("".join(format_exception(record.exc_info[1])).rstrip())
        return record

    logging.setLogRecordFactory(clean)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - a message that does not fit its arguments: its author's fault, seen in the line
        return f"{record.msg} {record.args!r}"


def _values(settings: Settings) -> Mapping[str, str]:
    """What must not be seen, by the name that stands in its place."""
    values = {name: secret.reveal() for name, secret in settings.secrets.items()}
    values["CLEW_AI_KEY"] = settings.ai_key.reveal()
    values["CLEW_SMTP_URL"] = _password(settings.smtp_url.reveal())
    return {name: value for name, value in values.items() if len(value) >= MIN_LENGTH}


def _password(url: str) -> str:
    """The password of a URL. What is no URL is told when it is used."""
    try:
        return unquote(urlsplit(url).password or "")
    except ValueError:
        return ""
