"""Functions of a fitted pair other than the loss: its log density, and queries.

One rule decides where a query takes its latents from: rows that data are given for have their
latents inferred from them through the guide; rows without data are new, and theirs come from the
prior. What no plate repeats comes from the guide as soon as there is one, and so do the latents of
a plate without observed sites, such as groups that rows belong to: its rows are the fitted ones.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Literal

from ppc.distributions import Distribution
from ppc.ir import ops
from ppc.ir.build import Builder, Value
from ppc.ir.nodes import Graph, Param, Sample, observed_node, operands
from ppc.ir.reach import reached
from ppc.ir.sizes import Size
from ppc.ir.types import Axis, Tensor
from ppc.objective import score
from ppc.objective.elbo import observed_value
from ppc.objective.inline import draw, inline, merged, name_parameters, rename
from ppc.records import dataclass

DRAWS = "draws"  # the axis of independent draws of a query
Want = Literal["sample", "mean", "log_prob", "parameters"]


def log_density(model: Graph) -> Graph:
    """log p of all sites together: constrained values, all rows, no Jacobian; a scalar."""
    builder = whole(model, None, "log_density")
    give_sites(builder, model)
    terms: list[Value] = []

    def scored(site: Sample, dist: Distribution, args: Mapping[str, Value]) -> Value:
        name_parameters(builder, site, args)
        value = observed_value(builder, site)
        density = rename(
            builder, score.log_density(builder, site, dist, value, args), f"lp_{site.name}"
        )
        term = full(density, site, dist, builder)
        terms.append(ops.sum_axes(ops.sum_all(term), term.type.axes))
        return value

    inline(
        builder, model, scored, lambda site: observed_value(builder, site),
        factor=lambda site, v: terms.append(factor_term(builder, site, v)),
    )  # fmt: skip
    builder.output("log_density", functools.reduce(operator.add, terms))
    return builder.build()


def factor_term(builder: Builder, site: Sample, value: Value) -> Value:
    """The sum of a factor's values over its plates, where they count."""
    term = rename(builder, score.where_counted(builder, site, value), f"lp_{site.name}")
    term = on_plates(term, site, site.type.shape)
    return ops.sum_axes(ops.sum_all(term), term.type.axes)


def give_sites(
    builder: Builder,
    model: Graph,
    *,
    drawn: bool = False,
    latent_type: Callable[[Sample], Tensor] | None = None,
) -> None:
    """Every site as an array that is given, before anything else can take its name.

    Where `drawn` is set there are many draws of each latent; `latent_type` is the type of one.
    """
    for site in model.samples:
        if observed_node(site) is None:
            latent = site.role == "latent"
            type_ = latent_type(site) if latent and latent_type else site.type
            type_ = many(type_) if latent and drawn else type_
            builder.data(site.name, type_, origin="site")


def many(one: Tensor) -> Tensor:
    """The type of many draws of a type."""
    return replace(one, axes=(DRAWS, *one.axes))


def guide_parameters(guide: Graph) -> Graph:
    """The parameters of every factor of a guide, `SITE.PARAMETER`, from what the guide reads.

    Where a factor depends on the draw of another, that is drawn once.
    """
    builder = whole(guide, None, "guide")
    for site in guide.samples:
        if site.role == "observed":
            builder.data(site.name, site.type, origin="site")

    def at(site: Sample, dist: Distribution, args: Mapping[str, Value]) -> Value:
        if site.role == "observed":
            return builder.value(site.name)
        name_parameters(builder, site, args)
        for parameter, arg in args.items():
            builder.output(f"{site.name}.{parameter}", arg)
        return rename(builder, draw(builder, site, dist, args), site.name)

    inline(builder, guide, at, lambda site: _of_data(builder, site))
    return builder.build()


def _of_data(builder: Builder, site: Sample) -> Value | None:
    """The data of an observed site."""
    return builder.value(site.name) if site.role == "observed" else None


def parameters(model: Graph, guide: Graph | None, used: Collection[str] | None = None) -> Graph:
    """The value of every parameter on its support, or of those named."""
    builder = whole(model, guide, "parameters")
    for graph in (guide, model):
        if graph is None:
            continue
        env: dict[str, str] = {}
        wanted = [p.name for p in graph.params if used is None or p.name in used]
        needed = reached(graph, wanted, samples=False)
        for node in graph.nodes:
            if node.name in needed:
                builder.copy(node, env)
        for name in wanted:
            builder.output(name, builder.value(env[name]))
    return builder.build()


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked. Sites are named as in the model."""

    targets: tuple[str, ...]
    given: tuple[str, ...] = ()  # sites whose values come as data
    wants: tuple[Want, ...] = ("sample",)
    guided: bool = True  # whether latents that the guide covers come from it
    guided_rows: bool = False  # whether those of rows do too: data are given for the rows
    kept: tuple[str, ...] = ()  # plates whose rows are the fitted ones, whatever is asked
    drawn: tuple[str, ...] = ()  # latents of which each draw is given: those of chains


def query(model: Graph, guide: Graph | None, asked: Query) -> Graph:
    """Joint draws of the targets, `[draws, plates..., shape...]`, and what else is wanted.

    A target that is given too is drawn anew, and scored as given.

    Outputs are `NAME.sample`, `NAME.mean` (over the draws, of the distribution's mean given its
    parents: a Rao-Blackwellised average; of labels, their probabilities), `NAME.log_prob`
    (elementwise, batch-shaped) and `NAME.parameters.PARAMETER`, for each target NAME. A recorded
    quantity has no density and no parameters.
    """
    builder = whole(model, guide, "query", draws=True)
    for site in model.samples:
        if site.name in asked.given:
            builder.data(site.name, site.type, origin="site")
        elif site.name in asked.drawn:
            builder.data(site.name, many(site.type), origin="site")
    inferred = _from_guide(builder, guide, asked) if guide is not None and asked.guided else {}

    def given(site: Sample) -> Value | None:
        if site.name in asked.drawn or site.name in asked.given:
            return builder.value(site.name)
        if factor := _of_guide(site, asked, inferred):
            return factor.value
        replayed = observed_node(site) is not None and site.name not in asked.targets
        return observed_value(builder, site) if replayed else None

    def in_model(site: Sample, dist: Distribution, args: Mapping[str, Value]) -> Value:
        name_parameters(builder, site, args)
        if site.name in asked.drawn:
            value = builder.value(site.name)
            if site.name in asked.targets and "sample" in asked.wants:
                builder.output(f"{site.name}.sample", value)
            if site.name in asked.targets and "mean" in asked.wants:
                builder.output(f"{site.name}.mean", _averaged(builder, value))
            return value
        if site.name in asked.given:
            value = builder.value(site.name)
            if site.name in asked.targets:
                anew = _drawn(builder, site, dist, args, f"{site.name}_new")
                _outputs(builder, site, dist, args, anew, asked, scored=value)
            return value
        if factor := _of_guide(site, asked, inferred):
            if site.name in asked.targets:  # what was drawn from the guide is described by it
                _outputs(builder, site, factor.distribution, factor.args, factor.value, asked,
                         scored=factor.value)  # fmt: skip
            return factor.value
        if observed_node(site) is not None and site.name not in asked.targets:
            value = observed_value(builder, site)
        else:
            value = _drawn(builder, site, dist, args, site.name)
        if site.name in asked.targets:
            _outputs(builder, site, dist, args, value, asked, scored=value)
        return value

    inline(builder, model, in_model, given, draws=(DRAWS,), recorded=partial(_recorded, asked))
    return builder.build()


def _recorded(asked: Query, site: Sample, value: Value) -> None:
    """What is wanted of a recorded quantity."""
    if site.name not in asked.targets:
        return
    builder = value.builder
    value = on_plates(value, site, site.type.shape)
    if "sample" in asked.wants:
        builder.output(f"{site.name}.sample", _with_draws(builder, value))
    if "mean" in asked.wants:
        mean = ops.cast(value, "f32")
        varies = DRAWS in mean.type.axes
        builder.output(f"{site.name}.mean", _averaged(builder, mean) if varies else mean)


def joint_draws(model: Graph) -> Graph:
    """Joint draws of the outputs of a model, whatever they are: `[draws, plates..., shape...]`."""
    builder = whole(model, None, "draws", draws=True)
    env = inline(
        builder,
        model,
        lambda site, dist, args: _drawn(builder, site, dist, args, site.name),
        draws=(DRAWS,),
    )
    for result, name in model.outputs:
        builder.output(result, _with_draws(builder, builder.value(env[name])))
    return builder.build()


@dataclass(frozen=True, slots=True)
class _Factor:
    """A latent as the guide has it, and its draw."""

    distribution: Distribution
    args: Mapping[str, Value]
    value: Value


def _of_guide(site: Sample, asked: Query, inferred: Mapping[str, _Factor]) -> _Factor | None:
    """A latent of the model as the guide has it, where a query takes it from there."""
    fitted = asked.guided_rows or set(site.type.axes) <= set(asked.kept)
    return inferred.get(site.name) if fitted else None


def _from_guide(builder: Builder, guide: Graph, asked: Query) -> dict[str, _Factor]:
    """The guide's latents whose inputs are known."""
    factors: dict[str, _Factor] = {}
    unknown = _reads_unknown(guide, asked.given)

    def in_guide(site: Sample, dist: Distribution, args: Mapping[str, Value]) -> Value:
        if site.name in asked.given:
            return builder.value(site.name)
        name_parameters(builder, site, args, prefix="q_")
        value = _drawn(builder, site, dist, args, site.name)
        if site.role == "latent" and site.name not in unknown:
            factors[site.name] = _Factor(dist, args, value)
        return value

    def given(site: Sample) -> Value | None:
        return builder.value(site.name) if site.name in asked.given else None

    inline(builder, guide, in_guide, given, draws=(DRAWS,))
    return factors


def _reads_unknown(guide: Graph, given: Collection[str]) -> set[str]:
    """The nodes of the guide that depend on an observed site whose value is not given."""
    found: set[str] = set()
    for node in guide.nodes:
        missing = isinstance(node, Sample) and node.role == "observed" and node.name not in given
        inherited = found.intersection(operands(node))
        cut = isinstance(node, Sample) and node.name in given
        if missing or (inherited and not cut):
            found.add(node.name)
    return found


def row_parameters(guide: Graph, latent: str, rows: Collection[str]) -> tuple[str, ...]:
    """The parameters with rows of the plates `rows` that the factor of `latent` reads."""
    nodes = guide.by_name()
    todo = [latent]
    found: dict[str, None] = {}
    while todo:
        node = nodes[todo.pop()]
        if isinstance(node, Param) and set(rows).intersection(node.type.axes):
            found[node.name] = None
        todo.extend(operands(node))
    return tuple(found)


def _drawn(
    builder: Builder, site: Sample, dist: Distribution, args: Mapping[str, Value], name: str
) -> Value:
    value = draw(builder, site, dist, args, axes=(DRAWS,))
    return rename(builder, ops.cast(value, site.type.dtype), name)


def _outputs(
    builder: Builder,
    site: Sample,
    dist: Distribution,
    args: Mapping[str, Value],
    value: Value,
    asked: Query,
    *,
    scored: Value,
) -> None:
    """What is wanted of a target: `value` is its draw, `scored` the value that is scored."""
    if "sample" in asked.wants:
        builder.output(f"{site.name}.sample", _with_draws(builder, value))
    if "mean" in asked.wants:
        builder.output(f"{site.name}.mean", _mean(builder, site, dist, args, value))
    if "log_prob" in asked.wants:
        density = score.log_density(builder, site, dist, scored, args)
        density = full(density, site, dist, builder)
        builder.output(f"{site.name}.log_prob", _with_draws(builder, density))
    if "parameters" in asked.wants:
        for name, arg in args.items():
            builder.output(f"{site.name}.parameters.{name}", _with_draws(builder, arg))


def _mean(
    builder: Builder, site: Sample, dist: Distribution, args: Mapping[str, Value], value: Value
) -> Value:
    """The average over draws of the mean given the parents; of the draw where none is known."""
    expected = dist.probabilities or dist.mean
    mean = expected(args) if expected else ops.cast(value, "f32")
    shape = (
        site.type.shape if dist.probabilities is None else (*site.type.shape, mean.type.shape[-1])
    )
    mean = on_plates(mean, site, shape)
    return _averaged(builder, mean) if DRAWS in mean.type.axes else mean


def _averaged(builder: Builder, value: Value) -> Value:
    """The mean over the draws."""
    return ops.sum_axes(value, (DRAWS,)) / builder.dim(builder.axes[DRAWS].size)


def _with_draws(builder: Builder, value: Value) -> Value:
    """`value` repeated along the axis of draws, where it does not vary over it."""
    if DRAWS in value.type.axes:
        return value
    size = builder.axes[DRAWS].size
    repeated = ops.broadcast_to(value, (size, *value.type.shape))
    return builder.op("to_axis", repeated, axis=DRAWS)


def full(term: Value, site: Sample, dist: Distribution, builder: Builder) -> Value:
    """A density broadcast to the plates and batch shape of its site."""
    return on_plates(term, site, site.type.shape[: site.type.rank - dist.event_rank])


def on_plates(value: Value, site: Sample, shape: tuple[Size, ...]) -> Value:
    """`value` repeated to a shape and along every plate of a site."""
    return ops.filled(value, site.type.with_shape(shape))


def whole(model: Graph, guide: Graph | None, name: str, *, draws: bool = False) -> Builder:
    """A builder in which every plate has all its rows."""
    known = merged(model, guide, name=name, stage="function")
    axes = [replace(axis, subsampled=False) for axis in known.axes.values()]
    if draws:
        axes.insert(0, Axis(DRAWS, "particle", Size.of(DRAWS)))
    builder = Builder(
        name, "function", axes=axes, hypers=known.hypers.items(),
        equalities=known.sizes().equalities,
    )  # fmt: skip
    builder.reserved |= known.reserved
    return builder
