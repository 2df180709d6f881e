"""How JAX programs differ from those of other backends."""

from __future__ import annotations

from functools import partial

from ppc.emit.module.dialect import Batches, Dialect, Form, Loop
from ppc.emit.quote import expression
from ppc.emit.tree import Constant, Expr, Name, call, dotted
from ppc.ir.types import DType
from ppc_jax import templates
from ppc_jax.expressions import IMPORTS, TABLE

_NAMES = "Array lax pack ravel_pytree".split()
_DTYPES = {"f32": Name("float"), "i32": dotted("jnp.int32"), "bool": Name("bool")}


def _poisson(key: Expr, rate: Expr) -> Expr:
    return expression("jr.poisson(__key__, __rate__).astype(float)", key=key, rate=rate)


def _constant(array: Expr, dtype: DType) -> Expr:
    return call("jnp.asarray", array, _DTYPES[dtype])


def _rows(array: Expr, axis: int, rows: Expr) -> Expr:
    return expression(
        "jnp.take(__array__, __rows__, axis=__axis__, mode='clip')",
        array=array, rows=rows, axis=Constant(axis),
    )  # fmt: skip


DIALECT = Dialect(
    name="JAX",
    needs="jax and optax",
    table=TABLE,
    imports=IMPORTS,
    names=tuple(_NAMES),
    array=Name("Array"),
    float=call("jnp.result_type", Name("float")),
    key=lambda seed: call("jr.key", seed),
    fold_in=lambda key, number: call("jr.fold_in", key, number),
    standard={
        "uniform": partial(call, "_uniform"),
        "normal": partial(call, "jr.normal"),
        "gumbel": partial(call, "jr.gumbel"),
    },
    drawn={
        "log_gamma": partial(call, "jr.loggamma"),
        "poisson": _poisson,
        "binomial": partial(call, "jr.binomial"),
    },
    constant=_constant,
    loop=Loop(
        optimizer=dotted("optax.GradientTransformation"),
        opt_state=dotted("optax.OptState"),
        adam="_adam",
        elements=templates.ELEMENTS,
        block=templates.BLOCK,
        block_steps=1024,
        donates=True,
        compiled=lambda function: call("jax.jit", function),
        plain=Form(step=templates.STEP, params="params"),
        packed=Form(
            step=templates.STEP_PACKED,
            params="unpack(flat)",
            functions=templates.PACK,
        ),
        rowwise=Form(
            step=templates.STEP_ROWWISE,
            params="local",
            functions=templates.UPDATE_ROWS,
        ),
        batches=Batches(
            taken=_rows,
            range=lambda size: call("jnp.arange", size),
            transpose=partial(call, "jnp.transpose"),
            functions=templates.ROWS,
            order=templates.ORDER,
            meeting=templates.TAKE_ROWS,
        ),
        functions=templates.SMALL,
        saving=templates.SAVING,
        precision=templates.PRECISION,
        run=templates.RUN,
    ),
)
