"""The service's language model: where it is asked, with which key, and what its tokens cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import httpx2
import msgspec

from application.redactor import Redactor
from infrastructure.nodes.addresses import HostPatterns

MIN_SECRET_KEY: Final = 12
"""Characters of a key that is looked for in answers: a shorter one is a word such as `ollama`, and no secret."""
_TOKENS_PRICED: Final = 1_000_000


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of a million tokens, in whatever currency the settings mean."""

    input: float
    output: float

    @property
    def of_one_output(self) -> float:
        """Of one token of an answer."""
        return self.output / _TOKENS_PRICED


class AiEndpoint:
    """An OpenAI-compatible endpoint. Its key is in no text made of it."""

    def __init__(
        self,
        url: str,
        *,
        key: str = "",
        model: str = "",
        hosts: Sequence[str] = (),
        prices: Mapping[str, Price] | None = None,
    ) -> None:
        """`url` is up to and with its version (`https://host/v1`); `hosts` are where a definition's `baseUrl` may point,
        with the same key; `prices` are by model. Raises ValueError, with a sentence.
        """
        self.url = _base(url)
        self.model = model
        if not key.isascii() or not key.isprintable() or key != key.strip():
            raise ValueError("the key of the AI endpoint holds what no HTTP header can hold")
        self._key = key
        self.redactor = Redactor({"CLEW_AI_KEY": key} if len(key) >= MIN_SECRET_KEY else {})
        """Takes the key out of what a server repeats."""
        self._hosts = HostPatterns(hosts)
        self._prices = dict(prices or {})
        parsed = httpx2.URL(self.url)
        own = f"[{parsed.host}]" if ":" in parsed.host else parsed.host
        self.allowed = HostPatterns([*hosts, f"{own}:{_port(parsed)}"])
        """What may be connected to, private or not: the settings have named it."""

    def __repr__(self) -> str:
        return f"AiEndpoint({self.url})"

    def base(self, wanted: str | None) -> str | None:
        """The base URL to ask: the setting's, or the wanted one if settings allow its host; else None."""
        if wanted is None:
            return self.url
        try:
            found = _base(wanted)
        except ValueError:
            return None
        parsed = httpx2.URL(found)
        return found if found == self.url or self._hosts.name(parsed.host, _port(parsed)) else None

    def headers(self) -> tuple[tuple[str, str], ...]:
        """What says who asks."""
        return (("Authorization", f"Bearer {self._key}"),) if self._key else ()

    def price(self, model: str) -> Price | None:
        """What a model costs, if the settings say so."""
        return self._prices.get(model)

    def cost(self, model: str, prompt_tokens: int | None, completion_tokens: int | None) -> float | None:
        """What an answer cost; None when the price of the model, or a count, is not known."""
        price = self._prices.get(model)
        if price is None or prompt_tokens is None or completion_tokens is None:
            return None
        return round((price.input * prompt_tokens + price.output * completion_tokens) / _TOKENS_PRICED, 9)


def _base(text: str) -> str:
    problem = "the URL of an AI endpoint is http(s)://host/path, without name, password, query or fragment"
    try:
        url = httpx2.URL(text.strip())
    except (httpx2.InvalidURL, UnicodeError, ValueError) as error:
        raise ValueError(problem) from error
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
        raise ValueError(problem)
    return str(url).rstrip("/")


def _port(url: httpx2.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)
