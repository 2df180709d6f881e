"""The registry of distributions: one definition each, read by everyone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from ppc.distributions.base import Distribution as Distribution
from ppc.distributions.base import NoiseSource as NoiseSource
from ppc.distributions.base import Parameter as Parameter
from ppc.distributions.base import draw_type as draw_type
from ppc.distributions.base import support_of as support_of
from ppc.distributions.bijections import BIJECTIONS as BIJECTIONS
from ppc.distributions.bounded import BETA, KUMARASWAMY, UNIFORM
from ppc.distributions.counts import BETA_BINOMIAL, BINOMIAL, GEOMETRIC, NEGATIVE_BINOMIAL
from ppc.distributions.discrete import BERNOULLI, CATEGORICAL, POISSON
from ppc.distributions.extreme_value import (
    GUMBEL,
    LOG_LOGISTIC,
    LOGISTIC,
    MOYAL,
    PARETO,
    WEIBULL,
)
from ppc.distributions.gamma import CHI, CHI2, EXP_GAMMA, GAMMA, INVERSE_GAMMA
from ppc.distributions.half_line import (
    EXPONENTIAL,
    HALF_CAUCHY,
    HALF_NORMAL,
    HALF_STUDENT_T,
    INVERSE_GAUSSIAN,
)
from ppc.distributions.kl import kl_divergence as kl_divergence
from ppc.distributions.location_scale import CAUCHY, LAPLACE, NORMAL, STUDENT_T
from ppc.distributions.mixture import mixture_of
from ppc.distributions.multivariate import (
    MULTIVARIATE_NORMAL_DIAG,
    MULTIVARIATE_NORMAL_FULL_COVARIANCE,
    MULTIVARIATE_NORMAL_TRIL,
)
from ppc.distributions.normal_relatives import GENERALIZED_NORMAL, JOHNSON_SU
from ppc.distributions.ordinal import ORDERED_LOGISTIC, PROBIT_BERNOULLI
from ppc.distributions.restricted import TRUNCATED_NORMAL, censored_of, truncated_of
from ppc.distributions.restricted import can_be_bounded as can_be_bounded
from ppc.distributions.simplex import DIRICHLET
from ppc.distributions.supports import SUPPORTS as SUPPORTS
from ppc.distributions.terms import DETERMINISTIC, FACTOR
from ppc.distributions.transformed import MEAN_FIELD as MEAN_FIELD
from ppc.distributions.transformed import TRANSFORMED_NORMALS

_ROWS = (
    NORMAL,
    LAPLACE,
    CAUCHY,
    STUDENT_T,
    LOGISTIC,
    GUMBEL,
    MOYAL,
    GENERALIZED_NORMAL,
    JOHNSON_SU,
    EXP_GAMMA,
    EXPONENTIAL,
    HALF_NORMAL,
    HALF_CAUCHY,
    HALF_STUDENT_T,
    GAMMA,
    INVERSE_GAMMA,
    CHI2,
    CHI,
    LOG_LOGISTIC,
    INVERSE_GAUSSIAN,
    WEIBULL,
    PARETO,
    BETA,
    KUMARASWAMY,
    UNIFORM,
    TRUNCATED_NORMAL,
    BERNOULLI,
    PROBIT_BERNOULLI,
    CATEGORICAL,
    ORDERED_LOGISTIC,
    POISSON,
    BINOMIAL,
    BETA_BINOMIAL,
    NEGATIVE_BINOMIAL,
    GEOMETRIC,
    DIRICHLET,
    MULTIVARIATE_NORMAL_DIAG,
    MULTIVARIATE_NORMAL_TRIL,
    MULTIVARIATE_NORMAL_FULL_COVARIANCE,
    *TRANSFORMED_NORMALS,
)

DISTRIBUTIONS: Mapping[str, Distribution] = {row.name: row for row in _ROWS}

# Makers of distributions from distributions.
COMPOSED: Mapping[str, Callable[[Distribution], Distribution]] = {
    "MixtureSameFamily": mixture_of, "Truncated": truncated_of, "Censored": censored_of,
}  # fmt: skip

# What stands for one of these: InferPy's MixtureGaussian is a MixtureSameFamily of Normals.
SHORTHANDS = ("MixtureGaussian",)

_OF_SITES: Mapping[str, Distribution] = {
    **DISTRIBUTIONS, FACTOR.name: FACTOR, DETERMINISTIC.name: DETERMINISTIC,
}  # fmt: skip


def find(name: str) -> Distribution:
    """The distribution of a site by the name in its node. Raises KeyError.

    One that is made from another has its name in brackets: `MixtureSameFamily[Normal]`.
    """
    return _composed(name) if name.endswith("]") else _OF_SITES[name]


@lru_cache
def _composed(name: str) -> Distribution:
    outer, _, inner = name.removesuffix("]").partition("[")
    return COMPOSED[outer](find(inner))
