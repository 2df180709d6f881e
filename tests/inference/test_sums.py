"""Sums into elements of an array: the positions are checked where they are read."""

import numpy as np
import pytest
from jaxtyping import Array, Int

import ppc as inf
from ppc.diagnostics import DataError


@inf.probmodel
def words(word: Int[Array, "D most"], length: Int[Array, "D"], size):  # noqa: F722, F821  # dimensions
    a = inf.Normal(0.0, 1.0)
    counts = np.zeros(size)
    for d in range(len(length)):
        for n in range(length[d]):
            counts[word[d, n]] += a
    inf.factor(np.sum(counts**2))


def test_positions_that_are_added_to_are_checked_where_they_are_read() -> None:
    length = np.array([2, 1, 3])
    word = np.array([[0, 1, 99], [2, -7, 99], [0, 0, 2]])
    # three of word 0, one of 1, two of 2, each of them 0.5
    expected = 0.25 * (9 + 1 + 4) - 0.125 - 0.5 * np.log(2 * np.pi)
    found = words(word, length, 4).log_density({"a": 0.5})
    assert found == pytest.approx(expected, rel=8 * 2.0**-22)
    word[0, 1] = 9
    with pytest.raises(DataError, match="whole numbers from 0 to 3; it is not in row 0"):
        words(word, length, 4).log_density({"a": 0.5})
