"""How TensorFlow programs differ from those of other backends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from ppc.emit.function import used_names
from ppc.emit.imports import sorted_imports
from ppc.emit.module.dialect import Dialect
from ppc.emit.quote import expression, statements
from ppc.emit.tree import Blank, Constant, Expr, Import, ImportFrom, Name, Stmt, call, dotted
from ppc_tf import templates
from ppc_tf.expressions import IMPORTS, TABLE, constant

_MORE_IMPORTS: dict[str, Import | ImportFrom] = {
    "Any": ImportFrom("typing", (("Any", None),)),
    "Protocol": ImportFrom("typing", (("Protocol", None),)),
}


def _rows(array: Expr, axis: int) -> Expr:
    return call("tf.gather", array, Name("rows"), **({"axis": Constant(axis)} if axis else {}))


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
    names=("FLOAT", "Adam", "AdamState", "Optimizer", "Protocol", "Any"),
    array=dotted("tf.Tensor"),
    optimizer=Name("Optimizer"),
    opt_state=Name("Any"),
    adam="Adam",
    float=dotted("FLOAT.as_numpy_dtype"),
    errors=(dotted("tf.errors.OpError"),),
    block_steps=4096,
    donates=False,
    key=lambda seed: expression("tf.constant([0, __seed__], tf.int64)", seed=seed),
    fold_in=lambda key, number: call("_fold_in", key, number),
    standard={kind: partial(call, f"_{kind}") for kind in ("uniform", "normal", "gumbel")},
    drawn={kind: partial(call, f"_{kind}") for kind in ("log_gamma", "poisson", "binomial")},
    constant=constant,
    rows=_rows,
    range=lambda size: call("tf.range", size),
    compiled=lambda function: call(
        "tf.function", function, jit_compile=Constant(True), autograph=Constant(False)
    ),
    importing=_importing,
    constants=_constants,
    templates={
        "start_packed": templates.START_PACKED,
        "start_rowwise": templates.START_ROWWISE,
        "start_plain": templates.START,
        "elements": templates.ELEMENTS,
        "callback": templates.CALLBACK,
        "block": templates.BLOCK,
        "step_packed": templates.STEP_PACKED,
        "step_rowwise": templates.STEP_ROWWISE,
        "step_plain": templates.STEP,
        "in_step_packed": "params",
        "in_step_rowwise": "local",
        "in_step_plain": "params",
        "pack": templates.PACK,
        "update_rows": templates.UPDATE_ROWS,
        "rows": templates.ROWS,
        "optimizer": templates.OPTIMIZER,
        "small": templates.SMALL,
        "saving": templates.SAVING,
        "precision": templates.PRECISION,
        "run": templates.RUN,
    },
)
