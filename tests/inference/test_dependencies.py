"""A model's graph has the edges that its text has."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import ppc as inf
from ppc import tf
from ppc.diagnostics import StateError


@inf.probmodel
def pca():
    w = inf.Normal(np.zeros((2, 3)), 1.0, name="w")
    noise = inf.Parameter(1.0, name="noise", support="positive")
    with inf.datamodel():
        z = inf.Normal(np.zeros(2), 1.0, name="z")
        hidden = tf.tanh(z @ w)
        inf.Normal(hidden + w[0], noise, name="x")


@inf.probmodel
def chain():
    a = inf.Normal(0.0, 1.0, name="a")
    b = inf.Normal(2.0 * a, 1.0, name="b")
    inf.Normal(b + 1.0, 1.0, name="c")
    inf.Normal(0.0, 1.0, name="alone")


@inf.probmodel
def decided():
    choice = inf.Bernoulli(probs=0.5, name="choice")
    left = inf.Normal(-1.0, 1.0, name="left")
    right = inf.Normal(1.0, 1.0, name="right")
    with inf.datamodel():
        inf.Normal(left if choice else right, 1.0, name="x")


@inf.probmodel
def set_in_the_model():
    a = inf.Normal(0.0, 1.0, name="a")
    y = inf.Normal(0.0, 1.0, name="y")
    inf.observe(y, 2.0)
    inf.Normal(a, 1.0, name="b")


@pytest.mark.parametrize(
    ("model", "edges"),
    [
        (pca, {("w", "x"), ("z", "x"), ("noise", "x")}),
        (chain, {("a", "b"), ("b", "c")}),  # a reaches c through b alone
        (decided, {("choice", "x"), ("left", "x"), ("right", "x")}),
        (set_in_the_model, {("a", "b")}),
    ],
)
def test_edges_come_from_what_a_distribution_is_made_of(model, edges) -> None:
    assert set(model().graph.edges) == edges


def test_nodes_are_in_model_order_with_their_kinds() -> None:
    assert list(chain().graph) == ["a", "b", "c", "alone"]
    kinds = dict(pca().graph.nodes(data="kind"))
    assert kinds == {"w": "latent", "noise": "parameter", "z": "latent", "x": "latent"}
    assert set_in_the_model().graph.nodes["y"]["kind"] == "observed"


def test_observed_sites_are_observed_after_a_fit() -> None:
    model = chain()
    model.fit({"c": 1.0}, inf.inference.VI(epochs=1), seed=0)
    observed = [name for name, kind in model.graph.nodes(data="kind") if kind == "observed"]
    assert observed == ["c"]


def test_a_graph_is_drawn_into_the_current_axes() -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    assert pca().plot_graph() is axes
    assert {text.get_text() for text in axes.texts} == {"w", "z", "noise", "x"}
    at = {text.get_text(): text.get_position()[0] for text in axes.texts}
    assert at["x"] > max(at["w"], at["z"], at["noise"])
    plt.close(figure)


@pytest.mark.parametrize(
    ("package", "call"),
    [("networkx", lambda model: model.graph), ("matplotlib.pyplot", lambda m: m.plot_graph())],
)
def test_a_library_that_is_not_there_is_named(monkeypatch, package, call) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(StateError, match=f"needs {package.split('.')[0]}, which is not installed"):
        call(chain())
