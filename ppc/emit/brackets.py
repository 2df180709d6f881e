"""Where parentheses stand: those that precedence asks for, and those that let a line break.

The second kind follows ruff's formatter. An expression at the end of a statement may break inside
brackets of its own, or be put in parentheses as a whole; `optional` says which.
"""

from __future__ import annotations

from enum import Enum, auto
from types import EllipsisType

from ppc.emit.tree import (
    Attribute,
    BinOp,
    BoolOp,
    Call,
    Compare,
    Comprehension,
    Constant,
    Dict,
    Expr,
    Hex,
    IfExp,
    Lambda,
    List,
    Name,
    Starred,
    Subscript,
    Tuple,
    UnaryOp,
    Yield,
)
from ppc.records import dataclass

# Binding strength, from Python's grammar.
LAMBDA, CONDITIONAL, OR, AND, NOT, COMPARISON = 1, 2, 3, 4, 5, 6
BINARY: dict[str, int] = {
    "|": 7, "^": 8, "&": 9, "<<": 10, ">>": 10, "+": 11, "-": 11,
    "*": 12, "/": 12, "//": 12, "%": 12, "@": 12, "**": 14,
}  # fmt: skip
UNARY, PRIMARY = 13, 15


def strength(expr: Expr) -> int:
    """How tightly the outermost operator of an expression binds."""
    match expr:
        case Lambda():
            return LAMBDA
        case IfExp():
            return CONDITIONAL
        case BoolOp(op=op):
            return OR if op == "or" else AND
        case UnaryOp(op="not"):
            return NOT
        case UnaryOp():
            return UNARY
        case Compare():
            return COMPARISON
        case BinOp(op=op):
            return BINARY[op]
        case Yield():
            return 0
    return PRIMARY


@dataclass(frozen=True, slots=True)
class Operand:
    """A subexpression, and whether it stands in parentheses."""

    expr: Expr
    parens: bool


def operand(expr: Expr, least: int) -> Operand:
    """A subexpression where only what binds at least so tightly needs no parentheses."""
    return Operand(expr, strength(expr) < least)


def operands(expr: Expr) -> tuple[Operand, ...]:
    """The subexpressions of an operator, in the order in which they are written."""
    match expr:
        case BinOp(op="**", left=left, right=right):
            return operand(left, PRIMARY), operand(right, UNARY)
        case BinOp(op=op, left=left, right=right):
            return operand(left, BINARY[op]), operand(right, BINARY[op] + 1)
        case Compare(left=left, rest=rest):
            return tuple(operand(e, COMPARISON + 1) for e in (left, *(v for _, v in rest)))
        case BoolOp(values=values):
            return tuple(operand(v, strength(expr) + 1) for v in values)
        case UnaryOp(operand=value):
            power = isinstance(value, BinOp) and value.op == "**"  # -(x**2), for the reader
            return (Operand(value, power or strength(value) < strength(expr)),)
        case IfExp(test=test, body=body, orelse=orelse):
            return operand(body, OR), operand(test, OR), operand(orelse, LAMBDA)
        case Lambda(params=params, body=body):
            defaults = tuple(operand(p.default, LAMBDA) for p in params if p.default is not None)
            return *defaults, operand(body, LAMBDA)
        case Starred(value=value):
            return (operand(value, BINARY["|"]),)
        case Attribute(value=value):
            number = isinstance(value, Constant) and type(value.value) in (int, float)
            return (Operand(value, number or strength(value) < PRIMARY),)
        case Call(func=value) | Subscript(value=value):
            return (operand(value, PRIMARY),)
    return ()


class Optional(Enum):
    """How an expression at the end of a statement is put in parentheses when it does not fit."""

    WHOLE = auto()  # in parentheses if it breaks
    FITTING = auto()  # in parentheses if that makes it fit: it has no place to break
    NEVER = auto()  # it has brackets of its own


def optional(expr: Expr) -> Optional:
    """How an expression is put in parentheses when it does not fit."""
    match expr:
        case BinOp() | Compare() | BoolOp() | IfExp() | Lambda() | Starred() | Yield():
            return Optional.WHOLE
        case List() | Tuple() | Dict() | Comprehension():
            return Optional.NEVER
        case Attribute() | Call() | Subscript() | UnaryOp():
            if is_fluent(expr):
                return Optional.WHOLE
            (inner,) = operands(expr)
            return Optional.NEVER if inner.parens else optional(inner.expr)
    return Optional.FITTING


def is_fluent(expr: Expr) -> bool:
    """Whether a chain of calls breaks before its dots: two of them follow brackets."""
    dots = 0
    while isinstance(expr, (Attribute, Call, Subscript)):
        (inner,) = operands(expr)
        if isinstance(expr, Attribute):
            dots += inner.parens or isinstance(inner.expr, (Call, Subscript))
        if inner.parens:
            break
        expr = inner.expr
    return dots >= 2


def own_brackets(expr: Expr) -> bool | None:
    """None for an expression without brackets of its own, else whether they hold anything."""
    match expr:
        case Comprehension() | Subscript():
            return True
        case List(items=items) | Tuple(items=items) | Dict(items=items):
            return bool(items)
        case Call(args=args, keywords=keywords):
            return bool(args or keywords)
    return None


# The order in which a long expression breaks at its operators: the highest first.
_ATTRIBUTE, _POWER, _INVERT, _PRODUCT, _SUM, _COMPARE, _BOOL, _CONDITION = 1, 2, 3, 4, 5, 10, 11, 12
_LEVELS: dict[str, int] = {
    "**": _POWER, "*": _PRODUCT, "/": _PRODUCT, "//": _PRODUCT, "%": _PRODUCT, "@": _PRODUCT,
    "+": _SUM, "-": _SUM, "<<": 6, ">>": 6, "&": 7, "^": 8, "|": 9, "and": _BOOL, "or": _BOOL,
}  # fmt: skip


def level(op: str) -> int:
    """The rank at which an operator breaks; operators of the same rank break together."""
    return _LEVELS.get(op, _COMPARE)


@dataclass(slots=True)
class _Survey:
    """What decides whether an expression may break in its own brackets only."""

    rank: int = 0
    count: int = 0
    brackets: bool = False
    first: Operand | None = None
    first_is_token: bool = False
    last: Operand | None = None

    def add(self, rank: int, count: int = 1) -> None:
        if rank > self.rank:
            self.rank, self.count = rank, count
        elif rank == self.rank:
            self.count += count

    def visit(self, item: Operand) -> None:
        self.last = item
        if item.parens:
            self.brackets = True
        else:
            self.look_inside(item.expr)
        if self.first is None and not self.first_is_token:
            self.first = item

    def look_inside(self, expr: Expr) -> None:
        match expr:
            case Dict() | List() | Tuple() | Comprehension():
                self.brackets = True
                return
            case Call() | Subscript() | Attribute():
                self.brackets |= not isinstance(expr, Attribute)
                (inner,) = operands(expr)
                self.visit(inner)
                closed = inner.parens or own_brackets(inner.expr) is not None
                if isinstance(expr, Attribute) and closed:
                    self.add(_ATTRIBUTE)
                self.last = Operand(expr, parens=False)
                return
            case BoolOp(values=values):
                self.add(_BOOL, len(values) - 1)
            case BinOp(op=op):
                self.add(level(op))
            case IfExp():
                self.add(_CONDITION, 2)
            case Compare(rest=rest):
                self.add(_COMPARE, len(rest))
            case UnaryOp(op=op):
                if op == "~":
                    self.add(_INVERT)
                self._starts_with_token()
            case Lambda() | Starred():
                self._starts_with_token()
        for inner in operands(expr):
            self.visit(inner)

    def _starts_with_token(self) -> None:
        self.first_is_token = self.first_is_token or self.first is None


def breaks_inside(expr: Expr) -> bool:
    """Whether an expression may break in brackets that it has, without parentheses around it.

    It may if it has one operator at most of the rank that breaks first, and starts or ends with
    brackets.
    """
    survey = _Survey()
    survey.look_inside(expr)
    if not survey.brackets or survey.count > 1:
        return False
    if survey.rank <= _ATTRIBUTE:
        return True
    return any(_is_bracketed(item) for item in (survey.last, survey.first) if item is not None)


def _is_bracketed(item: Operand) -> bool:
    if isinstance(item.expr, Subscript):
        return False  # breaking a subscript looks odd
    return bool(own_brackets(item.expr)) or item.parens


def is_simple_power(left: Operand, right: Operand) -> bool:
    """Whether a power prints without spaces, as in `x**2`."""
    return not (left.parens or right.parens) and all(
        _is_simple(item.expr) for item in (left, right)
    )


def _is_simple(expr: Expr) -> bool:
    match expr:
        case UnaryOp(op=op, operand=value):
            return op != "not" and _is_simple(value)
        case Attribute(value=value):
            return _is_simple(value)
        case Constant(value=value):
            return not isinstance(value, (str, EllipsisType))
    return isinstance(expr, (Name, Hex))


def is_simple_bound(expr: Expr | None) -> bool:
    """Whether a bound of a slice stands next to the colon without a space."""
    match expr:
        case UnaryOp(op=op, operand=value):
            return op != "not" and is_simple_bound(value)
    return expr is None or isinstance(expr, (Name, Constant, Hex))
