"""What can be wrong with an optimiser and its settings."""

from __future__ import annotations

from typing import ClassVar

from ppc.diagnostics.base import Mistake
from ppc.diagnostics.model import listed, nearest
from ppc.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownOptimizer(Mistake):
    """A name that no optimiser has."""

    code: ClassVar[str] = "unknown-optimizer"
    name: str
    known: tuple[str, ...]

    def message(self) -> str:
        return f"there is no optimiser {self.name!r}"

    def help(self) -> str:
        near = nearest(self.name, self.known)
        hint = f"did you mean {near!r}? " if near else ""
        return f"{hint}names are those of tf.train: {listed(self.known)}; or give an object"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerArgument(Mistake):
    """An argument that an optimiser does not take, lacks, or that is no number."""

    code: ClassVar[str] = "optimizer-argument"
    optimizer: str
    argument: str
    known: tuple[str, ...] = ()
    missing: bool = False
    found: str = ""  # the kind of what is no number

    def message(self) -> str:
        if self.missing:
            return f"{self.optimizer} needs {self.argument}="
        if self.found:
            return f"{self.argument} of {self.optimizer} must be a number, not {self.found}"
        what = f"no argument {self.argument!r}" if self.argument else "fewer arguments"
        return f"{self.optimizer} takes {what}"

    def help(self) -> str:
        return f"it takes {listed(self.known)}" if self.known else ""
