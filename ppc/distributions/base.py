"""What a distribution declares: once, backend-neutral, on graph values.

Backends, the reference evaluator, guides, the objective and the tests all read these rows. A
distribution is a module-level `Distribution` in one of the family modules beside this one;
`ppc.distributions` collects them into `DISTRIBUTIONS`. A function left as None does not exist
for the distribution, and who needs it refuses by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field

from ppc.ir import ops
from ppc.ir.build import Builder, Value
from ppc.ir.nodes import REAL, Const, NoiseKind, Support
from ppc.ir.rules import RuleError
from ppc.ir.sizes import Size
from ppc.ir.types import DType, Tensor
from ppc.records import dataclass

Params = Mapping[str, Value]  # the given parameters by name; of alternatives, the given one
Shape = tuple[Size, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a distribution."""

    name: str
    constraint: Support = REAL  # where it must lie
    event_rank: int = 0  # how many of its trailing dimensions belong to one draw
    default: float | None = None
    group: str = ""  # of the parameters of one group, exactly one is given


@dataclass(frozen=True, slots=True, eq=False)
class Tails:
    """A distribution function that keeps its digits in both tails, for values inside the support.

    The quantile is that of a level, given by the logarithms of the level and of its complement, of
    which it uses the one that is exact.
    """

    log_cdf: Callable[[Value, Params], Value]
    log_survival: Callable[[Value, Params], Value]  # log(1 - cdf)
    quantile: Callable[[Value, Value, Params], Value]


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """A family of distributions. `support` may name parameters, or `bounds`, as its bounds."""

    name: str
    parameters: tuple[Parameter, ...]
    support: Support
    log_density: Callable[[Value, Params], Value]  # of a draw: batch shape, event dims summed
    dtype: DType = "f32"
    event_rank: int = 0
    event_shape: Callable[[Params], Shape] = field(default=lambda _: ())
    draw: Callable[[NoiseSource, Params], Value] | None = None  # a draw of the site's type
    reparameterised: bool = False  # whether `draw` carries derivatives to the parameters
    mean: Callable[[Params], Value] | None = None
    variance: Callable[[Params], Value] | None = None
    probabilities: Callable[[Params], Value] | None = None  # of labels, along a new last axis
    entropy: Callable[[Params], Value] | None = None
    cdf: Callable[[Value, Params], Value] | None = None
    tails: Tails | None = None
    transform: str = ""  # the bijection that maps a Normal(loc, scale) draw to this family's
    bounds: Mapping[str, Callable[[Params], Value]] = field(default_factory=dict)
    source: str = ""  # the parameterisation, with where it is defined

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of that name."""
        return next((p for p in self.parameters if p.name == name), None)

    @property
    def discrete(self) -> bool:
        """Whether draws are integers or booleans."""
        return self.dtype != "f32" or self.support.kind in _DISCRETE


_DISCRETE = frozenset({"nonnegative_integer", "boolean", "integer_interval"})


@dataclass(frozen=True, slots=True)
class NoiseSource:
    """Makes the noise that a draw of one site needs; `type` is the type of the site."""

    builder: Builder
    site: str
    type: Tensor
    event_rank: int = 0

    def standard(self, kind: NoiseKind, *extra: Size, tag: str = "") -> Value:
        """Standard noise of the site's shape, with trailing dimensions added.

        `tag` tells several noises of one site apart.
        """
        type_ = Tensor("f32", self.type.axes, (*self.type.shape, *extra))
        site = f"{self.site}.{tag}" if tag else self.site
        return self.builder.noise(_noise_name(self.site, tag), kind, type_, site=site)

    def log_gamma(self, concentration: Value, *, tag: str = "") -> Value:
        """The logarithm of a standard Gamma draw, with its implicit derivative."""
        return self._drawn("log_gamma", concentration, tag=tag, implicit=True)

    def binomial(self, total_count: Value, probs: Value) -> Value:
        """A binomial draw, as f32, without derivative."""
        return self._drawn("binomial", total_count, probs, tag="", implicit=False)

    def poisson(self, rate: Value) -> Value:
        """A Poisson draw, as f32, without derivative."""
        return self._drawn("poisson", rate, tag="", implicit=False)

    def _drawn(self, sampler: str, *parameters: Value, tag: str, implicit: bool) -> Value:
        type_ = Tensor("f32", self.type.axes, self.type.shape)
        site = f"{self.site}.{tag}" if tag else self.site
        full = [ops.broadcast_to(each, self.type.shape) for each in parameters]
        args = tuple(ops.stop_gradient(each) for each in full)
        name = _noise_name(self.site, tag)
        draw = self.builder.noise(name, "draw", type_, site=site, args=args, sampler=sampler)
        return ops.implicit(draw, *full, sampler=sampler) if implicit else draw


def support_of(distribution: Distribution, params: Params) -> Support:
    """The support with its bounds resolved: a number where it is known, or the name of a node."""

    def resolved(bound: float | str) -> float | str:
        if not isinstance(bound, str):
            return bound
        make = distribution.bounds.get(bound)
        value = make(params) if make else params[bound]
        node = value.builder.nodes[value.name]
        if isinstance(node, Const) and not isinstance(node.value, tuple):
            return float(node.value)
        return value.name

    support = distribution.support
    return _finite(Support(support.kind, tuple(resolved(bound) for bound in support.bounds)))


def _finite(support: Support) -> Support:
    """The support without the bounds that are infinite."""
    match support:
        case Support("interval", (low, high)) if low == -math.inf and high == math.inf:
            return REAL
        case Support("interval", (low, high)) if high == math.inf:
            return Support("greater_than", (low,))
        case Support("interval", (low, high)) if low == -math.inf:
            return Support("less_than", (high,))
    return support


def _noise_name(site: str, tag: str) -> str:
    return f"{site}_{tag}_noise" if tag else f"{site}_noise"


def draw_type(
    distribution: Distribution,
    args: Mapping[str, Value],
    *,
    plates: Sequence[str] = (),
    sample_shape: Shape = (),
    dtype: DType | None = None,
) -> Tensor:
    """The type of a site: its plates, then `sample_shape`, batch shape and event shape.

    The batch shape is the broadcast of the parameters' shapes without their event dimensions.
    Raises RuleError where the parameters do not broadcast.
    """
    values = list(args.values())
    builder = values[0].builder
    batch: Shape = ()
    for name, value in args.items():
        parameter = distribution.parameter(name)
        rank = parameter.event_rank if parameter else 0
        if value.type.rank < rank:
            raise RuleError(f"{name} needs at least {rank} dimensions")
        own = value.type.shape[: value.type.rank - rank]
        batch = builder.sizes().broadcast(batch, own)
    named = {axis for value in values for axis in value.type.axes} | set(plates)
    axes = tuple(axis for axis in builder.axes if axis in named)
    shape = (*sample_shape, *batch, *distribution.event_shape(args))
    return Tensor(dtype or distribution.dtype, axes, shape)
