"""How TensorFlow programs differ from those of other backends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from ppc.emit.function import used_names
from ppc.emit.imports import sorted_imports
from ppc.emit.module.dialect import Batches, Dialect, Form, Loop
from ppc.emit.quote import expression, statements
from ppc.emit.tree import Blank, Constant, Expr, Import, ImportFrom, Name, Stmt, call, dotted
from ppc_tf import templates
from ppc_tf.expressions import IMPORTS, TABLE, constant

_MORE_IMPORTS: dict[str, Import | ImportFrom] = {
    "Iterable": ImportFrom("collections.abc", (("Iterable", None),)),
    "Protocol": ImportFrom("typing", (("Protocol", None),)),
}


def _rows(array: Expr, axis: int, rows: Expr) -> Expr:
    return call("tf.gather", array, rows, **({"axis": Constant(axis)} if axis else {}))


def _importing(imports: Iterable[Import | ImportFrom]) -> list[Stmt]:
    """The imports of a command: TensorFlow last, and quietly."""
    others = [item for item in imports if item != IMPORTS["tf"]]
    others += [Import("os")]
    return [*sorted_imports(others), Blank(), *statements(templates.QUIET), Blank()]


def _constants(body: Sequence[Stmt]) -> list[Stmt]:
    return statements(templates.FLOAT) if "FLOAT" in set(used_names(body)) else []


DIALECT = Dialect(
    name="TensorFlow",
    needs="tensorflow",
    table=TABLE,
    imports={**IMPORTS, **_MORE_IMPORTS},
    names=("FLOAT", "Adam", "AdamState", "Optimizer", "Protocol", "Iterable"),
    array=dotted("tf.Tensor"),
    float=dotted("FLOAT.as_numpy_dtype"),
    key=lambda seed: expression("tf.constant([0, __seed__], tf.int64)", seed=seed),
    fold_in=lambda key, number: call("_fold_in", key, number),
    standard={kind: partial(call, f"_{kind}") for kind in ("uniform", "normal", "gumbel")},
    drawn={kind: partial(call, f"_{kind}") for kind in ("log_gamma", "poisson", "binomial")},
    constant=constant,
    importing=_importing,
    constants=_constants,
    loop=Loop(
        optimizer=Name("Optimizer"),
        opt_state=Name("Any"),
        adam="Adam",
        optimizers=templates.OPTIMIZER,
        elements=templates.ELEMENTS,
        block=templates.BLOCK,
        block_steps=4096,
        donates=False,
        compiled=lambda function: call(
            "tf.function", function, jit_compile=Constant(True), autograph=Constant(False)
        ),
        plain=Form(step=templates.STEP, params="params"),
        packed=Form(
            step=templates.STEP_PACKED,
            params="params",
            functions=templates.PACK,
        ),
        rowwise=Form(
            step=templates.STEP_ROWWISE,
            params="local",
            functions=templates.UPDATE_ROWS,
        ),
        batches=Batches(
            taken=_rows,
            range=lambda size: call("tf.range", size),
            transpose=partial(call, "tf.transpose"),
            functions=templates.ROWS,
            order=templates.ORDER,
            meeting=templates.TAKE_ROWS,
        ),
        functions=templates.SMALL,
        saving=templates.SAVING,
        precision=templates.PRECISION,
        run=templates.RUN,
        errors=(dotted("tf.errors.OpError"),),
    ),
)
