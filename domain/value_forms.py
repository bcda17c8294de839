"""What a value of a definition can be once compiled: constant, referring, computed, a template, or made of these."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final

from domain import json
from domain.bounds import as_text
from domain.errors import StepFailure
from domain.expression_errors import UNDEFINED_REFERENCE
from domain.references import required
from domain.templates import MAX_TEXT, joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from domain.expressions import Expression
    from domain.paths import Path
    from domain.scope import Scope

LARGE: Final = 16_384  # bytes of a literal
NO_READS: Final[frozenset[str]] = frozenset()


class Value(ABC):
    """A value as an author wrote it; `constant` if it holds no reference, expression or template anywhere inside."""

    __slots__ = ()
    constant: ClassVar[bool] = False

    @abstractmethod
    def resolve(self, scope: Scope, warnings: list[str]) -> Any:
        """The JSON value in this scope; what people should know goes to `warnings`.

        Constants come as fresh copies. A reference may give the state's own object: copy it before changing it.
        Raises StepFailure: UNDEFINED_REFERENCE, EXPRESSION_ERROR.
        """

    def static_reads(self) -> frozenset[str]:
        """The top-level state keys it can read; `*` when that is not known before it runs."""
        return NO_READS


class Constant(Value):
    """A number, text, boolean, null, list or object that is meant literally."""

    __slots__ = ("value",)
    constant = True

    def __init__(self, value: Any) -> None:
        self.value = value

    def resolve(self, scope: Scope, warnings: list[str]) -> Any:
        """A fresh copy."""
        return copy_json(self.value)


class Referring(Value):
    """The typed value that a path finds in the state."""

    __slots__ = ("_find", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        self._find = required("$", path)

    def resolve(self, scope: Scope, warnings: list[str]) -> Any:
        """What the path finds in the state, itself."""
        return self._find(scope)

    def static_reads(self) -> frozenset[str]:
        """The first key of the path."""
        first = self.path[0] if self.path else "*"
        return frozenset((first if isinstance(first, str) else "*",))


class Computed(Value):
    """The typed result of an expression."""

    __slots__ = ("expression",)

    def __init__(self, expression: Expression) -> None:
        self.expression = expression

    def resolve(self, scope: Scope, warnings: list[str]) -> Any:
        """The result of the expression."""
        return self.expression.evaluate(scope)

    def static_reads(self) -> frozenset[str]:
        """What the expression reads."""
        return self.expression.static_reads()


class Template(Value):
    """A text with expressions in it. One that is undefined becomes the empty text, with a warning."""

    __slots__ = ("_pieces",)

    def __init__(self, pieces: tuple[str | Expression, ...]) -> None:
        self._pieces = pieces

    def resolve(self, scope: Scope, warnings: list[str]) -> Any:
        """The text; EXPRESSION_ERROR when it grows past MAX_TEXT."""
        left = MAX_TEXT
        pieces: list[str] = []
        for piece in self._pieces:
            pieces.append(piece if isinstance(piece, str) else _filled(piece, scope, warnings))
            left -= len(pieces[-1])
            if left < 0:
                break  # `joined` refuses it; the rest need not be computed
        return joined(pieces)

    def static_reads(self) -> frozenset[str]:
        """What its expressions read."""
        return _everything(piece.static_reads() for piece in self._pieces if not isinstance(piece, str))


class ListOf(Value):
    """A list with something to resolve in it: `_holes` says at which indexes of the constant rest."""

    __slots__ = ("_holes", "_rest")

    def __init__(self, rest: list[Any], holes: tuple[tuple[int, Value], ...]) -> None:
        self._rest = rest
        self._holes = holes

    def resolve(self, scope: Scope, warnings: list[str]) -> Any:
        """The list, its elements resolved in order."""
        found: list[Any] = copy_json(self._rest)
        for at, value in self._holes:
            found[at] = value.resolve(scope, warnings)
        return found

    def static_reads(self) -> frozenset[str]:
        """What its elements read."""
        return _everything(value.static_reads() for _, value in self._holes)


class ObjectOf(Value):
    """An object with something to resolve in it, under the keys of `_holes`; keys are meant literally."""

    __slots__ = ("_holes", "_rest")

    def __init__(self, rest: dict[str, Any], holes: tuple[tuple[str, Value], ...]) -> None:
        self._rest = rest
        self._holes = holes

    def resolve(self, scope: Scope, warnings: list[str]) -> Any:
        """The object, its values resolved in order."""
        found: dict[str, Any] = copy_json(self._rest)
        for key, value in self._holes:
            found[key] = value.resolve(scope, warnings)
        return found

    def static_reads(self) -> frozenset[str]:
        """What its values read."""
        return _everything(value.static_reads() for _, value in self._holes)


class Lenient(Value):
    """A value that is null, with a warning, where it is undefined."""

    __slots__ = ("_value",)

    def __init__(self, value: Value) -> None:
        self._value = value

    def resolve(self, scope: Scope, warnings: list[str]) -> Any:
        """The value, or null where it is undefined."""
        try:
            return self._value.resolve(scope, warnings)
        except StepFailure as failure:
            if failure.code != UNDEFINED_REFERENCE:
                raise
            warnings.append(f"{failure.message} It is null here.")
            return None

    def static_reads(self) -> frozenset[str]:
        """What the value inside reads."""
        return self._value.static_reads()


def combined(value: Any, holes: list[tuple[Any, Value]], changed: dict[Any, Any]) -> Any:
    """The list or object with holes in it, or, if there are none, plain JSON: itself, where nothing is `changed`."""
    if not holes and not changed:
        return value
    rest = dict(value) if isinstance(value, dict) else list(value)
    for key, part in changed.items():
        rest[key] = part
    for key, _ in holes:
        rest[key] = None
    if not holes:
        return rest
    return ObjectOf(rest, tuple(holes)) if isinstance(rest, dict) else ListOf(rest, tuple(holes))


def literals(values: Mapping[str, Value]) -> dict[str, Any]:
    """Those of the values that are constants, themselves and not copies: only to be looked at.

    Large ones are left out: whoever looks at literals is to be done at once.
    """
    found = {name: value.value for name, value in values.items() if isinstance(value, Constant)}
    return {name: value for name, value in found.items() if not _is_large(value)}


def has_large_literals(values: Iterable[Value]) -> bool:
    """Whether `literals` leaves some out."""
    return any(isinstance(value, Constant) and _is_large(value.value) for value in values)


def _is_large(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) > LARGE
    return isinstance(value, list | dict) and len(json.encode(value)) > LARGE


def copy_json(value: Any) -> Any:
    """A copy that shares no list and no object with the original."""
    if type(value) is dict:
        return {key: copy_json(each) for key, each in value.items()}
    return [copy_json(each) for each in value] if type(value) is list else value


def _filled(expression: Expression, scope: Scope, warnings: list[str]) -> str:
    try:
        return as_text(expression.evaluate(scope))
    except StepFailure as failure:
        if failure.code != UNDEFINED_REFERENCE:
            raise
        warnings.append(f"{failure.message} It is the empty text in the template.")
        return ""


def _everything(reads: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*reads)
