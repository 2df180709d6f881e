"""How programs are written with NumPy."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from ppc.emit.module.dialect import Dialect, Form, Loop
from ppc.emit.quote import expression
from ppc.emit.table import Operation, Row, Table, shared_rows
from ppc.emit.tree import Expr, Import, ImportFrom, Name, call, dotted
from ppc.ir.types import DType
from ppc_plain import templates

# The derivative is that of functions of a complex number, so that `abs`, `max` and their kin would
# have a wrong one; NumPy has no special functions; and integers are not asked for. All the rest of
# what NumPy has is written as `ppc.emit.table` writes it.
_SHARED = (
    "add sub mul div neg square exp log log1p sqrt sin cos tanh sum matmul "
    "where logical_and logical_or logical_not isfinite "
    "reshape broadcast_to expand_dims squeeze transpose concat stack slice index dim"
).split()


def _compared(name: str) -> Row:
    """A comparison of the real parts, since one of complex numbers looks at both."""
    own = shared_rows("np")[name]
    return lambda op: own(replace(op, args=tuple(call("np.real", arg) for arg in op.args)))


def _stop_gradient(op: Operation) -> Expr:
    return call("np.real", op.args[0])


def _cast(op: Operation) -> Expr:
    return _constant(call("np.real", op.args[0]), op.result.dtype)


def _constant(array: Expr, dtype: DType) -> Expr:
    kinds = {"f32": Name("float"), "i32": dotted("np.int32"), "bool": Name("bool")}
    return call("np.asarray", array, kinds[dtype])


def _drawn(method: str, key: Expr, shape: Expr) -> Expr:
    return expression(f"np.random.default_rng(__key__).{method}(size=__shape__)",
                      key=key, shape=shape)  # fmt: skip


TABLE = Table(
    module="np",
    rows={
        **{name: row for name, row in shared_rows("np").items() if name in _SHARED},
        **{name: _compared(name) for name in "eq ne ge gt le lt".split()},
        "stop_gradient": _stop_gradient,
        "cast": _cast,
    },
)

DIALECT = Dialect(
    name="NumPy",
    needs="numpy",
    table=TABLE,
    imports={"np": Import("numpy", "np"), "Any": ImportFrom("typing", (("Any", None),))},
    names=("Adam", "AdamState", "Any"),
    array=dotted("np.ndarray"),
    float=dotted("np.float64"),
    floats=("float64",),
    devices=("cpu",),
    key=lambda seed: call("np.array", expression("[__seed__]", seed=seed)),
    fold_in=lambda key, number: call("np.append", key, number),
    standard={
        "normal": partial(_drawn, "standard_normal"),
        "gumbel": partial(_drawn, "gumbel"),
    },
    drawn={},
    constant=_constant,
    loop=Loop(
        optimizer=Name("Adam"),
        opt_state=Name("Any"),
        adam="Adam",
        optimizers=templates.OPTIMIZER,
        elements=templates.ELEMENTS,
        block=templates.BLOCK,
        block_steps=1024,
        donates=False,
        compiled=lambda function: function,
        plain=Form(step=templates.STEP, params="params"),
        functions=templates.FUNCTIONS,
        saving=templates.SAVING,
        run=templates.RUN,
    ),
)
