"""From the words of an expression to its parts: one Pratt parser, bounded in depth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from domain.expression_errors import InvalidExpression
from domain.expression_tokens import Cursor, Token
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
    walk,
)
from domain.filters import FILTERS, TESTS
from domain.operators import MAX_INTEGER
from domain.paths import unquote
from domain.problems import nearest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOTS: Final = frozenset({"input", "output", "error", "loop", "execution"})
LITERALS: Final = {"true": True, "false": False, "null": None, "none": None, "True": True, "False": False, "None": None}
KEYWORDS: Final = frozenset({"and", "or", "not", "in", "is", "if", "else"})
MAX_DEPTH: Final = 64  # brackets and prefixes inside one another
MAX_TREE_DEPTH: Final = 100  # parts inside one another, as in `1 + 1 + …`: each costs Python calls when it is evaluated

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


def parse(source: str, names: frozenset[str]) -> Node:
    """The parts of the source; `names` are roots beside the usual ones. Raises InvalidExpression."""
    parser = _Parser(source, names)
    tree = parser.expression()
    if parser.token.kind != "end":
        raise parser.unexpected()
    if any(depth > MAX_TREE_DEPTH for _, depth in walk(tree)):
        raise InvalidExpression(
            f"The expression has more than {MAX_TREE_DEPTH} parts inside one another. Compute it in several steps.",
            position=0,
        )
    return tree


class _Parser(Cursor):
    """Every method leaves the cursor behind what it has read."""

    def __init__(self, source: str, names: frozenset[str]) -> None:
        super().__init__(source)
        self.names = names
        self.depth = 0
        self.infix: dict[int, Callable[[Node, int], Node]] = {
            CONDITIONAL: self.conditional,
            OR: self.logic,
            AND: self.logic,
            COMPARE: self.comparison,
            POSTFIX: self.postfix,
            FILTER: self.filtered,
        }

    def expression(self, binding: int = CONDITIONAL) -> Node:
        """Everything that binds at least as tightly as `binding`."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise InvalidExpression(f"More than {MAX_DEPTH} parts inside one another.", position=self.token.start)
        start = self.token.start
        left = self.prefix(binding)
        while (found := self.binding()) >= binding:
            left = self.infix.get(found, self.binary)(left, start)
        self.depth -= 1
        return left

    def binding(self) -> int:
        token = self.token
        if token.text == "not" and self.words[self.at + 1].text != "in":
            return 0
        return BINDING.get(token.text, 0) if token.kind in ("sign", "name") else 0

    def prefix(self, binding: int) -> Node:
        if binding <= NOT and self.take("not"):
            return Not(self.expression(NOT))
        if self.take("-"):
            return Negation(self.expression(SIGN))
        return self.primary()

    def primary(self) -> Node:
        token = self.next()
        match token.kind:
            case "number":
                return Literal(self.number(token))
            case "text":
                return Literal(self.text(token))
            case "output":
                return Reference("output", (token.text.removeprefix("output."),))
            case "name" if token.text not in KEYWORDS:
                return self.named(token)
        match token.text:
            case "$":
                return Reference("$", ())
            case "(":
                inside = self.expression()
                self.expect(")")
                return inside
            case "[":
                return ListOf(self.items("]"))
            case "{":
                return self.object()
        self.back(token)
        raise self.unexpected("A value is missing here")

    def number(self, token: Token) -> int | float:
        if token.text.isdigit():
            if len(token.text) < 20 and (whole := int(token.text)) <= MAX_INTEGER:
                return whole
        elif (found := float(token.text)) - found == 0:
            return found
        raise InvalidExpression("The number is too large.", position=token.start)

    def text(self, token: Token) -> str:
        try:
            return unquote(token.text)
        except ValueError as error:
            raise InvalidExpression(str(error), position=token.start) from error

    def named(self, token: Token) -> Node:
        name = token.text
        if name not in self.names:
            if name in LITERALS:
                return Literal(LITERALS[name])
            if name == "range" and self.take("("):
                return self.range(token)
            if name not in ROOTS:
                raise self.unknown(token)
        return Reference(name, ())

    def unknown(self, token: Token) -> InvalidExpression:
        known = ROOTS | self.names | LITERALS.keys() | {"range"}
        if self.token.text == "(":
            message = f"`{token.text}` is not a function: there is none but `range`."
        else:
            roots = ", ".join(f"`{root}`" for root in sorted(ROOTS | self.names))
            message = (
                f"`{token.text}` is not known here. The state key is `$.{token.text}`; the other roots are {roots}."
            )
        return InvalidExpression(message, position=token.start, nearest=nearest(token.text, known))

    def range(self, token: Token) -> Node:
        bounds = self.items(")")
        if not 1 <= len(bounds) <= 3:
            raise InvalidExpression(
                "`range` takes a stop, or a start and a stop, or these and a step.", position=token.start
            )
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

    def object(self) -> Node:
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
        operator = self.next().text
        binding = BINDING[operator]
        # a power takes what follows whole: 2 ** 3 ** 2 is 2 ** 9; everything else groups to the left
        return Binary(operator, left, self.expression(binding if operator == "**" else binding + 1))

    def logic(self, left: Node, _start: int) -> Node:
        operator = self.token.text
        operands = [left]
        while self.take(operator):
            operands.append(self.expression(BINDING[operator] + 1))
        return Logic(operator, tuple(operands))

    def comparison(self, left: Node, _start: int) -> Node:
        operators: list[str] = []
        operands = [left]
        while self.binding() == COMPARE:
            operator = self.next().text
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
        return Conditional(chosen, condition, otherwise, self.written(start))

    def postfix(self, base: Node, start: int) -> Node:
        key = self.attribute() if self.take(".") else self.subscript()
        if self.token.text == "(" and self.token.kind == "sign":
            raise InvalidExpression(
                "Nothing can be called but `range`. Use a filter: `| name`.", position=self.token.start
            )
        if isinstance(key, tuple):
            return Slice(base, key)
        if isinstance(base, Reference) and isinstance(key, Literal) and _is_key(key.value):
            return Reference(base.root, (*base.path, key.value))
        return Index(base, key, self.written(start))

    def attribute(self) -> Node:
        token = self.next()
        if token.kind != "name":
            self.back(token)
            raise self.unexpected("A key is missing after `.`; an index is written `[0]`, any other key `['any key']`")
        return Literal(token.text)

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
        if len(parts) > 3 or (len(parts) == 1 and self.words[self.at - 2].text == "["):
            raise self.unexpected("A key, an index or a slice `[first:last:step]` is missing before this")
        if len(parts) == 1:
            return parts[0]
        return parts[0], parts[1], parts[2] if len(parts) == 3 else Literal(None)

    def filtered(self, value: Node, start: int) -> Node:
        return self.test(value) if self.next().text == "is" else self.filter(value, start)

    def filter(self, value: Node, start: int) -> Node:
        name = self.known(FILTERS, "filter")
        args: list[Node] = []
        keys: list[str] = []
        named: list[Node] = []
        if self.take("("):
            self.arguments(args, keys, named)
        self.check_name(name, args, position=start)
        return Filter(name, value, tuple(args), tuple(keys), tuple(named), self.written(start))

    def arguments(self, args: list[Node], keys: list[str], named: list[Node]) -> None:
        while not self.take(")"):
            if self.token.kind == "name" and self.words[self.at + 1].text == "=":
                if self.token.text in keys:
                    raise self.unexpected("This argument is given twice")
                keys.append(self.next().text)
                self.expect("=")
                named.append(self.expression())
            elif keys:
                raise self.unexpected("An argument without a name can't follow one with a name")
            else:
                args.append(self.expression())
            if not self.take(","):
                self.expect(")")
                break

    def check_name(self, name: str, args: list[Node], *, position: int) -> None:
        """Filters that take the name of a filter or test: a wrong one is known before anything runs."""
        place = {"map": 0, "select": 0, "reject": 0, "selectattr": 1, "rejectattr": 1}.get(name, len(args))
        given = args[place] if place < len(args) else None
        known = FILTERS if name == "map" else TESTS
        if isinstance(given, Literal) and isinstance(given.value, str) and given.value not in known:
            raise InvalidExpression(
                f"`{name}` names `{given.value[:40]}`, which is no {'filter' if name == 'map' else 'test'}.",
                position=position,
                nearest=nearest(given.value, known),
            )

    def test(self, value: Node) -> Node:
        negated = self.take("not")
        name = self.known(TESTS, "test")
        args: tuple[Node, ...] = ()
        if self.take("("):
            args = self.items(")")
        elif self.token.kind in ("number", "text", "output") or self.token.text in ("$", "[", *LITERALS):
            args = (self.expression(POSTFIX),)
        test = Test(name, value, args)
        return Not(test) if negated else test

    def known(self, names: frozenset[str], what: str) -> str:
        token = self.next()
        if token.kind != "name":
            self.back(token)
            raise self.unexpected(f"The name of a {what} is missing here")
        if token.text not in names:
            raise InvalidExpression(
                f"`{token.text[:40]}` is not a {what}.", position=token.start, nearest=nearest(token.text, names)
            )
        return token.text


def _is_key(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool) and value >= 0)
