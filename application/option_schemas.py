"""The engine's options of a step and the settings of a workflow, as JSON Schema (draft-07)."""

from __future__ import annotations

from typing import Any, Final

from domain.options import BREAKER, MAX_FAILURES, MOST_PRIORITY, OPTIONS, SETTINGS
from domain.outline import NAME
from domain.retrying import GROWTH, KEYS, MAX_ATTEMPTS, MAX_GROWTH
from domain.versions import NAMED

Schema = dict[str, Any]

DURATION: Final[Schema] = {
    "description": "Milliseconds, or a text: 250ms, 90s, 5m, 2h, 1d, or ISO 8601 such as PT5M.",
    "anyOf": [
        {"type": "number", "minimum": 0},
        {"type": "string", "pattern": r"^\s*(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h|d)|P[0-9T][0-9WDTHMS.]*)\s*$"},
    ],
}
_DURATION: Final[Schema] = {"$ref": "#/definitions/duration"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 1}

_RETRY_FORMS: Final[dict[str, Schema]] = {
    "maxAttempts": {
        **_COUNT,
        "maximum": MAX_ATTEMPTS,
        "default": 3,
        "description": "Attempts, the first one included.",
    },
    "delay": {"allOf": [_DURATION], "default": "1s", "description": "Before the second attempt."},
    "backoff": {
        "anyOf": [{"enum": list(GROWTH)}, {"type": "number", "minimum": 1, "maximum": MAX_GROWTH}],
        "default": "exponential",
        "description": "How the delay grows: a word, or the factor.",
    },
    "maxDelay": {"allOf": [_DURATION], "default": "5m", "description": "The longest delay."},
    "jitter": {
        "anyOf": [{"type": "boolean"}, {"type": "number", "minimum": 0, "maximum": 1}],
        "default": 0,
        "description": "The part of a delay that chance may take away.",
    },
    "nonRetryable": {
        "type": "array",
        "items": {"type": "string"},
        "description": "Codes of errors that are not tried again.",
    },
    "exhausted": {
        "enum": ["fail", "pause"],
        "default": "fail",
        "description": "What follows the last attempt; a pause is for a person to look.",
    },
}
RETRY: Final[Schema] = {
    "description": "How often and when a failed visit is tried again.",
    "type": "object",
    "properties": {key: _RETRY_FORMS.get(key, {}) for key in KEYS},
    "additionalProperties": False,
}
_BREAKER_FORMS: Final[dict[str, Schema]] = {
    "failures": {**_COUNT, "maximum": MAX_FAILURES, "default": 5, "description": "In a row."},
    "cooldown": {"allOf": [_DURATION], "default": "30s", "description": "Until it is tried once."},
}
BREAKER_FORM: Final[Schema] = {
    "description": "After how many failures the node is left alone, and for how long.",
    "type": "object",
    "properties": {key: _BREAKER_FORMS.get(key, {}) for key in BREAKER},
    "additionalProperties": False,
}

_OPTION_FORMS: Final[dict[str, Schema]] = {
    "$node": {
        "anyOf": [{"$ref": "#/definitions/node"}, {"type": "string", "pattern": f"^{NAME.pattern}@{NAMED.pattern}$"}],
        "description": "The node that this step runs; the key is then only the step's name. "
        "`@1.2`: of this major version, and not older.",
    },
    "$retry": {"$ref": "#/definitions/retry"},
    "$timeout": {"allOf": [_DURATION], "description": "How long one attempt may take."},
    "$output": {
        "anyOf": [{"type": "string", "minLength": 1}, {"const": False}],
        "description": "The state key of the edge data, instead of <step>_output; false: none.",
    },
    "$locks": {
        "type": "array",
        "items": {"type": "string"},
        "description": "State paths, such as $.stock, that one step at a time may use.",
    },
    "$onCrash": {
        "enum": ["again", "fail", "pause"],
        "default": "again",
        "description": "What a crash in the middle of a visit means.",
    },
    "$maxIterations": {**_COUNT, "default": 1_000, "description": "Most passes of one entry into this loop."},
    "$concurrency": {**_COUNT, "default": 1, "description": "How many passes of an each... run together."},
    "$breaker": {"$ref": "#/definitions/breaker"},
}
_SETTING_FORMS: Final[dict[str, Schema]] = {
    "timeout": {"allOf": [_DURATION], "description": "How long an attempt of a step may take."},
    "retry": {"$ref": "#/definitions/retry"},
    "maxSteps": {**_COUNT, "description": "Most visits of one run."},
    "maxIterations": {**_COUNT, "description": "Most passes of one entry into a loop."},
    "onCriticalError": {
        "enum": ["fail", "rollback"],
        "default": "fail",
        "description": "rollback: return to the last snapshot before failing.",
    },
    "priority": {
        "type": "integer",
        "minimum": -MOST_PRIORITY,
        "maximum": MOST_PRIORITY,
        "default": 0,
        "description": "When not all can run at once, the higher runs first.",
    },
    "budget": {
        "description": "What the steps of one execution may spend in all; a number is a cost.",
        "anyOf": [
            {"type": "number", "exclusiveMinimum": 0},
            {
                "type": "object",
                "properties": {
                    "cost": {"type": "number", "exclusiveMinimum": 0},
                    "tokens": {"type": "integer", "minimum": 1},
                },
                "additionalProperties": False,
                "minProperties": 1,
            },
        ],
    },
}


def option_forms() -> dict[str, Schema]:
    """A schema for each `$option` of a step."""
    return {name: _OPTION_FORMS.get(name, {}) for name in OPTIONS}


def setting_forms() -> dict[str, Schema]:
    """A schema for each of a workflow's `settings`."""
    return {name: _SETTING_FORMS.get(name, {}) for name in SETTINGS}
