"""What a backend's programs spell in their own way; all else of a program is printed alike.

A backend is a `Dialect`: its table of primitives, its words for arrays, keys and noise, and the
parts of the loop that its library shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from ppc.emit.imports import sorted_imports
from ppc.emit.table import Table
from ppc.emit.tree import Expr, Import, ImportFrom, Stmt
from ppc.ir.types import DType
from ppc.records import dataclass

Imports = Iterable[Import | ImportFrom]


def _nothing(body: Sequence[Stmt]) -> list[Stmt]:
    return []


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the programs of one backend differ from those of another.

    What is missing in `table`, `standard`, `drawn` or, of those marked *, in `templates` is refused
    by name where a program needs it.

    `templates` are texts of `ppc.emit.quote`. A FORM is `packed` where the parameters are one
    vector inside the loop, `rowwise` where some have a row for each datum, else `plain`:

        start_FORM          the first `opt_state`, of `params`
        elements            adds to `elements` the numbers of noise that a step reads
        callback            what the callback of `fit` sees, in words
        block               `run_block`; holes: batched, packed, why, step
        step_FORM           the body of its step; holes: inputs, args
        in_step_FORM        the parameters in it, where their noise is drawn
        pack                `pack`; without it, no program is of the form `packed`
        update_rows       * `take_rows`, `update_rows`: parameters with a row for each datum
        rows              * `take`, `batch_rows`; holes: gathered, rows_key
        small               what the loop calls: `_at`, `_finite`, `_site_grads`
        optimizer           what defines the types of optimisers, if the program has to
        saving              `save_fit`, `load_fit`
        precision, run      in `main`: obey --float64; obey --device and run
    """

    name: str  # "JAX", for people
    needs: str  # "jax and optax"
    table: Table
    imports: Mapping[str, Import | ImportFrom]  # by the name that they bind
    names: tuple[str, ...]  # taken at the level of the module, beside those of all programs
    array: Expr  # the type of arrays and keys
    optimizer: Expr  # the type of optimisers
    opt_state: Expr  # of their state
    adam: str  # what makes Adam from a learning rate
    float: Expr  # NumPy's type of the program's floats
    errors: Sequence[Expr]  # exceptions of the library that end the command with a line
    block_steps: int  # in a block at most: so many that its call costs little beside them
    donates: bool  # whether `run_block` reuses the memory of the state that it takes
    key: Callable[[Expr], Expr]  # a key from a seed
    fold_in: Callable[[Expr, Expr], Expr]  # a key from a key and a number
    standard: Mapping[str, Callable[[Expr, Expr], Expr]]  # noise by its kind: of key and shape
    drawn: Mapping[str, Callable[..., Expr]]  # draws by their sampler: of key and arguments
    constant: Callable[[Expr, DType], Expr]  # an array of the host as one of the library
    rows: Callable[[Expr, int], Expr]  # the `rows` of an array, along an axis
    range: Callable[[Expr], Expr]  # 0, 1, ...
    compiled: Callable[[Expr], Expr]  # a function, compiled
    templates: Mapping[str, str]
    importing: Callable[[Imports], list[Stmt]] = sorted_imports  # the imports of a command
    constants: Callable[[Sequence[Stmt]], list[Stmt]] = _nothing  # that some statements use
