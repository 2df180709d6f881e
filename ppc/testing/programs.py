"""The functions of whole emitted programs, on the models of the kit.

What is a function of its arguments is compared with the reference, value and gradient, in float32
and float64. What draws with a key is compared in distribution, element by element, and has to
depend on the key and on nothing else.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ppc_numpy.evaluate import evaluate
from ppc_numpy.machine import Machine
from ppc_numpy.points import complete

from ppc.backend import Backend
from ppc.emit.module.interface import Interface
from ppc.emit.program import Program
from ppc.ir.nodes import Graph, Noise
from ppc.ir.reach import reached
from ppc.testing import models
from ppc.testing.checks import PASSED, Check, refusal, usual, widths
from ppc.testing.distributions import same_distribution
from ppc.testing.rounding import bounds, compare, reference

Array = NDArray[Any]

DRAWS = 2000
KEYS = 300  # of what is drawn once a call
ROWS = 5
AVERAGES = 32  # of draws, each over DRAWS / AVERAGES


def checks(backend: Backend) -> Iterator[Check]:
    """The checks of every function that programs have."""
    yield Check("program/every function is tried", every_function_is_tried)
    for model in models.ASKED:
        program = models.program_for(backend, model)
        drawn = any(n.drawn for n in program.noise)
        for dtype in widths(backend)[: 1 if drawn else 2]:  # samplers take long to compile
            name = dtype.__name__
            yield Check(f"program/{model}/loss/{name}", partial(loss, backend, model, dtype))
        yield Check(f"program/{model}/init_params", partial(init_params, backend, model))
        if drawn:
            yield Check(f"program/{model}/draw_rest", partial(draw_rest, backend, model))
        for function, graph in program.functions.items():
            if function not in models.TRIED[model]:
                continue
            label = f"program/{model}/{function}"
            if function == "predict_mean":
                yield Check(label, partial(means, backend, model, function))
            elif _random(graph):
                yield Check(label, partial(draws, backend, model, function))
            else:
                for dtype in widths(backend):
                    run = partial(values, backend, model, function, dtype)
                    yield Check(f"{label}/{dtype.__name__}", run)


def every_function_is_tried() -> str:
    """A function that is added to programs needs a model on which it is tried."""
    tried = {function for functions in models.TRIED.values() for function in functions}
    known = {function for model in models.ASKED for function in models.program(model).functions}
    assert tried == known, f"not tried: {known - tried}; gone: {tried - known}"
    return PASSED


def _random(graph: Graph) -> bool:
    needed = reached(graph, [name for _, name in graph.outputs], samples=False)
    return any(isinstance(node, Noise) and node.name in needed for node in graph.nodes)


@dataclass(frozen=True, slots=True)
class Emitted:
    """A program of the kit as a module of a backend, in one precision."""

    backend: Backend
    program: Program
    text: str
    module: ModuleType
    dtype: type

    def precision(self) -> AbstractContextManager[None]:
        """In which everything of it is called."""
        return self.backend.precision(self.module, self.dtype)

    def array(self, x: Array) -> Any:
        """An array of the library."""
        return self.backend.runner.array(np.asarray(x, np.int32 if x.dtype.kind in "iu" else None))

    def params(self, arrays: Mapping[str, Any]) -> Any:
        """`Params` of the module, from an array for each parameter."""
        io = Interface(self.program, self.backend.dialect())
        return io.filled(self.module.Params, arrays.__getitem__)

    def by_name(self, params: Any) -> dict[str, Any]:
        """The arrays of a `Params`, by parameter."""
        return Interface(self.program, self.backend.dialect()).by_name(params)

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes that the data do not fix."""
        return {name: value or 2 for name, value in self.program.hypers.items()}


@functools.cache
def emitted(backend: Backend, model: str, dtype: type, use: str = "") -> Emitted:
    """A program of the kit; one of each `use` is a module of its own."""
    program = models.program_for(backend, model)
    text = backend.emit(program)
    module = backend.load(text, f"kit_{model}_{dtype.__name__}{use}")
    return Emitted(backend, program, text, module, dtype)


@dataclass(frozen=True, slots=True)
class Point:
    """Arguments of a function: what its graph reads, and the parameters that it does not."""

    inputs: Mapping[str, Array]
    params: Mapping[str, Array]
    data: Mapping[str, Array]  # of a loss: the columns as `prepare` takes them
    sizes: Mapping[str, int]


def point(it: Emitted, graph: Graph, seed: int, **sizes: int) -> Point:
    """Random arguments of a positional graph, which float32 holds exactly.

    What `prepare` computes of the data is computed of them.
    """
    rng = np.random.default_rng(seed)
    known = {**it.sizes, **sizes}
    data: dict[str, Array] = {}
    made: dict[str, Array] = {}
    if it.program.prepare is not None and graph is it.program.loss:
        machine = Machine(it.program.prepare, {}, sizes=known)
        complete(machine, rng)
        data = {name: _single(machine.values[name]) for name in machine.given}
        made = evaluate(it.program.prepare, data, sizes=machine.env.sizes)
    given = {name: x for name, x in {**data, **made}.items() if name in graph.by_name()}
    machine = Machine(graph, given, sizes=known)
    complete(machine, rng)
    inputs = {name: _single(machine.values[name]) for name in machine.given} | given
    data = {c.name: {**inputs, **data}[c.name] for c in it.program.columns
            if c.given and graph is it.program.loss}  # fmt: skip
    everywhere = {**dict.fromkeys(_open(it.program), ROWS), **machine.env.sizes}
    params = {}
    for p in it.program.parameters:
        shape = tuple(size.evaluate(everywhere) for size in p.shape)
        params[p.name] = inputs.get(p.name, np.zeros([n or ROWS for n in shape], np.float32))
    return Point(inputs, params, data, machine.env.sizes)


def _open(program: Program) -> set[str]:
    return {name for p in program.parameters for size in p.shape for name in size.names}


def _single(x: Array) -> Array:
    return x.astype(np.float32) if x.dtype.kind == "f" else x


# --- functions of their arguments ----------------------------------------------------------------


def values(backend: Backend, model: str, function: str, dtype: type) -> str:
    """A function without noise and its gradient."""
    if words := refusal(backend, models.program_for(backend, model)):
        return words
    it = emitted(backend, model, dtype)
    graph = it.program.functions[function]
    at = point(it, graph, 1)

    def called(moving: Mapping[str, Any], still: Mapping[str, Any]) -> dict[str, Any]:
        found = _called(it, function, at, moving, still)
        return found if isinstance(found, dict) else {function: found}

    every = {**at.params, **at.inputs}
    _agrees(it, graph, at, called, [n for n, x in every.items() if x.dtype.kind == "f"])
    return PASSED


def _called(
    it: Emitted,
    function: str,
    at: Point,
    moving: Mapping[str, Any],
    still: Mapping[str, Any],
    key: Any = None,
) -> Any:
    """A function of the program, of arrays in the order of its graph."""
    graph = it.program.functions[function]
    own = getattr(it.module, function)
    arrays = {**still, **moving}
    used = reached(graph, [name for _, name in graph.outputs], samples=False)
    given = [arrays[d.name] for d in graph.data if d.name in used and d.name not in at.params]
    names = inspect.signature(own).parameters
    first = [it.params(arrays), *([key] if "key" in names else [])]
    sizes = {n: at.sizes[n] for n, p in names.items() if p.kind is p.KEYWORD_ONLY}
    return own(*first, *given, **sizes)


Called = Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]


def _agrees(it: Emitted, graph: Graph, at: Point, called: Called, floats: Sequence[str]) -> None:
    """Raise AssertionError where a function differs from its graph by more than rounding.

    `floats` are the arguments in which gradients are compared.
    """
    runner = it.backend.runner
    every = {**at.params, **at.inputs}
    outputs = [name for name, _ in graph.outputs]
    wrt = [name for name in floats if name in graph.by_name()]
    exact = reference(graph, at.inputs, wrt, sizes=at.sizes)
    moves = bounds(graph, at.inputs, wrt, exact, sizes=at.sizes)
    with it.precision():
        moving = {name: it.array(every[name]) for name in floats}
        still = {name: it.array(x) for name, x in every.items() if name not in moving}
        seeds = {name: np.ones(exact[f"value {name}"].shape) for name in outputs}
        if it.backend.has("pulled"):
            found, slopes = runner.pulled(lambda moving: called(moving, still), moving, seeds)
        else:
            found, slopes, wrt = called(moving, still), {}, []
        got = {f"value {name}": runner.numpy(x) for name, x in found.items()}
        got |= {f"gradient in {name}": runner.numpy(slopes[name]) for name in wrt}
    compare(got, {name: exact[name] for name in got}, moves, it.dtype)


def loss(backend: Backend, model: str, dtype: type) -> str:
    """The terms of the loss and their gradients, from given noise; and their sum."""
    if words := refusal(backend, models.program_for(backend, model)):
        return words
    it = emitted(backend, model, dtype)
    at = point(it, it.program.loss, 2)

    def terms(moving: Mapping[str, Any], still: Mapping[str, Any]) -> dict[str, Any]:
        arrays = {**still, **moving}
        found: dict[str, Any] = it.module.loss_terms(it.params(arrays), **_of_loss(it, at, arrays))
        return found

    _agrees(it, it.program.loss, at, terms, list(at.params))
    runner = it.backend.runner
    with it.precision():
        arrays = {name: it.array(x) for name, x in {**at.params, **at.inputs}.items()}
        given = _of_loss(it, at, arrays)
        params = it.params(arrays)
        parts = [runner.numpy(x) for x in it.module.loss_terms(params, **given).values()]
        total = runner.numpy(it.module.loss(params, **given))
    room = len(parts) * np.finfo(dtype).eps * np.sum(np.abs(parts))
    assert total.shape == () and abs(total - np.sum(parts)) <= room, "`loss` is not the sum"
    return PASSED


def _of_loss(it: Emitted, at: Point, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """What `loss_terms` takes besides the parameters; the data by way of `prepare`."""
    program = it.program
    taken = inspect.signature(it.module.loss_terms).parameters
    given: dict[str, Any] = {"noise": it.module.Noise(*(arrays[n.name] for n in program.noise))}
    given["batch" if "batch" in taken else "data"] = it.module.prepare(*at.data.values())
    for name in it.program.weights.values():
        given["weight"] = arrays[name]  # the models of the kit have one plate
    return {name: x for name, x in given.items() if name in taken}


# --- functions of a key --------------------------------------------------------------------------


def _keyed(
    it: Emitted, call: Callable[[Mapping[str, Any], Any], dict[str, Any]], at: Point
) -> Callable[[int], dict[str, Array]]:
    """A function of arrays and a key as one of a seed."""
    runner = it.backend.runner
    arrays = {name: it.array(x) for name, x in {**at.params, **at.inputs}.items()}
    compiled = runner.compiled(call)

    def run(seed: int) -> dict[str, Array]:
        found = compiled(arrays, runner.key(seed))
        return {name: runner.numpy(x) for name, x in found.items()}

    return run


def _depends_on_the_key(run: Callable[[int], dict[str, Array]]) -> dict[str, Array]:
    """The results for a seed, which are those of no other."""
    first, again, other = run(1), run(1), run(2)
    for name, x in first.items():
        np.testing.assert_array_equal(again[name], x, err_msg="the same key, other results")
        assert (other[name] != x).any(), f"another key gives the same {name}"
    return first


def draws(backend: Backend, model: str, function: str) -> str:
    """Joint draws have the distribution that the reference gives them, from given noise."""
    if words := refusal(backend, models.program_for(backend, model)):
        return words
    it = emitted(backend, model, usual(backend))
    graph = it.program.functions[function]
    at = point(it, graph, 3, draws=DRAWS)
    with it.precision():
        found = _depends_on_the_key(
            _keyed(it, lambda x, key: _called(it, function, at, {}, x, key), at)
        )
    want = _again(graph, at, np.random.default_rng(9))
    for name, x in want.items():
        site = name.partition(".")[0]
        assert found[site].shape == x.shape, f"{site} has shape {found[site].shape}"
        # Rounded alike: what saturates in single precision ties there.
        same_distribution(found[site], x.astype(found[site].dtype), f"{function} of {site}")
    return PASSED


def means(backend: Backend, model: str, function: str) -> str:
    """Averages over draws, which have the mean and the spread of those of the reference."""
    if words := refusal(backend, models.program_for(backend, model)):
        return words
    it = emitted(backend, model, usual(backend))
    graph = it.program.functions[function]
    at = point(it, graph, 3, draws=DRAWS // AVERAGES)
    rng = np.random.default_rng(9)
    with it.precision():
        run = _keyed(it, lambda x, key: _called(it, function, at, {}, x, key), at)
        found = [run(seed) for seed in range(AVERAGES)]
    want = [_again(graph, at, rng) for _ in range(AVERAGES)]
    for name in want[0]:
        ours, theirs = ([one[n] for one in each] for each, n in
                        ((found, name.partition(".")[0]), (want, name)))  # fmt: skip
        a, b = np.asarray(ours, np.float64), np.asarray(theirs)
        assert a.shape == b.shape, f"{name} has shape {a.shape[1:]}"
        apart = np.abs(a.mean(0) - b.mean(0))
        spread = np.sqrt((a.var(0, ddof=1) + b.var(0, ddof=1)) / AVERAGES)
        # Six standard errors, and the rounding of sums where nothing is drawn.
        room = 6 * spread + DRAWS * np.finfo(np.float32).eps * (np.abs(b).mean(0) + 1e-3)
        assert (apart <= room).all(), f"{function} of {name}: {apart} apart, at most {room}"
    return PASSED


def _again(graph: Graph, at: Point, rng: np.random.Generator) -> dict[str, Array]:
    """The outputs of a graph with fresh noise."""
    noise = {node.name for node in graph.nodes if isinstance(node, Noise)}
    still = {name: x for name, x in at.inputs.items() if name not in noise}
    machine = Machine(graph, still, sizes=at.sizes)
    complete(machine, rng)
    machine.run([name for _, name in graph.outputs])
    return {name: machine.values[node] for name, node in graph.outputs}


def init_params(backend: Backend, model: str) -> str:
    """The initial parameters: numbers, and draws from the key."""
    if words := refusal(backend, models.program_for(backend, model)):
        return words
    it = emitted(backend, model, usual(backend))
    graph = it.program.init
    columns = point(it, it.program.loss, 2).data
    own = it.module.init_params
    known = inspect.signature(own).parameters

    def called(_: Mapping[str, Any], key: Any) -> dict[str, Any]:
        given = {"key": key, "data": it.module.prepare(*columns.values())}
        if it.program.hypers:
            given["sizes"] = it.module.Sizes(**it.sizes)
        return it.by_name(own(**{name: x for name, x in given.items() if name in known}))

    sizes = dict(it.sizes)
    for column in it.program.columns:
        if column.name in columns:
            shape = zip(column.shape, columns[column.name].shape, strict=True)
            sizes |= {size.name: n for size, n in shape if size.name is not None}
    nothing = Point({}, {}, {}, sizes)
    rng = np.random.default_rng(4)
    with it.precision():
        run = _keyed(it, called, nothing)
        if not _random(graph):
            found = run(0)
            for name, x in _again(graph, nothing, rng).items():
                np.testing.assert_allclose(found[name], x, rtol=1e-6, err_msg=name)
                assert found[name].dtype == it.dtype and found[name].shape == x.shape, name
            return PASSED
        _same_over_keys(it, run, lambda: _again(graph, nothing, rng), "init_params")
    return PASSED


def draw_rest(backend: Backend, model: str) -> str:
    """The noise of a step whose distribution depends on the parameters."""
    if words := refusal(backend, models.program_for(backend, model)):
        return words
    it = emitted(backend, model, usual(backend))
    graph = it.program.loss
    at = point(it, graph, 2)
    drawn = [n.name for n in it.program.noise if n.drawn]
    fields = dict(zip((n.name for n in it.program.noise), it.module.Noise._fields, strict=True))

    def called(arrays: Mapping[str, Any], key: Any) -> dict[str, Any]:
        given = _of_loss(it, at, arrays)
        noise = given.pop("noise")._replace(**{fields[name]: None for name in drawn})
        rest = it.module.draw_rest(it.params(arrays), noise, *given.values(), key)
        return {name: getattr(rest, fields[name]) for name in drawn}

    def fresh() -> dict[str, Array]:
        still = {name: x for name, x in at.inputs.items() if name not in drawn}
        machine = Machine(graph, still, sizes=at.sizes)
        complete(machine, rng)
        return {name: machine.values[name] for name in drawn}

    rng = np.random.default_rng(5)
    with it.precision():
        _same_over_keys(it, _keyed(it, called, at), fresh, "draw_rest")
    return PASSED


def _same_over_keys(
    it: Emitted,
    run: Callable[[int], dict[str, Array]],
    fresh: Callable[[], dict[str, Array]],
    label: str,
) -> None:
    """Raise AssertionError where many calls do not have the distribution of the reference."""
    found = [run(seed) for seed in range(KEYS)]
    want = [fresh() for _ in range(KEYS)]
    for name in want[0]:
        ours, theirs = np.stack([x[name] for x in found]), np.stack([x[name] for x in want])
        assert ours.shape == theirs.shape and ours.dtype == it.dtype, name
        same_distribution(ours, theirs, f"{label}: {name}")
