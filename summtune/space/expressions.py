"""What constraints are written in: comparisons of parameters and constants, with arithmetic, `and`, `or`, `not` and `in`.

    either     = both {"or" both}
    both       = negation {"and" negation}
    negation   = "not" negation | comparison
    comparison = sum {("==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not in") sum}
    sum        = product {("+" | "-") product}
    product    = sign {("*" | "/" | "//" | "%") sign}
    sign       = "-" sign | atom
    atom       = number | "text" | true | false | null | name | "(" either ")" | "[" either {"," either} "]"

It is parsed here and evaluated over plain values; nothing is ever run as code. What a name means it must not know (`rules` does).
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from summtune.scalars import plain_value
from summtune.space.naming import Unfit

MAX_LENGTH = 2000
MAX_DEPTH = 30

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
    | (?P<text>"[^"]*"|'[^']*')
    | (?P<name>[A-Za-z_]\w*(?:[./][A-Za-z_]\w*)*)
    | (?P<sign>==|!=|<=|>=|//|[<>+\-*/%()\[\],])
    )""",
    re.VERBOSE,
)
_WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}
_INSTEAD = {"=": "Write == to compare.", "&": "Write and.", "|": "Write or.", "!": "Write not, or != to compare."}
_RESERVED = {"and", "or", "not", "in"}

_ORDERINGS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}


@dataclass(frozen=True)
class Node:
    """A piece of an expression.

    Attributes:
        kind: value, name, list, negative, arithmetic, compare, not, and, or.
        word: the name, or the operators of `arithmetic` and `compare`, one between each two parts.
        value: of `value`.
        parts: what it is made of.
    """

    kind: str
    word: tuple[str, ...] = ()
    value: Any = None
    parts: tuple[Node, ...] = ()

    @cached_property
    def weight(self) -> int:
        """Of how many pieces it is made: what judging it costs."""
        return 1 + sum(part.weight for part in self.parts)

    def names(self) -> Iterator[str]:
        """Every name in it."""
        if self.kind == "name":
            yield self.word[0]
        for part in self.parts:
            yield from part.names()

    def __str__(self) -> str:
        """As a person would write it."""
        bare = {"compare": ("arithmetic", "negative"), "and": ("compare", "not"), "or": ("compare", "not", "and"), "list": ("arithmetic",)}
        plain = ("value", "name", "list", *bare.get(self.kind, ()))
        parts = [str(part) if part.kind in plain else f"({part})" for part in self.parts]
        match self.kind:
            case "value":
                return json.dumps(self.value, ensure_ascii=False)
            case "name":
                return self.word[0]
            case "list":
                return f"[{', '.join(parts)}]"
            case "negative" | "not":
                return f"{'-' if self.kind == 'negative' else 'not '}{parts[0]}"
            case "and" | "or":
                return f" {self.kind} ".join(parts)
        return parts[0] + "".join(f" {sign} {part}" for sign, part in zip(self.word, parts[1:], strict=True))

    def renamed(self, rename: Callable[[str], str]) -> Node:
        """The same with every name replaced."""
        word = (rename(self.word[0]),) if self.kind == "name" else self.word
        return Node(self.kind, word, self.value, tuple(part.renamed(rename) for part in self.parts))

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """Its value. What has no order is neither above nor below; nothing comes of arithmetic with what is no number."""
        match self.kind:
            case "value":
                return self.value
            case "name":
                return values.get(self.word[0])
            case "list":
                return [part.evaluate(values) for part in self.parts]
            case "negative":
                inner = self.parts[0].evaluate(values)
                return -inner if _is_number(inner) else None
            case "arithmetic":
                return self._arithmetic(values)
            case "compare":
                return self._compare(values)
            case "not":
                return not self.parts[0].evaluate(values)
            case "and":
                return all(part.evaluate(values) for part in self.parts)
            case _:
                return any(part.evaluate(values) for part in self.parts)

    def _arithmetic(self, values: Mapping[str, Any]) -> Any:
        result = self.parts[0].evaluate(values)
        for sign, part in zip(self.word, self.parts[1:], strict=True):
            other = part.evaluate(values)
            if not (_is_number(result) and _is_number(other)):
                return None
            try:
                result = _ARITHMETIC[sign](result, other)
            except (ZeroDivisionError, OverflowError):
                return None
        return result

    def _compare(self, values: Mapping[str, Any]) -> bool:
        left = self.parts[0].evaluate(values)
        for sign, part in zip(self.word, self.parts[1:], strict=True):
            right = part.evaluate(values)
            if not _holds(sign, left, right):
                return False
            left = right
        return True

    def to_record(self) -> list[Any]:
        """As JSON can hold it."""
        return [self.kind, list(self.word), self.value, [part.to_record() for part in self.parts]]

    @classmethod
    def from_record(cls, record: list[Any]) -> Node:
        """What `to_record` wrote."""
        kind, word, value, parts = record
        return cls(kind, tuple(word), value, tuple(cls.from_record(part) for part in parts))


def parse_expression(text: str) -> Node:
    """Read an expression.

    Raises:
        Unfit: it isn't one; the reason says what was met where.
    """
    if len(text) > MAX_LENGTH:
        raise Unfit(f"the expression has {len(text):,} letters.", f"Write it in at most {MAX_LENGTH:,}.")
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(_tokens(text))
        self.at = 0
        self.depth = 0

    def whole(self) -> Node:
        if not self.tokens:
            raise Unfit("the expression is empty.", "Write a comparison, such as `num_beams > 1`.")
        node = self.either()
        if self.at < len(self.tokens):
            raise self.unexpected()
        return node

    def unexpected(self) -> Unfit:
        if self.at >= len(self.tokens):
            return Unfit("the expression ends too early.", "Is something missing at its end?")
        kind, word, column = self.tokens[self.at]
        said = f"at letter {column + 1} {word!r} is not expected."
        if word != word.lower() in _RESERVED:
            return Unfit(said, f"Write {word.lower()}.")
        return Unfit(said, "Text needs quotes." if kind == "name" else "Compare with ==, !=, <, <=, >, >= or in; join with and, or, not.")

    def take(self, *words: str) -> str | None:
        """The next token if it is one of these signs or reserved words."""
        if self.at < len(self.tokens):
            kind, word, _ = self.tokens[self.at]
            if word in words and (kind == "sign" or word in _RESERVED):
                self.at += 1
                return word
        return None

    def need(self, word: str) -> None:
        if self.take(word) is None:
            raise self.unexpected()

    def either(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unfit(f"brackets are nested more than {MAX_DEPTH} deep.")
        node = self._joined("or", self.both)
        self.depth -= 1
        return node

    def both(self) -> Node:
        return self._joined("and", self.negation)

    def _joined(self, word: str, inner: Callable[[], Node]) -> Node:
        parts = [inner()]
        while self.take(word):
            parts.append(inner())
        return parts[0] if len(parts) == 1 else Node(word, parts=tuple(parts))

    def negation(self) -> Node:
        negated = False
        while self.take("not"):
            negated = not negated
        node = self.comparison()
        return Node("not", parts=(node,)) if negated else node

    def comparison(self) -> Node:
        parts, signs = [self.sum()], []
        while True:
            sign = self.take("==", "!=", "<=", ">=", "<", ">", "in")
            if sign is None and self.take("not"):
                self.need("in")
                sign = "not in"
            if sign is None:
                break
            signs.append(sign)
            parts.append(self.sum())
        return parts[0] if not signs else Node("compare", tuple(signs), parts=tuple(parts))

    def sum(self) -> Node:
        return self._arithmetic(("+", "-"), self.product)

    def product(self) -> Node:
        return self._arithmetic(("*", "/", "//", "%"), self.sign)

    def _arithmetic(self, signs: tuple[str, ...], inner: Callable[[], Node]) -> Node:
        parts, taken = [inner()], []
        while sign := self.take(*signs):
            taken.append(sign)
            parts.append(inner())
        return parts[0] if not taken else Node("arithmetic", tuple(taken), parts=tuple(parts))

    def sign(self) -> Node:
        negative = False
        while self.take("-"):
            negative = not negative
        node = self.atom()
        if not negative:
            return node
        return Node("value", value=-node.value) if node.kind == "value" and _is_number(node.value) else Node("negative", parts=(node,))

    def atom(self) -> Node:
        if self.take("("):
            node = self.either()
            if self.take(","):
                node = self._list([node], ")")
            else:
                self.need(")")
            return node
        if self.take("["):
            return Node("list") if self.take("]") else self._list([self.either()], "]", comma=True)
        if self.at >= len(self.tokens):
            raise self.unexpected()
        kind, word, _ = self.tokens[self.at]
        if kind == "sign" or word in _RESERVED:
            raise self.unexpected()
        self.at += 1
        if kind == "number":
            return Node("value", value=plain_value(word))
        if kind == "text":
            return Node("value", value=word[1:-1])
        return Node("value", value=_WORDS[word]) if word in _WORDS else Node("name", (word,))

    def _list(self, items: list[Node], end: str, *, comma: bool = False) -> Node:
        while self.take(",") if comma else True:
            comma = True
            if self.take(end):
                return Node("list", parts=tuple(items))
            items.append(self.either())
        self.need(end)
        return Node("list", parts=tuple(items))


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    """(kind, word, place) of every token."""
    place = 0
    while text[place:].strip():
        found = _TOKEN.match(text, place)
        if found is None:
            rest = text[place:].lstrip()
            hint = _INSTEAD.get(rest[0], "Names, numbers, quoted text and signs may stand here.")
            raise Unfit(f"at letter {len(text) - len(rest) + 1} {rest[0]!r} is not expected.", hint)
        kind = str(found.lastgroup)
        yield kind, found[kind], found.start(kind)
        place = found.end()


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _equal(left: Any, right: Any) -> bool:
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def _holds(sign: str, left: Any, right: Any) -> bool:
    if sign in ("in", "not in"):
        among = isinstance(right, (list, tuple)) and any(_equal(left, one) for one in right)
        return among == (sign == "in")
    if sign in ("==", "!="):
        return _equal(left, right) == (sign == "==")
    if (_is_number(left) and _is_number(right)) or (isinstance(left, str) and isinstance(right, str)):
        return _ORDERINGS[sign](left, right)
    return False
