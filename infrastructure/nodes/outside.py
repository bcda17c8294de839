"""What the nodes may reach outside, and with what: the service's settings, made into values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from infrastructure.nodes.addresses import HostPatterns
    from infrastructure.nodes.ai_endpoint import AiEndpoint
    from infrastructure.nodes.mail import MailServer


class Outside(msgspec.Struct, frozen=True, kw_only=True):
    """None of a kind: the nodes that need it refuse, or keep to public addresses (`allowed`)."""

    allowed: HostPatterns | None = None
    mail: MailServer | None = None
    ai: AiEndpoint | None = None


NOTHING: Final = Outside()
