"""Emitted losses on every backend against the reference, for every model of the suite.

`ppc.testing.agreement` says what is compared and how far it may be apart; agreement.json keeps what
was found, and `python tests/agreement.py` finds it anew.
"""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from agreement import KEPT, figures
from model_suite import NAMES, compiled

from ppc import registry
from ppc.testing.agreement import (
    DOUBLE,
    REFERENCE,
    Point,
    Subject,
    bounds,
    differences,
    exactly,
    on,
    point,
    worst,
)

BACKENDS = ("jax", "tensorflow")


@functools.cache
def subject(name: str) -> tuple[Subject, Point]:
    """A model of the suite with a point to compare at."""
    made = Subject.of(compiled(name))
    return made, point(made, 0)


def compared(backend: str, name: str, dtype: type) -> None:
    (found,) = differences([registry.backend(backend)], *subject(name), [dtype])
    assert found.agrees, found


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", NAMES)
def test_in_double_precision_it_is_the_reference(backend: str, name: str) -> None:
    compared(backend, name, np.float64)


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", NAMES)
def test_in_single_precision_it_is_off_by_rounding(backend: str, name: str) -> None:
    compared(backend, name, np.float32)


@pytest.mark.parametrize(
    "dtype, change", [(np.float64, 1e-6), (np.float32, 1e-2), (np.float64, np.nan)]
)
def test_a_parameter_that_is_another_is_found(dtype: type, change: float) -> None:
    made, at = subject("schools_centred")
    moved = replace(at, inputs={**at.inputs, "mu_loc": at.inputs["mu_loc"] + change})
    exact = exactly(made, at)
    limits = bounds(made, at, exact, dtype)
    component, share, _ = worst(on(registry.backend("jax"), made, moved, dtype), exact, limits)
    assert share > 1
    assert component.startswith(("term ", "gradient in "))


def test_the_kept_table_names_every_model_and_obeys_the_bounds() -> None:
    kept = json.loads(KEPT.read_text("utf-8"))
    assert list(kept) == list(NAMES), "run `python tests/agreement.py` and `python docs/fill.py`"
    pairs = {" and ".join(p) for p in combinations(BACKENDS, 2)}
    pairs |= {f"{b} and {REFERENCE}" for b in BACKENDS}
    for name, rows in kept.items():
        assert set(rows) == pairs, name
        for row in rows.values():
            assert row["float64"]["relative"] <= DOUBLE, name
            assert row["float32"]["share"] <= 1, name


def test_the_table_is_kept_of_what_is_found() -> None:
    name = "schools_centred"
    found = list(differences([registry.backend(b) for b in BACKENDS], *subject(name)))
    kept = json.loads(KEPT.read_text("utf-8"))[name]
    made = figures(found)
    for pair, row in made.items():
        for dtype, figure in row.items():
            # Rounding differs between machines, its order does not.
            assert figure["relative"] <= 100 * kept[pair][dtype]["relative"] + 1e-15, (pair, dtype)
