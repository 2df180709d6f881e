"""Reads the text form of graphs that `ppc.ir.text` prints; errors name the line."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import NoReturn, TypeVar, get_args

from ppc.ir.nodes import (
    REAL,
    Attr,
    Const,
    ConstValue,
    Data,
    Graph,
    Hyper,
    Lag,
    Node,
    Noise,
    NoiseKind,
    Op,
    Origin,
    Param,
    Region,
    RegionKind,
    Role,
    Sample,
    Stage,
    State,
    Support,
)
from ppc.ir.sizes import Size
from ppc.ir.types import AXIS_WORDS, Axis, AxisKind, DType, Tensor
from ppc.records import dataclass

# Words that stand for values, and words that begin a node which is not an Op.
VALUES = frozenset({"True", "False", "None", "inf", "nan"})
KEYWORDS = frozenset("hyper data const param state noise sample region lag".split())


class TextError(ValueError):
    """A text that is not a graph; says which line and what was expected there."""


def parse_graph(text: str) -> Graph:
    """The graph that `text` shows; a common indentation is ignored.

    Raises TextError, with the number of the line, for a text that is not a graph.
    """
    lines = [line for i, raw in enumerate(text.split("\n"), 1) if (line := _line(i, raw)).tokens]
    if not lines:
        raise TextError("line 1: expected a graph but the text is empty")
    graph, end = _read_graph(lines, 0)
    if end < len(lines):
        lines[end].fail("a line at the indentation of the graph")
    return graph


_TOKEN = re.compile(
    r"""\s*(?:
        (?P<comment>\#.*)
      | (?P<string>"(?:[^"\\]|\\.)*")
      | (?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)
      | (?P<word>[^\W\d]\w*(?:\.\w+)*)
      | (?P<mark>//|==|[-+*()\[\],;:=|])
    )""",
    re.VERBOSE,
)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # string | number | word | mark
    text: str


@dataclass(slots=True)
class _Line:
    """The tokens of a line, and how far they are read."""

    number: int
    indent: int
    text: str
    tokens: list[_Token]
    at: int = 0

    def fail(self, expected: str) -> NoReturn:
        """Raise TextError: `expected` is not what comes next."""
        found = repr(self.tokens[self.at].text) if self.at < len(self.tokens) else "the line's end"
        raise TextError(f"line {self.number}: expected {expected} but found {found}\n  {self.text}")

    def peek(self, text: str, ahead: int = 0) -> bool:
        """Whether a mark or word comes next."""
        at = self.at + ahead
        if at >= len(self.tokens):
            return False
        token = self.tokens[at]
        return token.text == text and token.kind in ("mark", "word")

    def skip(self, text: str) -> bool:
        """Pass over a mark or word if it comes next."""
        found = self.peek(text)
        self.at += found
        return found

    def expect(self, text: str) -> None:
        """Pass over a mark or word that must come next."""
        if not self.skip(text):
            self.fail(f"{text!r}")

    def name(self, what: str = "a name") -> str:
        """A name, plain or quoted."""
        token = self.tokens[self.at] if self.at < len(self.tokens) else None
        if token is None or token.kind not in ("word", "string"):
            self.fail(what)
        self.at += 1
        return _unquoted(token)

    def choice(self, allowed: tuple[_T, ...], what: str) -> _T:
        """One of a few words."""
        for word in allowed:
            if self.skip(str(word)):
                return word
        self.fail(f"{what} ({', '.join(map(str, allowed))})")

    def many(self, item: Callable[[], _T], *ends: str) -> tuple[_T, ...]:
        """Items between commas, up to one of `ends`, which is left; a last comma is allowed."""
        items: list[_T] = []
        while not any(map(self.peek, ends)):
            if items:
                self.expect(",")
                if any(map(self.peek, ends)):
                    break
            items.append(item())
        return tuple(items)

    def end(self) -> None:
        """Nothing may be left."""
        if self.at < len(self.tokens):
            self.fail("the line's end")


def _line(number: int, text: str) -> _Line:
    tokens: list[_Token] = []
    end = len(text.rstrip())
    line = _Line(number, len(text) - len(text.lstrip()), text.strip(), tokens)
    at = 0
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise TextError(f"line {number}: cannot read {text[at:].strip()!r}\n  {line.text}")
        at = match.end()
        if match.lastgroup != "comment":
            tokens.append(_Token(match.lastgroup, match.group(match.lastgroup)))
    return line


def _unquoted(token: _Token) -> str:
    return str(json.loads(token.text)) if token.kind == "string" else token.text


def _read_graph(lines: list[_Line], start: int) -> tuple[Graph, int]:
    """The graph whose header is line `start`, and the number of the line after it."""
    header = lines[start]
    stage: Stage = header.choice(get_args(Stage), "a stage")
    name = header.name("the name of the graph")
    header.expect("(")
    hypers = header.many(lambda: _read_hyper(header), ")")
    header.expect(")")
    header.end()
    axes: list[Axis] = []
    equalities: list[tuple[Size, Size]] = []
    nodes: list[Node] = []
    outputs: list[tuple[str, str]] = []
    at = start + 1
    while at < len(lines) and lines[at].indent == header.indent:
        line = lines[at]
        at += 1
        if line.peek(":", ahead=1):
            node, at = _read_node(line, lines, at)
            nodes.append(node)
        elif line.skip("out"):
            result = line.name("the name of a result")
            line.expect("=")
            outputs.append((result, line.name("the name of a node")))
        elif line.skip("equal"):
            left = _read_size(line)
            line.expect("==")
            equalities.append((left, _read_size(line)))
        else:
            axes.append(_read_axis(line))
        line.end()
    if at < len(lines) and lines[at].indent > header.indent:
        lines[at].fail("no deeper indentation outside a region")
    graph = Graph(
        name=name,
        stage=stage,
        nodes=tuple(nodes),
        outputs=tuple(outputs),
        axes=tuple(axes),
        hypers=hypers,
        equalities=tuple(equalities),
    )
    return graph, at


def _read_hyper(line: _Line) -> tuple[str, int | None]:
    name = line.name("the name of a size")
    if not line.skip("="):
        return name, None
    value = _read_attr(line)
    if not isinstance(value, int):
        line.fail("an integer before this")
    return name, value


def _read_axis(line: _Line) -> Axis:
    what = "a node (`name: type = ...`), `out`, `equal` or a kind of axis"
    kind: AxisKind = line.choice(get_args(AxisKind), what)
    name = line.name("the name of an axis")
    line.expect("=")
    size = _read_size(line, *AXIS_WORDS)
    return Axis(name, kind, size, **{word: line.skip(word) for word in AXIS_WORDS})


def _read_node(line: _Line, lines: list[_Line], at: int) -> tuple[Node, int]:
    name = line.name("the name of a node")
    line.expect(":")
    type_ = _read_type(line)
    line.expect("=")
    if line.peek("region"):
        return _read_region(line, name, type_, lines, at)
    return _read_body(line, name, type_), at


def _read_region(
    line: _Line, name: str, type_: Tensor, lines: list[_Line], at: int
) -> tuple[Node, int]:
    line.expect("region")
    kind: RegionKind = line.choice(get_args(RegionKind), "a kind of region")
    args = _read_names(line)
    carry: tuple[tuple[str, str], ...] = ()
    if line.skip("carry"):
        line.expect("=")
        line.expect("(")
        carry = line.many(lambda: _read_pair(line), ")")
        line.expect(")")
    output = _read_field(line, "output")
    line.end()
    if at >= len(lines) or lines[at].indent <= line.indent:
        line.fail("an indented body under it, after this")
    body, at = _read_graph(lines, at)
    region = Region(
        name=name, type=type_, kind=kind, args=args, carry=carry, body=body, output=output
    )
    return region, at


def _read_body(line: _Line, name: str, type_: Tensor) -> Node:
    word = line.tokens[line.at].text if line.at < len(line.tokens) else ""
    if word not in KEYWORDS:
        primitive = line.name("a primitive, or a kind of node,")
        args, attrs = _read_call(line)
        return Op(name=name, type=type_, primitive=primitive, args=args, attrs=attrs)
    line.expect(word)
    match word:
        case "hyper":
            return Hyper(name=name, type=type_)
        case "data":
            origin: Origin = line.choice(get_args(Origin), "an origin")
            return Data(name=name, type=type_, origin=origin)
        case "const":
            return Const(name=name, type=type_, value=_read_const(line))
        case "param":
            init = _read_field(line, "init")
            support = _read_support(line) if line.skip("support") else REAL
            free = line.name("a name") if line.skip("free") and line.skip("=") else ""
            return Param(name=name, type=type_, init=init, support=support, free=free)
        case "state":
            init = _read_field(line, "init")
            return State(name=name, type=type_, init=init, update=_read_field(line, "update"))
        case "noise":
            return _read_noise(line, name, type_)
        case "lag":
            return _read_lag(line, name, type_)
    return _read_sample(line, name, type_)


def _read_lag(line: _Line, name: str, type_: Tensor) -> Lag:
    of = _read_field(line, "of")
    init: tuple[str, ...] = ()
    if line.skip("init"):
        line.expect("=")
        init = _read_names(line)
    axis = _read_field(line, "axis")
    line.expect("by")
    line.expect("=")
    by = _read_attr(line)
    if not isinstance(by, int):
        line.fail("an integer before this")
    return Lag(name=name, type=type_, of=of, axis=axis, by=by, init=init)


def _read_noise(line: _Line, name: str, type_: Tensor) -> Noise:
    kind: NoiseKind = line.choice(get_args(NoiseKind), "a kind of noise")
    sampler = ""
    args: tuple[str, ...] = ()
    if line.peek("(", ahead=1):
        sampler = line.name("a sampler")
        args = _read_names(line)
    site = _read_field(line, "site")
    return Noise(name=name, type=type_, kind=kind, site=site, args=args, sampler=sampler)


def _read_sample(line: _Line, name: str, type_: Tensor) -> Sample:
    distribution = line.name("a distribution")
    line.expect("(")
    args = line.many(lambda: _read_pair(line), ";", ")")
    attrs = line.many(lambda: _read_named_attr(line), ")") if line.skip(";") else ()
    line.expect(")")
    role: Role = line.choice(get_args(Role), "a role")
    return Sample(
        name=name, type=type_, distribution=distribution, args=args, attrs=attrs, role=role
    )


def _read_call(line: _Line) -> tuple[tuple[str, ...], tuple[tuple[str, Attr], ...]]:
    line.expect("(")
    args: tuple[str, ...] = ()
    if not line.peek("=", ahead=1):
        args = line.many(line.name, ";", ")")
        line.skip(";")
    attrs = line.many(lambda: _read_named_attr(line), ")")
    line.expect(")")
    return args, attrs


def _read_names(line: _Line) -> tuple[str, ...]:
    line.expect("(")
    names = line.many(line.name, ")")
    line.expect(")")
    return names


def _read_pair(line: _Line) -> tuple[str, str]:
    name = line.name()
    line.expect("=")
    return name, line.name()


def _read_field(line: _Line, field: str) -> str:
    line.expect(field)
    line.expect("=")
    return line.name()


def _read_named_attr(line: _Line) -> tuple[str, Attr]:
    name = line.name("the name of an attribute")
    line.expect("=")
    return name, _read_attr(line)


def _read_type(line: _Line) -> Tensor:
    dtype: DType = line.choice(get_args(DType), "a dtype")
    line.expect("[")
    axes: tuple[str, ...] = ()
    rest = line.tokens[line.at :]
    close = next((i for i, t in enumerate(rest) if t == _Token("mark", "]")), len(rest))
    if _Token("mark", "|") in rest[:close]:
        axes = line.many(lambda: line.name("the name of an axis"), "|")
        line.expect("|")
    shape = line.many(lambda: _read_size(line), "]")
    line.expect("]")
    return Tensor(dtype, axes, shape)


def _read_support(line: _Line) -> Support:
    line.expect("=")
    kind = line.name("a support")
    if not line.skip("("):
        return Support(kind)
    bounds = line.many(lambda: _read_bound(line), ")")
    line.expect(")")
    return Support(kind, bounds)


def _read_bound(line: _Line) -> float | str:
    token = line.tokens[line.at] if line.at < len(line.tokens) else None
    if token and token.kind in ("word", "string") and token.text not in VALUES:
        return line.name()
    value = _read_attr(line)
    if not isinstance(value, int | float):
        line.fail("a number or a name before this")
    return value


def _read_const(line: _Line) -> ConstValue:
    value = _read_attr(line)
    if not _is_const(value):
        line.fail("only numbers and tuples of numbers before this")
    return value  # type: ignore[return-value]  # just checked


def _is_const(value: Attr) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_const, value))
    return isinstance(value, bool | int | float)


def _read_attr(line: _Line) -> Attr:
    if line.peek("size") and line.peek("(", ahead=1):
        line.at += 2
        size = _read_size(line)
        line.expect(")")
        return size
    if line.skip("["):
        sizes = line.many(lambda: _read_size(line), "]")
        line.expect("]")
        return sizes
    span = line.tokens[line.at : _expression_end(line)]
    if span and span[0].text == "(" and _closes_at_end(span):
        line.at += 1
        items = line.many(lambda: _read_attr(line), ")")
        line.expect(")")
        return items
    value = _literal(span)
    if value is not _NOT_LITERAL:
        line.at += len(span)
        return value  # type: ignore[return-value]  # not the marker
    return _read_size(line)


_NOT_LITERAL = object()


def _literal(tokens: list[_Token]) -> Attr | object:
    """The string, number or word that the tokens are, or `_NOT_LITERAL`."""
    sign = -1 if tokens and tokens[0] == _Token("mark", "-") else 1
    rest = tokens[1:] if sign < 0 else tokens
    if len(rest) != 1:
        return _NOT_LITERAL
    (token,) = rest
    if token.kind == "number":
        digits = token.text.isdecimal()
        # Minus a float, not a product with the sign: -0.0 has to stay.
        return sign * int(token.text) if digits else math.copysign(float(token.text), sign)
    if token.kind == "word" and token.text in ("inf", "nan"):
        return math.inf * sign if token.text == "inf" else math.nan
    if sign > 0 and token.kind == "string":
        return _unquoted(token)
    if sign > 0 and token.kind == "word" and token.text in VALUES:
        return {"True": True, "False": False, "None": None}[token.text]
    return _NOT_LITERAL


def _expression_end(line: _Line, *stops: str) -> int:
    """Where the expression that comes next ends: at a comma or a bracket that it did not open."""
    depth, at = 0, line.at
    while at < len(line.tokens):
        text = line.tokens[at].text
        if line.tokens[at].kind != "string":
            if depth == 0 and (text in (",", ";", ")", "]", "=", "==", "|") or text in stops):
                break
            depth += (text in ("(", "[")) - (text in (")", "]"))
        at += 1
    return at


def _closes_at_end(tokens: list[_Token]) -> bool:
    """Whether the bracket that opens `tokens` is closed by the last one."""
    depth = 0
    for i, token in enumerate(tokens):
        if token.kind == "mark":
            depth += (token.text in ("(", "[")) - (token.text in (")", "]"))
        if depth == 0:
            return i == len(tokens) - 1
    return True


def _read_size(line: _Line, *stops: str) -> Size:
    end = _expression_end(line, *stops)
    names: dict[str, str] = {}
    parts = []
    for token in line.tokens[line.at : end]:
        if token.kind == "string":
            stand_in = f"quoted__{len(names)}"
            names[stand_in] = _unquoted(token)
            parts.append(stand_in)
        else:
            parts.append(token.text)
    try:
        size = Size.parse(" ".join(parts)).substitute(names)
    except ValueError:
        line.fail("a size or a value")
    line.at = end
    return size
