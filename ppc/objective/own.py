"""Losses of the user: any function of the variables of model and guide, at one draw of the guide.

InferPy's `loss=f` with `f(pvars, qvars, **kwargs)`: the function sees the random variables of P and
Q, each with its value, its density and its parameters, and returns what is minimised. Where a step
sees a batch, rows that only pad it count nowhere, and `batch_weight` is the number of batches: the
mean over an epoch of sums over rows times `batch_weight` is the sum over all rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ppc.diagnostics import CompileError
from ppc.diagnostics.losses import FactorInOwnLoss, LossOfSeveralBatches
from ppc.distributions import Distribution
from ppc.ir import ops
from ppc.ir.build import Builder, Value
from ppc.ir.nodes import Data, Graph, Sample
from ppc.objective.elbo import Loss, checked_value, input_arrays, readings, row_weight
from ppc.objective.functions import full, on_plates
from ppc.objective.inline import draw, inline, merged, name_parameters, rename
from ppc.objective.score import log_density
from ppc.records import dataclass

OUTPUT = "loss"  # the name of the only term


@dataclass(frozen=True, slots=True)
class Variable:
    """A random variable of P or Q, as a loss sees it."""

    builder: Builder
    site: Sample
    distribution: Distribution
    args: Mapping[str, Value]
    value: Value  # the data, or the draw of the guide: of the site's type
    batched: bool  # whether `batch_weight` goes with sums over it; without batches, if it has rows

    def log_prob(self, at: Value) -> Value:
        """log p(at): one number for each element, of the site's plates and batch shape."""
        term = log_density(self.builder, self.site, self.distribution, at, self.args)
        return full(term, self.site, self.distribution, self.builder)

    def on_batch(self, term: Value) -> Value:
        """What is known of each element, such as an entropy, with all plates and batch shape."""
        return full(term, self.site, self.distribution, self.builder)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a loss may ask for besides the variables."""

    counted: Mapping[str, Value | None]  # by plate: which rows of the step are none of the padding
    plate_size: Value | None  # without batches: the number of rows
    batch_weight: Value | None  # with batches: their number


class LossFunction(Protocol):
    """A loss that has been read. Raises CompileError with the mistakes in it."""

    name: str

    def __call__(
        self, builder: Builder, model: Mapping[str, Variable], guide: Mapping[str, Variable],
        settings: Settings,
    ) -> Value:  # fmt: skip
        """The loss as a number, of nodes that are appended to the builder."""


def own_loss(model: Graph, guide: Graph, function: LossFunction) -> Loss:
    """The loss graph of a matched pair whose only output is what `function` returns."""
    if factor := next((site for site in model.sites if site.role == "factor"), None):
        raise CompileError(FactorInOwnLoss(name=factor.name, span=factor.span))
    several = tuple(axis.name for axis in model.axes if axis.subsampled)
    if len(several) > 1:
        raise CompileError(LossOfSeveralBatches(name=function.name, plates=several))
    builder = merged(model, guide, name=model.name, stage="loss")
    input_arrays(builder, model)
    p: dict[str, Variable] = {}
    q: dict[str, Variable] = {}
    batches = any(axis.subsampled for axis in builder.axes.values())

    def variable(
        site: Sample, dist: Distribution, args: Mapping[str, Value], value: Value
    ) -> Variable:
        axes = site.type.axes
        batched = any(builder.axes[a].subsampled for a in axes) if batches else bool(axes)
        whole = on_plates(value, site, site.type.shape)
        return Variable(builder, site, dist, args, whole, batched)

    def in_guide(site: Sample, dist: Distribution, args: Mapping[str, Value]) -> Value:
        if site.role == "observed":
            value = builder.value(site.name)
        else:
            name_parameters(builder, site, args, prefix="q_")
            value = rename(builder, draw(builder, site, dist, args), site.name)
            builder.inside.add(value.name)  # the guide has the support of the model
        q[site.name] = variable(site, dist, args, value)
        return value

    def in_model(site: Sample, dist: Distribution, args: Mapping[str, Value]) -> Value:
        name_parameters(builder, site, args)
        if site.role == "observed":
            value = checked_value(builder, site, dist, args)
        else:
            value = q[site.name].value
        p[site.name] = variable(site, dist, args, value)
        return value

    of_data, of_site = readings(builder, lambda name: q[name].value)
    inline(builder, guide, in_guide, of_data)
    inline(builder, model, in_model, of_site)
    builder.output(OUTPUT, function(builder, p, q, _settings(builder)))
    latent = (site.name for site in model.samples if site.role == "latent")
    return Loss(builder.build(), dict.fromkeys(latent, f"in the loss {function.name}"), ())


def _settings(builder: Builder) -> Settings:
    weights = {
        axis.name: row_weight(builder, axis.name)
        for axis in builder.axes.values()
        if axis.subsampled
    }
    counted = {name: weights[name] > 0.0 if name in weights else None for name in builder.axes}
    if weights:
        first = next(iter(weights))
        number = builder.op("reduce_axis", weights[first], op="max", axes=(first,))
        return Settings(counted, None, number)
    sites = [n for n in builder.nodes.values() if isinstance(n, Data) and n.origin == "site"]
    axes = [axis for node in sites for axis in node.type.axes]
    size = builder.dim(builder.axes[axes[0]].size) if axes else None
    return Settings(counted, ops.cast(size, "f32") if size is not None else None, None)
