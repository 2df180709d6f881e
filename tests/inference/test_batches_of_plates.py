"""Batches of several plates at once: what an epoch meets, and what each row's parameters learn."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import ppc as inf
from ppc import registry
from ppc.diagnostics import CompileError
from ppc.emit.module.interface import Interface
from ppc.emit.program import Program, assemble

Array = NDArray[Any]
USERS, ITEMS = 5, 7
SIZE = {"users": 3, "items": 2}
BATCHES = (2, 4)  # with a common divisor: turns alone would not meet every combination
RATE, EPOCHS = 0.1, 3
Y = np.random.default_rng(0).normal(size=(2, USERS, ITEMS))


@inf.probmodel
def effects(users, items, tasks=2):
    m = inf.Parameter(0.2)
    with inf.plate("tasks", tasks), inf.plate("users", users):
        a = inf.Parameter(0.0)
    with inf.plate("items", items):
        b = inf.Parameter(0.5)
    with inf.plate("users"), inf.plate("items"):
        c = inf.Parameter(-0.1)
    with inf.plate("tasks"), inf.plate("users"), inf.plate("items"):
        inf.Normal(m + a + b + c, 1.0, name="y")


def compiled() -> inf.compiled.CompiledProgram:
    p = effects(users=USERS, items=ITEMS)
    return inf.compile(p, observed="y", batch_size=SIZE, learning_rate=RATE)


class Adam:
    """Adam for each number of an array alone, which counts its own steps."""

    def __init__(self, start: float, shape: tuple[int, ...]) -> None:
        self.value = np.full(shape, start)
        self.t, self.m, self.v = np.zeros(shape), np.zeros(shape), np.zeros(shape)

    def step(self, at: Any, g: Any) -> None:
        self.t[at] += 1
        self.m[at] = 0.9 * self.m[at] + 0.1 * g
        self.v[at] = 0.999 * self.v[at] + 0.001 * g**2
        m, v = self.m[at] / (1 - 0.9 ** self.t[at]), self.v[at] / (1 - 0.999 ** self.t[at])
        self.value[at] -= RATE * m / (np.sqrt(v) + 1e-8)


def expected(rows: list[tuple[Array, Array]]) -> tuple[dict[str, Array], list[float]]:
    """Parameters and losses of a fit whose steps see these users and items."""
    m, a, b = Adam(0.2, ()), Adam(0.0, (2, USERS)), Adam(0.5, (ITEMS,))
    c, losses = Adam(-0.1, (USERS, ITEMS)), []
    for users, items in rows:
        at = np.ix_(range(2), users, items)
        mean = m.value + a.value[:, :, None] + b.value + c.value
        off, scale = (mean - Y)[at], np.prod(BATCHES)
        losses.append(scale * (0.5 * off**2 + 0.5 * np.log(2 * np.pi)).sum())
        m.step((), scale * off.sum())
        a.step(np.ix_(range(2), users), scale * off.sum(2))
        b.step(items, scale * off.sum((0, 1)))
        c.step(np.ix_(users, items), scale * off.sum(0))
    return {"m": m.value, "a": a.value, "b": b.value, "c": c.value}, losses


@pytest.mark.parametrize("name", ["jax", "tensorflow"])
def test_each_row_learns_as_with_an_optimiser_of_its_own(name: str) -> None:
    """In float64, against NumPy; and an epoch meets every combination of batches once."""
    backend = registry.backend(name)
    program: Program = assemble(compiled().compilation)
    module = backend.load(backend.emit(program), f"effects_{name}")
    with backend.runner.precision(module, np.float64):
        data, key = module.prepare(Y), backend.runner.key(1)
        plan = module.Plan(None, module.Plates(USERS, ITEMS), module.Plates(*BATCHES))
        steps = EPOCHS * 8
        found = module.batch_rows(key, backend.runner.array(np.arange(steps, dtype=np.int32)), plan)
        pairs = list(zip(*map(backend.runner.numpy, found), strict=True))
        rows = [(u[u < USERS], i[i < ITEMS]) for u, i in pairs]
        fit = module.fit(
            key, data, epochs=EPOCHS, learning_rate=RATE, batch_size=module.Plates(3, 2)
        )
        params = Interface(program, backend.dialect()).by_name(fit.params)
        got = {n: backend.runner.numpy(x) for n, x in params.items()}
    for epoch in range(EPOCHS):
        own = rows[8 * epoch : 8 * epoch + 8]
        seen = [pair for users, items in own for pair in itertools.product(users, items)]
        assert sorted(seen) == list(itertools.product(range(USERS), range(ITEMS)))
        for start in range(0, 8, 4):  # the items are visited whole in each four steps
            assert sorted(np.concatenate([i for _, i in own[start : start + 4]])) == [*range(ITEMS)]
    assert [p[0].tolist() for p in rows[:2]] != [p[0].tolist() for p in rows[8:10]]
    want, losses = expected(rows)
    np.testing.assert_allclose(fit.losses, losses, rtol=1e-11)
    for parameter, value in want.items():
        np.testing.assert_allclose(got[parameter], value, rtol=1e-9, atol=1e-9, err_msg=parameter)


@inf.probmodel
def groups_and_rows(groups):
    with inf.plate("groups", groups):
        a = inf.Normal(0.0, 1.0)
        inf.Poisson(3.0, name="size")
    with inf.datamodel():
        inf.Normal(a.sum(), 1.0, name="y")


def test_a_number_is_meant_for_the_plate_of_the_datamodel() -> None:
    p = groups_and_rows(groups=None)
    program = inf.compile(p, observed=["size", "y"], batch_size=4)
    assert program.compilation.options.subsample == ("N",)


def test_plates_without_rows_are_refused_by_name() -> None:
    p = effects(users=USERS, items=ITEMS)
    with pytest.raises(
        CompileError, match="no batches can be taken from plate 'shops': there is no"
    ):
        inf.compile(p, observed="y", batch_size={"users": 2, "shops": 3})
    with pytest.raises(
        inf.diagnostics.QueryError, match="'tasks': the program was compiled without"
    ):
        compiled().fit({"y": Y}, batch_size={"tasks": 1})
    with pytest.raises(
        inf.diagnostics.DataError, match="batch_size=9 of users, but the data have 5"
    ):
        compiled().fit({"y": Y}, batch_size={"users": 9})
