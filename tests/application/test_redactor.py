"""Taking secrets out of texts."""

from __future__ import annotations

import base64
import json
from html import escape
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.redactor import Redactor

VALUE = 's3cr/t+"<ü>&\\?'


ENCODED = [
    VALUE,
    json.dumps(VALUE)[1:-1],
    json.dumps(VALUE, ensure_ascii=False)[1:-1],
    quote(VALUE),
    quote(VALUE, safe=""),
    quote(VALUE, safe="").lower(),
    quote_plus(VALUE),
    escape(VALUE),
    base64.b64encode(VALUE.encode()).decode(),
    base64.urlsafe_b64encode(VALUE.encode()).decode(),
    base64.b64encode(b"user:" + VALUE.encode()).decode(),
    base64.b64encode(f"u:{VALUE}, and more".encode()).decode(),
    VALUE.encode().hex(),
]


@pytest.mark.parametrize("form", ENCODED)
def test_a_text_without_secrets(form: str) -> None:
    """The name in its place, whatever it was encoded for."""
    redactor = Redactor({"key": VALUE})
    cleaned = redactor.text(f"before {form} after")
    assert "[secret:key]" in cleaned
    assert cleaned.startswith("before ")
    assert cleaned.endswith(" after")
    assert form not in cleaned
    assert redactor.text("nothing of it") == "nothing of it"


@given(st.text(min_size=4, max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_no_text_keeps_a_secret(secret: str, before: str, after: str) -> None:
    """Plain, in a URL, in JSON or in base64, in whatever company."""
    redactor = Redactor({"k": secret})
    for form in (secret, quote(secret, safe="")):
        assert redactor.text(before + form + after).count("[secret:k]") >= 1
    if len(secret) >= 9:
        code = base64.b64encode((before + secret + after).encode()).decode()
        assert "[secret:k]" in redactor.text(code)


def test_a_value_without_secrets() -> None:
    """Keys, and numbers that are written as a secret, too; everything else is as it was."""
    redactor = Redactor({"pin": "4711", "word": "hunter22"})
    value = {"hunter22!": [4711, 47110, True, None, 1.5, "a4711"], "x": {"y": ("hunter22",)}}
    assert redactor.json(value) == {
        "[secret:word]!": ["[secret:pin]", 47110, True, None, 1.5, "a[secret:pin]"],
        "x": {"y": ["[secret:word]"]},
    }
    assert Redactor({}).json(value) == {"hunter22!": value["hunter22!"], "x": {"y": ["hunter22"]}}


def test_of_two_secrets_the_longer_one_counts() -> None:
    """Where one is part of the other."""
    assert Redactor({"a": "1234", "b": "12345678"}).text("x12345678 1234") == "x[secret:b] [secret:a]"
