"""How NumPy and SciPy compute each primitive on the host, for the stage that runs once a fit.

Floats are float64 there and rounded at the end. What neither library has, or not
to full accuracy, is missing: such nodes stay with the backend.
"""

from __future__ import annotations

from typing import cast

from ppc.emit.function import used_names
from ppc.emit.quote import Templates
from ppc.emit.table import Operation, Table, along, function, shared_rows
from ppc.emit.tree import (
    BinOp,
    Constant,
    Expr,
    Import,
    ImportFrom,
    Subscript,
    call,
    number,
)
from ppc.ir.sizes import Size

IMPORTS: dict[str, Import | ImportFrom] = {
    "math": Import("math"),
    "np": Import("numpy", "np"),
    "special": ImportFrom("scipy", (("special", None),)),
}

_FUNCTIONS = {
    "sigmoid": "special.expit",
    "log_sigmoid": "special.log_expit",
    "erf": "special.erf",
    "erfc": "special.erfc",
    "erfinv": "special.erfinv",
    "ndtr": "special.ndtr",
    "log_ndtr": "special.log_ndtr",
    "ndtri": "special.ndtri",
    "lgamma": "special.gammaln",
    "digamma": "special.digamma",
    "xlogy": "special.xlogy",
    "xlog1py": "special.xlog1py",
    "lgamma_correction": "_stirling_rest",
    "cholesky": "_cholesky",
}

_STIRLING_REST = '''
def _stirling_rest(x):
    """log gamma(x) - ((x - 1/2) log x - x + log(2 pi) / 2) for x > 0.

    From 10 on by Stirling's series (Abramowitz and Stegun 6.1.40).
    """
    large = np.maximum(x, 10.0)
    series = np.zeros_like(large)
    for c in (-3617 / 122400, 1 / 156, -691 / 360360, 1 / 1188, -1 / 1680, 1 / 1260, -1 / 360):
        series = (series + c) / large**2
    direct = (x - 0.5) * np.log(x) - x + 0.5 * math.log(2 * math.pi)
    return np.where(x < 10, special.gammaln(x) - direct, (series + 1 / 12) / large)
'''

_CHOLESKY = '''
def _cholesky(x):
    """The lower factor of each symmetric matrix; NaN where it is not positive definite."""
    factors = np.full(x.shape, math.nan)
    for at in np.ndindex(x.shape[:-2]):
        try:
            factors[at] = np.linalg.cholesky(x[at])
        except np.linalg.LinAlgError:
            pass
    return factors
'''

_SEGMENT_SUM = '''
def _segment_sum(x, index, size):
    """At each of `size` positions the sum of the rows of `x` that have it in `index`."""
    total = np.zeros((size, *x.shape[1:]), x.dtype)
    np.add.at(total, index, x)
    return total
'''


def imports_used(*trees: object) -> list[Import | ImportFrom]:
    """The imports of the modules that some trees name."""
    names = {name for tree in trees for name in used_names(tree)}
    return [item for name, item in IMPORTS.items() if name in names]


def _one_hot(op: Operation) -> Expr:
    return Subscript(call("np.eye", op.size(cast(Size, op.attrs["depth"]))), op.args[0])


def _softplus(op: Operation) -> Expr:
    return call("np.logaddexp", number(0.0), op.args[0])


TABLE = Table(
    module="np",
    rows={
        **shared_rows("np"),
        **{name: function(target) for name, target in _FUNCTIONS.items()},
        "softplus": _softplus,
        "relu": lambda op: call("np.maximum", op.args[0], Constant(0)),
        "rsqrt": lambda op: BinOp("/", number(1.0), call("np.sqrt", op.args[0])),
        "stop_gradient": lambda op: op.args[0],
        "logsumexp": along("special.logsumexp"),
        "softmax": along("special.softmax"),
        "log_softmax": along("special.log_softmax"),
        "one_hot": _one_hot,
        "segment_sum": lambda op: call(
            "_segment_sum", *op.args, op.size(cast(Size, op.attrs["size"]))
        ),
    },
    helpers=Templates(
        {"_stirling_rest": _STIRLING_REST, "_cholesky": _CHOLESKY, "_segment_sum": _SEGMENT_SUM}
    ),
)


def covers(primitive: str) -> bool:
    """Whether the host can compute a primitive."""
    return TABLE.covers(primitive)
