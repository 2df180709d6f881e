"""What a query after a fit is given: sites, rows, and what of them is missing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ppc.diagnostics import KindError
from ppc.diagnostics.data import WrongKind
from ppc.inference.chained import Chained
from ppc.inference.data import check, entries, guide_arguments
from ppc.inference.missing import Seen, dropped
from ppc.ir.nodes import Graph
from ppc.ir.types import Tensor
from ppc.records import dataclass

if TYPE_CHECKING:
    from ppc.inference.fit import Fitted

    Results: TypeAlias = Fitted | Chained

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Given:
    """What a query after a fit is about."""

    model: Graph  # with masks for what is missing
    data: Mapping[str, Any]  # as given
    given: tuple[str, ...]  # the sites that have data
    partial: frozenset[str]  # those of them of which elements are missing
    inputs: dict[str, Array]  # checked, with the fitted parameters
    sizes: Mapping[str, int]
    rows: frozenset[str]  # the plates whose rows may be others than the fitted ones
    latents: tuple[str, ...] = ()  # to be inferred


def need_mapping(argument: str, given: object) -> None:
    """Raise KindError for data that are no mapping of names to arrays."""
    if not isinstance(given, Mapping):
        found = type(given).__name__
        raise KindError(WrongKind(argument=argument, expected="a dict of arrays", found=found))


def open_rows(fitted: Results, data: Mapping[str, Any]) -> frozenset[str]:
    """The plates whose rows may be others than the fitted ones.

    Those that have observed sites, and those for whose rows alone other data are given. The rows of
    any other plate, such as groups that rows belong to, are as they were.
    """
    observed = {a for s in fitted.model.samples if s.role == "observed" for a in s.type.axes}
    types = _types(fitted)
    for name in _known_rows(fitted, data):
        if not observed.intersection(types[name].axes) and not _same(
            data[name], fitted.arrays[name]
        ):
            observed.update(types[name].axes)
    return frozenset(observed)


def given_to(
    fitted: Results, data: Mapping[str, Any] | None, rows: frozenset[str], *, fallback: bool
) -> Given:
    """What is given: the sites, all inputs by name, and the sizes.

    Without data the rows are the fitted ones where `fallback` is set, else open. Arguments of the
    fitted rows are not used for other ones. What the fit dropped where it was missing, is here.
    """
    if data is not None:
        need_mapping("data", data)
    others = bool(_known_rows(fitted, data or {})) and not of_fitted_rows(fitted, data or {})
    own = guide_arguments(fitted.model, fitted.guide)
    arguments = {
        n.name: fitted.arrays[n.name]
        for n in (*fitted.model.data, *fitted.guide.data)
        if n.name in fitted.arrays and not (others and set(rows).intersection(n.type.axes))
    }
    if data is None and fallback:
        given = {n: fitted.arrays[n] for n in fitted.observed if n in fitted.arrays}
    else:
        given = dict(data or {})
    given = {**arguments, **given}
    extra = {name: given.pop(name) for name in own if name in given}
    seen = masked(fitted, given)
    checked = check(seen.model, seen.data)
    sizes, arrays = {**_fixed(fitted, rows), **checked.sizes}, dict(checked.arrays)
    if extra:
        guides = check(fitted.guide, extra, known_sizes=sizes)
        sizes, arrays = {**guides.sizes, **sizes}, {**arrays, **guides.arrays}
    names = tuple(s.name for s in fitted.model.samples if s.name in given)
    inputs = {**arrays, **fitted.raw}
    return Given(seen.model, data or {}, names, frozenset(seen.masks), inputs, sizes, rows)


def masked(fitted: Results, given: Mapping[str, Any]) -> Seen:
    """The model of a fit that dropped missing elements, with masks where `given` lacks some."""
    if fitted.missing == "drop":
        return dropped(fitted.model, fitted.guide, given)
    return Seen(fitted.model, given, {})


def _types(fitted: Results) -> dict[str, Tensor]:
    """What a query can be given, by name; the guide's own arguments too."""
    return entries(fitted.model) | {node.name: node.type for node in fitted.guide.data}


def _known_rows(fitted: Results, data: Mapping[str, Any]) -> list[str]:
    """The names under which `data` have rows of what the fit had data for."""
    types = _types(fitted)
    return [n for n in data if n in fitted.arrays and n in types and types[n].axes]


def of_fitted_rows(fitted: Results, data: Mapping[str, Any]) -> bool:
    """Whether the rows in `data` are those of the fit: the same numbers under the same names."""
    names = _known_rows(fitted, data)
    return bool(names) and all(_same(data[name], fitted.arrays[name]) for name in names)


def _same(given: Any, fitted: Array) -> bool:
    try:
        array = np.asarray(given)
    except ValueError:  # ragged; checked, and told, with all other mistakes
        return False
    if array.size != fitted.size:
        return False
    numbers = array.dtype.kind == fitted.dtype.kind == "f"  # which may be missing
    return np.array_equal(array.reshape(fitted.shape), fitted, equal_nan=numbers)


def _fixed(fitted: Results, rows: Collection[str]) -> dict[str, int]:
    """The sizes of the fit other than the numbers of rows of these plates."""
    open_ = {axis.size.name for axis in fitted.model.axes if axis.name in rows}
    return {name: value for name, value in fitted.sizes.items() if name not in open_}


def are_new(fitted: Results, about: Given) -> bool:
    """Whether a query is about rows other than the fitted ones."""
    if about.data and not of_fitted_rows(fitted, about.data):
        return True
    names = [axis.size.name for axis in fitted.model.axes if axis.name in about.rows]
    return any(about.sizes.get(name) != fitted.sizes.get(name) for name in names if name)
