"""The expressions of the workflow language: compiled once, evaluated against a scope, bounded, without host code."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from domain.expression_closures import Run, emit
from domain.expression_errors import InvalidExpression
from domain.expression_parser import parse
from domain.expression_tokens import MAX_SOURCE
from domain.javascript import javascript

if TYPE_CHECKING:
    from domain.scope import Scope

__all__ = ["MAX_SOURCE", "Expression", "InvalidExpression", "compile_expression", "compiled", "javascript"]

CACHED: Final = 1_024  # sources; nodes compile the texts of their parameters each time they run


class Expression:
    """A compiled expression. The same scope always gives the same value, as long as its meter has something left.

    `words` is how many it was compiled from.
    """

    __slots__ = ("_reads", "_run", "source", "words")

    def __init__(self, source: str, run: Run, reads: frozenset[str], words: int) -> None:
        self.source = source
        self.words = words
        self._run = run
        self._reads = reads

    def __repr__(self) -> str:
        return f"Expression({self.source!r})"

    def evaluate(self, scope: Scope) -> Any:
        """The value as JSON; it may be, or hold, a part of the state itself, so copy it before changing it.

        Raises StepFailure: UNDEFINED_REFERENCE for what is not there, EXPRESSION_ERROR for values that don't fit
        together and for whatever grows past a limit.
        """
        return self._run(scope, scope.meter)

    def static_reads(self) -> frozenset[str]:
        """The top-level state keys it can read; `*` when that is not known before it runs."""
        return self._reads


def compile_expression(source: str, *, names: frozenset[str] = frozenset(), path: str = "") -> Expression:
    """Compile; `names` are roots beside the usual ones, `path` the JSON Pointer of the text, for the error's details.

    Raises InvalidExpression, with the position in the source, and the name that was probably meant in the message.
    """
    try:
        return compiled(source, names)
    except InvalidExpression as error:
        error.details = {"path": path, "position": error.position}
        raise error.hinted() from error


@lru_cache(maxsize=CACHED)
def compiled(source: str, names: frozenset[str] = frozenset()) -> Expression:
    """As `compile_expression`, without details."""
    tree, words = parse(source, names)
    run, reads = emit(source, tree)
    return Expression(source, run, reads, words)
