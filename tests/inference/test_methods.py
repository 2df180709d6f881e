"""What the inference methods take: guides, optimisers; and that a second fit compiles nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import ppc as inf
from ppc.diagnostics import DataError, KindError


@inf.probmodel
def model():
    mu = inf.Normal(np.zeros(3), 2.0, name="mu")
    scale = inf.LogNormal(0.0, 0.5, name="scale")
    with inf.datamodel():
        inf.Normal(mu, scale, name="x")


@inf.probmodel
def qmodel():
    inf.Normal(inf.Parameter(np.ones(3), name="loc"), 0.1, name="mu")
    inf.LogNormal(inf.Parameter(0.5, name="log_loc"), 0.1, name="scale")


@inf.probmodel
def sized(k=3):
    inf.Normal(np.zeros(k), 0.1, name="mu")


DATA = {"x": np.random.default_rng(3).normal(1.0, 1.0, (12, 3))}


@contextmanager
def compilations() -> Iterator[list[str]]:
    """What XLA compiles meanwhile."""
    found: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            text = record.getMessage()
            if text.startswith("Compiling "):
                found.append(text.split(" with ")[0])

    logger, handler = logging.getLogger("jax"), Keep()
    logger.addHandler(handler)
    try:
        with jax.log_compiles():
            yield found
    finally:
        logger.removeHandler(handler)


# --- guides ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [inf.inference.VI, inf.inference.SVI])
def test_a_guide_is_a_model_or_what_makes_one(method) -> None:
    assert method(qmodel()).qmodel.name == "qmodel"
    assert method(qmodel).qmodel.name == "qmodel"
    assert method(lambda: qmodel()).qmodel.name == "qmodel"
    assert method().qmodel is None
    assert method(None).qmodel is None
    assert method("meanfield").qmodel is None
    assert method(qmodel=qmodel).qmodel.name == "qmodel"


@pytest.mark.parametrize("guide", [sized, lambda k: sized(k), lambda k=3: sized(k)])
def test_a_function_with_parameters_is_refused_in_the_words_of_inferpy(guide) -> None:
    with pytest.raises(ValueError, match=r"input qmodel can only be a callable object if this does "
                       r"not has any input parameter; .* takes k") as error:  # fmt: skip
        inf.inference.SVI(guide)
    assert isinstance(error.value, DataError)
    assert "call it first: SVI(" in str(error.value)


def test_an_unknown_family_is_told_the_nearest() -> None:
    with pytest.raises(DataError, match="no family of guides 'meanfeild'") as error:
        inf.inference.SVI("meanfeild")
    assert "did you mean 'meanfield'?" in str(error.value)


@pytest.mark.parametrize("given, found", [(3, "int"), (lambda: 3, "which returns int")])
def test_what_is_no_guide_is_named(given, found: str) -> None:
    with pytest.raises(KindError, match=found):
        inf.inference.VI(given)


# --- optimisers -----------------------------------------------------------------------------------


def unit_steps() -> optax.GradientTransformation:
    """Moves every array of the parameters by 0.25 in Euclidean norm."""

    def update(grads, state, params=None):
        del params
        return jax.tree.map(lambda g: -0.25 * g / jnp.linalg.norm(g), grads), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def test_an_optimiser_sees_each_parameter_as_it_is() -> None:
    p, vi = model(), inf.inference.VI(qmodel(), optimizer=unit_steps(), epochs=1)
    p.fit(DATA, vi, seed=0)
    assert np.linalg.norm(p.params["loc"] - 1.0) == pytest.approx(0.25, rel=1e-5)
    assert abs(p.params["log_loc"] - 0.5) == pytest.approx(0.25, rel=1e-5)


def test_an_optimiser_may_treat_parameters_by_name() -> None:
    def labels(params):
        return params._replace(loc="moved", log_loc="frozen")

    parts = {"moved": optax.adam(0.1), "frozen": optax.set_to_zero()}
    p = model()
    method = inf.inference.SVI(qmodel(), optimizer=optax.multi_transform(parts, labels), epochs=2)
    method.batch_size = 4
    p.fit(DATA, method, seed=0)
    assert p.params["log_loc"] == 0.5
    assert (p.params["loc"] != 1.0).all()


def test_adam_of_the_user_is_adam_of_the_program() -> None:
    own, given = model(), model()
    own.fit(DATA, inf.inference.VI(epochs=40, learning_rate=0.05), seed=1)
    given.fit(DATA, inf.inference.VI(epochs=40, optimizer=optax.adam(0.05)), seed=1)
    for name, value in own.params.items():
        # The same arithmetic in another layout: rounding differs, and Adam carries it on.
        np.testing.assert_allclose(value, given.params[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_inferpys_name_of_adam_is_adam(backend: str) -> None:
    named, own = model(), model()
    method = inf.inference.VI(qmodel(), "ELBO", "AdamOptimizer", 1)
    named.fit(DATA, method, seed=0, backend=backend)
    # Adam's first step has the length of its learning rate in every element; epsilon, and the
    # rounding of 1 + 0.001 in float32 (1.2e-7 of 0.001), are far below one part in a thousand.
    np.testing.assert_allclose(np.abs(named.params["loc"] - 1.0), 0.001, rtol=1e-3)
    own.fit(DATA, inf.inference.VI(qmodel(), epochs=1), seed=0, backend=backend)
    assert all((value == own.params[name]).all() for name, value in named.params.items())


@pytest.mark.parametrize("given, found", [
    (optax.adam, "not adam"), (0.1, "not float"),
    (optax.GradientTransformation, "not GradientTransformation"),
])  # fmt: skip
def test_what_is_no_optimiser_is_told_what_is(given, found: str) -> None:
    with pytest.raises(KindError, match="optimizer must be an optax optimiser") as error:
        model().fit(DATA, inf.inference.VI(optimizer=given, epochs=1), seed=0)
    assert found in str(error.value) and "optimizer=optax.adam(0.01)" in str(error.value)


# --- compilations ---------------------------------------------------------------------------------


# Numbers of rows that no other test has, so that the first round does compile.
@pytest.mark.parametrize("rows, size, optimizer", [(8, None, None), (9, 5, optax.sgd(0.001))])
def test_a_second_fit_and_its_queries_compile_nothing(rows: int, size, optimizer) -> None:
    x = DATA["x"][:rows]

    def everything(seed: int) -> None:
        p = model()
        if size is None:
            method = inf.inference.VI(qmodel(), optimizer=optimizer, epochs=3)
        else:
            method = inf.inference.SVI(qmodel(), optimizer=optimizer, epochs=3, batch_size=size)
        p.fit({"x": x + seed}, method, seed=seed)
        p.posterior("mu").sample(3)
        p.posterior_predictive("x").sample()
        p.posterior_predictive("x", data={"x": x[:4]}).log_prob()
        p.prior("x", size_datamodel=2).sample(2)
        p.log_density({"mu": np.zeros(3), "scale": 1.0 + seed, "x": x})
        assert set(p.params) == {"loc", "log_loc"}

    with compilations() as first:
        everything(0)
    assert any("run_block" in text for text in first)  # so that the count counts
    assert any("query" in text for text in first)
    with compilations() as second:
        everything(1)
    assert second == []


def test_rows_of_another_number_compile_the_loop_once_more() -> None:
    p = model()
    p.fit(DATA, inf.inference.VI(qmodel(), epochs=2), seed=0)
    with compilations() as found, pytest.warns(UserWarning, match="restarts"):
        p.fit({"x": DATA["x"][:7]}, inf.inference.VI(qmodel(), epochs=2), seed=0)
    assert sum("run_block" in text for text in found) == 1


@pytest.mark.parametrize("optimizer", [None, optax.adam(0.001)])
def test_the_blocks_of_a_fit_are_one_compilation(optimizer) -> None:
    """A fit of several blocks of steps, with scalar parameters among them."""
    with compilations() as found:
        model().fit(
            {"x": DATA["x"][:6]},
            inf.inference.VI(qmodel(), optimizer=optimizer, epochs=2100),
            seed=0,
        )
    assert sum("run_block" in text for text in found) == 1
