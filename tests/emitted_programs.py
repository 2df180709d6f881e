"""The emitted programs of the models of tests/models, and data that they take."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from model_suite import compiled

from ppc import registry
from ppc.emit.program import Program, assemble

ROWS = 11
BATCH = 4


@dataclass(frozen=True, slots=True)
class Emitted:
    """A program, its text, and the module that it is."""

    program: Program
    text: str
    module: ModuleType

    @property
    def batched(self) -> bool:
        """Whether a step sees a batch of the rows."""
        return bool(self.program.batches)

    def sizes(self) -> Any:
        """`Sizes` of the module; None where the data fix them all."""
        hypers = {name: value or 3 for name, value in self.program.hypers.items()}
        return self.module.Sizes(**hypers) if hypers else None

    def data(self) -> Any:
        """`Data` of the right shapes, inside every support there is."""
        known = dict(self.program.loss.sizes)
        kinds = {"f32": (0.5, float), "i32": (1, int), "bool": (1, bool)}
        arrays = []
        for column in self.program.columns:
            if column.given:
                shape = [size.evaluate(known) or ROWS for size in column.shape]
                arrays.append(np.full(shape, *kinds[column.dtype]))
        return self.module.prepare(*arrays)

    def plan(self, data: Any, *, own: bool = True) -> Any:
        """`Plan` as the program's own command makes it, or for an optimiser of a user."""
        adam = getattr(self.module, "_adam", None) or self.module.Adam
        fields: dict[str, Any] = {"optimizer": adam(0.05)}
        if self.batched:
            rows = []
            for plate in self.program.batches:
                column = next(c for c in self.program.columns if plate in c.rows)
                x = getattr(data, self.module.Data._fields[self.program.columns.index(column)])
                rows.append(x.shape[column.rows[plate]])
            each = [-(-n // BATCH) for n in rows]
            several = len(rows) > 1
            fields["n"] = self.module.Plates(*rows) if several else rows[0]
            fields["batches"] = self.module.Plates(*each) if several else each[0]
        if (sizes := self.sizes()) is not None:
            fields["sizes"] = sizes
        if "packed" in self.module.Plan._fields:
            fields["packed"] = own
        return self.module.Plan(**fields)


@functools.cache
def emitted(name: str, backend: str = "jax") -> Emitted:
    """The program of a model of the suite."""
    found = registry.backend(backend)
    program = assemble(compiled(name))
    text = found.emit(program)
    return Emitted(program, text, found.load(text, f"fit_{name}"))
