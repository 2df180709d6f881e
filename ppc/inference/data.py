"""Data at the boundary: what the user gives against what the model has.

Arrays are anything that `numpy.asarray` takes. Nothing is changed in place. Every mistake in the
data is collected before any is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.diagnostics import DataError, KindError, Mistake
from ppc.diagnostics.data import (
    DataRank,
    DataSize,
    MissingData,
    NoRows,
    NotFinite,
    NotNumeric,
    OutsideSupport,
    TooLarge,
    UnknownData,
    WrongKind,
)
from ppc.ir.nodes import Graph, Sample, mask_node, observed_node
from ppc.ir.sizes import with_unit_axis
from ppc.ir.types import DType, Tensor
from ppc.objective.support import supports
from ppc.passes import guards, plates
from ppc.records import dataclass

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Checked:
    """Data that fit the model: arrays of the right rank, and the sizes that they fix."""

    arrays: Mapping[str, Array]
    sizes: Mapping[str, int]


def guide_arguments(model: Graph, guide: Graph | None) -> tuple[str, ...]:
    """The data arguments of a guide that its model has not."""
    known = entries(model)
    return tuple(node.name for node in guide.data if node.name not in known) if guide else ()


@dataclass(slots=True)
class _Sizes:
    """Sizes learnt from the arrays, with where each was learnt."""

    values: dict[str, int]
    because: dict[str, str] = field(default_factory=dict)


def entries(graph: Graph) -> dict[str, Tensor]:
    """What the model can be given: its sites and its data arguments, by name."""
    found = {node.name: node.type for node in graph.data}
    for site in graph.samples:
        if observed_node(site) is None:
            found[site.name] = site.type
    return found


def check(
    graph: Graph,
    given: Mapping[str, Any],
    *,
    required: tuple[str, ...] = (),
    allowed: tuple[str, ...] | None = None,
    known_sizes: Mapping[str, int] | None = None,
) -> Checked:
    """Check `given` against the sites and data arguments of a model, or of its guide.

    `known_sizes` are those that other data have fixed.
    Raises KindError if `given` is no mapping, DataError with every mistake found.
    """
    if not isinstance(given, Mapping):
        found = type(given).__name__
        raise KindError(WrongKind(argument="data", expected="a dict of arrays", found=found))
    types = entries(graph)
    mistakes: list[Mistake] = []
    known = tuple(types) if allowed is None else allowed
    for name in given:
        if name not in known:
            mistakes.append(UnknownData(name=str(name), known=known))
    for name in required:
        if name not in given:
            mistakes.append(
                MissingData(name=name, type=str(types[name]), given=tuple(map(str, given)))
            )
    arrays: dict[str, Array] = {}
    sizes = _Sizes(dict(graph.sizes), dict.fromkeys(graph.sizes, "a fixed hyperparameter"))
    for name, size in (known_sizes or {}).items():
        if name not in sizes.values:
            sizes.values[name] = size
            sizes.because[name] = "the other data"
    for name, value in given.items():
        if name not in known:
            continue
        array = _numbers(name, value, types[name].dtype, mistakes)
        if array is not None:
            fitted = _fit(graph, name, array, types[name], sizes, mistakes)
            if fitted is not None:
                arrays[name] = fitted
    finite = {}
    ready = guards.run(plates.run(graph))  # what is read where is plain to see
    counts = _counted(ready, arrays, sizes.values)
    for name, array in arrays.items():
        if name in counts:  # what is excluded may be NaN
            array = np.where(counts[name], array, 0)
            arrays[name] = array if types[name].dtype == "i32" else arrays[name]
        if bad := _rows(~np.isfinite(array)):
            total = array.shape[0] if array.ndim else 1
            mistakes.append(NotFinite(name=name, rows=bad, total=total))
        elif bad := _rows(_too_large(array, types[name].dtype)):
            total = array.shape[0] if array.ndim else 1
            mistakes.append(TooLarge(name=name, rows=bad, total=total))
        else:
            finite[name] = array
    mistakes.extend(_outside(ready, finite, sizes.values))
    if mistakes:
        raise DataError(mistakes)
    for name, array in arrays.items():
        if types[name].dtype != "f32":
            arrays[name] = array.astype(np.int32 if types[name].dtype == "i32" else bool)
    return Checked(arrays, sizes.values)


def _too_large(array: Array, dtype: DType) -> Array:
    """Which numbers 32 bits turn into others: infinities, or integers that wrap around."""
    info = np.finfo(np.float32) if dtype == "f32" else np.iinfo(np.int32)
    large: Array = (array > info.max) | (array < info.min)
    return large


def _numbers(name: str, value: Any, dtype: DType, mistakes: list[Mistake]) -> Array | None:
    """`value` as an array of numbers; a mistake where it is none."""
    if np.ma.isMaskedArray(value) and np.ma.getmaskarray(value).any():
        mistakes.append(NotNumeric(name=name, found="masked values"))
        return None
    try:
        array = np.asarray(value)
    except ValueError:
        mistakes.append(NotNumeric(name=name, found="rows of different length"))
        return None
    if array.dtype.kind not in "buif":
        found = {"O": "Python objects", "U": "strings", "S": "bytes", "c": "complex numbers"}
        mistakes.append(NotNumeric(name=name, found=found.get(array.dtype.kind, str(array.dtype))))
        return None
    return array


def _fit(
    graph: Graph,
    name: str,
    array: Array,
    type_: Tensor,
    sizes: _Sizes,
    mistakes: list[Mistake],
) -> Array | None:
    """The array with the model's rank, its sizes checked against those known."""
    dims = [*(graph.axis(axis).size for axis in type_.axes), *type_.shape]
    array = array.reshape(with_unit_axis(array.shape, dims, graph.sizes))
    known = [size.evaluate(sizes.values) for size in dims]
    if not array.ndim and not type_.axes and any(s.name == name for s in graph.samples):
        # a number is all elements of a variable outside plates, as in InferPy
        array = np.broadcast_to(array, [n for n in known if n is not None])
    if array.ndim == len(dims) + 1 and len(type_.axes) == 1 and array.shape[1] == 1:
        array = array[:, 0]  # draws of a single row, `prior("x").sample(N)`: each becomes a row
    if array.ndim != len(dims):
        mistakes.append(
            DataRank(
                name=name, shape=array.shape, type=str(type_), wanted=len(dims),
                plates=type_.axes, row=tuple(map(str, type_.shape)),
            )
        )  # fmt: skip
        return None
    for i, size in enumerate(dims):
        expected = size.evaluate(sizes.values)
        actual = array.shape[i]
        if i < len(type_.axes) and actual == 0:
            mistakes.append(NoRows(name=name))
            return None
        if expected is None and size.name is not None:
            sizes.values[size.name] = actual
            sizes.because[size.name] = f"the shape of {name!r}"
        elif expected is not None and expected != actual:
            learnt = next((sizes.because[n] for n in size.names if n in sizes.because), "")
            mistakes.append(
                DataSize(
                    name=name, shape=array.shape, dimension=i, size=str(size),
                    expected=expected, because=learnt or "its type in the model",
                )
            )  # fmt: skip
            return None
    return array


def _counted(
    graph: Graph, arrays: Mapping[str, Array], sizes: Mapping[str, int]
) -> dict[str, Array]:
    """For what the arrays tell that not all elements of it count: which do."""
    from ppc_numpy import evaluate

    from ppc.objective.counts import counted

    found: dict[str, Array] = {}
    if all(mask_node(site) is None for site in graph.sites):
        return found
    for name, mask in counted(graph, tuple(arrays)).items():
        needed = {node.name for node in mask.data}
        if needed <= set(arrays):
            counts = evaluate(mask, {n: arrays[n] for n in needed}, sizes=sizes)[name]
            if counts.shape == arrays[name].shape:
                found[name] = counts
    return found


_KINDS: Mapping[DType, tuple[str, Callable[[Array], Array]]] = {
    "i32": ("whole numbers", lambda array: array == np.round(array)),
    "bool": ("0 or 1", lambda array: (array == 0) | (array == 1)),
}


def _outside(
    graph: Graph, arrays: Mapping[str, Array], sizes: Mapping[str, int]
) -> Iterator[Mistake]:
    """Values outside the support of their site, as far as it is known before a fit."""
    from ppc_numpy import evaluate

    nodes = graph.by_name()
    checks = supports(graph, tuple(arrays), sizes)
    for name, array in arrays.items():
        node = nodes[name]
        total = array.shape[0] if array.ndim else 1
        wanted, right = _KINDS.get(node.type.dtype, ("", np.isfinite))
        if bad := _rows(~right(array)):
            yield OutsideSupport(
                name=name, support=wanted, rows=bad, total=total,
                span=node.span if isinstance(node, Sample) else None,
            )  # fmt: skip
        elif name in checks:
            check, words = checks[name]
            needed = {n: a for n, a in arrays.items() if n in check.by_name()}
            if any(given.name not in needed for given in check.data):
                continue  # a bound is wrong itself
            inside = evaluate(check, needed, sizes=sizes)[name]
            if bad := _rows(~np.broadcast_to(inside, array.shape[: np.ndim(inside)])):
                yield OutsideSupport(
                    name=name, support=words, rows=bad, total=total, span=node.span
                )


def _rows(mask: Array) -> tuple[int, ...]:
    """The rows in which any element of `mask` is true."""
    if not mask.ndim:
        return (0,) if mask else ()
    flat = mask.reshape(mask.shape[0], -1).any(axis=1) if mask.size else np.zeros(0, bool)
    return tuple(int(i) for i in np.flatnonzero(flat))
