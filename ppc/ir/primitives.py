"""The primitives: one row each, read by the frontend, the passes, the verifier and the backends.

A rule gives dtype and shape of the result; named axes are handled once, in `infer`: the result
has every named axis of the operands, except for the few primitives under "named axes" that
consume or make one. Axes of the shape are negative (`-1` is the last), so that a rule means the
same whether a named axis is a name or has been laid out as a leading dimension.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field

from ppc.ir.nodes import Attr
from ppc.ir.sizes import Size, product
from ppc.ir.types import DTYPES, DType, Tensor, promote
from ppc.records import dataclass

Attrs = Mapping[str, Attr]
Shape = tuple[Size, ...]


class RuleError(Exception):
    """Operands that a primitive does not take. `reason` is one plain clause, in user terms."""

    def __init__(self, reason: str, *, kind: str = "shape") -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind  # shape | dtype | attribute


@dataclass(slots=True)
class Sizes:
    """What is known of named sizes; records the equalities that fixed values imply."""

    values: Mapping[str, int] = field(default_factory=dict)
    equalities: list[tuple[Size, Size]] = field(default_factory=list)

    def same(self, a: Size, b: Size) -> bool:
        """Whether `a` and `b` are equal, as polynomials or under the fixed values."""
        if a == b:
            return True
        x, y = a.evaluate(self.values), b.evaluate(self.values)
        if x is None or x != y:
            return False
        if (a, b) not in self.equalities and (b, a) not in self.equalities:
            self.equalities.append((a, b))
        return True

    def broadcast(self, a: Shape, b: Shape) -> Shape:
        """The broadcast shape; only a literal 1 broadcasts. Raises RuleError."""
        short, long = sorted((a, b), key=len)
        lead = len(long) - len(short)
        shape = list(long)
        for i, size in enumerate(short):
            other = long[lead + i]
            if other.value == 1:
                shape[lead + i] = size
            elif size.value != 1 and not self.same(size, other):
                raise RuleError(f"shapes {show(a)} and {show(b)} do not broadcast")
        return tuple(shape)


Rule = Callable[[Sizes, Sequence[Tensor], Attrs], tuple[DType, Shape]]


@dataclass(frozen=True, slots=True)
class Primitive:
    """A row of the table."""

    name: str
    arity: int | None  # None: one or more
    rule: Rule
    attrs: tuple[str, ...] = ()
    elementwise: bool = False  # acts on each element alone, after broadcasting
    float_operands: bool = False  # integer operands are cast to f32 first
    doc: str = ""


def show(shape: Sequence[Size]) -> str:
    """A shape as a user writes it: `(k,)`."""
    inner = ", ".join(str(s) for s in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


# --- rules ---------------------------------------------------------------------------------------


def _broadcast_all(sizes: Sizes, args: Sequence[Tensor]) -> Shape:
    shape: Shape = ()
    for arg in args:
        shape = sizes.broadcast(shape, arg.shape)
    return shape


def _promoted(sizes: Sizes, args: Sequence[Tensor], _: Attrs) -> tuple[DType, Shape]:
    dtype = promote(a.dtype for a in args)
    return ("i32" if dtype == "bool" else dtype), _broadcast_all(sizes, args)


def _float(sizes: Sizes, args: Sequence[Tensor], _: Attrs) -> tuple[DType, Shape]:
    return "f32", _broadcast_all(sizes, args)


def _bool(sizes: Sizes, args: Sequence[Tensor], _: Attrs) -> tuple[DType, Shape]:
    return "bool", _broadcast_all(sizes, args)


def _where(sizes: Sizes, args: Sequence[Tensor], _: Attrs) -> tuple[DType, Shape]:
    if args[0].dtype != "bool":
        raise RuleError("the condition must be boolean", kind="dtype")
    return promote(a.dtype for a in args[1:]), _broadcast_all(sizes, args)


def _cast(_: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    dtype = attrs["dtype"]
    if dtype not in DTYPES:
        raise RuleError(f"{dtype} is not a dtype", kind="dtype")
    return dtype, args[0].shape


def _same_as_first(_: Sizes, args: Sequence[Tensor], __: Attrs) -> tuple[DType, Shape]:
    return args[0].dtype, args[0].shape


def _implicit(sizes: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    return "f32", _broadcast_all(sizes, args)


def axes_of(attrs: Attrs, rank: int) -> tuple[int, ...]:
    """The attribute `axes`, checked against a rank."""
    axes = attrs["axes"]
    assert isinstance(axes, tuple)
    return tuple(_checked(a, rank) for a in axes)


def axis_of(attrs: Attrs, rank: int) -> int:
    """The attribute `axis`, checked against a rank."""
    return _checked(attrs["axis"], rank)


def _checked(axis: Attr, rank: int) -> int:
    if not isinstance(axis, int) or not -rank <= axis < 0:
        raise RuleError(f"axis {axis} is out of range for {rank} dimensions")
    return axis


def _reduced(sizes: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    (x,) = args
    drop = {x.rank + a for a in axes_of(attrs, x.rank)}
    dtype: DType = "i32" if x.dtype == "bool" else x.dtype
    return dtype, tuple(s for i, s in enumerate(x.shape) if i not in drop)


def _reduced_bool(sizes: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    return "bool", _reduced(sizes, args, attrs)[1]


def _argmax(_: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    axis = axis_of(attrs, args[0].rank)
    return "i32", _without(args[0].shape, axis)


def _along(_: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    axis_of(attrs, args[0].rank)
    return args[0].dtype, args[0].shape


def _without(shape: Shape, axis: int) -> Shape:
    at = len(shape) + axis
    return shape[:at] + shape[at + 1 :]


def _matmul(sizes: Sizes, args: Sequence[Tensor], _: Attrs) -> tuple[DType, Shape]:
    a, b = args
    if not a.rank or not b.rank:
        raise RuleError("matrix product needs at least one dimension on each side")
    inner = b.shape[-2] if b.rank > 1 else b.shape[-1]
    if not sizes.same(a.shape[-1], inner):
        raise RuleError(
            f"inner sizes of the matrix product differ: {show(a.shape)} @ {show(b.shape)}"
        )
    batch = sizes.broadcast(a.shape[:-2], b.shape[:-2])
    rows = a.shape[-2:-1] if a.rank > 1 else ()
    columns = b.shape[-1:] if b.rank > 1 else ()
    return promote((a.dtype, b.dtype)), batch + rows + columns


def _transpose(_: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    (x,) = args
    perm = attrs["perm"]
    assert isinstance(perm, tuple)
    if sorted(perm, key=str) != sorted(range(-x.rank, 0), key=str):
        raise RuleError(f"{perm} does not permute {x.rank} dimensions")
    return x.dtype, tuple(x.shape[p] for p in perm if isinstance(p, int))


def shape_of(attrs: Attrs) -> Shape:
    """The attribute `shape`."""
    shape = attrs["shape"]
    assert isinstance(shape, tuple)
    return tuple(s if isinstance(s, Size) else Size.of(s) for s in shape)  # type: ignore[arg-type]


def _reshape(sizes: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    (x,) = args
    shape = shape_of(attrs)
    if not sizes.same(product(x.shape), product(shape)):
        raise RuleError(f"{show(x.shape)} cannot be reshaped to {show(shape)}")
    return x.dtype, shape


def _expand_dims(_: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    (x,) = args
    at = x.rank + 1 + axis_of(attrs, x.rank + 1)
    return x.dtype, x.shape[:at] + (Size.of(1),) + x.shape[at:]


def _squeeze(_: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    (x,) = args
    axis = axis_of(attrs, x.rank)
    if x.shape[axis].value != 1:
        raise RuleError(f"axis {axis} of {show(x.shape)} has not size 1")
    return x.dtype, _without(x.shape, axis)


def _broadcast_to(sizes: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    (x,) = args
    shape = shape_of(attrs)
    if len(shape) < x.rank or sizes.broadcast(x.shape, shape) != shape:
        raise RuleError(f"{show(x.shape)} does not broadcast to {show(shape)}")
    return x.dtype, shape


def _concat(sizes: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    first = args[0]
    axis = axis_of(attrs, first.rank)
    total = Size.of(0)
    for x in args:
        same = x.rank == first.rank and all(
            sizes.same(a, b)
            for a, b in zip(_without(x.shape, axis), _without(first.shape, axis), strict=True)
        )
        if not same:
            raise RuleError(
                f"shapes {show(first.shape)} and {show(x.shape)} cannot be joined along {axis}"
            )
        total = total + x.shape[axis]
    shape = list(first.shape)
    shape[axis] = total
    return promote(a.dtype for a in args), tuple(shape)


def _stack(sizes: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    first = args[0]
    for x in args:
        same = x.rank == first.rank and all(
            sizes.same(a, b) for a, b in zip(x.shape, first.shape, strict=True)
        )
        if not same:
            raise RuleError(f"shapes {show(first.shape)} and {show(x.shape)} cannot be stacked")
    at = first.rank + 1 + axis_of(attrs, first.rank + 1)
    shape = first.shape[:at] + (Size.of(len(args)),) + first.shape[at:]
    return promote(a.dtype for a in args), shape


def _slice(_: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    (x,) = args
    axis = axis_of(attrs, x.rank)
    start, stop, step = attrs["start"], attrs["stop"], attrs["step"]
    assert isinstance(start, Size) and isinstance(stop, Size) and isinstance(step, int)
    length = stop - start
    if step != 1:
        length = (length + (step - 1)) // step
    if length.value is not None and length.value < 0:
        length = Size.of(0)
    shape = list(x.shape)
    shape[axis] = length
    return x.dtype, tuple(shape)


def _index(_: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    (x,) = args
    axis, at = axis_of(attrs, x.rank), attrs["at"]
    assert isinstance(at, Size)
    length = x.shape[axis].value
    if at.value is not None and length is not None and not -length <= at.value < length:
        raise RuleError(f"index {at} is out of range for {length} elements")
    return x.dtype, _without(x.shape, axis)


def _take(_: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    x, index = args
    axis = axis_of(attrs, x.rank)
    _needs_int(index)
    at = x.rank + axis
    return x.dtype, x.shape[:at] + index.shape + x.shape[at + 1 :]


def _take_along(sizes: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    x, index = args
    axis = axis_of(attrs, x.rank)
    _needs_int(index)
    if index.rank != x.rank - 1:
        raise RuleError(f"an index of shape {show(index.shape)} cannot pick from {show(x.shape)}")
    return x.dtype, sizes.broadcast(_without(x.shape, axis), index.shape)


def _segment_sum(sizes: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    x, index = args
    _needs_int(index)
    size = attrs["size"]
    assert isinstance(size, Size)
    if index.rank != 1 or not x.rank or not sizes.same(x.shape[0], index.shape[0]):
        raise RuleError(f"{show(x.shape)} has no row for each of the positions {show(index.shape)}")
    return x.dtype, (size, *x.shape[1:])


def _needs_int(index: Tensor) -> None:
    if index.dtype != "i32":
        raise RuleError("an index must be an integer", kind="dtype")


def _one_hot(_: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    depth = attrs["depth"]
    assert isinstance(depth, Size)
    _needs_int(args[0])
    return "f32", (*args[0].shape, depth)


def _arange(_: Sizes, __: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    size = attrs["size"]
    assert isinstance(size, Size)
    return "i32", (size,)


def _eye(_: Sizes, __: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    size = attrs["size"]
    assert isinstance(size, Size)
    return "f32", (size, size)


def _square(sizes: Sizes, args: Sequence[Tensor], _: Attrs) -> tuple[DType, Shape]:
    shape = args[0].shape
    if len(shape) < 2 or not sizes.same(shape[-2], shape[-1]):
        raise RuleError(f"{show(shape)} is not a square matrix")
    return args[0].dtype, shape


def _cholesky(sizes: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    return "f32", _square(sizes, args, attrs)[1]


def _diagonal(sizes: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    dtype, shape = _square(sizes, args, attrs)
    return dtype, shape[:-1]


def _solve_triangular(sizes: Sizes, args: Sequence[Tensor], attrs: Attrs) -> tuple[DType, Shape]:
    a, b = args
    _, shape = _square(sizes, args, attrs)
    if not b.rank or not sizes.same(shape[-1], b.shape[-1]):
        raise RuleError(f"a matrix {show(a.shape)} has no solutions for vectors {show(b.shape)}")
    return "f32", (*sizes.broadcast(shape[:-2], b.shape[:-1]), shape[-1])


def _int_scalar(_: Sizes, __: Sequence[Tensor], ___: Attrs) -> tuple[DType, Shape]:
    return "i32", ()


def _take_axis(_: Sizes, args: Sequence[Tensor], __: Attrs) -> tuple[DType, Shape]:
    x, index = args
    _needs_int(index)
    return x.dtype, index.shape + x.shape


def _to_axis(_: Sizes, args: Sequence[Tensor], __: Attrs) -> tuple[DType, Shape]:
    if not args[0].rank:
        raise RuleError("a scalar has no dimension that could be a plate")
    return args[0].dtype, args[0].shape[1:]


# --- the table -----------------------------------------------------------------------------------


def _rows() -> list[Primitive]:
    rows: list[Primitive] = []

    def add(
        names: str, arity: int | None, rule: Rule, *attrs: str,
        elementwise: bool = False, float_operands: bool = False,
    ) -> None:  # fmt: skip
        rows.extend(
            Primitive(name, arity, rule, attrs, elementwise, float_operands)
            for name in names.split()
        )

    # Elementwise on floats. log1mexp(x) = log(1 - exp(-x)) for x > 0; ndtr is the standard normal
    # distribution function; lbeta(a, b) = log B(a, b); xlogy(x, y) = x log y and 0 at x = 0.
    # log1pmx(x) = log(1 + x) - x for x > -1, to full relative accuracy about 0, with derivative
    # -x / (1 + x). lgamma_correction(x) = lgamma(x) - ((x - 1/2) log x - x + log(2 pi) / 2) for
    # x > 0, the error of Stirling's formula (1/(12 x) for large x), with derivative
    # digamma(x) - log x + 1/(2 x) (-1/(12 x^2) for large x), both to full relative accuracy.
    add(
        "exp expm1 log log1p sqrt rsqrt sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh "
        "arccosh arctanh sigmoid log_sigmoid softplus erf erfc erfinv ndtr log_ndtr ndtri lgamma "
        "digamma log1mexp log1pmx lgamma_correction floor ceil round",
        1, _float, elementwise=True, float_operands=True,
    )  # fmt: skip
    add("neg abs sign square relu", 1, _promoted, elementwise=True)
    add(
        "div arctan2 logaddexp xlogy xlog1py lbeta",
        2, _float, elementwise=True, float_operands=True,
    )  # fmt: skip
    add("add sub mul floordiv mod pow maximum minimum", 2, _promoted, elementwise=True)
    add("eq ne lt le gt ge logical_and logical_or logical_xor", 2, _bool, elementwise=True)
    add("logical_not isfinite isnan", 1, _bool, elementwise=True)
    add("where", 3, _where, elementwise=True)
    add("cast", 1, _cast, "dtype", elementwise=True)
    add("stop_gradient", 1, _same_as_first, elementwise=True)
    # Half the unit deviances of two families. poisson_deviance(x, y, log_y) = x log(x/y) - x + y
    # for x >= 0 and a mean y = exp(log_y). binomial_deviance(j, k, p, q, log_p, log_q) =
    # j log(j/(n p)) + k log(k/(n q)) for j, k >= 0, n = j + k, p = exp(log_p) and q = 1 - p. What
    # is out of the range of its dtype is known by its logarithm, and derivatives pass by these
    # alone: y - x to log_y; n p - j, the excess of its mean, to log_p, and less of it to log_q.
    add("poisson_deviance", 3, _float, elementwise=True, float_operands=True)
    add("binomial_deviance", 6, _float, elementwise=True, float_operands=True)
    # implicit(draw, *parameters): the draw, with dx/dtheta = -(dF/dtheta) / (dF/dx)
    # (Figurnov, Mohamed and Mnih, 2018) for the distribution function F of `sampler`.
    add("implicit", None, _implicit, "sampler", elementwise=True, float_operands=True)

    # Along axes of the shape.
    add("sum prod max min logsumexp", 1, _reduced, "axes")
    add("any all", 1, _reduced_bool, "axes")
    add("argmax argmin", 1, _argmax, "axis")
    add("cumsum softmax log_softmax flip", 1, _along, "axis")

    # Shape. slice: start, stop are sizes, step a positive integer; index: `at` a size.
    add("reshape", 1, _reshape, "shape")
    add("broadcast_to", 1, _broadcast_to, "shape")
    add("expand_dims", 1, _expand_dims, "axis")
    add("squeeze", 1, _squeeze, "axis")
    add("transpose", 1, _transpose, "perm")
    add("concat", None, _concat, "axis")
    add("stack", None, _stack, "axis")
    add("slice", 1, _slice, "axis", "start", "stop", "step")
    add("index", 1, _index, "axis", "at")
    add("take", 2, _take, "axis")  # x, indices: the axis is replaced by the indices' shape
    add("take_along", 2, _take_along, "axis")  # x, one index for each row: the axis goes
    # segment_sum(x, index): at each of `size` positions the sum of the rows of x that have it.
    add("segment_sum", 2, _segment_sum, "size")
    add("one_hot", 1, _one_hot, "depth")
    add("arange", 0, _arange, "size")
    add("eye", 0, _eye, "size")
    add("dim", 0, _int_scalar, "size")  # a size as a number

    # Linear algebra: NumPy's matmul. cholesky(a) is the lower factor of a symmetric a, NaN where a
    # is not positive definite; its derivative is symmetric. solve_triangular(a, b) has a x = b for
    # each vector of b, or a^T x = b where `transposed` is 1; of `a` the lower triangle is read.
    add("matmul", 2, _matmul)
    add("tril", 1, _square)
    add("diagonal", 1, _diagonal)
    add("cholesky", 1, _cholesky, float_operands=True)
    add("solve_triangular", 2, _solve_triangular, "transposed", float_operands=True)

    # Named axes. They are gone after the layout pass.
    add("reduce_axis", 1, _same_as_first, "op", "axes")  # op: sum | max | logsumexp
    add("take_axis", 2, _take_axis, "axis")  # x[... | ...] at integer positions along `axis`
    add("to_axis", 1, _to_axis, "axis")  # the leading dimension becomes the axis
    add("from_axis", 1, _same_as_first, "axis")  # the axis becomes the leading dimension
    add("axis_index", 0, _int_scalar, "axis")  # 0, 1, ... along the axis
    return rows


PRIMITIVES: Mapping[str, Primitive] = {row.name: row for row in _rows()}

# Samplers of noise of kind `draw`, with the number of their parameters. `log_gamma` is the
# logarithm of a standard Gamma(concentration) draw, which does not underflow for small
# concentrations; the discrete ones carry no derivative.
SAMPLERS: Mapping[str, int] = {"log_gamma": 1, "poisson": 1, "binomial": 2}


def infer(
    primitive: str,
    args: Sequence[Tensor],
    attrs: Attrs,
    *,
    sizes: Sizes,
    axes: Mapping[str, Size],
) -> Tensor:
    """The type of a primitive applied to operands.

    `axes` are the graph's named axes in declaration order, with their sizes. Raises RuleError
    where the operands do not fit, KeyError for a primitive that does not exist.
    """
    row = PRIMITIVES[primitive]
    if row.arity is not None and len(args) != row.arity:
        raise RuleError(f"{primitive} takes {row.arity} operands, not {len(args)}")
    if row.arity is None and not args:
        raise RuleError(f"{primitive} takes at least one operand")
    if missing := [name for name in row.attrs if name not in attrs]:
        raise RuleError(f"{primitive} needs {', '.join(missing)}", kind="attribute")
    dtype, shape = row.rule(sizes, args, attrs)
    named = {axis for arg in args for axis in arg.axes}
    if primitive in _NAMED:
        named, shape = _NAMED[primitive](args, attrs, named, shape, axes)
    return Tensor(dtype, tuple(axis for axis in axes if axis in named), shape)


_Named = tuple[set[str], Shape]


def _named_reduce(
    _: Sequence[Tensor], attrs: Attrs, named: set[str], shape: Shape, __: Mapping[str, Size]
) -> _Named:
    gone = attrs["axes"]
    assert isinstance(gone, tuple)
    if lacking := [str(a) for a in gone if a not in named]:
        raise RuleError(f"there is no plate {', '.join(lacking)} to reduce over")
    return named - {str(a) for a in gone}, shape


def _named_take(
    args: Sequence[Tensor], attrs: Attrs, _: set[str], shape: Shape, __: Mapping[str, Size]
) -> _Named:
    x, index = args
    axis = str(attrs["axis"])
    if axis not in x.axes:
        raise RuleError(f"the value does not vary over plate {axis}")
    return (set(x.axes) - {axis}) | set(index.axes), shape


def _named_to(
    args: Sequence[Tensor], attrs: Attrs, named: set[str], shape: Shape, _: Mapping[str, Size]
) -> _Named:
    axis = str(attrs["axis"])
    if axis in args[0].axes:
        raise RuleError(f"the value varies over plate {axis} already")
    return named | {axis}, shape


def _named_from(
    args: Sequence[Tensor], attrs: Attrs, named: set[str], shape: Shape, axes: Mapping[str, Size]
) -> _Named:
    axis = str(attrs["axis"])
    if axis not in args[0].axes:
        raise RuleError(f"the value does not vary over plate {axis}")
    return named - {axis}, (axes[axis], *shape)


def _named_index(
    _: Sequence[Tensor], attrs: Attrs, __: set[str], shape: Shape, ___: Mapping[str, Size]
) -> _Named:
    return {str(attrs["axis"])}, shape


_NAMED = {
    "reduce_axis": _named_reduce,
    "take_axis": _named_take,
    "to_axis": _named_to,
    "from_axis": _named_from,
    "axis_index": _named_index,
}

# The primitives that know of named axes; none is left after the layout pass.
NAMED_AXIS_PRIMITIVES = frozenset(_NAMED)
