"""Keras layers and TensorFlow's vocabulary: held to Keras's documentation, and to NumPy's names."""

from __future__ import annotations

import math

import numpy as np
import pytest
from ppc_numpy import evaluate_nodes
from programs import body, graph, types

from ppc.ir.nodes import Graph, Noise, Op, Param

FAN_IN, UNITS = 30, 20
GRID = (np.arange(FAN_IN * UNITS) + 0.5) / (FAN_IN * UNITS)  # stands for uniform noise


def first_kernel(rule: str) -> np.ndarray:
    """The first kernel f32[30, 20] under a rule, for noise on an even grid of its quantiles."""
    found = body(f"layer = tf.keras.layers.Dense(20, kernel_initializer={rule})\n"
                 "x = inf.Normal(layer(np.ones(30)), 1.)")  # fmt: skip
    kernel = found.by_name()["layer.kernel"]
    assert isinstance(kernel, Param)
    noise = {}
    for node in found:
        if isinstance(node, Noise):
            from scipy.special import ndtri

            values = GRID if node.kind == "uniform" else ndtri(GRID)
            noise[node.name] = values.reshape(FAN_IN, UNITS)
    return np.asarray(evaluate_nodes(found, noise, [kernel.init])[kernel.init])


@pytest.mark.parametrize(
    ("rule", "variance", "bound"),
    [
        # variance = scale / fan; a uniform one ends at sqrt(3 variance).
        # https://keras.io/api/layers/initializers
        ('"glorot_uniform"', 2 / 50, math.sqrt(6 / 50)),
        ('"he_uniform"', 2 / 30, math.sqrt(6 / 30)),
        ('"lecun_uniform"', 1 / 30, math.sqrt(3 / 30)),
        ('"glorot_normal"', 2 / 50, 2 * math.sqrt(2 / 50) / 0.87962566103423978),
        ('"he_normal"', 2 / 30, 2 * math.sqrt(2 / 30) / 0.87962566103423978),
        ("tf.keras.initializers.LecunNormal()", 1 / 30, math.sqrt(4 / 30) / 0.87962566103423978),
        ('"random_normal"', 0.05**2, math.inf),
        ("tf.keras.initializers.RandomNormal(stddev=0.2)", 0.2**2, math.inf),
        ('"random_uniform"', 0.1**2 / 12, 0.05),
        ("tf.keras.initializers.TruncatedNormal", (0.05 * 0.87962566103423978) ** 2, 0.1),
    ],
)  # fmt: skip
def test_initializers(rule: str, variance: float, bound: float) -> None:
    kernel = first_kernel(rule)
    # An even grid of n quantiles has the variance up to a relative error of order log(n) / n.
    assert kernel.var() == pytest.approx(variance, rel=0.02)
    assert abs(kernel.mean()) < 1e-12
    assert np.abs(kernel).max() <= bound
    if bound < math.inf:
        assert np.abs(kernel).max() > 0.9 * bound


@pytest.mark.parametrize(
    ("rule", "value"), [('"zeros"', 0), ("tf.keras.initializers.Ones()", 1), ('"ones"', 1),
                        ("tf.keras.initializers.Constant(0.3)", 0.3)]
)  # fmt: skip
def test_constant_initializers(rule: str, value: float) -> None:
    np.testing.assert_array_equal(first_kernel(rule), np.full((FAN_IN, UNITS), value))


def test_a_network_is_affine_maps_with_activations_between() -> None:
    lines = """
    net = tf.keras.Sequential([
        tf.keras.Input(shape=(4,)),
        tf.keras.layers.Dense(3, activation="tanh", bias_initializer="ones"),
        tf.keras.layers.Activation("relu"),
        tf.keras.layers.Dense(2, use_bias=False),
    ])
    net.add(tf.keras.layers.Dense(1))
    with inf.datamodel():
        y = inf.Normal(net(x), 1.)
    """
    found = body(lines, 'x: Float[Array, "N 4"]')
    assert {p.name: str(p.type) for p in found.params} == {
        "net_0.kernel": "f32[4, 3]", "net_0.bias": "f32[3]", "net_2.kernel": "f32[3, 2]",
        "net_3.kernel": "f32[2, 1]", "net_3.bias": "f32[1]",
    }  # fmt: skip
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 4))
    values = {p.name: rng.normal(size=tuple(s.value for s in p.type.shape)) for p in found.params}
    (site,) = found.samples
    loc = dict(site.args)["loc"]
    result = evaluate_nodes(found, {"x": x, **values}, [loc])[loc]
    hidden = np.maximum(np.tanh(x @ values["net_0.kernel"] + values["net_0.bias"]), 0)
    wanted = hidden @ values["net_2.kernel"] @ values["net_3.kernel"] + values["net_3.bias"]
    np.testing.assert_allclose(result, wanted, rtol=1e-12)


def test_a_layer_that_is_called_twice_has_its_weights_once() -> None:
    lines = """
    layer = tf.keras.layers.Dense(3)
    a = layer(layer(np.ones(3)))
    b = tf.keras.layers.Dense(2)(a) + tf.keras.layers.Dense(2)(a)
    layers = [tf.keras.layers.Dense(2, name="named"), tf.keras.layers.Dense(2)]
    c = layers[0](b) + layers[1](b)
    x = inf.Normal(c, 1.)
    """
    names = [p.name for p in body(lines).params if p.name.endswith("kernel")]
    assert names == [f"{n}.kernel" for n in ("layer", "dense", "dense_1", "named", "layers_1")]


def test_a_dense_layer_acts_on_the_last_axis_of_rows() -> None:
    lines = """
    with inf.datamodel():
        y = inf.Normal(tf.keras.layers.Dense(2)(x), 1.)
    """
    assert types(body(lines, 'x: Float[Array, "N t 4"]'))["y"] == "f32[N | t, 2]"


def outline(found: Graph) -> list[tuple[object, ...]]:
    return [(n.primitive, n.args, n.attrs) for n in found if isinstance(n, Op)]


@pytest.mark.parametrize(
    ("theirs", "numpy"),
    [line.split(" | ") for line in """
tf.exp(a) | np.exp(a)
tf.math.log(a) | np.log(a)
tf.square(a) | np.square(a)
tf.pow(a, b) | np.power(a, b)
tf.math.divide(a, b) | np.divide(a, b)
tf.maximum(a, 0.) | np.maximum(a, 0.)
tf.math.lgamma(a) | sps.gammaln(a)
tf.math.digamma(a) | sps.digamma(a)
tf.sigmoid(a) | sps.expit(a)
tf.nn.relu(a) | jax.nn.relu(a)
tf.nn.elu(a) | jax.nn.elu(a)
tf.nn.selu(a) | jax.nn.selu(a)
tf.nn.gelu(a) | jax.nn.gelu(a, approximate=False)
tf.nn.silu(a) | jax.nn.silu(a)
tf.nn.leaky_relu(a, alpha=0.01) | jax.nn.leaky_relu(a)
tf.nn.softmax(a) | jax.nn.softmax(a)
tf.nn.log_softmax(a, axis=-1) | jax.nn.log_softmax(a)
tf.reduce_sum(a, axis=1) | np.sum(a, axis=1)
tf.reduce_mean(a, -1, keepdims=True) | np.mean(a, -1, keepdims=True)
tf.math.reduce_max(a, axis=1) | np.max(a, axis=1)
tf.reduce_logsumexp(a, axis=1) | sps.logsumexp(a, axis=1)
tf.math.reduce_std(a, axis=1) | np.std(a, axis=1)
tf.argmax(a, axis=1) | np.argmax(a, axis=1)
tf.cumsum(a, axis=1) | np.cumsum(a, axis=1)
tf.matmul(a, w) | a @ w
tf.linalg.matmul(a, w, transpose_b=True) | a @ w.T
tf.tensordot(a, w, 1) | np.tensordot(a, w, axes=1)
tf.einsum("ij,jk->ik", a, w) | np.einsum("ij,jk->ik", a, w)
tf.reshape(a, [-1, 3, 1]) | np.reshape(a, (-1, 3, 1))
tf.reshape(a, [tf.shape(a)[0], 3, 1]) | np.reshape(a, (-1, 3, 1))
tf.expand_dims(a, 1) | np.expand_dims(a, 1)
tf.squeeze(a[:, None], axis=1) | np.squeeze(a[:, None], axis=1)
tf.concat([a, b], axis=-1) | np.concatenate([a, b], axis=-1)
tf.stack([a, b], 1) | np.stack([a, b], axis=1)
tf.transpose(w) | np.transpose(w)
tf.gather(w, i) | np.take(w, i, axis=0)
tf.one_hot(i, 3) | jax.nn.one_hot(i, 3)
tf.where(a > b, a, b) | np.where(a > b, a, b)
tf.clip_by_value(a, 0., 1.) | np.clip(a, 0., 1.)
tf.cast(i, tf.float32) | i.astype(float)
tf.cast(a, "int32") | a.astype(np.int64)
tf.zeros([2, 3]) | np.zeros((2, 3))
tf.fill([2], 3.) | np.full((2,), 3.)
tf.eye(3) | np.eye(3)
tf.range(1, 7, 2) | np.arange(1, 7, 2)
tf.constant([1., 2.]) | np.array([1., 2.])
tf.ones_like(a) | np.ones_like(a)
tf.convert_to_tensor(2.0) | np.asarray(2.0)
tf.linalg.norm(a, axis=1) | np.linalg.norm(a, axis=1)
tf.keras.activations.softplus(a) | jax.nn.softplus(a)
tf.math.squared_difference(a, b) | (a - b) ** 2
jnp.concatenate([a, b], axis=1) | np.concatenate([a, b], axis=1)
special.logsumexp(a, axis=-1) | sps.logsumexp(a, axis=-1)
jax.lax.stop_gradient(a) | tf.stop_gradient(a)
tf.random_normal | tf.random.normal
    """.strip().splitlines()],
)  # fmt: skip
def test_tensorflow_is_another_name(theirs: str, numpy: str) -> None:
    parameters = (
        'a: Float[Array, "N 3"], b: Float[Array, "N 3"], w: Float[Array, "3 3"], i: Int[Array, "N"]'
    )
    if "(" not in theirs:
        lines = "x = inf.Normal(inf.Parameter({}([2], stddev=2.)), 1.)"
    else:
        lines = "with inf.datamodel():\n    inf.Normal(({}), 1.)"
    one, other = (body(lines.format(text), parameters) for text in (theirs, numpy))
    assert outline(one) == outline(other)
    assert types(one) == types(other)


def test_layers_of_a_model_written_with_keras_alone() -> None:
    text = """
    import keras
    from keras import layers

    @inf.probmodel
    def m():
        net = keras.Sequential([layers.Dense(2, "relu"), layers.ReLU(), layers.Dense(1)], name="f")
        x = inf.Normal(net(np.ones(3)), 1.)
    """
    assert [p.name for p in graph(text).params][::2] == ["f_0.kernel", "f_2.kernel"]
