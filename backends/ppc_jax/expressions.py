"""How JAX computes each primitive. A new primitive is a row here.

Derivatives are JAX's own but for the helpers. At a kink or a pole they are what JAX makes them: 0
for `relu`, 1 for `abs`, infinite for `sqrt` at 0, shared among ties of `max` and `maximum`, NaN for
`pow` at (0, 0). Those of `tanh`, `sigmoid` and `expm1` are right to rounding of their largest
value, not of their tails.
Nothing fixes a width: floats are float32 or, under `jax_enable_x64`, float64.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from ppc.diagnostics import InternalError
from ppc.emit.scans import Scan, together
from ppc.emit.table import Operation, Row, Table, along, shared_rows, triangular
from ppc.emit.tree import (
    Assign,
    Attribute,
    Constant,
    Expr,
    Import,
    ImportFrom,
    Name,
    Param,
    Stmt,
    Tuple,
    call,
)
from ppc.ir.sizes import Size
from ppc_jax.helpers import HELPERS

IMPORTS: dict[str, Import | ImportFrom] = {
    "jax": Import("jax"),
    "jnp": Import("jax.numpy", "jnp"),
    "jsp": Import("jax.scipy", "jsp"),
    "jr": Import("jax.random", "jr"),
    "lax": ImportFrom("jax", (("lax", None),)),
    "Array": ImportFrom("jax", (("Array", None),)),
    "optax": Import("optax"),
    "ravel_pytree": ImportFrom("jax.flatten_util", (("ravel_pytree", None),)),
}


_FUNCTIONS = {
    "sigmoid": "jax.nn.sigmoid",
    "log_sigmoid": "jax.nn.log_sigmoid",
    "softplus": "jax.nn.softplus",
    "relu": "jax.nn.relu",
    "rsqrt": "lax.rsqrt",
    "erf": "jsp.special.erf",
    "erfc": "jsp.special.erfc",
    "erfinv": "jsp.special.erfinv",
    "ndtr": "jsp.special.ndtr",
    "ndtri": "jsp.special.ndtri",
    "lgamma": "jsp.special.gammaln",
    "digamma": "jsp.special.digamma",
    "xlogy": "_xlogy",
    "xlog1py": "_xlog1py",
    "stop_gradient": "lax.stop_gradient",
    "logaddexp": "_logaddexp",
    "log1mexp": "_log1mexp",
    "log1pmx": "_log1pmx",
    "lgamma_correction": "_lgamma_correction",
    "lbeta": "_lbeta",
    "poisson_deviance": "_poisson_deviance",
    "binomial_deviance": "_binomial_deviance",
    "log_ndtr": "_log_ndtr",
}


def _floats(name: str) -> Row:
    """A function of arrays, where an operand may be a number of Python."""

    def row(op: Operation) -> Expr:
        args = (
            call("jnp.asarray", arg, _FLOAT) if host and name.startswith("_") else arg
            for arg, host in zip(op.args, op.host, strict=True)
        )
        return call(name, *args)

    return row


_FLOAT = Name("float")


def _implicit(op: Operation) -> Expr:
    sampler = op.attrs["sampler"]
    if sampler != "log_gamma":
        raise InternalError(f"draws of {sampler} have no derivative")
    return _floats("_log_gamma_draw")(op)


def _one_hot(op: Operation) -> Expr:
    return call("jax.nn.one_hot", op.args[0], op.size(cast(Size, op.attrs["depth"])))


def _segment_sum(op: Operation) -> Expr:
    size = op.size(cast(Size, op.attrs["size"]))
    return call("jax.ops.segment_sum", *op.args, num_segments=size)


def _solve(op: Operation, a: Expr, b: Expr) -> Expr:
    trans = {"trans": Constant(1)} if op.attrs["transposed"] else {}
    return call("jsp.linalg.solve_triangular", a, b, **trans, lower=Constant(True))


def _scan(parts: Scan) -> list[Stmt]:
    """`lax.scan`: a round gives what the next one reads, and what is kept of it."""
    def_ = parts.round("carry", "row", [together(parts.following), together(parts.results)])
    if not parts.rows:
        def_ = replace(def_, params=(def_.params[0], Param("_")))
    arrays = together(parts.arrays) if parts.arrays else Constant(None)
    length = {} if parts.arrays else {"length": parts.length}
    scan = call("lax.scan", Name(parts.function), together(parts.first), arrays, **length)
    targets = together([Name(name) for name in parts.targets])
    return [def_, Assign(Tuple((Name("_"), targets)), scan)]


TABLE = Table(
    module="jnp",
    rows={
        **shared_rows("jnp"),
        **{name: _floats(target) for name, target in _FUNCTIONS.items()},
        "stop_gradient": lambda op: (
            op.args[0] if op.host[0] else call("lax.stop_gradient", op.args[0])
        ),
        "implicit": _implicit,
        "logsumexp": along("jax.nn.logsumexp"),
        "softmax": along("jax.nn.softmax", default=-1),
        "log_softmax": along("jax.nn.log_softmax", default=-1),
        "one_hot": _one_hot,
        "segment_sum": _segment_sum,
        "solve_triangular": triangular(_solve, lambda x: Attribute(x, "T"), vectors=True),
    },
    helpers=HELPERS,
    scan=_scan,
)
