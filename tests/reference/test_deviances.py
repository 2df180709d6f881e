"""Deviances against the textbook in 50 digits; their derivatives, which pass by logarithms."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from ppc_numpy import value_and_gradient

from ppc.ir import ops
from ppc.ir.build import Builder
from ppc.ir.types import Tensor

COUNTS = [0.0, 1e-3, 0.7, 1.0, 2.0, 5.5, 40.0, 1e4, 1e9]
CLOSE = [1.0, 1 + 1e-9, 1 - 1e-5, 1.2, 0.4, 3.0, 1e-12, 1e12]
PAIRS = [(x, (x or 1.0) * factor) for x in COUNTS for factor in CLOSE]
TRIPLES = [(j, k, p) for j in COUNTS for k in COUNTS for p in (1e-9, 0.03, 0.5, 0.8) if j + k > 0]
EPS = 2.0**-52


def poisson(x, y):
    x, y = mpmath.mpf(x), mpmath.mpf(y)
    return (x * mpmath.log(x / y) if x else 0) - x + y


def binomial(j, k, p):
    j, k, p = map(mpmath.mpf, (j, k, p))
    n = j + k
    one = j * mpmath.log(j / (n * p)) if j else 0
    return one + (k * mpmath.log(k / (n * (1 - p))) if k else 0)


def poisson_of_logarithm():
    b = Builder("deviance", "function")
    x, t = (b.data(name, Tensor("f32")) for name in "xt")
    b.output("out", ops.poisson_deviance(x, ops.exp(t), t))
    return b.build()


def binomial_of_chance():
    b = Builder("deviance", "function")
    j, k, p = (b.data(name, Tensor("f32")) for name in "jkp")
    q = 1.0 - p
    b.output("out", ops.binomial_deviance(j, k, p, q, ops.log(p), ops.log1p(-p)))
    return b.build()


def test_poisson() -> None:
    graph = poisson_of_logarithm()
    with mpmath.workdps(50):
        for x, y in PAIRS:
            t = float(np.log(y))
            value, slopes = value_and_gradient(graph, {"x": x, "t": t}, "out", ["x", "t"])
            mean = mpmath.exp(mpmath.mpf(t))  # of which exp(t) is a rounding
            moved = 4 * EPS * float(mean) * max(1.0, abs(t))
            excess = float(mean) - x
            assert value == pytest.approx(float(poisson(x, mean)), rel=32 * EPS, abs=moved * min(
                1.0, abs(excess) / max(x, float(mean)) + moved))  # fmt: skip
            assert slopes["t"] == pytest.approx(excess, rel=4 * EPS, abs=moved)
            if x:
                slope = float(mpmath.log(x / mean))
                assert slopes["x"] == pytest.approx(slope, rel=8 * EPS, abs=moved / float(mean))


def test_binomial() -> None:
    graph = binomial_of_chance()
    with mpmath.workdps(50):
        for j, k, p in TRIPLES:
            given = {"j": j, "k": k, "p": p}
            value, slopes = value_and_gradient(graph, given, "out", ["j", "k", "p"])
            n, scale = j + k, j * (1 - p) + k * p
            gap = float(mpmath.mpf(k) * p - mpmath.mpf(j) * (1 - mpmath.mpf(p)))
            expected = float(binomial(j, k, p))
            rounded = 16 * EPS * scale * (abs(gap) / max(n * min(p, 1 - p), min(j, k), 1e-300))
            assert value == pytest.approx(expected, rel=64 * EPS, abs=min(rounded, 16 * EPS * n))
            assert slopes["p"] == pytest.approx(
                gap / (p * (1 - p)), rel=16 * EPS, abs=16 * EPS * scale / (p * (1 - p))
            )
            for name, count, chance in (("j", j, mpmath.mpf(p)), ("k", k, 1 - mpmath.mpf(p))):
                if count:
                    slope = float(mpmath.log(count / (n * chance)))
                    assert slopes[name] == pytest.approx(slope, rel=16 * EPS, abs=16 * EPS)
