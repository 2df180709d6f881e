"""Mistakes in loops, and in what is written and read by their variables."""

from __future__ import annotations

from typing import ClassVar

from ppc.diagnostics.base import Mistake
from ppc.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopNumber(Mistake):
    """The number of a round is needed in a loop that is evaluated once."""

    code: ClassVar[str] = "loop-number"
    what: str
    variable: str
    sizes: tuple[str, ...] = ()  # hyperparameters that would make the number of rounds known

    def message(self) -> str:
        return (
            f"`{self.variable}` is all rounds of the loop at once, and {self.what} needs the "
            "number of one"
        )

    def help(self) -> str:
        way = f"index arrays by it, as theta[{self.variable}]"
        return f"{way}, or make the loop short and known, {_by_settings(self.sizes)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopCarried(Mistake):
    """A round of a loop reads what another round computes."""

    code: ClassVar[str] = "loop-carried"
    what: str  # the reading, as written
    variable: str
    sizes: tuple[str, ...] = ()

    def message(self) -> str:
        return f"a round of the loop over `{self.variable}` reads `{self.what}` of another round"

    def help(self) -> str:
        return f"make the loop short and known, {_by_settings(self.sizes)}"


def _by_settings(sizes: tuple[str, ...]) -> str:
    if not sizes:
        return "so that it can be unrolled"
    return f"by {' '.join(f'--set {name}=VALUE' for name in sizes)}, so that it can be unrolled"


@dataclass(frozen=True, slots=True, kw_only=True)
class EachRound(Mistake):
    """An element that every round of a loop around writes anew."""

    code: ClassVar[str] = "each-round"
    target: str
    variable: str

    def message(self) -> str:
        return f"every round of the loop over `{self.variable}` writes `{self.target}` anew"

    def help(self) -> str:
        return f"index it by `{self.variable}` too, or write it outside of that loop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scattered(Mistake):
    """A target whose index is not the variable of a loop around it."""

    code: ClassVar[str] = "scattered"
    target: str

    def message(self) -> str:
        return (
            f"the element that is written, `{self.target}`, is not chosen by the variable of a "
            "loop around it"
        )

    def help(self) -> str:
        return "write one element for each round, and read by any index: x[j] = ...; x[group[i]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopRange(Mistake):
    """A loop that reads beyond the end of an array, or may."""

    code: ClassVar[str] = "loop-range"
    variable: str
    first: str
    last: str
    length: str
    certain: bool = False

    def message(self) -> str:
        may = "is" if self.certain else "may be"
        return (
            f"the index runs from {self.first} to {self.last} here, which {may} out of range: "
            f"there are {self.length} elements"
        )

    def help(self) -> str:
        if self.certain:
            return ""
        return "two sizes are one only if they have one name: use it in the annotation, or len(x)"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopLengths(Mistake):
    """Arrays that a loop goes through together, of different lengths."""

    code: ClassVar[str] = "loop-lengths"
    lengths: tuple[str, ...]

    def message(self) -> str:
        return f"the loop goes through {' and '.join(self.lengths)} elements together"

    def help(self) -> str:
        return "two sizes are one only if they have one name, or one number"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedWhole(Mistake):
    """What a loop can do with a list that it fills, and cannot."""

    code: ClassVar[str] = "list-in-loop"
    what: str
    name: str

    def message(self) -> str:
        return f"{self.what} of `{self.name}`, whose elements a loop makes all at once"

    def help(self) -> str:
        return "index it, go through it by a loop, or use it as one array"


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisOrder(Mistake):
    """Sites that have the same plates as dimensions in different orders."""

    code: ClassVar[str] = "axis-order"
    axes: tuple[str, ...]

    def message(self) -> str:
        return f"the order of the plates {', '.join(self.axes)} is not the same in all variables"

    def help(self) -> str:
        return "index all of them in one order, as y[i, j] and x[i, j]"


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementOfArray(Mistake):
    """An element of an array that is there already, such as data of the module, is assigned."""

    code: ClassVar[str] = "element-of-array"
    name: str

    def message(self) -> str:
        return f"`{self.name}` is an array already: its elements cannot be assigned here"

    def help(self) -> str:
        return (
            "give what is assigned another name, or make an array of that name in the model first: "
            f"`{self.name} = np.empty(...)`"
        )
