"""Mistakes in files of data, and in what loaders are given."""

from __future__ import annotations

from typing import ClassVar

from ppc.diagnostics.base import Mistake
from ppc.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRead(Mistake):
    """A file that cannot be read."""

    code: ClassVar[str] = "file"
    path: str
    reason: str

    def message(self) -> str:
        return f"{self.path} cannot be read: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotData(Mistake):
    """A file of data that an emitted program cannot read, in its words."""

    code: ClassVar[str] = "data-file"
    reason: str

    def message(self) -> str:
        return self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvHeaders(Mistake):
    """Files whose columns have other names."""

    code: ClassVar[str] = "csv-header"
    first: str
    other: str

    def message(self) -> str:
        return (
            f"Error: header in csv files must be the same: {self.other} differs from {self.first}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvRow(Mistake):
    """A line with more or fewer cells than the others."""

    code: ClassVar[str] = "csv-row"
    path: str
    line: int
    found: int
    expected: int

    def message(self) -> str:
        return (
            f"line {self.line} of {self.path} has {self.found} cells, others have {self.expected}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvCell(Mistake):
    """A cell that is no number."""

    code: ClassVar[str] = "csv-cell"
    path: str
    line: int
    cell: str

    def message(self) -> str:
        return f"line {self.line} of {self.path} has {self.cell!r} where a number is needed"

    def help(self) -> str:
        return "leave the column out of var_dict, or write its values as numbers"


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvColumn(Mistake):
    """A column that a file does not have."""

    code: ClassVar[str] = "csv-column"
    variable: str
    column: int
    count: int

    def message(self) -> str:
        return f"{self.variable!r} takes column {self.column}, and there are {self.count}"

    def help(self) -> str:
        return (
            "columns count from 0, behind the index column; index_column=False says there is none"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsDiffer(Mistake):
    """Arrays with different numbers of rows, or none at all."""

    code: ClassVar[str] = "rows-differ"
    lengths: tuple[tuple[str, int], ...]

    def message(self) -> str:
        if not self.lengths:
            return "The number of mapped variables must be at least 1."
        rows = ", ".join(f"{name} has {length}" for name, length in self.lengths)
        return f"Error: all the attributes in the sample_dict must have the same length: {rows}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TooFewDigits(Mistake):
    """More images asked for than there are."""

    code: ClassVar[str] = "too-few-rows"
    argument: str
    asked: int
    available: int

    def message(self) -> str:
        return f"{self.argument} is {self.asked}, and there are {self.available} such images"
