"""Every distribution, sampler and kind of noise on a backend.

Parameters and points are found by the declaration of the distribution: values in the constraint of
each parameter, in every alternative parameterisation; points in the support, and beyond it. So a
distribution that is added is tried without a word here. What a density must be is known to the
reference, which the tests of ppc hold to the textbook; what a draw must be is known to it too, as
a function of noise, and noise and whole draws are compared with those of NumPy's generators.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from ppc_numpy.evaluate import evaluate
from ppc_numpy.points import SAMPLERS, SUPPORTS, random_inputs

from ppc.backend import Backend
from ppc.distributions import DISTRIBUTIONS, Distribution, NoiseSource
from ppc.distributions.base import draw_type
from ppc.ir.build import Builder, Value
from ppc.ir.nodes import Graph, NoiseKind, Op
from ppc.ir.sizes import Size
from ppc.ir.types import Tensor
from ppc.testing.checks import PASSED, Check, refusal, usual, widths
from ppc.testing.rounding import MARGIN, bounds, compare, reference
from ppc.testing.runs import Run, with_noise_given

Array = NDArray[Any]
Params = Mapping[str, Array]

POINTS = 64  # of a density
DRAWS = 4000
EVENT = 3  # elements of each event dimension
LEVEL = 1e-6  # of each test of draws; the seeds are fixed
BEYOND = (-2.5, -1.0, 0.0, 0.5, 1.0, 2.0, 40.0)  # some of them outside any support but the reals


def checks(backend: Backend) -> Iterator[Check]:
    """The checks of all kinds of noise, samplers and distributions that there are."""
    for kind in get_args(NoiseKind):
        for sampler in SAMPLERS if kind == "draw" else ("",):
            name = f"noise/{sampler or kind}"
            yield Check(name, partial(noise_has_its_distribution, backend, kind, sampler))
    for distribution in DISTRIBUTIONS.values():
        for given in alternatives(distribution):
            label = f"distribution/{distribution.name}({', '.join(given)})"
            for dtype in widths(backend):
                run = partial(density, backend, distribution, given, dtype)
                yield Check(f"{label}/density/{dtype.__name__}", run)
            if distribution.draw is not None:
                for dtype in widths(backend):
                    run = partial(draws_of_noise, backend, distribution, given, dtype)
                    yield Check(f"{label}/draws of given noise/{dtype.__name__}", run)
                yield Check(f"{label}/draws", partial(draws, backend, distribution, given))


def alternatives(distribution: Distribution) -> list[tuple[str, ...]]:
    """The sets of parameters that may be given: one of each group, all that are in none."""
    groups: dict[str, list[str]] = {}
    for p in distribution.parameters:
        groups.setdefault(p.group or f"only {p.name}", []).append(p.name)
    return list(itertools.product(*groups.values()))


def parameters(
    distribution: Distribution, given: Sequence[str], rng: np.random.Generator, count: int
) -> dict[str, Array]:
    """`count` values of each parameter in its constraint, which float32 holds exactly."""
    values: dict[str, Array] = {}
    for name in given:
        p = distribution.parameter(name)
        assert p is not None
        kind = p.constraint.kind
        assert kind in SUPPORTS, f"no values for the constraint {kind} of {distribution.name}"
        shape = (count, *(EVENT for _ in range(p.event_rank)))
        limits = [values[b] if isinstance(b, str) else b for b in p.constraint.bounds]
        values[name] = SUPPORTS[kind](rng, shape, *map(np.asarray, limits)).astype(np.float32)
    if "low" in values and "high" in values:
        ends = values["low"], values["high"]
        values["low"], values["high"] = np.minimum(*ends), np.maximum(*ends) + np.float32(1)
    return values


def _operands(b: Builder, params: Params) -> dict[str, Value]:
    return {
        name: b.data(name, Tensor("f32", (), tuple(Size.of(s) for s in x.shape)))
        for name, x in params.items()
    }


def _points(distribution: Distribution, params: Params, rng: np.random.Generator) -> Array:
    """A point in the support for each set of parameters."""
    b = Builder("points", "model")
    values = _operands(b, params)
    b.sample("x", distribution.name, values, draw_type(distribution, values))
    found = random_inputs(b.build(), rng, given=params)["x"]
    return found.astype(np.float32) if distribution.dtype == "f32" else found


def density_graph(distribution: Distribution, params: Params) -> Graph:
    """The log density at `x`."""
    b = Builder("density", "function")
    values = _operands(b, params)
    x = b.data("x", draw_type(distribution, values))
    b.output("log_density", distribution.log_density(x, values))
    return b.build()


def draw_graph(distribution: Distribution, params: Params) -> Graph:
    """A draw for each set of parameters."""
    b = Builder("draw", "function")
    values = _operands(b, params)
    assert distribution.draw is not None
    type_ = draw_type(distribution, values)
    b.output("x", distribution.draw(NoiseSource(b, "x", type_), values))
    return b.build()


def density(
    backend: Backend, distribution: Distribution, given: tuple[str, ...], dtype: type
) -> str:
    """The log density and its gradient: inside the support, at its ends and beyond."""
    rng = np.random.default_rng(5)
    params = parameters(distribution, given, rng, POINTS)
    graph = density_graph(distribution, params)
    if words := refusal(backend, graph):
        return words
    inside = np.array(_points(distribution, params, rng))
    beyond = np.resize(np.asarray(BEYOND), POINTS // 2).reshape(-1, *[1] * (inside.ndim - 1))
    inside[POINTS // 2 :] = beyond
    wrt = [*([] if distribution.dtype != "f32" else ["x"]), *params]
    agree(backend, graph, {"x": inside, **params}, wrt, dtype)
    return PASSED


def draws_of_noise(
    backend: Backend, distribution: Distribution, given: tuple[str, ...], dtype: type
) -> str:
    """A draw and its derivatives, as a function of noise."""
    rng = np.random.default_rng(6)
    params = parameters(distribution, given, rng, POINTS)
    graph = draw_graph(distribution, params)
    if words := refusal(backend, graph):
        return words
    found = random_inputs(graph, rng, given=params)
    inputs = {n: x.astype(np.float32) if x.dtype.kind == "f" else x for n, x in found.items()}
    if distribution.dtype == "f32":
        agree(backend, with_noise_given(graph), inputs, list(params), dtype)
    else:
        got = Run(backend).value(with_noise_given(graph), inputs, dtype)["x"]
        np.testing.assert_array_equal(got, evaluate(graph, inputs)["x"])
    return PASSED


def agree(backend: Backend, graph: Graph, inputs: Params, wrt: Sequence[str], dtype: type) -> None:
    """Raise AssertionError where values or gradients differ by more than rounding."""
    with np.errstate(all="ignore"):
        exact = reference(graph, inputs, wrt)
        allowed = bounds(graph, inputs, wrt, exact)
    ones = {name: np.ones(exact[f"value {name}"].shape) for name, _ in graph.outputs}
    values, slopes = Run(backend).pulled(graph, inputs, wrt, dtype, cotangents=ones)
    got = {f"value {name}": x for name, x in values.items()}
    got |= {f"gradient in {name}": x for name, x in slopes.items()}
    exact = {name: exact[name] for name in got}
    implicit = any(isinstance(node, Op) and node.primitive == "implicit" for node in graph.nodes)
    margin = 8 * MARGIN if implicit else MARGIN  # see `primitives.log_gamma_draws`
    compare(got, exact, allowed, dtype, margin=margin)


def draws(backend: Backend, distribution: Distribution, given: tuple[str, ...]) -> str:
    """Draws from a key have the distribution, depend on the key, and on nothing else."""
    rng = np.random.default_rng(7)
    for one in range(2):
        single = parameters(distribution, given, np.random.default_rng(one), 1)
        params = {name: np.repeat(x, DRAWS, 0) for name, x in single.items()}
        graph = draw_graph(distribution, params)
        if words := refusal(backend, graph):
            return words
        run = Run(backend)
        x, again, other = (
            run.value(graph, params, usual(backend), seed=seed)["x"] for seed in (1, 1, 2)
        )
        np.testing.assert_array_equal(again, x)
        assert (x != other).any() or (x == x[0]).all(), "another key gives the same draws"
        want = evaluate(graph, random_inputs(graph, rng, given=params))["x"]
        assert x.shape == want.shape
        same_distribution(x, want, f"{distribution.name} at {single}")
    return PASSED


# Arguments of the samplers, column by column; a sampler without them is a KeyError.
ARGUMENTS: Mapping[str, tuple[tuple[float, ...], ...]] = {
    "log_gamma": ((0.05, 0.7, 3.0, 9.9, 12.0, 900.0),),
    "poisson": ((0.05, 0.7, 3.0, 9.9, 12.0, 900.0),),
    "binomial": ((1.0, 5.0, 20.0, 400.0), (0.3, 0.9, 0.05, 0.5)),
}


def noise_has_its_distribution(backend: Backend, kind: NoiseKind, sampler: str) -> str:
    """Noise from a key: its distribution, and that other keys and sites give other noise."""
    b = Builder("noise", "function")
    type_ = Tensor("f32", (), (Size.of(DRAWS),))
    points = ARGUMENTS[sampler] if sampler else ()
    given = {
        f"at_{i}": np.resize(np.asarray(column, np.float32), DRAWS)
        for i, column in enumerate(points)
    }
    args = [b.data(name, type_) for name in given]
    for site in ("x", "y"):
        node = b.noise(f"{site}_noise", kind, type_, site=site, args=args, sampler=sampler)
        b.output(site, node)
    graph = b.build()
    if words := refusal(backend, graph):
        return words
    which = np.resize(np.arange(len(points[0])), DRAWS) if points else np.zeros(DRAWS, int)
    rng = np.random.default_rng(8)
    for dtype in widths(backend):
        found = Run(backend).value(graph, given, dtype, seed=3)
        assert found["x"].dtype == dtype and np.isfinite(found["x"]).all()
        assert (found["x"] != found["y"]).any(), "two sites have the same noise"
        want = evaluate(graph, random_inputs(graph, rng, given=given))
        for site, x in found.items():
            for i in np.unique(which):
                at = [column[i] for column in points]
                chosen = which == i
                same_distribution(x[chosen], want[site][chosen], f"{sampler or kind} at {at}")
        both = np.corrcoef(np.argsort(np.argsort(found["x"])), np.argsort(np.argsort(found["y"])))
        if not sampler:
            assert abs(both[0, 1]) < 5 / np.sqrt(DRAWS), "the noise of two sites is correlated"
    return PASSED


def same_distribution(x: Array, y: Array, label: str) -> None:
    """Raise AssertionError where two samples do not come from one distribution.

    The test of Kolmogorov and Smirnov on each element, with its asymptotic distribution.
    """
    for a, b in zip(x.reshape(len(x), -1).T, y.reshape(len(y), -1).T, strict=True):
        points = np.sort(np.concatenate([a, b]).astype(np.float64))
        of = [np.searchsorted(np.sort(s.astype(np.float64)), points, side="right") / len(s)
              for s in (a, b)]  # fmt: skip
        statistic = np.abs(of[0] - of[1]).max() * np.sqrt(len(a) * len(b) / (len(a) + len(b)))
        k = np.arange(1, 101)
        chance = 2 * np.sum((-1.0) ** (k - 1) * np.exp(-2 * k**2 * statistic**2))
        # Where the two nearly coincide the series does not converge, and there is no doubt.
        assert statistic < 0.5 or chance > LEVEL, f"{label}: {chance:.1e} by chance"
