"""Every primitive on a backend: value and gradient, float32 and float64, empty and single axes.

The reference is NumPy and SciPy in float64 with a derivative rule of its own for each primitive.
An operand is exact in both, so what may differ is rounding: ROOM units in the last place of the
result, of what a relative change of one unit in the operands makes of it (its condition), and of
1, the scale of the functions that cross zero. XLA's log1p alone errs by up to 75 units in float64
(at 0.67, 3 of condition), which is what ROOM is for; float32 has the same room.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ppc_numpy.evaluate import evaluate, value_and_gradient

from ppc.backend import Backend
from ppc.diagnostics import InternalError
from ppc.ir.build import Builder
from ppc.ir.nodes import Graph
from ppc.ir.primitives import NAMED_AXIS_PRIMITIVES, PRIMITIVES
from ppc.ir.sizes import Size
from ppc.ir.types import Tensor
from ppc.testing.arrays import Case, cases, together
from ppc.testing.checks import PASSED, Check, coarser, compiles_nothing, refusal, widest, widths
from ppc.testing.domains import RELATIVE, domains
from ppc.testing.runs import Run

Array = NDArray[Any]
Slopes = tuple[Array, dict[str, Array]]

ROOM = 128.0
LENGTHS = {"": 4, "/one": 1, "/empty": 0}  # of the axis that a case calls n


def checks(backend: Backend) -> Iterator[Check]:
    """The checks of all primitives that there are."""
    yield Check("primitive/every one is tried", every_one_is_tried)
    for dtype in widths(backend):
        for name in domains(dtype):
            label = f"primitive/{name}/{dtype.__name__}"
            yield Check(label, partial(over_its_domain, backend, name, dtype))
        for name in RELATIVE:
            label = f"primitive/{name}/{dtype.__name__}/small values"
            yield Check(label, partial(small_values, backend, name, dtype))
        label = f"primitive/implicit/{dtype.__name__}"
        yield Check(label, partial(log_gamma_draws, backend, dtype))
    for name in _numbered():
        for suffix, n in LENGTHS.items():
            yield Check(f"primitive/{name}{suffix}", partial(on_small_arrays, backend, name, n))


@functools.cache
def _numbered() -> dict[str, Case]:
    """The cases of small arrays by name and number: "sum/2"."""
    return {f"{name}/{i}": case for name, own in cases().items() for i, case in enumerate(own)}


def every_one_is_tried() -> str:
    """A primitive that is added needs a domain or a case."""
    tried = {*domains(np.float64), *cases(), "implicit"}
    untried = sorted(set(PRIMITIVES) - NAMED_AXIS_PRIMITIVES - tried)
    assert not untried, (
        f"no data for the primitive {', '.join(untried)}: "
        "add a row to ppc.testing.domains, or a case to ppc.testing.arrays"
    )
    return PASSED


def elementwise(primitive: str, count: int, **attrs: Any) -> Graph:
    """The graph of a primitive on `count` vectors x0, x1, ..., all of one size; its output is y."""
    b = Builder(primitive, "function")
    _apply(b, primitive, "", count, **attrs)
    return b.build()


def _apply(b: Builder, primitive: str, label: str, count: int, **attrs: Any) -> None:
    type_ = Tensor("f32", (), (Size.of(f"{label}n"),))
    operands = [b.data(f"{label}x{i}", type_) for i in range(count)]
    b.output(f"{label}y", b.op(primitive, *operands, **attrs))


def on_reference(graph: Graph, inputs: Mapping[str, Array]) -> Slopes:
    """`y` of an elementwise graph and its derivatives, in float64."""
    wide = {name: x.astype(np.float64) for name, x in inputs.items()}
    with np.errstate(all="ignore"):
        ones = np.ones(len(next(iter(inputs.values()))))
        return value_and_gradient(graph, wide, "y", list(inputs), cotangent=ones)


def on_backend(backend: Backend, graph: Graph, inputs: Mapping[str, Array], dtype: type) -> Slopes:
    """The same on a backend."""
    ones = {"y": np.ones(len(next(iter(inputs.values()))))}
    y, slopes = Run(backend).pulled(graph, inputs, list(inputs), dtype, cotangents=ones)
    return y["y"], slopes


@functools.cache
def over_all_domains(backend: Backend, dtype: type) -> dict[str, Slopes]:
    """`y` and its derivatives for every primitive that the backend has, compiled together.

    Empty where that fails: then each is tried alone, and it shows which one it was. So it is where
    nothing is compiled, which would only take longer.
    """
    if compiles_nothing(backend):
        return {}
    b = Builder("domains", "function")
    inputs: dict[str, Array] = {}
    table = backend.dialect().table
    labels = {name: f"c{i}" for i, name in enumerate(domains(dtype)) if table.covers(name)}
    for name, own in labels.items():
        operands = domains(dtype)[name]
        _apply(b, name, f"{own}_", len(operands))
        inputs |= {f"{own}_x{i}": x.astype(dtype) for i, x in enumerate(operands)}
    ones = {f"{own}_y": np.ones(len(inputs[f"{own}_x0"])) for own in labels.values()}
    with suppress(Exception):
        y, slopes = Run(backend).pulled(b.build(), inputs, list(inputs), dtype, cotangents=ones)
        return {name: (y[f"{own}_y"], _of(own, slopes)) for name, own in labels.items()}
    return {}


def _of(label: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays of one of several that are compiled together, by its own names."""
    start = f"{label}_"
    return {n.removeprefix(start): x for n, x in arrays.items() if n.startswith(start)}


def moved(graph: Graph, inputs: Mapping[str, Array]) -> Slopes:
    """How far results move, a unit of relative change of each operand."""
    h = 2.0**-20
    y, slopes = on_reference(graph, inputs)
    change, bend = np.zeros(y.shape), {name: np.zeros(y.shape) for name in inputs}
    with np.errstate(all="ignore"):
        for name, x in inputs.items():
            change += np.nan_to_num(np.abs(x * slopes[name]))
            for step in (1 - h, 1 + h):
                near = {**inputs, name: x.astype(np.float64) * step}
                for other, g in on_reference(graph, near)[1].items():
                    bend[other] = np.fmax(bend[other], np.abs(g - slopes[other]) / h)
    return change, {name: np.nan_to_num(b) for name, b in bend.items()}


def compare(label: str, got: Array, want: Array, moves: Array, dtype: type) -> None:
    """Raise AssertionError where results differ by more than rounding."""
    info = np.finfo(dtype)
    with np.errstate(all="ignore"):
        want = want.astype(dtype).astype(np.float64)  # infinite where it is too large
        allowed = ROOM * info.eps * (np.abs(want) + moves + 1.0) + info.tiny / info.eps
        error = np.abs(got.astype(np.float64) - want)
    wrong = ~((error <= allowed) | (got == want))
    assert not wrong.any(), f"{label}: {got[wrong][:4]} instead of {want[wrong][:4]}"


def over_its_domain(backend: Backend, primitive: str, dtype: type) -> str:
    """A smooth function, over its whole domain."""
    operands = domains(dtype)[primitive]
    graph = elementwise(primitive, len(operands))
    if words := refusal(backend, graph):
        return words
    inputs: dict[str, Array] = {f"x{i}": x.astype(dtype) for i, x in enumerate(operands)}
    found = over_all_domains(backend, dtype).get(primitive)
    y, slopes = found or on_backend(backend, graph, inputs, dtype)
    assert y.dtype == dtype, f"{primitive} of {dtype.__name__} is {y.dtype}"
    want, want_slopes = on_reference(graph, inputs)
    change, bend = moved(graph, inputs)
    compare(primitive, y, want, change, dtype)
    for name, slope in slopes.items():
        compare(f"d{primitive}/d{name}", slope, want_slopes[name], bend[name], dtype)
    return PASSED


def small_values(backend: Backend, primitive: str, dtype: type) -> str:
    """Values and derivatives keep their relative digits where they are small."""
    graph = elementwise(primitive, 1)
    if words := refusal(backend, graph):
        return words
    inputs: dict[str, Array] = {"x0": np.asarray(RELATIVE[primitive], dtype)}
    y, slopes = on_backend(backend, graph, inputs, dtype)
    want, want_slopes = on_reference(graph, inputs)
    change, bend = moved(graph, inputs)
    room = ROOM * np.finfo(dtype).eps
    wrong = np.abs(y - want) > room * (np.abs(want) + change)
    for name, slope in slopes.items():
        wrong |= np.abs(slope - want_slopes[name]) > room * (np.abs(want_slopes[name]) + bend[name])
    assert not wrong.any(), f"{primitive} loses digits at {inputs['x0'][wrong]}"
    return PASSED


def log_gamma_draws(backend: Backend, dtype: type) -> str:
    """The implicit derivative of Gamma draws, from tiny to large concentrations.

    Its error grows with the concentration up to eps^(-1/3), where an expansion is as good.
    """
    from scipy import special  # type: ignore[import-untyped]  # SciPy ships no types

    graph = elementwise("implicit", 2, sampler="log_gamma")
    if words := refusal(backend, graph):
        return words
    a = np.repeat([1e-6, 1e-3, 0.05, 0.3, 1, 2.5, 10, 30, 100, 1e3, 1e5, 1e7], 9)
    u = np.tile([1e-6, 1e-3, 0.05, 0.3, 0.5, 0.7, 0.95, 0.999, 1 - 1e-6], 12)
    with np.errstate(divide="ignore"):
        exact = np.log(special.gammaincinv(a, u))
    first_term = np.maximum((np.log(u) + special.gammaln(a + 1)) / a, -1e5)
    draws = np.where(a < 0.1, first_term, exact)
    inputs = {"x0": draws.astype(dtype), "x1": a.astype(dtype)}
    y, slopes = on_backend(backend, graph, inputs, dtype)
    np.testing.assert_array_equal(y, inputs["x0"])
    if not slopes:
        return PASSED
    np.testing.assert_array_equal(slopes["x0"], 0.0)
    want = on_reference(graph, inputs)[1]["x1"]
    _, bend = moved(graph, inputs)
    eps = float(np.finfo(dtype).eps)
    room = ROOM * eps * (1 + np.minimum(a, eps ** (-1 / 3)) / 10)
    wrong = np.abs(slopes["x1"] - want) > room * (np.abs(want) + bend["x1"])
    assert not wrong.any(), f"{slopes['x1'][wrong]} instead of {want[wrong]} at {a[wrong]}"
    return PASSED


def on_small_arrays(backend: Backend, name: str, n: int) -> str:
    """A primitive on small arrays: it agrees in the widest float, and each float stays itself."""
    graph, inputs = together({"y": _numbered()[name]}, n)
    if words := refusal(backend, graph):
        return words
    want = _small_reference(name, n)
    if want is None:
        assert n == 0  # no largest element, no element at n - 1
        return PASSED
    results, slopes = (
        _small_results(backend, n).get(name) or _small_result(backend, (name,), n)[name]
    )
    for dtype, y in results.items():
        whole = np.int32 if dtype is np.float32 else np.integer  # those beside float64 may be wide
        kinds = {"f": dtype, "i": whole, "b": np.bool_}
        right = np.issubdtype(y.dtype, kinds[want.dtype.kind])
        assert right, f"{y.dtype} where floats are {dtype.__name__}"
        assert y.shape == want.shape
    y = results[widest(backend)]
    if want.dtype.kind != "f":
        np.testing.assert_array_equal(y, want)
        return PASSED
    scale = coarser(widest(backend))
    np.testing.assert_allclose(y, want, rtol=scale * 1e-13, atol=scale * 1e-14)
    if not want.size or not slopes:
        return PASSED
    floats = [key for key, x in inputs.items() if x.dtype.kind == "f"]
    _, wanted = value_and_gradient(
        graph, inputs, "y", floats, cotangent=_seed(want), sizes={"n": n}
    )
    for key in floats:
        got = slopes[key.removeprefix("y_")]
        np.testing.assert_allclose(got, wanted[key], rtol=scale * 1e-12, atol=scale * 1e-13)
    return PASSED


def _seed(y: Array) -> Array:
    return np.random.default_rng(1).normal(size=y.shape)


def _small_reference(name: str, n: int) -> Array | None:
    """The value of a case, None where an empty array has none."""
    graph, inputs = together({"y": _numbered()[name]}, n)
    try:
        value: Array = evaluate(graph, inputs, sizes={"n": n})["y"]
    except (ValueError, IndexError, InternalError):
        return None
    return value


Small = tuple[dict[type, Array], dict[str, Array]]  # by float; derivatives in the widest


@functools.cache
def _small_results(backend: Backend, n: int) -> dict[str, Small]:
    """The results of every case that the backend has, compiled together; as `over_all_domains`."""
    if compiles_nothing(backend):
        return {}
    known = [
        name
        for name, case in _numbered().items()
        if _small_reference(name, n) is not None
        and not refusal(backend, together({"y": case}, n)[0])
    ]
    with suppress(Exception):
        return _small_result(backend, tuple(known), n)
    return {}


def _small_result(backend: Backend, names: tuple[str, ...], n: int) -> dict[str, Small]:
    """The results of some cases, compiled together."""
    labels = {name: f"c{i}" for i, name in enumerate(names)}
    run, sizes = Run(backend), {"n": n}
    graph, inputs = together({labels[name]: _numbered()[name] for name in names}, n)
    dtype = widest(backend)
    found = {
        other: run.value(graph, inputs, other, sizes=sizes)
        for other in widths(backend)
        if other is not dtype
    }
    kinds = {name: _small_reference(name, n) for name in names}
    # The gradient of nothing is not asked for: rules of libraries for gathers fail on it.
    smooth = [n_ for n_, y in kinds.items() if y is not None and y.size and y.dtype.kind == "f"]
    rest = {labels[name]: _numbered()[name] for name in names if name not in smooth}
    wide: dict[str, Array] = {}
    slopes: dict[str, Array] = {}
    if rest:
        wide |= run.value(*together(rest, n), dtype, sizes=sizes)
    if smooth:
        part, given = together({labels[name]: _numbered()[name] for name in smooth}, n)
        seeds = {labels[name]: _seed(y) for name in smooth if (y := kinds[name]) is not None}
        floats = [key for key, x in given.items() if x.dtype.kind == "f"]
        values, slopes = run.pulled(part, given, floats, dtype, cotangents=seeds, sizes=sizes)
        wide |= values
    found[dtype] = wide
    return {n_: ({d: y[k] for d, y in found.items()}, _of(k, slopes)) for n_, k in labels.items()}
