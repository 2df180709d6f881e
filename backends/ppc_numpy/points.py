"""Random points at which to evaluate graphs: a value for every input, in its domain.

Data that stand for no declared set of values lie in (0.05, 0.95), which almost every support
contains, and integers are 0 or 1: classes, counts and positions all at once.
"""

# Arithmetic on arrays whose dtype is not said has type Any.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from ppc.ir.build import Builder
from ppc.ir.nodes import Data, Graph, Hyper, Lag, Node, Noise, Param, Sample, State, Support
from ppc_numpy.environment import Shape
from ppc_numpy.machine import Machine
from ppc_numpy.rules import Array, place

Draw = Callable[..., Array]


def random_inputs(
    graph: Graph,
    rng: Generator,
    *,
    sizes: Mapping[str, int] | None = None,
    axis_sizes: Mapping[str, int] | None = None,
    given: Mapping[str, ArrayLike] | None = None,
) -> dict[str, Array]:
    """A value for every node of the graph that is not computed: data, parameters, noise, sites.

    `given` values are kept. Parameters and sites lie in their supports; drawn noise comes from
    its sampler. Names of sizes that nobody knows get small sizes, each another.
    """
    machine = Machine(graph, given or {}, sizes=sizes, axis_sizes=axis_sizes)
    complete(machine, rng)
    return {name: machine.values[name] for name in machine.values if name in machine.given}


def complete(machine: Machine, rng: Generator) -> None:
    """Give the machine a random value for every input that it lacks, in order."""
    machine.env.fill(machine.graph)
    for node in machine.graph.nodes:
        if is_input(node) and node.name not in machine.given:
            machine.give({node.name: _value(machine, node, rng)})


def is_input(node: Node) -> bool:
    """Whether a node's value comes from outside, or may."""
    return isinstance(node, (Data, Hyper, Lag, Noise, Param, Sample, State))


def is_parameter(node: Node) -> bool:
    """Whether a node is an optimised quantity, also where parameters have become inputs."""
    return isinstance(node, Param) or (isinstance(node, Data) and node.origin == "parameter")


def _value(machine: Machine, node: Node, rng: Generator) -> Array:
    shape = machine.env.shape(node.type)
    match node:
        case Noise():
            return _noise(machine, node, rng, shape)
        case Param(support=support) if support.kind != "real":
            return _supported(machine, node, support, rng)
        case _ if is_parameter(node):
            # a matrix keeps the scale of what it is multiplied with
            fan_in = shape[-2] if node.type.rank > 1 else 1
            return rng.standard_normal(shape) / np.sqrt(max(fan_in, 1))
        case Sample():
            return _site(machine, node, rng)
        case Hyper() if node.name in machine.env.sizes:
            return np.asarray(machine.env.sizes[node.name])
    if node.type.dtype == "f32":
        return rng.uniform(0.05, 0.95, shape)
    return rng.integers(0, 2, shape)


def _noise(machine: Machine, node: Noise, rng: Generator, shape: Shape) -> Array:
    match node.kind:
        case "normal":
            return rng.standard_normal(shape)
        case "uniform":
            return rng.uniform(0.0, 1.0, shape)
        case "gumbel":
            return rng.gumbel(size=shape)
        case "draw":
            machine.run(node.args)
            args = [_aligned(machine, a, node) for a in node.args]
            return SAMPLERS[node.sampler](rng, shape, *args)


def _log_gamma(rng: Generator, shape: Shape, concentration: Array) -> Array:
    # g(a) = g(a + 1) u^(1/a) in distribution; the logarithm does not underflow
    boosted = np.log(rng.gamma(concentration + 1, size=shape))
    return boosted + np.log(rng.uniform(size=shape)) / concentration


SAMPLERS: Mapping[str, Draw] = {
    "log_gamma": _log_gamma,
    "poisson": lambda rng, shape, rate: rng.poisson(rate, shape),
    "binomial": lambda rng, shape, count, probs: rng.binomial(count.astype(np.int64), probs, shape),
}


def _aligned(machine: Machine, name: str, node: Node) -> Array:
    """The value of a node as it broadcasts to another one's axes and shape."""
    type_ = machine.nodes[name].type
    return place(machine.values[name], type_.axes, node.type.axes, node.type.rank)


def _site(machine: Machine, node: Sample, rng: Generator) -> Array:
    """A value in the support of a site's distribution, whose bounds may need nodes of their own."""
    from ppc.distributions import find
    from ppc.distributions.base import support_of

    distribution = find(node.distribution)
    builder = Builder.like(machine.graph)
    builder.nodes = dict(machine.nodes)
    params = {name: builder.value(value) for name, value in node.args}
    for parameter in distribution.parameters:
        if parameter.default is not None and parameter.name not in params:
            params[parameter.name] = builder.const(parameter.default)
    support = support_of(distribution, params)
    extended = machine.like(replace(machine.graph, nodes=tuple(builder.nodes.values())))
    return _supported(extended, node, support, rng)


def _supported(machine: Machine, node: Node, support: Support, rng: Generator) -> Array:
    """A value in a support; a bound is a number or the name of a node."""
    bounds = []
    for bound in support.bounds:
        if isinstance(bound, str):
            machine.run([bound])
            bounds.append(_aligned(machine, bound, node))
        else:
            bounds.append(np.asarray(bound))
    return SUPPORTS[support.kind](rng, machine.env.shape(node.type), *bounds)


def _positive(rng: Generator, shape: Shape) -> Array:
    return np.asarray(np.exp(0.5 * rng.standard_normal(shape)))


def _between(rng: Generator, shape: Shape, low: Array, high: Array) -> Array:
    return low + (high - low) * rng.uniform(0.05, 0.95, shape)


def _simplex(rng: Generator, shape: Shape) -> Array:
    weights = _positive(rng, shape)
    return weights / weights.sum(axis=-1, keepdims=True)


def _ordered(rng: Generator, shape: Shape) -> Array:
    return rng.standard_normal(shape[:-1])[..., None] + np.cumsum(_positive(rng, shape), axis=-1)


def _positive_definite(rng: Generator, shape: Shape) -> Array:
    x = rng.standard_normal(shape)
    return 0.3 * x @ np.swapaxes(x, -1, -2) + np.eye(shape[-1])


SUPPORTS: Mapping[str, Draw] = {
    "real": lambda rng, shape: rng.standard_normal(shape),
    "extended_real": lambda rng, shape: rng.standard_normal(shape),
    "real_vector": lambda rng, shape: rng.standard_normal(shape),
    "positive": _positive,
    "nonnegative": _positive,
    "unit_interval": lambda rng, shape: rng.uniform(0.05, 0.95, shape),
    "interval": _between,
    "greater_than": lambda rng, shape, low: low + _positive(rng, shape),
    "less_than": lambda rng, shape, high: high - _positive(rng, shape),
    "nonnegative_integer": lambda rng, shape: rng.integers(0, 4, shape),
    "integer_interval": lambda rng, shape, low, high: np.floor(
        low + (high + 1 - low) * rng.uniform(0, 1, shape)
    ),
    "boolean": lambda rng, shape: rng.integers(0, 2, shape),
    "simplex": _simplex,
    "ordered": _ordered,
    "positive_ordered": lambda rng, shape: np.cumsum(_positive(rng, shape), axis=-1),
    "positive_definite": _positive_definite,
}
