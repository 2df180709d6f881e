"""Runs the nodes of a graph on arrays, forwards and backwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ppc.diagnostics import InternalError
from ppc.ir.nodes import (
    Const,
    Data,
    Graph,
    Hyper,
    Lag,
    Node,
    Noise,
    Op,
    Param,
    Region,
    Sample,
    State,
)
from ppc.ir.primitives import PRIMITIVES as ROWS
from ppc.ir.types import DType
from ppc_numpy.environment import Environment
from ppc_numpy.region import pull_region, run_region
from ppc_numpy.rules import Array, Call, Rule, place, unbroadcast, unplace
from ppc_numpy.table import PRIMITIVES

Perturb = Callable[[Array], Array]


class Machine:
    """The values of one graph for one set of inputs, computed as they are asked for.

    `inputs` may hold a value for any node, which is then not computed. `perturb` is applied to
    every rounded result, and to the operands of sums: see `compare`.
    """

    def __init__(
        self,
        graph: Graph,
        inputs: Mapping[str, ArrayLike],
        *,
        dtype: DTypeLike = np.float64,
        sizes: Mapping[str, int] | None = None,
        axis_sizes: Mapping[str, int] | None = None,
        perturb: Perturb | None = None,
    ) -> None:
        self.graph = graph
        self.nodes = graph.by_name()
        self.float = np.dtype(dtype)
        self.perturb = perturb
        self.env = Environment(graph, sizes or {}, axis_sizes or {})
        if unknown := [name for name in inputs if name not in self.nodes]:
            raise InternalError(f"{graph.name} has no node {', '.join(unknown)}")
        self.values: dict[str, Array] = {}
        self.given: set[str] = set()
        self.give(inputs)

    def give(self, inputs: Mapping[str, ArrayLike]) -> None:
        """Set values of nodes, and learn sizes from them. Raises InternalError on misfits."""
        arrays = {
            name: np.asarray(value, self.dtype(self.nodes[name].type.dtype))
            for name, value in inputs.items()
        }
        self.env.learn((name, self.nodes[name].type, x.shape) for name, x in arrays.items())
        self.values.update(arrays)
        self.given |= set(arrays)

    def like(self, graph: Graph | None = None, perturb: Perturb | None = None) -> Machine:
        """A machine with the same given values and sizes, and nothing computed."""
        return Machine(
            graph or self.graph,
            {name: self.values[name] for name in self.given},
            dtype=self.float,
            sizes=self.env.sizes,
            axis_sizes=self.env.lengths,
            perturb=perturb,
        )

    def dtype(self, dtype: DType) -> np.dtype[Any]:
        """The NumPy dtype: f32 means the float of the program."""
        return {"f32": self.float, "i32": np.dtype(np.int64), "bool": np.dtype(np.bool_)}[dtype]

    # --- forwards ---

    def run(self, targets: Iterable[str]) -> None:
        """Compute these nodes and what they need."""
        needed = set()
        waiting = [name for name in targets if name not in self.values]
        while waiting:
            name = waiting.pop()
            if name not in needed:
                needed.add(name)
                waiting += [a for a in self.sources(self.nodes[name]) if a not in self.values]
        with np.errstate(all="ignore"):
            for node in self.graph.nodes:
                if node.name in needed:
                    self.values[node.name] = self._checked(node, self._compute(node))

    def sources(self, node: Node) -> tuple[str, ...]:
        """The nodes that the value of `node` is computed from."""
        match node:
            case Op() | Region():
                return node.args
            case Param() | State():
                return (node.init,)
        return ()

    def _compute(self, node: Node) -> Array:
        match node:
            case Op():
                return self._apply(node)
            case Const():
                return np.asarray(node.value)
            case Param() | State():
                init = self.nodes[node.init]
                value = self.values[node.init]
                placed = place(value, init.type.axes, node.type.axes, node.type.rank)
                return np.broadcast_to(placed, self.env.shape(node.type))
            case Hyper() if node.name in self.env.sizes:
                return np.asarray(self.env.sizes[node.name])
            case Region():
                return run_region(node, self)
            case Data() | Hyper() | Noise() | Sample() | Lag():
                raise InternalError(
                    f"{self.graph.name} needs a value for the {type(node).__name__.lower()} "
                    f"node {node.name}: {node.type}"
                )

    def _apply(self, node: Op) -> Array:
        rule, call, args = self._call(node)
        if rule.sums and self.perturb:
            args = [self.perturb(x) if x.dtype.kind == "f" else x for x in args]
        try:
            value = rule.value(call, *args)
        except (ValueError, IndexError) as error:
            shapes = ", ".join(f"{a}: {self.nodes[a].type}" for a in node.args)
            raise InternalError(
                f"{node.primitive} at {node.name} ({shapes}) fails: {error}"
            ) from error
        if rule.rounds and self.perturb and node.type.is_float:
            value = self.perturb(value)
        return value

    def _call(self, node: Op) -> tuple[Rule, Call, list[Array]]:
        """The rule of an operation, and its operands in float64, aligned as the rule wants."""
        rule = PRIMITIVES[node.primitive]
        types = tuple(self.nodes[a].type for a in node.args)
        call = Call(node, dict(node.attrs), types, self.env)
        args = []
        for name, type_ in zip(node.args, types, strict=True):
            x = self.values[name]
            if type_.is_float or ROWS[node.primitive].float_operands:
                x = x.astype(np.float64)
            if rule.align != "none":
                rank = node.type.rank if rule.align == "elementwise" else None
                x = place(x, type_.axes, node.type.axes, rank)
            args.append(x)
        return rule, call, args

    def _checked(self, node: Node, value: Array) -> Array:
        self.env.learn([(node.name, node.type, value.shape)])
        if value.shape != (shape := self.env.shape(node.type)):
            raise InternalError(f"{node.name}: {node.type} has shape {value.shape}, not {shape}")
        return value.astype(self.dtype(node.type.dtype))

    # --- backwards ---

    def pull(self, seeds: Mapping[str, Array], wrt: Iterable[str]) -> dict[str, Array]:
        """The cotangents of the nodes `wrt`, given those of computed nodes.

        A value that was given, or is a parameter or state, passes nothing further back.
        """
        wanted = set(wrt)
        active = self._active(wanted)
        sums = {name: np.asarray(g, self.float) for name, g in seeds.items()}
        with np.errstate(all="ignore"):
            for node in reversed(self.graph.nodes):
                g = sums.get(node.name)
                if g is None or node.name not in active or not self._passes(node):
                    continue
                for name, part in self._back(node, g, active):
                    sums[name] = sums[name] + part if name in sums else part
        for name in wanted - set(sums):
            sums[name] = np.zeros(self.env.shape(self.nodes[name].type), self.float)
        return {name: sums[name] for name in wrt}

    def _passes(self, node: Node) -> bool:
        return node.name not in self.given and isinstance(node, (Op, Region))

    def _active(self, wanted: set[str]) -> set[str]:
        """The computed float nodes that depend on a wanted one."""
        active: set[str] = set()
        for node in self.graph.nodes:
            depends = self._passes(node) and any(a in active for a in self.sources(node))
            if node.name in wanted or (depends and node.type.is_float):
                active.add(node.name)
        return active

    def _back(self, node: Node, g: Array, active: set[str]) -> Iterable[tuple[str, Array]]:
        if isinstance(node, Region):
            back = pull_region(node, g, self)
            return [(name, part) for name, part in back if name in active]
        assert isinstance(node, Op)
        return self._back_op(node, g, active)

    def _back_op(self, node: Op, g: Array, active: set[str]) -> Iterable[tuple[str, Array]]:
        rule, call, args = self._call(node)
        if rule.vjp is None:
            return
        result = self.values[node.name].astype(np.float64)
        parts = rule.vjp(call, g.astype(np.float64), result, *args)
        for name, x, part in zip(node.args, args, parts, strict=True):
            type_ = self.nodes[name].type
            if part is None or name not in active or not type_.is_float:
                continue
            part = unbroadcast(part, x.shape)
            if self.perturb:
                part = self.perturb(part)
            if rule.align != "none":
                own = self.values[name].shape
                part = unplace(part, type_.axes, node.type.axes, own)
            yield name, part.astype(self.float)
