"""Families on vectors of probabilities."""

from __future__ import annotations

from ppc.distributions.base import Distribution, NoiseSource, Parameter, Params
from ppc.distributions.location_scale import POSITIVE
from ppc.distributions.special import (
    HALF_LOG_2PI,
    digamma_correction,
    gamma_kernel,
    log_power_of_zero,
    log_saturated_gamma,
    within,
)
from ppc.ir import ops
from ppc.ir.build import Value
from ppc.ir.nodes import Support


def _total(p: Params) -> Value:
    """The sum of the concentrations, with the last dimension kept."""
    return ops.expand_dims(ops.sum_(p["concentration"]), -1)


def _dirichlet_log_density(x: Value, p: Params) -> Value:
    inside = x.builder.op("all", x >= 0.0, axes=(-1,))
    return within(inside, x, 0.5, lambda x: _dirichlet_inside(x, p), 1)


def _dirichlet_inside(x: Value, p: Params) -> Value:
    """As sums of Gamma densities with the total in place of a rate, which do not cancel."""
    a, n = p["concentration"], _total(p)
    positive = x > 0.0
    safe = ops.where(positive, x, 1.0)
    log_n, log_x = ops.log(n), ops.log(safe)
    each = gamma_kernel(a, n * safe, log_n + log_x) - log_x
    each = ops.where(positive, each, log_power_of_zero(a - 1.0) + log_n)
    total = ops.sum_(p["concentration"])
    outside = total * (ops.sum_(x) - 1.0)
    return ops.sum_(each) + outside - log_saturated_gamma(total)


def _dirichlet_draw(noise: NoiseSource, p: Params) -> Value:
    return ops.softmax(noise.log_gamma(p["concentration"]))


def _dirichlet_mean(p: Params) -> Value:
    return p["concentration"] / _total(p)


def _dirichlet_variance(p: Params) -> Value:
    mean, n = _dirichlet_mean(p), _total(p)
    return mean * ((n - p["concentration"]) / n) / (n + 1.0)


def _dirichlet_entropy(p: Params) -> Value:
    """With Stirling's formula taken out of the log gamma functions and the digammas."""
    a, n = p["concentration"], ops.sum_(p["concentration"])
    size = ops.cast(a.builder.dim(a.type.shape[-1]), "f32")
    each = 0.5 * ops.log(a / _total(p)) - 0.5 / a
    each = each + ops.lgamma_correction(a) - (a - 1.0) * digamma_correction(a)
    of_total = ops.lgamma_correction(n) - (n - size) * digamma_correction(n) - 0.5 * size / n
    return (
        ops.sum_(each)
        + (0.5 - 0.5 * size) * ops.log(n)
        + (size - 1.0) * (HALF_LOG_2PI + 0.5)
        - of_total
    )


DIRICHLET = Distribution(
    name="Dirichlet",
    parameters=(Parameter("concentration", POSITIVE, 1),),
    support=Support("simplex"),
    log_density=_dirichlet_log_density,
    event_rank=1,
    event_shape=lambda p: p["concentration"].type.shape[-1:],
    draw=_dirichlet_draw,
    reparameterised=True,
    mean=_dirichlet_mean,
    variance=_dirichlet_variance,
    entropy=_dirichlet_entropy,
    source="prod x_i^(a_i - 1) Gamma(sum a_i) / prod Gamma(a_i), a = concentration "
    "(Kotz, Balakrishnan and Johnson 2000, ch. 49)",
)
