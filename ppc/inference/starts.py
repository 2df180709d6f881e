"""The parameters of a model before a fit, and the rows of plates that no data fix."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ppc import registry
from ppc.diagnostics import QueryError
from ppc.diagnostics.data import BadNumber
from ppc.inference.data import check
from ppc.ir.nodes import Graph
from ppc.objective import functions
from ppc.passes import constrain, split
from ppc.passes.layout import run as layout

if TYPE_CHECKING:
    from ppc.api import ProbModel

Array = NDArray[Any]


def start(
    model: ProbModel,
    sizes: Mapping[str, int],
    arrays: Mapping[str, Array],
    seed: int,
    backend: str | None,
) -> dict[str, Array]:
    """The initial parameters of a model, on the reals."""
    if not model.ir.params:
        return {}
    found = registry.backend(backend)
    graph = layout(split.run(constrain.run(functions.parameters(model.ir, None)))[0])
    module = found.load(found.emit_function(graph), "start")
    return found.call(module, arrays, sizes, seed)


def initial(model: ProbModel, rows: int | None) -> dict[str, Array]:
    """The parameters of a model as they start, on their supports; open plates have `rows` or 1."""
    if not model.ir.params:
        return {}
    found = registry.backend(None)
    checked = check(model.ir, model.arrays)
    graph = layout(split.run(functions.parameters(model.ir, None))[0])
    module = found.load(found.emit_function(graph), "initial")
    sizes = with_rows(model.ir, checked.sizes, rows)
    return found.call(module, checked.arrays, sizes, 0)


def with_rows(
    model: Graph,
    sizes: Mapping[str, int],
    size: int | None,
    rows: Collection[str] | None = None,
    default: Mapping[str, int] | None = None,
) -> dict[str, int]:
    """`sizes` with the number of rows of each plate, or of those in `rows`, that nothing fixed.

    Raises QueryError for a size where the data have fixed all numbers, to others than it.
    """
    plates = [axis for axis in model.axes if rows is None or axis.name in rows]
    names = dict.fromkeys(axis.size.name for axis in plates if axis.size.name is not None)
    open_ = [name for name in names if name not in sizes]
    fixed = dict.fromkeys(str(sizes[name]) for name in names if name in sizes)
    if size is not None and fixed and not open_ and str(size) not in fixed:
        expected = f"{' or '.join(fixed)}, as many rows as the data have"
        raise QueryError(BadNumber(argument="size_datamodel", expected=expected, found=str(size)))
    return {
        **sizes,
        **{n: size if size is not None else (default or {}).get(n, 1) for n in open_},
    }
