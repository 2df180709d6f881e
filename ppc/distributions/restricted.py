"""Distributions made from another by bounds: truncated, where it lies between them, and censored.

They are made of families on the line whose distribution function is known in both tails: those
that declare `tails`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from ppc.distributions.base import Distribution, NoiseSource, Parameter, Params
from ppc.distributions.location_scale import NORMAL
from ppc.distributions.membership import interior
from ppc.distributions.special import known_inside, within
from ppc.ir import ops
from ppc.ir.build import Operand, Value
from ppc.ir.nodes import Const, Support

_BOUND = Support("extended_real")
BOUNDS = (
    Parameter("low", _BOUND, default=-math.inf),
    Parameter("high", _BOUND, default=math.inf),
)


def can_be_bounded(base: Distribution) -> bool:
    """Whether a family can be truncated and censored: it has tails, and no bounds of its own."""
    return base.tails is not None and not any(base.parameter(b.name) for b in BOUNDS)


def truncated_of(base: Distribution) -> Distribution:
    """`base` where it lies from `low` to `high`: its density over its mass there."""
    return Distribution(
        name=f"Truncated[{base.name}]",
        parameters=(*base.parameters, *BOUNDS),
        support=Support("interval", ("lowest", "highest")),
        bounds=_support_bounds(base),
        log_density=lambda x, p: _truncated_log_density(base, x, p),
        draw=lambda noise, p: _truncated_draw(base, noise, p),
        reparameterised=True,
        source=f"a {base.name} given that it lies from low to high; draws by its quantiles",
    )


def censored_of(base: Distribution) -> Distribution:
    """`base` as it is seen from `low` to `high`: what lies beyond is seen as the bound."""
    return Distribution(
        name=f"Censored[{base.name}]",
        parameters=(*base.parameters, *BOUNDS),
        support=Support("interval", ("lowest", "highest")),
        bounds=_support_bounds(base),
        log_density=lambda x, p: _censored_log_density(base, x, p),
        draw=(lambda noise, p: _censored_draw(base, noise, p)) if base.draw else None,
        source=f"a {base.name} of which what is beyond low or high is seen as the bound "
        "(Klein and Moeschberger 2003, sec. 3.5)",
    )


# --- bounds --------------------------------------------------------------------------------------


def _number(x: Operand) -> float | None:
    """The number that a bound is known to be."""
    if not isinstance(x, Value):
        return float(x)
    node = x.builder.nodes[x.name]
    if isinstance(node, Const) and not isinstance(node.value, tuple):
        return float(node.value)
    return None


def _has(base: Distribution, p: Params, bound: str) -> bool:
    """Whether a bound is one: a number beyond the base's own support is none."""
    number, (low, high) = _number(p[bound]), map(_number, _ends(base, p))
    if number is None or not math.isfinite(number):
        return number is None
    return (
        not (low is not None and number <= low)
        if bound == "low"
        else (not (high is not None and number >= high))
    )


def _ends(base: Distribution, p: Params) -> tuple[Operand, Operand]:
    """The ends of the base's own support."""
    match base.support:
        case Support("positive" | "nonnegative"):
            return 0.0, math.inf
        case Support("unit_interval"):
            return 0.0, 1.0
        case Support("greater_than", (str(low),)):
            return p[low], math.inf
    return -math.inf, math.inf


def _support_bounds(base: Distribution) -> Mapping[str, Callable[[Params], Value]]:
    """The bounds, where they are inside of the base's own support."""

    def lowest(p: Params) -> Value:
        return _nearer(p["low"], _ends(base, p)[0], ops.maximum, max)

    def highest(p: Params) -> Value:
        return _nearer(p["high"], _ends(base, p)[1], ops.minimum, min)

    return {"lowest": lowest, "highest": highest}


def _nearer(
    bound: Value, end: Operand, op: Callable[..., Value], of: Callable[..., float]
) -> Value:
    numbers = _number(bound), _number(end)
    if numbers[0] is not None and numbers[1] is not None:
        return bound.builder.const(of(numbers))
    if numbers[1] is not None and math.isinf(numbers[1]):
        return bound
    return op(bound, end)


# --- mass ----------------------------------------------------------------------------------------


def _guarded(base: Distribution, at: Value, p: Params, *, survival: bool) -> Value:
    """The logarithm of the distribution function or of its complement, at any bound."""
    assert base.tails is not None
    below, above = (0.0, -math.inf) if survival else (-math.inf, 0.0)
    function = base.tails.log_survival if survival else base.tails.log_cdf
    low, high = _ends(base, p)
    numbers = [n for n in map(_number, (low, at, high)) if n is not None]
    if len(numbers) == 3 and numbers[0] < numbers[1] < numbers[2]:
        return function(at, p)
    known = ops.logical_and(at > low, at < high)
    point = _inside_of(base, at, p)
    beyond = ops.where(at > low, above, below)
    return ops.where(known, function(ops.where(known, at, point), p), beyond)


def _inside_of(base: Distribution, like: Value, p: Params) -> Operand:
    bounds = (p[b] if isinstance(b, str) else b for b in base.support.bounds)
    return interior(base.support.kind, like, *bounds)


def _log_mass(base: Distribution, p: Params) -> Value | None:
    """The logarithm of the mass between the bounds; None where there are no bounds.

    Between two bounds it is a difference, which loses digits as the width falls below the scale:
    at a hundredth of it, two.
    """
    low, high = _has(base, p, "low"), _has(base, p, "high")
    if not low and not high:
        return None
    if not low:
        return _guarded(base, p["high"], p, survival=False)
    if not high:
        return _guarded(base, p["low"], p, survival=True)
    f_low, f_high = (_guarded(base, p[b], p, survival=False) for b in ("low", "high"))
    s_low, s_high = (_guarded(base, p[b], p, survival=True) for b in ("low", "high"))
    # as a difference in the tail where the interval is, of a larger mass and a smaller
    upper = f_low > s_low
    larger, smaller = ops.where(upper, s_low, f_high), ops.where(upper, s_high, f_low)
    some = smaller > -math.inf
    gap = larger - ops.where(some, smaller, larger - 1.0)
    return larger + ops.where(some, ops.log1mexp(gap), 0.0)


# --- truncated -----------------------------------------------------------------------------------


def _between(base: Distribution, x: Value, p: Params) -> Value | None:
    """Whether x is from low to high; None where there are no bounds."""
    parts = [x >= p["low"]] if _has(base, p, "low") else []
    parts += [x <= p["high"]] if _has(base, p, "high") else []
    return ops.logical_and(*parts) if len(parts) == 2 else next(iter(parts), None)


def _truncated_log_density(base: Distribution, x: Value, p: Params) -> Value:
    mass, inside = _log_mass(base, p), _between(base, x, p)
    if mass is None or inside is None:
        return base.log_density(x, p)
    return within(inside, x, _inside_of(base, x, p), lambda x: base.log_density(x, p) - mass)


def _truncated_draw(base: Distribution, noise: NoiseSource, p: Params) -> Value:
    """The quantile at a level between those of the bounds, known from below and from above."""
    assert base.tails is not None
    u = noise.standard("uniform")
    log_f, log_s = ops.log(u), ops.log1p(-u)
    ends = {b: _has(base, p, b) for b in ("low", "high")}
    f = log_f + (_guarded(base, p["high"], p, survival=False) if ends["high"] else 0.0)
    s = log_s + (_guarded(base, p["low"], p, survival=True) if ends["low"] else 0.0)
    if ends["low"]:
        f = ops.logaddexp(f, log_s + _guarded(base, p["low"], p, survival=False))
    if ends["high"]:
        s = ops.logaddexp(s, log_f + _guarded(base, p["high"], p, survival=True))
    return _clipped(base, base.tails.quantile(f, s, p), p)


def _clipped(base: Distribution, x: Value, p: Params) -> Value:
    x = ops.maximum(x, p["low"]) if _has(base, p, "low") else x
    return ops.minimum(x, p["high"]) if _has(base, p, "high") else x


# --- censored ------------------------------------------------------------------------------------


def _censored_log_density(base: Distribution, x: Value, p: Params) -> Value:
    """The density between the bounds, and the mass beyond a bound on it."""
    point = _inside_of(base, x, p)
    seen = x
    for bound in ("low", "high"):
        if _has(base, p, bound):
            apart = x > p[bound] if bound == "low" else x < p[bound]
            seen = ops.where(apart, seen, point)
    if known_inside(x):
        x.builder.inside.add(seen.name)
    density = base.log_density(seen, p)
    if _has(base, p, "low"):
        density = ops.where(x > p["low"], density, _guarded(base, p["low"], p, survival=False))
    if _has(base, p, "high"):
        density = ops.where(x < p["high"], density, _guarded(base, p["high"], p, survival=True))
    inside = _between(base, x, p)
    return density if inside is None or known_inside(x) else ops.where(inside, density, -math.inf)


def _censored_draw(base: Distribution, noise: NoiseSource, p: Params) -> Value:
    assert base.draw is not None
    return _clipped(base, base.draw(noise, p), p)


TRUNCATED_NORMAL = replace(
    truncated_of(NORMAL),
    name="TruncatedNormal",
    source="Normal(loc, scale) given that it lies from low to high; loc and scale are not its mean "
    "and standard deviation (Johnson, Kotz and Balakrishnan 1994, ch. 13, sec. 10.1)",
)
