"""Graphs of the functions that a distribution declares, over a batch of B cases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from ppc.distributions import DISTRIBUTIONS, Distribution
from ppc.ir.build import Builder, Value
from ppc.ir.nodes import Graph
from ppc.ir.sizes import Size
from ppc.ir.types import Tensor

Case = tuple[Any, Mapping[str, Any]]


def data(builder: Builder, name: str, example: Any, dtype: Any = "f32") -> Value:
    """A batch of operands like `example`, a number, a vector or a matrix of tuples."""
    return builder.data(name, Tensor(dtype, (), tuple(map(Size.of, ("B", *np.shape(example))))))


def operands(builder: Builder, params: Mapping[str, Any], prefix: str = "") -> dict[str, Value]:
    """Batches of the parameters."""
    return {name: data(builder, prefix + name, value) for name, value in params.items()}


def density_graph(distribution: Distribution, case: Case) -> Graph:
    """The log density at `x`, shape (B,)."""
    builder = Builder("density", "function")
    x = data(builder, "x", case[0], distribution.dtype)
    value = distribution.log_density(x, operands(builder, case[1]))
    assert value.type.shape == (Size.of("B"),)
    builder.output("log_density", value)
    return builder.build()


def batches(cases: Sequence[Case]) -> Iterator[list[Case]]:
    """The cases in batches whose parameters are the same ones, of the same shapes."""

    def kind(case: Case) -> list[tuple[str, tuple[int, ...]]]:
        return sorted((name, np.shape(value)) for name, value in case[1].items())

    for _, batch in groupby(cases, key=kind):
        yield list(batch)


def stacked(batch: Sequence[Mapping[str, Any]], prefix: str = "") -> dict[str, np.ndarray]:
    """Arrays of the parameters."""
    return {prefix + name: np.array([each[name] for each in batch]) for name in batch[0]}


def flat(values: Sequence[Any]) -> list[float]:
    """Numbers, and those in tuples, in one list."""
    return [n for v in values for n in (flat(v) if isinstance(v, tuple) else (v,))]


def statistic_graph(name: str, statistic: str, params: Mapping[str, Any]) -> Graph:
    """The mean, variance or entropy."""
    builder = Builder(statistic, "function")
    function = getattr(DISTRIBUTIONS[name], statistic)
    builder.output(statistic, function(operands(builder, params)))
    return builder.build()


def unflatten(values: Iterator[Any], like: Any) -> Any:
    """The next numbers in tuples like `like`; None stays."""
    if isinstance(like, tuple):
        return tuple(unflatten(values, each) for each in like)
    return None if like is None else next(values)
