"""Loops whose number of rounds is data: `for n in range(length[d])` over a padded rectangle.

Densities and gradients are those of loops in Python over SciPy's densities; what is behind the end
of a row is NaN, or an index that does not exist.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from ppc_numpy import value_and_gradient
from programs import assert_slopes, body, mistakes
from scipy import special, stats

import ppc as inf
from ppc.diagnostics import DataError
from ppc.ir.verify import check
from ppc.objective.functions import log_density
from ppc.passes import guards, plates

Values = dict[str, NDArray[Any]]
LENGTH = np.array([3, 0, 4, 1])
PAD = np.arange(4) >= LENGTH[:, None]

GROUPS = """
    mu = inf.Normal(0.0, 1.0)
    b = inf.Normal(0.0, 2.0)
    for d in range(len(length)):
        a[d] = inf.Normal(mu, 0.5)
        for n in range(length[d]):
            mean = a[d] + b * x[d, n]
            y[d, n] = inf.Normal(mean, 0.7)
"""


def groups(v: Values) -> float:
    found = stats.norm.logpdf(v["mu"]) + stats.norm.logpdf(v["b"], 0, 2)
    for d, a in enumerate(v["a"]):
        found += stats.norm.logpdf(a, v["mu"], 0.5)
        for n in range(LENGTH[d]):
            found += stats.norm.logpdf(v["y"][d, n], a + v["b"] * v["x"][d, n], 0.7)
    return float(found)


# A state for each step, a second loop that reads it, a sum, and what only some rounds have.
TWO_LOOPS = """
    rho = inf.Normal(0.0, 1.0)
    for d in range(len(length)):
        for n in range(length[d]):
            if n == 0:
                z[d, n] = inf.Normal(0.0, 1.0)
            else:
                z[d, n] = inf.Normal(rho * z[d, n - 1], 0.5)
    for d in range(len(length)):
        total = 0.0
        for n in range(length[d]):
            total += np.sqrt(x[d, n])
            y[d, n] = inf.Normal(z[d, n], 1.0)
        inf.factor(-total * rho ** 2, name="sums")
"""


def two_loops(v: Values) -> float:
    found = stats.norm.logpdf(v["rho"])
    for d, length in enumerate(LENGTH):
        for n in range(length):
            mean, sd = (v["rho"] * v["z"][d, n - 1], 0.5) if n else (0.0, 1.0)
            found += stats.norm.logpdf(v["z"][d, n], mean, sd)
            found += stats.norm.logpdf(v["y"][d, n], v["z"][d, n], 1.0)
            found -= np.sqrt(v["x"][d, n]) * v["rho"] ** 2
    return float(found)


LDA = """
    for k in range(2):
        topic[k] = inf.Dirichlet(0.5 * np.ones(3))
    for d in range(len(length)):
        share[d] = inf.Dirichlet(np.ones(2))
        for n in range(length[d]):
            inf.factor(np.log((share[d] * topic[:, word[d, n]]).sum()), name="words")
"""


def lda(v: Values) -> float:
    found = sum(stats.dirichlet.logpdf(t / t.sum(), 0.5 * np.ones(3)) for t in v["topic"])
    for d, share in enumerate(v["share"]):
        found += stats.dirichlet.logpdf(share / share.sum(), np.ones(2))
        for n in range(LENGTH[d]):
            found += np.log(share @ v["topic"][:, v["word"][d, n]])
    return float(found)


LABELS = """
    score_of = inf.Normal(np.zeros((3, 2, 2)), 1.0)
    said = sps.log_softmax(score_of, axis=-1)
    for i in range(len(length)):
        score = np.log(0.5) * np.ones(2)
        for j in range(length[i]):
            score = score + said[who[i, j], :, label[i, j]]
        inf.factor(sps.logsumexp(score), name="labels")
"""


def labels(v: Values) -> float:
    found = stats.norm.logpdf(v["score_of"]).sum()
    said = special.log_softmax(v["score_of"], axis=-1)
    for i, length in enumerate(LENGTH):
        score = np.log(0.5) * np.ones(2)
        for j in range(length):
            score = score + said[v["who"][i, j], :, v["label"][i, j]]
        found += special.logsumexp(score)
    return float(found)


def padded(x: Any, fill: Any) -> NDArray[Any]:
    return np.where(PAD, fill, x)


RNG = np.random.default_rng(0)
X, Y = padded(RNG.uniform(size=(4, 4)), np.nan), padded(RNG.normal(size=(4, 4)), np.nan)
INTS = {n: padded(RNG.integers(0, k, (4, 4)), -99) for n, k in (("who", 3), ("label", 2))}
WORD = padded(RNG.integers(0, 3, (4, 4)), 17)
FLOATS = 'x: Float[Array, "D most"], length: Int[Array, "D"]'
# Arguments, lines, values that move, data, the density by loops.
MODELS: dict[str, tuple[str, str, Values, Values, Callable[[Values], float]]] = {
    "groups": (
        FLOATS, GROUPS,
        {"mu": RNG.normal(size=()), "b": RNG.normal(size=()), "a": RNG.normal(size=4)},
        {"x": X, "y": Y}, groups,
    ),
    "two loops": (
        FLOATS, TWO_LOOPS, {"rho": RNG.normal(size=()), "z": RNG.normal(size=(4, 4))},
        {"x": X, "y": Y}, two_loops,
    ),
    "lda": (
        'word: Int[Array, "D most"], length: Int[Array, "D"]', LDA, {},
        {"word": WORD, "topic": RNG.dirichlet(np.ones(3), 2),
         "share": RNG.dirichlet(np.ones(2), 4)}, lda,
    ),
    "labels": (
        'who: Int[Array, "I most"], label: Int[Array, "I most"], length: Int[Array, "I"]', LABELS,
        {"score_of": RNG.normal(size=(3, 2, 2))}, INTS, labels,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_density_and_gradient_are_those_of_loops(name: str) -> None:
    arguments, lines, free, data, expected = MODELS[name]
    graph = guards.run(plates.run(body(lines, arguments)))
    check(graph)
    density = log_density(graph)
    inputs = {**free, **data, "length": LENGTH}
    found, gradient = value_and_gradient(density, inputs, "log_density", list(free))
    np.testing.assert_allclose(found, expected(inputs), rtol=1e-12)
    assert_slopes(expected, inputs, {one: gradient[one] for one in free})


@inf.probmodel
def regression(x, word, length):
    b = inf.Normal(np.zeros(3), 1.0)
    for d in range(len(length)):
        for n in range(length[d]):
            y[d, n] = inf.Normal(b[word[d, n]] * x[d, n], 1.0)  # noqa: F821  # the loop makes it


@pytest.mark.parametrize("size", [None, 3])
def test_padding_is_not_looked_at_and_all_else_is(size: int | None) -> None:
    method = (
        inf.inference.VI(epochs=2) if size is None else inf.inference.SVI(epochs=2, batch_size=3)
    )
    regression(X, WORD, LENGTH).fit({"y": Y}, method, seed=0)
    first = list(method.losses)
    other = [np.where(PAD, 5.0, x) for x in (X, Y)]
    regression(other[0], np.where(PAD, 1, WORD), LENGTH).fit({"y": other[1]}, method, seed=0)
    assert np.isfinite(first).all() and first == list(method.losses)
    if size is not None:
        return
    wrong = WORD.copy()
    wrong[2, 3] = 17
    with pytest.raises(DataError, match=r"'word' must be whole numbers from 0 to 2; .* row 2"):
        regression(X, wrong, LENGTH).fit({"y": Y}, method)
    with pytest.raises(DataError, match=r"'length' must be whole numbers from 0 to 4; .* row 2"):
        regression(X, WORD, LENGTH + (LENGTH == 4)).fit({"y": Y}, method)
    hole = X.copy()
    hole[0, 1] = np.nan
    with pytest.raises(DataError, match="'x' has NaN or infinity in row 0"):
        regression(hole, WORD, LENGTH).fit({"y": Y}, method)


def test_the_whole_of_what_only_some_rounds_have_is_refused() -> None:
    lines = """
    for d in range(len(length)):
        for n in range(length[d]):
            z[d, n] = inf.Normal(0.0, 1.0)
    y = inf.Normal(z.sum(), 1.0)
"""
    (found,) = mistakes(lines, FLOATS).mistakes
    assert found.message() == "`z` has no value where the condition is otherwise"
