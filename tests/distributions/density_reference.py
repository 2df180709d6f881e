"""Values and derivatives of a row's density in arbitrary precision, and the error to allow.

A correctly rounded program cannot know its operands better than to half a unit in the last place,
so the error allowed is a multiple of the rounding unit times what such a change of the operands
does to the result: |f| + sum_i |theta_i df/dtheta_i|, and for a derivative, scaled by its own
operand, 1 + |theta_i f_i| + sum_j |theta_i theta_j f_ij|.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from mpmath import mp, mpf

_STEP = mpf(10) ** -25  # central differences: an error of 1e-50 in 100 digits


@dataclass(frozen=True)
class Reference:
    """A density at one point: the operands are the real-valued ones, flattened."""

    value: float
    gradient: np.ndarray  # NaN where there is none
    value_condition: float
    gradient_condition: np.ndarray  # of theta_i times the derivative in theta_i
    unit: np.ndarray  # what the derivatives are scaled by


def reference(
    function: Callable[[list[Any]], Any], operands: Sequence[float], logs: Sequence[bool]
) -> Reference:
    """The density `function` at `operands` with its first and second derivatives.

    `logs` says which operands are logarithms, whose derivatives are scaled already.
    """
    at = [mpf(v) for v in operands]
    n = len(at)
    unit = [abs(v) if v else mpf(1) for v in at]
    value = function(at)
    if not mp.isfinite(value):
        nothing = np.full(n, np.nan)
        return Reference(float(value), nothing, 0.0, nothing, nothing)

    def moved(*steps: tuple[int, int]) -> Any:
        point = list(at)
        for i, sign in steps:
            point[i] = point[i] + sign * _STEP * unit[i]
        return function(point)

    up, down = [moved((i, 1)) for i in range(n)], [moved((i, -1)) for i in range(n)]
    # on the edge of the support there is no derivative across it
    smooth = [i for i in range(n) if mp.isfinite(up[i]) and mp.isfinite(down[i])]
    slopes = [mpf(0)] * n
    bends = [[mpf(0)] * n for _ in range(n)]
    for i in smooth:
        slopes[i] = (up[i] - down[i]) / (2 * _STEP)
        for j in smooth:
            if i == j:
                bends[i][i] = (up[i] - 2 * value + down[i]) / _STEP**2
            elif i < j:
                corners = moved((i, 1), (j, 1)) + moved((i, -1), (j, -1))
                corners -= moved((i, 1), (j, -1)) + moved((i, -1), (j, 1))
                bends[i][j] = bends[j][i] = corners / (4 * _STEP**2)
    scales = [1 if log else unit[i] for i, log in enumerate(logs)]
    return Reference(
        value=float(value),
        gradient=np.array(
            [float(slopes[i] / unit[i]) if i in smooth else np.nan for i in range(n)]
        ),
        value_condition=float(1 + abs(value) + sum(map(abs, slopes))),
        gradient_condition=np.array(
            [
                float(1 + (abs(slopes[i]) + sum(map(abs, bends[i]))) * scales[i] / unit[i])
                for i in range(n)
            ]
        ),
        unit=np.array([float(s) for s in scales]),
    )
