"""Putting models and guides into one graph, with every random variable replaced by a value.

What rounds of loops read of earlier ones is replaced too: see `ppc.objective.rounds`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ppc.distributions import Distribution, NoiseSource, find
from ppc.ir import ops
from ppc.ir.build import Builder, Value
from ppc.ir.nodes import (
    Const,
    Data,
    Graph,
    Hyper,
    Lag,
    Node,
    Op,
    Param,
    Sample,
    Stage,
    State,
    is_random,
    observed_node,
    operands,
    rename_operands,
)
from ppc.objective import rounds
from ppc.objective.rounds import on_cycle

Site = Callable[[Sample, Distribution, Mapping[str, Value]], Value]
Quantity = Callable[[Sample, Value], None]


# The value of a random variable where that is known without its parameters, else None. Of these
# the sample has those that are there by then, all that are `FIXED` among them.
Given = Callable[[Sample], Value | None]
FIXED = (Const, Data, Hyper)


def inline(
    builder: Builder, graph: Graph, site: Site, given: Given = lambda _: None,
    *, draws: tuple[str, ...] = (), factor: Quantity | None = None,
    recorded: Quantity | None = None,
) -> dict[str, str]:  # fmt: skip
    """Append `graph`, calling `site(sample, distribution, parameters)` for each random variable.

    `factor` and `recorded` see the value of each factor and recorded quantity. Types are inferred
    anew, so that what `site` returns may have further named axes. Data and hyperparameters that
    the builder has by name are shared. Returns the new names by the old.

    `given` is the value of a random variable where that is known without its parameters, and then
    what `site` returns. Of the others, those that depend on their own earlier rounds are drawn in a
    scan, with the further axes `draws`; `site` finds the draw in the attribute `drawn`.
    """
    inlined = _Inlined(builder, graph.nodes, site, given, draws, factor, recorded)
    inlined.run()
    return inlined.env


class _Inlined:
    """Nodes of a graph that go into a builder, each after what it depends on."""

    def __init__(
        self, builder: Builder, nodes: Sequence[Node], site: Site, given: Given,
        draws: tuple[str, ...], factor: Quantity | None = None, recorded: Quantity | None = None,
    ) -> None:  # fmt: skip
        self.builder, self.site, self.given, self.draws = builder, site, given, draws
        self.factor, self.recorded = factor, recorded
        self.nodes = {node.name: node for node in nodes}
        self.env: dict[str, str] = {}
        self.drawn: dict[str, str] = {}  # sites that a scan has drawn

    def run(self) -> None:
        """Append all nodes; `site` is called for each random variable, in their order."""
        for node in self.nodes.values():
            if isinstance(node, Sample):
                for name in operands(node):
                    self.place(name)
                self.env.pop(node.name, None)  # it may have been read before it came
                with self.builder.at(node.span):
                    self.append(node)
            else:
                self.place(node.name)

    def value(self, name: str) -> Value:
        """The value of a node that is placed."""
        return self.builder.value(self.env[name])

    def place(self, name: str) -> None:
        """Append a node, and before it what it depends on, if they are not there.

        Of a random variable whose value is known without its parameters that value is enough.
        """
        stack = [name]
        while stack:
            node = self.nodes.get(stack[-1])
            if node is None or node.name in self.env:
                stack.pop()
                continue
            known = self.known(node.name)
            if known is not None:
                self.env[node.name] = known.name
            elif waiting := [n for n in operands(node) if n not in self.env]:
                stack += reversed(waiting)
            else:
                with self.builder.at(node.span):
                    self.append(node)

    def append(self, node: Node) -> None:
        """Append a node whose operands are there."""
        builder, env = self.builder, self.env
        match node:
            case Op():
                args = [builder.value(env[a]) for a in node.args]
                value = builder.op(node.primitive, *args, name=node.name, **dict(node.attrs))  # type: ignore[arg-type]  # no attribute is called span
                env[node.name] = value.name
            case Sample():
                given = {p: builder.value(env[v]) for p, v in node.args}
                here = rename_operands(node, env)
                assert isinstance(here, Sample)
                if node.name in self.drawn:
                    drawn = ("drawn", self.drawn[node.name])
                    here = replace(here, attrs=(*here.attrs, drawn))
                if is_random(here):
                    env[node.name] = self.site(here, find(node.distribution), given).name
                else:
                    _quantity(builder, here, given["value"], self.factor, self.recorded)
                    env[node.name] = given["value"].name
            case Lag():
                self.lag(node)
            case Data() | Hyper() if node.name in builder.nodes:
                env[node.name] = node.name
            case _:
                builder.copy(node, env)

    # --- rounds ---

    def lag(self, node: Lag) -> None:
        """Append what rounds read of earlier ones: slices of what is known by then."""
        value = self.known(node.of)
        if value is None:
            cycle = on_cycle(node, self.nodes, {n: self.reads(n) for n in self.nodes})
            if cycle:
                self.scan(cycle)
                return
            self.place(node.of)
            value = self.value(node.of)
        init = [self.value(name) for name in node.init]
        self.env[node.name] = rounds.shifted(node, value, init).name

    def known(self, name: str) -> Value | None:
        """The value of a site that is known without its parameters."""
        if name in self.env:
            return self.value(name)
        node = self.nodes.get(name)
        if not isinstance(node, Sample) or not is_random(node) or name in self.drawn:
            return self.builder.value(self.drawn[name]) if name in self.drawn else None
        observed = observed_node(node)
        if observed is not None:
            self.place(observed)
        for _, arg in node.args:
            if isinstance(self.nodes.get(arg), FIXED):
                self.place(arg)
        attrs = tuple((k, self.env[str(v)]) for k, v in node.attrs if k == "value")
        args = tuple((p, self.env[v]) for p, v in node.args if v in self.env)
        return self.given(replace(node, args=args, attrs=attrs))

    def reads(self, name: str) -> tuple[str, ...]:
        """The nodes that are not there yet and that a node depends on, in this round or earlier."""
        node = self.nodes[name]
        if name in self.env or (isinstance(node, Sample) and self.known(name) is not None):
            return ()
        if isinstance(node, Lag) and self.known(node.of) is None:
            return (*node.init, node.of)
        return tuple(operands(node))

    def scan(self, cycle: frozenset[str]) -> None:
        """Compute, round by round, what depends on its own earlier rounds."""
        along = {n.name: n for n in self.nodes.values() if n.name in cycle and isinstance(n, Lag)}
        axis = next(a for a in self.builder.axes if any(lag.axis == a for lag in along.values()))
        lags = [lag for lag in along.values() if lag.axis == axis]
        taken = {lag.name for lag in lags}
        inside = [n for n in self.nodes.values() if n.name in cycle and n.name not in taken]
        outside = dict.fromkeys(a for n in inside for a in operands(n) if a not in cycle)
        for name in [*outside, *(name for lag in lags for name in lag.init)]:
            self.place(name)
        init = {lag.name: [self.value(name) for name in lag.init] for lag in lags}
        made = rounds.Scan(self.builder, axis, lags, init)
        while True:
            env = {name: made.given(self.value(name)).name for name in outside}
            env |= {lag.name: made.lagged(lag).name for lag in lags}
            nodes = [rounds.without_axis(n, axis) if isinstance(n, Sample) else n for n in inside]
            body = _Inlined(made.body, nodes, self._draw, lambda _: None, self.draws)
            body.env |= env
            body.run()
            if made.fits({lag.of: body.value(lag.of) for lag in lags}):
                break
            made.restart()
        wanted = [n.name for n in inside if _is_drawn(n) or n.name in made.slots]
        found = made.finish({name: body.value(name) for name in wanted})
        for name, value in found.items():
            if _is_drawn(self.nodes[name]):
                self.drawn[name] = value.name
            else:
                self.env[name] = value.name
        for lag in lags:
            self.env[lag.name] = rounds.shifted(lag, found[lag.of], init[lag.name]).name

    def _draw(self, site: Sample, dist: Distribution, args: Mapping[str, Value]) -> Value:
        builder = next(iter(args.values())).builder
        return ops.cast(draw(builder, site, dist, args, axes=self.draws), site.type.dtype)


def _is_drawn(node: Node) -> bool:
    return isinstance(node, Sample) and is_random(node)


def _quantity(
    builder: Builder, node: Sample, value: Value,
    factor: Quantity | None, recorded: Quantity | None,
) -> None:  # fmt: skip
    builder.suggest(value, node.name)
    see = factor if node.role == "factor" else recorded
    if see is not None:
        see(node, value)


def draw(
    builder: Builder, site: Sample, distribution: Distribution, args: Mapping[str, Value],
    *, axes: tuple[str, ...] = (),
) -> Value:  # fmt: skip
    """A draw of a site from fresh noise; `axes` are named axes that it gets besides its own."""
    if distribution.draw is None:
        raise LookupError(distribution.name)
    for key, value in site.attrs:
        if key == "drawn":
            return builder.value(str(value))
    named = {*site.type.axes, *axes, *(axis for v in args.values() for axis in v.type.axes)}
    ordered = tuple(axis for axis in builder.axes if axis in named)
    type_ = site.type.with_axes(ordered)
    return distribution.draw(NoiseSource(builder, site.name, type_, distribution.event_rank), args)


def name_parameters(
    builder: Builder, site: Sample, args: Mapping[str, Value], *, prefix: str = ""
) -> None:
    """Call the parameters of a site after it: `x_loc`, where they have no name of their own.

    Those of the guide have the `prefix` "q_".
    """
    for parameter, arg in args.items():
        builder.suggest(arg, f"{prefix}{site.name}_{parameter}")


def rename(builder: Builder, value: Value, name: str) -> Value:
    """Give the last node made a readable name, if nothing has it."""
    node = builder.nodes[value.name]
    last = next(reversed(builder.nodes))
    taken = name in builder.nodes or name in builder.reserved
    if last != value.name or taken or isinstance(node, Data | Param | State):
        return value
    del builder.nodes[value.name]
    builder.nodes[name] = replace(node, name=name)
    return Value(builder, name, node.type)


def merged(model: Graph, guide: Graph | None, *, name: str, stage: Stage) -> Builder:
    """An empty builder that knows the axes and sizes of both graphs."""
    builder = Builder.like(model, name=name)
    builder.stage = stage
    if guide is not None:
        builder.reserve(guide)
        for axis in guide.axes:
            builder.axis(axis)
        for hyper, value in guide.hypers:
            if builder.hypers.get(hyper) is None:
                builder.hypers[hyper] = value
        builder.sizes().equalities.extend(e for e in guide.equalities if e not in model.equalities)
    return builder
