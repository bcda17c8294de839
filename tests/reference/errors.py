"""Errors as LANGUAGE section 5 has them."""

from __future__ import annotations

from typing import Any

Json = Any


class Raised(Exception):
    """A step has an error; `keeps` says that what it wrote stays."""

    def __init__(self, error: dict[str, Any], *, keeps: bool = False) -> None:
        super().__init__(error["message"])
        self.error = error
        self.keeps = keeps


def error_object(code: str, message: str, **more: Any) -> dict[str, Any]:
    """An error object with the defaults of LANGUAGE section 5."""
    error = {"type": "runtime", "code": code, "message": message, "recoverable": False, "severity": "error"} | more
    if not error["recoverable"] and error["type"] in ("runtime", "system"):
        error["severity"] = "critical"
    return {**error, "details": more.get("details")} if "details" in more else error | {"details": None}


def returned_error(step: str, data: Json) -> dict[str, Any]:
    """The error object that a returned `error` edge with such data means."""
    if isinstance(data, dict) and isinstance(data.get("code"), str) and isinstance(data.get("message"), str):
        known = {key: data[key] for key in ("type", "recoverable", "details") if key in data}
        return error_object(data["code"], data["message"], **known)
    if isinstance(data, str) and data:
        return error_object("NODE_ERROR", data)
    return error_object("NODE_ERROR", f"{step} took error", details=data or None if isinstance(data, str) else data)


def invalid(message: str) -> Raised:
    """A bad value: a returned `error` with `INVALID_PARAMETER`."""
    return Raised(error_object("INVALID_PARAMETER", message, type="validation"), keeps=True)
