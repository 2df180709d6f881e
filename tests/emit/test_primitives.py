"""Every row of the tables against the reference evaluator: values and derivatives.

The reference is NumPy and SciPy in float64 with a derivative rule of its own for each primitive.
An operand is exact in both, so what may differ is rounding: ROOM units in the last place of the
result, of what a relative change of one unit in the operands makes of it (its condition), and of
1, the scale of the functions that cross zero. XLA's log1p alone errs by up to 75 units in float64
(at 0.67, 3 of condition), which is what ROOM is for; float32 has the same room.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from graph_runs import RUNS
from ppc_numpy.evaluate import evaluate, value_and_gradient
from scipy import special

from ppc.emit import host
from ppc.emit.function import emit_body
from ppc.emit.names import Names
from ppc.emit.printer import print_module
from ppc.emit.tree import Constant, Dict, FunctionDef, Module, Name, Param, Return
from ppc.ir.build import Builder, Value
from ppc.ir.nodes import Graph, Op
from ppc.ir.primitives import NAMED_AXIS_PRIMITIVES, PRIMITIVES
from ppc.ir.sizes import Size
from ppc.ir.types import Tensor

ROOM = 128.0
Array = np.ndarray
DTYPES = [np.float32, np.float64]


@pytest.fixture(params=list(RUNS))
def on(request: pytest.FixtureRequest) -> Any:
    """A backend that is installed."""
    return RUNS[request.param]()


# --- elementwise, over the whole domain -----------------------------------------------------------


def _domains(dtype: type) -> dict[str, list[Array]]:
    far, small = (1e300, 1e-290) if dtype is np.float64 else (1e37, 1e-35)
    positive = np.array([
        small, 1e-10, 1e-3, 0.1, 0.5, 0.9, 1, 1.1, 1.5, 2, 2.5, 3, 5, 7, 9.9, 10, 10.1, 15, 30,
        100, 1e3, 1e4, 1e6, 1e10, far,
    ])  # fmt: skip
    real = np.concatenate([-positive[::-1], [0.0], positive])
    unit = np.array([small, 1e-20, 1e-8, 1e-3, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 1 - 1e-6])
    inside = np.concatenate([-unit[::-1], [0.0], unit])
    log_far = np.log(far)

    def within(x: Array, low: float, high: float) -> list[Array]:
        return [x[(x >= low) & (x <= high)]]

    everywhere = {n: [real] for n in "sigmoid log_sigmoid softplus tanh relu".split()}
    periodic = {n: within(real, -1e4, 1e4) for n in "sin cos tan".split()}
    wide = {
        n: within(real, -1e15, 1e15) for n in "arctan arcsinh erf erfc ndtr log_ndtr square".split()
    }
    return {
        **everywhere, **periodic, **wide,
        **{n: [inside] for n in "arcsin arccos arctanh erfinv".split()},
        **{n: within(real, -log_far / 2, log_far / 2) for n in "exp expm1 sinh cosh".split()},
        **{n: [positive] for n in "log sqrt".split()},
        "rsqrt": [positive[1:-1]],
        "log1p": [np.concatenate([-unit, positive])],
        "arccosh": [1 + positive[(positive > 1e-3) & (positive < 1e15)]],
        "ndtri": [unit[1:]],
        "lgamma": within(positive, 0, 1e30),
        "digamma": within(positive[1:], 0, 1e15),
        "log1mexp": [positive[1:]],
        "log1pmx": [np.concatenate([-unit[1:], positive[1:-1]])],
        "lgamma_correction": [positive[1:-1]],
        "abs": [real[real != 0]],
        "neg": [real],
        "add": _grid(within(real, -1e10, 1e10)[0]),
        "sub": _grid(within(real, -1e10, 1e10)[0]),
        "mul": _grid(within(real, -1e10, 1e10)[0]),
        "div": _grid(within(real, -1e10, 1e10)[0], positive[2:-1]),
        "maximum": _grid(within(real, -1e10, 1e10)[0]),
        "minimum": _grid(within(real, -1e10, 1e10)[0]),
        "pow": _grid(within(positive, 0.01, 30)[0], within(real, -7, 7)[0]),
        "mod": _grid(within(positive, 0.1, 100)[0] * 1.3713, within(positive, 0.1, 10)[0]),
        "arctan2": _grid(within(real[real != 0], -1e10, 1e10)[0], positive[1:9]),
        "logaddexp": _grid(within(real, -1e10, 1e10)[0]),
        "xlogy": _grid(np.concatenate([[0.0], positive[1:-2]]), positive[1:-2]),
        "xlog1py": _grid(np.concatenate([[0.0], positive[1:-2]]), positive[1:-2]),
        "lbeta": _grid(within(positive, 1e-4, 1e8)[0]),
    }  # fmt: skip


def _grid(*axes: Array) -> list[Array]:
    pair = axes if len(axes) == 2 else (axes[0], axes[0])
    return [x.ravel() for x in np.meshgrid(*pair)]


SMOOTH = sorted(_domains(np.float64))


def elementwise(primitive: str, count: int, **attrs: Any) -> Graph:
    b = Builder(primitive, "function")
    n = Size.of("n")
    operands = [b.data(f"x{i}", Tensor("f32", (), (n,))) for i in range(count)]
    b.output("y", b.op(primitive, *operands, **attrs))
    return b.build()


def reference(graph: Graph, inputs: Mapping[str, Array]) -> tuple[Array, dict[str, Array]]:
    wide = {name: x.astype(np.float64) for name, x in inputs.items()}
    with np.errstate(all="ignore"):
        ones = np.ones(len(next(iter(inputs.values()))))
        return value_and_gradient(graph, wide, "y", list(inputs), cotangent=ones)


def moved(graph: Graph, inputs: Mapping[str, Array]) -> tuple[Array, dict[str, Array]]:
    """How far results move, a unit of relative change of each operand."""
    h = 2.0**-20
    y, slopes = reference(graph, inputs)
    change, bend = np.zeros(y.shape), {name: np.zeros(y.shape) for name in inputs}
    with np.errstate(all="ignore"):
        for name, x in inputs.items():
            change += np.nan_to_num(np.abs(x * slopes[name]))
            for step in (1 - h, 1 + h):
                near = {**inputs, name: x.astype(np.float64) * step}
                for other, g in reference(graph, near)[1].items():
                    bend[other] = np.fmax(bend[other], np.abs(g - slopes[other]) / h)
    return change, {name: np.nan_to_num(b) for name, b in bend.items()}


def compare(label: str, got: Array, want: Array, moves: Array, dtype: type) -> None:
    info = np.finfo(dtype)
    with np.errstate(all="ignore"):
        want = want.astype(dtype).astype(np.float64)  # infinite where it is too large
        allowed = ROOM * info.eps * (np.abs(want) + moves + 1.0) + info.tiny / info.eps
        error = np.abs(got.astype(np.float64) - want)
    wrong = ~((error <= allowed) | (got == want))
    assert not wrong.any(), f"{label}: {got[wrong][:4]} instead of {want[wrong][:4]}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("primitive", SMOOTH)
def test_a_smooth_function_over_its_domain(on: Any, primitive: str, dtype: type) -> None:
    operands = _domains(dtype)[primitive]
    graph = elementwise(primitive, len(operands))
    inputs = {f"x{i}": x.astype(dtype) for i, x in enumerate(operands)}
    with on.precision(dtype):
        y, slopes = on.pulled(graph, inputs, list(inputs))
    assert y.dtype == dtype
    want, want_slopes = reference(graph, inputs)
    change, bend = moved(graph, inputs)
    compare(primitive, y, want, change, dtype)
    for name, slope in slopes.items():
        compare(f"d{primitive}/d{name}", slope, want_slopes[name], bend[name], dtype)


# Relative digits of values and derivatives where an error of one unit of 1 would be no accuracy.
RELATIVE = {
    "log1mexp": [1e-3, 0.5, 1.0, 20.0, 50.0],
    "log1pmx": [-0.5, -1e-3, -1e-6, 1e-7, 1e-4, 0.3, 2.0],
    "lgamma_correction": [1e-3, 0.4, 0.6, 3.0, 9.99, 10.0, 1e3, 1e6],
    "log_ndtr": [-1e4, -40.0, -5.1, -4.9, -1.0, 3.0],
    "softplus": [-60.0, -20.0, 3.0],
    "log_sigmoid": [60.0, 20.0, -3.0],
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("primitive", RELATIVE)
def test_small_values_keep_their_digits(on: Any, primitive: str, dtype: type) -> None:
    graph = elementwise(primitive, 1)
    inputs = {"x0": np.asarray(RELATIVE[primitive], dtype)}
    with on.precision(dtype):
        y, slopes = on.pulled(graph, inputs, list(inputs))
    want, want_slopes = reference(graph, inputs)
    change, bend = moved(graph, inputs)
    room = ROOM * np.finfo(dtype).eps
    assert np.all(np.abs(y - want) <= room * (np.abs(want) + change))
    gap = np.abs(slopes["x0"] - want_slopes["x0"])
    assert np.all(gap <= room * (np.abs(want_slopes["x0"]) + bend["x0"]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_derivative_of_lbeta_keeps_its_digits_beside_a_large_argument(
    on: Any, dtype: type
) -> None:
    """d/da log B(a, b) = digamma(a) - digamma(a + b), about -b / a for large a: by the integral
    mean of trigamma, -b * trigamma(a + b/2) to relative order (b/a)^2."""
    a, b = np.asarray([3.0, 1e3, 1e6, 1e9], dtype), np.asarray([1e-6, 1e-3, 0.5, 100.0], dtype)
    with on.precision(dtype):
        _, slopes = on.pulled(elementwise("lbeta", 2), {"x0": a, "x1": b}, ["x0"])
    middle = a.astype(np.float64) + 0.5 * b.astype(np.float64)
    want = -b.astype(np.float64) * special.polygamma(1, middle)
    # The gap of Stirling rests is taken at its midpoint or as a difference: see `_digamma_gap`.
    room = ROOM * max(np.finfo(dtype).eps, np.finfo(dtype).eps ** (2 / 3) / 10)
    np.testing.assert_allclose(slopes["x0"], want, rtol=room)


@pytest.mark.parametrize("dtype", DTYPES)
def test_log_gamma_draws(on: Any, dtype: type) -> None:
    """The error grows with the concentration up to eps^(-1/3), where the expansion takes over."""
    a = np.repeat([1e-6, 1e-3, 0.05, 0.3, 1, 2.5, 10, 30, 100, 1e3, 1e5, 1e7], 9)
    u = np.tile([1e-6, 1e-3, 0.05, 0.3, 0.5, 0.7, 0.95, 0.999, 1 - 1e-6], 12)
    with np.errstate(divide="ignore"):
        exact = np.log(special.gammaincinv(a, u))
    first_term = np.maximum((np.log(u) + special.gammaln(a + 1)) / a, -1e5)
    draws = np.where(a < 0.1, first_term, exact)
    graph = elementwise("implicit", 2, sampler="log_gamma")
    inputs = {"x0": draws.astype(dtype), "x1": a.astype(dtype)}
    with on.precision(dtype):
        y, slopes = on.pulled(graph, inputs, list(inputs))
    np.testing.assert_array_equal(y, inputs["x0"])
    np.testing.assert_array_equal(slopes["x0"], 0.0)
    want = reference(graph, inputs)[1]["x1"]
    _, bend = moved(graph, inputs)
    eps = float(np.finfo(dtype).eps)
    room = ROOM * eps * (1 + np.minimum(a, eps ** (-1 / 3)) / 10)
    assert np.all(np.abs(slopes["x1"] - want) <= room * (np.abs(want) + bend["x1"]))


@pytest.mark.parametrize("primitive", ["xlogy", "xlog1py"])
def test_nothing_times_an_infinite_logarithm(on: Any, primitive: str) -> None:
    end = 0.0 if primitive == "xlogy" else -1.0
    inputs = {"x0": np.zeros(3, np.float32), "x1": np.array([end, np.inf, end + 2], np.float32)}
    y, slopes = on.pulled(elementwise(primitive, 2), inputs, ["x1"])
    np.testing.assert_array_equal(y, 0.0)
    np.testing.assert_array_equal(slopes["x1"], 0.0)


def test_a_beta_density_of_large_parameters(on: Any) -> None:
    """log Beta(1e6, 1e6) at 0.5: 2 (a - 1) log 0.5 - lbeta, 7.0285 by the identity of Stirling."""
    with on.precision(np.float64):
        y = on.value(elementwise("lbeta", 2), {"x0": np.array([1e6]), "x1": np.array([1e6])}, {})
    assert 2 * (1e6 - 1) * np.log(0.5) - y[0] == pytest.approx(7.0285, abs=1e-4)


# --- the rest: shapes, reductions, booleans, integers ---------------------------------------------


def _cases() -> dict[str, Any]:
    """For each primitive, functions that apply it to operands of a small graph."""
    k, n = Size.of(3), Size.of("n")

    def each(names: str, *arguments: str, **attrs: Any) -> dict[str, Any]:
        def case(name: str) -> Any:
            return [lambda b, v: b.op(name, *(v[a] for a in arguments), **attrs)]

        return {name: case(name) for name in names.split()}

    def axes(name: str, operand: str = "x") -> Any:
        chosen = ((-1,), (-2,), (-1, -2), (-1, -2, -3))
        return [lambda b, v, a=a: b.op(name, v[operand], axes=a) for a in chosen]

    def axis(name: str) -> Any:
        return [lambda b, v, a=a: b.op(name, v["x"], axis=a) for a in (-1, -2, -3)]

    return {
        **{name: axes(name) for name in "sum prod max min logsumexp".split()},
        **{name: axes(name, "p") for name in "any all".split()},
        **{name: axis(name) for name in "argmax argmin cumsum softmax log_softmax flip".split()},
        **each("eq ne lt le gt ge", "i", "j"),
        **each("logical_and logical_or logical_xor", "p", "q"),
        **each("logical_not", "p"), **each("isfinite isnan floor ceil round sign", "x"),
        **each("floordiv", "i", "j1"),
        **each("where", "p", "x", "z"), **each("stop_gradient", "x"),
        "cast": [
            lambda b, v: b.cast(v["i"], "f32"), lambda b, v: b.cast(v["p"], "f32"),
            lambda b, v: b.cast(v["z"], "i32"), lambda b, v: b.cast(v["i"], "bool"),
            lambda b, v: b.cast(b.dim(n + 1), "f32"),
        ],
        "sum of booleans": [lambda b, v: b.op("sum", v["p"], axes=(-1,))],
        "arithmetic of booleans": [lambda b, v: v["p"] + v["q"]],
        "integers": [lambda b, v: b.op("square", v["i"]) * 2 - v["j"]],
        "reshape": [
            lambda b, v: b.op("reshape", v["x"], shape=(n * 2, k)),
            lambda b, v: b.op("reshape", b.op("sum", v["w"], axes=(-1, -2)), shape=()),
        ],
        "broadcast_to": [
            lambda b, v: b.op("broadcast_to", v["w"], shape=(n, k, k)),
            lambda b, v: b.full(2.5, Tensor("f32", (), (n, k))),
            lambda b, v: b.full(0.0, Tensor("f32", (), (k,))),
            lambda b, v: b.full(3, Tensor("i32", (), (k, k))),
        ],
        "expand_dims": [
            lambda b, v, a=a: b.op("expand_dims", v["x"], axis=a) for a in (-1, -2, -3, -4)
        ],
        "squeeze": [
            lambda b, v, a=a: b.op("squeeze", b.op("expand_dims", v["x"], axis=a), axis=a)
            for a in (-1, -3)
        ],
        "transpose": [
            lambda b, v: b.op("transpose", v["w"], perm=(-1, -2)),
            lambda b, v: b.op("transpose", v["x"], perm=(-1, -3, -2)),
            lambda b, v: b.op("transpose", v["x"], perm=(-3, -2, -1)),
        ],
        "concat": [
            lambda b, v, a=a: b.op("concat", v["x"], v["z"], axis=a) for a in (-1, -2, -3)
        ],
        "stack": [lambda b, v, a=a: b.op("stack", v["x"], v["z"], axis=a) for a in (-1, -4)],
        "slice": [
            lambda b, v: b.op("slice", v["x"], axis=-1, start=Size.of(1), stop=k, step=1),
            lambda b, v: b.op("slice", v["x"], axis=-3, start=Size.of(0), stop=n - 1, step=2),
        ],
        "index": [
            lambda b, v: b.op("index", v["x"], axis=-1, at=Size.of(-1)),
            lambda b, v: b.op("index", v["x"], axis=-3, at=n - 1),
        ],
        "take": [lambda b, v, a=a: b.op("take", v["x"], v["at"], axis=a) for a in (-1, -2, -3)],
        "take_along": [
            lambda b, v: b.op("take_along", v["x"], v["i01"], axis=-1),
            lambda b, v: b.op("take_along", v["x"], v["row"], axis=-2),
            lambda b, v: b.op("take_along", v["v"], b.const(1, "i32"), axis=-1),
        ],
        "one_hot": [lambda b, v: b.op("one_hot", v["i01"], depth=k)],
        "arange": [lambda b, v: b.op("arange", size=n * 2)],
        "eye": [lambda b, v: b.op("eye", size=k)],
        "dim": [lambda b, v: b.dim(n * 2 + 1)],
        "matmul": [
            lambda b, v: v["x"] @ v["w"], lambda b, v: v["v"] @ v["w"],
            lambda b, v: v["w"] @ v["v"], lambda b, v: v["v"] @ v["v"],
        ],
        "a constant array": [lambda b, v: v["v"] * b.const((0.5, -1.0, 2.0))],
        "numbers of Python": [
            lambda b, v: b.const(1.0) / b.const(0.25) + b.cast(b.dim(n), "f32"),
            lambda b, v: b.op("exp", b.const(0.5)) * b.op("log1mexp", b.const(2.0)),
            lambda b, v: b.op("sum", b.op("expand_dims", b.const(2.0), axis=-1), axes=(-1,)),
        ],
    }  # fmt: skip


CASES = _cases() | {"mod": [lambda b, v: b.op("mod", v["i"], v["j1"])]}
NUMBERED = [(name, i) for name, cases in CASES.items() for i in range(len(cases))]


def small(name: str, number: int) -> tuple[Graph, dict[str, Array]]:
    rng = np.random.default_rng(7)
    b = Builder("small", "function", hypers=[("n", None)])
    n, k = Size.of("n"), Size.of(3)
    types = {
        "x": Tensor("f32", (), (n, Size.of(2), k)), "z": Tensor("f32", (), (n, Size.of(2), k)),
        "v": Tensor("f32", (), (k,)), "w": Tensor("f32", (), (k, k)),
        "i": Tensor("i32", (), (n, k)), "j": Tensor("i32", (), (n, k)),
        "j1": Tensor("i32", (), (n, k)), "i01": Tensor("i32", (), (n, Size.of(2))),
        "row": Tensor("i32", (), (Size.of(1), k)), "at": Tensor("i32", (), (Size.of(2), n)),
        "p": Tensor("bool", (), (n, Size.of(2), k)), "q": Tensor("bool", (), (n, Size.of(2), k)),
    }  # fmt: skip
    values: dict[str, Value] = {key: b.data(key, type_) for key, type_ in types.items()}
    b.output("y", CASES[name][number](b, values))
    inputs: dict[str, Array] = {}
    for key, type_ in types.items():
        shape = tuple(s.evaluate({"n": 4}) or 0 for s in type_.shape)
        if type_.dtype == "f32":
            inputs[key] = rng.normal(size=shape)
        elif type_.dtype == "bool":
            inputs[key] = rng.random(shape) < 0.5
        else:
            low, high = {"i": (-4, 5), "j": (-4, 5), "j1": (1, 4)}.get(key, (0, 2))
            inputs[key] = rng.integers(low, high, shape)
    return b.build(), inputs


@pytest.mark.parametrize(("name", "number"), NUMBERED)
def test_backends_on_small_arrays(on: Any, name: str, number: int) -> None:
    graph, inputs = small(name, number)
    want = evaluate(graph, inputs, sizes={"n": 4})["y"]
    floats = [key for key in inputs if inputs[key].dtype.kind == "f"]

    def cotangent(y: Array) -> Array:
        return np.random.default_rng(1).normal(size=y.shape)

    with on.precision(np.float64):
        y, slopes = on.pulled(graph, inputs, floats, cotangent, sizes={"n": 4})
    np.testing.assert_allclose(y, want, rtol=1e-13, atol=1e-14)
    assert y.shape == want.shape and y.dtype.kind == want.dtype.kind
    if y.dtype.kind != "f":
        return
    _, wanted = value_and_gradient(
        graph, inputs, "y", floats, cotangent=cotangent(y), sizes={"n": 4}
    )
    for key in floats:
        np.testing.assert_allclose(slopes[key], wanted[key], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("name", "number"), NUMBERED)
def test_single_precision_stays_single(on: Any, name: str, number: int) -> None:
    graph, inputs = small(name, number)
    narrow = {k: x.astype(np.float32) if x.dtype.kind == "f" else x for k, x in inputs.items()}
    y = on.value(graph, narrow, {"n": 4})
    assert y.dtype in (np.float32, np.int32, np.bool_)


def on_host(graph: Graph, inputs: Mapping[str, Array]) -> Any:
    names = Names(["inputs"])
    given = names.all([node.name for node in graph.data])
    body, outputs = emit_body(
        graph, table=host.TABLE, inputs={k: Name(v) for k, v in given.items()},
        sizes={"n": Constant(4)}, names=names,
    )  # fmt: skip
    result = Dict(tuple((Constant(key), value) for key, value in outputs.items()))
    params = tuple(Param(name) for name in given.values())
    function = FunctionDef("evaluate", params, (*body, Return(result)))
    module = Module((*host.imports_used(function), function))
    space: dict[str, Any] = {}
    exec(print_module(module), space)  # noqa: S102  # what is under test
    return space["evaluate"](**{given[k]: x for k, x in inputs.items() if k in given})["y"]


def _covered(name: str, number: int) -> bool:
    graph, _ = small(name, number)
    return all(host.covers(node.primitive) for node in graph.nodes if isinstance(node, Op))


@pytest.mark.parametrize(("name", "number"), [case for case in NUMBERED if _covered(*case)])
def test_the_host_on_small_arrays(name: str, number: int) -> None:
    graph, inputs = small(name, number)
    want = evaluate(graph, inputs, sizes={"n": 4})["y"]
    got = np.asarray(on_host(graph, inputs))
    np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-14)
    assert got.shape == want.shape and got.dtype.kind == want.dtype.kind


@pytest.mark.parametrize("primitive", [name for name in SMOOTH if host.covers(name)])
def test_the_host_over_a_domain(primitive: str) -> None:
    operands = _domains(np.float64)[primitive]
    graph = elementwise(primitive, len(operands))
    inputs = {f"x{i}": x for i, x in enumerate(operands)}
    change, _ = moved(graph, inputs)
    with np.errstate(all="ignore"):
        got = on_host(graph, inputs)
    compare(primitive, got, reference(graph, inputs)[0], change, np.float64)


def test_every_primitive_is_tried() -> None:
    tried = set(SMOOTH) | set(CASES) | {"implicit"}
    assert set(PRIMITIVES) - NAMED_AXIS_PRIMITIVES <= tried
