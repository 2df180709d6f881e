"""Scans as statements: a function for one round, and the call that goes through all of them.

The function's parameters are what a round is given by the one before and what it takes of arrays;
everything else it reads where it stands. How the call looks is a backend's: `Table.scan`.
"""

from __future__ import annotations

from collections.abc import Sequence

from ppc.emit.tree import Assign, Expr, FunctionDef, Name, Param, Return, Stmt, Tuple
from ppc.ir.types import DType
from ppc.records import dataclass


@dataclass(frozen=True, slots=True)
class Scan:
    """The parts of a scan that is to be printed."""

    function: str  # the name of the function of a round
    carry: tuple[str, ...]  # what it calls what the round before gives it
    rows: tuple[str, ...]  # and what it takes of arrays
    first: tuple[Expr, ...]  # what the first round is given
    arrays: tuple[Expr, ...]  # from which it takes them, along their first dimension
    length: Expr  # the number of rounds
    body: tuple[Stmt, ...]
    following: tuple[Expr, ...]  # what it gives to the next round
    results: tuple[Expr, ...]  # what is kept of each round
    shapes: tuple[Expr, ...]  # of these
    dtypes: tuple[DType, ...]
    targets: tuple[str, ...]  # the names of all that is kept

    def round(self, given: str, taken: str, returned: Sequence[Expr]) -> FunctionDef:
        """The function: of two parameters, tuples under these names where there are several."""
        body: list[Stmt] = []
        params = []
        for several, names in ((given, self.carry), (taken, self.rows)):
            params.append(Param(names[0] if len(names) == 1 else several))
            if len(names) > 1:
                body.append(Assign(together([Name(name) for name in names]), Name(several)))
        last = Return(together(returned))
        return FunctionDef(self.function, tuple(params), (*body, *self.body, last))


def together(parts: Sequence[Expr]) -> Expr:
    """One value as itself, several as a tuple."""
    return parts[0] if len(parts) == 1 else Tuple(tuple(parts))
