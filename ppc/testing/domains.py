"""Where each elementwise primitive is tried: its whole domain, and where digits are easily lost.

A primitive that has neither a domain here nor a case in `ppc.testing.arrays` fails the kit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def domains(dtype: type) -> dict[str, list[Array]]:
    """For each primitive the operands at which it is tried, in the range of `dtype`."""
    far, small = (1e300, 1e-290) if dtype is np.float64 else (1e37, 1e-35)
    positive = np.array([
        small, 1e-10, 1e-3, 0.1, 0.5, 0.9, 1, 1.1, 1.5, 2, 2.5, 3, 5, 7, 9.9, 10, 10.1, 15, 30,
        100, 1e3, 1e4, 1e6, 1e10, far,
    ])  # fmt: skip
    real = np.concatenate([-positive[::-1], [0.0], positive])
    unit = np.array([small, 1e-20, 1e-8, 1e-3, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 1 - 1e-6])
    inside = np.concatenate([-unit[::-1], [0.0], unit])
    log_far = np.log(far)

    def within(x: Array, low: float, high: float) -> list[Array]:
        return [x[(x >= low) & (x <= high)]]

    everywhere = {n: [real] for n in "sigmoid log_sigmoid softplus tanh relu".split()}
    periodic = {n: within(real, -1e4, 1e4) for n in "sin cos tan".split()}
    wide = {
        n: within(real, -1e15, 1e15) for n in "arctan arcsinh erf erfc ndtr log_ndtr square".split()
    }
    return {
        **everywhere, **periodic, **wide,
        **{n: [inside] for n in "arcsin arccos arctanh erfinv".split()},
        **{n: within(real, -log_far / 2, log_far / 2) for n in "exp expm1 sinh cosh".split()},
        **{n: [positive] for n in "log sqrt".split()},
        "rsqrt": [positive[1:-1]],
        "log1p": [np.concatenate([-unit, positive])],
        "arccosh": [1 + positive[(positive > 1e-3) & (positive < 1e15)]],
        "ndtri": [unit[1:]],
        "lgamma": within(positive, 0, 1e30),
        "digamma": within(positive[1:], 0, 1e15),
        "log1mexp": [positive[1:]],
        "log1pmx": [np.concatenate([-unit[1:], positive[1:-1]])],
        "lgamma_correction": [positive[1:-1]],
        "abs": [real[real != 0]],
        "neg": [real],
        "add": _grid(within(real, -1e10, 1e10)[0]),
        "sub": _grid(within(real, -1e10, 1e10)[0]),
        "mul": _grid(within(real, -1e10, 1e10)[0]),
        "div": _grid(within(real, -1e10, 1e10)[0], positive[2:-1]),
        "maximum": _grid(within(real, -1e10, 1e10)[0]),
        "minimum": _grid(within(real, -1e10, 1e10)[0]),
        "pow": _grid(within(positive, 0.01, 30)[0], within(real, -7, 7)[0]),
        "mod": _grid(within(positive, 0.1, 100)[0] * 1.3713, within(positive, 0.1, 10)[0]),
        "arctan2": _grid(within(real[real != 0], -1e10, 1e10)[0], positive[1:9]),
        "logaddexp": _grid(within(real, -1e10, 1e10)[0]),
        "xlogy": _grid(np.concatenate([[0.0], positive[1:-2]]), positive[1:-2]),
        "xlog1py": _grid(np.concatenate([[0.0], positive[1:-2]]), positive[1:-2]),
        "lbeta": _grid(within(positive, 1e-4, 1e8)[0]),
        "poisson_deviance": _with_logarithms(
            *_grid(np.concatenate([[0.0], positive[1:-2]]), positive[1:-2])
        ),
        "binomial_deviance": _of_counts(within(positive, 1e-4, 1e8)[0], unit[2:]),
    }  # fmt: skip


def _grid(*axes: Array) -> list[Array]:
    pair = axes if len(axes) == 2 else (axes[0], axes[0])
    return [x.ravel() for x in np.meshgrid(*pair)]


def _with_logarithms(x: Array, y: Array) -> list[Array]:
    return [x, y, np.log(y)]


def _of_counts(counts: Array, chances: Array) -> list[Array]:
    """Two counts, also none, a chance and its complement, and the logarithms of these."""
    counts = np.concatenate([[0.0], counts[1::3]])
    j, k, p = (x.ravel() for x in np.meshgrid(counts, counts, chances))
    return [j, k, p, 1 - p, np.log(p), np.log1p(-p)]


# Relative digits of values and derivatives where an error of one unit of 1 would be no accuracy.
RELATIVE: Mapping[str, Sequence[float]] = {
    "log1mexp": [1e-3, 0.5, 1.0, 20.0, 50.0],
    "log1pmx": [-0.5, -1e-3, -1e-6, 1e-7, 1e-4, 0.3, 2.0],
    "lgamma_correction": [1e-3, 0.4, 0.6, 3.0, 9.99, 10.0, 1e3, 1e6],
    "log_ndtr": [-1e4, -40.0, -5.1, -4.9, -1.0, 3.0],
    "softplus": [-60.0, -20.0, 3.0],
    "log_sigmoid": [60.0, 20.0, -3.0],
}
