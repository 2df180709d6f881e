"""Losses of the user, `VI(loss=f)`: values and gradients against SciPy and the built-in bound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ppc_numpy import evaluate, value_and_gradient
from scipy import special, stats

import ppc as inf
from ppc import tf
from ppc.compiler import Options, compile_loss
from ppc.diagnostics import CompileError, DataError, KindError
from ppc.explain import explained
from ppc.ir.nodes import Graph
from ppc.roles import Asked, File, resolve

ROWS = 7
X = np.random.default_rng(0).normal(1.0, 2.0, size=(ROWS, 2))


@inf.probmodel
def factors(k, d):
    w = inf.StudentT(5.0, tf.zeros([k, d]), 1.0, name="w")
    with inf.datamodel():
        z = inf.StudentT(4.0, tf.ones(k), 1.0, name="z")
        inf.Normal(z @ w, 0.5, name="x")


@inf.probmodel
def q_factors(k, d):
    w_loc = inf.Parameter(0.3 * tf.ones([k, d]))
    inf.Normal(w_loc, tf.nn.softplus(inf.Parameter(0.1, name="w_raw")), name="w")
    slope = inf.Parameter(0.2)
    with inf.datamodel():
        x = inf.Normal(tf.zeros(d), 1.0, name="x")
        inf.Normal(slope * x[:, :k], 0.7, name="z")


def elbo(pvars, qvars, **kwargs):
    energy = tf.reduce_sum([tf.reduce_sum(p.log_prob(p.value)) for p in pvars.values()])
    entropy = -tf.reduce_sum(
        [tf.reduce_sum(q.log_prob(q.value)) for q in qvars.values() if not q.is_observed]
    )
    return -(energy + entropy)


def batched_elbo(pvars, qvars, batch_weight=1, **kwargs):
    def term(variable):
        weight = batch_weight if variable.is_datamodel else 1
        return weight * tf.reduce_sum(variable.log_prob(variable.value))

    return sum(term(qvars[name]) - term(pvars[name]) for name in ["w", "z"]) - term(pvars["x"])


def loss(function: Any, *, batches: bool = False) -> Graph:
    method = inf.inference.VI(q_factors(1, 2), loss=function)
    options = Options(("x",), ("N",) if batches else (), loss=method.loss_function)
    return compile_loss(factors(1, 2).ir, q_factors(1, 2).ir, options).graphs["loss"]


RNG = np.random.default_rng(1)
POINT = {
    "w_loc": RNG.normal(size=(1, 2)), "w_raw": np.float64(0.4), "slope": np.float64(-0.3),
    "w_noise": RNG.normal(size=(1, 2)), "z_noise": RNG.normal(size=(ROWS, 1)), "x": X,
}  # fmt: skip
PARAMS = ["w_loc", "w_raw", "slope"]


def by_hand(v: dict[str, Any], beta: float = 1.0) -> float:
    """Energy and entropy at one draw, by SciPy."""
    scale = special.log1p(np.exp(v["w_raw"]))
    w = v["w_loc"] + scale * v["w_noise"]
    loc = v["slope"] * v["x"][:, :1]
    z = loc + 0.7 * v["z_noise"]
    kl = stats.norm(v["w_loc"], scale).logpdf(w).sum() - stats.t(5).logpdf(w).sum()
    kl += stats.norm(loc, 0.7).logpdf(z).sum() - stats.t(4, 1.0).logpdf(z).sum()
    return float(beta * kl - stats.norm(z @ w, 0.5).logpdf(v["x"]).sum())


def gradient(f: Callable[[dict[str, Any]], float]) -> dict[str, Any]:
    """By central differences: an error of about 1e-10 relative to the third derivative."""
    found = {}
    for name in PARAMS:
        steps = []
        for i in np.ndindex(np.shape(POINT[name])):
            moved = [np.array(POINT[name], float) for _ in range(2)]
            moved[0][i] += 1e-5
            moved[1][i] -= 1e-5
            up, down = (f({**POINT, name: m}) for m in moved)
            steps.append((up - down) / 2e-5)
        found[name] = np.reshape(steps, np.shape(POINT[name]))
    return found


def test_inferpys_bound_is_scipys_and_the_built_in_one() -> None:
    own, built_in = loss(elbo), loss("ELBO")
    value, grads = value_and_gradient(own, POINT, "loss", PARAMS)
    assert value == pytest.approx(by_hand(POINT), rel=1e-12)
    for name, expected in gradient(by_hand).items():
        np.testing.assert_allclose(grads[name], expected, rtol=1e-7, err_msg=name)
    # No term of it has a closed form, so the built-in loss is at the same draw.
    parts = [value_and_gradient(built_in, POINT, term, PARAMS) for term, _ in built_in.outputs]
    assert value == pytest.approx(sum(float(part) for part, _ in parts), rel=1e-12)
    for name in PARAMS:
        total = sum(part[name] for _, part in parts)
        np.testing.assert_allclose(grads[name], total, rtol=1e-10, atol=1e-12)


def test_a_variant_of_the_bound_is_what_it_says() -> None:
    beta = np.array(0.25)

    def tempered(pvars, qvars, **kwargs):
        kl = 0.0
        for name, q in qvars.items():
            if not q.is_observed:
                kl = kl + tf.reduce_sum(q.log_prob(q.value) - pvars[name].log_prob(q.value))
        return beta * kl - tf.reduce_sum(pvars["x"].log_prob(pvars["x"].value))

    value, grads = value_and_gradient(loss(tempered), POINT, "loss", PARAMS)
    assert value == pytest.approx(by_hand(POINT, 0.25), rel=1e-12)
    for name, expected in gradient(lambda v: by_hand(v, 0.25)).items():
        np.testing.assert_allclose(grads[name], expected, rtol=1e-7, err_msg=name)


def test_rows_that_pad_a_batch_count_nowhere() -> None:
    def spread(pvars, qvars, batch_weight, **kwargs):
        x = pvars["x"]
        return tf.reduce_mean(x.value, axis=0)[1] + batch_weight * tf.reduce_mean(x.value)

    padded = {**POINT, "N_weight": np.array([3.0, 3.0, 3.0, 3.0, 3.0, 0.0, 0.0])}
    real = {n: POINT[n][:5] for n in ("x", "z_noise")}
    graph = loss(batched_elbo, batches=True)
    value, grads = value_and_gradient(graph, padded, "loss", PARAMS)
    same, wanted = value_and_gradient(
        graph, {**POINT, **real, "N_weight": np.full(5, 3.0)}, "loss", PARAMS
    )
    assert value == pytest.approx(float(same), rel=1e-12)
    for name in PARAMS:
        np.testing.assert_allclose(grads[name], wanted[name], rtol=1e-12)
    built_in = evaluate(loss("ELBO", batches=True), padded)
    assert value == pytest.approx(float(sum(built_in.values())), rel=1e-12)
    given = {"x": X, "N_weight": padded["N_weight"]}
    found = evaluate(loss(spread, batches=True), given)["loss"]
    assert found == pytest.approx(X[:5, 1].mean() + 3 * X[:5].mean(), rel=1e-12)


def test_variables_have_the_attributes_of_inferpy() -> None:
    def described(pvars, qvars, plate_size):
        w, z, x = pvars["w"], pvars["z"], pvars["x"]
        assert z.is_datamodel and not w.is_datamodel
        names = "".join(p.name for p in pvars.values())
        known = tf.reduce_sum(qvars["z"].entropy()) + qvars["z"].distribution.scale
        sizes = 100.0 * len(names) + 10.0 * x.shape[1] + plate_size
        return known + tf.reduce_mean(x) + sizes + tf.reduce_sum(w.prob(w.value))

    graph = loss(described)
    found = evaluate(graph, {n: POINT[n] for n in graph.by_name() if n in POINT})["loss"]
    scale = special.log1p(np.exp(POINT["w_raw"]))
    w = POINT["w_loc"] + scale * POINT["w_noise"]
    entropy = ROWS * stats.norm(0, 0.7).entropy()
    expected = entropy + 0.7 + X.mean() + 320 + ROWS + stats.t(5).pdf(w).sum()
    assert found == pytest.approx(expected, rel=1e-12)


def no_result(pvars, qvars):
    tf.reduce_sum(pvars["x"].value)


def per_row(pvars, qvars):
    return tf.reduce_sum(pvars["x"].value, axis=1)


def no_such_attribute(pvars, qvars):
    return pvars["x"].log_probs(0.0)


def no_closed_form(pvars, qvars):
    return tf.reduce_sum(qvars["z"].kl_divergence(pvars["z"]))


def needs_batches(pvars, qvars, batch_weight):
    return batch_weight


@pytest.mark.parametrize(
    "function, words",
    [
        (no_result, "the loss no_result must return one number, and it returns nothing"),
        (per_row, r"per_row must return one number, and it returns a tensor of shape \(N,\)"),
        (no_such_attribute, "no|log_prob"),
        (no_closed_form, r"KL\(Normal \|\| StudentT\), not known in closed form"),
        (needs_batches, "needs the argument `batch_weight`"),
    ],
)
def test_a_loss_that_is_none_is_told_at_its_line(function: Any, words: str) -> None:
    with pytest.raises(CompileError, match=words) as caught:
        loss(function)
    assert "test_own_losses.py" in str(caught.value)


def test_what_is_no_loss_is_told() -> None:
    with pytest.raises(DataError, match="loss must be 'ELBO' or a function of your own"):
        inf.inference.VI(loss="elbo")
    with pytest.raises(KindError, match="loss must be 'ELBO' or a function"):
        inf.inference.VI(loss=3)


def test_batches_of_several_plates_have_no_one_weight() -> None:
    @inf.probmodel
    def table():
        m = inf.Normal(0.0, 1.0, name="m")
        with inf.plate("rows"):
            inf.Normal(m, 1.0, name="a")
        with inf.plate("columns"):
            inf.Normal(m, 1.0, name="b")

    method = inf.inference.VI(loss=elbo)
    options = Options(("a", "b"), ("rows", "columns"), loss=method.loss_function)
    with pytest.raises(CompileError, match=r"several plates \(rows, columns\)"):
        compile_loss(table().ir, None, options)


def test_a_factor_is_not_left_out_in_silence() -> None:
    @inf.probmodel
    def with_factor():
        m = inf.Normal(0.0, 1.0)
        inf.factor(-m)
        with inf.datamodel():
            inf.Normal(m, 1.0, name="x")

    with pytest.raises(CompileError, match="a loss of your own cannot see it"):
        with_factor().fit({"x": X[:, 0]}, inf.inference.VI(loss=elbo))


def test_the_program_says_whose_loss_it_has() -> None:
    method = inf.inference.VI(q_factors(1, 2), loss=elbo)
    text = factors(1, 2).emit(method, ["x"])
    assert '"""The loss `elbo`, at one draw of the guide.' in text
    assert "guide Normal, in the loss elbo" in text
    options = Options(("x",), loss=method.loss_function)
    told = explained(compile_loss(factors(1, 2).ir, q_factors(1, 2).ir, options))
    assert told.count("  term    in the loss elbo\n") == 3


FILE = """
import ppc as inf
from ppc import tf

from losses import beside

BETA = 0.5

assigned = lambda p, q, **_: beside(p, q)

@inf.probmodel
def line():
    m = inf.Normal(0.0, 1.0)
    with inf.datamodel():
        x = inf.Normal(m, 1.0)

def tempered(pvars, qvars, **kwargs):
    x = pvars["x"]
    return BETA * qvars["m"].kl_divergence(pvars["m"]) - tf.reduce_sum(x.log_prob(x.value))

line().fit({"x": x}, inf.inference.VI(loss=LOSS))
"""


@pytest.mark.parametrize(
    "text, name",
    [("tempered", "tempered"), ("beside", "beside"), ("assigned", "assigned"),
     ("lambda p, q, **_: 0.0", None), ('"ELBO"', None)],
)  # fmt: skip
def test_the_loss_of_a_file_is_that_of_its_program(tmp_path, text: str, name: str | None) -> None:
    path = tmp_path / "line.py"
    path.write_text(FILE.replace("LOSS", text), "utf-8")
    function = FILE[FILE.index("def tempered") : FILE.index("line().fit")]
    text_beside = f"from ppc import tf\n\nBETA = 0.5\n\n{function.replace('tempered', 'beside')}"
    (tmp_path / "losses.py").write_text(text_beside, "utf-8")
    roles = resolve(File.read(str(path)), Asked(path=str(path)))
    assert (roles.options.loss.name if roles.options.loss else None) == name
    assert [m.names for m in roles.warnings] == ([("loss",)] if "lambda" in text else [])
    if name:
        terms = compile_loss(roles.model.graph, None, roles.options).graphs["loss"]
        given = {"m_loc": 0.3, "log_m_scale": 0.0, "m_noise": 0.7, "x": X[:, 0]}
        names = terms.by_name()
        found = evaluate(terms, {n: np.asarray(v, float) for n, v in given.items() if n in names})
        expected = 0.5 * 0.3**2 / 2 - stats.norm(1.0, 1.0).logpdf(X[:, 0]).sum()
        assert found["loss"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_a_fit_by_a_loss_of_the_user_finds_the_posterior(backend: str) -> None:
    @inf.probmodel
    def mean():
        m = inf.Normal(0.0, 2.0)
        with inf.datamodel():
            inf.Normal(m, 1.0, name="x")

    def bound(pvars, qvars, batch_weight=1):
        kl = qvars["m"].kl_divergence(pvars["m"])
        q, x = qvars["m"], pvars["x"]
        # E log N(x; m, 1) under q, in closed form: a loss without noise, but for its batches
        fit = -0.5 * ((x.value - q.loc) ** 2 + q.scale**2)
        return kl - batch_weight * tf.reduce_sum(fit)

    rows = X[:, 0]
    model, method = mean(), inf.inference.SVI(loss=bound, epochs=400, batch_size=3,
                                              learning_rate=0.02)  # fmt: skip
    model.fit({"x": rows}, method, seed=0, backend=backend)
    found = model.posterior("m").parameters()
    variance = 1 / (1 / 4 + ROWS)
    # Adam's steps are 0.02 about the optimum
    assert found["loc"] == pytest.approx(variance * rows.sum(), abs=0.05)
    assert found["scale"] == pytest.approx(np.sqrt(variance), rel=0.05)
