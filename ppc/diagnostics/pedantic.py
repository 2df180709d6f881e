"""Warnings of `ppc check --pedantic`: what is no mistake in itself, and often is one."""

from __future__ import annotations

from typing import ClassVar, Literal

from ppc.diagnostics.base import Mistake, Severity
from ppc.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Unused(Mistake):
    """A latent or a parameter on which no observed site and no factor depends."""

    code: ClassVar[str] = "unused"
    severity: ClassVar[Severity] = "warning"
    what: Literal["latent", "parameter"]
    name: str

    def message(self) -> str:
        return f"the {self.what} {self.name!r} has no influence on what is observed"

    def help(self) -> str:
        return "its posterior is its prior" if self.what == "latent" else "nothing moves it"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideConstraint(Mistake):
    """An argument of a distribution that can leave its constraint."""

    code: ClassVar[str] = "unconstrained"
    severity: ClassVar[Severity] = "warning"
    distribution: str
    parameter: str
    constraint: str  # in words: "positive numbers"
    name: str  # of what is given, where it has a name

    def message(self) -> str:
        given = repr(self.name) if self.name else "what is given"
        return (
            f"{self.distribution} takes {self.constraint} for `{self.parameter}`, and {given} "
            "can leave them"
        )

    def help(self) -> str:
        if "0 to 1" in self.constraint:
            return "give logits instead, or the sigmoid of it, or a variable with this support"
        return "take its softplus or exp, or a variable with this support"


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftmaxScale(Mistake):
    """A softmax as a scale."""

    code: ClassVar[str] = "softmax-scale"
    severity: ClassVar[Severity] = "warning"
    distribution: str
    parameter: str

    def message(self) -> str:
        return (
            f"`{self.parameter}` of {self.distribution} is a softmax: the scales of all elements "
            "sum to 1"
        )

    def help(self) -> str:
        return "softplus keeps them positive and apart"


@dataclass(frozen=True, slots=True, kw_only=True)
class HardConstraint(Mistake):
    """A density that is 0 in a part of where a variable or parameter moves."""

    code: ClassVar[str] = "hard-constraint"
    severity: ClassVar[Severity] = "warning"
    name: str
    domain: str
    distribution: str
    support: str

    def message(self) -> str:
        return (
            f"{self.name!r} moves on the {self.domain}, and {self.distribution} allows only "
            f"{self.support}"
        )

    def help(self) -> str:
        return "give it that support: a step beyond it makes the loss infinite"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorScale(Mistake):
    """A prior that is far from the scale of 1."""

    code: ClassVar[str] = "prior-scale"
    severity: ClassVar[Severity] = "warning"
    name: str
    parameter: str
    value: float
    wide: bool

    def message(self) -> str:
        how = "wide" if self.wide else "narrow"
        return f"the prior of {self.name!r} is very {how}: `{self.parameter}` is {self.value:g}"

    def help(self) -> str:
        return "say what is plausible, in units in which that is of the size of 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebound(Mistake):
    """A name that first was one thing and then is another."""

    code: ClassVar[str] = "rebound"
    severity: ClassVar[Severity] = "warning"
    name: str
    was: Literal["a random variable", "a module"]

    def message(self) -> str:
        return f"`{self.name}` was {self.was} and is something else from here on"

    def help(self) -> str:
        return "use another name"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowParameter(Mistake):
    """A parameter outside of a plate that has a row for each of its rows."""

    code: ClassVar[str] = "row-parameter"
    severity: ClassVar[Severity] = "warning"
    name: str
    plate: str

    def message(self) -> str:
        return (
            f"the parameter {self.name!r} has a row for each of {self.plate}, and is not in that "
            "plate: no batch could be taken"
        )

    def help(self) -> str:
        return "make it inside of the plate, without that dimension"
