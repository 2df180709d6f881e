"""What a round of a loop reads of those before it: slices of what is known, else a scan.

A `Lag` of a site whose value is given before its parameters are (data, a draw of the guide) is a
slice along its axis, whatever reads it: `z[t - 1]` for all t is `concat(first, z)[:n]`. That is how
a density is scored, with no loop in it. What is not given and depends on its own earlier rounds is
computed round by round, in a region of kind scan: the draws of such a site, and a deterministic
carry. Only what the lags need is computed there; then that is given too, and everything else is
computed for all rounds at once, from slices of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from ppc.diagnostics import CompileError, InternalError
from ppc.diagnostics.model import DrawnInRounds
from ppc.ir import ops
from ppc.ir.build import Builder, Value
from ppc.ir.nodes import Const, Data, Lag, Node, Noise, Region, Sample
from ppc.ir.sizes import Size
from ppc.ir.types import Tensor


def shifted(lag: Lag, value: Value, init: Sequence[Value]) -> Value:
    """The rows of `value` along the lag's axis as each round reads them, `init` in front."""
    builder, shape = value.builder, value.type.shape
    along = -len(shape) - 1
    rows = builder.op("from_axis", value, axis=lag.axis)
    parts = [_element(first, value.type) for first in _padded(builder, lag, init)]
    joined = builder.op("concat", *(ops.expand_dims(p, along) for p in parts), rows, axis=along)
    start, count = len(parts) - lag.by, builder.axes[lag.axis].size
    part = builder.op("slice", joined, axis=along, start=Size.of(start),
                      stop=count + start, step=1)  # fmt: skip
    return builder.op("to_axis", part, axis=lag.axis, name=lag.name)


def _padded(builder: Builder, lag: Lag, init: Sequence[Value]) -> list[Value]:
    """The elements in front of the first round, at least as many as the lag goes back."""
    missing = max(lag.by - len(init), 0)
    return [builder.const(0, lag.type.dtype)] * missing + list(init)


def _element(first: Value, like: Tensor) -> Value:
    return ops.broadcast_to(ops.cast(first, like.dtype), like.shape)


def widened(value: Value, type_: Tensor) -> Value:
    """`value` repeated to the shape and along the axes of a type."""
    builder = value.builder
    value = ops.broadcast_to(ops.cast(value, type_.dtype), type_.shape)
    for axis in type_.axes:
        if axis not in value.type.axes:
            rows = ops.broadcast_to(value, (builder.axes[axis].size, *value.type.shape))
            value = builder.op("to_axis", rows, axis=axis)
    return value


class Scan:
    """A scan along an axis that is being made: the body of a round, and what goes into it."""

    def __init__(
        self, outer: Builder, axis: str, lags: Collection[Lag], init: Mapping[str, Sequence[Value]]
    ) -> None:
        self.outer, self.axis = outer, axis
        self.lags = list(lags)
        self.depth: dict[str, int] = {}
        for lag in lags:
            self.depth[lag.of] = max(lag.by, self.depth.get(lag.of, 0))
        longest = {lag.of: lag for lag in sorted(lags, key=lambda lag: lag.by)}
        self.init = {of: _padded(outer, lag, init[lag.name]) for of, lag in longest.items()}
        self.types = {of: self._first_type(lag) for of, lag in longest.items()}
        self.restart()

    def _first_type(self, lag: Lag) -> Tensor:
        axes = {axis for value in self.init[lag.of] for axis in value.type.axes}
        return lag.type.with_axes(axis for axis in self.outer.axes if axis in axes)

    def restart(self) -> None:
        """Begin the body anew."""
        outer = self.outer
        axes = [axis for axis in outer.axes.values() if axis.name != self.axis]
        self.body = Builder("round", "function", axes=axes, hypers=outer.hypers.items(),
                            equalities=outer.sizes().equalities)  # fmt: skip
        self.operands: dict[str, Value] = {}  # by input of the body: in the outer graph
        self.slots: dict[str, list[Value]] = {}
        for of, type_ in self.types.items():
            firsts = reversed(self.init[of])
            self.slots[of] = [
                self._input(f"{of}_{j}" if j > 1 else of, type_, widened(first, type_))
                for j, first in zip(range(1, self.depth[of] + 1), firsts, strict=False)
            ]

    def _input(self, name: str, type_: Tensor, operand: Value) -> Value:
        value = self.body.data(name, type_)
        if value.name in self.operands:
            raise InternalError(f"two inputs of a round are called {name}")
        self.operands[value.name] = operand
        return value

    def lagged(self, lag: Lag) -> Value:
        """What the body reads for a lag."""
        return self.slots[lag.of][lag.by - 1]

    def given(self, value: Value) -> Value:
        """A value of the outer graph in the body: the row of this round where it has rows."""
        node = self.outer.nodes[value.name]
        if isinstance(node, Const):
            return self.body.const(node.value, node.type.dtype)
        if self.axis not in value.type.axes:
            return self._input(self.body.fresh(value.name), value.type, value)
        rest = value.type.with_axes(axis for axis in value.type.axes if axis != self.axis)
        rows = self.outer.op("from_axis", value, axis=self.axis)
        return self._input(self.body.fresh(value.name), rest, rows)

    def fits(self, next_: Mapping[str, Value]) -> bool:
        """Whether what is carried on has the types of what was carried in; else these widen."""
        fits = True
        for of, value in next_.items():
            axes = {*self.types[of].axes, *value.type.axes}
            wider = self.types[of].with_axes(axis for axis in self.outer.axes if axis in axes)
            fits = fits and wider == self.types[of]
            self.types[of] = wider
        return fits

    def finish(self, results: Mapping[str, Value]) -> dict[str, Value]:
        """The scan, in the outer graph; `results` are values of the body, by name."""
        self._hoist_noise()
        carry: list[tuple[str, str]] = []
        made: dict[str, Value] = {}
        for of, slots in self.slots.items():
            following = [widened(results[of], self.types[of]), *slots[:-1]]
            for slot, value in zip(slots, following, strict=True):
                self.body.output(f"next_{slot.name}", value)
                carry.append((slot.name, f"next_{slot.name}"))
        for name, value in results.items():
            self.body.output(name, value)
        body = self.body.build()
        args = tuple(self.operands[data.name].name for data in body.data)
        length = self.outer.axes[self.axis].size
        for name, value in results.items():
            type_ = replace(value.type, shape=(length, *value.type.shape))
            region = Region(name=f"{name}_scan", type=type_, kind="scan", args=args,
                            carry=tuple(carry), body=body, output=name)  # fmt: skip
            rows = self.outer.append(region)
            made[name] = self.outer.op("to_axis", rows, axis=self.axis, name=name)
        return made

    def _hoist_noise(self) -> None:
        """Noise of the body becomes noise of all rounds, drawn before the scan."""
        for name, node in self.body.nodes.items():
            if not isinstance(node, Noise):
                continue
            if node.kind == "draw":
                mistake = DrawnInRounds(name=node.site, sampler=node.sampler, span=node.span)
                raise CompileError([mistake])
            axes = {*node.type.axes, self.axis}
            type_ = node.type.with_axes(axis for axis in self.outer.axes if axis in axes)
            noise = self.outer.noise(name, node.kind, type_, site=node.site)
            self.body.nodes[name] = Data(name=name, type=node.type, span=node.span)
            self.operands[name] = self.outer.op("from_axis", noise, axis=self.axis)


def on_cycle(
    lag: Lag, nodes: Mapping[str, Node], read: Mapping[str, Iterable[str]]
) -> frozenset[str]:
    """The nodes through which a lag depends on itself, the lag among them; none where it does not.

    `read` are the nodes that each node depends on, what lags read of later ones included.
    """
    above: dict[str, list[str]] = {}  # those that what the lag reads depends on, by who reads them
    todo = [lag.of]
    seen: set[str] = set()
    while todo:
        name = todo.pop()
        if name in seen or name not in nodes:
            continue
        seen.add(name)
        for other in read[name]:
            above.setdefault(other, []).append(name)
            todo.append(other)
    found: set[str] = set()
    todo = [lag.name] if lag.name in seen else []
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo.extend(above.get(name, ()))
    return frozenset(found)


def without_axis(site: Sample, axis: str) -> Sample:
    """A site in one round of a scan."""
    rest = site.type.with_axes(name for name in site.type.axes if name != axis)
    return replace(site, type=rest)
