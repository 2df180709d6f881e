"""Products of vectors and matrices, of the rows and of none, in all combinations."""

import numpy as np
from jaxtyping import Array, Float

import ppc as inf


@inf.probmodel
def model(
    row: Float[Array, "N a"],
    block: Float[Array, "N b a"],
    wide: Float[Array, "N a c"],
    a, b, c,
):  # fmt: skip
    v = inf.Normal(np.zeros(a), 1.0, name="v")
    m = inf.Normal(np.zeros((a, b)), 1.0, name="m")
    left = inf.Normal(np.zeros((c, b)), 1.0, name="left")
    norm = v @ v
    mixed = v @ m
    turned = m.T @ v
    square = m @ left.T
    with inf.datamodel():
        z = inf.Normal(v * 0.1, 1.0, name="z")
        inf.Normal(row @ v + norm, 1.0, name="dot_global")
        inf.Normal(z @ v, 1.0, name="dot_reversed")
        inf.Normal(np.sum(row * z, axis=-1), 1.0, name="dot_rows")
        inf.Normal(row @ m + mixed, 1.0, name="row_matrix")
        inf.Normal(block @ v + turned, 1.0, name="block_vector")
        inf.Normal(block @ wide, 1.0, name="block_block")
        inf.Normal(block @ square, 1.0, name="block_matrix")
        inf.Normal(np.matmul(left, block), 1.0, name="matrix_block")


def fit(row, block, wide, y):
    data = {
        "dot_global": y, "dot_reversed": y, "dot_rows": y, "row_matrix": y, "block_vector": y,
        "block_block": y, "block_matrix": y, "matrix_block": y,
    }  # fmt: skip
    model(row, block, wide, a=2, b=3, c=4).fit(data, inf.inference.SVI())
