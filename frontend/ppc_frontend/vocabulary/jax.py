"""JAX's vocabulary beside `jax.numpy`: `jax.nn`, `jax.lax`, `jax.scipy.special`."""

from __future__ import annotations

from ppc_frontend.vocabulary import builders as b
from ppc_frontend.vocabulary import decisions as d
from ppc_frontend.vocabulary import elementwise as e
from ppc_frontend.vocabulary import numpy, scipy
from ppc_frontend.vocabulary.base import Row


def rows() -> dict[str, Row]:
    """By name below `jax.`."""
    nn = {
        "relu": Row("x", e.unary, ("relu",)),
        "relu6": Row("x", e.relu6),
        "elu": Row("x, alpha=1.0", e.elu),
        "selu": Row("x", e.selu),
        "gelu": Row("x, approximate=True", e.gelu),
        "silu": Row("x", e.silu),
        "swish": Row("x", e.silu),
        "leaky_relu": Row("x, negative_slope:alpha=0.01", e.leaky_relu),
        "hard_tanh": Row("x", e.hard_tanh),
        "soft_sign": Row("x", e.softsign),
        "softplus": Row("x", e.unary, ("softplus",)),
        "sigmoid": Row("x", e.unary, ("sigmoid",)),
        "tanh": Row("x", e.unary, ("tanh",)),
        "log_sigmoid": Row("x", e.unary, ("log_sigmoid",)),
        "softmax": Row("x, axis=-1", b.normalised, ("softmax",)),
        "log_softmax": Row("x, axis=-1", b.normalised, ("log_softmax",)),
        "logsumexp": Row("a:x, axis=None, b:-=None, keepdims=False", b.reduction, ("logsumexp",)),
        "one_hot": Row("x, num_classes:depth, dtype=None", b.one_hot),
    }
    return {
        **{f"numpy.{name}": row for name, row in numpy.rows().items() if "random." not in name},
        "numpy.astype": Row("x, dtype", e.cast),
        **{f"nn.{name}": row for name, row in nn.items()},
        **{f"scipy.{name}": row for name, row in scipy.rows().items()},
        "lax.stop_gradient": Row("x", e.unary, ("stop_gradient",)),
        "lax.cond": Row("pred, true_fun:first, false_fun:second, *operands", d.cond),
        "lax.switch": Row("index, branches:functions, *operands", d.switch),
        "lax.select": Row("pred:condition, on_true:x, on_false:y", e.where),
        "lax.rsqrt": Row("x", e.unary, ("rsqrt",)),
        "lax.square": Row("x", e.unary, ("square",)),
    }
