"""What `fit` takes besides a dictionary of arrays: loaders, and frames of other libraries.

The loaders are InferPy's. ppc visits every row in a fresh order each epoch by itself, so what they
say of shuffling and streaming is accepted and makes no difference.
"""

from __future__ import annotations

import csv
import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ppc.diagnostics import DataError, KindError
from ppc.diagnostics.data import WrongKind
from ppc.diagnostics.files import CsvCell, CsvColumn, CsvHeaders, CsvRow, NotRead, RowsDiffer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

Path = str | os.PathLike[str]


class DataLoader:
    """Arrays by the name of a variable, a row for each datum: what a loader of yours derives from.

    Attributes:
        size: the number of rows.
        variables: the names.
        shuffle_buffer_size: InferPy's; every row is visited in a fresh order whatever it says.
    """

    size: int
    variables: tuple[str, ...]
    shuffle_buffer_size: int = 1

    def to_dict(self) -> dict[str, Any]:
        """The arrays by name."""
        raise NotImplementedError

    def to_tfdataset(self, batch_size: int | None = None) -> Any:
        """The rows as a `tf.data.Dataset` of dictionaries, in batches where a size is given."""
        import tensorflow as tf

        rows = tf.data.Dataset.from_tensor_slices(self.to_dict())
        return rows if batch_size is None else rows.batch(batch_size)


class SampleDictLoader(DataLoader):
    """Arrays that are there already.

    Raises KindError (a TypeError) for what is no dictionary, DataError (a ValueError) where it is
    empty or the arrays have different numbers of rows.
    """

    def __init__(self, sample_dict: Mapping[str, Any]) -> None:
        if not isinstance(sample_dict, Mapping):
            found = type(sample_dict).__name__
            raise KindError(WrongKind(argument="sample_dict", expected="a dict", found=found))
        lengths = {name: len(value) if np.ndim(value) else 1 for name, value in sample_dict.items()}
        if len(set(lengths.values())) != 1:
            raise DataError(RowsDiffer(lengths=tuple(lengths.items())))
        self._arrays = dict(sample_dict)
        self.size = next(iter(lengths.values()))
        self.variables = tuple(sample_dict)

    def to_dict(self) -> dict[str, Any]:
        """The arrays by name, as they were given."""
        return self._arrays


class CsvLoader(DataLoader):
    """Columns of csv files with the same columns; the rows follow one another.

    Args:
        path: a file, or a list of files.
        var_dict: the columns of each variable, `{"x": [0, 1], "y": [2]}`, counted from 0 behind the
            index column. By default each column is a variable, called as the header has it, or
            "0", "1", ... without one.
        has_header: whether the first line names the columns; by default, whether it has text where
            the second line has numbers.
        force_eager, shuffle_buffer_size, batch_graph_size: InferPy's, without effect.
        index_column: whether the first column is an index and no data, as in InferPy.

    `to_dict` gives each variable as `[N, columns]`: int32 where all its cells are integers, else
    float32; an empty cell is NaN, about which `fit` is asked. Empty lines are no rows.

    Raises DataError (a ValueError) with the file and line of what cannot be read.
    """

    def __init__(
        self,
        path: Path | Sequence[Path],
        var_dict: Mapping[str, Iterable[int]] | None = None,
        has_header: bool | None = None,
        force_eager: bool = False,
        *,
        shuffle_buffer_size: int = 1,
        batch_graph_size: int | None = None,
        index_column: bool = True,
    ) -> None:
        paths = [path] if isinstance(path, str | os.PathLike) else list(path)
        if not paths:
            raise KindError(WrongKind(argument="path", expected="at least one file", found="none"))
        self.shuffle_buffer_size = shuffle_buffer_size
        skipped = int(index_column)
        tables = [_read(os.fspath(p)) for p in paths]
        self.has_header = _looks_headed(tables[0][1]) if has_header is None else has_header
        header = tables[0][1][0][1][skipped:] if self.has_header and tables[0][1] else None
        self._columns: list[list[str]] = []
        self._places: list[tuple[str, int]] = []  # the file and line of each row
        for name, rows in tables:
            if self.has_header and rows:
                if rows[0][1][skipped:] != header:
                    raise DataError(CsvHeaders(first=tables[0][0], other=name))
                rows = rows[1:]
            self._add(name, rows, skipped)
        self.size = len(self._places)
        names = header or [str(i) for i in range(len(self._columns))]
        chosen = var_dict or {name: [i] for i, name in enumerate(names)}
        self._chosen = {str(name): [int(i) for i in columns] for name, columns in chosen.items()}
        self.variables = tuple(self._chosen)
        for variable, columns in self._chosen.items():
            for i in columns:
                if not 0 <= i < len(self._columns):
                    raise DataError(
                        CsvColumn(variable=variable, column=i, count=len(self._columns))
                    )

    def _add(self, name: str, rows: list[tuple[int, list[str]]], skipped: int) -> None:
        """Append the rows of a file to the columns."""
        for line, cells in rows:
            kept = cells[skipped:]
            if not self._columns:
                self._columns = [[] for _ in kept]
            if len(kept) != len(self._columns):
                expected = len(self._columns) + skipped
                raise DataError(CsvRow(path=name, line=line, found=len(cells), expected=expected))
            self._places.append((name, line))
            for column, cell in zip(self._columns, kept, strict=True):
                column.append(cell)

    def to_dict(self) -> dict[str, Array]:
        """The variables as `[N, columns]`. Raises DataError for a cell that is no number."""
        return {name: self._array(columns) for name, columns in self._chosen.items()}

    def _array(self, columns: list[int]) -> Array:
        try:
            whole = [[int(cell) for cell in self._columns[i]] for i in columns]
            return np.array(whole, np.int32).T.reshape(self.size, len(columns))
        except (ValueError, OverflowError):
            parts = [self._floats(self._columns[i]) for i in columns]
            return np.array(parts, np.float32).T.reshape(self.size, len(columns))

    def _floats(self, column: list[str]) -> list[float]:
        numbers = []
        for (path, line), cell in zip(self._places, column, strict=True):
            text = cell.strip()
            if text and not _is_number(text):
                raise DataError(CsvCell(path=path, line=line, cell=cell))
            numbers.append(float(text) if text else np.nan)
        return numbers


def _read(path: str) -> tuple[str, list[tuple[int, list[str]]]]:
    """The lines of a file that hold anything, with their numbers. Raises DataError."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            return path, [(reader.line_num, row) for row in reader if any(c.strip() for c in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(NotRead(path=path, reason=reason)) from None


def _looks_headed(rows: list[tuple[int, list[str]]]) -> bool:
    """Whether the first line has text in a column in which the second has a number."""
    lines = [cells for _, cells in itertools.islice(rows, 2)]
    if not lines:
        return False
    below = lines[1] if len(lines) > 1 else [""] * len(lines[0])
    pairs = zip(lines[0], below, strict=False)
    return any(a.strip() and not _is_number(a) and (_is_number(b) or not b) for a, b in pairs)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def build_data_loader(data: Any) -> DataLoader:
    """A loader of what is given: itself, or one for a dictionary. Raises KindError."""
    if isinstance(data, DataLoader):
        return data
    return SampleDictLoader(as_mapping(data))


def build_sample_dict(data: Any) -> dict[str, Any]:
    """The arrays of a loader, or of a dictionary. Raises KindError."""
    return dict(as_mapping(data))


def as_mapping(data: Any) -> Any:
    """Arrays by name: of a loader, of a frame of pandas or Polars, of an xarray Dataset.

    A frame's columns are variables with one number a row. What is none of these comes back as it
    is, for `check` to refuse.
    """
    if data is None or isinstance(data, dict):
        return data
    if isinstance(data, DataLoader):
        return data.to_dict()
    if hasattr(data, "data_vars"):  # an xarray Dataset, which is a mapping of its coordinates too
        return {str(name): np.asarray(array) for name, array in data.data_vars.items()}
    if hasattr(data, "columns") and hasattr(data, "__getitem__"):
        return {str(name): _column(data[name]) for name in data.columns}
    return data


def _column(series: Any) -> Any:
    """A frame's column as an array; a missing entry of a numeric column is NaN."""
    array = series.to_numpy()
    if array.dtype == object and getattr(series.dtype, "kind", "O") in "buif":
        return series.to_numpy(dtype=np.float64, na_value=np.nan)  # pandas's nullable numbers
    return array
