"""Gathers of every kind are laid out: what array and index share, and what either has alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from ppc_numpy import validate

from ppc.ir.build import Builder
from ppc.ir.nodes import Graph
from ppc.ir.sizes import Size
from ppc.ir.types import Axis, Tensor
from ppc.ir.verify import check
from ppc.passes import layout

AXES = {"A": 2, "B": 3, "C": 4}
SUBSETS = [s for n in range(3) for s in itertools.combinations(AXES, n)]


def start(subsampled: bool) -> Builder:
    axes = [Axis(name, size=Size.of(n), subsampled=False) for name, n in AXES.items()]
    if subsampled:  # its rows in a batch are as many as the run says
        axes[1] = Axis("B", size=Size.of("B"), subsampled=True)
    return Builder("gathers", "function", axes=axes)


def inputs(builder: Builder, x: Tensor, index: Tensor, length: int):
    """The array, and positions in range that depend on what is given."""
    value = builder.data("x", x)
    number = builder.data("number", index.with_dtype("f32"))
    position = builder.op(
        "mod", builder.op("cast", builder.op("floor", number), dtype="i32"), length
    )
    return value, position


def held(graph: Graph) -> None:
    """Layout keeps values and gradients."""
    check(graph)
    after = layout.run(graph)
    check(after, after="layout", positional=True)
    validate(graph, after, np.random.default_rng(0))


@pytest.mark.parametrize("index_shape", [(), (2,), (5, 2)], ids=str)
@pytest.mark.parametrize("x_axes", SUBSETS, ids="".join)
@pytest.mark.parametrize("index_axes", SUBSETS, ids="".join)
def test_take(
    x_axes: tuple[str, ...], index_axes: tuple[str, ...], index_shape: tuple[int, ...]
) -> None:
    for axis in (-2, -1):
        builder = start(subsampled=axis == -1)
        x = Tensor("f32", x_axes).with_shape((3, 4))
        index = Tensor("i32", index_axes).with_shape(index_shape)
        value, position = inputs(builder, x, index, 3)
        builder.output("out", builder.op("take", value, position, axis=axis))
        held(builder.build())


@pytest.mark.parametrize("index_shape", [(), (2,)], ids=str)
@pytest.mark.parametrize("x_axes", [s for s in SUBSETS if s] + [("A", "B", "C")], ids="".join)
@pytest.mark.parametrize("index_axes", SUBSETS, ids="".join)
def test_take_axis(
    x_axes: tuple[str, ...], index_axes: tuple[str, ...], index_shape: tuple[int, ...]
) -> None:
    for axis, shape in itertools.product(x_axes, [(), (3,)]):
        builder = start(subsampled=False)
        index = Tensor("i32", index_axes).with_shape(index_shape)
        value, position = inputs(
            builder, Tensor("f32", x_axes).with_shape(shape), index, AXES[axis]
        )
        builder.output("out", builder.op("take_axis", value, position, axis=axis))
        held(builder.build())
