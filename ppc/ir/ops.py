"""Primitives as functions on values, for code that builds graphs: `ops.log(x)`.

Each elementwise primitive of one operand or two is here by its name; reductions take negative
axes. Composites that more than one caller needs stand at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ppc.ir.build import Builder, Operand, Value
from ppc.ir.sizes import Size
from ppc.ir.types import DType, Tensor


def _builder(args: Sequence[Operand]) -> Builder:
    for arg in args:
        if isinstance(arg, Value):
            return arg.builder
    raise TypeError("at least one operand must be a graph value")


def _function(primitive: str) -> Callable[..., Value]:
    def apply(*args: Operand) -> Value:
        return _builder(args).op(primitive, *args)

    apply.__name__ = apply.__qualname__ = primitive
    return apply


exp, expm1, log, log1p = map(_function, ("exp", "expm1", "log", "log1p"))
sqrt, rsqrt, square, abs_ = map(_function, ("sqrt", "rsqrt", "square", "abs"))
sign = _function("sign")
sin, cos, tan, arctan, tanh = map(_function, ("sin", "cos", "tan", "arctan", "tanh"))
sinh, cosh, arcsinh = map(_function, ("sinh", "cosh", "arcsinh"))
sigmoid, log_sigmoid, softplus = map(_function, ("sigmoid", "log_sigmoid", "softplus"))
lgamma, digamma, lbeta = map(_function, ("lgamma", "digamma", "lbeta"))
lgamma_correction, arctan2 = map(_function, ("lgamma_correction", "arctan2"))
erf, erfc, ndtr, log_ndtr, ndtri = map(_function, ("erf", "erfc", "ndtr", "log_ndtr", "ndtri"))
log1mexp, log1pmx, logaddexp = map(_function, ("log1mexp", "log1pmx", "logaddexp"))
poisson_deviance, binomial_deviance = map(_function, ("poisson_deviance", "binomial_deviance"))
xlogy, xlog1py = map(_function, ("xlogy", "xlog1py"))
maximum, minimum, floor = map(_function, ("maximum", "minimum", "floor"))
isfinite = _function("isfinite")
eq, ne = map(_function, ("eq", "ne"))
logical_and, logical_or, logical_not = map(_function, ("logical_and", "logical_or", "logical_not"))
where = _function("where")
stop_gradient = _function("stop_gradient")
cholesky, tril, diagonal = map(_function, ("cholesky", "tril", "diagonal"))


def cast(x: Value, dtype: DType) -> Value:
    """`x` as `dtype`."""
    return x.builder.cast(x, dtype)


def sum_(x: Value, axes: Sequence[int] = (-1,)) -> Value:
    """Sum over axes of the shape, negative."""
    return x.builder.op("sum", x, axes=tuple(axes)) if axes else x


def sum_all(x: Value) -> Value:
    """Sum over the whole shape; named axes stay."""
    return sum_(x, tuple(range(-x.type.rank, 0)))


def logsumexp(x: Value, axis: int = -1) -> Value:
    """log(sum(exp(x))) along an axis."""
    return x.builder.op("logsumexp", x, axes=(axis,))


def softmax(x: Value, axis: int = -1) -> Value:
    """exp(x) / sum(exp(x)) along an axis."""
    return x.builder.op("softmax", x, axis=axis)


def log_softmax(x: Value, axis: int = -1) -> Value:
    """x - logsumexp(x) along an axis."""
    return x.builder.op("log_softmax", x, axis=axis)


def solve_triangular(a: Value, b: Value, *, transposed: bool = False) -> Value:
    """x with a x = b, or a^T x = b, for each vector of `b` and a lower triangular `a`."""
    return a.builder.op("solve_triangular", a, b, transposed=int(transposed))


def transpose(x: Value) -> Value:
    """The last two dimensions exchanged."""
    lead = tuple(range(-x.type.rank, -2))
    return x.builder.op("transpose", x, perm=(*lead, -1, -2))


def take_along(x: Value, index: Value, axis: int = -1) -> Value:
    """One element for each row: the axis goes."""
    return x.builder.op("take_along", x, index, axis=axis)


def one_hot(x: Value, depth: Size) -> Value:
    """1.0 at position `x` of a new last axis."""
    return x.builder.op("one_hot", x, depth=depth)


def argmax(x: Value, axis: int = -1) -> Value:
    """The position of the largest element along an axis."""
    return x.builder.op("argmax", x, axis=axis)


def implicit(draw: Value, *parameters: Value, sampler: str) -> Value:
    """The draw, with the implicit derivative of `sampler` in its parameters."""
    return draw.builder.op("implicit", draw, *parameters, sampler=sampler)


def sum_axes(x: Value, axes: Sequence[str]) -> Value:
    """Sum over named axes."""
    return x.builder.op("reduce_axis", x, op="sum", axes=tuple(axes)) if axes else x


def expand_dims(x: Value, axis: int) -> Value:
    """A new dimension of size 1."""
    return x.builder.op("expand_dims", x, axis=axis)


def broadcast_to(x: Value, shape: Sequence[Size]) -> Value:
    """`x` repeated to `shape`: itself where it has it already."""
    if x.type.shape == tuple(shape):
        return x
    return x.builder.op("broadcast_to", x, shape=tuple(shape))


def filled(value: Value, type_: Tensor) -> Value:
    """A value repeated to the axes and the shape of a type."""
    value, builder = broadcast_to(value, type_.shape), value.builder
    for axis in type_.axes:
        if axis not in value.type.axes:
            rows = broadcast_to(value, (builder.axes[axis].size, *value.type.shape))
            value = builder.op("to_axis", rows, axis=axis)
    return value
