"""Gathers on positions: elements of an array at index values, where both may vary over plates.

Dimensions have labels: the name of the plate that they were, or another one where they are of the
shape. What array and index have in common is picked row by row: those dimensions and the one that
is indexed become a single one, in which row r of n elements begins at r * n.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from ppc.ir.build import Builder, Value
from ppc.ir.sizes import Size, product

Labels = Sequence[Hashable]
_ALONG = object()  # the dimension that is indexed


def gather(
    x: Value, labels: Labels, along: Hashable, index: Value, places: Labels, *, result: Labels,
    name: str,
) -> Value:  # fmt: skip
    """`x` along the dimension `along`, at `index`; the dimensions stand as in `result`.

    `labels` and `places` are those of the dimensions of `x` and `index`.
    """
    build = x.builder
    at = labels.index(along)
    labels = [*labels[:at], _ALONG, *labels[at + 1 :]]  # the index may vary over the same plate
    shared = [label for label in places if label in labels]
    if not shared:
        picked = build.op("take", x, index, axis=at - len(labels), name=name)
        return turned(picked, [*labels[:at], *places, *labels[at + 1 :]], result, name)
    others = [label for label in labels if label not in (*shared, _ALONG)]
    rows = turned(x, labels, [*shared, _ALONG, *others], name)
    lengths, kept = rows.type.shape[: len(shared) + 1], rows.type.shape[len(shared) + 1 :]
    flat = build.op("reshape", rows, shape=(product(lengths), *kept))
    start = _starts(build, [places.index(label) for label in shared], lengths, len(places))
    picked = build.op("take", flat, start + index, axis=-1 - len(kept), name=name)
    return turned(picked, [*places, *others], result, name)


def _starts(build: Builder, at: Sequence[int], lengths: Sequence[Size], rank: int) -> Value:
    """Where each row begins in the flat array; `at` are the places of its labels in the index."""
    total: Value | None = None
    for i, place in enumerate(at):
        number = build.op("arange", size=lengths[i])
        number = build.op("mul", number, build.dim(product(lengths[i + 1 :])))
        for _ in range(rank - 1 - place):
            number = build.op("expand_dims", number, axis=-1)
        total = number if total is None else build.op("add", total, number)
    assert total is not None
    return total


def turned(x: Value, labels: Labels, result: Labels, name: str) -> Value:
    """`x` with its dimensions in another order."""
    if list(labels) == list(result):
        return x
    perm = tuple(labels.index(label) - len(labels) for label in result)
    return x.builder.op("transpose", x, perm=perm, name=name)
