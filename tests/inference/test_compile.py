"""`ppc.compile`: the program as an object."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ppc as inf
from ppc.diagnostics import CompileError, DataError, KindError, QueryError


@inf.probmodel
def model(k):
    shift = inf.Normal(0.0, 1.0, name="shift")
    with inf.datamodel():
        z = inf.Normal(np.zeros(k), 1.0, name="z")
        inf.Normal(z + shift, 0.5, name="x")
        inf.Bernoulli(logits=z[:, 0], name="y")


@inf.probmodel
def qmodel(k):
    inf.Normal(inf.Parameter(0.0, name="centre"), 0.1, name="shift")
    with inf.datamodel():
        x = inf.Normal(np.zeros(k), 1.0, name="x")
        gain = inf.Parameter(np.ones(k), name="gain")
        inf.Normal(gain * x, 0.3, name="z")


@inf.probmodel
def observing():
    mu = inf.Normal(0.0, 1.0, name="mu")
    inf.observe(inf.Normal(mu, 1.0, name="seen"), 1.5)


RNG = np.random.default_rng(1)
DATA = {"x": RNG.normal(size=(10, 2)), "y": RNG.integers(0, 2, 10)}


def test_the_program_is_what_emit_prints_and_what_is_saved(tmp_path: Path) -> None:
    p, q = model(2), qmodel(2)
    program = inf.compile(p, q, observed=["x", "y"], batch_size=4, epochs=7, learning_rate=0.02)
    method = inf.inference.SVI(q, batch_size=4, epochs=7, learning_rate=0.02)
    assert program.source == p.emit(method, ["x", "y"])
    assert 'add("--epochs", type=_positive, default=7' in program.source
    assert 'help="of Adam (default: 0.02)"' in program.source
    program.save(tmp_path / "fit_model.py")
    assert (tmp_path / "fit_model.py").read_text(encoding="utf-8") == program.source
    with pytest.raises(KindError, match="cannot be written"):
        program.save(tmp_path / "nowhere" / "fit_model.py")
    with pytest.raises(KindError, match="the program would replace it"):
        program.save(__file__)


def test_what_is_observed_is_read_from_the_guide() -> None:
    assert inf.compile(model(2), qmodel(2)).observed == ("x", "y")
    assert inf.compile(model(2), qmodel(2), observed="y").observed == ("y",)
    assert inf.compile(observing()).observed == ("seen",)
    with pytest.raises(CompileError, match="which sites of model are observed") as error:
        inf.compile(model(2), "meanfield")
    assert "the sites are shift, z, x, y" in str(error.value)
    with pytest.raises(CompileError, match="'xx'"):
        inf.compile(model(2), qmodel(2), observed=["xx"])


def test_graphs_and_explanation_can_be_printed() -> None:
    program = inf.compile(model(2), qmodel(2))
    assert list(program.graph)[:3] == ["model", "guide", "loss"]
    assert program.graph["model"].samples[1].name == "z"
    assert "# loss\n" in str(program.graph)
    assert "site z, latent" in program.explain()
    assert "observed x, y" in repr(program)


def test_it_fits_as_the_model_does_and_says_where_the_results_are() -> None:
    one, other = model(2), model(2)
    program = inf.compile(one, qmodel(2), batch_size=4)
    assert program.fit(DATA, epochs=3, seed=5) is one
    method = inf.inference.SVI(qmodel(2), batch_size=4, epochs=3)
    other.fit(DATA, method, seed=5)
    assert len(program.losses) == 9  # 3 epochs of ceil(10 / 4) steps
    assert program.losses == method.losses
    np.testing.assert_array_equal(one.params["gain"], other.params["gain"])
    assert one.posterior("z").sample()["z"].shape == (10, 2)


def test_a_batch_has_at_most_all_rows_unless_it_was_asked_for() -> None:
    program = inf.compile(model(2), qmodel(2))
    program.fit(DATA, epochs=2, seed=0)
    assert len(program.losses) == 2
    with pytest.warns(UserWarning, match="restarts"):
        program.fit(DATA, epochs=2, batch_size=5, seed=0)
    assert len(program.losses) == 4
    with pytest.raises(DataError, match="11"):
        program.fit(DATA, batch_size=11)
    with pytest.raises(QueryError, match="without batches"):
        inf.compile(model(2), qmodel(2), batch_size=None).fit(DATA, batch_size=5)


def test_the_data_must_be_those_it_was_compiled_for() -> None:
    program = inf.compile(model(2), qmodel(2))
    with pytest.raises(DataError, match="'y'"):
        program.fit({"x": DATA["x"]})
    with pytest.raises(DataError, match="'z'"):
        program.fit({**DATA, "z": DATA["x"]})


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(KindError, match="p must be a model with its hyperparameters"):
        inf.compile(model)


def test_an_optimiser_that_is_not_in_the_program_is_named() -> None:
    import optax

    method = inf.inference.SVI(qmodel(2), optimizer=optax.sgd(0.1))
    with pytest.warns(UserWarning, match="optimizer= of this SVI"):
        model(2).emit(method, ["x", "y"])


@inf.probmodel
def doubtful():
    p = inf.Beta(1.0, 1.0)
    with inf.datamodel():
        inf.Bernoulli(p, name="y")


def test_what_the_model_warns_of_is_a_warning_where_it_is_made() -> None:
    with pytest.warns(UserWarning, match=r"warning\[logits\]: the first argument") as seen:
        doubtful()
    assert [warning.filename for warning in seen] == [__file__]
