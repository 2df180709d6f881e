"""The validation of passes: it accepts what differs by rounding, and finds what differs more."""

from __future__ import annotations

import numpy as np
import pytest
from ppc_numpy import evaluate, points, random_inputs, validate
from reference_graphs import tensor

from ppc.diagnostics import InternalError
from ppc.distributions import DISTRIBUTIONS, draw_type
from ppc.distributions.supports import SUPPORTS
from ppc.ir import ops
from ppc.ir.build import Builder, Value
from ppc.ir.nodes import Graph, Param, Support
from ppc.ir.sizes import Size
from ppc.ir.types import Axis, Tensor, scalar

POSITIVE = Support("positive")


def _graph(build, name: str = "one") -> Graph:
    """`out = build(w, x)` for a parameter w (3, 4) and data x over N."""
    builder = Builder(name, "loss", axes=[Axis("N", size=Size.of("N"), subsampled=True)])
    w = builder.param("w", builder.full(0.1, tensor("", 3, 4)))
    x = builder.data("x", Tensor("f32", ("N",), (Size.of(3),)))
    builder.output("out", ops.sum_axes(build(w, x), ("N",)))
    return builder.build()


def _before(w: Value, x: Value) -> Value:
    return ops.sum_all(ops.log(ops.exp(x @ w) + 1.0))


RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "after",
    [
        lambda w, x: ops.sum_all(ops.softplus(x @ w)),
        lambda w, x: ops.sum_all(ops.log1p(ops.exp(x @ w))),
        lambda w, x: -ops.sum_all(ops.log_sigmoid(-(x @ w))),
        lambda w, x: ops.sum_all(
            0.5 * (x @ w) + ops.log(2.0 * w.builder.op("cosh", 0.5 * (x @ w)))
        ),
    ],
)
@pytest.mark.parametrize("seed", range(5))
def test_what_differs_by_rounding_is_the_same(after, seed) -> None:
    validate(_graph(_before), _graph(after), np.random.default_rng(seed))


@pytest.mark.parametrize(
    "after, found",
    [
        (lambda w, x: ops.sum_all(ops.softplus(x @ w)) * (1 + 1e-9), "out"),
        (lambda w, x: ops.sum_all(ops.softplus(x @ w)) + 1e-9, "out"),
        # the value is right, the derivative is not
        (lambda w, x: ops.sum_all(ops.softplus(x @ ops.stop_gradient(w))), "gradient of out in w"),
        (lambda w, x: ops.sum_all(ops.softplus(x @ w)) + 0.0 * x.builder.dim("N"), ""),
    ],
)
def test_what_differs_more_is_found(after, found) -> None:
    if not found:
        validate(_graph(_before), _graph(after), RNG)
        return
    with pytest.raises(InternalError, match=f"{found}.*rounding explains"):
        validate(_graph(_before), _graph(after), RNG)


def test_cancellation_widens_the_tolerance_by_what_it_loses() -> None:
    """(1e8 + x) - 1e8 keeps half of the digits of x, and no fewer are asked for."""
    validate(
        _graph(lambda w, x: ops.sum_all((x @ w + 1e8) - 1e8)),
        _graph(lambda w, x: ops.sum_all(x @ w)),
        RNG,
    )
    with pytest.raises(InternalError, match="out"):
        validate(
            _graph(lambda w, x: ops.sum_all((x @ w + 1e8) - 1e8)),
            _graph(lambda w, x: ops.sum_all(x @ w) + 1e-4),
            RNG,
        )


def _scaled(*, constrained: bool) -> Graph:
    builder = Builder("scale", "loss")
    if constrained:
        s = builder.param("s", builder.const(1.0), support=POSITIVE)
    else:
        log_s = builder.param("log_s", builder.const(0.0))
        s = builder.op("exp", log_s, name="s")
    builder.output("out", s * builder.data("x", tensor()) - ops.log(s))
    return builder.build()


def test_a_parameter_may_become_an_expression() -> None:
    validate(_scaled(constrained=True), _scaled(constrained=False), RNG)
    validate(_scaled(constrained=False), _scaled(constrained=True), RNG)


def test_sites_are_compared_by_their_parameters() -> None:
    def model(shift: float) -> Graph:
        builder = Builder("model", "model")
        a = builder.sample("a", "Normal", {"loc": builder.const(0.0), "scale": builder.const(1.0)},
                           scalar())  # fmt: skip
        builder.sample("b", "Normal", {"loc": a + shift, "scale": ops.exp(a)}, scalar())
        return builder.build()

    validate(model(1.0), model(1.0), RNG)
    with pytest.raises(InternalError, match="loc of b"):
        validate(model(1.0), model(1.0 + 1e-12), RNG)


def test_nodes_can_be_paired() -> None:
    left, right = _graph(_before, "left"), _graph(lambda w, x: ops.sum_all(x @ w), "right")
    names = {node.name for node in left.nodes} & {node.name for node in right.nodes}
    assert "matmul" in names
    with pytest.raises(InternalError) as raised:
        validate(left, right, RNG, outputs={"matmul": "matmul"})
    assert "matmul and matmul" not in str(raised.value)


def test_infinities_must_agree() -> None:
    def graph(primitive: str) -> Graph:
        return _graph(lambda w, x: ops.sum_all(w.builder.op(primitive, x * 0.0)))

    validate(graph("log"), graph("log"), RNG)
    with pytest.raises(InternalError, match="inf"):
        validate(graph("log"), graph("exp"), RNG)


# --- random points ---


def test_there_is_a_value_for_every_kind_of_support() -> None:
    assert set(points.SUPPORTS) == set(SUPPORTS)
    for name, row in SUPPORTS.items():
        bounds = (np.asarray(-3.0), np.asarray(2.0))[: row.bounds]
        value = points.SUPPORTS[name](np.random.default_rng(1), (50, 4, 4), *bounds)
        assert value.shape == (50, 4, 4)
        assert row.contains(value, *bounds).all()


def test_random_inputs_fit_the_graph() -> None:
    builder = Builder("all", "loss", axes=[Axis("N", size=Size.of("N"), subsampled=True)])
    rate = builder.param("rate", builder.const(1.0), support=POSITIVE)
    low = builder.param("low", builder.const(0.0))
    builder.param("bounded", builder.const(0.5), support=Support("interval", (low.name, 9.0)))
    rows = Tensor("f32", ("N",), (Size.of("k"),))
    builder.data("x", rows)
    builder.data("i", rows.with_dtype("i32"))
    builder.data("b", rows.with_dtype("bool"))
    for kind in ("normal", "uniform", "gumbel"):
        builder.noise(f"{kind}_noise", kind, rows, site="z")
    for sampler in ("log_gamma", "poisson"):
        builder.noise(f"{sampler}_noise", "draw", rows, site="z", args=[rate], sampler=sampler)
    chances = [builder.const(5.0), builder.const(0.3)]
    builder.noise("binomial_noise", "draw", rows, site="z", args=chances, sampler="binomial")
    graph = builder.build()
    given = random_inputs(graph, np.random.default_rng(2), axis_sizes={"N": 5}, sizes={"k": 4})
    assert set(given) == {node.name for node in graph.nodes if points.is_input(node)}
    for name, x in given.items():
        assert x.shape == ((5, 4) if graph.by_name()[name].type.axes else ())
    assert given["rate"] > 0
    assert given["low"] < given["bounded"] < 9
    assert given["i"].dtype == np.int64 and given["b"].dtype == np.bool_
    evaluate(graph, given, sizes={"N": 50})
    kept = random_inputs(graph, np.random.default_rng(3), given={"rate": 7.0})
    assert kept["rate"] == 7


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_sites_get_values_of_their_support(name) -> None:
    row = DISTRIBUTIONS[name]
    builder = Builder("site", "model", axes=[Axis("N", size=Size.of("N"))])
    groups, args = set(), {}
    for parameter in row.parameters:
        # a lower bound is left to its default where it has one, an upper bound is not
        left_out = parameter.name == "low" and parameter.default is not None
        if left_out or (parameter.group and parameter.group in groups):
            continue
        groups.add(parameter.group)
        shape = (Size.of("k"),) * parameter.event_rank
        start = builder.full(0.0, Tensor("f32", (), shape))
        args[parameter.name] = builder.param(parameter.name, start, support=parameter.constraint)
    if "high" in args:
        args["high"] = ops.exp(args["high"]) + args.get("low", 0.0)
    type_ = draw_type(row, args, plates=("N",))
    builder.sample("z", name, args, type_)
    graph = builder.build()
    given = random_inputs(graph, np.random.default_rng(5), sizes={"N": 20, "k": 3})
    density = Builder.like(graph, stage="function")
    density.nodes = {n: node for n, node in graph.by_name().items() if n != "z"}
    at = density.data("z", type_, origin="site")
    params = {p: density.value(v.name) for p, v in args.items()}
    defaults = {p.name: p.default for p in row.parameters if p.default is not None}
    params |= {p: density.const(x) for p, x in defaults.items() if p not in params}
    density.output("out", row.log_density(at, params))
    found = evaluate(density.build(), given, sizes={"N": 20, "k": 3})["out"]
    assert found.shape == (20,)
    assert np.isfinite(found).all()


def test_log_gamma_draws_have_their_moments() -> None:
    rng = np.random.default_rng(4)
    from scipy import special

    for a in (0.01, 1.0, 30.0):
        x = points.SAMPLERS["log_gamma"](rng, (20000,), np.asarray(a))
        error = np.sqrt(special.polygamma(1, a) / 20000)
        assert x.mean() == pytest.approx(special.psi(a), abs=5 * error)


def test_every_param_of_a_validated_graph_is_compared() -> None:
    assert all(points.is_parameter(p) for p in _graph(_before).nodes if isinstance(p, Param))
