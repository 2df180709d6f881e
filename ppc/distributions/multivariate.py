"""Families of vectors."""

from __future__ import annotations

from ppc.distributions import location_scale
from ppc.distributions.base import Distribution, Parameter, Params, Shape
from ppc.distributions.location_scale import POSITIVE
from ppc.ir import ops
from ppc.ir.build import Value
from ppc.ir.nodes import REAL, Support


def marginal(p: Params) -> Params:
    """The parameters of the Normal that each element has."""
    return {"loc": p["loc"], "scale": p["scale_diag"]}


def _event_shape(p: Params) -> Shape:
    loc, scale = p["loc"].type.shape[-1:], p["scale_diag"].type.shape[-1:]
    return p["loc"].builder.sizes().broadcast(loc, scale)


def _repeated(value: Value, p: Params) -> Value:
    """`value` with the full event: either parameter may have an event of size 1."""
    shape = p["loc"].builder.sizes().broadcast(value.type.shape, _event_shape(p))
    return ops.broadcast_to(value, shape)


MULTIVARIATE_NORMAL_DIAG = Distribution(
    name="MultivariateNormalDiag",
    parameters=(Parameter("loc", REAL, 1), Parameter("scale_diag", POSITIVE, 1)),
    support=Support("real_vector"),
    log_density=lambda x, p: ops.sum_(location_scale.normal_log_density(x, marginal(p))),
    event_rank=1,
    event_shape=_event_shape,
    draw=lambda noise, p: location_scale.normal_draw(noise, marginal(p)),
    reparameterised=True,
    mean=lambda p: _repeated(p["loc"], p),
    variance=lambda p: _repeated(p["scale_diag"] ** 2, p),
    entropy=lambda p: ops.sum_(
        location_scale.normal_entropy({"scale": _repeated(p["scale_diag"], p)})
    ),
    source="independent Normal(loc[i], scale_diag[i]) (Kotz et al. 2000, ch. 45)",
)
