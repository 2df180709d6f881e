"""Putting models and guides into one graph, with every random variable replaced by a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from ppc.distributions import Distribution, NoiseSource, find
from ppc.ir.build import Builder, Value
from ppc.ir.nodes import (
    Data,
    Graph,
    Hyper,
    Op,
    Param,
    Sample,
    Stage,
    State,
    is_random,
    rename_operands,
)

Site = Callable[[Sample, Distribution, Mapping[str, Value]], Value]
Quantity = Callable[[Sample, Value], None]


def inline(
    builder: Builder,
    graph: Graph,
    site: Site,
    *,
    factor: Quantity | None = None,
    recorded: Quantity | None = None,
) -> dict[str, str]:
    """Append `graph`, calling `site(sample, distribution, parameters)` for each random variable.

    `factor` and `recorded` see the value of each factor and recorded quantity. Types are inferred
    anew, so that what `site` returns may have further named axes. Data and hyperparameters that
    the builder has by name are shared. Returns the new names by the old.
    """
    env: dict[str, str] = {}
    for node in graph.nodes:
        with builder.at(node.span):
            match node:
                case Op():
                    args = [builder.value(env[a]) for a in node.args]
                    value = builder.op(node.primitive, *args, name=node.name, **dict(node.attrs))  # type: ignore[arg-type]  # no attribute is called span
                    env[node.name] = value.name
                case Sample():
                    given = {p: builder.value(env[v]) for p, v in node.args}
                    node = rename_operands(node, env)
                    assert isinstance(node, Sample)
                    if is_random(node):
                        env[node.name] = site(node, find(node.distribution), given).name
                    else:
                        _quantity(builder, node, given["value"], factor, recorded)
                        env[node.name] = given["value"].name
                case Data() | Hyper() if node.name in builder.nodes:
                    env[node.name] = node.name
                case _:
                    builder.copy(node, env)
    return env


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
