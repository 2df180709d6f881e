"""Samplers that an emitted program carries with it.

Under `jit_compile` TensorFlow's stateless gamma and Poisson do not compile, and its normal
draws cost twice these.
"""

from __future__ import annotations

_FOLD_IN = '''
def _fold_in(key: tf.Tensor, number: tf.Tensor | int) -> tf.Tensor:
    """A key from a key and a number."""
    number = tf.cast(number, tf.int64)
    return tf.random.experimental.stateless_fold_in(key, number, alg="philox")
'''

_NORMAL = '''
def _normal(key: tf.Tensor, shape: tuple[int, ...]) -> tf.Tensor:
    """Standard normal draws: quantiles, at half the cost of TensorFlow's own draws."""
    number = FLOAT.as_numpy_dtype
    low = np.nextafter(number(-1), number(0))
    draw = tf.random.stateless_uniform(shape, key, low, 1, FLOAT, alg="philox")
    return math.sqrt(2) * tf.math.erfinv(draw)
'''

_GUMBEL = '''
def _gumbel(key: tf.Tensor, shape: tuple[int, ...]) -> tf.Tensor:
    """Standard Gumbel draws."""
    return -tf.math.log(-tf.math.log(_uniform(key, shape)))
'''

_UNIFORM = '''
def _uniform(key: tf.Tensor, shape: tuple[int, ...]) -> tf.Tensor:
    """Uniform on the open interval (0, 1), so that its logarithm is finite."""
    smallest = np.finfo(FLOAT.as_numpy_dtype).tiny
    draw = tf.random.stateless_uniform(shape, key, dtype=FLOAT, alg="philox")
    return tf.maximum(draw, smallest)
'''

# TensorFlow's own samplers of both do not compile under `jit_compile`.
_LOG_GAMMA = '''
def _log_gamma(key: tf.Tensor, concentration: tf.Tensor) -> tf.Tensor:
    """Logarithms of standard Gamma draws, by rejection (Marsaglia and Tsang, 2000).

    A concentration below 1 is raised by 1, for a draw that a power of a uniform lowers.
    """
    a = tf.convert_to_tensor(concentration, FLOAT)
    shape = tuple(a.shape)
    raised = tf.where(a < 1, a + 1, a)
    d = raised - 1 / 3
    c = 1 / (3 * tf.sqrt(d))

    def draw(i, log_v, found):
        at = _fold_in(key, i)
        z, u = _normal(_fold_in(at, 0), shape), _uniform(_fold_in(at, 1), shape)
        positive = 1 + c * z > 0
        new = 3 * tf.math.log(tf.where(positive, 1 + c * z, 1.0))
        bound = 0.5 * tf.square(z) + d * (1 - tf.exp(new) + new)
        accepted = positive & (tf.math.log(u) < bound)
        return i + 1, tf.where(accepted & ~found, new, log_v), found | accepted

    start = 0, tf.zeros(shape, FLOAT), tf.zeros(shape, tf.bool)
    _, log_v, _ = tf.while_loop(lambda i, v, found: ~tf.reduce_all(found), draw, start)
    power = tf.math.log(_uniform(_fold_in(key, -1), shape)) / a
    return tf.math.log(d) + log_v + tf.where(a < 1, power, 0.0)
'''

_POISSON = '''
def _poisson(key: tf.Tensor, rate: tf.Tensor) -> tf.Tensor:
    """Poisson draws as floats: by rejection for rates of 10 and more, else by counting.

    The rejection is that of Hoermann (1993, transformed, with a squeeze); counting
    multiplies uniforms until their product is below exp(-rate) (Knuth, 1969).
    """
    rate = tf.convert_to_tensor(rate, FLOAT)
    shape = tuple(rate.shape)
    large = rate >= 10
    high, low = tf.maximum(rate, 10.0), tf.where(large, tf.zeros_like(rate), rate)
    b = 0.931 + 2.53 * tf.sqrt(high)
    a = -0.059 + 0.02483 * b
    log_scale = tf.math.log(1.1239 + 1.1328 / (b - 3.4))

    def transformed(i, count, found):
        at = _fold_in(key, i)
        u, v = _uniform(_fold_in(at, 0), shape) - 0.5, _uniform(_fold_in(at, 1), shape)
        rest = 0.5 - tf.abs(u)
        k = tf.floor((2 * a / rest + b) * u + high + 0.43)
        squeezed = (rest >= 0.07) & (v <= 0.9277 - 3.6224 / (b - 2))
        refused = (k < 0) | ((rest < 0.013) & (v > rest))
        ratio = tf.math.log(v) + log_scale - tf.math.log(a / tf.square(rest) + b)
        k0 = tf.maximum(k, 0.0)
        fits = ratio <= k0 * tf.math.log(high) - high - tf.math.lgamma(k0 + 1)
        accepted = squeezed | (fits & ~refused)
        return i + 1, tf.where(accepted & ~found, k, count), found | accepted

    def counted(i, count, log_product):
        log_product += tf.math.log(_uniform(_fold_in(_fold_in(key, -1), i), shape))
        return i + 1, count + tf.cast(log_product > -low, FLOAT), log_product

    zeros = tf.zeros(shape, FLOAT)
    _, by_rejection, _ = tf.while_loop(
        lambda i, count, found: ~tf.reduce_all(found), transformed, (0, zeros, ~large)
    )
    _, by_counting, _ = tf.while_loop(
        lambda i, count, total: tf.reduce_any(total > -low), counted, (0, zeros, zeros)
    )
    return tf.where(large, by_rejection, by_counting)
'''

_BINOMIAL = '''
def _binomial(key: tf.Tensor, total_count: tf.Tensor, probs: tf.Tensor) -> tf.Tensor:
    """Binomial draws as floats, by counting successes.

    The trials between successes are geometric (Devroye, 1986, sec. X.4.3), so that the
    number of rounds is about the largest number of the rarer outcome.
    """
    count = tf.convert_to_tensor(total_count, FLOAT)
    probs = tf.broadcast_to(tf.convert_to_tensor(probs, FLOAT), count.shape)
    log_rest = tf.math.log1p(-tf.minimum(probs, 1 - probs))
    shape = tuple(count.shape)

    def counted(i, rare, trials):
        waited = tf.floor(tf.math.log(_uniform(_fold_in(key, i), shape)) / log_rest) + 1
        trials += tf.minimum(waited, count + 1)
        return i + 1, rare + tf.cast(trials <= count, FLOAT), trials

    zeros = tf.zeros(shape, FLOAT)
    _, rare, _ = tf.while_loop(
        lambda i, rare, trials: tf.reduce_any(trials <= count), counted, (0, zeros, zeros)
    )
    return tf.where(probs <= 0.5, rare, count - rare)
'''

# In the order in which a program prints them.
SAMPLERS = {
    "_log_gamma": _LOG_GAMMA,
    "_poisson": _POISSON,
    "_binomial": _BINOMIAL,
    "_fold_in": _FOLD_IN,
    "_normal": _NORMAL,
    "_gumbel": _GUMBEL,
    "_uniform": _UNIFORM,
}
