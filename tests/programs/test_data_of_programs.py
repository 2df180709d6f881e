"""A file of data is taken or refused by an emitted program as the arrays are by a fit."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from jaxtyping import Array, Bool, Float, Int

import ppc as inf
from ppc import registry
from ppc.diagnostics import PpcError
from ppc.inference.data import check

ARGUMENTS = ("seen", "x", "t", "n")
NAN = float("nan")
SEEN = np.array([True, True, False, True])
ROWS = np.arange(4.0)


@inf.probmodel
def model(
    seen: Bool[Array, "N"],  # noqa: F821, UP037  # the name of a dimension
    x: Float[Array, "N 1"],  # noqa: F722
    t: Float[Array, "N d"],  # noqa: F722
    n: Int[Array, "N"],  # noqa: F821, UP037
):
    w = inf.Normal(0.0, 1.0)
    with inf.datamodel():
        with inf.mask(seen):
            inf.Normal(w * x[:, 0] + t.sum(-1), 1.0, name="y")
            inf.Poisson(np.exp(w), name="count")
            with inf.mask(n > 0):
                inf.Normal(np.ones(2) * w, 1.0, name="pair")
        inf.Normal(np.ones(1) * w, 1.0, name="one")


GIVEN: dict[str, Any] = {
    "seen": SEEN, "x": ROWS[:, None], "t": np.ones((4, 2)), "n": np.arange(4), "y": ROWS,
    "count": np.arange(4), "pair": np.ones((4, 2)), "one": ROWS[:, None],
}  # fmt: skip
HALF = np.where(SEEN & (GIVEN["n"] > 0), 0.0, NAN)[:, None]


@functools.cache
def program(backend: str) -> ModuleType:
    arguments = {name: GIVEN[name] for name in ARGUMENTS}
    text = model(**arguments).emit(
        inf.inference.VI(), ["y", "count", "pair", "one"], backend=backend
    )
    return registry.backend(backend).load(text, "data_of_programs")


def checked(given: dict[str, Any]) -> Mapping[str, Any]:
    """The arrays as a fit from Python has them."""
    p = model(*(given[name] for name in ARGUMENTS))
    sites = {name: array for name, array in given.items() if name not in ARGUMENTS}
    return check(p.ir, {**p.arrays, **sites}).arrays


CASES = [
    ({}, ""),
    # One last axis of size 1 is dropped, or added where the model itself has it.
    ({"y": ROWS[:, None], "n": GIVEN["n"][:, None], "seen": SEEN[:, None]}, ""),
    ({"x": ROWS, "one": ROWS}, ""),
    ({"t": ROWS}, "t"),
    ({"y": ROWS[None]}, "y"),
    ({"y": ROWS[:, None, None]}, "y"),
    ({"x": ROWS[:, None, None]}, ""),
    # What a mask excludes may be NaN, and nothing else.
    ({"y": np.where(SEEN, ROWS, NAN)}, ""),
    ({"y": np.where(SEEN, ROWS, np.inf)[:, None]}, ""),
    ({"y": np.where(ROWS == 1, NAN, ROWS)}, "y"),
    ({"count": np.where(SEEN, ROWS, NAN)}, ""),
    ({"count": np.where(SEEN, ROWS, -1.5)}, ""),
    ({"count": np.where(SEEN, -ROWS, NAN)}, "count"),
    ({"pair": np.ones((4, 2)) + HALF}, ""),
    ({"pair": np.ones((4, 2)) + HALF * [0, 1]}, ""),
    ({"pair": np.where(ROWS[:, None] == 3, NAN, [0.0, 1.0])}, "pair"),
    ({"one": np.where(SEEN, ROWS, NAN)}, "one"),
    ({"x": np.where(SEEN, ROWS, NAN)}, "x"),
    # Booleans are 0 or 1.
    ({"seen": SEEN.astype(float), "n": [0.0, 1.0, 2.0, 3.0]}, ""),
    ({"seen": [0, 1, 2, 1]}, "seen"),
    ({"n": ROWS + 0.5}, "n"),
]  # fmt: skip


@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
@pytest.mark.parametrize(("changed", "refused"), CASES)
def test_one_rule(changed: dict[str, Any], refused: str, backend: str, tmp_path: Path) -> None:
    given = {name: np.asarray(value) for name, value in {**GIVEN, **changed}.items()}
    path = str(tmp_path / "data.npz")
    np.savez(path, **given)
    module = program(backend)
    if refused:
        with pytest.raises(ValueError, match=f"^{refused} "):
            module.load_data(path)
        with pytest.raises(PpcError, match=f"['`]{refused}['`]"):
            checked(given)
        return
    arrays = checked(given)
    # The parameters of `prepare` are the columns, as a fit gives them.
    expected = module.prepare(
        **{n: arrays[n] for n in inspect.signature(module.prepare).parameters}
    )
    for name, column, wanted in zip(
        expected._fields, module.load_data(path), expected, strict=True
    ):
        np.testing.assert_array_equal(column, wanted, err_msg=name)


@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_what_is_excluded_has_no_part_in_a_fit(backend: str) -> None:
    losses = []
    for excluded in (0.0, NAN):
        masked = {n: np.where(SEEN, GIVEN[n], excluded) for n in ("y", "count")}
        given = {**GIVEN, **masked, "pair": np.where(np.isnan(HALF), excluded, GIVEN["pair"])}
        method = inf.inference.VI(epochs=2)
        model(*(given.pop(name) for name in ARGUMENTS)).fit(given, method, seed=0, backend=backend)
        losses.append(method.losses)
    assert losses[0] == losses[1] and np.isfinite(losses).all()


def test_an_empty_cell_is_what_a_mask_may_exclude(tmp_path: Path) -> None:
    lines = ["seen,x,t_0,t_1,n,y,count,pair_0,pair_1,one", "1,0,1,1,1,2.5,3,1,1,0"]
    path = tmp_path / "data.csv"
    for line, refused in (("0,0,1,1,1,,,,,0", ""), ("1,0,1,1,1,,3,1,1,0", "y must be finite")):
        path.write_text("\n".join([*lines, line]) + "\n", encoding="utf-8")
        if refused:
            with pytest.raises(ValueError, match=refused):
                program("jax").load_data(str(path))
        else:
            assert np.isnan(np.asarray(program("jax").load_data(str(path)).y)).tolist() == [
                False,
                True,
            ]
