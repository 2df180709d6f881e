"""Arrays that are computed as a whole and read row by row: which are computed in the plate."""

from __future__ import annotations

import textwrap

import numpy as np
import pytest
from ppc_frontend import compile_source
from ppc_numpy import validate

from ppc.ir.nodes import Graph, Op
from ppc.ir.verify import check
from ppc.passes import plates
from ppc.spans import Source

HEAD = """
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

import ppc as inf
"""
PROGRAM = """
    @inf.probmodel
    def model(x: Float[Array, "N 3"], v: Float[Array, "N"], g: Int[Array, "N"]):
        w = inf.Normal(np.zeros(3), 1.)
        u = inf.Normal(np.zeros((2, 3)), 1.)
        with inf.plate("groups", 4):
            a = inf.Normal(0., 1.)
        at = g % 4
        whole = {whole}
        with inf.datamodel():
            y = inf.Normal(whole, 1.)
    """
# An array of N rows (scalars, or vectors of three) and whether its rows are computed one by one.
ROW_BY_ROW = """\
    x @ w
    x @ u.T
    (x @ u.T)[:, 1]
    jnp.exp(v) + w[0]
    v * x[:, 2] - x.mean()
    jnp.sum(x, axis=-1)
    jnp.max(x * w, axis=1)
    jax.nn.softmax(x, axis=1)
    jnp.cumsum(x, axis=1)[:, -1]
    x[:, 1:].sum(-1)
    x[:, ::-1]
    a[at]
    a[at] * v
    u[:, 0][at // 2]
    u.T[at // 2][:, 0]
    jnp.where(v > 0, v, a[at])
    jnp.stack([v, a[at], v], axis=1)
    jnp.concatenate([x[:, :1], x[:, 1:]], axis=1)
    v[:, None] * w
    (v[:, None] * w)[:, 0]
    jnp.squeeze(v[:, None], -1)
    x.reshape(-1, 3, 1)[:, :, 0]
    jnp.transpose(x.reshape(-1, 3, 1), (0, 2, 1))[:, 0]
    jnp.broadcast_to(v[:, None], x.shape)
    jax.nn.one_hot(at, 3)
    jnp.argmax(x, axis=1) * 1.0
    (x[:, :, None] * x[:, None, :] @ w).sum(1)
    """.strip().splitlines()
AS_A_WHOLE = """\
    jnp.cumsum(v) * w[0]
    v[::-1] * w[0]
    jnp.exp(jax.nn.softmax(v * w[0]))
    """.strip().splitlines()


def graph(whole: str) -> Graph:
    text = HEAD + textwrap.dedent(PROGRAM.format(whole=whole.strip()))
    return compile_source(Source("model.py", text)).graph


def moved(graph: Graph) -> list[str]:
    return [n.name for n in graph.nodes if isinstance(n, Op) and n.primitive == "to_axis"]


@pytest.mark.parametrize("whole", [*ROW_BY_ROW, *AS_A_WHOLE], ids=str.strip)
def test_rows_are_computed_in_the_plate_where_each_is_of_its_own(whole: str) -> None:
    before = graph(whole)
    after = plates.run(before)
    check(after)
    assert moved(before)
    assert bool(moved(after)) == (whole in AS_A_WHOLE)
    validate(before, after, np.random.default_rng(0))
