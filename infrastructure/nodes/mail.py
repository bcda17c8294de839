"""Mail: the server that takes it, and messages that say only what their fields say."""

from __future__ import annotations

import re
import smtplib
import ssl
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from infrastructure.nodes.base import invalid

MAX_RECIPIENTS: Final = 100
MAX_HEADER_LENGTH: Final = 2_000
SMTP_TIMEOUT_S: Final = 20.0
"""Of each answer of the server, so that a thread is not held for ever."""
_PARTS: Final = re.compile(r'(?:"[^"]*"|[^",]|")+')
"""What stands between commas, but for those in quotes."""
_SPEC: Final = re.compile(r"""(?P<user>[^\s@<>()\[\]:;,"\\]{1,64})@(?P<host>[^\s@<>()\[\]:;,"\\]{1,255})""")
_PORTS: Final = {"smtp": 25, "smtps": 465}


class MailServer:
    """Where mail is handed in, and who it is from. Its password is in no text made of it."""

    def __init__(self, url: str, sender: str) -> None:
        """From `smtp://user:secret@host:port?starttls` (`smtps://`: TLS from the start) and the sender's address.

        Raises ValueError, with a sentence that repeats nothing of the URL.
        """
        try:
            parts = urlsplit(url)
            self.host, self.port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
        except ValueError:
            raise ValueError(_NOT_A_SERVER) from None  # its message may hold the password
        options = parse_qs(parts.query, keep_blank_values=True)
        if parts.scheme not in _PORTS or not self.host or parts.path not in ("", "/") or set(options) - {"starttls"}:
            raise ValueError(_NOT_A_SERVER)
        self.tls = parts.scheme == "smtps"
        self.starttls = "starttls" in options
        self.sender = _sender(sender)
        self._user, self._secret = unquote(parts.username or ""), unquote(parts.password or "")

    def __repr__(self) -> str:
        return f"MailServer({self.host}:{self.port})"

    def send(self, message: EmailMessage, recipients: list[str]) -> dict[str, int]:
        """Hand a message in. Gives the recipients that were refused while others were not, with the server's code.

        Raises smtplib.SMTPException or OSError.
        """
        with self._connected() as smtp:
            if self.starttls:
                smtp.starttls(context=ssl.create_default_context())
            if self._user:
                smtp.login(self._user, self._secret)
            refused = smtp.send_message(message, from_addr=self.sender.addr_spec, to_addrs=recipients)
        return {address: answer[0] for address, answer in refused.items()}

    def _connected(self) -> smtplib.SMTP:
        name = self.sender.domain  # what it would find by itself is the machine's name, after a look-up of any length
        if not self.tls:
            return smtplib.SMTP(self.host, self.port, local_hostname=name, timeout=SMTP_TIMEOUT_S)
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(self.host, self.port, local_hostname=name, timeout=SMTP_TIMEOUT_S, context=context)


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A message before it is written: addresses as `addresses` gives them."""

    message_id: str
    sent_at: datetime
    to: list[Address]
    cc: list[Address]
    reply_to: list[Address]
    subject: str
    text: str
    html: str | None


def written(letter: Letter, sender: Address) -> EmailMessage:
    """The message. Those in blind copy are not in it."""
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = letter.to
    for name, found in (("Cc", letter.cc), ("Reply-To", letter.reply_to)):
        if found:
            message[name] = found
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(letter.sent_at)
    message["Message-ID"] = letter.message_id
    message.set_content(letter.text)
    if letter.html is not None:
        message.add_alternative(letter.html, subtype="html")
    return message


def addresses(value: Any, parameter: str) -> list[Address]:
    """The addresses in a text (separated by commas) or a list of texts. Raises `INVALID_PARAMETER`."""
    texts = value if isinstance(value, list) else [value]
    found: list[Address] = []
    for text in texts:
        if not isinstance(text, str):
            raise invalid(f"{parameter} holds texts only", parameter=parameter)
        found.extend(_addresses(one_line(text, parameter), parameter))
        if len(found) > MAX_RECIPIENTS:
            raise invalid(f"{parameter} has more than {MAX_RECIPIENTS} addresses", parameter=parameter)
    return found


def one_line(text: str, parameter: str) -> str:
    """The text itself, if it can stand in a header: a line break would begin a header of the sender's choosing."""
    if any(not character.isprintable() and character != "\t" for character in text):
        raise invalid(f"{parameter} holds a line break or another control character", parameter=parameter)
    if len(text) > MAX_HEADER_LENGTH:
        raise invalid(f"{parameter} is longer than {MAX_HEADER_LENGTH} characters", parameter=parameter)
    return text


def _addresses(text: str, parameter: str) -> list[Address]:
    found = [_address(part.strip()) for part in _PARTS.findall(text) if part.strip()]
    addresses = [address for address in found if address is not None]
    if len(addresses) < len(found) or (text.strip() and not found):
        raise invalid(f"{parameter}: {text[:80]!r} holds what is no e-mail address", parameter=parameter)
    return addresses


def _address(text: str) -> Address | None:
    """One `user@host` or `Name <user@host>`. The standard library's own parser fails on some texts in ways of its own."""
    name, opened, rest = text.removesuffix(">").rpartition("<") if text.endswith(">") else ("", "", text)
    name = name.strip()
    if opened and len(name) > 1 and name[0] == name[-1] == '"':
        name = name[1:-1]
    spec = _SPEC.fullmatch(rest.strip())
    if spec is None or not set(name).isdisjoint('<>"\\'):
        return None
    return Address(name, spec["user"], spec["host"])


def _sender(text: str) -> Address:
    found = _address(text.strip()) if text.isprintable() else None
    if found is None or not found.addr_spec.isascii():
        raise ValueError("the sender of mail is one address, such as clew@example.org or Clew <clew@example.org>")
    return found


_NOT_A_SERVER: Final = "a mail server is smtp://user:secret@host:port?starttls or smtps://user:secret@host:port"
