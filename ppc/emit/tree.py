"""The part of Python that emitted programs are made of, as frozen dataclasses.

    module = Module(docstring, body)
    stmt   = Import | ImportFrom | ClassDef | FunctionDef | Assign | AnnAssign | AugAssign | Return
           | ExprStmt | For | While | If | With | Try | Raise | Pass | Break | Continue
           | Comment | Blank
    expr   = Name | Attribute | Call | Subscript | Slice | BinOp | UnaryOp | Compare | BoolOp
           | IfExp | Lambda | Tuple | List | Dict | Comprehension | Constant | Hex | FString
           | Starred | Yield

Programs are built from these and printed once, by printer.py: no text is pasted. What a user
wrote enters only as a `Constant`, as a `Comment`, or as a name from names.py.
"""

from __future__ import annotations

import math as math_module
from types import EllipsisType
from typing import Literal

from ppc.records import dataclass

BinaryOperator = Literal["+", "-", "*", "/", "//", "%", "**", "@", "&", "|", "^", "<<", ">>"]
UnaryOperator = Literal["-", "+", "~", "not"]
Comparator = Literal["==", "!=", "<", "<=", ">", ">=", "is", "is not", "in", "not in"]


@dataclass(frozen=True, slots=True)
class Name:
    """An identifier."""

    id: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """`value.attr`."""

    value: Expr
    attr: str


@dataclass(frozen=True, slots=True)
class Call:
    """`func(*args, **keywords)`; a keyword without a name is `**value`."""

    func: Expr
    args: tuple[Expr, ...] = ()
    keywords: tuple[tuple[str | None, Expr], ...] = ()


@dataclass(frozen=True, slots=True)
class Subscript:
    """`value[index]`; an index that is a tuple prints without parentheses."""

    value: Expr
    index: Expr


@dataclass(frozen=True, slots=True)
class Slice:
    """`lower:upper:step`, inside a subscript."""

    lower: Expr | None = None
    upper: Expr | None = None
    step: Expr | None = None


@dataclass(frozen=True, slots=True)
class BinOp:
    """`left op right`."""

    op: BinaryOperator
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class UnaryOp:
    """`op operand`."""

    op: UnaryOperator
    operand: Expr


@dataclass(frozen=True, slots=True)
class Compare:
    """`left op value op value ...`."""

    left: Expr
    rest: tuple[tuple[Comparator, Expr], ...]


@dataclass(frozen=True, slots=True)
class BoolOp:
    """Two or more values joined by `and` or `or`."""

    op: Literal["and", "or"]
    values: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class IfExp:
    """`body if test else orelse`."""

    test: Expr
    body: Expr
    orelse: Expr


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter of a function."""

    name: str
    annotation: Expr | None = None
    default: Expr | None = None
    kind: Literal["positional", "vararg", "keyword", "kwarg"] = "positional"


@dataclass(frozen=True, slots=True)
class Lambda:
    """`lambda params: body`."""

    params: tuple[Param, ...]
    body: Expr


@dataclass(frozen=True, slots=True)
class Tuple:
    """`(a, b)`."""

    items: tuple[Expr, ...] = ()


@dataclass(frozen=True, slots=True)
class List:
    """`[a, b]`."""

    items: tuple[Expr, ...] = ()


@dataclass(frozen=True, slots=True)
class Dict:
    """`{key: value}`; an item without a key is `**value`."""

    items: tuple[tuple[Expr | None, Expr], ...] = ()


@dataclass(frozen=True, slots=True)
class Clause:
    """`for target in iterable if condition ...`."""

    target: Expr
    iterable: Expr
    conditions: tuple[Expr, ...] = ()


@dataclass(frozen=True, slots=True)
class Comprehension:
    """A list, generator, set or dict comprehension; the last has an element `key: value`."""

    kind: Literal["list", "generator", "set", "dict"]
    element: Expr
    clauses: tuple[Clause, ...]
    value: Expr | None = None  # of a dict


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal: a number that is finite and not negative, a string, True, False, None, `...`."""

    value: bool | int | float | str | EllipsisType | None

    def __post_init__(self) -> None:
        value = self.value
        if not isinstance(value, (int, float)):
            return
        if not 0 <= value < float("inf") or is_minus_zero(value):
            raise ValueError(f"{value!r} is no literal: use `number`")

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Constant)
            and type(self.value) is type(other.value)
            and self.value == other.value
        )

    def __hash__(self) -> int:
        return hash((type(self.value), self.value))


@dataclass(frozen=True, slots=True)
class Hex:
    """A literal whole number that prints in base sixteen, four digits at least."""

    value: int


@dataclass(frozen=True, slots=True)
class Interpolated:
    """`{value:spec}` in a formatted string; `value` holds no strings."""

    value: Expr
    spec: str = ""


@dataclass(frozen=True, slots=True)
class FString:
    """A formatted string."""

    parts: tuple[str | Interpolated, ...]


@dataclass(frozen=True, slots=True)
class Starred:
    """`*value`."""

    value: Expr


@dataclass(frozen=True, slots=True)
class Yield:
    """`yield value`, as a statement."""

    value: Expr


Expr = (
    Name | Attribute | Call | Subscript | Slice | BinOp | UnaryOp | Compare | BoolOp | IfExp
    | Lambda | Tuple | List | Dict | Comprehension | Constant | Hex | FString | Starred | Yield
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Import:
    """`import module as alias`."""

    module: str
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class ImportFrom:
    """`from module import a, b as c`."""

    module: str
    names: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Assign:
    """`target = value  # comment`."""

    target: Expr
    value: Expr
    comment: str = ""


@dataclass(frozen=True, slots=True)
class AnnAssign:
    """`target: annotation = value  # comment`."""

    target: Expr
    annotation: Expr
    value: Expr | None = None
    comment: str = ""


@dataclass(frozen=True, slots=True)
class AugAssign:
    """`target op= value  # comment`."""

    target: Expr
    op: BinaryOperator
    value: Expr
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Return:
    """`return value  # comment`."""

    value: Expr | None = None
    comment: str = ""


@dataclass(frozen=True, slots=True)
class ExprStmt:
    """An expression for its effect."""

    value: Expr
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Raise:
    """`raise value from cause`."""

    value: Expr
    cause: Expr | None = None


@dataclass(frozen=True, slots=True)
class Pass:
    """`pass`."""


@dataclass(frozen=True, slots=True)
class Break:
    """`break`."""


@dataclass(frozen=True, slots=True)
class Continue:
    """`continue`."""


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on a line of its own; `text` has no `#`."""

    text: str


@dataclass(frozen=True, slots=True)
class Blank:
    """An empty line."""


@dataclass(frozen=True, slots=True)
class For:
    """A loop over an iterable."""

    target: Expr
    iterable: Expr
    body: tuple[Stmt, ...]


@dataclass(frozen=True, slots=True)
class While:
    """A loop on a condition."""

    test: Expr
    body: tuple[Stmt, ...]


@dataclass(frozen=True, slots=True)
class If:
    """A branch; an `orelse` that is one more branch prints as `elif`."""

    test: Expr
    body: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...] = ()


@dataclass(frozen=True, slots=True)
class With:
    """Context managers and the targets they are bound to."""

    items: tuple[tuple[Expr, Expr | None], ...]
    body: tuple[Stmt, ...]


@dataclass(frozen=True, slots=True)
class Handler:
    """`except type as name:`."""

    type: Expr
    name: str | None
    body: tuple[Stmt, ...]


@dataclass(frozen=True, slots=True)
class Try:
    """A guarded block."""

    body: tuple[Stmt, ...]
    handlers: tuple[Handler, ...] = ()
    final: tuple[Stmt, ...] = ()


@dataclass(frozen=True, slots=True)
class FunctionDef:
    """A function; the lines of `docstring` are as they should read, without indentation."""

    name: str
    params: tuple[Param, ...]
    body: tuple[Stmt, ...]
    returns: Expr | None = None
    docstring: str = ""
    decorators: tuple[Expr, ...] = ()


@dataclass(frozen=True, slots=True)
class ClassDef:
    """A class."""

    name: str
    bases: tuple[Expr, ...]
    body: tuple[Stmt, ...]
    docstring: str = ""
    decorators: tuple[Expr, ...] = ()


Stmt = (
    Import | ImportFrom | Assign | AnnAssign | AugAssign | Return | ExprStmt | Raise | Pass | Break
    | Continue | Comment | Blank | For | While | If | With | Try | FunctionDef | ClassDef
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Module:
    """A program."""

    body: tuple[Stmt, ...]
    docstring: str = ""


def is_minus_zero(value: object) -> bool:
    """Whether a number is the negative floating-point zero."""
    return isinstance(value, float) and value == 0 and str(value) == "-0.0"


def number(value: bool | float, *, math: str = "math") -> Expr:
    """The expression for a number; infinities and NaN are attributes of the module `math`."""
    if isinstance(value, bool):
        return Constant(value)
    if math_module.isnan(value):
        return Attribute(Name(math), "nan")
    if value < 0 or is_minus_zero(value):
        return UnaryOp("-", number(-value, math=math))
    return Attribute(Name(math), "inf") if value == float("inf") else Constant(value)


def dotted(path: str) -> Expr:
    """The expression for `jax.nn.relu`."""
    first, *rest = path.split(".")
    result: Expr = Name(first)
    for attr in rest:
        result = Attribute(result, attr)
    return result


def call(func: str | Expr, *args: Expr, **keywords: Expr) -> Call:
    """A call of a function or of a dotted name."""
    target = dotted(func) if isinstance(func, str) else func
    return Call(target, args, tuple(keywords.items()))
