"""Functions that an emitted program carries with it, where JAX's own lose digits or have none.

They keep relative accuracy in float32 and float64, value and derivative, over the whole domain.
Each is printed once, and only into programs that call it.
"""

from __future__ import annotations

from ppc.emit.quote import Templates

_LOG1MEXP = '''
@jax.custom_jvp
def _log1mexp(x):
    """log(1 - exp(-x)) for x > 0, by two forms about log 2 (Maechler, 2012)."""
    return jnp.where(x < math.log(2), jnp.log(-jnp.expm1(-x)), jnp.log1p(-jnp.exp(-x)))


@_log1mexp.defjvp
def _log1mexp_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    return _log1mexp(x), dx / jnp.expm1(x)
'''

_LOG1PMX = '''
@jax.custom_jvp
def _log1pmx(x):
    """log(1 + x) - x for x > -1; near 0 by log(1 + x) = 2 artanh(x / (2 + x))."""
    near = jnp.abs(x) < 0.5
    r = jnp.where(near, x / (2 + x), 0.0)
    series = jnp.zeros_like(r)
    for k in range(16, 0, -1):
        series = (series + 1 / (2 * k + 1)) * r**2
    return jnp.where(near, r * (2 * series - x), jnp.log1p(x) - x)


@_log1pmx.defjvp
def _log1pmx_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    return _log1pmx(x), -x / (1 + x) * dx
'''

# artanh(y)/y - 1 with y = 1/(2 x + 1) is (x + 1/2) log(1 + 1/x) - 1, what the recurrence of the
# gamma function adds to the rest of Stirling's formula from x to x + 1.
_LGAMMA_CORRECTION = '''
@jax.custom_jvp
def _lgamma_correction(x):
    """log gamma(x) - ((x - 1/2) log x - x + log(2 pi) / 2) for x > 0.

    Stirling's series (Abramowitz and Stegun 6.1.40) at 10 or above, to which smaller x
    come by the recurrence of the gamma function.
    """
    small = x < 10
    shifted = jnp.where(small, x + 10, x)
    total = jnp.zeros_like(shifted)
    for c in (43867 / 244188, -3617 / 122400, 1 / 156, -691 / 360360, 1 / 1188):
        total = (total + c) / shifted / shifted
    for c in (-1 / 1680, 1 / 1260, -1 / 360):
        total = (total + c) / shifted / shifted
    total = (total + 1 / 12) / shifted
    below = jnp.where(small, x, 1.0)[..., None] + jnp.arange(10)
    return total + jnp.where(small, _stirling_step(below).sum(-1), 0.0)


@_lgamma_correction.defjvp
def _lgamma_correction_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    return _lgamma_correction(x), _lgamma_correction_slope(x) * dx


def _lgamma_correction_slope(x):
    """digamma(x) - log x + 1 / (2 x), x > 0, by the derivatives of the same series."""
    small = x < 10
    shifted = jnp.where(small, x + 10, x)
    total = jnp.zeros_like(shifted)
    for c in (-43867 / 14364, 3617 / 8160, -1 / 12, 691 / 32760, -1 / 132):
        total = (total + c) / shifted / shifted
    for c in (1 / 240, -1 / 252, 1 / 120):
        total = (total + c) / shifted / shifted
    total = (total - 1 / 12) / shifted / shifted
    below = jnp.where(small, x, 1.0)[..., None] + jnp.arange(10)
    return total + jnp.where(small, _stirling_step_slope(below).sum(-1), 0.0)


def _stirling_step(x):
    """(x + 1/2) log(1 + 1/x) - 1 = artanh(y)/y - 1 with y = 1 / (2 x + 1)."""
    y = 1 / (2 * x + 1)
    series = jnp.zeros_like(y)
    for k in range(26, 0, -1):
        series = (series + 1 / (2 * k + 1)) * y**2
    return jnp.where(x < 0.5, (x + 0.5) * (jnp.log1p(x) - jnp.log(x)) - 1, series)


def _stirling_step_slope(x):
    """log(1 + 1/x) - (x + 1/2) / (x (x + 1)), the derivative of `_stirling_step`."""
    y = 1 / (2 * x + 1)
    series = jnp.zeros_like(y)
    for k in range(26, 0, -1):
        series = (series + 2 * k / (2 * k + 1)) * y**2
    direct = jnp.log1p(x) - jnp.log(x) - 0.5 / x - 0.5 / (1 + x)
    return jnp.where(x < 0.5, direct, -2 * y * series)
'''

_LBETA = '''
@jax.custom_jvp
def _lbeta(a, b):
    """log B(a, b) for positive a and b.

    The leading terms of Stirling's formula cancel in closed form (DiDonato and Morris,
    1992), so that nothing is lost for large arguments.
    """
    p, q = jnp.minimum(a, b), jnp.maximum(a, b)
    shared = jnp.log1p(p / q)
    rest = _lgamma_correction(p) + _lgamma_correction(q) - _lgamma_correction(p + q)
    leading = p * (jnp.log(p) - jnp.log(q) - shared) - q * shared
    return leading + 0.5 * (math.log(2 * math.pi) - jnp.log(p) + shared) + rest


@_lbeta.defjvp
def _lbeta_jvp(primals, tangents):
    (a, b), (da, db) = primals, tangents
    return _lbeta(a, b), _digamma_gap(a, b) * da + _digamma_gap(b, a) * db


def _digamma_gap(x, y):
    """digamma(x) - digamma(x + y) for positive x and y; by the midpoint for small y."""
    leading = -_log1p_ratio(y, x) - 0.5 * (y / (x + y)) / x
    apart = _lgamma_correction_slope(x) - _lgamma_correction_slope(x + y)
    middle = (x + 0.5 * y,)
    curved = jax.jvp(_lgamma_correction_slope, middle, (jnp.ones_like(x + y),))[1]
    near = y < x * jnp.finfo(x.dtype).eps ** (1 / 3)
    return leading + jnp.where(near, -y * curved, apart)


def _log1p_ratio(y, x):
    """log(1 + y / x), where y / x may overflow."""
    return jnp.where(y < x, jnp.log1p(y / x), jnp.log1p(x / y) + jnp.log(y) - jnp.log(x))
'''

_DEVIANCE = '''
def _deviance(x, y, log_y, gap):
    """x log(x / y) + gap for x >= 0, where gap is y - x and y is exp(log_y).

    Near y = x, where the terms cancel, by log1pmx (Loader, 2000).
    """
    near, some = jnp.abs(gap) < 0.5 * x, jnp.where(x > 0, x, 1.0)
    close = -some * _log1pmx(jnp.where(near, gap / some, 0.0))
    far = gap - some * _log_quotient(some, y, log_y)
    return jnp.where(x > 0, jnp.where(near, close, far), y)


def _log_mean_ratio(x, y, log_y, gap):
    """log(y / x), and 0 at x = 0, where nothing asks for it."""
    near, some = jnp.abs(gap) < 0.5 * x, jnp.where(x > 0, x, 1.0)
    close = jnp.log1p(jnp.where(near, gap / some, 0.0))
    far = _log_quotient(some, y, log_y)
    return jnp.where(x > 0, jnp.where(near, close, far), 0.0)


def _log_quotient(x, y, log_y):
    """log(y / x) for x > 0, where y may be out of the range of its dtype."""
    quotient = y / x
    normal = (y > 1e-30) & (quotient > 1e-30) & (quotient < 1e30)
    return jnp.where(normal, jnp.log(jnp.where(normal, quotient, 1.0)), log_y - jnp.log(x))
'''

_POISSON_DEVIANCE = '''
@jax.custom_jvp
def _poisson_deviance(x, y, log_y):
    """x log(x / y) - x + y for x >= 0 and y = exp(log_y): half a unit deviance."""
    return _deviance(x, y, log_y, y - x)


@_poisson_deviance.defjvp
def _poisson_deviance_jvp(primals, tangents):
    (x, y, log_y), (dx, _, dlog_y) = primals, tangents
    slope = -_log_mean_ratio(x, y, log_y, y - x)
    return _poisson_deviance(x, y, log_y), slope * dx + (y - x) * dlog_y
'''

_BINOMIAL_DEVIANCE = '''
@jax.custom_jvp
def _binomial_deviance(j, k, p, q, log_p, log_q):
    """j log(j / (n p)) + k log(k / (n q)) with n = j + k: half a unit deviance.

    For counts j, k >= 0 and probabilities p = exp(log_p) and q = 1 - p.
    """
    one, other = _means(j, k, p, q, log_p, log_q)
    return _deviance(*one) + _deviance(*other)


@_binomial_deviance.defjvp
def _binomial_deviance_jvp(primals, tangents):
    one, other = _means(*primals)
    dj, dk, _, _, dlog_p, dlog_q = tangents
    by_counts = -_log_mean_ratio(*one) * dj - _log_mean_ratio(*other) * dk
    return _binomial_deviance(*primals), by_counts + one[3] * (dlog_p - dlog_q)


def _means(j, k, p, q, log_p, log_q):
    """The mean of each count, its logarithm, and by how much it is above the count."""
    n = j + k
    log_n = jnp.log(jnp.where(n > 0, n, 1.0))
    gap = k * p - j * q
    return (j, n * p, log_n + log_p, gap), (k, n * q, log_n + log_q, -gap)
'''

_LOGADDEXP = '''
@jax.custom_jvp
def _logaddexp(x, y):
    """log(exp(x) + exp(y)); its derivatives are shares that do not round with x, y."""
    return jnp.logaddexp(x, y)


@_logaddexp.defjvp
def _logaddexp_jvp(primals, tangents):
    (x, y), (dx, dy) = primals, tangents
    gap = jnp.where(x == y, 0.0, x - y)
    return _logaddexp(x, y), jax.nn.sigmoid(gap) * dx + jax.nn.sigmoid(-gap) * dy
'''

_XLOGY = '''
def _xlogy(x, y):
    """x log y, and 0 at x = 0 for every y; the derivatives at (0, 0) are 0."""
    defined = (y > 0) & (y < jnp.inf)
    return x * jnp.log(jnp.where((x == 0) & ~defined, 1.0, y))
'''

_XLOG1PY = '''
def _xlog1py(x, y):
    """x log(1 + y), and 0 at x = 0 for every y; the derivatives at (0, -1) are 0."""
    defined = (y > -1) & (y < jnp.inf)
    return x * jnp.log1p(jnp.where((x == 0) & ~defined, 0.0, y))
'''

_LOG_NDTR = '''
@jax.custom_jvp
def _log_ndtr(x):
    """The logarithm of the standard normal distribution function."""
    tail = -0.5 * x**2 - jnp.log(_mills_tail(x)) - 0.5 * math.log(2 * math.pi)
    middle = jnp.log(jsp.special.ndtr(jnp.clip(x, -5, 0)))
    upper = jnp.log1p(-jsp.special.ndtr(-jnp.maximum(x, 0)))
    return jnp.where(x < -5, tail, jnp.where(x < 0, middle, upper))


@_log_ndtr.defjvp
def _log_ndtr_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    density = jnp.exp(-0.5 * x**2) / math.sqrt(2 * math.pi)
    near = density / jsp.special.ndtr(jnp.maximum(x, -5))
    return _log_ndtr(x), jnp.where(x < -5, _mills_tail(x), near) * dx


def _mills_tail(x):
    """phi(x) / Phi(x) for x <= -5, by Laplace's continued fraction."""
    t = jnp.maximum(-x, 5)
    value = t
    for k in range(24, 0, -1):
        value = t + k / value
    return value
'''

_LOG_GAMMA_DRAW = '''
def _log_gamma_draw(draw, concentration):
    """The logarithm of a standard Gamma draw, with its derivative in the concentration.

    The derivative is implicit: -(dF/da) / (dF/dx) for the distribution function F
    (Figurnov, Mohamed and Mnih, 2018). For small draws it is that of the first term of
    the series of F, for large concentrations that of Temme's uniform expansion.
    """
    draw, a = jnp.broadcast_arrays(draw, concentration)
    draw, a0 = lax.stop_gradient(draw), lax.stop_gradient(a)
    eps = jnp.finfo(draw.dtype).eps
    tiny, large = draw < math.log(eps), a0 > eps ** (-1 / 3)
    usual = ~(tiny | large)
    x = jnp.exp(jnp.where(usual, draw, 0.0))
    slope = jnp.select(
        [large, tiny],
        [_temme_slope(draw, a0), (jsp.special.digamma(a0 + 1) - draw) / a0],
        lax.random_gamma_grad(jnp.where(usual, a0, 1.0), x) / x,
    )
    return draw + slope * (a - a0)


def _temme_slope(draw, a):
    """d draw / da to relative order 1/a, from Temme's expansion (1992) of the quantile.

    With h = exp(draw) / a - 1 and eta^2 / 2 = h - log(1 + h), the quantity
    sqrt(a) (eta - log(eta / h) / (a eta)) does not depend on a.
    """
    delta = draw - jnp.log(a)
    h = jnp.clip(jnp.expm1(delta), -0.5, 0.5)
    second = jnp.zeros_like(h)
    for k in range(24, 2, -1):
        second = second * h + (-1) ** k / (k * (k - 1))
    near = jnp.abs(delta) < 1e-3
    apart = jnp.where(near, 1.0, delta)
    first = jnp.where(near, 1 - delta / 2 + delta**2 / 12, apart / jnp.expm1(apart))
    return (first - second / a) / a
'''

_UNIFORM = '''
def _uniform(key: Array, shape: tuple[int, ...]) -> Array:
    """Uniform on the open interval (0, 1), so that its logarithm is finite."""
    smallest = jnp.finfo(jnp.result_type(float)).tiny
    return jr.uniform(key, shape, minval=smallest)
'''

# In the order in which a program prints them.
HELPERS = Templates(
    {
        "_log1mexp": _LOG1MEXP,
        "_log1pmx": _LOG1PMX,
        "_lgamma_correction": _LGAMMA_CORRECTION,
        "_lbeta": _LBETA,
        "_deviance": _DEVIANCE,
        "_poisson_deviance": _POISSON_DEVIANCE,
        "_binomial_deviance": _BINOMIAL_DEVIANCE,
        "_logaddexp": _LOGADDEXP,
        "_xlogy": _XLOGY,
        "_xlog1py": _XLOG1PY,
        "_log_ndtr": _LOG_NDTR,
        "_log_gamma_draw": _LOG_GAMMA_DRAW,
        "_uniform": _UNIFORM,
    }
)
