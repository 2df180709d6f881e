"""The primitives: one row each, read by the frontend, the passes, the verifier and the backends.

A rule of `ppc.ir.rules` gives dtype and shape of the result; named axes are handled once, in
`infer`: the result has every named axis of the operands, except for the few primitives under
"named axes" that consume or make one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ppc.ir import rules
from ppc.ir.rules import Attrs, Rule, RuleError, Shape, Sizes
from ppc.ir.sizes import Size
from ppc.ir.types import Tensor
from ppc.records import dataclass


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
        1, rules.float_, elementwise=True, float_operands=True,
    )  # fmt: skip
    add("neg abs sign square relu", 1, rules.promoted, elementwise=True)
    add(
        "div arctan2 logaddexp xlogy xlog1py lbeta",
        2, rules.float_, elementwise=True, float_operands=True,
    )  # fmt: skip
    add("add sub mul floordiv mod pow maximum minimum", 2, rules.promoted, elementwise=True)
    add("eq ne lt le gt ge logical_and logical_or logical_xor", 2, rules.bool_, elementwise=True)
    add("logical_not isfinite isnan", 1, rules.bool_, elementwise=True)
    add("where", 3, rules.where, elementwise=True)
    add("cast", 1, rules.cast, "dtype", elementwise=True)
    add("stop_gradient", 1, rules.same_as_first, elementwise=True)
    # Half the unit deviances of two families. poisson_deviance(x, y, log_y) = x log(x/y) - x + y
    # for x >= 0 and a mean y = exp(log_y). binomial_deviance(j, k, p, q, log_p, log_q) =
    # j log(j/(n p)) + k log(k/(n q)) for j, k >= 0, n = j + k, p = exp(log_p) and q = 1 - p. What
    # is out of the range of its dtype is known by its logarithm, and derivatives pass by these
    # alone: y - x to log_y; n p - j, the excess of its mean, to log_p, and less of it to log_q.
    add("poisson_deviance", 3, rules.float_, elementwise=True, float_operands=True)
    add("binomial_deviance", 6, rules.float_, elementwise=True, float_operands=True)
    # implicit(draw, *parameters): the draw, with dx/dtheta = -(dF/dtheta) / (dF/dx)
    # (Figurnov, Mohamed and Mnih, 2018) for the distribution function F of `sampler`.
    add("implicit", None, rules.implicit, "sampler", elementwise=True, float_operands=True)

    # Along axes of the shape.
    add("sum prod max min logsumexp", 1, rules.reduced, "axes")
    add("any all", 1, rules.reduced_bool, "axes")
    add("argmax argmin", 1, rules.argmax, "axis")
    add("cumsum softmax log_softmax flip", 1, rules.along, "axis")

    # Shape. slice: start, stop are sizes, step a positive integer; index: `at` a size.
    add("reshape", 1, rules.reshape, "shape")
    add("broadcast_to", 1, rules.broadcast_to, "shape")
    add("expand_dims", 1, rules.expand_dims, "axis")
    add("squeeze", 1, rules.squeeze, "axis")
    add("transpose", 1, rules.transpose, "perm")
    add("concat", None, rules.concat, "axis")
    add("stack", None, rules.stack, "axis")
    add("slice", 1, rules.slice_, "axis", "start", "stop", "step")
    add("index", 1, rules.index, "axis", "at")
    add("take", 2, rules.take, "axis")  # x, indices: the axis is replaced by the indices' shape
    add("take_along", 2, rules.take_along, "axis")  # x, one index for each row: the axis goes
    # segment_sum(x, index): at each of `size` positions the sum of the rows of x that have it.
    add("segment_sum", 2, rules.segment_sum, "size")
    add("one_hot", 1, rules.one_hot, "depth")
    add("arange", 0, rules.arange, "size")
    add("eye", 0, rules.eye, "size")
    add("dim", 0, rules.int_scalar, "size")  # a size as a number

    # Linear algebra: NumPy's matmul. cholesky(a) is the lower factor of a symmetric a, NaN where a
    # is not positive definite; its derivative is symmetric. solve_triangular(a, b) has a x = b for
    # each vector of b, or a^T x = b where `transposed` is 1; of `a` the lower triangle is read.
    add("matmul", 2, rules.matmul)
    add("tril", 1, rules.square)
    add("diagonal", 1, rules.diagonal)
    add("cholesky", 1, rules.cholesky, float_operands=True)
    add("solve_triangular", 2, rules.solve_triangular, "transposed", float_operands=True)

    # Named axes. They are gone after the layout pass.
    add("reduce_axis", 1, rules.same_as_first, "op", "axes")  # op: sum | max | logsumexp
    add("take_axis", 2, rules.take_axis, "axis")  # x[... | ...] at integer positions along `axis`
    add("to_axis", 1, rules.to_axis, "axis")  # the leading dimension becomes the axis
    add("from_axis", 1, rules.same_as_first, "axis")  # the axis becomes the leading dimension
    add("axis_index", 0, rules.int_scalar, "axis")  # 0, 1, ... along the axis
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
