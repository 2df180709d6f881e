"""Notes of passes: what a pass did or left alone where one may expect otherwise, and why."""

from __future__ import annotations

from typing import ClassVar, Literal

from ppc.diagnostics.base import Mistake, Severity
from ppc.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(Mistake):
    """Something worth knowing. `about` is the site, plate or node that it is about."""

    severity: ClassVar[Severity] = "note"
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactKL(Note):
    """A latent site whose divergence is exact."""

    code: ClassVar[str] = "exact-kl"
    guide: str
    model: str

    def message(self) -> str:
        return (
            f"KL({self.guide} || {self.model}) is known in closed form, and neither one's "
            f"parameters depend on the draw of {self.about}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NoClosedForm(Note):
    """A latent site whose divergence is drawn: its pair has no row in the KL table."""

    code: ClassVar[str] = "drawn-no-closed-form"
    guide: str
    model: str

    def message(self) -> str:
        return (
            f"log q - log p at a draw of {self.about}, because no closed form of "
            f"KL({self.guide} || {self.model}) is known"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadsOwnDraw(Note):
    """A latent site whose divergence is drawn: its parameters depend on its own noise."""

    code: ClassVar[str] = "drawn-own-noise"
    guide: str
    model: str

    def message(self) -> str:
        return (
            f"log q - log p at a draw of {self.about}, because parameters of its {self.guide} or "
            f"{self.model} depend on that draw, so that KL would not be exact"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NotBatched(Note):
    """A plate of which every step sees all rows."""

    code: ClassVar[str] = "not-batched"
    reason: Literal["not asked", "no data", "fixed size", "another plate", "in order"]

    def message(self) -> str:
        why = {
            "not asked": "no batch size was asked for",
            "no data": "no observed site is in it, so there are no rows to take",
            "fixed size": "its size is a fixed number",
            "another plate": "batches are taken from another plate",
            "in order": "a row reads others, which a batch would lack",
        }[self.reason]
        return f"plate {self.about} is not batched: {why}"

    def help(self) -> str:
        return "--batch-size 100" if self.reason == "not asked" else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared(Note):
    """A value that depends on the data alone, so is computed before the loop."""

    code: ClassVar[str] = "prepared"
    type: str
    what: str

    def message(self) -> str:
        return f"{self.about} : {self.type} = {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopVectorised(Note):
    """A loop whose rounds are independent: they are computed together, along a plate."""

    code: ClassVar[str] = "loop-vectorised"
    plate: str
    until: str = ""  # the number of rounds of a row, where rows differ

    def message(self) -> str:
        words = f"the loop over {self.about} is vectorised along the plate {self.plate}"
        if self.until:
            words += f", as long as the longest row; rounds from {self.until} on do not count"
        return words


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopUnrolled(Note):
    """A loop whose rounds are computed one after the other, and the reading that asks for it."""

    code: ClassVar[str] = "loop-unrolled"
    reason: str

    def message(self) -> str:
        return f"the loop over {self.about} is unrolled: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopCarries(Note):
    """A loop whose rounds read earlier ones, and what that makes of it."""

    code: ClassVar[str] = "loop-carries"
    what: str  # the reading, as written
    by: int  # how many rounds back
    drawn: bool  # whether it is of a random variable, whose value a density is given

    def message(self) -> str:
        back = "the round before" if self.by == 1 else f"{self.by} rounds before"
        reads = f"the loop over {self.about} reads `{self.what}` of {back}"
        if self.drawn:
            return f"{reads}: a slice where values are scored, a scan where they are drawn"
        return f"{reads}: it is computed round by round, in a scan"
