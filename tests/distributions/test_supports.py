"""Kinds of supports, the bijections onto them, and how the registry refers to both."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mpmath import mp, mpf
from ppc_numpy import evaluate, value_and_gradient

from ppc.distributions import BIJECTIONS, DISTRIBUTIONS, MEAN_FIELD, SUPPORTS, draw_type, support_of
from ppc.distributions.base import NoiseSource
from ppc.distributions.supports import bad_rows, outside, same_up_to_boundary
from ppc.distributions.transformed import draw_and_log_density
from ppc.ir.build import Builder
from ppc.ir.nodes import Support
from ppc.ir.sizes import Size
from ppc.ir.types import Tensor

mp.dps = 100  # as in distribution_rows

VECTOR = Tensor("f32", (), (Size.of("B"),))

# kind, bounds, what belongs to it, what does not
MEMBERS: list[tuple[str, tuple[float, ...], list[Any], list[Any]]] = [
    ("real", (), [-1e300, 0.0, 5], [np.nan, np.inf, -np.inf]),
    ("extended_real", (), [-np.inf, 0.0, np.inf], [np.nan]),
    ("positive", (), [1e-300, 3], [0.0, -1.0, np.inf, np.nan]),
    ("nonnegative", (), [0.0, -0.0, 7.5], [-1e-300, np.inf, np.nan]),
    ("unit_interval", (), [0.0, 0.3, 1.0], [-1e-9, 1.0000001, np.nan]),
    ("interval", (-2.0, 5.0), [-2.0, 0.0, 5.0], [-2.1, 5.1, np.nan]),
    ("greater_than", (3.0,), [3.0, 1e9], [2.9, np.inf, np.nan]),
    ("less_than", (3.0,), [3.0, -1e9], [3.1, -np.inf, np.nan]),
    ("nonnegative_integer", (), [0, 4.0], [0.5, -1, np.inf, np.nan]),
    ("integer_interval", (0, 2), [0, 1, 2], [-1, 3, 1.5, np.nan]),
    ("boolean", (), [0, 1.0, True], [2, 0.5, -1, np.nan]),
    ("real_vector", (), [[0.0, 1.0]], [[0.0, np.nan], [np.inf, 0.0]]),
    (
        "positive_definite",
        (),
        [[[1.0, 0.5], [0.5, 2.0]]],
        [[[1.0, 2.0], [2.0, 1.0]], [[1.0, 0.5], [0.4, 1.0]], [[np.nan, 0.0], [0.0, 1.0]]],
    ),
    ("simplex", (), [[0.2, 0.8], [0.0, 1.0]], [[0.2, 0.7], [-0.1, 1.1], [np.nan, 1.0]]),
    ("ordered", (), [[-1.0, 2.0]], [[1.0, 1.0], [2.0, 1.0], [np.nan, 1.0], [0.0, np.inf]]),
    ("positive_ordered", (), [[1.0, 2.0]], [[0.0, 1.0], [-1.0, 1.0], [2.0, 1.0], [1.0, np.nan]]),
]


@pytest.mark.parametrize(("kind", "bounds", "inside", "beyond"), MEMBERS)
def test_membership(kind: str, bounds: Any, inside: list[Any], beyond: list[Any]) -> None:
    assert not outside(kind, np.array(inside), *bounds).any()
    assert outside(kind, np.array(beyond), *bounds).all()


def test_every_kind_is_tried() -> None:
    assert {kind for kind, *_ in MEMBERS} == set(SUPPORTS)


def test_bad_rows() -> None:
    x = np.array([[1.0, 2.0], [0.0, 1.0], [3.0, -1.0]])
    assert bad_rows("positive", x).tolist() == [False, True, True]
    assert bad_rows("simplex", np.array([[[0.5, 0.5]], [[0.5, 0.6]]])).tolist() == [False, True]
    assert bad_rows("interval", x, 0.0, np.array([2.0, 2.0])).tolist() == [False, False, True]
    assert bad_rows("positive", np.ones((0, 2))).tolist() == []


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (Support("positive"), Support("nonnegative"), True),
        (Support("interval", (0.0, 1.0)), Support("unit_interval"), True),
        (Support("greater_than", (0.0,)), Support("positive"), True),
        (Support("greater_than", (1.0,)), Support("positive"), False),
        (Support("interval", (0.0, 2.0)), Support("unit_interval"), False),
        (Support("real"), Support("positive"), False),
    ],
)
def test_same_up_to_boundary(a: Support, b: Support, same: bool) -> None:
    assert same_up_to_boundary(a, b) is same
    assert same_up_to_boundary(b, a) is same


# --- bijections ----------------------------------------------------------------------------------

# In mpmath: x of y, as its distance to the bound that it nears in each tail.
FORMULAS: dict[str, Any] = {
    "identity": lambda y: y,
    "exp": mp.exp,
    "softplus": lambda y: mp.log1p(mp.exp(y)),
    "sigmoid": lambda y: 1 / (1 + mp.exp(-y)),
    "interval": lambda y, low, high: low + (high - low) / (1 + mp.exp(-y)),
    "greater_than": lambda y, low: low + mp.exp(y),
    "less_than": lambda y, high: high - mp.exp(y),
}
BOUNDS = {"interval": (-2.0, 6.0), "greater_than": (0.5,), "less_than": (-0.5,)}
SCALARS = [name for name, row in BIJECTIONS.items() if not row.event_rank]
POINTS = [-80.0, -20.0, -3.0, -1e-5, 0.0, 1e-5, 0.7, 3.0, 20.0, 80.0]


def _graph(name: str, function: str) -> Any:
    builder = Builder(name, "function")
    at = builder.data("at", VECTOR)
    builder.output("out", getattr(BIJECTIONS[name], function)(at, *BOUNDS.get(name, ())))
    return builder.build()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", SCALARS)
def test_bijection(name: str, dtype: Any) -> None:
    y = np.array(POINTS, dtype).astype(float)
    unit = float(np.finfo(dtype).eps)
    bounds = BOUNDS.get(name, ())
    exact = [FORMULAS[name](mpf(v), *map(mpf, bounds)) for v in y]
    x = evaluate(_graph(name, "forward"), {"at": y}, dtype=dtype)["out"]
    # three roundings, and exp(y) magnifies that of y by y itself
    size = max(map(abs, bounds), default=0.0)
    allowed = 3 * unit * (1 + abs(y)) * (size + np.array([abs(float(v)) for v in exact]))
    assert (abs(x - np.array([float(v) for v in exact])) <= allowed).all()
    slopes = evaluate(_graph(name, "log_det"), {"at": y}, dtype=dtype)["out"]
    expected = [
        float(mp.log(abs(mp.diff(lambda v: FORMULAS[name](v, *map(mpf, bounds)), mpf(v)))))
        for v in y
    ]
    np.testing.assert_allclose(slopes, expected, rtol=8 * unit, atol=8 * unit)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", SCALARS)
def test_inverse(name: str, dtype: Any) -> None:
    """From any x the dtype has, inverse and forward lead back to x."""
    bounds = BOUNDS.get(name, ())
    tiny = np.float64(np.finfo(np.float32).tiny)
    x = {
        "identity": np.array([-1e30, 0.0, 1e30]),
        "exp": np.array([tiny, 1.0, 1e30]),
        "softplus": np.array([tiny, 1e-5, 1.0, 50.0, 1e30]),
        "sigmoid": np.array([tiny, 1e-5, 0.5, 1 - 2.0**-20]),
        "interval": np.array([-2 + 2.0**-20, 0.0, 5.0, 6 - 2.0**-20]),
        "greater_than": np.array([0.5 + 2.0**-20, 3.0, 1e30]),
        "less_than": np.array([-0.5 - 2.0**-20, -3.0, -1e30]),
    }[name]
    y = evaluate(_graph(name, "inverse"), {"at": x}, dtype=dtype)["out"]
    for at, found in zip(x, y, strict=True):
        back = FORMULAS[name](mpf(float(found)), *map(mpf, bounds))
        # y is rounded, and exp magnifies its rounding by y
        error = abs(float(back - mpf(at)))
        distance = min((abs(at - bound) for bound in bounds), default=abs(at))
        allowed = 4 * np.finfo(dtype).eps * (1 + abs(float(found))) * distance
        if name == "sigmoid":
            allowed = 4 * np.finfo(dtype).eps * (1 + abs(float(found))) * min(at, 1 - at)
        assert error <= allowed, (at, found)


@pytest.mark.parametrize("name", SCALARS)
def test_log_det_is_that_of_the_forward_map(name: str) -> None:
    y = np.array([-20.0, -1.0, 0.0, 0.3, 20.0])
    _, slope = value_and_gradient(
        _graph(name, "forward"), {"at": y}, "out", ["at"], cotangent=np.ones(5)
    )
    log_det = evaluate(_graph(name, "log_det"), {"at": y})["out"]
    np.testing.assert_allclose(np.exp(log_det), abs(slope["at"]), rtol=1e-13)


# In mpmath: x of y.
VECTOR_FORMULAS: dict[str, Any] = {
    "centred_softmax": lambda y: [mp.exp(v) / (1 + sum(map(mp.exp, y))) for v in (*y, mpf(0))],
    "ordered": lambda y: [y[0] + sum(map(mp.exp, y[1 : i + 1])) for i in range(len(y))],
    "positive_ordered": lambda y: [sum(map(mp.exp, y[: i + 1])) for i in range(len(y))],
}
VECTORS = [[0.0, 0.0, 0.0], [1.5, -2.0, 0.25], [-60.0, 3.0, -20.0], [40.0, 39.0, -1e-3]]


def _determinant(name: str, y: list[Any]) -> Any:
    """log |dx/dy| by central differences in 100 digits, of as many elements of x as of y."""
    step = mpf(10) ** -30

    def moved(j: int, sign: int) -> list[Any]:
        return VECTOR_FORMULAS[name]([v + sign * step * (i == j) for i, v in enumerate(y)])

    columns = [(moved(j, 1), moved(j, -1)) for j in range(len(y))]
    rows = [[(up[i] - low[i]) / (2 * step) for up, low in columns] for i in range(len(y))]
    return mp.log(abs(mp.det(mp.matrix(rows))))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", VECTOR_FORMULAS)
def test_bijection_of_vectors(name: str, dtype: Any) -> None:
    """Both ways, and the log determinant with its derivative."""
    y = np.array(VECTORS, dtype).astype(float)
    unit = float(np.finfo(dtype).eps)
    exact = [[mpf(v) for v in row] for row in y]
    xs = np.array([[float(v) for v in VECTOR_FORMULAS[name](row)] for row in exact])

    def graph(function: str, width: int) -> Any:
        builder = Builder(name, "function")
        at = builder.data("at", Tensor("f32", (), (Size.of("B"), Size.of(width))))
        builder.output("out", getattr(BIJECTIONS[name], function)(at))
        return builder.build()

    x = evaluate(graph("forward", 3), {"at": y}, dtype=dtype)["out"]
    # exp magnifies the rounding of y by y itself; an ordered x may cancel against its first
    size = 1 + abs(y).max(-1, keepdims=True)
    scale = abs(xs) if name == "centred_softmax" else abs(xs).max(-1, keepdims=True)
    assert (abs(x - xs) <= 4 * unit * size * scale).all()

    weights = np.arange(1.0, len(y) + 1)
    found, slope = value_and_gradient(
        graph("log_det", 3), {"at": y}, "out", ["at"], cotangent=weights, dtype=dtype
    )
    expected = [float(_determinant(name, row)) for row in exact]
    np.testing.assert_allclose(found, expected, rtol=4 * unit, atol=8 * unit)
    for row, weight, got in zip(exact, weights, slope["at"], strict=True):
        for j in range(3):
            step = mpf(10) ** -15
            up, low = ([v + s * (i == j) for i, v in enumerate(row)] for s in (step, -step))
            want = (_determinant(name, up) - _determinant(name, low)) / (2 * step)
            assert abs(got[j] - weight * float(want)) <= 8 * unit * weight * 4

    back = evaluate(graph("inverse", xs.shape[1]), {"at": xs}, dtype=np.float64)["out"]
    again = [[float(v) for v in VECTOR_FORMULAS[name](list(map(mpf, row)))] for row in back]
    np.testing.assert_allclose(again, xs, rtol=1e-12, atol=1e-15)


# --- the registry --------------------------------------------------------------------------------


@pytest.mark.parametrize("row", SUPPORTS.values(), ids=lambda row: row.name)
def test_kinds_refer_to_rows(row: Any) -> None:
    assert not row.bijection or row.bijection in BIJECTIONS
    if row.bijection:
        assert BIJECTIONS[row.bijection].bounds == row.bounds
    assert not row.interior or row.interior in SUPPORTS
    assert "{" not in row.describe(*range(row.bounds))


@pytest.mark.parametrize("row", DISTRIBUTIONS.values(), ids=lambda row: row.name)
def test_distributions_refer_to_kinds(row: Any) -> None:
    kind = SUPPORTS[row.support.kind]
    assert len(row.support.bounds) == kind.bounds
    assert kind.event_rank == row.event_rank
    assert kind.discrete == row.discrete
    assert not row.transform or row.transform in BIJECTIONS
    assert row.source
    for parameter in row.parameters:
        assert SUPPORTS[parameter.constraint.kind].event_rank <= parameter.event_rank
    named = {bound for bound in row.support.bounds if isinstance(bound, str)}
    assert named <= {p.name for p in row.parameters} | set(row.bounds)


@pytest.mark.parametrize(("kind", "name"), MEAN_FIELD.items())
def test_guides_cover_the_support(kind: str, name: str) -> None:
    support = DISTRIBUTIONS[name].support
    assert support.kind == kind or SUPPORTS[kind].interior == support.kind
    assert DISTRIBUTIONS[name].reparameterised


def test_support_of_resolves_bounds() -> None:
    builder = Builder("supports", "function")
    low, high = builder.data("a", Tensor("f32")), builder.const(2.5)
    uniform = support_of(DISTRIBUTIONS["Uniform"], {"low": low, "high": high})
    assert uniform == Support("interval", ("a", 2.5))
    logits = builder.data("logits", Tensor("f32", (), (Size.of(7),)))
    categorical = support_of(DISTRIBUTIONS["Categorical"], {"logits": logits})
    assert categorical == Support("integer_interval", (0, 6.0))


@pytest.mark.parametrize(
    "name", [row.name for row in DISTRIBUTIONS.values() if row.transform != ""]
)
def test_draw_with_its_log_density(name: str) -> None:
    """The pair is a draw and the log density at it; far out the latter stays finite."""
    distribution = DISTRIBUTIONS[name]
    builder = Builder("pair", "function")
    values = {"loc": 0.4, "scale": 1.3, "low": -1.0, "high": 2.0}
    rank = distribution.event_rank
    event = [Size.of(2)] * rank
    p = {
        each.name: builder.data(each.name, Tensor("f32", (), (Size.of("B"), *event)))
        for each in distribution.parameters
    }
    noise = NoiseSource(builder, "x", draw_type(distribution, p))
    x, log_density = draw_and_log_density(distribution, noise, p)
    builder.output("pair", log_density)
    builder.output("density", distribution.log_density(x, p))
    graph = builder.build()
    z = np.array([-30.0, -2.0, -0.5, 0.0, 0.5, 2.0, 30.0])
    if rank:
        z = np.stack([z, z[::-1]], axis=-1)
    inputs = {"x_noise": z, **{each: np.full(z.shape, values[each]) for each in p}}
    found = evaluate(graph, inputs)
    near = abs(z) <= 2 if not rank else (abs(z) <= 2).all(-1)
    np.testing.assert_allclose(found["pair"][near], found["density"][near], rtol=1e-12)
    single = evaluate(graph, inputs, dtype=np.float32)["pair"]
    np.testing.assert_allclose(single, found["pair"], rtol=1e-5)
