"""JAX's vocabulary beside `jax.numpy`: `jax.nn`, `jax.lax`, `jax.scipy.special`."""

from __future__ import annotations

from ppc_frontend.vocabulary import builders as b
from ppc_frontend.vocabulary import numpy, scipy
from ppc_frontend.vocabulary.base import Row


def rows() -> dict[str, Row]:
    """By name below `jax.`."""
    nn = {
        "relu": Row("x", b.unary, ("relu",)),
        "relu6": Row("x", b.relu6),
        "elu": Row("x, alpha=1.0", b.elu),
        "selu": Row("x", b.selu),
        "gelu": Row("x, approximate=True", b.gelu),
        "silu": Row("x", b.silu),
        "swish": Row("x", b.silu),
        "leaky_relu": Row("x, negative_slope:alpha=0.01", b.leaky_relu),
        "hard_tanh": Row("x", b.hard_tanh),
        "soft_sign": Row("x", b.softsign),
        "softplus": Row("x", b.unary, ("softplus",)),
        "sigmoid": Row("x", b.unary, ("sigmoid",)),
        "log_sigmoid": Row("x", b.unary, ("log_sigmoid",)),
        "softmax": Row("x, axis=-1", b.along, ("softmax",)),
        "log_softmax": Row("x, axis=-1", b.along, ("log_softmax",)),
        "logsumexp": Row("a:x, axis=None, b:-=None, keepdims=False", b.reduction, ("logsumexp",)),
        "one_hot": Row("x, num_classes:depth, dtype=None", b.one_hot),
    }
    return {
        **{f"numpy.{name}": row for name, row in numpy.rows().items() if "random." not in name},
        "numpy.astype": Row("x, dtype", b.cast),
        **{f"nn.{name}": row for name, row in nn.items()},
        **{f"scipy.{name}": row for name, row in scipy.rows().items()},
        "lax.stop_gradient": Row("x", b.unary, ("stop_gradient",)),
        "lax.rsqrt": Row("x", b.unary, ("rsqrt",)),
        "lax.square": Row("x", b.unary, ("square",)),
    }
