"""Terms of the loss against bounds written by hand, in NumPy and SciPy, on the same noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from model_suite import after, loss_after
from ppc_numpy import evaluate, evaluate_nodes, random_inputs
from ppc_numpy.points import SAMPLERS
from scipy import special, stats

from ppc.ir.nodes import Noise
from ppc.objective import elbo

Array = np.ndarray
Values = Mapping[str, Array]


def linear_regression(v: Values) -> dict[str, float]:
    w = v["w_loc"] + v["w_scale"] * v["w_noise"]
    b = v["b_loc"] + v["b_scale"] * v["b_noise"]
    log_s = v["s_loc"] + v["s_scale"] * v["s_noise"]
    s = np.exp(log_s)
    y = stats.norm(v["x"] @ w + b, s).logpdf(v["y"])
    return {
        "w": normal_kl(v["w_loc"], v["w_scale"], 0.0, 2.0).sum(),
        "b": normal_kl(v["b_loc"], v["b_scale"], 0.5, 3.0),
        # E log p of a half normal under a log normal: linear in s and s^2's expectation
        "s": -(np.log(v["s_scale"]) + v["s_loc"] + 0.5 * np.log(2 * np.pi) + 0.5)
        - (0.5 * np.log(2 / np.pi) - np.log(1.5)
           - np.exp(2 * v["s_loc"] + 2 * v["s_scale"] ** 2) / (2 * 1.5**2)),
        "y": -(v["N_weight"] * y).sum(),
    }  # fmt: skip


def schools_centred(v: Values) -> dict[str, float]:
    mu = v["mu_loc"] + v["mu_scale"] * v["mu_noise"]
    tau = np.exp(v["tau_loc"] + v["tau_scale"] * v["tau_noise"])
    theta = v["theta_loc"] + v["theta_scale"] * v["theta_noise"]
    q_tau = stats.lognorm(v["tau_scale"], scale=np.exp(v["tau_loc"]))
    return {
        "mu": normal_kl(v["mu_loc"], v["mu_scale"], 0.0, 5.0),
        "tau": q_tau.logpdf(tau) - stats.halfcauchy(0, 5).logpdf(tau),
        "theta": normal_kl(v["theta_loc"], v["theta_scale"], mu, tau).sum(),
        "y": -stats.norm(theta, v["sigma"]).logpdf(v["y"]).sum(),
    }


def poster(v: Values) -> dict[str, float]:
    def dense(name: str, x: Array) -> Array:
        return x @ v[f"{name}.kernel"] + v[f"{name}.bias"]

    output = dense("encoder_1", np.maximum(dense("encoder_0", v["x"]), 0))
    loc, scale = output[:, :2], np.logaddexp(output[:, 2:], 0) + 0.01
    z = loc + scale * v["z_noise"]
    x = stats.norm(dense("nn1_1", np.maximum(dense("nn1_0", z), 0)), 1).logpdf(v["x"])
    logits = dense("nn2_0", z)
    y = (logits - special.logsumexp(logits, axis=1, keepdims=True))[np.arange(len(z)), v["y"]]
    weight = v["N_weight"]
    return {
        "z": (weight * normal_kl(loc, scale, 0.1, 1.0).sum(1)).sum(),
        "x": -(weight * x.sum(1)).sum(),
        "y": -(weight * y).sum(),
    }


def gamma_poisson(v: Values) -> dict[str, float]:
    rate = np.exp(v["rate_noise"]) / v["b"]  # the noise is the logarithm of a standard Gamma
    # Of Gamma(a, b) from Gamma(2, 1.5); Penny 2001
    a, b = v["a"], v["b"]
    kl = (a - 2) * special.digamma(a) - special.gammaln(a) + special.gammaln(2)
    kl += 2 * (np.log(b) - np.log(1.5)) + a * (1.5 - b) / b
    # The density at counts, as a formula: random points need not be whole.
    y = v["y"] * np.log(rate) - rate - special.gammaln(v["y"] + 1)
    return {"rate": kl, "y": -(v["N_weight"] * y).sum()}


def chained_gammas(v: Values) -> dict[str, float]:
    shape = np.exp(v["shape_noise"]) / v["b"]
    rate = np.exp(v["rate_noise"]) / 2.0
    a, b, c = v["a"], v["b"], 1.0 + shape * v["c"]
    return {
        "shape": gamma_kl(a, b, 3.0, 1.0),
        "rate": gamma_kl(c, 2.0, shape, 2.0),
        "y": -(v["N_weight"] * stats.gamma(shape, scale=1 / rate).logpdf(v["y"])).sum(),
    }


def reversed_chain(v: Values) -> dict[str, float]:
    u_loc = np.repeat(v["x"][:, None], 2, axis=1)
    u = u_loc + 0.5 * v["u_noise"]
    z = 0.5 * u + v["slope"] * v["z_noise"]
    # log q - log p of u is drawn: its prior's parameters are functions of its own noise, by z
    u_term = stats.norm(u_loc, 0.5).logpdf(u)
    u_term -= stats.norm(np.tanh(z), np.logaddexp(z, 0) + 0.1).logpdf(u)
    weight = v["N_weight"]
    return {
        "u": (weight * u_term.sum(1)).sum(),
        "z": (weight * normal_kl(0.5 * u, v["slope"], 0.0, 1.0).sum(1)).sum(),
        "x": -(weight * stats.norm(u[:, 0] * z[:, -1], 0.3).logpdf(v["x"])).sum(),
    }


def own_draw(v: Values) -> dict[str, float]:
    b = v["loc"] + v["scale"] * v["b_noise"]
    a = 0.5 * b + v["scale"] * v["a_noise"]
    m, s = 0.1 * a, 0.4 + v["scale"]
    c = np.exp(m + s * v["c_noise"])
    shape = 1.0 + b**2
    # E log Gamma(shape, 1) under a log normal: (shape - 1) m - exp(m + s^2/2) - lgamma(shape)
    expected = (shape - 1) * m - np.exp(m + s**2 / 2) - special.gammaln(shape)
    entropy = np.log(s) + m + 0.5 * np.log(2 * np.pi) + 0.5
    return {
        "a": normal_kl(0.5 * b, v["scale"], 0.0, 1.0),
        "b": stats.norm(v["loc"], v["scale"]).logpdf(b) - stats.norm(a**2, 1).logpdf(b),
        "c": -entropy - expected,
        "y": -(v["N_weight"] * stats.norm(a + b, c).logpdf(v["y"])).sum(),
    }


def two_plates(v: Values) -> dict[str, float]:
    mu = v["mu_loc"] + v["mu_scale"] * v["mu_noise"]
    tau = np.exp(v["tau_loc"] + v["tau_scale"] * v["tau_noise"])
    theta = v["theta_loc"] + v["theta_scale"] * v["theta_noise"]
    return {
        "x": -(v["N_weight"] * stats.norm(mu, tau).logpdf(v["x"])).sum(),
        "theta": normal_kl(v["theta_loc"], v["theta_scale"], mu, tau).sum(),
        "y": -stats.norm(theta, v["sigma"]).logpdf(v["y"]).sum(),
    }


def no_plates(v: Values) -> dict[str, float]:
    a = v["a_loc"] + v["a_scale"] * v["a_noise"]
    b = np.exp(v["b_loc"] + v["b_scale"] * v["b_noise"])
    return {
        "a": normal_kl(v["a_loc"], v["a_scale"], 0.0, 1.0),
        "b": normal_kl(v["b_loc"], v["b_scale"], a, 0.5),
        "y": -stats.norm(a, b).logpdf(v["y"]).sum(),
        "total": -stats.norm(a + b, 0.1).logpdf(1.25),
    }


def normal_vectors(v: Values) -> dict[str, float]:
    mu = v["loc"] + v["scale"] * v["mu_noise"]
    q_loc = 0.5 * (v["x"] + v["loc"])
    z = q_loc + v["scale"] * v["z_noise"]
    weight = v["N_weight"]
    x = stats.norm(z, 0.5).logpdf(v["x"]).sum(1)
    return {
        "mu": normal_kl(v["loc"], v["scale"], 0.0, 2.0).sum(),
        "z": (weight * normal_kl(q_loc, v["scale"], mu, 1.0).sum(1)).sum(),
        "x": -(weight * x).sum(),
    }


def masked_sites(v: Values) -> dict[str, float]:
    w = v["w_loc"] + v["w_scale"] * v["w_noise"]
    spread = np.exp(v["spread_loc"] + v["spread_scale"] * v["spread_noise"])
    z = v["z_loc"] + v["z_scale"] * v["z_noise"]
    kl = normal_kl(v["z_loc"], v["z_scale"], w * v["x"], 1.0)
    pair = stats.norm(z[:, None], 0.5).logpdf(v["pair"]).sum(1)
    wait = np.log(spread) - spread * v["wait"]
    weight, seen = v["N_weight"], v["seen"]
    return {
        "z": (weight * seen * kl).sum(),
        "pair": -(weight * seen * pair).sum(),
        "wait": -(weight * (seen & (v["x"] > 0)) * wait).sum(),
        "count": -(weight * (v["count"] * z - np.exp(z) - special.gammaln(v["count"] + 1))).sum(),
    }


def normal_kl(m: Array, s: Array, loc: Array | float, scale: Array | float) -> Array:
    return np.log(scale / s) + (s**2 + (m - loc) ** 2) / (2 * np.square(scale)) - 0.5


def gamma_kl(a: Array, b: Array | float, shape: Array | float, rate: float) -> Array:
    """Of Gamma(a, b) from Gamma(shape, rate)."""
    kl = (a - shape) * special.digamma(a) - special.gammaln(a) + special.gammaln(shape)
    return kl + shape * np.log(b / rate) + a * (rate - b) / b


BY_HAND: tuple[Callable[[Values], dict[str, float]], ...] = (
    linear_regression, schools_centred, poster, gamma_poisson, chained_gammas, reversed_chain,
    own_draw, two_plates, no_plates, normal_vectors, masked_sites,
)  # fmt: skip


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("by_hand", BY_HAND)
def test_terms_are_those_written_by_hand(by_hand, seed: int) -> None:
    graph = loss_after(by_hand.__name__, "objective")
    inputs = random_inputs(graph, np.random.default_rng(seed))
    terms = evaluate(graph, inputs)
    for site, value in by_hand(inputs).items():
        np.testing.assert_allclose(terms[site], value, rtol=1e-9, atol=1e-12, err_msg=site)


DRAWS = 400
CLOSED = [
    (name, site)
    for name in (
        "linear_regression", "logistic_regression", "beta_bernoulli", "gamma_poisson",
        "variance_components", "bounded", "normal_vectors", "row_parameters", "schools_noncentred",
    )
    for site, how in after(name, "objective").estimators.items()
    if how == "closed-form KL"
]  # fmt: skip


@pytest.mark.parametrize("name, site", CLOSED)
def test_a_closed_form_is_the_mean_of_the_drawn_term(name: str, site: str) -> None:
    """KL(q || p) against a mean over draws of the site's own noise, the others held fixed."""
    model, guide = (after(name, "guide").graphs[g] for g in ("model", "guide"))
    exact = elbo.negative_elbo(model, guide).graph
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(elbo, "kl_divergence", lambda *_: None)
        drawn = elbo.negative_elbo(model, guide).graph
    rng = np.random.default_rng(3)
    inputs = random_inputs(exact, rng)
    expected = evaluate(exact, {n: inputs[n] for n in exact.by_name() if n in inputs})[site]
    only = replace(drawn, outputs=tuple(o for o in drawn.outputs if o[0] == site))
    terms = []
    own = [n for n in drawn.nodes if isinstance(n, Noise) and n.site.split(".")[0] == site]
    for _ in range(DRAWS):
        for node in own:
            shape = np.shape(inputs[node.name])
            if node.kind == "draw":
                (arg,) = node.args
                given = {n: x for n, x in inputs.items() if n not in {o.name for o in own}}
                value = evaluate_nodes(drawn, given, [arg])[arg]
                inputs[node.name] = SAMPLERS[node.sampler](rng, shape, value)
            elif node.kind == "normal":
                inputs[node.name] = rng.standard_normal(shape)
            else:
                inputs[node.name] = rng.uniform(size=shape)
        terms.append(float(evaluate(only, inputs)[site]))
    error = np.std(terms) / np.sqrt(len(terms))
    assert abs(np.mean(terms) - expected) <= 5 * error + 1e-9
