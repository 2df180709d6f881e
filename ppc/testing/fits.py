"""Whole fits on a backend: what they reach, what they repeat, what they write.

Where a loss takes no noise, a fit is a function of the data: it is compared with Adam in float64 on
the gradients of the reference. Fits are saved as arrays whose names and shapes do not depend on the
backend, so that any backend resumes what another has written.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ppc_numpy.evaluate import evaluate, value_and_gradient

from ppc.backend import Backend
from ppc.emit.module.interface import Interface
from ppc.ir.nodes import Graph
from ppc.testing import models
from ppc.testing.checks import PASSED, Check, coarser, refusal, usual, widest
from ppc.testing.programs import Emitted, emitted

Array = NDArray[Any]

ROWS = 7
BATCH = 3
STEPS = 12
RATE = 0.05


def checks(backend: Backend) -> Iterator[Check]:
    """The checks of fits."""
    yield Check("fit/adam", partial(follows_adam, backend))
    yield Check("fit/every row once an epoch", partial(visits_every_row, backend))
    yield Check("fit/closed form", partial(reaches_the_posterior, backend))
    for model in ("mean", "factors"):
        yield Check(f"fit/{model}/again", partial(repeats_itself, backend, model))
    for model in ("mean", "counts", "classes", "factors"):
        yield Check(f"fit/{model}/saved", partial(is_saved_for_everyone, backend, model))


def _sizes(it: Emitted) -> dict[str, int]:
    return {**it.sizes, **it.program.loss.sizes}


def _batches(it: Emitted) -> int:
    """The steps of an epoch."""
    return -(-ROWS // BATCH) if it.program.batches else 1


def _columns(it: Emitted, rows: int = ROWS) -> list[Array]:
    """Data in every support of the models of the kit."""
    rng = np.random.default_rng(0)
    found = []
    for column in it.program.columns:
        if column.given:
            shape = [size.evaluate(_sizes(it)) or (rows if i == 0 else 3)
                     for i, size in enumerate(column.shape)]  # fmt: skip
            whole = column.dtype != "f32"
            found.append(rng.integers(0, 2, shape) if whole else rng.normal(1.0, 0.5, shape))
    return found


def _fit(it: Emitted, data: Any, seed: int = 0, *, rows: int = BATCH, **options: Any) -> Any:
    if it.program.batches:
        options["batch_size"] = rows
    if it.program.hypers:
        options["sizes"] = it.module.Sizes(**it.sizes)
    options.setdefault("learning_rate", RATE)
    return it.module.fit(it.backend.runner.key(seed), data, **options)


def follows_adam(backend: Backend) -> str:
    """A fit without noise makes the steps of Adam (Kingma and Ba, 2015), epsilon 1e-8."""
    if words := refusal(backend, models.program_for(backend, "line")):
        return words
    it = emitted(backend, "line", widest(backend))
    (x,) = _columns(it)
    with it.precision():
        data = it.module.prepare(x)
        fit = _fit(it, data, epochs=STEPS, rows=ROWS)
        got = {n: backend.runner.numpy(a) for n, a in it.by_name(fit.params).items()}
    want, losses = _adam(it, {"x": x})
    # Rounding, of a dozen steps: a step is RATE whatever the gradient, so nothing grows.
    room = 1e-11 * coarser(it.dtype)
    np.testing.assert_allclose(fit.losses, losses, rtol=room)
    for name, value in want.items():
        np.testing.assert_allclose(got[name], value, rtol=room, atol=room, err_msg=name)
    return PASSED


def _adam(it: Emitted, data: Mapping[str, Array]) -> tuple[dict[str, Array], Array]:
    """The parameters after STEPS on all rows, and the loss before each."""
    names = [p.name for p in it.program.parameters]
    params = dict(evaluate(it.program.init, {}, sizes=_sizes(it)))
    moments = {name: (np.zeros_like(x), np.zeros_like(x)) for name, x in params.items()}
    losses = []
    for step in range(1, STEPS + 1):
        value, grads = _total(it.program.loss, {**data, **params, **_weights(it)}, names)
        losses.append(value)
        for name, g in grads.items():
            m, v = moments[name]
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            moments[name] = m, v
            seen = 1 - 0.9**step, 1 - 0.999**step
            params[name] = params[name] - RATE * (m / seen[0]) / (np.sqrt(v / seen[1]) + 1e-8)
    return params, np.asarray(losses)


def _weights(it: Emitted) -> dict[str, Array]:
    """Those of a batch that is all rows."""
    return {name: np.ones(ROWS) for name in it.program.weights.values()}


def _total(graph: Graph, inputs: Mapping[str, Array], wrt: list[str]) -> tuple[Any, Any]:
    """The sum of the terms of a loss, and its gradient."""
    parts = [value_and_gradient(graph, inputs, term, wrt) for term, _ in graph.outputs]
    total = sum(float(value) for value, _ in parts)
    return total, {name: sum(g[name] for _, g in parts) for name in wrt}


def visits_every_row(backend: Backend) -> str:
    """Where nothing moves, the mean of an epoch's losses is the loss of all rows."""
    if words := refusal(backend, models.program("line")):
        return words
    it = emitted(backend, "line", widest(backend))
    (x,) = _columns(it)
    batches = -(-ROWS // BATCH)
    with it.precision():
        fit = _fit(it, it.module.prepare(x), epochs=3, learning_rate=0.0)
    start = evaluate(it.program.init, {}, sizes=_sizes(it))
    whole, _ = _total(it.program.loss, {"x": x, **start, **_weights(it)}, [])
    losses = np.reshape(fit.losses, (3, batches))
    np.testing.assert_allclose(losses.mean(1), whole, rtol=1e-12 * coarser(it.dtype))
    assert (losses[0] != losses[1]).any(), "two epochs visit the rows in the same order"
    return PASSED


def reaches_the_posterior(backend: Backend) -> str:
    """The mean of Normals has its conjugate posterior, by steps that become smaller."""
    if words := refusal(backend, models.program_for(backend, "mean")):
        return words
    it = emitted(backend, "mean", usual(backend))
    x = np.random.default_rng(0).normal(3.0, 0.5, 40)
    with it.precision():
        data, fit = it.module.prepare(x), None
        for epochs, rate in ((150, 0.05), (400, 0.005), (800, 0.0005)):
            fit = _fit(it, data, 1, epochs=epochs, rows=20, learning_rate=rate, resume=fit)
        assert fit is not None
        found = {n: float(backend.runner.numpy(a)) for n, a in it.by_name(fit.params).items()}
    precision = 1 / 4 + 40 / 0.25
    mean, sd = (1.0 / 4 + x.sum() / 0.25) / precision, precision**-0.5
    assert abs(found["mu_loc"] - mean) < 0.1 * sd, f"{found['mu_loc']} instead of {mean}"
    scale = np.exp(found["log_mu_scale"])
    assert abs(scale / sd - 1) < 0.1, f"{scale} instead of {sd}"
    return PASSED


def repeats_itself(backend: Backend, model: str) -> str:
    """A seed gives its fit again, another does not; and the second fit compiles nothing."""
    if words := refusal(backend, models.program_for(backend, model)):
        return words
    it = emitted(backend, model, usual(backend), "_again")
    calls = [0]
    own = it.module.loss_terms

    def counted(*args: Any) -> Any:
        calls[0] += 1
        return own(*args)

    # A compiled loop calls it while it is traced, and an interpreted one at each step.
    vars(it.module).update(loss_terms=counted)
    try:
        with it.precision():
            data = it.module.prepare(*_columns(it))
            first = _fit(it, data, 1, epochs=4)
            once = calls[0]
            again = _fit(it, it.module.prepare(*_columns(it)), 1, epochs=4)
            twice = calls[0]
            other = _fit(it, data, 2, epochs=4)
    finally:
        vars(it.module).update(loss_terms=own)
    steps = len(first.losses)
    assert steps == 4 * _batches(it)
    traced = twice - once
    assert once and not 0 < traced < steps, f"the second fit traces the loss {traced} times"
    np.testing.assert_array_equal(first.losses, again.losses)
    assert (first.losses != other.losses).any(), "another seed gives the same fit"
    return PASSED


def is_saved_for_everyone(backend: Backend, model: str) -> str:
    """The file of a fit has the arrays that every backend writes, and is read as it was written."""
    if words := refusal(backend, models.program_for(backend, model)):
        return words
    it = emitted(backend, model, usual(backend))
    with it.precision(), tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "fit.npz")
        data = it.module.prepare(*_columns(it))
        fit = _fit(it, data, epochs=2)
        it.module.save_fit(path, fit, {"seed": 0})
        with np.load(path) as file:
            saved = dict(file)
        packed = Interface(it.program, backend.dialect()).packed
        shapes = {n: backend.runner.numpy(a).shape for n, a in it.by_name(fit.params).items()}
        _has_the_usual_arrays(it, saved, shapes, packed)
        plans: list[Any] = []
        _with_plan(it, data, plans.append)
        read = it.module.load_fit(path, data, plans[0])
        again = str(Path(folder) / "again.npz")
        it.module.save_fit(again, read, {"seed": 0})
        with np.load(again) as file:
            assert set(file) == set(saved)
            for name, x in saved.items():
                np.testing.assert_array_equal(file[name], x, err_msg=name)
        for name in ("losses", next(n for n in saved if n.startswith("params."))):
            np.savez(path, **{n: x for n, x in saved.items() if n != name})
            said = _refused(lambda: it.module.load_fit(path, data, plans[0]))
            assert name in said, f"that {name} is missing is not said: {said!r}"
    return PASSED


def _refused(call: Callable[[], object]) -> str:
    """The words of the ValueError that a call raises; empty where it raises none."""
    try:
        call()
    except ValueError as error:
        return str(error)
    return ""


def _with_plan(it: Emitted, data: Any, use: Callable[[Any], None]) -> None:
    """`Plan` as `fit` makes it."""
    own = it.module.start_fit

    def seen(key: Any, data: Any, plan: Any) -> Any:
        use(plan)
        return own(key, data, plan)

    vars(it.module).update(start_fit=seen)
    try:
        _fit(it, data, epochs=1)
    finally:
        vars(it.module).update(start_fit=own)


def _has_the_usual_arrays(
    it: Emitted, saved: Mapping[str, Array], shapes: Mapping[str, Any], packed: bool
) -> None:
    """Raise AssertionError where a file has other arrays than `params.*` and those of Adam."""
    io = Interface(it.program, it.backend.dialect())
    paths = {io.path(name): shape for name, shape in shapes.items()}
    want: dict[str, Any] = {**paths, "losses": (2 * _batches(it),), "seed": ()}
    groups = ("shared.", "rows.") if it.program.rowwise else ("",)
    for group in groups:
        want[f"opt_state.{group}0.count"] = ()
        for moment in ("mu", "nu"):
            start = f"opt_state.{group}0.{moment}"
            if packed:
                want[start] = (sum(int(np.prod(shape)) for shape in shapes.values()),)
                continue
            for path, shape in paths.items():
                own = path.removeprefix("params.")
                if own.startswith(group):
                    want[f"{start}.{own.removeprefix(group)}"] = shape
    found = {name: x.shape for name, x in saved.items()}
    assert found == want, f"{found} instead of {want}"
    floats = {x.dtype for name, x in saved.items() if not name.endswith(("count", "seed"))}
    assert floats == {np.dtype(it.dtype)}, f"floats are {floats}"
