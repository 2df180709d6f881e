"""Functions that an emitted program carries with it, where TensorFlow's lose digits or have none.

They keep relative accuracy in float32 and float64, value and derivative, over the whole domain;
the formulas are those of the JAX backend. Each is printed once, and only into programs that
call it, as are the samplers of `ppc_tf.samplers`.
"""

from __future__ import annotations

from ppc.emit.quote import Templates
from ppc_tf.samplers import SAMPLERS

_LOG1MEXP = '''
@tf.custom_gradient
def _log1mexp(x):
    """log(1 - exp(-x)) for x > 0, by two forms about log 2 (Maechler, 2012)."""
    near, far = tf.math.log(-tf.math.expm1(-x)), tf.math.log1p(-tf.exp(-x))
    return tf.where(x < math.log(2), near, far), lambda dy: dy / tf.math.expm1(x)
'''

_LOG1PMX = '''
@tf.custom_gradient
def _log1pmx(x):
    """log(1 + x) - x for x > -1; near 0 by log(1 + x) = 2 artanh(x / (2 + x))."""
    near = tf.abs(x) < 0.5
    r = tf.where(near, x / (2 + x), 0.0)
    series = tf.zeros_like(r)
    for k in range(16, 0, -1):
        series = (series + 1 / (2 * k + 1)) * tf.square(r)
    y = tf.where(near, r * (2 * series - x), tf.math.log1p(x) - x)
    return y, lambda dy: -x / (1 + x) * dy
'''

# artanh(y)/y - 1 with y = 1/(2 x + 1) is (x + 1/2) log(1 + 1/x) - 1, what the recurrence of the
# gamma function adds to the rest of Stirling's formula from x to x + 1.
_LGAMMA_CORRECTION = '''
@tf.custom_gradient
def _lgamma_correction(x):
    """log gamma(x) - ((x - 1/2) log x - x + log(2 pi) / 2) for x > 0.

    Stirling's series (Abramowitz and Stegun 6.1.40) at 10 or above, to which smaller x
    come by the recurrence of the gamma function.
    """
    small = x < 10
    shifted = tf.where(small, x + 10, x)
    total = tf.zeros_like(shifted)
    for c in (43867 / 244188, -3617 / 122400, 1 / 156, -691 / 360360, 1 / 1188):
        total = (total + c) / shifted / shifted
    for c in (-1 / 1680, 1 / 1260, -1 / 360):
        total = (total + c) / shifted / shifted
    total = (total + 1 / 12) / shifted
    below = tf.where(small, x, 1.0)[..., None] + tf.range(10, dtype=x.dtype)
    steps = tf.reduce_sum(_stirling_step(below), -1)
    y = total + tf.where(small, steps, 0.0)
    return y, lambda dy: _lgamma_correction_slope(x) * dy


def _lgamma_correction_slope(x):
    """digamma(x) - log x + 1 / (2 x), x > 0, by the derivatives of the same series."""
    small = x < 10
    shifted = tf.where(small, x + 10, x)
    total = tf.zeros_like(shifted)
    for c in (-43867 / 14364, 3617 / 8160, -1 / 12, 691 / 32760, -1 / 132):
        total = (total + c) / shifted / shifted
    for c in (1 / 240, -1 / 252, 1 / 120):
        total = (total + c) / shifted / shifted
    total = (total - 1 / 12) / shifted / shifted
    below = tf.where(small, x, 1.0)[..., None] + tf.range(10, dtype=x.dtype)
    steps = tf.reduce_sum(_stirling_step_slope(below), -1)
    return total + tf.where(small, steps, 0.0)


def _stirling_step(x):
    """(x + 1/2) log(1 + 1/x) - 1 = artanh(y)/y - 1 with y = 1 / (2 x + 1)."""
    y = 1 / (2 * x + 1)
    series = tf.zeros_like(y)
    for k in range(26, 0, -1):
        series = (series + 1 / (2 * k + 1)) * tf.square(y)
    direct = (x + 0.5) * (tf.math.log1p(x) - tf.math.log(x)) - 1
    return tf.where(x < 0.5, direct, series)


def _stirling_step_slope(x):
    """log(1 + 1/x) - (x + 1/2) / (x (x + 1)), the derivative of `_stirling_step`."""
    y = 1 / (2 * x + 1)
    series = tf.zeros_like(y)
    for k in range(26, 0, -1):
        series = (series + 2 * k / (2 * k + 1)) * tf.square(y)
    direct = tf.math.log1p(x) - tf.math.log(x) - 0.5 / x - 0.5 / (1 + x)
    return tf.where(x < 0.5, direct, -2 * y * series)
'''

_LBETA = '''
def _lbeta(a, b):
    """log B(a, b) for positive a and b.

    The leading terms of Stirling's formula cancel in closed form (DiDonato and Morris,
    1992), so that nothing is lost for large arguments.
    """
    return _lbeta_alike(*_alike(a, b))


@tf.custom_gradient
def _lbeta_alike(a, b):
    p, q = tf.minimum(a, b), tf.maximum(a, b)
    shared = tf.math.log1p(p / q)
    rest = _lgamma_correction(p) + _lgamma_correction(q) - _lgamma_correction(p + q)
    leading = p * (tf.math.log(p) - tf.math.log(q) - shared) - q * shared
    y = leading + 0.5 * (math.log(2 * math.pi) - tf.math.log(p) + shared) + rest
    return y, lambda dy: (_digamma_gap(a, b) * dy, _digamma_gap(b, a) * dy)


def _digamma_gap(x, y):
    """digamma(x) - digamma(x + y) for positive x and y; by the midpoint for small y."""
    leading = -_log1p_ratio(y, x) - 0.5 * (y / (x + y)) / x
    apart = _lgamma_correction_slope(x) - _lgamma_correction_slope(x + y)
    middle = x + 0.5 * y
    with tf.GradientTape() as tape:
        tape.watch(middle)
        slope = _lgamma_correction_slope(middle)
    curved = tape.gradient(slope, middle)
    near = y < x * np.finfo(x.dtype.as_numpy_dtype).eps ** (1 / 3)
    return leading + tf.where(near, -y * curved, apart)


def _log1p_ratio(y, x):
    """log(1 + y / x), where y / x may overflow."""
    beyond = tf.math.log1p(x / y) + tf.math.log(y) - tf.math.log(x)
    return tf.where(y < x, tf.math.log1p(y / x), beyond)
'''

_DEVIANCE = '''
def _deviance(x, y, log_y, gap):
    """x log(x / y) + gap for x >= 0, where gap is y - x and y is exp(log_y).

    Near y = x, where the terms cancel, by log1pmx (Loader, 2000).
    """
    near, some = tf.abs(gap) < 0.5 * x, tf.where(x > 0, x, 1.0)
    close = -some * _log1pmx(tf.where(near, gap / some, 0.0))
    far = gap - some * _log_quotient(some, y, log_y)
    return tf.where(x > 0, tf.where(near, close, far), y)


def _log_mean_ratio(x, y, log_y, gap):
    """log(y / x), and 0 at x = 0, where nothing asks for it."""
    near, some = tf.abs(gap) < 0.5 * x, tf.where(x > 0, x, 1.0)
    close = tf.math.log1p(tf.where(near, gap / some, 0.0))
    far = _log_quotient(some, y, log_y)
    return tf.where(x > 0, tf.where(near, close, far), 0.0)


def _log_quotient(x, y, log_y):
    """log(y / x) for x > 0, where y may be out of the range of its dtype."""
    quotient = y / x
    normal = (y > 1e-30) & (quotient > 1e-30) & (quotient < 1e30)
    logarithm = tf.math.log(tf.where(normal, quotient, 1.0))
    return tf.where(normal, logarithm, log_y - tf.math.log(x))
'''

_POISSON_DEVIANCE = '''
def _poisson_deviance(x, y, log_y):
    """x log(x / y) - x + y for x >= 0 and y = exp(log_y): half a unit deviance."""
    return _poisson_deviance_alike(*_alike(x, y, log_y))


@tf.custom_gradient
def _poisson_deviance_alike(x, y, log_y):
    gap = y - x

    def gradient(dz):
        slope = -_log_mean_ratio(x, y, log_y, gap)
        return slope * dz, None, gap * dz

    return _deviance(x, y, log_y, gap), gradient
'''

_BINOMIAL_DEVIANCE = '''
def _binomial_deviance(j, k, p, q, log_p, log_q):
    """j log(j / (n p)) + k log(k / (n q)) with n = j + k: half a unit deviance.

    For counts j, k >= 0 and probabilities p = exp(log_p) and q = 1 - p.
    """
    return _binomial_deviance_alike(*_alike(j, k, p, q, log_p, log_q))


@tf.custom_gradient
def _binomial_deviance_alike(j, k, p, q, log_p, log_q):
    n = j + k
    log_n = tf.math.log(tf.where(n > 0, n, 1.0))
    gap = k * p - j * q
    one, other = (j, n * p, log_n + log_p, gap), (k, n * q, log_n + log_q, -gap)

    def gradient(dz):
        dj, dk = -_log_mean_ratio(*one) * dz, -_log_mean_ratio(*other) * dz
        return dj, dk, None, None, gap * dz, -gap * dz

    return _deviance(*one) + _deviance(*other), gradient
'''

_LOGADDEXP = '''
def _logaddexp(x, y):
    """log(exp(x) + exp(y)); its derivatives are shares that do not round with x, y."""
    return _logaddexp_alike(*_alike(x, y))


@tf.custom_gradient
def _logaddexp_alike(x, y):
    gap = tf.where(x == y, tf.zeros_like(x), x - y)
    total = tf.maximum(x, y) + tf.math.log1p(tf.exp(-tf.abs(gap)))
    return total, lambda dy: (tf.sigmoid(gap) * dy, tf.sigmoid(-gap) * dy)
'''

_MAXIMUM = '''
def _maximum(x, y):
    """The larger of x and y; where they tie, each has half of the derivative."""
    return _maximum_alike(*_alike(x, y))


@tf.custom_gradient
def _maximum_alike(x, y):
    share = 0.5 * (tf.cast(x > y, x.dtype) + tf.cast(x >= y, x.dtype))
    return tf.maximum(x, y), lambda dy: (share * dy, (1 - share) * dy)
'''

_MINIMUM = '''
def _minimum(x, y):
    """The smaller of x and y; where they tie, each has half of the derivative."""
    return _minimum_alike(*_alike(x, y))


@tf.custom_gradient
def _minimum_alike(x, y):
    share = 0.5 * (tf.cast(x < y, x.dtype) + tf.cast(x <= y, x.dtype))
    return tf.minimum(x, y), lambda dy: (share * dy, (1 - share) * dy)
'''

_ALIKE = '''
def _alike(*arrays):
    """Arrays, repeated to a common shape."""
    shape = arrays[0].shape
    for x in arrays[1:]:
        shape = tf.broadcast_static_shape(shape, x.shape)
    return [tf.broadcast_to(x, shape) for x in arrays]
'''

_XLOGY = '''
def _xlogy(x, y):
    """x log y, and 0 at x = 0 for every y; the derivatives at (0, 0) are 0."""
    defined = (y > 0) & (y < math.inf)
    return x * tf.math.log(tf.where((x != 0) | defined, y, 1.0))
'''

_XLOG1PY = '''
def _xlog1py(x, y):
    """x log(1 + y), and 0 at x = 0 for every y; the derivatives at (0, -1) are 0."""
    defined = (y > -1) & (y < math.inf)
    return x * tf.math.log1p(tf.where((x != 0) | defined, y, 0.0))
'''

# TensorFlow's own derivative is sparse, and made dense once for each operation that it comes to.
_TAKE = '''
@tf.custom_gradient
def _take(x, index):
    """x[index]; what the derivative of each element is a sum of is added up once."""

    def gradient(dy):
        return tf.math.unsorted_segment_sum(dy, index, x.shape[0]), None

    return tf.gather(x, index), gradient
'''

_LOG_NDTR = '''
@tf.custom_gradient
def _log_ndtr(x):
    """The logarithm of the standard normal distribution function."""
    tail = -0.5 * tf.square(x) - tf.math.log(_mills_tail(x)) - 0.5 * math.log(2 * math.pi)
    middle = tf.math.log(_ndtr(tf.clip_by_value(x, -5.0, 0.0)))
    upper = tf.math.log1p(-_ndtr(-tf.maximum(x, 0.0)))
    y = tf.where(x < -5, tail, tf.where(x < 0, middle, upper))

    def grad(dy):
        density = tf.exp(-0.5 * tf.square(x)) / math.sqrt(2 * math.pi)
        near = density / _ndtr(tf.maximum(x, -5.0))
        return tf.where(x < -5, _mills_tail(x), near) * dy

    return y, grad


def _mills_tail(x):
    """phi(x) / Phi(x) for x <= -5, by Laplace's continued fraction."""
    t = tf.maximum(-x, 5.0)
    value = t
    for k in range(24, 0, -1):
        value = t + k / value
    return value
'''

_NDTRI = '''
@tf.custom_gradient
def _ndtri(p):
    """The quantile of the standard normal distribution, 0 < p < 1.

    In the tails, by Newton steps on the logarithm of the distribution function from
    Abramowitz and Stegun 26.2.23, which is off by 0.00045.
    """
    tail = tf.minimum(tf.minimum(p, 1 - p), 0.25)
    log_tail = tf.math.log(tail)
    t = tf.sqrt(-2 * log_tail)
    above = 2.515517 + t * (0.802853 + t * 0.010328)
    x = above / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) - t
    for _ in range(3):
        log_phi = -0.5 * tf.square(x) - 0.5 * math.log(2 * math.pi)
        value = _log_ndtr(x)
        x -= (value - log_tail) * tf.exp(value - log_phi)
    centre = math.sqrt(2) * tf.math.erfinv(2 * p - 1)
    y = tf.where(tf.abs(p - 0.5) < 0.25, centre, tf.where(p < 0.5, x, -x))
    return y, lambda dy: math.sqrt(2 * math.pi) * tf.exp(0.5 * tf.square(y)) * dy
'''

_NDTR = '''
def _ndtr(x):
    """The standard normal distribution function."""
    return 0.5 * tf.math.erfc(-math.sqrt(0.5) * x)
'''

_LOG_GAMMA_DRAW = '''
def _log_gamma_draw(draw, concentration):
    """The logarithm of a standard Gamma draw, with its derivative in the concentration.

    The derivative is implicit: -(dF/da) / (dF/dx) for the distribution function F
    (Figurnov, Mohamed and Mnih, 2018). For small draws it is that of the first term of
    the series of F, for large concentrations that of Temme's uniform expansion.
    """
    draw, a = _alike(draw, concentration)
    draw, a0 = tf.stop_gradient(draw), tf.stop_gradient(a)
    eps = np.finfo(draw.dtype.as_numpy_dtype).eps
    tiny, large = draw < math.log(eps), a0 > eps ** (-1 / 3)
    usual = ~(tiny | large)
    x = tf.exp(tf.where(usual, draw, 0.0))
    inside = tf.raw_ops.RandomGammaGrad(alpha=tf.where(usual, a0, 1.0), sample=x) / x
    first = (tf.math.digamma(a0 + 1) - draw) / a0
    slope = tf.where(large, _temme_slope(draw, a0), tf.where(tiny, first, inside))
    return draw + tf.stop_gradient(slope) * (a - a0)


def _temme_slope(draw, a):
    """d draw / da to relative order 1/a, from Temme's expansion (1992) of the quantile.

    With h = exp(draw) / a - 1 and eta^2 / 2 = h - log(1 + h), the quantity
    sqrt(a) (eta - log(eta / h) / (a eta)) does not depend on a.
    """
    delta = draw - tf.math.log(a)
    h = tf.clip_by_value(tf.math.expm1(delta), -0.5, 0.5)
    second = tf.zeros_like(h)
    for k in range(24, 2, -1):
        second = second * h + (-1) ** k / (k * (k - 1))
    near = tf.abs(delta) < 1e-3
    apart = tf.where(near, tf.ones_like(delta), delta)
    series = 1 - delta / 2 + tf.square(delta) / 12
    first = tf.where(near, series, apart / tf.math.expm1(apart))
    return (first - second / a) / a
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
        "_maximum": _MAXIMUM,
        "_minimum": _MINIMUM,
        "_xlogy": _XLOGY,
        "_xlog1py": _XLOG1PY,
        "_take": _TAKE,
        "_log_ndtr": _LOG_NDTR,
        "_ndtri": _NDTRI,
        "_ndtr": _NDTR,
        "_log_gamma_draw": _LOG_GAMMA_DRAW,
        "_alike": _ALIKE,
        **SAMPLERS,
    }
)
