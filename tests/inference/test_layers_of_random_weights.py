"""Layers of TensorFlow Probability: their kernels are latents, with factors that nobody wrote."""

from __future__ import annotations

import numpy as np
import pytest
from jaxtyping import Array, Float
from ppc_numpy import evaluate

import ppc as inf
from ppc import tf, tfp
from ppc.compiler import Options, compile_loss
from ppc.diagnostics import CompileError
from ppc.ir.nodes import Graph

N, NOISE = 60, 0.3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 2))
X -= X.mean(0)
Y = X @ [1.0, -2.0] + 0.5 + NOISE * RNG.normal(size=N)


@inf.probmodel
def regression(x: Float[Array, "N d"], layer):  # noqa: F722  # a shape
    net = inf.layers.Sequential([layer(1)])
    with inf.datamodel():
        inf.Normal(net(x)[:, 0], NOISE, name="y")


@inf.probmodel
def empty():
    pass


def flipout(units):
    return tfp.layers.DenseFlipout(units)


def reparameterised(units):
    return tfp.layers.DenseReparameterization(units)


def test_the_divergence_of_a_kernel_is_in_the_loss_once() -> None:
    model = regression(X, flipout).ir
    options = Options(("y",), ("N",))  # in batches: the kernel is global all the same
    graph = compile_loss(model, empty().ir, options).graphs["loss"]
    assert [term for term, _ in graph.outputs] == ["net_0_kernel", "y"]
    loc, log_scale = np.array([[0.4], [-1.0]]), np.array([[-2.0], [0.5]])
    given = {
        "net_0_kernel_loc": loc, "log_net_0_kernel_scale": log_scale, "x": X[:5], "y": Y[:5],
        "net_0_kernel_noise": np.zeros((2, 1)), "N_weight": np.full(5, 12.0),
        "net_0.bias": np.array([0.5]),
    }  # fmt: skip
    found = evaluate(graph, {n: given[n] for n in graph.by_name() if n in given})
    scale = np.exp(log_scale)
    kl = (0.5 * (loc**2 + scale**2 - 1) - log_scale).sum()  # from a standard normal
    assert found["net_0_kernel"] == pytest.approx(kl, rel=1e-12)
    z = (Y[:5] - X[:5] @ loc[:, 0] - 0.5) / NOISE
    likelihood = -(0.5 * z**2 + np.log(NOISE) + 0.5 * np.log(2 * np.pi)).sum()
    assert found["y"] == pytest.approx(-12 * likelihood, rel=1e-12)


@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_a_linear_layer_finds_the_posterior_of_its_weights(backend: str) -> None:
    model = regression(X, reparameterised)
    method = inf.inference.VI(empty(), epochs=3000, learning_rate=0.003)
    model.fit({"y": Y}, method, seed=0, backend=backend)
    # The bias is optimised, and apart from the kernel as X is centred.
    precision = np.eye(2) + X.T @ X / NOISE**2
    mean = np.linalg.solve(precision, X.T @ (Y - Y.mean()) / NOISE**2)
    found = model.posterior("net_0_kernel").parameters()
    np.testing.assert_allclose(found["loc"][:, 0], mean, atol=0.02)
    np.testing.assert_allclose(found["scale"][:, 0], 1 / np.sqrt(np.diag(precision)), rtol=0.15)
    assert model.params["net_0.bias"] == pytest.approx(Y.mean(), abs=0.01)
    far = model.posterior_predictive("y", data={"x": 100 * X[:1]}, seed=1).sample(500)
    near = model.posterior_predictive("y", data={"x": 0 * X[:1]}, seed=1).sample(500)
    assert far.std() > 3 * near.std()  # the weights are uncertain


@pytest.mark.parametrize(
    ("layer", "x", "shapes"),
    [
        ("DenseFlipout(3, activation=tf.nn.relu)", "N 4", {"kernel": (4, 3), "bias": (3,)}),
        ("DenseLocalReparameterization(2)", "N 4", {"kernel": (4, 2), "bias": (2,)}),
        ("Convolution2DFlipout(3, kernel_size=(2, 3), padding='same')", "N 5 5 2",
         {"kernel": (2, 3, 2, 3), "bias": (3,)}),
        ("Convolution1DReparameterization(3, 2)", "N 5 2",
         {"kernel": (2, 2, 3), "bias": (3,)}),
    ],
)  # fmt: skip
def test_every_layer_has_a_kernel_that_is_drawn(layer: str, x: str, shapes) -> None:
    from ppc_frontend import compile_source

    from ppc.spans import Source

    text = f"""
import ppc as inf
import tensorflow as tf
import tensorflow_probability as tfp
from jaxtyping import Array, Float

@inf.probmodel
def m(x: Float[Array, "{x}"]):
    layer = tfp.layers.{layer}
    with inf.datamodel():
        y = inf.Normal(layer(x) + layer(x), 1.0)
"""
    found: Graph = compile_source(Source("m.py", text), "m").graph
    made = {n.name: tuple(s.value for s in n.type.shape) for n in (*found.samples, *found.params)}
    assert {n: made[f"layer_{n}" if n == "kernel" else f"layer.{n}"] for n in shapes} == shapes
    assert [s.type.axes for s in found.samples] == [(), ("N",)]


def test_a_guide_may_have_its_own_factor_of_a_kernel_and_no_such_layer() -> None:
    @inf.probmodel
    def own():
        inf.Normal(inf.Parameter(np.zeros((2, 1))), 0.1, name="net_0_kernel")

    model = regression(X, flipout)
    model.fit({"y": Y}, inf.inference.VI(own(), epochs=2), seed=0)
    assert model.posterior("net_0_kernel").parameters()["scale"] == np.float32(0.1)

    @inf.probmodel
    def with_layer():
        with inf.datamodel():
            y = inf.Normal(0.0, 1.0, name="y")
            tfp.layers.DenseFlipout(1)(y[:, None])

    with pytest.raises(CompileError, match="dense_flipout_kernel"):
        regression(X, flipout).fit({"y": Y}, inf.inference.VI(with_layer(), epochs=2))


def test_names_of_tfp_stand_for_themselves() -> None:
    assert repr(tfp.layers.DenseFlipout) == "<tfp.layers.DenseFlipout of ppc>"
    assert tf.ones(2).tolist() == [1.0, 1.0]
