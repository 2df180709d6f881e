"""Values of primitives against Python's math module, decimals of 50 digits, and NumPy."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from statistics import NormalDist

import high_precision as exact
import numpy as np
import pytest
from ppc_numpy import evaluate, value_and_gradient
from reference_graphs import graph_of, tensor
from scipy import linalg

from ppc.ir.sizes import Size

WIDE = [-700.0, -30.0, -2.5, -1e-3, -1e-12, 0.0, 1e-12, 1e-3, 0.7, 2.5, 30.0, 700.0]
POSITIVE = [1e-300, 1e-12, 1e-3, 0.4, 1.0, 2.5, 9.9, 10.1, 1e3, 1e12, 1e300]
UNIT = [-0.999, -0.5, -1e-9, 0.0, 1e-9, 0.3, 0.999]
SMALL = [x for x in WIDE if abs(x) <= 30]

# The relative error allowed is in units of 2^-52: math and NumPy each keep a few roundings.
ELEMENTARY = [
    ("exp", math.exp, WIDE), ("expm1", math.expm1, WIDE), ("log", math.log, POSITIVE),
    ("log1p", math.log1p, [-0.999, -1e-9, 0.0, *POSITIVE]), ("sqrt", math.sqrt, POSITIVE),
    ("rsqrt", lambda x: x**-0.5, POSITIVE), ("sin", math.sin, SMALL), ("cos", math.cos, SMALL),
    ("tan", math.tan, SMALL), ("arcsin", math.asin, UNIT), ("arccos", math.acos, UNIT),
    ("arctan", math.atan, WIDE), ("sinh", math.sinh, WIDE), ("cosh", math.cosh, WIDE),
    ("tanh", math.tanh, WIDE), ("arcsinh", math.asinh, WIDE),
    ("arccosh", math.acosh, [1.0, 1.001, 3.0, 1e300]), ("arctanh", math.atanh, UNIT),
    ("erf", math.erf, SMALL), ("erfc", math.erfc, [*SMALL[1:-1], 20.0]),
    ("neg", lambda x: -x, WIDE), ("abs", abs, WIDE), ("square", lambda x: x * x, SMALL),
    ("relu", lambda x: max(x, 0.0), WIDE), ("sign", lambda x: (x > 0) - (x < 0), WIDE),
    ("floor", math.floor, [-1.5, -1.0, 0.2, 2.0]), ("ceil", math.ceil, [-1.5, -1.0, 0.2, 2.0]),
    ("round", round, [-1.5, -0.5, 0.5, 1.5, 2.4]), ("stop_gradient", float, WIDE),
    ("ndtri", NormalDist().inv_cdf, [1e-10, 1e-3, 0.2, 0.5, 0.9, 0.999]),
]  # fmt: skip


def at(primitive: str, *points, **attrs):
    """The primitive at points, elementwise."""
    arrays = [np.asarray(p, float) for p in points]
    types = [tensor("", *x.shape) for x in arrays]
    inputs = {f"x{i}": x for i, x in enumerate(arrays)}
    return evaluate(graph_of(primitive, types, attrs), inputs)["out"]


def slope(primitive: str, *points):
    """Its partial derivatives at points."""
    arrays = [np.asarray(p, float) for p in points]
    types = [tensor("", *x.shape) for x in arrays]
    inputs = {f"x{i}": x for i, x in enumerate(arrays)}
    _, g = value_and_gradient(graph_of(primitive, types, {}), inputs, "out", list(inputs),
                              cotangent=1.0)  # fmt: skip
    return tuple(g[name] for name in inputs)


@pytest.mark.parametrize("name, function, points", ELEMENTARY, ids=[r[0] for r in ELEMENTARY])
def test_elementary_functions(name, function, points) -> None:
    expected = [function(x) for x in points]
    np.testing.assert_allclose(at(name, points), expected, rtol=16 * 2.0**-52, atol=0)


@pytest.mark.parametrize(
    "name, function",
    [
        ("sigmoid", lambda x: 1 / (1 + (-x).exp())),
        ("log_sigmoid", lambda x: -(1 + (-x).exp()).ln()),
        ("softplus", lambda x: (1 + x.exp()).ln()),
    ],
)
def test_logistic_functions_keep_their_digits(name, function) -> None:
    points = [-700.0, -40.0, -1.0, 0.0, 1e-9, 1.0, 40.0, 700.0]
    with localcontext() as context:
        context.prec = 700
        expected = [float(function(Decimal(x))) for x in points]
    np.testing.assert_allclose(at(name, points), expected, rtol=8 * 2.0**-52)


def test_logistic_functions_far_out() -> None:
    np.testing.assert_array_equal(at("softplus", [-1000.0, 1000.0]), [0, 1000])
    np.testing.assert_array_equal(at("log_sigmoid", [-1000.0, 1000.0]), [-1000, 0])
    np.testing.assert_array_equal(*slope("softplus", [-1000.0, 1000.0]), [0, 1])
    # s'(x) = s(x) s(-x): the difference 1 - s(40) would have lost its digits
    np.testing.assert_allclose(*slope("sigmoid", [40.0]), math.exp(-40), rtol=1e-15)
    np.testing.assert_allclose(*slope("tanh", [-20.0]), 4 * math.exp(-40), rtol=1e-15)


def test_log1mexp_and_log1pmx() -> None:
    points = [1e-300, 1e-9, 0.5, 0.69, 0.7, 3.0, 50.0, 700.0]
    with localcontext() as context:
        context.prec = 700
        expected = [float((1 - (-Decimal(x)).exp()).ln()) for x in points]
    np.testing.assert_allclose(at("log1mexp", points), expected, rtol=8 * 2.0**-52)
    points = [
        -0.999,
        -0.5001,
        -0.4999,
        -0.06,
        -1e-3,
        -1e-9,
        1e-150,
        1e-9,
        0.06,
        0.499,
        0.501,
        3.0,
        1e9,
    ]
    with localcontext() as context:
        context.prec = 400
        expected = [float((1 + Decimal(x)).ln() - Decimal(x)) for x in points]
    # direct beyond |x| = 1/2, where the difference is a sixth of its terms at least
    np.testing.assert_allclose(at("log1pmx", points), expected, rtol=16 * 2.0**-52)


def test_gamma_functions() -> None:
    points = [1e-10, 0.3, 1.001, 1.4, 2.001, 5.0, 30.0, 1e4, 1e8]
    expected = [float(exact.lgamma(Decimal(x))) for x in points]
    # near its zeros 1 and 2 the function is small: absolute error there
    np.testing.assert_allclose(at("lgamma", points), expected, rtol=16 * 2.0**-52, atol=2.0**-52)
    expected = [float(exact.digamma(Decimal(x))) for x in points]
    np.testing.assert_allclose(at("digamma", points), expected, rtol=16 * 2.0**-52, atol=2.0**-51)
    np.testing.assert_allclose(
        *slope("lgamma", points), expected, rtol=16 * 2.0**-52, atol=2.0**-51
    )


def test_trigamma() -> None:
    """By psi'(1) = pi^2/6, psi'(1/2) = pi^2/2, reflection, recurrence and the limit 1/x."""
    points = [1.0, 0.5, -0.5, -1.5, 1e9]
    expected = [math.pi**2 / 6, math.pi**2 / 2, math.pi**2 / 2 + 4, math.pi**2 / 2 + 4 + 4 / 9]
    np.testing.assert_allclose(*slope("digamma", points), [*expected, 1e-9 + 5e-19], rtol=1e-14)


def test_the_error_of_stirlings_formula_keeps_its_digits() -> None:
    points = [1e-3, 0.1, 0.49, 0.51, 1.0, 4.0, 9.99, 10.0, 50.0, 1e4, 1e8]
    with localcontext() as context:
        context.prec = 60
        values, slopes = [], []
        for point in points:
            x = Decimal(point)
            main = (x - Decimal("0.5")) * x.ln() - x + (2 * exact.PI).ln() / 2
            values.append(float(exact.lgamma(x) - main))
            slopes.append(float(exact.digamma(x) - x.ln() + 1 / (2 * x)))
    np.testing.assert_allclose(at("lgamma_correction", points), values, rtol=16 * 2.0**-52)
    np.testing.assert_allclose(*slope("lgamma_correction", points), slopes, rtol=16 * 2.0**-52)


@pytest.mark.parametrize("a", [1e-8, 0.02, 1.0, 9.99, 10.01, 300.0, 1e6, 1e8])
def test_lbeta(a) -> None:
    others = [1e-8, 0.5, 3.0, 10.0, 77.0, 1e6, 1e10]
    with localcontext() as context:
        context.prec = 60
        expected = [
            float(exact.lgamma(Decimal(a)) + exact.lgamma(Decimal(b))
                  - exact.lgamma(Decimal(a) + Decimal(b)))
            for b in others
        ]  # fmt: skip
    # For both below 10 three logarithms of size up to 20 are added: 20 * 4 * 2^-52.
    for left, right in (([a] * len(others), others), (others, [a] * len(others))):
        np.testing.assert_allclose(at("lbeta", left, right), expected, rtol=1e-14, atol=2e-14)


def test_the_beta_density_that_cancels() -> None:
    """Beta(1e6, 1e6) at 1/2 has log density 7.0285 even though lbeta is about -1.4e6."""
    log_density = (2e6 - 2) * math.log(0.5) - float(at("lbeta", 1e6, 1e6))
    # log B(n, n) by Stirling: density sqrt(n/pi) (1 - 1/(8 n)) at the centre of Beta(n, n), n large
    expected = math.log(2) + 0.5 * math.log(1e6 / math.pi) - 1 / (8e6)
    assert log_density == pytest.approx(expected, abs=1.4e6 * 4 * 2.0**-52)


def test_normal_distribution_functions() -> None:
    points = [-20.0, -8.0, -1.0, -1e-9, 0.0, 0.5, 5.0, 20.0]
    expected = [exact.ndtr(Decimal(x)) for x in points]
    # a rounding of the argument x of exp(-x^2/2) counts x^2 times
    for x, p in zip(points, expected, strict=True):
        assert at("ndtr", x) == pytest.approx(float(p), rel=(x * x + 4) * 2.0**-52, abs=0)
    with localcontext() as context:
        context.prec = 250
        logs = [float(p.ln()) for p in expected]
    for x, log in zip(points, logs, strict=True):
        # only on the right is the logarithm as small as the density
        rel = (max(x, 0.0) ** 2 + 16) * 2.0**-52
        assert at("log_ndtr", x) == pytest.approx(log, rel=rel, abs=0)
    np.testing.assert_allclose(
        at("log_ndtr", [-1e5]), -0.5e10 - math.log(1e5 * (2 * math.pi) ** 0.5)
    )


def test_the_slope_of_log_ndtr_in_both_tails() -> None:
    """phi / Phi tends to -x - 1/x + 2/x^3 on the left and to phi on the right."""
    x = -1e5
    np.testing.assert_allclose(*slope("log_ndtr", [x]), -x - 1 / x + 2 / x**3, rtol=1e-15)
    phi = math.exp(-50) / math.sqrt(2 * math.pi)
    np.testing.assert_allclose(
        *slope("log_ndtr", [10.0, 50.0]), [phi, 0.0], rtol=1e-13, atol=1e-300
    )


def test_erfinv_inverts_erf() -> None:
    points = [-2.0, -0.5, -1e-9, 0.0, 1e-3, 1.5]
    values = [math.erf(x) for x in points]
    # near 2 the inverse is steep: an error of 2^-53 in erf is 49 times as large in x
    np.testing.assert_allclose(at("erfinv", values), points, rtol=64 * 2.0**-53)


def test_binary_functions() -> None:
    a = np.array([[-2.5, 0.5, 3.0], [1e-9, 7.0, -0.1]])
    b = np.array([0.5, 2.0, -3.0])
    for name, function in {
        "add": lambda x, y: x + y, "sub": lambda x, y: x - y, "mul": lambda x, y: x * y,
        "div": lambda x, y: x / y, "floordiv": lambda x, y: x // y, "mod": lambda x, y: x % y,
        "maximum": max, "minimum": min, "arctan2": math.atan2,
        "logaddexp": lambda x, y: math.log(math.exp(x) + math.exp(y)),
        "eq": lambda x, y: x == y, "ne": lambda x, y: x != y, "lt": lambda x, y: x < y,
        "le": lambda x, y: x <= y, "gt": lambda x, y: x > y, "ge": lambda x, y: x >= y,
    }.items():  # fmt: skip
        expected = [[function(x, y) for x, y in zip(row, b, strict=True)] for row in a]
        np.testing.assert_allclose(
            at(name, a, b), expected, rtol=1e-15, atol=2.0**-52, err_msg=name
        )
    np.testing.assert_allclose(at("pow", [2.0, -2.0, 0.0], [0.5, 3.0, 0.0]), [2**0.5, -8, 1])


def test_integers_stay_integers() -> None:
    types = [tensor("", 3, dtype="i32")] * 2
    inputs = {"x0": np.array([-7, 7, 2**40]), "x1": np.array([2, -2, 3])}
    for name in ("add", "mul", "floordiv", "mod", "maximum"):
        found = evaluate(graph_of(name, types, {}), inputs)["out"]
        expected = {"add": [-5, 5, 2**40 + 3], "mul": [-14, -14, 3 * 2**40],
                    "floordiv": [-4, -4, 2**40 // 3], "mod": [1, -1, 2**40 % 3],
                    "maximum": [2, 7, 2**40]}[name]  # fmt: skip
        assert found.dtype == np.int64
        assert found.tolist() == expected


def test_reductions_and_what_runs_along_an_axis() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    for name in ("sum", "prod", "max", "min"):
        np.testing.assert_allclose(at(name, x, axes=(-1, -3)), getattr(x, name)((0, 2)), rtol=1e-14)
    np.testing.assert_allclose(at("logsumexp", x, axes=(-2,)), np.log(np.exp(x).sum(1)), rtol=1e-14)
    weights = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    np.testing.assert_allclose(at("softmax", x, axis=-2), weights, rtol=1e-14)
    np.testing.assert_allclose(at("log_softmax", x, axis=-2), np.log(weights), rtol=1e-14)
    np.testing.assert_allclose(at("cumsum", x, axis=-2), x.cumsum(1), rtol=1e-14)
    np.testing.assert_array_equal(at("flip", x, axis=-2), x[:, ::-1])
    np.testing.assert_array_equal(at("argmax", x, axis=-2), x.argmax(1))
    np.testing.assert_array_equal(at("argmin", x, axis=-1), x.argmin(2))


def test_softmax_far_out() -> None:
    rows = [[1e4, 0.0], [-1e4, -1e4]]
    np.testing.assert_array_equal(at("softmax", rows, axis=-1), [[1, 0], [0.5, 0.5]])
    expected = [[0, -1e4], [-math.log(2)] * 2]
    np.testing.assert_allclose(at("log_softmax", rows, axis=-1), expected, atol=2e-12)


def test_moves() -> None:
    x = np.arange(24.0).reshape(2, 3, 4)
    size = Size.of
    np.testing.assert_array_equal(at("reshape", x, shape=(size(4), size(6))), x.reshape(4, 6))
    np.testing.assert_array_equal(at("transpose", x, perm=(-1, -3, -2)), x.transpose(2, 0, 1))
    np.testing.assert_array_equal(
        at("concat", x, x[:, :1], axis=-2), np.concatenate([x, x[:, :1]], 1)
    )
    np.testing.assert_array_equal(at("stack", x, x, axis=-4), np.stack([x, x]))
    part = at("slice", x, axis=-1, start=size(1), stop=size(4), step=2)
    np.testing.assert_array_equal(part, x[..., 1:4:2])
    np.testing.assert_array_equal(at("index", x, axis=-2, at=size(-1)), x[:, -1])
    np.testing.assert_array_equal(at("expand_dims", x, axis=-4), x[None])
    np.testing.assert_array_equal(at("squeeze", x[:, :1], axis=-2), x[:, 0])
    np.testing.assert_array_equal(
        at("broadcast_to", x[:, :1], shape=(size(5), size(2), size(3), size(4))),
        np.broadcast_to(x[:, :1], (5, 2, 3, 4)),
    )
    np.testing.assert_array_equal(at("eye", size=size(3)), np.eye(3))
    np.testing.assert_array_equal(at("arange", size=size(3)), [0, 1, 2])
    assert at("dim", size=size(3)) == 3


def test_gathers() -> None:
    x = np.arange(24.0).reshape(2, 3, 4)
    index = np.array([[2, 0], [1, 1]])
    types = [tensor("", 2, 3, 4), tensor("", 2, 2, dtype="i32")]
    taken = evaluate(graph_of("take", types, {"axis": -2}), {"x0": x, "x1": index})["out"]
    np.testing.assert_array_equal(taken, np.take(x, index, axis=1))
    types = [tensor("", 2, 3, 4), tensor("", 2, 3, dtype="i32")]
    index = np.array([[3, 0, 1], [2, 2, 0]])
    taken = evaluate(graph_of("take_along", types, {"axis": -1}), {"x0": x, "x1": index})["out"]
    np.testing.assert_array_equal(taken, [[x[i, j, index[i, j]] for j in range(3)] for i in (0, 1)])
    hot = graph_of("one_hot", types[1:], {"depth": Size.of(4)})
    np.testing.assert_array_equal(evaluate(hot, {"x0": index})["out"], np.eye(4)[index])


def test_triangular_factors_and_solutions() -> None:
    rng = np.random.default_rng(4)
    x, b = rng.normal(size=(2, 3, 5)), rng.normal(size=(2, 4, 3))
    a = x @ np.swapaxes(x, -1, -2)
    square, vectors = tensor("", 2, 3, 3), tensor("", 4, 3)
    factor = evaluate(graph_of("cholesky", [square], {}), {"x0": a})["out"]
    for i in range(2):
        np.testing.assert_allclose(factor[i], linalg.cholesky(a[i], lower=True), rtol=1e-12)
        for transposed in (0, 1):
            solve = graph_of(
                "solve_triangular", [tensor("", 3, 3), vectors], {"transposed": transposed}
            )
            # what is above the diagonal is not read
            found = evaluate(solve, {"x0": factor[i] + np.triu(a[i], 1), "x1": b[i]})["out"]
            expected = linalg.solve_triangular(factor[i], b[i].T, trans=transposed, lower=True).T
            np.testing.assert_allclose(found, expected, rtol=1e-11)
    parts = {
        name: evaluate(graph_of(name, [square], {}), {"x0": a})["out"]
        for name in ("tril", "diagonal")
    }
    np.testing.assert_array_equal(parts["tril"], np.tril(a))
    np.testing.assert_array_equal(parts["diagonal"], np.diagonal(a, axis1=-2, axis2=-1))
    indefinite = np.array([np.eye(3), -np.eye(3)])
    factor = evaluate(graph_of("cholesky", [square], {}), {"x0": indefinite})["out"]
    np.testing.assert_array_equal(factor, [np.eye(3), np.full((3, 3), np.nan)])


def test_sums_of_segments() -> None:
    x, index = np.arange(10.0).reshape(5, 2), np.array([2, 0, 2, 3, 2])
    types = [tensor("", 5, 2), tensor("", 5, dtype="i32")]
    graph = graph_of("segment_sum", types, {"size": Size.of(5)})
    found = evaluate(graph, {"x0": x, "x1": index})["out"]
    expected = [np.bincount(index, weights=column, minlength=5) for column in x.T]
    np.testing.assert_array_equal(found, np.transpose(expected))


def test_casts_and_selection() -> None:
    np.testing.assert_array_equal(at("cast", [-1.7, 0.0, 2.9], dtype="i32"), [-1, 0, 2])
    np.testing.assert_array_equal(at("cast", [-1.7, 0.0, 2.9], dtype="bool"), [True, False, True])
    types = [tensor("", 2, dtype="bool"), tensor(""), tensor("", 2)]
    inputs = {"x0": [True, False], "x1": 5.0, "x2": [1.0, 2.0]}
    np.testing.assert_array_equal(evaluate(graph_of("where", types, {}), inputs)["out"], [5, 2])


def test_logic() -> None:
    types = [tensor("", 4, dtype="bool")] * 2
    inputs = {"x0": [False, False, True, True], "x1": [False, True, False, True]}
    for name, expected in {"logical_and": [0, 0, 0, 1], "logical_or": [0, 1, 1, 1],
                           "logical_xor": [0, 1, 1, 0]}.items():  # fmt: skip
        found = evaluate(graph_of(name, types, {}), inputs)["out"]
        np.testing.assert_array_equal(found, np.array(expected, bool))
    del inputs["x1"]
    not_ = evaluate(graph_of("logical_not", types[:1], {}), inputs)["out"]
    np.testing.assert_array_equal(not_, [True, True, False, False])
    for name, expected in {"any": True, "all": False}.items():
        assert evaluate(graph_of(name, types[:1], {"axes": (-1,)}), inputs)["out"] == expected
    np.testing.assert_array_equal(at("isfinite", [1.0, np.inf, np.nan]), [True, False, False])
    np.testing.assert_array_equal(at("isnan", [1.0, np.inf, np.nan]), [False, False, True])
