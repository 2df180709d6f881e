"""What a backend's programs spell in their own way; all else of a program is printed alike.

A backend is a `Dialect`: its table of primitives, its words for arrays, keys and noise, and the
parts of the loop that its library shapes. What may be left out is marked *: a model that needs it
is refused by name, with the backends that have it (`ppc.emit.module.lacking`).
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How the parameters stand in the loop. All texts are templates of `ppc.emit.quote`."""

    step: str  # the body of a step; holes: inputs, args; local, moved, updates, own, own_states
    params: str  # the parameters in it, where noise is drawn that depends on them
    functions: str = ""  # what it calls; holes: several, once, rows_type, places_type


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """Steps that see some of the rows."""

    taken: Callable[[Expr, int, Expr], Expr]  # of an array along an axis, these rows
    range: Callable[[Expr], Expr]  # 0, 1, ...
    transpose: Callable[[Expr, Expr], Expr]  # an array with its dimensions in this order
    functions: str  # `take`, `batch_rows`; holes: several, gathered, order, rows_key or orders
    order: str  # the rows at a `position` of the order, by `seed` and `epoch`
    meeting: str  # `take_rows`, by which batches of several plates are taken; hole: several


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """The fit. All texts are templates of `ppc.emit.quote`."""

    optimizer: Expr  # the type of optimisers, whose `init` makes the first state of parameters
    opt_state: Expr  # of their state
    adam: str  # what makes Adam from a learning rate
    optimizers: str = ""  # what defines these types, if the program has to
    elements: str  # adds to `elements` the numbers of noise that a step reads
    block: str  # `run_block`; holes: step; batched, packed, moved where there are such forms
    block_steps: int  # in a block at most: so many that its call costs little beside them
    donates: bool  # whether `run_block` reuses the memory of the state that it takes
    compiled: Callable[[Expr], Expr]  # a function, compiled
    plain: Form  # each parameter is an array
    packed: Form | None = None  # small parameters are one vector; `pack`. None: no program is so
    rowwise: Form | None = None  # * some have a row for each datum; `take_rows`, `update_rows`
    batches: Batches | None = None  # *
    functions: str  # what the loop calls: `_at`, `_finite`, `_site_grads`
    saving: str  # `save_fit`, `load_fit`
    precision: str = ""  # in `main`: obey --float64
    run: str  # in `main`: obey --device and run
    errors: Sequence[Expr] = ()  # exceptions of the library that end the command with a line


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How the programs of one backend differ from those of another."""

    name: str  # "JAX", for people
    needs: str  # "jax and optax"
    table: Table  # * rows, and the scan
    imports: Mapping[str, Import | ImportFrom]  # by the name that they bind
    names: tuple[str, ...]  # taken at the level of the module, beside those of all programs
    array: Expr  # the type of arrays and keys
    float: Expr  # NumPy's type of the program's floats
    key: Callable[[Expr], Expr]  # a key from a seed
    fold_in: Callable[[Expr, Expr], Expr]  # a key from a key and a number
    standard: Mapping[str, Callable[[Expr, Expr], Expr]]  # * noise by its kind: of key and shape
    drawn: Mapping[str, Callable[..., Expr]]  # * draws by their sampler: of key and arguments
    constant: Callable[[Expr, DType], Expr]  # an array of the host as one of the library
    loop: Loop | None  # *
    floats: tuple[str, ...] = ("float32", "float64")  # *, what is computed in; first the default
    devices: tuple[str, ...] = ("cpu", "gpu", "tpu")  # * that it may find
    importing: Callable[[Imports], list[Stmt]] = sorted_imports  # the imports of a command
    constants: Callable[[Sequence[Stmt]], list[Stmt]] = _nothing  # that some statements use

    @property
    def fitting(self) -> Loop:
        """The loop of a program, which has been found to have one."""
        assert self.loop is not None, self.name
        return self.loop
