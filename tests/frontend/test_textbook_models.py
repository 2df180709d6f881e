"""Models as books write them: density and gradient against SciPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ppc_numpy import value_and_gradient
from programs import assert_slopes, body
from scipy import special, stats
from scipy.special import expit

from ppc.ir.verify import check
from ppc.objective.functions import log_density
from ppc.passes import plates

Values = dict[str, np.ndarray]

RASCH = """
    for i in range(I):
        ability[i] = inf.Normal(0., 1.)
    for j in range(J):
        difficulty[j] = inf.Normal(0., 2.)
    for n in range(N):
        y[n] = inf.Bernoulli(logits=ability[person[n]] - difficulty[item[n]])
    """
TWO_PARAMETERS = RASCH.replace(
    "difficulty[j] =", "slope[j] = inf.LogNormal(0., 0.5)\n        difficulty[j] ="
)
TWO_PARAMETERS = TWO_PARAMETERS.replace(
    "ability[person[n]] - difficulty[item[n]]",
    "slope[item[n]] * (ability[person[n]] - difficulty[item[n]])",
)
RADON = """
    mu = inf.Normal(np.zeros(2), 1.)
    tau = inf.HalfNormal(1.)
    for j in range(J):
        a[j] = inf.Normal(mu[0], tau)
        b[j] = inf.Normal(mu[1], tau)
    for n in range(N):
        y[n] = inf.Normal(a[item[n]] + b[item[n]] * x[n], 0.7)
    """
FACTORS = """
    for i in range(I):
        u[i] = inf.Normal(np.zeros(2), 1.)
    for j in range(J):
        v[j] = inf.Normal(np.zeros(2), 1.)
    for n in range(N):
        y[n] = inf.Normal(u[person[n]] @ v[item[n]], 0.5)
    """
HORSESHOE = """
    tau = inf.HalfCauchy(0., 1.)
    for j in range(J):
        scale[j] = inf.HalfCauchy(0., 1.)
        beta[j] = inf.Normal(0., tau * scale[j])
    for n in range(N):
        y[n] = inf.Normal(beta[item[n]] * x[n], 0.7)
    """
# As NumPyro's users write the two above: plates that are closed are arrays, and so are whole means.
RADON_IN_PLATES = """
    mu = inf.Normal(np.zeros(2), 1.)
    tau = inf.HalfNormal(1.)
    with inf.plate("counties", J):
        a = inf.Normal(mu[0], tau)
        b = inf.Normal(mu[1], tau)
    mean = a[item] + b[item] * x
    with inf.datamodel():
        y = inf.Normal(mean, 0.7)
    """
HORSESHOE_IN_PLATES = """
    tau = inf.HalfCauchy(0., 1.)
    with inf.plate("items", J):
        scale = inf.HalfCauchy(0., 1.)
        beta = inf.Normal(0., tau * scale)
    with inf.plate("rows", N):
        y = inf.Normal(beta[item] * x, 0.7)
    """
# What Stan's users write: `target +=`, for all and by row.
PENALISED = """
    w = inf.Normal(0., 2.)
    for j in range(J):
        b[j] = inf.Normal(0., 1.)
        inf.factor(-np.abs(b[j]) ** 3)
    inf.factor(-100. * np.sum(b) ** 2, name="centred")
    for n in range(N):
        level[n] = inf.deterministic(w * x[n] + b[item[n]])
        inf.factor(-0.5 * (y[n] - level[n]) ** 4)
    """
# Rasmussen and Williams 2006, sec. 2.2 and 5.4: the latent function, and rows that share it.
GAUSSIAN_PROCESS = """
    scale = inf.LogNormal(0., 0.5)
    near = np.exp(-0.5 * ((x[:, None] - x[None, :]) / scale) ** 2)
    f = inf.MultivariateNormalTriL(np.zeros(5), np.linalg.cholesky(near + 0.01 * np.eye(5)))
    tau = inf.HalfNormal(1.)
    for n in range(N):
        y[n] = inf.Normal(f[item[n]], tau)
    """
CORRELATED = """
    tau = inf.HalfNormal(1.)
    covariance = tau * np.array([[2., 1.], [1., 3.]])
    for j in range(J):
        b[j] = inf.MultivariateNormalFullCovariance(np.zeros(2), covariance)
    for n in range(N):
        y[n] = inf.Normal(b[item[n], 0] + b[item[n], 1] * x[n], 0.7)
    """
# McLachlan and Peel 2000, sec. 2.6: regressions whose labels are summed out.
REGRESSIONS = """
    weight = inf.Beta(2., 3.)
    for k in range(2):
        b[k] = inf.Normal(0., 2.)
    tau = inf.HalfNormal(1.)
    for n in range(N):
        y[n] = inf.MixtureSameFamily(
            inf.Categorical(probs=np.stack([weight, 1. - weight])), inf.Normal(b * x[n], tau)
        )
    """
# Dawid and Skene 1979, the true classes summed out, by item as its annotations come.
ANNOTATORS = """
    prevalence = inf.Normal(np.zeros(2), 1., name="prevalence")
    for a in range(I):
        for k in range(2):
            for l in range(2):
                confusion[a, k, l] = inf.Normal(0., 1.)
    logs = jax.nn.log_softmax(confusion, axis=-1)
    given = np.zeros((3, 2)) + jax.nn.log_softmax(prevalence)
    for n in range(N):
        given[item[n]] += logs[person[n], :, label[n]]
    for j in range(3):
        inf.factor(jax.nn.logsumexp(given[j]))
    """
# Sums to elements by two positions, in nested loops, with a sign, a decision and a fixed position.
CELLS = """
    w = inf.Normal(0., 2.)
    table = np.zeros((3, 2))
    for n in range(N):
        for k in range(2):
            if x[n] > 0.:
                table[item[n], 1 - k] -= w * x[n] * (k + 1.)
        table[-1, 0] += np.exp(x[n])
    inf.factor(np.sum(table ** 2) + table[0, 1])
    """
# Klein and Moeschberger 2003, sec. 12.2: times that end unseen at a limit, or have none.
SURVIVAL = """
    b = inf.Normal(np.zeros(2), 2.)
    tau = inf.HalfNormal(1.)
    for n in range(N):
        time[n] = inf.Censored(inf.Weibull(tau, np.exp(b[0] + b[1] * x[n])), high=limit[n])
        slope[n] = inf.Truncated(inf.Normal(b[0], tau), low=0.)
    """
# McCullagh 1980: grades by ordered cutpoints.
GRADES = """
    cut = inf.Parameter(np.array([-1., 0.5]), support="ordered")
    w = inf.Normal(0., 2.)
    with inf.datamodel():
        label = inf.OrderedLogistic(cut, w * x)
    """
ROWS = 'person: Int[Array, "N"], item: Int[Array, "N"], I, J'
ITEMS = 'item: Int[Array, "N"], x: Float[Array, "N"], J'


def rasch(v: Values) -> float:
    p = expit(
        v.get("slope", np.ones(3))[v["item"]]
        * (v["ability"][v["person"]] - v["difficulty"][v["item"]])
    )
    found = stats.norm.logpdf(v["ability"]).sum() + stats.norm.logpdf(v["difficulty"], 0, 2).sum()
    if "slope" in v:
        found += stats.lognorm.logpdf(v["slope"], 0.5).sum()
    return float(found + stats.bernoulli.logpmf(v["y"], p).sum())


def radon(v: Values) -> float:
    mean = v["a"][v["item"]] + v["b"][v["item"]] * v["x"]
    found = stats.norm.logpdf(v["mu"]).sum() + stats.halfnorm.logpdf(v["tau"])
    found += stats.norm.logpdf(v["a"], v["mu"][0], v["tau"]).sum()
    found += stats.norm.logpdf(v["b"], v["mu"][1], v["tau"]).sum()
    return float(found + stats.norm.logpdf(v["y"], mean, 0.7).sum())


def factors(v: Values) -> float:
    mean = (v["u"][v["person"]] * v["v"][v["item"]]).sum(-1)
    found = stats.norm.logpdf(v["u"]).sum() + stats.norm.logpdf(v["v"]).sum()
    return float(found + stats.norm.logpdf(v["y"], mean, 0.5).sum())


def horseshoe(v: Values) -> float:
    found = stats.halfcauchy.logpdf(v["tau"]) + stats.halfcauchy.logpdf(v["scale"]).sum()
    found += stats.norm.logpdf(v["beta"], 0, v["tau"] * v["scale"]).sum()
    return float(found + stats.norm.logpdf(v["y"], v["beta"][v["item"]] * v["x"], 0.7).sum())


def gaussian_process(v: Values) -> float:
    near = np.exp(-0.5 * ((v["x"][:, None] - v["x"]) / v["scale"]) ** 2) + 0.01 * np.eye(5)
    found = stats.lognorm.logpdf(v["scale"], 0.5) + stats.halfnorm.logpdf(v["tau"])
    found += stats.multivariate_normal.logpdf(v["f"], np.zeros(5), near)
    return float(found + stats.norm.logpdf(v["y"], v["f"][v["item"]], v["tau"]).sum())


def correlated(v: Values) -> float:
    covariance = v["tau"] * np.array([[2.0, 1.0], [1.0, 3.0]])
    found = stats.multivariate_normal.logpdf(v["b"], np.zeros(2), covariance).sum()
    mean = v["b"][v["item"], 0] + v["b"][v["item"], 1] * v["x"]
    found += stats.halfnorm.logpdf(v["tau"])
    return float(found + stats.norm.logpdf(v["y"], mean, 0.7).sum())


def regressions(v: Values) -> float:
    found = stats.beta.logpdf(v["weight"], 2, 3) + stats.norm.logpdf(v["b"], 0, 2).sum()
    found += stats.halfnorm.logpdf(v["tau"])
    weights = np.array([v["weight"], 1 - v["weight"]])
    parts = stats.norm.pdf(v["y"][:, None], v["b"] * v["x"][:, None], v["tau"])
    return float(found + np.log((weights * parts).sum(-1)).sum())


def annotators(v: Values) -> float:
    logs = special.log_softmax(v["confusion"], axis=-1)
    found = stats.norm.logpdf(v["prevalence"]).sum() + stats.norm.logpdf(v["confusion"]).sum()
    for j in range(3):
        rows = [n for n in range(5) if v["item"][n] == j]
        each = special.log_softmax(v["prevalence"])
        for n in rows:
            each = each + logs[v["person"][n], :, v["label"][n]]
        found += special.logsumexp(each)
    return float(found)


def cells(v: Values) -> float:
    table = np.zeros((3, 2))
    for n in range(5):
        for k in range(2):
            if v["x"][n] > 0:
                table[v["item"][n], 1 - k] -= v["w"] * v["x"][n] * (k + 1.0)
        table[-1, 0] += np.exp(v["x"][n])
    return float(stats.norm.logpdf(v["w"], 0, 2) + (table**2).sum() + table[0, 1])


def survival(v: Values) -> float:
    found = stats.norm.logpdf(v["b"], 0, 2).sum() + stats.halfnorm.logpdf(v["tau"])
    times = stats.weibull_min(v["tau"], scale=np.exp(v["b"][0] + v["b"][1] * v["x"]))
    ended = v["time"] < v["limit"]
    found += np.where(ended, times.logpdf(v["time"]), times.logsf(v["time"])).sum()
    known = stats.norm(v["b"][0], v["tau"])
    return float(found + known.logpdf(v["slope"]).sum() - 5 * known.logsf(0.0))


def grades(v: Values) -> float:
    above = expit((v["w"] * v["x"])[:, None] - np.array([-1.0, 0.5]))
    chances = np.column_stack([1 - above[:, 0], above[:, 0] - above[:, 1], above[:, 1]])
    found = stats.norm.logpdf(v["w"], 0, 2)
    return float(found + np.log(chances[np.arange(5), v["label"]]).sum())


def penalised(v: Values) -> float:
    found = stats.norm.logpdf(v["w"], 0, 2) + stats.norm.logpdf(v["b"]).sum()
    found -= (np.abs(v["b"]) ** 3).sum() + 100 * v["b"].sum() ** 2
    return float(found - 0.5 * ((v["y"] - v["w"] * v["x"] - v["b"][v["item"]]) ** 4).sum())


# Arguments, lines, the shapes of the float inputs, the density by SciPy.
Shapes = dict[str, tuple[int, ...]]
ABILITIES: Shapes = {"ability": (4,), "difficulty": (3,)}
MODELS: dict[str, tuple[str, str, Shapes, Callable[[Values], float]]] = {
    "rasch": (ROWS, RASCH, ABILITIES, rasch),
    "two parameters": (ROWS, TWO_PARAMETERS, {**ABILITIES, "slope": (3,)}, rasch),
    "radon": (
        ITEMS, RADON, {"mu": (2,), "tau": (), "a": (3,), "b": (3,), "x": (5,), "y": (5,)}, radon,
    ),
    "factors": (ROWS, FACTORS, {"u": (4, 2), "v": (3, 2), "y": (5,)}, factors),
    "horseshoe": (
        ITEMS, HORSESHOE, {"tau": (), "scale": (3,), "beta": (3,), "x": (5,), "y": (5,)}, horseshoe,
    ),
}  # fmt: skip
MODELS["penalised"] = (
    'item: Int[Array, "N"], x: Float[Array, "N"], y: Float[Array, "N"], J', PENALISED,
    {"w": (), "b": (3,), "x": (5,), "y": (5,)}, penalised,
)  # fmt: skip
MODELS["gaussian process"] = (
    'item: Int[Array, "N"], x: Float[Array, "5"]', GAUSSIAN_PROCESS,
    {"scale": (), "f": (5,), "tau": (), "x": (5,), "y": (5,)}, gaussian_process,
)  # fmt: skip
MODELS["correlated"] = (
    ITEMS, CORRELATED, {"tau": (), "b": (3, 2), "x": (5,), "y": (5,)}, correlated,
)  # fmt: skip
MODELS["regressions"] = (
    'x: Float[Array, "N"]', REGRESSIONS,
    {"weight": (), "b": (2,), "tau": (), "x": (5,), "y": (5,)}, regressions,
)  # fmt: skip
MODELS["annotators"] = (
    ROWS.replace(", J", ', label: Int[Array, "N"]'), ANNOTATORS,
    {"prevalence": (2,), "confusion": (4, 2, 2)}, annotators,
)  # fmt: skip
MODELS["cells"] = (
    'item: Int[Array, "N"], x: Float[Array, "N"]',
    CELLS,
    {"w": (), "x": (5,)},
    cells,
)
MODELS["survival"] = (
    'x: Float[Array, "N"], limit: Float[Array, "N"]', SURVIVAL,
    {"tau": (), "b": (2,), "x": (5,), "slope": (5,)}, survival,
)  # fmt: skip
MODELS["grades"] = ('x: Float[Array, "N"]', GRADES, {"w": (), "x": (5,)}, grades)
MODELS["radon in plates"] = (ITEMS, RADON_IN_PLATES, *MODELS["radon"][2:])
MODELS["horseshoe in plates"] = (ITEMS, HORSESHOE_IN_PLATES, *MODELS["horseshoe"][2:])
POSITIVE = {"tau", "scale", "slope"}
ROWS_OF = {
    "label": np.array([1, 0, 0, 1, 1]),
    "person": np.array([0, 3, 1, 3, 2]),
    "item": np.array([2, 0, 0, 1, 2]),
    "time": np.array([0.5, 2.0, 1.25, 3.0, 0.1]),
    "limit": np.array([1.0, 2.0, np.inf, 3.0, np.inf]),
}


@pytest.mark.parametrize("name", MODELS)
def test_density_and_gradient_are_those_of_scipy(name: str) -> None:
    arguments, lines, shapes, expected = MODELS[name]
    rng = np.random.default_rng(1)
    free = {one: np.asarray(rng.normal(size=shape)) for one, shape in shapes.items()}
    free |= {one: np.asarray(np.exp(free[one])) for one in POSITIVE & free.keys()}
    free |= {one: np.asarray(expit(free[one])) for one in {"weight"} & free.keys()}
    given = {"y": np.array([0, 1, 1, 0, 1]), **ROWS_OF, **free}
    graph = plates.run(body(lines, arguments))
    check(graph)
    density = log_density(graph)
    named = {node.name for node in density.data}
    inputs = {k: v for k, v in given.items() if k in named}
    found, gradient = value_and_gradient(density, inputs, "log_density", list(free))
    np.testing.assert_allclose(found, expected(given), rtol=1e-12)
    assert_slopes(expected, given, {one: gradient[one] for one in free})
