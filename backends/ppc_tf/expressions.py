"""How TensorFlow computes each primitive. A new primitive is a row here.

Derivatives are TensorFlow's own but for the helpers. At a kink they are what TensorFlow makes them:
0 for `relu`, shared among ties of `max`. Nothing fixes a width: floats are those of the inputs, and
what has no input is `FLOAT`, which a program defines.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from ppc.diagnostics import InternalError
from ppc.emit.scans import Scan, together
from ppc.emit.table import Operation, Row, Table, select, shared_rows, triangular
from ppc.emit.tree import (
    Assign,
    BinaryOperator,
    BinOp,
    Comparator,
    Compare,
    Constant,
    Expr,
    Import,
    ImportFrom,
    List,
    Name,
    Stmt,
    UnaryOp,
    call,
    dotted,
    number,
)
from ppc.ir.sizes import Size
from ppc.ir.types import DType, promote
from ppc_tf.helpers import HELPERS

IMPORTS: dict[str, Import | ImportFrom] = {"tf": Import("tensorflow", "tf")}

FLOAT = Name("FLOAT")
DTYPES: dict[DType, Expr] = {"f32": FLOAT, "i32": dotted("tf.int32"), "bool": dotted("tf.bool")}


def constant(value: Expr, dtype: DType) -> Expr:
    """What the host knows as a tensor."""
    return call("tf.constant", value, DTYPES[dtype])


_FUNCTIONS = {
    **{
        name: f"tf.{name}" for name in
        "exp sqrt sin cos tan sinh cosh tanh floor round abs sign".split()
    },
    **{
        name: f"tf.math.{name}"
        for name in "expm1 log log1p ceil rsqrt erf erfc erfinv lgamma digamma softplus".split()
    },
    **{
        f"arc{name}": f"tf.a{name}"
        for name in "sin cos tan sinh cosh tanh".split()
    },
    "arctan2": "tf.atan2",
    "sigmoid": "tf.sigmoid",
    "log_sigmoid": "tf.math.log_sigmoid",
    "relu": "tf.nn.relu",
    "isfinite": "tf.math.is_finite",
    "isnan": "tf.math.is_nan",
    "ndtr": "_ndtr",
    "ndtri": "_ndtri",
    "log_ndtr": "_log_ndtr",
    "xlogy": "_xlogy",
    "xlog1py": "_xlog1py",
    "logaddexp": "_logaddexp",
    "log1mexp": "_log1mexp",
    "log1pmx": "_log1pmx",
    "lgamma_correction": "_lgamma_correction",
    "lbeta": "_lbeta",
    "poisson_deviance": "_poisson_deviance",
    "binomial_deviance": "_binomial_deviance",
}  # fmt: skip


def _operand(op: Operation, at: int, dtype: DType, *, tensor: bool = False) -> Expr:
    """An operand as a tensor of a type. A number of Python may stay one, where it can."""
    arg = op.args[at]
    if op.host[at]:
        return constant(arg, dtype) if tensor else arg
    return arg if op.types[at].dtype == dtype else call("tf.cast", arg, DTYPES[dtype])


def _common(op: Operation) -> DType:
    """The type to which the operands of an operation are cast."""
    return promote(type_.dtype for type_ in op.types)


def _number(op: Operation) -> DType:
    """The same, with integers for booleans."""
    dtype = _common(op)
    return "i32" if dtype == "bool" else dtype


def _function(name: str, dtype: DType | None = None) -> Row:
    """`name(*operands)`.

    A number of Python is a tensor where it comes first, since it would give its own type to the
    others, and where a helper takes it.
    """

    def row(op: Operation) -> Expr:
        own = dtype or _number(op)
        args = (
            _operand(op, i, own, tensor=i == 0 or name.startswith("_")) for i in range(len(op.args))
        )
        return call(name, *args)

    return row


def _extreme(name: str) -> Row:
    """`maximum` or `minimum`, a helper where it has a derivative."""

    def row(op: Operation) -> Expr:
        return _function(f"_{name}" if _common(op) == "f32" else f"tf.{name}")(op)

    return row


def _infix(symbol: BinaryOperator) -> Row:
    """`a symbol b`. Python's own numbers divide as those of TensorFlow do."""

    def row(op: Operation) -> Expr:
        dtype: DType = "f32" if symbol == "/" else _number(op)
        right = _operand(op, 1, dtype)
        zero = isinstance(right, Constant) and right.value == 0
        careful = symbol in ("//", "%", "**") or (symbol == "/" and zero)
        left = _operand(op, 0, dtype, tensor=all(op.host) and careful)
        return BinOp(symbol, left, right)

    return row


def _comparison(symbol: Comparator) -> Row:
    def row(op: Operation) -> Expr:
        dtype = _common(op)
        return Compare(_operand(op, 0, dtype), ((symbol, _operand(op, 1, dtype)),))

    return row


def _logical(symbol: BinaryOperator) -> Row:
    return lambda op: BinOp(
        symbol, _operand(op, 0, "bool", tensor=True), _operand(op, 1, "bool", tensor=True)
    )


def _where(op: Operation) -> Expr:
    dtype = op.result.dtype
    chosen = _operand(op, 1, dtype, tensor=True), _operand(op, 2, dtype)
    return call("tf.where", _operand(op, 0, "bool", tensor=True), *chosen)


def _reduced(name: str) -> Row:
    """`tf.reduce_name(x, axes)`, without the axes where they are all."""

    def row(op: Operation) -> Expr:
        return call(f"tf.reduce_{name}", _operand(op, 0, op.result.dtype, tensor=True), *_axes(op))

    return row


def _axes(op: Operation) -> tuple[Expr, ...]:
    axes = sorted(cast("tuple[int, ...]", op.attrs["axes"]))
    if len(axes) == op.types[0].rank:
        return ()
    return (number(axes[0]) if len(axes) == 1 else List(tuple(map(number, axes))),)


def _along(name: str, *, default: int | None = None) -> Row:
    """`name(x, axis)`, without the axis where it is the default."""

    def row(op: Operation) -> Expr:
        axis = () if op.axis == default else (number(op.axis),)
        return call(name, _operand(op, 0, op.result.dtype, tensor=True), *axis)

    return row


def _arg(name: str) -> Row:
    return lambda op: call(name, op.args[0], number(op.axis), output_type=DTYPES["i32"])


def _float(op: Operation, at: int) -> Expr:
    return _operand(op, at, op.result.dtype, tensor=True)


def _segment_sum(op: Operation) -> Expr:
    size = op.size(cast(Size, op.attrs["size"]))
    return call("tf.math.unsorted_segment_sum", op.args[0], op.args[1], size)


def _solve(op: Operation, a: Expr, b: Expr) -> Expr:
    adjoint = {"adjoint": Constant(True)} if op.attrs["transposed"] else {}
    return call("tf.linalg.triangular_solve", a, b, **adjoint)


def _cast(op: Operation) -> Expr:
    if op.host[0]:
        return call({"f32": "float", "i32": "int", "bool": "bool"}[op.result.dtype], op.args[0])
    return call("tf.cast", op.args[0], DTYPES[op.result.dtype])


def _matmul(op: Operation) -> Expr:
    """A product of matrices, of a matrix and a vector, or of vectors, by their ranks."""
    dtype = op.result.dtype
    left, right = (_operand(op, i, dtype, tensor=True) for i in (0, 1))
    match op.types[0].rank, op.types[1].rank:
        case 1, 1:
            return call("tf.tensordot", left, right, number(1))
        case 1, _:
            return call("tf.linalg.matvec", right, left, transpose_a=Constant(True))
        case _, 1:
            return call("tf.linalg.matvec", left, right)
        case over, 2 if over > 2:
            # A product of matrices would repeat the one on the right.
            return call("tf.tensordot", left, right, number(1))
    return BinOp("@", left, right)


def _shape(op: Operation) -> List:
    return List(op.shape().items)


def _broadcast_to(op: Operation) -> Expr:
    match op.args[0]:
        case Constant(value=float() as value) if value in (0.0, 1.0):
            return call(f"tf.{'ones' if value else 'zeros'}", _shape(op), FLOAT)
    if op.host[0]:
        return call("tf.fill", _shape(op), constant(op.args[0], op.types[0].dtype))
    return call("tf.broadcast_to", op.args[0], _shape(op))


def _expand_dims(op: Operation) -> Expr:
    if op.host[0]:
        return constant(List((op.args[0],)), op.types[0].dtype)
    return call("tf.expand_dims", op.args[0], number(op.axis))


def _transpose(op: Operation) -> Expr:
    rank = op.types[0].rank
    perm = [p + rank for p in cast("tuple[int, ...]", op.attrs["perm"])]
    if perm == list(range(rank)):
        return op.args[0]
    if perm == list(reversed(range(rank))):
        return call("tf.transpose", op.args[0])
    return call("tf.transpose", op.args[0], List(tuple(Constant(p) for p in perm)))


def _joined(name: str) -> Row:
    def row(op: Operation) -> Expr:
        parts = [_operand(op, i, op.result.dtype, tensor=True) for i in range(len(op.args))]
        return call(f"tf.{name}", List(tuple(parts)), number(op.axis))

    return row


def _take(op: Operation) -> Expr:
    x, index = op.args
    at = op.types[0].rank + op.axis
    if not at and op.types[0].dtype == "f32":
        return call("_take", x, index)
    return call("tf.gather", x, index, **({"axis": number(op.axis)} if at else {}))


def _slice(op: Operation) -> Expr:
    """`x[start:stop]`; in steps by gathering, since XLA has a wrong gradient for none of them."""
    step = op.attrs["step"]
    if step == 1:
        return shared_rows("tf")["slice"](op)
    start, stop = (op.size(cast(Size, op.attrs[name])) for name in ("start", "stop"))
    at = op.types[0].rank + op.axis
    rows = call("tf.range", start, stop, number(cast(int, step)))
    return call("tf.gather", op.args[0], rows, **({"axis": number(op.axis)} if at else {}))


def _take_along(op: Operation) -> Expr:
    x, index = op.args
    whole, picked = op.types
    rank, at = whole.rank, whole.rank + op.axis
    if not picked.rank:
        return select(x, rank, at, index)
    if op.axis == -1 and picked.shape == whole.shape[:-1]:
        return call("tf.gather", x, index, axis=number(-1), batch_dims=number(rank - 1))
    chosen = call(
        "tf.one_hot", index, op.size(whole.shape[op.axis]), Constant(True), Constant(False),
        axis=number(picked.rank + 1 + op.axis), dtype=DTYPES["bool"],
    )  # fmt: skip
    if whole.dtype == "bool":
        return call("tf.reduce_any", BinOp("&", chosen, x), number(op.axis))
    return call("tf.reduce_sum", call("tf.where", chosen, x, number(0)), number(op.axis))


def _implicit(op: Operation) -> Expr:
    sampler = op.attrs["sampler"]
    if sampler != "log_gamma":
        raise InternalError(f"draws of {sampler} have no derivative")
    return _function("_log_gamma_draw", "f32")(op)


_SYMBOLS: dict[str, BinaryOperator] = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "floordiv": "//", "mod": "%", "pow": "**",
}  # fmt: skip
_COMPARATORS: dict[str, Comparator] = {
    "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
}  # fmt: skip
_OF_NUMBERS = frozenset("abs sign relu".split())


def _scan(parts: Scan) -> list[Stmt]:
    """`tf.scan`, which keeps all that a round gives to the next one, and nothing else."""
    further = [i for i, kept in enumerate(parts.results) if kept not in parts.following]
    given = (*parts.following, *(parts.results[i] for i in further))
    blank = (call("tf.zeros", parts.shapes[i], DTYPES[parts.dtypes[i]]) for i in further)
    names = {given.index(kept): own for kept, own in zip(parts.results, parts.targets, strict=True)}
    targets = tuple(Name(names.get(i, "_")) for i in range(len(given)))
    unread = replace(parts, carry=(*parts.carry, *("_" for _ in further)))
    arrays = together(parts.arrays) if parts.arrays else call("tf.range", parts.length)
    first = together((*parts.first, *blank))
    return [
        unread.round("carry", "row" if parts.rows else "_", given),
        Assign(together(targets), call("tf.scan", Name(parts.function), arrays, first)),
    ]


TABLE = Table(
    module="tf",
    rows={
        **{
            name: _function(target, None if name in _OF_NUMBERS else "f32")
            for name, target in _FUNCTIONS.items()
        },
        **{name: _infix(symbol) for name, symbol in _SYMBOLS.items()},
        **{name: _comparison(symbol) for name, symbol in _COMPARATORS.items()},
        **{name: _reduced(name) for name in "sum prod max min any all".split()},
        "maximum": _extreme("maximum"),
        "minimum": _extreme("minimum"),
        "neg": lambda op: UnaryOp("-", _operand(op, 0, _number(op))),
        "square": lambda op: (
            BinOp("**", op.args[0], Constant(2))
            if op.host[0]
            else call("tf.square", _operand(op, 0, _number(op)))
        ),
        "logical_and": _logical("&"),
        "logical_or": _logical("|"),
        "logical_xor": _logical("^"),
        "logical_not": lambda op: UnaryOp("~", _operand(op, 0, "bool", tensor=True)),
        "logsumexp": _reduced("logsumexp"),
        "argmax": _arg("tf.argmax"),
        "argmin": _arg("tf.argmin"),
        "cumsum": _along("tf.cumsum"),
        "softmax": _along("tf.nn.softmax", default=-1),
        "log_softmax": _along("tf.nn.log_softmax", default=-1),
        "where": _where,
        "cast": _cast,
        "stop_gradient": lambda op: (
            op.args[0] if op.host[0] else call("tf.stop_gradient", op.args[0])
        ),
        "implicit": _implicit,
        "matmul": _matmul,
        "tril": lambda op: call("tf.linalg.band_part", _float(op, 0), number(-1), number(0)),
        "diagonal": lambda op: call("tf.linalg.diag_part", _float(op, 0)),
        "cholesky": lambda op: call("tf.linalg.cholesky", _float(op, 0)),
        "solve_triangular": triangular(_solve, lambda x: call("tf.transpose", x), vectors=False),
        "one_hot": lambda op: call(
            "tf.one_hot", op.args[0], op.size(cast(Size, op.attrs["depth"])), dtype=FLOAT
        ),
        "flip": lambda op: call("tf.reverse", op.args[0], List((number(op.axis),))),
        "reshape": lambda op: call("tf.reshape", op.args[0], _shape(op)),
        "broadcast_to": _broadcast_to,
        "expand_dims": _expand_dims,
        "squeeze": lambda op: call("tf.squeeze", op.args[0], number(op.axis)),
        "transpose": _transpose,
        "concat": _joined("concat"),
        "stack": _joined("stack"),
        "take": _take,
        "take_along": _take_along,
        "segment_sum": _segment_sum,
        "arange": lambda op: call("tf.range", op.size(cast(Size, op.attrs["size"]))),
        "eye": lambda op: call("tf.eye", op.size(cast(Size, op.attrs["size"])), dtype=FLOAT),
        "slice": _slice,
        **{name: shared_rows("tf")[name] for name in ("index", "dim")},
    },
    helpers=HELPERS,
    constant=constant,
    numbers=False,
    scan=_scan,
)
