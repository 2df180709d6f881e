"""Mistakes in a loss of the user."""

from __future__ import annotations

from typing import ClassVar

from ppc.diagnostics.base import Mistake
from ppc.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LossNotANumber(Mistake):
    """A loss whose result is not one number."""

    code: ClassVar[str] = "loss-not-a-number"
    name: str
    found: str
    shape: tuple[str, ...] = ()  # as the loss sees it, rows in front

    def message(self) -> str:
        shape = f" of shape ({', '.join(self.shape)}{',' if len(self.shape) == 1 else ''})"
        found = self.found + (shape if self.shape else "")
        return f"the loss {self.name} must return one number, and it returns {found}"

    def help(self) -> str:
        return (
            "return what is minimised, summed over rows and elements: `return tf.reduce_sum(...)`"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LossOfSeveralBatches(Mistake):
    """A loss of the user where steps see batches of several plates, so that weights differ."""

    code: ClassVar[str] = "loss-of-batches"
    name: str
    plates: tuple[str, ...]

    def message(self) -> str:
        plates = ", ".join(self.plates)
        return (
            f"the loss {self.name} sees batches of several plates ({plates}), whose weights differ"
        )

    def help(self) -> str:
        return "take batches of one plate, by batch_size=100, or fit by the ELBO"


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorInOwnLoss(Mistake):
    """A factor in a model that is fitted by a loss of the user."""

    code: ClassVar[str] = "factor-in-loss"
    name: str

    def message(self) -> str:
        return f"the factor {self.name} is no random variable, so a loss of your own cannot see it"

    def help(self) -> str:
        return "add its value to the loss, or fit by the ELBO"
