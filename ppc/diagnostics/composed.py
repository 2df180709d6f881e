"""Mistakes in distributions that are made from distributions."""

from __future__ import annotations

from typing import ClassVar

from ppc.diagnostics.base import Mistake
from ppc.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NotADistribution(Mistake):
    """Something else where a distribution is needed."""

    code: ClassVar[str] = "not-a-distribution"
    what: str

    def message(self) -> str:
        return f"a distribution is needed here, not {self.what}"

    def help(self) -> str:
        return "give it as a call: inf.Normal(loc, scale)"


@dataclass(frozen=True, slots=True, kw_only=True)
class DistributionIsUsed(Mistake):
    """A random variable that stands for its distribution, and is one of the model's too."""

    code: ClassVar[str] = "distribution-is-used"
    name: str

    def message(self) -> str:
        return (
            f"{self.name or 'this random variable'} is used in the model, so it is no distribution"
        )

    def help(self) -> str:
        return "call its distribution again here: what is given here is no variable of the model"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotACategorical(Mistake):
    """A mixing distribution that is none."""

    code: ClassVar[str] = "not-a-categorical"
    what: str

    def message(self) -> str:
        return f"a mixture is mixed by a Categorical, not by {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoComponents(Mistake):
    """A mixture of one distribution."""

    code: ClassVar[str] = "no-components"
    distribution: str

    def message(self) -> str:
        return f"this {self.distribution} has no dimension for the components"

    def help(self) -> str:
        return "the last dimension of its parameters, in front of the event, counts the components"


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherComponents(Mistake):
    """As many weights as there are not components."""

    code: ClassVar[str] = "other-components"
    weights: str
    count: str

    def message(self) -> str:
        return f"there are {self.weights} weights for {self.count} components"

    def help(self) -> str:
        return (
            "the last dimension of the components, in front of the event, has one for each weight"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NotBounded(Mistake):
    """A family that cannot be truncated or censored."""

    code: ClassVar[str] = "not-bounded"
    distribution: str
    made: str
    known: tuple[str, ...]

    def message(self) -> str:
        return (
            f"inf.{self.made} needs the distribution function of {self.distribution} in both "
            "tails, which is not known, or bounds besides its own"
        )

    def help(self) -> str:
        return f"it takes {', '.join(self.known)}"
