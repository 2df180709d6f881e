"""Every kind of layer against Keras itself, in float64, and Keras's defaults for their weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from ppc_frontend.kinds import KINDS
from ppc_numpy import evaluate_nodes
from programs import body

from ppc.diagnostics import CompileError
from ppc.ir.nodes import Graph, Noise

IMAGE, SERIES, ROW = "N 6 5 2", "N 7 3", "N 4"
CASES = [
    line.split(" | ")
    for line in """
N 4 | Dense(3, activation="tanh")
N 4 | Dense(3, use_bias=False)
N 4 3 | Dense(2)
N 6 5 2 | Conv2D(3, 2)
N 6 5 2 | Conv2D(filters=4, kernel_size=(3, 2), strides=(2, 1), padding="same", activation="relu")
N 6 5 2 | Conv2D(3, (2, 3), padding="same", use_bias=False)
N 6 5 2 | Conv2D(3, 2, dilation_rate=2)
N 6 5 2 | Conv2D(2, 3, strides=2)
N 7 3 | Conv1D(4, 3)
N 7 3 | Conv1D(2, 4, strides=3, padding="same")
N 7 3 | Conv1D(2, 2, dilation_rate=3, padding="same")
N 6 5 2 | Conv2DTranspose(3, 3)
N 6 5 2 | Conv2DTranspose(3, 2, strides=2, padding="same", activation="relu")
N 6 5 2 | Conv2DTranspose(3, (4, 3), strides=(2, 3), padding="same")
N 6 5 2 | Conv2DTranspose(2, 2, strides=3)
N 6 5 2 | Conv2DTranspose(2, 4, strides=2)
N 6 5 2 | Conv2DTranspose(2, 2, strides=3, padding="same", use_bias=False)
N 7 3 | Conv1DTranspose(2, 5, strides=2, padding="same")
N 7 3 | Conv1DTranspose(2, 3)
N 6 5 2 | MaxPooling2D()
N 6 5 2 | MaxPool2D((3, 2), strides=(2, 1), padding="same")
N 6 5 2 | AveragePooling2D(2)
N 6 5 2 | AveragePooling2D((3, 2), strides=2, padding="same")
N 7 3 | MaxPooling1D(2)
N 7 3 | MaxPooling1D(3, strides=2, padding="same")
N 7 3 | AveragePooling1D(3, padding="same")
N 6 5 2 | GlobalMaxPooling2D()
N 6 5 2 | GlobalAveragePooling2D()
N 7 3 | GlobalMaxPooling1D(keepdims=True)
N 7 3 | GlobalAveragePooling1D()
N 6 5 2 | UpSampling2D((2, 3))
N 7 3 | UpSampling1D(2)
N 6 5 2 | ZeroPadding2D(1)
N 6 5 2 | ZeroPadding2D(((1, 0), (2, 3)))
N 7 3 | ZeroPadding1D((1, 2))
N 6 5 2 | LayerNormalization()
N 6 5 2 | LayerNormalization(axis=(2, 3), epsilon=0.1)
N 4 | LayerNormalization(center=False)
N 7 3 | LayerNormalization(axis=1, scale=False)
N 6 5 2 | Flatten()
N | Flatten()
N 6 5 2 | Reshape((10, -1))
N 4 | Reshape([2, 2, 1])
N 6 5 2 | Permute((3, 1, 2))
N 4 | RepeatVector(3)
N 4 | Activation("softplus")
N 4 | Activation("linear")
N 4 | ReLU()
N 4 | ReLU(max_value=1.0, negative_slope=0.2, threshold=0.3)
N 4 | ELU(0.7)
N 4 | LeakyReLU()
N 4 | LeakyReLU(negative_slope=0.1)
N 7 3 | Softmax(axis=1)
N 4 | Softmax()
N 4 | Rescaling(0.5, offset=2.0)
N 4 | Lambda(lambda v: v * 2.0)
""".strip().splitlines()
]
MERGED = ["Add()", "Subtract()", "Multiply()", "Average()", "Maximum()", "Minimum()",
          "Concatenate()", "Concatenate(axis=1)"]  # fmt: skip
ROWS = 3


def numbers(shape: str) -> np.ndarray:
    sizes = [ROWS if size == "N" else int(size) for size in shape.split()]
    return np.random.default_rng(0).normal(size=sizes)


def outputs(found: Graph, inputs: dict[str, Any]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """What the layer gives, and weights in its order, at random numbers."""
    rng = np.random.default_rng(1)
    weights = {p.name: rng.normal(size=tuple(s.value for s in p.type.shape)) for p in found.params}
    loc = dict(found.samples[0].args)["loc"]
    return np.asarray(evaluate_nodes(found, {**inputs, **weights}, [loc])[loc]), weights


@pytest.fixture(scope="module")
def keras() -> Any:
    import keras

    return keras


@pytest.mark.parametrize(("shape", "text"), CASES)
def test_a_layer_is_that_of_keras(keras: Any, shape: str, text: str) -> None:
    lines = f"with inf.datamodel():\n    inf.Normal(tf.keras.layers.{text}(x), 1.)"
    x = numbers(shape)
    got, weights = outputs(body(lines, f'x: Float[Array, "{shape}"]'), {"x": x})
    layer = eval(f"keras.layers.{text}", {"keras": keras})
    layer.dtype_policy = keras.DTypePolicy("float64")
    layer.build(x.shape)
    layer.set_weights([*weights.values()])
    assert [w.name for w in layer.weights] == [name.rpartition(".")[2] for name in weights]
    wanted = np.asarray(layer(x))
    assert got.shape == wanted.shape
    # TensorFlow keeps the slope of a leaky ReLU in single precision.
    rtol = 1e-7 if "Leaky" in text else 1e-12
    np.testing.assert_allclose(got, wanted, rtol=rtol, atol=1e-13)


@pytest.mark.parametrize("text", MERGED)
def test_a_layer_of_several_inputs_is_that_of_keras(keras: Any, text: str) -> None:
    one, other = numbers("N 4"), np.random.default_rng(2).normal(size=(ROWS, 4))
    parameters = 'a: Float[Array, "N 4"], b: Float[Array, "N 4"]'
    name, _, rest = text.partition("(")
    small = f"tf.keras.layers.{name.lower()}([a, b], {rest}"
    for call in (f"tf.keras.layers.{text}([a, b])", small.replace(", )", ")")):
        lines = f"with inf.datamodel():\n    inf.Normal({call}, 1.)"
        got, _ = outputs(body(lines, parameters), {"a": one, "b": other})
        layer = eval(f"keras.layers.{text}", {"keras": keras})
        layer.dtype_policy = keras.DTypePolicy("float64")
        np.testing.assert_allclose(got, np.asarray(layer([one, other])), rtol=1e-14)


def test_an_embedding_is_a_row_for_each_integer() -> None:
    lines = """
    with inf.datamodel():
        inf.Normal(tf.keras.layers.Embedding(5, 3)(i), 1.)
    """
    i = np.array([[0, 4], [2, 2]])
    got, weights = outputs(body(lines, 'i: Int[Array, "N 2"]'), {"i": i})
    np.testing.assert_array_equal(got, weights["embedding.embeddings"][i])


def test_every_kind_has_a_case() -> None:
    tried = {text.partition("(")[0] for text in (*(t for _, t in CASES), *MERGED, "Embedding(")}
    same = {KINDS[name].name for name in tried}
    assert same == {kind.name for kind in KINDS.values()}


def test_outside_a_plate_the_first_dimension_is_the_batch() -> None:
    lines = "inf.Normal(tf.keras.layers.Flatten()(tf.keras.layers.Reshape((2, 2))(x)), 1.)"
    x = np.arange(12.0).reshape(3, 4)
    got, _ = outputs(body(lines, 'x: Float[Array, "3 4"]'), {"x": x})
    np.testing.assert_array_equal(got, x)


@pytest.mark.parametrize(
    ("layer", "shape", "fan_in", "fan_out"),
    # Keras's compute_fans: the window times the channels
    [("Conv2D(20, (3, 2))", "N 6 5 4", 24, 120), ("Conv1D(20, 5)", "N 7 3", 15, 100),
     ("Conv2DTranspose(20, 3)", "N 6 5 4", 180, 36)],
)  # fmt: skip
def test_kernels_begin_as_kerass(layer: str, shape: str, fan_in: int, fan_out: int) -> None:
    lines = f"with inf.datamodel():\n    inf.Normal(tf.keras.layers.{layer}(x), 1.)"
    found = body(lines, f'x: Float[Array, "{shape}"]')
    (kernel,) = (p for p in found.params if p.name.endswith("kernel"))
    (noise,) = (n for n in found if isinstance(n, Noise))
    sizes = tuple(s.value or 0 for s in kernel.type.shape)
    count = math.prod(sizes)
    grid = (np.arange(count) + 0.5) / count
    first = evaluate_nodes(found, {noise.name: grid.reshape(sizes)}, [kernel.init])[kernel.init]
    limit = math.sqrt(6 / (fan_in + fan_out))
    assert np.abs(first).max() == pytest.approx(limit * (1 - 1 / count), rel=1e-12)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Conv2D(3, 2)(x)", r"a conv2d layer takes shape \(batch, height, width, channels\)"),
        ("Dense(2, activation='rely')(x)", "relu"),
        ("Conv1D(3, 2, padding='causal')(x[:, :, None])", "unknown padding `causal`"),
        ("Conv1D(3, (2, 2))(x[:, :, None])", "1 numbers|a tuple"),
        ("Add()(x)", "a list of tensors is needed here"),
        ("Add()([x])", "a list of 2 tensors"),
        ("Dense(2, kernel_regularizer='l2')(x)", "kernel_regularizer"),
        ("Dropout(0.5)(x)", "unknown"),
    ],
)
def test_what_a_layer_cannot_take_is_told(text: str, words: str) -> None:
    lines = f"with inf.datamodel():\n    inf.Normal(tf.keras.layers.{text}, 1.)"
    with pytest.raises(CompileError, match=words):
        body(lines, 'x: Float[Array, "N 4"]')


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tf.layers.dense(x, 3, tf.nn.relu)", 'tf.keras.layers.Dense(3, "relu")(x)'),
        ("tf.layers.flatten(x)", "tf.keras.layers.Flatten()(x)"),
        ("inf.layers.Sequential([tf.keras.layers.Dense(3)])(x)",
         "tf.keras.Sequential([tf.keras.layers.Dense(3)])(x)"),
    ],
)  # fmt: skip
def test_layers_of_tensorflow_1_and_of_inferpy_are_the_same(one: str, other: str) -> None:
    graphs = [
        body(f"with inf.datamodel():\n    inf.Normal({text}, 1., name='y')",
             'x: Float[Array, "N 4"]')
        for text in (one, other)
    ]  # fmt: skip
    assert graphs[0].nodes == graphs[1].nodes
