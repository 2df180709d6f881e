"""Arrays without annotation have the rows of the data where their shapes fit in no other way."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import ppc as inf
from ppc.diagnostics import CompileError, DataError
from ppc.inference import VI

X = np.linspace(-1.0, 1.0, 7, dtype=np.float32)
Y = 2.0 * X + 1.0


@inf.probmodel
def line(x):
    a = inf.Normal(0.0, 10.0)
    b = inf.Normal(0.0, 10.0)
    with inf.datamodel():
        inf.Normal(a + b * x, 1.0, name="y")


@inf.probmodel
def plane(x, prior):
    w = inf.Normal(prior, 10.0)
    with inf.datamodel():
        inf.Normal(x @ w, 1.0, name="y")


@inf.probmodel
def vectors(centre):
    shift = inf.Normal(0.0, 1.0)
    with inf.datamodel():
        inf.Normal(centre + shift, 1.0, name="y")


@inf.probmodel
def errors_in(x):
    with inf.datamodel():
        z = inf.Normal(x, 1.0)
        inf.Normal(z, 0.5, name="y")


@inf.probmodel
def guide(x):
    with inf.datamodel():
        inf.Normal(x + inf.Parameter(0.0), 0.5, name="z")


def test_a_vector_has_the_rows() -> None:
    model = line(X)
    model.fit({"y": Y}, VI("meanfield", epochs=2))
    point = {"a": 1.0, "b": 2.0, "y": Y}
    expected = stats.norm.logpdf([1.0, 2.0], 0, 10).sum() + stats.norm.logpdf(Y, 1 + 2 * X).sum()
    assert float(model.log_density(point)) == pytest.approx(expected, rel=1e-6)
    assert model.posterior_predictive("y").sample(3)["y"].shape == (3, 7)


def test_a_matrix_has_the_rows_and_a_vector_of_another_length_has_none() -> None:
    model = plane(np.stack([X, X**2, X**3, X**4], axis=1), np.zeros(4))
    model.fit({"y": Y}, VI("meanfield", epochs=2))
    assert {node.name: str(node.type) for node in model.ir.data} == {
        "prior": "f32[4]", "x": "f32[N | 4]",
    }  # fmt: skip


def test_where_the_shapes_fit_an_array_stays_one_of_each_row() -> None:
    model = vectors(X)
    model.fit({"y": np.zeros((7, 7))}, VI("meanfield", epochs=2))
    assert [str(node.type) for node in model.ir.data] == ["f32[7]"]


def test_other_lengths_are_a_mistake_that_says_what_to_write() -> None:
    with pytest.raises(DataError, match=r'x: Float\[Array, "N"\]'):
        line(X).fit({"y": Y[:5]}, VI("meanfield", epochs=2))


def test_beside_the_rows_of_something_else_the_annotation_is_asked_for() -> None:
    with pytest.raises(CompileError, match=r'x: Float\[Array, "N"\]'):
        guide(X)


@inf.probmodel
def scaled(x):
    with inf.datamodel():
        inf.Normal(2.0 * x, 0.5, name="z")


def test_the_guide_has_the_rows_of_the_arrays_that_it_shares() -> None:
    model, q = errors_in(X), scaled(X)
    model._take_rows({"y": Y}, q)
    for found in (model, q):
        assert {s.name: str(s.type) for s in found.ir.samples}["z"] == "f32[N |]"
