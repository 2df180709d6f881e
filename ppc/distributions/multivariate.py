"""Families of vectors."""

from __future__ import annotations

from ppc.distributions import location_scale
from ppc.distributions.base import Distribution, NoiseSource, Parameter, Params, Shape
from ppc.distributions.location_scale import POSITIVE
from ppc.distributions.special import HALF_LOG_2PI
from ppc.ir import ops
from ppc.ir.build import Value
from ppc.ir.nodes import REAL, Op, Support


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


# --- with a covariance ---------------------------------------------------------------------------


def _is_factor(scale: Value) -> bool:
    """Whether a matrix is known to be lower triangular with a positive diagonal."""
    node = scale.builder.nodes[scale.name]
    return isinstance(node, Op) and node.primitive == "cholesky"


def lower(p: Params) -> Value:
    """The lower triangle of the scale, which alone is read."""
    scale = p["scale_tril"]
    return scale if _is_factor(scale) else ops.tril(scale)


def log_determinant(p: Params) -> Value:
    """The logarithm of the determinant of the scale, without its sign."""
    diagonal = ops.diagonal(p["scale_tril"])
    return ops.sum_(ops.log(diagonal if _is_factor(p["scale_tril"]) else ops.abs_(diagonal)))


def _tril_log_density(x: Value, p: Params) -> Value:
    z = ops.solve_triangular(p["scale_tril"], x - p["loc"])
    return -ops.sum_(0.5 * z**2 + HALF_LOG_2PI) - log_determinant(p)


def _tril_event_shape(p: Params) -> Shape:
    loc, scale = p["loc"].type.shape[-1:], p["scale_tril"].type.shape[-1:]
    return p["loc"].builder.sizes().broadcast(loc, scale)


def _tril_draw(noise: NoiseSource, p: Params) -> Value:
    z, scale = noise.standard("normal"), lower(p)
    if z.type.rank == 1:
        return p["loc"] + scale @ z
    if scale.type.rank == 2:
        return p["loc"] + z @ ops.transpose(scale)
    product = scale @ ops.expand_dims(z, -1)
    return p["loc"] + z.builder.op("squeeze", product, axis=-1)


def _tril_mean(p: Params) -> Value:
    shape = p["loc"].builder.sizes().broadcast(p["loc"].type.shape, p["scale_tril"].type.shape[:-1])
    return ops.broadcast_to(p["loc"], shape)


def _tril_variance(p: Params) -> Value:
    """The diagonal of the covariance."""
    variance = ops.sum_(lower(p) ** 2)
    return ops.broadcast_to(variance, _tril_mean(p).type.shape)


def _tril_entropy(p: Params) -> Value:
    size = ops.cast(p["loc"].builder.dim(p["scale_tril"].type.shape[-1]), "f32")
    return log_determinant(p) + (HALF_LOG_2PI + 0.5) * size


MULTIVARIATE_NORMAL_TRIL = Distribution(
    name="MultivariateNormalTriL",
    parameters=(Parameter("loc", REAL, 1), Parameter("scale_tril", REAL, 2)),
    support=Support("real_vector"),
    log_density=_tril_log_density,
    event_rank=1,
    event_shape=_tril_event_shape,
    draw=_tril_draw,
    reparameterised=True,
    mean=_tril_mean,
    variance=_tril_variance,
    entropy=_tril_entropy,
    source="loc + L z with independent standard normal z and L the lower triangle of scale_tril, "
    "whose diagonal is not 0 (Kotz et al. 2000, ch. 45)",
)


def factored(p: Params) -> Params:
    """The parameters of the same distribution by the Cholesky factor of its covariance."""
    return {"loc": p["loc"], "scale_tril": ops.cholesky(p["covariance_matrix"])}


MULTIVARIATE_NORMAL_FULL_COVARIANCE = Distribution(
    name="MultivariateNormalFullCovariance",
    parameters=(
        Parameter("loc", REAL, 1),
        Parameter("covariance_matrix", Support("positive_definite"), 2),
    ),
    support=Support("real_vector"),
    log_density=lambda x, p: _tril_log_density(x, factored(p)),
    event_rank=1,
    event_shape=lambda p: _tril_event_shape({**p, "scale_tril": p["covariance_matrix"]}),
    draw=lambda noise, p: _tril_draw(noise, factored(p)),
    reparameterised=True,
    mean=lambda p: _tril_mean({**p, "scale_tril": p["covariance_matrix"]}),
    variance=lambda p: ops.broadcast_to(
        ops.diagonal(p["covariance_matrix"]),
        _tril_mean({**p, "scale_tril": p["covariance_matrix"]}).type.shape,
    ),
    entropy=lambda p: _tril_entropy(factored(p)),
    source="MultivariateNormalTriL by the Cholesky factor of a positive definite covariance "
    "(Kotz et al. 2000, ch. 45)",
)
