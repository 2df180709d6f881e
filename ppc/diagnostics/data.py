"""Mistakes in the data that a model is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ppc.diagnostics.base import Mistake
from ppc.diagnostics.model import listed, nearest
from ppc.records import dataclass

SHOWN_ROWS = 5


def rows_text(rows: Sequence[int], total: int) -> str:
    """Row numbers for a sentence, counted from 0: `rows 3, 17 (2 of 500)`."""
    shown = ", ".join(str(row) for row in rows[:SHOWN_ROWS])
    more = ", ..." if len(rows) > SHOWN_ROWS else ""
    word = "row" if len(rows) == 1 else "rows"
    return f"{word} {shown}{more} ({len(rows)} of {total})"


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingData(Mistake):
    """An array that the model needs and that was not given."""

    code: ClassVar[str] = "data-missing"
    name: str
    type: str
    given: tuple[str, ...]

    def message(self) -> str:
        return f"no data for {self.name!r}, {self.type}"

    def help(self) -> str:
        return f"given: {listed(self.given)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoData(Mistake):
    """A fit to no data at all."""

    code: ClassVar[str] = "no-data"
    names: tuple[str, ...]

    def message(self) -> str:
        return "The number of mapped variables must be at least 1: the data are empty"

    def help(self) -> str:
        return f"give arrays for some of {listed(self.names)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownData(Mistake):
    """A name in the data that the model does not have."""

    code: ClassVar[str] = "data-unknown"
    name: str
    known: tuple[str, ...]

    def message(self) -> str:
        return f"the model has nothing named {self.name!r}"

    def help(self) -> str:
        near = nearest(self.name, self.known)
        hint = f"did you mean {near!r}? " if near else ""
        return f"{hint}it takes {listed(self.known)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRank(Mistake):
    """An array with too many or too few dimensions."""

    code: ClassVar[str] = "data-rank"
    name: str
    shape: tuple[int, ...]
    type: str
    wanted: int
    plates: tuple[str, ...] = ()
    row: tuple[str, ...] = ()  # the shape of a row

    def message(self) -> str:
        return (
            f"{self.name!r} has shape {self.shape}, {len(self.shape)} dimensions; the model has "
            f"it as {self.type}, {self.wanted} dimensions"
        )

    def help(self) -> str:
        if not self.plates or not self.row or len(self.shape) >= self.wanted:
            return ""
        plate = self.plates[-1]
        return (
            f"a row of the plate {plate} has shape ({', '.join(self.row)}"
            f"{',' * (len(self.row) == 1)}) here, since what it is made from has no rows of "
            f'{plate}; for arrays that have, say so: x: Float[Array, "{plate}"], or with further '
            f'dimensions "{plate} d"'
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSize(Mistake):
    """A dimension of an array that is not what the model or another array says."""

    code: ClassVar[str] = "data-size"
    name: str
    shape: tuple[int, ...]
    dimension: int
    size: str
    expected: int
    because: str

    def message(self) -> str:
        return (
            f"dimension {self.dimension} of {self.name!r} has size "
            f"{self.shape[self.dimension]}, but {self.size} is {self.expected} ({self.because})"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NotNumeric(Mistake):
    """An array of something other than numbers."""

    code: ClassVar[str] = "data-kind"
    name: str
    found: str

    def message(self) -> str:
        return f"{self.name!r} holds {self.found}, not numbers"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotFinite(Mistake):
    """NaN or infinity in the data."""

    code: ClassVar[str] = "data-not-finite"
    name: str
    rows: tuple[int, ...]
    total: int

    def message(self) -> str:
        return f"{self.name!r} has NaN or infinity in {rows_text(self.rows, self.total)}"

    def help(self) -> str:
        return "drop or fill in these rows before the fit; fit(..., missing='drop') leaves out NaN"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartlyMissing(Mistake):
    """Vectors of which some elements are missing."""

    code: ClassVar[str] = "data-partly-missing"
    name: str

    def message(self) -> str:
        return f"{self.name!r} has draws of which some elements are NaN and others are not"

    def help(self) -> str:
        return "make every element of such a draw NaN, or give each element a site of its own"


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingIsRead(Mistake):
    """Missing values of a site that something else reads."""

    code: ClassVar[str] = "data-missing-read"
    name: str
    reader: str

    def message(self) -> str:
        return f"{self.name!r} has NaN, but {self.reader} reads its values"

    def help(self) -> str:
        return "only data that nothing else depends on can be dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingIsAsked(Mistake):
    """Given values, some of them missing, that are asked for."""

    code: ClassVar[str] = "data-missing-asked"
    names: tuple[str, ...]

    def message(self) -> str:
        names = ", ".join(map(repr, self.names))
        return f"{names} cannot be both given and asked for: some of the values are missing"

    def help(self) -> str:
        return "draws of all rows: posterior_predictive, with the data of other sites only"


@dataclass(frozen=True, slots=True, kw_only=True)
class TooLarge(Mistake):
    """Numbers that the program's type cannot hold."""

    code: ClassVar[str] = "data-too-large"
    name: str
    rows: tuple[int, ...]
    total: int

    def message(self) -> str:
        rows = rows_text(self.rows, self.total)
        return f"{self.name!r} has numbers that 32 bits cannot hold in {rows}"

    def help(self) -> str:
        return "rescale these numbers before the fit"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideSupport(Mistake):
    """Observations outside the support of their site."""

    code: ClassVar[str] = "data-support"
    name: str
    support: str
    rows: tuple[int, ...]
    total: int

    def message(self) -> str:
        rows = rows_text(self.rows, self.total)
        return f"{self.name!r} must be {self.support}; it is not in {rows}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoRows(Mistake):
    """Data without a single row."""

    code: ClassVar[str] = "data-empty"
    name: str

    def message(self) -> str:
        return f"{self.name!r} has no rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTooLarge(Mistake):
    """A batch of more rows than there are."""

    code: ClassVar[str] = "batch-size"
    batch_size: int
    rows: int
    plate: str = ""  # of which, where there are several

    def message(self) -> str:
        where = f" of {self.plate}" if self.plate else ""
        return (
            f"batch_size={self.batch_size}{where}, but the data have {self.rows} rows{where}; "
            "The size of the data must be equal or greater than the batch size"
        )

    def help(self) -> str:
        return f"use batch_size={self.rows} or less, or inf.inference.VI for whole-data steps"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongKind(Mistake):
    """An argument of the wrong kind."""

    code: ClassVar[str] = "wrong-kind"
    argument: str
    expected: str
    found: str

    def message(self) -> str:
        return f"{self.argument} must be {self.expected}, not {self.found}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BadNumber(Mistake):
    """A number out of its range."""

    code: ClassVar[str] = "bad-number"
    argument: str
    expected: str
    found: str

    def message(self) -> str:
        return f"{self.argument} must be {self.expected}, but it is {self.found}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotFitted(Mistake):
    """A result asked for before there is one."""

    code: ClassVar[str] = "not-fitted"
    call: str

    def message(self) -> str:
        return f"{self.call} cannot be used before using the fit function"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownTarget(Mistake):
    """A query for a site that the model lacks."""

    code: ClassVar[str] = "unknown-target"
    name: str
    sites: tuple[str, ...]

    def message(self) -> str:
        return f"Target names must correspond to variable names: there is no {self.name!r}"

    def help(self) -> str:
        near = nearest(self.name, self.sites)
        hint = f"did you mean {near!r}? " if near else ""
        return f"{hint}the sites are {listed(self.sites)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRole(Mistake):
    """A posterior of what was observed, or a prediction of what was not."""

    code: ClassVar[str] = "target-role"
    name: str
    wanted: str  # "observed" | "not observed"
    allowed: tuple[str, ...]

    def message(self) -> str:
        return (
            f"target_names must correspond to {self.wanted} variables during the inference: "
            f"{self.name!r} does not; {listed(self.allowed)} would"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OfQuantity(Mistake):
    """The density or the parameters of recorded quantities, which are no random variables."""

    code: ClassVar[str] = "of-quantity"
    names: tuple[str, ...]
    call: str

    def message(self) -> str:
        return f"{self.call} is of random variables, and {listed(self.names)} is none: " + (
            "a quantity that inf.deterministic records"
        )

    def help(self) -> str:
        return "ask for its draws: .sample()"


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedsRows(Mistake):
    """New rows asked of a guide or model that has parameters for the fitted rows only."""

    code: ClassVar[str] = "rows-not-amortised"
    name: str
    owner: str  # "the guide" or "the model"
    parameters: tuple[str, ...]

    def message(self) -> str:
        return (
            f"{self.owner} has parameters for the fitted rows of {self.name!r} "
            f"({listed(self.parameters)}) and so says nothing about new rows"
        )

    def help(self) -> str:
        refit = 'pass local="refit" to fit such parameters to data of the new rows'
        if self.owner == "the model":
            return refit
        return (
            f'{refit} or local="prior" to draw these latents from the prior, or fit a guide that '
            "reads the data"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NonFiniteLoss(Mistake):
    """A fit that left the numbers."""

    code: ClassVar[str] = "loss-not-finite"
    where: str  # the step and the site, as the program found them

    def message(self) -> str:
        return f"the fit left the finite numbers: {self.where}"

    def help(self) -> str:
        return "try a smaller learning rate, data on a smaller scale, or a tighter prior"
