"""Optimisers by the names and objects of TensorFlow 1 and Keras, on both backends."""

from __future__ import annotations

import numpy as np
import pytest

import ppc as inf
from ppc import tf
from ppc.diagnostics import DataError, KindError
from ppc.optimizers import KERAS, TRAIN, Optimizer, keras, named, train

START = np.array([1.0, -2.0, 0.5])
STEPS = 6
# Both libraries keep settings, and powers of them, in 32 bits: some roundings of numbers about 1.
SINGLE = {"rtol": 2e-6, "atol": 2e-6}
SETTINGS = {
    "MomentumOptimizer": {"momentum": 0.8, "use_nesterov": True},
    "RMSPropOptimizer": {"decay": 0.8, "momentum": 0.3, "centered": True},
    "FtrlOptimizer": {"l1_regularization_strength": 0.3, "l2_regularization_strength": 0.2},
    "ProximalGradientDescentOptimizer": {"l1_regularization_strength": 0.3},
    "ProximalAdagradOptimizer": {"l2_regularization_strength": 0.7},
    "SGD": {"momentum": 0.8, "nesterov": True},
    "RMSprop": {"rho": 0.8, "momentum": 0.3, "centered": True},
}


def gradient(w, step: int):
    """Of a slowly changing quadratic: signs and sizes vary."""
    return (w - np.array([0.3, 0.1, -0.2])) * (1.0 + step) + np.sin(step)


def path(optimizer: Optimizer) -> list[np.ndarray]:
    """The parameters after each step, in float64."""
    w, slots = START, [np.full_like(START, value) for value in optimizer.slots()]
    found = []
    for step in range(STEPS):
        w, *slots = optimizer.step(np, float(step + 1), w, gradient(w, step), *slots)
        found.append(w)
    return found


@pytest.mark.parametrize("name", TRAIN)
@pytest.mark.parametrize("further", [False, True])
def test_a_rule_is_tensorflows(name: str, further: bool) -> None:
    import tensorflow as real

    settings = SETTINGS.get(name, {}) if further else {}
    if name == "MomentumOptimizer" and not further:
        settings = {"momentum": 0.9}
    with real.Graph().as_default():
        made = getattr(real.compat.v1.train, name)(learning_rate=0.05, **settings)
        # Of the proximal ones TensorFlow has 32 bits only.
        dtype = real.float32 if name.startswith("Proximal") else real.float64
        w = real.compat.v1.Variable(START, dtype=dtype)
        fed = real.compat.v1.placeholder(dtype, [3])
        step = made.apply_gradients([(fed, w)])
        with real.compat.v1.Session() as session:
            session.run(real.compat.v1.global_variables_initializer())
            values, expected = START, []
            for i in range(STEPS):
                session.run(step, {fed: gradient(values, i)})
                expected.append(values := session.run(w))
    np.testing.assert_allclose(path(train(name, 0.05, **settings)), expected, **SINGLE)


@pytest.mark.parametrize("name", KERAS)
@pytest.mark.parametrize("further", [False, True])
def test_a_rule_is_kerass(name: str, further: bool) -> None:
    import keras as real

    from ppc.optimizers import of_keras

    settings = SETTINGS.get(name, {}) if further else {}
    made = getattr(real.optimizers, name)(learning_rate=0.05, **settings)
    known = of_keras(made)
    assert known == keras(name, 0.05, **settings)
    w = real.Variable(START, dtype="float64")
    expected = []
    for i in range(STEPS):
        made.apply([real.ops.convert_to_tensor(gradient(np.asarray(w), i))], [w])
        expected.append(np.asarray(w))
    np.testing.assert_allclose(path(known), expected, **SINGLE)


@inf.probmodel
def located():
    mu = inf.Parameter(np.array([1.0, -2.0, 0.5]))
    with inf.datamodel():
        x = inf.Normal(mu, 2.0)


@inf.probmodel
def nothing():
    pass


DATA = np.random.default_rng(0).normal(0.5, 1.0, (8, 3))


def descended(optimizer: Optimizer, steps: int) -> np.ndarray:
    """The parameter of `located` by hand: its loss is a quadratic."""
    w, slots = START, [np.full_like(START, value) for value in optimizer.slots()]
    for step in range(steps):
        grad = -(DATA - w).sum(0) / 4.0
        w, *slots = optimizer.step(np, float(step + 1), w, grad, *slots)
    return w


@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
@pytest.mark.parametrize(
    "given",
    [
        "RMSPropOptimizer",
        tf.train.AdamOptimizer(0.05, epsilon=0.01),
        tf.compat.v1.train.GradientDescentOptimizer(learning_rate=0.05),
        tf.keras.optimizers.SGD(0.05, momentum=0.5),
    ],
    ids=repr,
)
def test_a_fit_makes_the_steps_of_the_rule(given, backend: str) -> None:
    p = located()
    method = inf.inference.VI(nothing(), optimizer=given, epochs=10, learning_rate=0.05)
    p.fit({"x": DATA}, method, seed=0, backend=backend)
    expected = descended(named(given, 0.05) if isinstance(given, str) else given, 10)
    np.testing.assert_allclose(p.params["mu"], expected, rtol=2e-5)  # 10 steps in 32 bits


@inf.probmodel
def located_rows():
    with inf.datamodel():
        mu = inf.Parameter(0.0)
        x = inf.Normal(mu, 1.0)


@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_rows_with_parameters_of_their_own_have_slots_of_their_own(backend: str) -> None:
    x = np.array([3.0, -1.0, 2.0, 0.5, 1.5])
    p, made = located_rows(), tf.train.MomentumOptimizer(0.1, 0.5)
    method = inf.inference.SVI(nothing(), optimizer=made, epochs=3, batch_size=2)
    p.fit({"x": x}, method, seed=0, backend=backend)
    w = v = np.zeros(5)
    for _ in range(3):  # a row is met once an epoch, and weighs 3: the number of batches
        w, v = made.step(np, 1.0, w, 3.0 * (w - x), v)
    np.testing.assert_allclose(p.params["mu"], w, rtol=1e-5)


def test_objects_of_tensorflow_and_keras_serve_both_backends() -> None:
    import keras as real_keras
    import tensorflow as real

    from ppc.optimizers import known, of_keras

    made = real.compat.v1.train.RMSPropOptimizer(0.1, decay=0.7, centered=True)
    assert known(made) == train("RMSPropOptimizer", 0.1, decay=0.7, centered=True)
    assert known(real.compat.v1.train.AdamOptimizer()) == train("AdamOptimizer")
    assert of_keras(real_keras.optimizers.Adam(weight_decay=0.1)) is None
    p = located()
    method = inf.inference.VI(nothing(), optimizer=real_keras.optimizers.SGD(0.05), epochs=2)
    p.fit({"x": DATA}, method, backend="jax")
    np.testing.assert_allclose(p.params["mu"], descended(keras("SGD", 0.05), 2), rtol=1e-5)


def test_what_is_wrong_with_an_optimiser_is_told() -> None:
    with pytest.raises(DataError, match="did you mean 'AdagradOptimizer'"):
        inf.inference.VI(optimizer="AdagradOptimiser")
    with pytest.raises(KindError, match="GradientDescentOptimizer needs learning_rate="):
        tf.train.GradientDescentOptimizer()
    with pytest.raises(KindError, match="takes no argument 'rate'"):
        tf.train.AdamOptimizer(rate=0.1)
    with pytest.raises(KindError, match="learning_rate of AdamOptimizer must be a number"):
        tf.train.AdamOptimizer(lambda: 0.1)
