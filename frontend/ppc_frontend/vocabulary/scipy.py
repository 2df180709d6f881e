"""SciPy's vocabulary: `scipy.special` and `scipy.linalg`."""

from __future__ import annotations

from ppc_frontend.vocabulary import builders as b
from ppc_frontend.vocabulary import elementwise as e
from ppc_frontend.vocabulary import triangular as t
from ppc_frontend.vocabulary.base import Row


def rows() -> dict[str, Row]:
    """By name below `scipy.` or `jax.scipy.`."""
    unary = {
        "gammaln": "lgamma", "digamma": "digamma", "psi": "digamma", "erf": "erf", "erfc": "erfc",
        "erfinv": "erfinv", "expit": "sigmoid", "log_expit": "log_sigmoid", "log_ndtr": "log_ndtr",
        "ndtr": "ndtr", "ndtri": "ndtri", "expm1": "expm1", "log1p": "log1p",
    }  # fmt: skip
    binary = {"betaln": "lbeta", "xlogy": "xlogy", "xlog1py": "xlog1py"}
    return {
        **{f"special.{k}": Row("x, /, out:-=None", e.unary, (v,)) for k, v in unary.items()},
        **{f"special.{k}": Row("x, y, /, out:-=None", e.binary, (v,)) for k, v in binary.items()},
        "linalg.cholesky": Row(
            "a:x, lower=False, overwrite_a:_=False, check_finite:_=True", t.cholesky
        ),
        "linalg.solve_triangular": Row(
            "a:x, b:y, trans:transposed=0, lower=False, unit_diagonal:-=False, "
            "overwrite_b:_=False, check_finite:_=True",
            t.solve_triangular,
        ),
        "special.logit": Row("x, /, out:-=None", e.logit),
        "special.softmax": Row("x, axis=None", b.normalised, ("softmax",)),
        "special.log_softmax": Row("x, axis=None", b.normalised, ("log_softmax",)),
        "special.logsumexp": Row(
            "a:x, axis=None, b:-=None, keepdims=False, return_sign:-=False",
            b.reduction,
            ("logsumexp",),
        ),
    }
