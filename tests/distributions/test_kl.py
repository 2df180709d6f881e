"""Kullback-Leibler divergences against the textbook's formulas in 100 digits, and quadrature."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from all_rows import ROWS
from density_reference import reference
from distribution_rows import categorical, grid, log_beta, single
from evaluators import EVALUATORS
from graph_cases import flat, operands, unflatten
from mpmath import mp, mpf
from ppc_numpy import evaluate
from vector_rows import COVARIANCES, PUSHED, SCALES, PushedVector, covariance_of, factor

from ppc.distributions import kl_divergence
from ppc.distributions.kl import KL
from ppc.ir.build import Builder
from ppc.ir.sizes import Size
from ppc.ir.types import Tensor

BY_NAME = {row.name: row for row in ROWS}
Params = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Pair:
    """KL(q || p) of two families: the first case is the one for quadrature."""

    q: str
    p: str
    cases: list[tuple[Params, Params]]
    formula: Callable[[Params, Params], Any]  # in mpmath


def normal(q: Params, p: Params) -> Any:
    ratio = (q["scale"] / p["scale"]) ** 2
    return ((q["loc"] - p["loc"]) ** 2 / p["scale"] ** 2 + ratio - 1 - mp.log(ratio)) / 2


def diagonal(q: Params, p: Params) -> Any:
    keys = {"loc": "loc", "scale": "scale_diag" if "scale_diag" in q else "scale"}.items()
    return sum(
        normal({k: q[v][i] for k, v in keys}, {k: p[v][i] for k, v in keys})
        for i in range(len(q["loc"]))
    )


def laplace(q: Params, p: Params) -> Any:
    d, ratio = abs(q["loc"] - p["loc"]), q["scale"] / p["scale"]
    return d / p["scale"] + ratio * mp.exp(-d / q["scale"]) - 1 - mp.log(ratio)


def gamma_of(a_q: Any, b_q: Any, a_p: Any, b_p: Any) -> Any:
    slope = (a_q - a_p) * mp.digamma(a_q) - mp.loggamma(a_q) + mp.loggamma(a_p)
    return slope + a_p * (mp.log(b_q) - mp.log(b_p)) + a_q * (b_p - b_q) / b_q


def shape(p: Params) -> tuple[Any, Any]:
    """Concentration and rate of a Gamma, of an Exponential, or of 1/x."""
    rate = p["scale"] if "scale" in p else (p["rate"] if "rate" in p else mp.exp(p["log_rate"]))
    return p.get("concentration", mpf(1)), rate


def gamma(q: Params, p: Params) -> Any:
    return gamma_of(*shape(q), *shape(p))


def beta(q: Params, p: Params) -> Any:
    (a_q, b_q), (a_p, b_p) = ((r["concentration1"], r["concentration0"]) for r in (q, p))
    slope = (a_q - a_p) * mp.digamma(a_q) + (b_q - b_p) * mp.digamma(b_q)
    total = (a_p - a_q + b_p - b_q) * mp.digamma(a_q + b_q)
    return log_beta(a_p, b_p) - log_beta(a_q, b_q) + slope + total


def uniform(q: Params, p: Params) -> Any:
    if q["low"] < p["low"] or q["high"] > p["high"]:
        return mpf("inf")
    return mp.log((p["high"] - p["low"]) / (q["high"] - q["low"]))


def discrete(q: Params, p: Params) -> Any:
    values = range(len(q["logits"] if "logits" in q else q["probs"]))
    logs = [(categorical(x, **q), categorical(x, **p)) for x in values]
    return sum(mp.exp(lq) * (lq - lp) for lq, lp in logs if mp.isfinite(lq))


def bernoulli(q: Params, p: Params) -> Any:
    def pair(r: Params) -> Params:
        if "probs" in r:
            return {"probs": (1 - r["probs"], r["probs"])}
        return {"probs": tuple(1 / (1 + mp.exp(sign * r["logits"])) for sign in (1, -1))}

    return discrete(pair(q), pair(p))


def poisson(q: Params, p: Params) -> Any:
    (_, rate_q), (_, rate_p) = shape(q), shape(p)
    return rate_q * mp.log(rate_q / rate_p) - rate_q + rate_p


def log_normal_gamma(q: Params, p: Params) -> Any:
    a, rate = shape(p)
    sign = -1 if "scale" in p else 1  # the inverse Gamma is of 1/x
    loc, variance = sign * q["loc"], q["scale"] ** 2
    entropy = loc + mp.log(2 * mp.pi * mp.e * variance) / 2
    density = a * mp.log(rate) - mp.loggamma(a) + (a - 1) * loc - rate * mp.exp(loc + variance / 2)
    return -entropy - density


def log_normal_half_normal(q: Params, p: Params) -> Any:
    loc, variance = q["loc"], q["scale"] ** 2
    entropy = loc + mp.log(2 * mp.pi * mp.e * variance) / 2
    moment = mp.exp(2 * loc + 2 * variance) / p["scale"] ** 2
    return -entropy - mp.log(2 / (mp.pi * p["scale"] ** 2)) / 2 + moment / 2


def _factor(r: Params) -> Any:
    if "scale_diag" in r:
        return mp.diag(list(r["scale_diag"]))
    lower = mp.matrix(r["scale_tril"] if "scale_tril" in r else factor(r["covariance_matrix"]))
    for i in range(lower.rows):
        for j in range(i + 1, lower.rows):
            lower[i, j] = mpf(0)
    return lower


def correlated(q: Params, p: Params) -> Any:
    """The trace formula, of the covariances' factors (Kullback 1959, ch. 9)."""
    lq, lp = map(_factor, (q, p))
    n = lq.rows
    precision = mp.inverse(lp * lp.T)
    shift = mp.matrix(q["loc"]) - mp.matrix(p["loc"])
    trace = sum((precision * (lq * lq.T))[i, i] for i in range(n))
    logs = sum(mp.log(abs(lp[i, i])) - mp.log(abs(lq[i, i])) for i in range(n))
    return (trace + (shift.T * precision * shift)[0] - n) / 2 + logs


def product(qs: list[Params], ps: list[Params]) -> list[tuple[Params, Params]]:
    return [(q, p) for q in qs for p in ps]


LOCATIONS = [*grid(loc=(0.3, -50.0), scale=(0.7, 1e-3, 40.0)), {"loc": 1e3, "scale": 0.999}]
BOUNDED = [{"loc": 0.3, "scale": 0.7}, {"loc": -2.0, "scale": 1.5}]
GAMMAS = [
    {"concentration": 2.5, "rate": 1.5},
    *grid(concentration=(1e-6, 0.3, 3.0, 1e4, 1e8), rate=(1e-3, 20.0)),
    {"concentration": 1e8, "rate": 20.001},
    {"concentration": 1.0001e8, "rate": 20.0},
]
LOG_RATES = [{"concentration": 2.0, "log_rate": 1.2}]
INVERSE = [{("scale" if k == "rate" else k): v for k, v in p.items()} for p in GAMMAS]
RATES = grid(rate=(0.7, 1e-20, 1e8, 1.0001e8))
BETAS = [
    {"concentration1": 2.5, "concentration0": 1.5},
    *grid(concentration1=(0.5, 1e4), concentration0=(0.3, 3.0, 1.01e4)),
    *grid(concentration1=(1e8, 1.0001e8), concentration0=(1e8, 0.99e8)),
]
SMALL_BETAS = grid(concentration1=(1e-6, 0.5), concentration0=(1e-6, 3.0))
LOG_NORMALS = [
    {"loc": 0.3, "scale": 0.4},
    {"loc": -3.0, "scale": 2.0},
    {"loc": 18.4, "scale": 1e-4},
]
DIAGONAL = {"loc": (0.0, 1.0), "scale_diag": (1.0, 2.0)}
SAME = ("LogNormal", "LogitNormal")
VECTORS = ("LogisticNormal", "OrderedNormal", "PositiveOrderedNormal")

PAIRS = (
    Pair("Normal", "Normal", product(LOCATIONS, LOCATIONS), normal),
    *(Pair(name, name, product(BOUNDED, BOUNDED), normal) for name in SAME),
    Pair(
        "MultivariateNormalDiag",
        "MultivariateNormalDiag",
        [(DIAGONAL, {"loc": (1.0, -3.0), "scale_diag": (10.0, 0.5)})],
        diagonal,
    ),
    *(Pair(name, name, [PUSHED[:2], PUSHED[1::-1]], diagonal) for name in VECTORS),
    Pair("MultivariateNormalDiag", "MultivariateNormalTriL", [(DIAGONAL, SCALES[0])], correlated),
    Pair(
        "MultivariateNormalDiag",
        "MultivariateNormalFullCovariance",
        [(DIAGONAL, COVARIANCES[0])],
        correlated,
    ),
    Pair(
        "MultivariateNormalTriL",
        "MultivariateNormalTriL",
        product([SCALES[0], SCALES[2]], [SCALES[2], SCALES[0]]),
        correlated,
    ),
    Pair(
        "MultivariateNormalFullCovariance",
        "MultivariateNormalFullCovariance",
        product([COVARIANCES[0]], [COVARIANCES[1], COVARIANCES[0]]),
        correlated,
    ),
    Pair(
        "HalfNormal",
        "HalfNormal",
        product(grid(scale=(0.7, 1e-9)), grid(scale=(1.3, 1e9))),
        lambda q, p: normal({"loc": 0, **q}, {"loc": 0, **p}),
    ),
    Pair("Laplace", "Laplace", product(LOCATIONS, LOCATIONS), laplace),
    Pair(
        "Uniform",
        "Uniform",
        product(
            [{"low": 0.0, "high": 1.0}, {"low": -3.0, "high": 1.5}],
            [{"low": 0.0, "high": 1.5}, {"low": -1e20, "high": 1e20}],
        ),
        uniform,
    ),
    Pair("Gamma", "Gamma", product(GAMMAS, GAMMAS), gamma),
    Pair("Gamma", "Gamma", product(LOG_RATES, GAMMAS[:3]), gamma),
    Pair("InverseGamma", "InverseGamma", product(INVERSE, INVERSE[:4]), gamma),
    Pair("Exponential", "Exponential", product(RATES, RATES), gamma),
    Pair("Exponential", "Gamma", product(RATES, GAMMAS), gamma),
    Pair("Gamma", "Exponential", product(GAMMAS, RATES), gamma),
    Pair("Beta", "Beta", product(BETAS, BETAS), beta),
    Pair("Beta", "Beta", product(BETAS[:1] + SMALL_BETAS, SMALL_BETAS[::-1]), beta),
    Pair(
        "Bernoulli",
        "Bernoulli",
        product(grid(logits=(0.4, -40.0, 300.0)), grid(logits=(-1.0, 200.0))),
        bernoulli,
    ),
    Pair(
        "Bernoulli",
        "Bernoulli",
        product(grid(probs=(0.4, 1e-20)), grid(probs=(0.3, 0.999, 1e-12))),
        bernoulli,
    ),
    Pair(
        "Categorical",
        "Categorical",
        product(
            grid(logits=((0.5, 1.0, -2.0), (-200.0, 3.0, 80.0))),
            grid(logits=((0.0, 0.0, 0.0), (-5.0, 300.0, 1.0))),
        ),
        discrete,
    ),
    Pair(
        "Categorical",
        "Categorical",
        product(
            grid(probs=((0.25, 0.25, 0.5), (1e-20, 0.5, 0.5))),
            grid(probs=((0.125, 0.25, 0.625), (1e-10, 0.5, 0.5))),
        ),
        discrete,
    ),
    Pair("Poisson", "Poisson", product(RATES, RATES), poisson),
    Pair("Poisson", "Poisson", product(grid(log_rate=(0.2, -3.0)), RATES[:1]), poisson),
    Pair("LogNormal", "Gamma", product(LOG_NORMALS, GAMMAS), log_normal_gamma),
    Pair("LogNormal", "InverseGamma", product(LOG_NORMALS, INVERSE[:7]), log_normal_gamma),
    Pair("LogNormal", "Exponential", product(LOG_NORMALS, RATES[:2]), log_normal_gamma),
    Pair(
        "LogNormal",
        "HalfNormal",
        product(LOG_NORMALS[:2], grid(scale=(0.7, 1e-3, 1e9))),
        log_normal_half_normal,
    ),
)
IDS = [f"{pair.q}-{pair.p}-{i}" for i, pair in enumerate(PAIRS)]


def rounded(params: Params) -> dict[str, Any]:
    return {name: single(value) for name, value in params.items()}


@pytest.mark.parametrize(("evaluator", "dtype", "roundings"), EVALUATORS)
@pytest.mark.parametrize("pair", PAIRS, ids=IDS)
def test_value_and_gradient(pair: Pair, evaluator: Any, dtype: Any, roundings: int) -> None:
    cases = [(rounded(q), rounded(p)) for q, p in pair.cases]
    builder = Builder("kl", "function")
    q, p = (operands(builder, params, who) for who, params in zip("qp", cases[0], strict=True))
    value = kl_divergence(pair.q, q, pair.p, p)
    assert value is not None and value.type.shape == (Size.of("B"),)
    builder.output("kl", value)
    graph = builder.build()
    inputs = {
        who + name: np.array([case[i][name] for case in cases])
        for i, who in enumerate("qp")
        for name in cases[0][i]
    }
    values, columns = evaluator(graph, inputs, list(inputs), dtype)
    allowed = 2 * roundings * float(np.finfo(dtype).eps) / 2  # of two densities
    for case, found, gradient in zip(cases, values, columns, strict=True):
        _check(pair, case, found, gradient, allowed)


def _check(
    pair: Pair, case: tuple[Params, Params], found: Any, gradient: Any, allowed: float
) -> None:
    largest = float(np.finfo(gradient.dtype).max)
    slots = [(i, name, v) for i, params in enumerate(case) for name, v in params.items()]

    def formula(values: list[Any]) -> Any:
        rest = iter(values)
        taken: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
        for i, name, v in slots:
            taken[i][name] = unflatten(rest, v)
        return pair.formula(*taken)

    logs = [name.startswith("log") for _, name, v in slots for _ in flat([v])]
    ref = reference(formula, flat([v for *_, v in slots]), logs)
    where = f"{case}: {found} for {ref.value}, {gradient} for {ref.gradient}"
    assert not np.isnan(gradient).any(), where
    if ref.value > largest:
        assert found == np.inf, where
        return
    assert abs(found - ref.value) <= allowed * ref.value_condition, where
    known = abs(ref.gradient) < largest
    with np.errstate(all="ignore"):
        error = abs(gradient.astype(float) - ref.gradient) * ref.unit
    assert (error <= allowed * ref.gradient_condition)[known].all(), where


@pytest.mark.parametrize("pair", PAIRS, ids=IDS)
def test_formula_is_the_integral(pair: Pair) -> None:
    """The textbook's formula against the expectation under q of the log ratio of the densities."""
    q, p = (rounded(params) for params in pair.cases[0])
    exact_q, exact_p = (
        {n: unflatten(map(mpf, flat([v])), v) for n, v in r.items()} for r in (q, p)
    )
    points, weights = _quadrature(pair.q, q)
    total = 0.0
    for x, weight in zip(points, weights, strict=True):
        at = tuple(map(mpf, x)) if isinstance(x, tuple) else (x if isinstance(x, int) else mpf(x))
        ratio = BY_NAME[pair.q].log_density(at, **exact_q)
        ratio -= BY_NAME[pair.p].log_density(at, **exact_p)
        total += weight * float(ratio)
    np.testing.assert_allclose(total, float(pair.formula(exact_q, exact_p)), rtol=1e-3, atol=1e-5)


def _quadrature(name: str, params: Params) -> tuple[list[Any], np.ndarray]:
    frozen = BY_NAME[name].frozen(**params)
    if name in ("Bernoulli", "Categorical", "Poisson"):
        values = list(range(3 if name == "Categorical" else 2 if name == "Bernoulli" else 40))
        return values, np.array([frozen.pmf(v) for v in values])
    nodes, weights = np.polynomial.legendre.leggauss(200)
    angle = (nodes + 1) * (np.pi / 4)  # u = sin^2 takes away the ends of the quantile function
    levels, weights = np.sin(angle) ** 2, weights * (np.pi / 4) * np.sin(2 * angle)
    if not isinstance(params.get("loc"), tuple):
        return [float(x) for x in frozen.ppf(levels)], weights
    nodes, weights = np.polynomial.hermite_e.hermegauss(8)  # exact: the ratio is a polynomial
    scale = (
        np.diag(params.get("scale_diag", params.get("scale")))
        if "scale_diag" in params or "scale" in params
        else np.linalg.cholesky(
            params["covariance_matrix"]
            if "covariance_matrix" in params
            else covariance_of(params["scale_tril"])
        )
    )
    grid_ = [params["loc"] + scale @ (a, b) for a in nodes for b in nodes]
    if isinstance(frozen, PushedVector):
        grid_ = [frozen.forward(y) for y in grid_]
    return [tuple(x) for x in grid_], np.outer(weights, weights).ravel() / (2 * np.pi)


@pytest.mark.parametrize(
    ("name", "q", "p", "expected"),
    [
        ("Bernoulli", 0.0, 0.25, np.log(4 / 3)),
        ("Bernoulli", 1.0, 0.25, np.log(4)),
        ("Bernoulli", 0.0, 0.0, 0.0),
        ("Bernoulli", 0.5, 0.0, np.inf),
        ("Categorical", (0.0, 0.5, 0.5), (0.5, 0.25, 0.25), np.log(2)),
        ("Categorical", (0.0, 0.5, 0.5), (0.0, 0.5, 0.5), 0.0),
        ("Categorical", (0.2, 0.3, 0.5), (0.0, 0.5, 0.5), np.inf),
    ],
)
def test_zero_probabilities(name: str, q: Any, p: Any, expected: float) -> None:
    builder = Builder("kl", "function")
    given = [operands(builder, {"probs": probs}, who) for who, probs in (("q", q), ("p", p))]
    value = kl_divergence(name, given[0], name, given[1])
    assert value is not None
    builder.output("kl", value)
    inputs = {"qprobs": np.array([q]), "pprobs": np.array([p])}
    found = evaluate(builder.build(), inputs)["kl"]
    np.testing.assert_allclose(found, [expected], rtol=1e-14)


def test_every_divergence_is_tried() -> None:
    tried = {(pair.q, pair.p) for pair in PAIRS}
    with_bounds = {(n, n) for n in ("IntervalNormal", "GreaterThanNormal", "LessThanNormal")}
    assert set(KL) == tried | with_bounds


def _normals(builder: Builder, who: str) -> dict[str, Any]:
    return operands(builder, {"loc": 0.0, "scale": 1.0}, who)


@pytest.mark.parametrize(
    ("name", "bounds"),
    [
        ("IntervalNormal", ("low", "high")),
        ("GreaterThanNormal", ("low",)),
        ("LessThanNormal", ("high",)),
    ],
)
def test_bounds_must_be_the_same(name: str, bounds: tuple[str, ...]) -> None:
    builder = Builder("kl", "function")
    q, p = _normals(builder, "q"), _normals(builder, "p")
    same = {bound: builder.data(bound, Tensor("f32")) for bound in bounds}
    assert kl_divergence(name, {**q, **same}, name, {**p, **same}) is not None
    other = {bound: builder.const(0.5) for bound in bounds}
    assert kl_divergence(name, {**q, **same}, name, {**p, **other}) is None


def test_no_closed_form() -> None:
    builder = Builder("kl", "function")
    q, p = _normals(builder, "q"), _normals(builder, "p")
    assert kl_divergence("Normal", q, "Laplace", p) is None
