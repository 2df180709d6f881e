"""What a backend does not have is refused by name, before anything is printed, with the way out.

Each check takes something from the backend and asks for what needs it; what it does not have anyway
is asked for too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from ppc.backend import Backend, ChainSettings, FitSettings, Runner
from ppc.diagnostics import CompileError, StateError
from ppc.diagnostics.command import NoDevice, NotInBackend
from ppc.emit.module.dialect import Dialect
from ppc.testing import models
from ppc.testing.checks import PASSED, Check


def checks(backend: Backend) -> Iterator[Check]:
    """The checks of refusals."""
    forms = (
        ("batches of the rows", "line"),
        ("a row of parameters for each row of the data", "factors"),
    )
    for what, model in (
        ("the function exp", "line"),
        ("normal noise", "mean"),
        ("the sampler log_gamma", "counts"),
        ("loops whose rounds read earlier ones", "series"),
        ("a loop that fits", "line"),
        *(forms if backend.dialect().loop is not None else ()),
    ):
        yield Check(f"refusal/{what}", partial(refuses, backend, what, model))
    for name in ("float32", "float64"):
        yield Check(f"refusal/{name}", partial(refuses_float, backend, name))
    for part in ("optimizer", "sample_chains"):
        yield Check(f"refusal/{part}", partial(refuses_to_run, backend, part))
    yield Check("refusal/device", partial(refuses_device, backend))
    yield Check("refusal/gradients", partial(gradients, backend))


def refuses(backend: Backend, what: str, model: str) -> str:
    """A backend without this says so, where it was asked for, and which backend has it."""
    dialect = _without(backend.dialect(), what)
    try:
        replace(backend, dialect=lambda: dialect).emit(models.program(model))
    except CompileError as error:
        mistakes = error.mistakes
    else:
        raise AssertionError(f"a program is printed that needs {what}")
    found = [m for m in mistakes if isinstance(m, NotInBackend) and m.what == what]
    assert found, f"{what} is not named: {mistakes}"
    (mistake,) = found
    assert mistake.span is not None, f"the line that needs {what} is not named"
    return _names_the_others(backend, mistake)


def _names_the_others(backend: Backend, mistake: NotInBackend) -> str:
    """Raise AssertionError where a refusal does not say which backend has what is asked for."""
    shown = f"{mistake.message()}. {mistake.help()}"
    assert mistake.what in shown and backend.dialect().name in shown, shown
    assert all(name in mistake.help() for name in mistake.having), shown
    assert "backend" in mistake.help(), shown
    return PASSED


def _without(dialect: Dialect, what: str) -> Dialect:
    def rest(table: Mapping[str, Any], name: str) -> dict[str, Any]:
        return {key: value for key, value in table.items() if key != name}

    loop = dialect.loop
    match what.split():
        case ["the", "function", name]:
            table = replace(dialect.table, rows=rest(dialect.table.rows, name))
            return replace(dialect, table=table)
        case ["the", "sampler", name]:
            return replace(dialect, drawn=rest(dialect.drawn, name))
        case [kind, "noise"]:
            return replace(dialect, standard=rest(dialect.standard, kind))
        case ["loops", *_]:
            return replace(dialect, table=replace(dialect.table, scan=None))
        case ["batches", *_]:
            return replace(dialect, loop=loop and replace(loop, batches=None))
        case [*_, "data"]:
            return replace(dialect, loop=loop and replace(loop, rowwise=None))
    return replace(dialect, loop=None)


def _refused(backend: Backend, call: Callable[[], object]) -> str:
    """Raise AssertionError where a call is not refused by name with the other backends."""
    try:
        call()
    except StateError as error:
        (mistake,) = error.mistakes
        assert isinstance(mistake, NotInBackend), f"{mistake.code} is no refusal by name"
        return _names_the_others(backend, mistake)
    raise AssertionError("it is not refused")


def refuses_float(backend: Backend, name: str) -> str:
    """Without a width of floats, it is refused; with it, `array` gives it."""
    dtype = getattr(np, name)
    module = ModuleType("none")
    if name in backend.dialect().floats:
        backend.runner.start()
        with backend.precision(module, dtype):
            found = backend.runner.numpy(backend.runner.array(np.ones(2))).dtype
        assert found == dtype, f"an array in {name} is {found}"
    floats = tuple(own for own in backend.dialect().floats if own != name)
    dialect = replace(backend.dialect(), floats=floats)
    less = replace(backend, dialect=lambda: dialect)
    return _refused(backend, lambda: less.precision(module, dtype))


class _Least(Runner):
    """A runner with nothing that may be left out; what is asked of it does not get so far."""

    def start(self) -> None:
        pass

    def key(self, seed: int) -> Any:
        return seed

    def array(self, values: Any) -> Any:
        return values

    def numpy(self, array: Any) -> Any:
        return array

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return function


def refuses_to_run(backend: Backend, part: str) -> str:
    """Without optimisers of a user, or without MCMC, these are refused."""
    less = replace(backend, runner=_Least())
    module = ModuleType("none")
    vars(module).update(SIZES=(), INPUTS=())
    if part == "sample_chains":
        settings = ChainSettings("nuts", 0.1, 1, 1, 1, False, 0.8)
        return _refused(backend, lambda: less.chains(module, {}, {}, {}, settings, 0))
    own = FitSettings(models.program("mean"), 0, 1, {}, 0.1, object(), {}, None)
    return _refused(backend, lambda: less.fit(module, {}, own))


def refuses_device(backend: Backend) -> str:
    """A device that there is not is refused by its name; one that there is can be had."""
    backend.runner.start()
    had = []
    for kind in (*backend.dialect().devices, "abacus"):
        try:
            with backend.device(kind):
                had.append(kind)
        except StateError as error:
            refused = error
            assert [type(m) for m in refused.mistakes] == [NoDevice], str(refused)
    assert had and "abacus" not in had, f"it finds {had}"
    return PASSED


def gradients(backend: Backend) -> str:
    """Whoever has a loop has gradients, which the other checks compare."""
    if backend.has("pulled"):
        return PASSED
    assert backend.dialect().loop is None, "a loop needs gradients: `Runner.pulled` gives them"
    return "gradients"
