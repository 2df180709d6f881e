"""Mistakes in decisions on values that are known when the program runs."""

from __future__ import annotations

from typing import ClassVar

from ppc.diagnostics.base import Mistake
from ppc.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PartlyBound(Mistake):
    """A reading of what only one side of a decision gives a value."""

    code: ClassVar[str] = "partly-bound"
    name: str

    def message(self) -> str:
        what = f"`{self.name}`" if self.name else "this"
        return f"{what} has no value where the condition is otherwise"

    def help(self) -> str:
        return "give it a number in each branch, or read it in the branch that binds it"


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoKinds(Mistake):
    """A name that the sides of a decision bind to things that no number can choose between."""

    code: ClassVar[str] = "two-kinds"
    name: str
    first: str
    second: str

    def message(self) -> str:
        what = f"`{self.name}`" if self.name else "this"
        return f"{what} is {self.first} in one branch and {self.second} in the other"

    def help(self) -> str:
        return "a condition on a tensor chooses between tensors of one shape, and lists of these"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionShape(Mistake):
    """A condition of an `if` that is an array of booleans."""

    code: ClassVar[str] = "condition-shape"
    shape: str

    def message(self) -> str:
        return f"a condition has one boolean for each row; this one has shape {self.shape}"

    def help(self) -> str:
        return "reduce it by np.all or np.any, or choose element by element: np.where(c, a, b)"


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteInBothBranches(Mistake):
    """One name for random variables of two kinds, in the two sides of a decision."""

    code: ClassVar[str] = "site-in-branches"
    name: str
    differ: str  # what differs
    first: str
    second: str

    def message(self) -> str:
        return (
            f"the variable {self.name} has {self.differ} {self.first} in one branch and "
            f"{self.second} in the other"
        )

    def help(self) -> str:
        return (
            "give them different names: each counts where its condition holds; one name in both "
            "branches needs one family, whose parameters are then chosen"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListInBranch(Mistake):
    """A list or dictionary that changes its length on one side of a decision."""

    code: ClassVar[str] = "list-in-branch"

    def message(self) -> str:
        return "a list gets another length under a condition on a tensor"

    def help(self) -> str:
        return "append in both branches, or append `a if condition else b`"
