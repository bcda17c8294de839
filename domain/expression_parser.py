"""From the words of an expression to its parts: one Pratt parser, bounded in depth."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from domain.expression_errors import InvalidExpression
from domain.expression_tokens import Cursor, is_name
from domain.expression_tree import (
    Binary,
    Comparison,
    Conditional,
    Filter,
    Index,
    ListOf,
    Literal,
    Logic,
    Negation,
    Node,
    Not,
    ObjectOf,
    Range,
    Reference,
    Slice,
    Test,
)
from domain.filters import FILTERS, TESTS
from domain.operators import MAX_INTEGER
from domain.paths import parse_path, unquote

if TYPE_CHECKING:
    from collections.abc import Collection

ROOTS: Final = frozenset({"input", "output", "error", "loop", "execution"})
LITERALS: Final = {"true": True, "false": False, "null": None, "none": None, "True": True, "False": False, "None": None}
KEYWORDS: Final = frozenset({"and", "or", "not", "in", "is", "if", "else"})
MAX_DEPTH: Final = 64  # brackets and prefixes inside one another

# How tightly each infix word binds. `|` and `is` take a sign and a power on their left whole: `-1 | abs` is 1.
CONDITIONAL, OR, AND, NOT, COMPARE, SUM, CONCATENATE, PRODUCT, FILTER, SIGN, POWER, POSTFIX = range(1, 13)
BINDING: Final = {
    "if": CONDITIONAL,
    "or": OR,
    "and": AND,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in", "not"), COMPARE),
    **dict.fromkeys("+-", SUM),
    "~": CONCATENATE,
    **dict.fromkeys(("*", "/", "//", "%"), PRODUCT),
    **dict.fromkeys(("|", "is"), FILTER),
    "**": POWER,
    **dict.fromkeys((".", "["), POSTFIX),
}


def parse(source: str, names: frozenset[str]) -> tuple[Node, int]:
    """(the parts of the source, how many words it has). `names` are roots beside the usual ones.

    Raises InvalidExpression.
    """
    parser = _Parser(source, names)
    tree = parser.expression()
    if parser.word:
        raise parser.unexpected()
    return tree, parser.at


class _Parser(Cursor):
    """Every method leaves the cursor behind what it has read."""

    def __init__(self, source: str, names: frozenset[str]) -> None:
        super().__init__(source)
        self.names = names
        self.depth = 0

    def expression(self, binding: int = CONDITIONAL) -> Node:
        """Everything that binds at least as tightly as `binding`."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise InvalidExpression(f"More than {MAX_DEPTH} parts inside one another.", position=self.start(self.at))
        start = self.at
        left = self.prefix(binding)
        while (found := self.binding()) >= binding:
            left = _INFIX.get(found, _Parser.binary)(self, left, start)
        self.depth -= 1
        return left

    def binding(self) -> int:
        word = self.words[self.at]
        if word == "not" and self.words[self.at + 1] != "in":
            return 0
        return BINDING.get(word, 0)

    def prefix(self, binding: int) -> Node:
        word = self.words[self.at]
        if word[:1] == "$":
            return self.path(word)
        if word == "not" and binding <= NOT:
            self.at += 1
            return Not(self.expression(NOT))
        if word == "-":
            self.at += 1
            return Negation(self.expression(SIGN))
        return self.primary(word)

    def path(self, word: str) -> Node:
        try:
            path = parse_path(word) if "[" in word else tuple(word.split(".")[1:])
        except ValueError as error:  # an escape that is none
            raise InvalidExpression(str(error), position=self.start(self.at)) from error
        found = Reference("$", path)
        self.at += 1
        if self.words[self.at] == "(":
            raise self.called()
        return found

    def primary(self, word: str) -> Node:
        first = word[:1]
        self.at += word != ""
        if "0" <= first <= "9":
            return Literal(self.number(word))
        if first in ("'", '"'):
            return Literal(self.text(word))
        match word:
            case "(":
                inside = self.expression()
                self.expect(")")
                return inside
            case "[":
                return self.list_of()
            case "{":
                return self.object_of()
        if is_name(word) and word not in KEYWORDS:
            return self.named(word)
        if word.startswith("output."):
            return Reference("output", (word.removeprefix("output."),))
        self.at -= word != ""
        raise self.unexpected("A value is missing here")

    def number(self, word: str) -> int | float:
        if word.isdigit():
            if len(word) < 20 and (whole := int(word)) <= MAX_INTEGER:
                return whole
        elif (found := float(word)) - found == 0:
            return found
        raise InvalidExpression("The number is too large.", position=self.start(self.at - 1))

    def text(self, word: str) -> str:
        try:
            return unquote(word)
        except ValueError as error:
            raise InvalidExpression(str(error), position=self.start(self.at - 1)) from error

    def named(self, name: str) -> Node:
        if name not in self.names:
            if name in LITERALS:
                return Literal(LITERALS[name])
            if name == "range" and self.take("("):
                return self.range(self.at - 2)
            if name not in ROOTS:
                raise self.unknown(name)
        return Reference(name, ())

    def unknown(self, name: str) -> InvalidExpression:
        known = ROOTS | self.names | LITERALS.keys() | {"range"}
        if self.word == "(":
            message = f"`{name}` is not a function: there is none but `range`."
        else:
            roots = ", ".join(f"`{root}`" for root in sorted(ROOTS | self.names))
            message = f"`{name}` is not known here. The state key is `$.{name}`; the other roots are {roots}."
        return InvalidExpression(message, position=self.start(self.at - 1), meant=name, known=known)

    def range(self, start: int) -> Node:
        bounds = self.items(")")
        if not 1 <= len(bounds) <= 3:
            message = "`range` takes a stop, or a start and a stop, or these and a step."
            raise InvalidExpression(message, position=self.start(start))
        return Range(bounds)

    def items(self, closing: str) -> tuple[Node, ...]:
        """Values between commas, up to the bracket; a comma may stand after the last."""
        found: list[Node] = []
        while not self.take(closing):
            found.append(self.expression())
            if not self.take(","):
                self.expect(closing)
                break
        return tuple(found)

    def list_of(self) -> Node:
        items = self.items("]")
        if all(type(item) is Literal for item in items):
            return Literal([item.value for item in items if type(item) is Literal])
        return ListOf(items)

    def object_of(self) -> Node:
        keys: list[Node] = []
        values: list[Node] = []
        while not self.take("}"):
            keys.append(self.expression())
            self.expect(":")
            values.append(self.expression())
            if not self.take(","):
                self.expect("}")
                break
        return ObjectOf(tuple(keys), tuple(values))

    def binary(self, left: Node, _start: int) -> Node:
        operator = self.next()
        binding = BINDING[operator]
        # a power takes what follows whole: 2 ** 3 ** 2 is 2 ** 9; everything else groups to the left
        return Binary(operator, left, self.expression(binding if operator == "**" else binding + 1))

    def logic(self, left: Node, _start: int) -> Node:
        operator = self.word
        operands = [left]
        while self.take(operator):
            operands.append(self.expression(BINDING[operator] + 1))
        return Logic(operator, tuple(operands))

    def comparison(self, left: Node, _start: int) -> Node:
        operators: list[str] = []
        operands = [left]
        while self.binding() == COMPARE:
            operator = self.next()
            if operator == "not":
                self.expect("in")
                operator = "not in"
            operators.append(operator)
            operands.append(self.expression(COMPARE + 1))
        return Comparison(tuple(operators), tuple(operands))

    def conditional(self, chosen: Node, start: int) -> Node:
        self.expect("if")
        condition = self.expression(OR)
        otherwise = self.expression() if self.take("else") else None
        return Conditional(chosen, condition, otherwise, (start, self.at - 1))

    def postfix(self, base: Node, start: int) -> Node:
        key = self.attribute() if self.take(".") else self.subscript()
        if self.words[self.at] == "(":
            raise self.called()
        if isinstance(key, tuple):
            return Slice(base, key)
        if isinstance(base, Reference) and isinstance(key, Literal) and _is_key(key.value):
            return Reference(base.root, (*base.path, key.value))
        return Index(base, key, (start, self.at - 1))

    def called(self) -> InvalidExpression:
        message = "Nothing can be called but `range`. Use a filter: `| name`."
        return InvalidExpression(message, position=self.start(self.at))

    def attribute(self) -> Node:
        if not is_name(self.word):
            raise self.unexpected("A key is missing after `.`; an index is written `[0]`, any other key `['any key']`")
        return Literal(self.next())

    def subscript(self) -> Node | tuple[Node, Node, Node]:
        self.expect("[")
        parts: list[Node] = [Literal(None)]
        while not self.take("]"):
            if self.take(":"):
                parts.append(Literal(None))
                continue
            if not (isinstance(parts[-1], Literal) and parts[-1].value is None):
                raise self.unexpected("`]` is missing here")
            parts[-1] = self.expression()
        if len(parts) > 3 or (len(parts) == 1 and self.words[self.at - 2] == "["):
            raise self.unexpected("A key, an index or a slice `[first:last:step]` is missing before this")
        if len(parts) == 1:
            return parts[0]
        return parts[0], parts[1], parts[2] if len(parts) == 3 else Literal(None)

    def filtered(self, value: Node, start: int) -> Node:
        return self.test(value) if self.next() == "is" else self.filter(value, start)

    def filter(self, value: Node, start: int) -> Node:
        name = self.known(FILTERS, "filter")
        args: list[Node] = []
        keys: list[str] = []
        named: list[Node] = []
        if self.take("("):
            self.arguments(args, keys, named)
        self.check_name(name, args, start)
        return Filter(name, value, tuple(args), tuple(keys), tuple(named), (start, self.at - 1))

    def arguments(self, args: list[Node], keys: list[str], named: list[Node]) -> None:
        while not self.take(")"):
            if self.words[self.at + 1 : self.at + 2] == ["="] and is_name(self.word):
                if self.word in keys:
                    raise self.unexpected("This argument is given twice")
                keys.append(self.next())
                self.expect("=")
                named.append(self.expression())
            elif keys:
                raise self.unexpected("An argument without a name can't follow one with a name")
            else:
                args.append(self.expression())
            if not self.take(","):
                self.expect(")")
                break

    def check_name(self, name: str, args: list[Node], start: int) -> None:
        """Filters that take the name of a filter or test: a wrong one is known before anything runs."""
        place = {"map": 0, "select": 0, "reject": 0, "selectattr": 1, "rejectattr": 1}.get(name, len(args))
        given = args[place] if place < len(args) else None
        known = FILTERS if name == "map" else TESTS
        if isinstance(given, Literal) and isinstance(given.value, str) and given.value not in known:
            message = f"`{name}` names `{given.value[:40]}`, which is no {'filter' if name == 'map' else 'test'}."
            raise InvalidExpression(message, position=self.start(start), meant=given.value, known=known)

    def test(self, value: Node) -> Node:
        negated = self.take("not")
        name = self.known(TESTS, "test")
        args: tuple[Node, ...] = ()
        if self.take("("):
            args = self.items(")")
        elif self.word in ("[", *LITERALS) or self.word[:1] in _BEGIN_A_VALUE or self.word.startswith("output."):
            args = (self.expression(POSTFIX),)
        test = Test(name, value, args)
        return Not(test) if negated else test

    def known(self, names: Collection[str], what: str) -> str:
        if not is_name(self.word):
            raise self.unexpected(f"The name of a {what} is missing here")
        name = self.next()
        if name not in names:
            message = f"`{name[:40]}` is not a {what}."
            raise InvalidExpression(message, position=self.start(self.at - 1), meant=name, known=names)
        return name


_INFIX: Final[dict[int, Callable[[_Parser, Node, int], Node]]] = {
    CONDITIONAL: _Parser.conditional,
    OR: _Parser.logic,
    AND: _Parser.logic,
    COMPARE: _Parser.comparison,
    POSTFIX: _Parser.postfix,
    FILTER: _Parser.filtered,
}
_BEGIN_A_VALUE: Final = frozenset("0123456789'\"$")


def _is_key(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool) and value >= 0)
