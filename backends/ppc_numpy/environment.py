"""What names in types mean at run time: named sizes, and the lengths of named axes.

The two differ: in a step on a batch, the arrays along a subsampled plate are shorter than the
size of the plate, which the model may still mention as a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ppc.diagnostics import InternalError
from ppc.ir.nodes import Graph, Op
from ppc.ir.sizes import Size
from ppc.ir.types import Tensor

Shape = tuple[int, ...]


class Environment:
    """Named sizes and lengths of axes, learnt from the caller and from arrays."""

    def __init__(
        self, graph: Graph, sizes: Mapping[str, int], axis_sizes: Mapping[str, int]
    ) -> None:
        self.axes = {axis.name: axis for axis in graph.axes}
        self.sizes = {**graph.sizes, **sizes}
        self.lengths = dict(axis_sizes)

    def learn(self, arrays: Iterable[tuple[str, Tensor, Shape]]) -> None:
        """Take unknown names from named arrays of known type. Raises InternalError on conflicts."""
        waiting = list(arrays)
        for name, type_, shape in waiting:
            if len(shape) != len(type_.axes) + type_.rank:
                raise InternalError(f"{name} has shape {shape} where its type is {type_}")
            for axis, length in zip(type_.axes, shape, strict=False):
                if self.lengths.setdefault(axis, length) != length:
                    raise InternalError(
                        f"{name} has {length} elements along {axis}, elsewhere it has "
                        f"{self.lengths[axis]}"
                    )
        self._from_axes()
        dims = [
            (name, type_, shape, size, n)
            for name, type_, shape in waiting
            for size, n in zip(type_.shape, shape[len(type_.axes) :], strict=True)
        ]
        while any(self._solve(size, n) for *_, size, n in dims):
            pass
        self._from_axes()
        for name, type_, shape, size, n in dims:
            if size.evaluate(self.sizes) not in (n, None):
                raise InternalError(
                    f"{name} has shape {shape} where its type is {type_} and {size} is "
                    f"{size.evaluate(self.sizes)}"
                )

    def _from_axes(self) -> None:
        for name, axis in self.axes.items():
            size = axis.size.evaluate(self.sizes)
            if size is not None:
                length = self.lengths.setdefault(name, size)
                if length != size and not axis.subsampled:
                    raise InternalError(
                        f"{length} elements along {name}, whose size {axis.size} is {size}"
                    )
            elif name in self.lengths and not axis.subsampled:
                self._solve(axis.size, self.lengths[name])

    def _solve(self, size: Size, n: int) -> bool:
        """Learn the one unknown name of a linear `size` from its value `n`."""
        rest = size.substitute(self.sizes)
        match [t for t in rest.terms if t[0] != ()]:
            case [((str() as name,), coefficient)]:
                constant = rest.substitute({name: 0}).value
                if constant is not None and (n - constant) % coefficient == 0:
                    self.sizes[name] = (n - constant) // coefficient
                    return True
        return False

    def size(self, size: Size) -> int:
        """The value of a size. Raises InternalError for an unknown name."""
        value = size.evaluate(self.sizes)
        if value is None:
            lacking = ", ".join(sorted(size.names - set(self.sizes)))
            raise InternalError(f"the size {lacking} in {size} is neither given nor inferred")
        return value

    def shape(self, type_: Tensor) -> Shape:
        """The shape of an array of this type: axes first."""
        for axis in type_.axes:
            if axis not in self.lengths:
                raise InternalError(f"the length of the axis {axis} is neither given nor inferred")
        return (*(self.lengths[a] for a in type_.axes), *(self.size(s) for s in type_.shape))

    def fill(self, graph: Graph) -> None:
        """Give small sizes to all names that are not known; a batch is shorter than its plate.

        Not where the graph makes an array of all rows, which is as long as the plate.
        """
        ops = [node for node in graph.nodes if isinstance(node, Op)]
        whole = {dict(op.attrs)["axis"] for op in ops if op.primitive == "from_axis"}
        unknown = (n for n in range(3, 1000) if n not in self.sizes.values())
        for name, axis in self.axes.items():
            for free in sorted(axis.size.names - set(self.sizes)):
                self.sizes[free] = next(unknown) * (3 if axis.subsampled else 1)
            size = self.size(axis.size)
            part = axis.subsampled and name not in whole
            self.lengths.setdefault(name, (size + 2) // 3 if part else size)
        for node in graph.nodes:
            attrs = [v for _, v in node.attrs] if isinstance(node, Op) else []
            flat = [x for v in attrs for x in (v if isinstance(v, tuple) else (v,))]
            for size_ in (*node.type.shape, *(x for x in flat if isinstance(x, Size))):
                for free in sorted(size_.names - set(self.sizes)):
                    self.sizes[free] = next(unknown)
