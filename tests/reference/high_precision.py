"""Special functions to 50 digits in Python's decimals, to hold float64 code against."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cache
from math import comb

_DIGITS = 60
_SHIFT = 60  # Stirling's series with 30 terms is good to 50 digits from here on

PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899")


@cache
def bernoulli(n: int) -> Fraction:
    if n == 0:
        return Fraction(1)
    return -sum((comb(n + 1, k) * bernoulli(k) for k in range(n)), Fraction(0)) / (n + 1)


def _decimal(x: Fraction) -> Decimal:
    return Decimal(x.numerator) / Decimal(x.denominator)


def lgamma(x: Decimal) -> Decimal:
    with localcontext() as context:
        context.prec = _DIGITS
        shift = Decimal(1)
        while x < _SHIFT:
            shift *= x
            x += 1
        total = (x - Decimal("0.5")) * x.ln() - x + (2 * PI).ln() / 2 - shift.ln()
        for k in range(1, 31):
            total += _decimal(bernoulli(2 * k)) / (2 * k * (2 * k - 1)) / x ** (2 * k - 1)
        return total


def digamma(x: Decimal) -> Decimal:
    with localcontext() as context:
        context.prec = _DIGITS
        total = Decimal(0)
        while x < _SHIFT:
            total -= 1 / x
            x += 1
        total += x.ln() - 1 / (2 * x)
        for k in range(1, 31):
            total -= _decimal(bernoulli(2 * k)) / (2 * k) / x ** (2 * k)
        return total


def ndtr(x: Decimal) -> Decimal:
    """1/2 + phi(x) (x + x^3/3 + x^5/15 + ...), with digits enough for |x| <= 20."""
    with localcontext() as context:
        context.prec = 260
        term, total, k = x, x, 1
        while abs(term) > abs(total) * Decimal(10) ** -250:
            k += 2
            term = term * x * x / k
            total += term
        # PI has 80 digits: its error is relative to 1/2, so the tail has 80 - 90 digits less
        return Decimal("0.5") + total * (-x * x / 2).exp() / (2 * _pi(250)).sqrt()


@cache
def _pi(digits: int) -> Decimal:
    """By Machin's formula."""
    with localcontext() as context:
        context.prec = digits + 10

        def arctan_inverse(n: int) -> Decimal:
            power, total, k = Decimal(1) / n, Decimal(0), 0
            while power > Decimal(10) ** -(digits + 10):
                total += (-1) ** k * power / (2 * k + 1)
                power /= n * n
                k += 1
            return total

        return 4 * (4 * arctan_inverse(5) - arctan_inverse(239))


def log_gamma_draw_derivative(x: float, a: float) -> Decimal:
    """-(dP/da) / (dP/dx) for P(a, e^x) the lower regularised incomplete gamma function.

    A central difference of the power series of P at 55 digits with a step of 1e-18, so good to
    some 30 digits.
    """
    with localcontext() as context:
        context.prec = _DIGITS
        at, step = Decimal(x), Decimal("1e-18") * Decimal(a)
        g = at.exp()

        def series(a: Decimal) -> tuple[Decimal, Decimal]:
            """log of g^a e^-g / gamma(a), and P over that."""
            term = total = 1 / a
            n = 1
            while term > total * Decimal(10) ** -58:
                term *= g / (a + n)
                total += term
                n += 1
            return a * at - g - lgamma(a), total

        density, _ = series(Decimal(a))
        up, high = series(Decimal(a) + step)
        down, low = series(Decimal(a) - step)
        slope = ((up - density).exp() * high - (down - density).exp() * low) / (2 * step)
        return -slope
