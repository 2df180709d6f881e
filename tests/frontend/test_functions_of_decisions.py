"""What functions that are given to a decision change outside of themselves is decided too."""

from __future__ import annotations

import numpy as np
import pytest
from ppc_numpy import evaluate
from programs import body
from scipy.stats import norm

from ppc.objective.functions import log_density

PROLOGUE = """
z = inf.Normal(0.0, 1.0, name="z")
kept = [0.5]

def put():
    kept[0] = 2.0
    return z

def append():
    kept.append(3.0)
    return z

def append_another():
    kept.append(z - 4.0)
    return -z

def append_to(items):
    items.append(3.0)
    return z

def append_another_to(items):
    items.append(z - 4.0)
    return -z

def maker():
    inner = [0.5]
    def put_inner():
        inner[0] = 2.0
        return z
    return put_inner, inner

made, inner = maker()
"""

DECISIONS = {
    "tf.cond sets": ("tf.cond(z > 0.0, put, lambda: -z)", "kept[0]", lambda z: [2.0, 0.5][z <= 0]),
    "tf.case sets": (
        "tf.case([(z > 1.0, lambda: z), (z > 0.0, put)], default=lambda: -z)",
        "kept[0]",
        lambda z: 2.0 if 0 < z <= 1 else 0.5,
    ),
    "tf.case without a default": (
        "tf.case({z > 1.0: lambda: z, (z > 0.0) & (z <= 1.0): put, z <= 0.0: lambda: -z})",
        "kept[0]",
        lambda z: 2.0 if 0 < z <= 1 else 0.5,
    ),
    "both append": (
        "tf.cond(z > 0.0, append, append_another)", "kept[-1]", lambda z: 3.0 if z > 0 else z - 4.0,
    ),
    "switch appends": (
        "jax.lax.switch((z <= 0.0).astype(int), [append, append_another])",
        "kept[-1]",
        lambda z: 3.0 if z > 0 else z - 4.0,
    ),
    "an operand": (
        "jax.lax.cond(z > 0.0, append_to, append_another_to, kept)",
        "kept[1]",
        lambda z: 3.0 if z > 0 else z - 4.0,
    ),
    "what only the function sees": (
        "tf.cond(z > 0.0, made, lambda: -z)", "inner[0]", lambda z: [2.0, 0.5][z <= 0],
    ),
}  # fmt: skip


@pytest.mark.parametrize("z", [-0.7, 0.4, 1.6])
@pytest.mark.parametrize("case", DECISIONS)
def test_a_change_counts_where_the_function_is_called(case: str, z: float) -> None:
    decision, read, expected = DECISIONS[case]
    found = body(PROLOGUE + f'w = {decision}\ninf.Normal({read} + w, 1.0, name="y")\n')
    value = evaluate(log_density(found), {"z": np.float64(z), "y": np.float64(0.3)})
    w = z if z > 0 else -z
    reference = norm.logpdf(z) + norm.logpdf(0.3, expected(z) + w, 1.0)
    np.testing.assert_allclose(value["log_density"], reference, rtol=1e-12)
