"""What a rule for a primitive is, and the alignment of operands that all rules share.

A value of type `f32[N, J | a, b]` is an array of shape (N, J, a, b). Before a rule runs, its
operands are brought to the named axes of the result: an axis that an operand lacks becomes a
dimension of size 1, and for elementwise primitives the shape is padded with 1s between axes and
shape. Then plain NumPy broadcasting is right. The primitives that consume or make axes get
their operands as they are.

Rules compute in float64; the evaluator rounds the result to its dtype, so an evaluation in
float32 is one in which each primitive is correct to about one rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ppc.ir.nodes import Attr, Op
from ppc.ir.types import Tensor
from ppc.records import dataclass
from ppc_numpy.environment import Environment, Shape

Array = NDArray[Any]
Gradients = Sequence[Array | None]
Alignment = Literal["elementwise", "batch", "none"]


@dataclass(frozen=True, slots=True)
class Call:
    """One application of a primitive, as its rule sees it."""

    node: Op
    attrs: Mapping[str, Attr]
    types: tuple[Tensor, ...]  # of the operands
    env: Environment

    @property
    def batch(self) -> int:
        """How many leading dimensions of the aligned operands are named axes."""
        return len(self.node.type.axes)

    @property
    def axis(self) -> int:
        """The attribute `axis`, a negative dimension."""
        axis = self.attrs["axis"]
        assert isinstance(axis, int)
        return axis

    @property
    def axes(self) -> tuple[int, ...]:
        """The attribute `axes`, negative dimensions."""
        axes = self.attrs["axes"]
        assert isinstance(axes, tuple)
        return tuple(a for a in axes if isinstance(a, int))


@dataclass(frozen=True, slots=True)
class Rule:
    """How a primitive is computed, and how cotangents pass through it.

    `value(call, *operands)` gives the result. `vjp(call, g, result, *operands)` gives for each
    operand the product of the cotangent `g` with the derivative, of any shape that sums to the
    operand's by broadcasting, or None for zero. Without `vjp` no derivative passes.
    """

    value: Callable[..., Array]
    vjp: Callable[..., Gradients] | None = None
    align: Alignment = "batch"
    rounds: bool = False  # whether the result is rounded, rather than copied or an integer
    sums: bool = False  # whether many elements are summed, which rounds on their scale


def times(g: Array, derivative: Array) -> Array:
    """`g * derivative`, and 0 where `g` is 0 even if the derivative is not finite.

    So what was not selected has no influence: `where(x > 0, sqrt(x), 0)` has derivative 0 at 0.
    """
    return np.where(g == 0, 0.0, g * derivative)


def place(x: Array, have: Sequence[str], want: Sequence[str], rank: int | None = None) -> Array:
    """Bring the leading named dimensions `have` to `want`, absent ones with size 1.

    `rank` is the number of dimensions that are to follow, padded with 1s on the left.
    """
    order = [have.index(a) for a in want if a in have]
    own = x.ndim - len(have)
    x = x.transpose([*order, *range(len(have), x.ndim)])
    sizes = dict(zip((a for a in want if a in have), x.shape, strict=False))
    pad = 0 if rank is None else rank - own
    return x.reshape([*(sizes.get(a, 1) for a in want), *[1] * pad, *x.shape[len(have) :]])


def unplace(g: Array, have: Sequence[str], want: Sequence[str], shape: Shape) -> Array:
    """The transpose of `place`: back to the axes `have` and `shape`, the operand's own."""
    order = [a for a in want if a in have]
    sizes = dict(zip(have, shape, strict=False))
    g = g.reshape([*(sizes[a] for a in order), *shape[len(have) :]])
    return g.transpose([*(order.index(a) for a in have), *range(len(have), g.ndim)])


def unbroadcast(g: Array, shape: Shape) -> Array:
    """Sum `g` down to a shape that broadcasts to it; broadcast it where it is the smaller."""
    lead = tuple(range(g.ndim - len(shape)))
    g = g.sum(axis=lead) if lead else g
    pad = g.reshape((1,) * (len(shape) - g.ndim) + g.shape)
    over = tuple(i for i, n in enumerate(shape) if n == 1 and pad.shape[i] != 1)
    return np.broadcast_to(pad.sum(axis=over, keepdims=True) if over else pad, shape)
