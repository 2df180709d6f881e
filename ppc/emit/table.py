"""A backend's table: how each primitive prints, as data.

A row takes an `Operation`, the printed operands with their types, and gives the expression. What
two array libraries spell alike is written once, in `shared_rows`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import cast

from ppc.emit.scans import Scan
from ppc.emit.tree import (
    Attribute,
    BinaryOperator,
    BinOp,
    Call,
    Comparator,
    Compare,
    Constant,
    Expr,
    List,
    Name,
    Slice,
    Stmt,
    Subscript,
    Tuple,
    UnaryOp,
    call,
    number,
)
from ppc.ir.nodes import Attr
from ppc.ir.rules import shape_of
from ppc.ir.sizes import FloorDiv, Size
from ppc.ir.types import DType, Tensor
from ppc.records import dataclass


@dataclass(frozen=True, slots=True)
class Operation:
    """A primitive that is to be printed."""

    args: tuple[Expr, ...]
    types: tuple[Tensor, ...]
    result: Tensor
    attrs: Mapping[str, Attr]
    size: Callable[[Size], Expr]  # prints a size
    host: tuple[bool, ...]  # which operands are numbers of Python, without methods

    @property
    def axis(self) -> int:
        """The attribute `axis`."""
        return cast(int, self.attrs["axis"])

    def shape(self) -> Tuple:
        """The attribute `shape`."""
        return Tuple(tuple(self.size(s) for s in shape_of(self.attrs)))


Row = Callable[[Operation], Expr]


@dataclass(frozen=True, slots=True)
class Table:
    """All that is known of a backend's expressions.

    `module` is the alias of its array library. `helpers` are functions that rows call by name;
    those that a program uses are printed once.
    """

    module: str
    rows: Mapping[str, Row]
    helpers: Mapping[str, Sequence[Stmt]] = field(default_factory=dict)
    constant: Callable[[Expr, DType], Expr] | None = None  # None: `module.array(...)`
    numbers: bool = True  # whether a number of Python will do for an array in a result
    scan: Callable[[Scan], list[Stmt]] | None = None  # how a scan prints, if it can be printed

    def covers(self, primitive: str) -> bool:
        """Whether there is a row."""
        return primitive in self.rows

    def array(self, value: Expr, dtype: DType) -> Expr:
        """A number or a nested list as an array."""
        if self.constant is not None:
            return self.constant(value, dtype)
        return call(f"{self.module}.array", value)


def size_expr(size: Size, names: Mapping[str, Expr]) -> Expr:
    """A size as integer arithmetic on `names`. Raises KeyError for a name that is missing."""
    total: Expr | None = None
    for monomial, coefficient in size.terms:
        factors: list[Expr] = [_atom(atom, names) for atom in monomial]
        if abs(coefficient) != 1 or not factors:
            factors.insert(0, Constant(abs(coefficient)))
        term = factors[0]
        for factor in factors[1:]:
            term = BinOp("*", term, factor)
        if total is None:
            total = UnaryOp("-", term) if coefficient < 0 else term
        else:
            total = BinOp("-" if coefficient < 0 else "+", total, term)
    return Constant(0) if total is None else total


def _atom(atom: str | FloorDiv, names: Mapping[str, Expr]) -> Expr:
    if isinstance(atom, str):
        return names[atom]
    return BinOp("//", size_expr(atom.numerator, names), Constant(atom.divisor))


# --- kinds of rows -------------------------------------------------------------------------------


def function(name: str) -> Row:
    """`name(*operands)`."""
    return lambda op: call(name, *op.args)


def infix(symbol: BinaryOperator, module: str) -> Row:
    """`a symbol b`. Python's own numbers divide as those of the array library do."""

    def row(op: Operation) -> Expr:
        left, right = numeric(op)
        zero = isinstance(right, Constant) and right.value == 0
        if all(op.host) and (symbol in ("//", "%", "**") or (symbol == "/" and zero)):
            left = call(f"{module}.asarray", left)
        return BinOp(symbol, left, right)

    return row


def comparison(symbol: Comparator) -> Row:
    """`a symbol b`, of booleans."""
    return lambda op: Compare(op.args[0], ((symbol, op.args[1]),))


def logical(symbol: BinaryOperator, name: str) -> Row:
    """`a symbol b` of booleans, a function of other operands."""

    def row(op: Operation) -> Expr:
        if all(t.dtype == "bool" for t in op.types):
            return BinOp(symbol, *op.args)
        return call(name, *op.args)

    return row


def numeric(op: Operation) -> tuple[Expr, ...]:
    """The operands, booleans as integers."""
    return tuple(
        Call(Attribute(arg, "astype"), (Name("int"),))
        if type_.dtype == "bool" and not host
        else arg
        for arg, type_, host in zip(op.args, op.types, op.host, strict=True)
    )


def method(name: str, module: str, *, axes: bool = False, axis: bool = False) -> Row:
    """`x.name()`, with the axes that it reduces where these are not all."""

    def row(op: Operation) -> Expr:
        x = op.args[0]
        if op.host[0]:
            x = call(f"{module}.asarray", x)
        return Call(Attribute(x, name), axis_arguments(op) if axes or axis else ())

    return row


def axis_arguments(op: Operation) -> tuple[Expr, ...]:
    """The argument that names the axes, empty where they are all."""
    if "axes" not in op.attrs:
        return (number(op.axis),)
    axes = cast("tuple[int, ...]", op.attrs["axes"])
    if len(axes) == op.types[0].rank:
        return ()
    values = tuple(number(axis) for axis in sorted(axes))
    return values if len(values) == 1 else (Tuple(values),)


def along(name: str, *, default: int | None = None) -> Row:
    """`name(x, axis=...)`, without the axis where it is the default."""

    def row(op: Operation) -> Expr:
        arguments = axis_arguments(op)
        if not arguments or (arguments == (number(default or 0),) and default is not None):
            return call(name, op.args[0])
        return call(name, op.args[0], axis=arguments[0])

    return row


def select(x: Expr, rank: int, at: int, last: Expr) -> Expr:
    """`x[:, last]`: an index of the dimension at `at`, one of `rank` that `last` accounts for."""
    if at > 1 and at == rank - 1:
        return Subscript(x, Tuple((Constant(...), last)))
    index = (*(Slice() for _ in range(at)), last)
    return Subscript(x, index[0] if len(index) == 1 else Tuple(index))


# --- what NumPy and jax.numpy spell alike --------------------------------------------------------


def shared_rows(module: str) -> dict[str, Row]:
    """The rows that libraries with NumPy's names have in common; `module` is their alias."""
    m = module
    rows: dict[str, Row] = {
        name: function(f"{m}.{name}")
        for name in (
            "exp expm1 log log1p sqrt sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh "
            "arccosh arctanh floor ceil round arctan2 logaddexp maximum minimum where isfinite "
            "isnan abs sign logical_xor"
        ).split()
    }
    symbols: dict[str, BinaryOperator] = {
        "add": "+", "sub": "-", "mul": "*", "div": "/", "floordiv": "//", "mod": "%", "pow": "**",
    }  # fmt: skip
    rows |= {name: infix(symbol, m) for name, symbol in symbols.items()}
    comparators: dict[str, Comparator] = {
        "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
    }  # fmt: skip
    rows |= {name: comparison(symbol) for name, symbol in comparators.items()}
    rows |= {name: method(name, m, axes=True) for name in "sum prod max min any all".split()}
    rows |= {name: method(name, m, axis=True) for name in "argmax argmin cumsum".split()}
    rows |= {
        "logical_and": logical("&", f"{m}.logical_and"),
        "logical_or": logical("|", f"{m}.logical_or"),
        "logical_not": _logical_not(m),
        "neg": lambda op: UnaryOp("-", numeric(op)[0]),
        "square": lambda op: BinOp("**", numeric(op)[0], Constant(2)),
        "cast": _cast(m),
        "flip": lambda op: _part(op, Slice(step=number(-1))),
        "matmul": lambda op: BinOp("@", *op.args),
        "tril": function(f"{m}.tril"),
        "cholesky": function(f"{m}.linalg.cholesky"),
        "diagonal": _diagonal(m),
        "reshape": lambda op: Call(Attribute(_array(op, m), "reshape"), op.shape().items or (
            Tuple(),
        )),
        "broadcast_to": _broadcast_to(m),
        "expand_dims": _expand_dims(m),
        "squeeze": method("squeeze", m, axis=True),
        "transpose": _transpose(m),
        "concat": lambda op: call(f"{m}.concatenate", List(op.args), axis=number(op.axis)),
        "stack": lambda op: call(f"{m}.stack", List(op.args), axis=number(op.axis)),
        "slice": _slice,
        "index": lambda op: _part(op, op.size(cast(Size, op.attrs["at"]))),
        "take": _take(m),
        "take_along": _take_along(m),
        "arange": lambda op: call(f"{m}.arange", op.size(cast(Size, op.attrs["size"]))),
        "eye": lambda op: call(f"{m}.eye", op.size(cast(Size, op.attrs["size"]))),
        "dim": lambda op: op.size(cast(Size, op.attrs["size"])),
    }  # fmt: skip
    return rows


def _part(op: Operation, index: Expr) -> Expr:
    """An index of the dimension `axis`."""
    rank = op.types[0].rank
    return select(op.args[0], rank, rank + op.axis, index)


def _array(op: Operation, module: str) -> Expr:
    return call(f"{module}.asarray", op.args[0]) if op.host[0] else op.args[0]


def _diagonal(module: str) -> Row:
    def row(op: Operation) -> Expr:
        if op.types[0].rank == 2:
            return call(f"{module}.diagonal", op.args[0])
        return call(f"{module}.diagonal", op.args[0], axis1=number(-2), axis2=number(-1))

    return row


def triangular(
    solve: Callable[[Operation, Expr, Expr], Expr],
    turn: Callable[[Expr], Expr],
    *,
    vectors: bool,
) -> Row:
    """The row of `solve_triangular`, from a function that solves for the columns of a matrix.

    `turn` exchanges the dimensions of a matrix; `vectors` says whether `solve` takes a vector too.
    """

    def row(op: Operation) -> Expr:
        a, b = op.args
        matrices, rank = op.types[0].rank > 2, op.types[1].rank
        if rank == 1 and vectors:
            return solve(op, a, b)
        if rank == 2 and not matrices:
            return turn(solve(op, a, turn(b)))
        column = select(b, rank + 1, rank, Constant(None))
        return select(solve(op, a, column), rank + 1, rank, Constant(0))

    return row


def _logical_not(module: str) -> Row:
    def row(op: Operation) -> Expr:
        if op.host[0] or op.types[0].dtype != "bool":
            return call(f"{module}.logical_not", op.args[0])
        return UnaryOp("~", op.args[0])

    return row


_PYTHON = {"f32": "float", "i32": "int", "bool": "bool"}


def _cast(module: str) -> Row:
    """`x.astype(float)`: the width of the program's floats, whichever it is."""

    def row(op: Operation) -> Expr:
        kind = Name(_PYTHON[op.result.dtype])
        if op.host[0]:
            return call(kind, op.args[0])
        if op.result.dtype == "bool":
            return Compare(op.args[0], (("!=", Constant(0)),))
        return Call(Attribute(op.args[0], "astype"), (kind,))

    return row


def _broadcast_to(module: str) -> Row:
    def row(op: Operation) -> Expr:
        match op.args[0]:
            case Constant(value=float() as value) if value in (0.0, 1.0):
                return call(f"{module}.{'ones' if value else 'zeros'}", _one_or_more(op.shape()))
        name = "full" if op.host[0] else "broadcast_to"
        args = (op.shape(), op.args[0]) if op.host[0] else (op.args[0], op.shape())
        return call(f"{module}.{name}", *args)

    return row


def _one_or_more(shape: Tuple) -> Expr:
    """A shape of one dimension as its length."""
    return shape.items[0] if len(shape.items) == 1 else shape


def _expand_dims(module: str) -> Row:
    def row(op: Operation) -> Expr:
        if op.host[0]:
            return call(f"{module}.array", List((op.args[0],)))
        rank = op.result.rank
        return select(op.args[0], rank, rank + op.axis, Constant(None))

    return row


def _transpose(module: str) -> Row:
    def row(op: Operation) -> Expr:
        rank = op.types[0].rank
        perm = [p + rank for p in cast("tuple[int, ...]", op.attrs["perm"])]
        if perm == list(range(rank)):
            return op.args[0]
        if rank == 2:
            return Attribute(op.args[0], "T")
        return Call(Attribute(op.args[0], "transpose"), tuple(Constant(p) for p in perm))

    return row


def _slice(op: Operation) -> Expr:
    start, stop, step = (op.attrs[name] for name in ("start", "stop", "step"))
    assert isinstance(start, Size) and isinstance(stop, Size) and isinstance(step, int)
    whole = op.types[0].shape[op.axis]
    part = Slice(
        None if start == Size.of(0) else op.size(start),
        None if stop == whole else op.size(stop),
        None if step == 1 else number(step),
    )
    return _part(op, part)


def _take(module: str) -> Row:
    def row(op: Operation) -> Expr:
        x, index = op.args
        if op.types[0].rank + op.axis == 0:
            return Subscript(x, index)
        return call(f"{module}.take", x, index, axis=number(op.axis))

    return row


def _take_along(module: str) -> Row:
    def row(op: Operation) -> Expr:
        x, index = op.args
        rank = op.types[0].rank
        at = rank + op.axis
        if not op.types[1].rank:
            return select(x, rank, at, index)
        picked = call(
            f"{module}.take_along_axis",
            x,
            select(index, rank, at, Constant(None)),
            axis=number(op.axis),
        )
        return select(picked, rank, at, Constant(0))

    return row
