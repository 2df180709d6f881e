"""Rules of the primitives that act on each element alone.

Where a function has no derivative: `abs` and `relu` take 0 at 0, `maximum` and `minimum` give
half to each side of a tie, steps give 0. Where it is infinite it stays so: sqrt at 0.
"""

# Arithmetic on arrays whose dtype is not said has type Any.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import special  # type: ignore[import-untyped]  # SciPy ships no types

from ppc_numpy.implicit import implicit_derivative
from ppc_numpy.rules import Array, Call, Gradients, Rule, times
from ppc_numpy.special import (
    deviance,
    lbeta,
    lgamma_correction,
    lgamma_correction_slope,
    log1mexp,
    log1pmx,
    log_mean_ratio,
    mills,
    trigamma,
)

Unary = Callable[[Array], Array]
Binary = Callable[[Array, Array], Array]


def unary(
    value: Unary, derivative: Callable[[Array, Array], Array], *, exact: bool = False
) -> Rule:
    """A function of one operand; `derivative(x, y)` may use the result y."""

    def vjp(_: Call, g: Array, y: Array, x: Array) -> Gradients:
        return (times(g, derivative(x, y)),)

    return Rule(lambda _, x: value(x), vjp, "elementwise", rounds=not exact)


def binary(value: Binary, left: Binary, right: Binary, *, exact: bool = False) -> Rule:
    """A function of two operands with its partial derivatives."""

    def vjp(_: Call, g: Array, __: Array, a: Array, b: Array) -> Gradients:
        return times(g, left(a, b)), times(g, right(a, b))

    return Rule(lambda _, a, b: value(a, b), vjp, "elementwise", rounds=not exact)


def flat(value: Callable[..., Array]) -> Rule:
    """A function without derivative: a step, a comparison, logic."""
    return Rule(lambda _, *args: value(*args), None, "elementwise")


def _sech2(x: Array, _: Array) -> Array:
    e = np.exp(-2 * np.abs(x))
    return 4 * e / (1 + e) ** 2


def _pow(a: Array, b: Array) -> Array:
    return np.power(a, b)


def _pow_base(a: Array, b: Array) -> Array:
    return np.where(b == 0, 0.0, b * np.power(a, b - 1.0))


def _pow_exponent(a: Array, b: Array) -> Array:
    # a^b log a tends to 0 with a for b > 0
    return np.where((a == 0) & (b > 0), 0.0, np.power(a, b * 1.0) * np.log(a))


def _ratio(x: Array, y: Array) -> Array:
    """x / y, and 0 at x = 0: xlogy(0, y) is 0 for all y."""
    return np.where(x == 0, 0.0, x / y)


def _share(a: Array, b: Array) -> Array:
    """The derivative of logaddexp in `a`: 0 where both are -inf, half where both are inf."""
    shares = special.expit(np.where(a == b, 0.0, a - b))
    return np.where((a == -np.inf) & (b == -np.inf), 0.0, shares)


def _cast(call: Call, x: Array) -> Array:
    dtype = call.attrs["dtype"]
    if dtype == "bool":
        return x != 0
    return np.trunc(x).astype(np.int64) if dtype == "i32" else x.astype(np.float64)


def _select(_: Call, condition: Array, a: Array, b: Array) -> Array:
    return np.where(condition, a, b)


def _select_vjp(_: Call, g: Array, __: Array, c: Array, *___: Array) -> Gradients:
    return None, np.where(c, g, 0.0), np.where(c, 0.0, g)


def _poisson_deviance_vjp(
    _: Call, g: Array, __: Array, x: Array, y: Array, log_y: Array
) -> Gradients:
    gap = y - x
    return times(g, -log_mean_ratio(x, y, log_y, gap)), None, times(g, gap)


def _means(
    j: Array, k: Array, p: Array, q: Array, log_p: Array, log_q: Array
) -> tuple[tuple[Array, Array, Array, Array], tuple[Array, Array, Array, Array]]:
    """What a deviance takes for either count; n p - j without the rounding of the product."""
    n, gap = j + k, k * p - j * q
    log_n = np.log(np.where(n > 0, n, 1.0))
    return (j, n * p, log_n + log_p, gap), (k, n * q, log_n + log_q, -gap)


def _binomial_deviance(_: Call, *operands: Array) -> Array:
    one, other = _means(*operands)
    return deviance(*one) + deviance(*other)


def _binomial_deviance_vjp(_: Call, g: Array, __: Array, *operands: Array) -> Gradients:
    one, other = _means(*operands)
    slopes = times(g, -log_mean_ratio(*one)), times(g, -log_mean_ratio(*other))
    return (*slopes, None, None, times(g, one[3]), times(g, other[3]))


def _implicit_vjp(call: Call, g: Array, _: Array, draw: Array, *parameters: Array) -> Gradients:
    slopes = implicit_derivative(str(call.attrs["sampler"]), draw, *parameters)
    return None, *(times(g, slope) for slope in slopes)


def _implicit(_: Call, draw: Array, *parameters: Array) -> Array:
    return np.broadcast_to(draw, np.broadcast_shapes(*(x.shape for x in (draw, *parameters))))


def _tie(a: Array, b: Array) -> Array:
    """1 where a > b, 1/2 on a tie."""
    return (a > b) + 0.5 * (a == b)


_ROOT_PI = math.sqrt(math.pi)
_ROOT_2PI = math.sqrt(2 * math.pi)

_UNARY = {
    "exp": unary(np.exp, lambda x, y: y),
    "expm1": unary(np.expm1, lambda x, y: np.exp(x)),
    "log": unary(np.log, lambda x, y: 1 / x),
    "log1p": unary(np.log1p, lambda x, y: 1 / (1 + x)),
    "sqrt": unary(np.sqrt, lambda x, y: 0.5 / y),
    "rsqrt": unary(lambda x: 1 / np.sqrt(x), lambda x, y: -0.5 * y / x),
    "sin": unary(np.sin, lambda x, y: np.cos(x)),
    "cos": unary(np.cos, lambda x, y: -np.sin(x)),
    "tan": unary(np.tan, lambda x, y: 1 + y * y),
    "arcsin": unary(np.arcsin, lambda x, y: 1 / np.sqrt((1 - x) * (1 + x))),
    "arccos": unary(np.arccos, lambda x, y: -1 / np.sqrt((1 - x) * (1 + x))),
    "arctan": unary(np.arctan, lambda x, y: 1 / (1 + x * x)),
    "sinh": unary(np.sinh, lambda x, y: np.cosh(x)),
    "cosh": unary(np.cosh, lambda x, y: np.sinh(x)),
    "tanh": unary(np.tanh, _sech2),
    "arcsinh": unary(np.arcsinh, lambda x, y: 1 / np.hypot(1, x)),
    "arccosh": unary(np.arccosh, lambda x, y: 1 / (np.sqrt(x - 1) * np.sqrt(x + 1))),
    "arctanh": unary(np.arctanh, lambda x, y: 1 / ((1 - x) * (1 + x))),
    "sigmoid": unary(special.expit, lambda x, y: y * special.expit(-x)),
    "log_sigmoid": unary(special.log_expit, lambda x, y: special.expit(-x)),
    "softplus": unary(lambda x: np.logaddexp(0.0, x), lambda x, y: special.expit(x)),
    "erf": unary(special.erf, lambda x, y: 2 / _ROOT_PI * np.exp(-x * x)),
    "erfc": unary(special.erfc, lambda x, y: -2 / _ROOT_PI * np.exp(-x * x)),
    "erfinv": unary(special.erfinv, lambda x, y: _ROOT_PI / 2 * np.exp(y * y)),
    "ndtr": unary(special.ndtr, lambda x, y: np.exp(-0.5 * x * x) / _ROOT_2PI),
    "log_ndtr": unary(special.log_ndtr, lambda x, y: mills(x)),
    "ndtri": unary(special.ndtri, lambda x, y: _ROOT_2PI * np.exp(0.5 * y * y)),
    "lgamma": unary(special.gammaln, lambda x, y: special.psi(x)),
    "digamma": unary(special.psi, lambda x, y: trigamma(x)),
    "log1mexp": unary(log1mexp, lambda x, y: 1 / np.expm1(x)),
    "log1pmx": unary(log1pmx, lambda x, y: -x / (1 + x)),
    "lgamma_correction": unary(lgamma_correction, lambda x, y: lgamma_correction_slope(x)),
    "floor": flat(np.floor),
    "ceil": flat(np.ceil),
    "round": flat(np.rint),
    "neg": unary(np.negative, lambda x, y: np.asarray(-1.0), exact=True),
    "abs": unary(np.abs, lambda x, y: np.sign(x), exact=True),
    "sign": flat(np.sign),
    "square": unary(np.square, lambda x, y: 2 * x),
    "relu": unary(lambda x: np.maximum(x, 0), lambda x, y: (x > 0) * 1.0, exact=True),
    "logical_not": flat(np.logical_not),
    "isfinite": flat(np.isfinite),
    "isnan": flat(np.isnan),
}

_BINARY = {
    "add": binary(np.add, lambda a, b: np.asarray(1.0), lambda a, b: np.asarray(1.0)),
    "sub": binary(np.subtract, lambda a, b: np.asarray(1.0), lambda a, b: np.asarray(-1.0)),
    "mul": binary(np.multiply, lambda a, b: b, lambda a, b: a),
    "div": binary(np.true_divide, lambda a, b: 1 / b, lambda a, b: -(a / b) / b),
    "floordiv": flat(np.floor_divide),
    "mod": binary(np.mod, lambda a, b: np.asarray(1.0), lambda a, b: -np.floor_divide(a, b)),
    "pow": binary(_pow, _pow_base, _pow_exponent),
    "maximum": binary(np.maximum, _tie, lambda a, b: _tie(b, a), exact=True),
    "minimum": binary(np.minimum, lambda a, b: _tie(b, a), _tie, exact=True),
    "arctan2": binary(
        np.arctan2, lambda a, b: b / (a * a + b * b), lambda a, b: -a / (a * a + b * b)
    ),
    "logaddexp": binary(np.logaddexp, _share, lambda a, b: _share(b, a)),
    "xlogy": binary(special.xlogy, lambda x, y: np.log(y), _ratio),
    "xlog1py": binary(special.xlog1py, lambda x, y: np.log1p(y), lambda x, y: _ratio(x, 1 + y)),
    "lbeta": binary(
        lbeta,
        lambda a, b: special.psi(a) - special.psi(a + b),
        lambda a, b: special.psi(b) - special.psi(a + b),
    ),
    "eq": flat(np.equal),
    "ne": flat(np.not_equal),
    "lt": flat(np.less),
    "le": flat(np.less_equal),
    "gt": flat(np.greater),
    "ge": flat(np.greater_equal),
    "logical_and": flat(np.logical_and),
    "logical_or": flat(np.logical_or),
    "logical_xor": flat(np.logical_xor),
}

ELEMENTWISE = {
    **_UNARY,
    **_BINARY,
    "poisson_deviance": Rule(
        lambda _, x, y, log_y: deviance(x, y, log_y, y - x),
        _poisson_deviance_vjp,
        "elementwise",
        rounds=True,
    ),
    "binomial_deviance": Rule(
        _binomial_deviance, _binomial_deviance_vjp, "elementwise", rounds=True
    ),
    "where": Rule(_select, _select_vjp, "elementwise"),
    "cast": Rule(_cast, lambda _, g, __, x: (g,), "elementwise"),
    "stop_gradient": Rule(lambda _, x: x, None, "elementwise"),
    "implicit": Rule(_implicit, _implicit_vjp, "elementwise"),
}
