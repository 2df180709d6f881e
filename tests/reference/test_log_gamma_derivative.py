"""The implicit derivative of log-gamma draws, from concentration 1e-3 to 1e6."""

from __future__ import annotations

import high_precision as exact
import numpy as np
import pytest
from ppc_numpy import value_and_gradient
from reference_graphs import graph_of, tensor
from scipy import special


def derivative(log_draw, concentration):
    x, a = np.broadcast_arrays(np.asarray(log_draw, float), np.asarray(concentration, float))
    graph = graph_of("implicit", [tensor("", *x.shape)] * 2, {"sampler": "log_gamma"})
    value, g = value_and_gradient(graph, {"x0": x, "x1": a}, "out", ["x0", "x1"], cotangent=1.0)
    np.testing.assert_array_equal(value, x)
    np.testing.assert_array_equal(g["x0"], 0 * x)
    return g["x1"]


# On both sides of every switch of method, and far into both tails: standard deviations of log g.
CONCENTRATIONS = [1e-3, 0.03, 0.7, 1.0, 3.0, 15.99, 16.01, 190.0, 300.0, 2e4]
DEVIATIONS = np.array([-8.0, -3.0, -0.5, 0.0, 0.05, 1.0, 3.0])


@pytest.mark.parametrize("a", CONCENTRATIONS)
def test_against_high_precision(a) -> None:
    x = special.psi(a) + np.sqrt(special.polygamma(1, a)) * DEVIATIONS
    x = np.minimum(x, np.log(a + 8 * np.sqrt(a) + 30))  # further out the reference ends
    expected = [float(exact.log_gamma_draw_derivative(v, a)) for v in x]
    # the exponent of the integrand, up to 50, is rounded
    np.testing.assert_allclose(derivative(x, a), expected, rtol=100 * 2.0**-52)


def _scaled_exp1(g):
    """e^g E1(g), by its asymptotic series from 300 on."""
    series = 1 / g * (1 - 1 / g * (1 - 2 / g * (1 - 3 / g * (1 - 4 / g * (1 - 5 / g)))))
    return np.where(g < 300, np.exp(g) * special.exp1(g), series)


def test_exponential_draws() -> None:
    """For concentration 1: (log g + gamma + e^g E1(g)) / g, by integrating log t e^-t by parts."""
    g = np.array([1e-3, 0.1, 0.56, 0.6, 2.0, 20.0, 600.0])
    expected = (np.log(g) + np.euler_gamma + _scaled_exp1(g)) / g
    # at 1e-3 the terms of the formula are 300 times its value
    np.testing.assert_allclose(derivative(np.log(g), 1.0), expected, rtol=1e-13)


def test_small_draws() -> None:
    """P ~ g^a / gamma(a + 1), so the derivative tends to (psi(a + 1) - log g) / a."""
    a = np.array([1e-3, 0.1, 2.0])
    x = np.array([-5000.0, -600.0, -60.0])
    np.testing.assert_allclose(derivative(x, a), (special.psi(a + 1) - x) / a, rtol=1e-15)


@pytest.mark.parametrize("a", [1e5, 1e6])
def test_large_concentrations(a) -> None:
    """Wilson and Hilferty: g ~ a (1 - 1/(9 a) + z / (3 sqrt(a)))^3, so for z = 0

    d log g / da tends to 1/a + 1/(3 a^2), with an error of order a^-3."""
    x = np.log(special.gammaincinv(a, 0.5))
    assert derivative(x, a) == pytest.approx(1 / a + 1 / (3 * a * a), rel=2 / a**2 + 1e-12)


@pytest.mark.parametrize("a", [0.5, 4.0, 40.0, 1e4, 1e6])
def test_along_quantiles(a) -> None:
    """The derivative of a quantile, by differences of SciPy's inverse.

    With a step of 1e-4 a the five-point formula is off by 1e-16 of the fifth derivative and by
    the error of the inverse, some 1e-14, over 1e-4.
    """
    p = np.array([0.01, 0.3, 0.5, 0.9, 0.999])
    h = 1e-4 * a

    def quantile(a):
        return np.log(special.gammaincinv(a, p))

    near, far = quantile(a + h) - quantile(a - h), quantile(a + 2 * h) - quantile(a - 2 * h)
    np.testing.assert_allclose(derivative(quantile(a), a), (8 * near - far) / (12 * h), rtol=3e-10)


def test_poisson_draws_have_no_derivative() -> None:
    graph = graph_of("implicit", [tensor()] * 2, {"sampler": "poisson"})
    with pytest.raises(NotImplementedError, match="poisson"):
        value_and_gradient(graph, {"x0": 1.0, "x1": 2.0}, "out", ["x1"])
