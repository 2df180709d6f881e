"""Symbolic sizes: integer polynomials in named sizes, closed under floor division by a constant.

A size is what a dimension of a tensor is: a literal, a hyperparameter such as `k`, the size of
a plate such as `N`, or arithmetic on these such as `2*k + 1` or `(n - 3)//2 + 1`. Sizes are kept
in a canonical form, so that equal polynomials are equal objects: `2*k` and `k + k` compare equal.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from ppc.records import dataclass


@dataclass(frozen=True, slots=True)
class FloorDiv:
    """`numerator // divisor` where the division is not known to be exact."""

    numerator: Size
    divisor: int

    def __str__(self) -> str:
        return f"{_parenthesised(self.numerator)}//{self.divisor}"


Atom = str | FloorDiv
Monomial = tuple[Atom, ...]  # sorted, with repetition: k*k is ("k", "k")


@dataclass(frozen=True, slots=True)
class Size:
    """A polynomial: `terms` maps monomials to nonzero coefficients, in canonical order."""

    terms: tuple[tuple[Monomial, int], ...] = ()

    @classmethod
    def of(cls, value: Size | int | str) -> Size:
        """A size from an integer, a name, or a size."""
        if isinstance(value, Size):
            return value
        if isinstance(value, str):
            return cls((((value,), 1),))
        return cls(() if value == 0 else (((), int(value)),))

    @classmethod
    def parse(cls, text: str) -> Size:
        """Read the printed form back. Raises ValueError for anything else."""
        try:
            return _read(ast.parse(text.strip(), mode="eval").body)
        except SyntaxError as error:
            raise ValueError(f"not a size: {text!r}") from error

    @property
    def value(self) -> int | None:
        """The integer, if this size is one."""
        if not self.terms:
            return 0
        if len(self.terms) == 1 and self.terms[0][0] == ():
            return self.terms[0][1]
        return None

    @property
    def name(self) -> str | None:
        """The name, if this size is a bare name."""
        match self.terms:
            case ((((str() as name),), 1),):
                return name
        return None

    @property
    def is_nonnegative(self) -> bool:
        """Whether it is 0 or more whatever its names are, as far as that is plain to see."""
        return all(
            c >= 0 and not any(isinstance(atom, FloorDiv) for atom in monomial)
            for monomial, c in self.terms
        )

    @property
    def names(self) -> frozenset[str]:
        """Every name that occurs."""
        return frozenset(_names(self))

    def substitute(self, values: Mapping[str, Size | int | str]) -> Size:
        """Replace names by sizes; names that are not in `values` stay."""
        total = Size.of(0)
        for monomial, coefficient in self.terms:
            product = Size.of(coefficient)
            for atom in monomial:
                if isinstance(atom, FloorDiv):
                    product = product * (atom.numerator.substitute(values) // atom.divisor)
                else:
                    product = product * Size.of(values.get(atom, atom))
            total = total + product
        return total

    def evaluate(self, values: Mapping[str, int]) -> int | None:
        """The integer under `values`, or None where a name is missing."""
        return self.substitute(values).value

    def __add__(self, other: Size | int | str) -> Size:
        sums = dict(self.terms)
        for monomial, coefficient in Size.of(other).terms:
            sums[monomial] = sums.get(monomial, 0) + coefficient
        return _canonical(sums.items())

    def __neg__(self) -> Size:
        return Size(tuple((monomial, -c) for monomial, c in self.terms))

    def __sub__(self, other: Size | int | str) -> Size:
        return self + -Size.of(other)

    def __mul__(self, other: Size | int | str) -> Size:
        products: dict[Monomial, int] = {}
        for left, a in self.terms:
            for right, b in Size.of(other).terms:
                monomial = tuple(sorted(left + right, key=str))
                products[monomial] = products.get(monomial, 0) + a * b
        return _canonical(products.items())

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other: Size | int | str) -> Size:
        return Size.of(other) - self

    def __floordiv__(self, divisor: int) -> Size:
        """Floor division by a positive constant; exact multiples are divided out."""
        if divisor <= 0:
            raise ValueError(f"sizes are divided by positive constants, not {divisor}")
        if self.value is not None:
            return Size.of(self.value // divisor)
        exact = _canonical((m, c // divisor) for m, c in self.terms if c % divisor == 0)
        rest = Size(tuple((m, c) for m, c in self.terms if c % divisor))
        if not rest.terms:
            return exact
        if rest.value is not None:
            return exact + rest.value // divisor
        return exact + Size((((FloorDiv(rest, divisor),), 1),))

    def __str__(self) -> str:
        if not self.terms:
            return "0"
        text = ""
        for monomial, coefficient in self.terms:
            sign = "-" if coefficient < 0 else "+"
            factors = [str(atom) for atom in monomial]
            # A leading `-n//2` would be read as `(-n)//2`.
            if len(monomial) > 1 or coefficient != 1:
                factors = [f"({f})" if "//" in f else f for f in factors]
            if abs(coefficient) != 1 or not factors:
                factors.insert(0, str(abs(coefficient)))
            body = "*".join(factors)
            text += f" {sign} {body}" if text else ("-" if sign == "-" else "") + body
        return text

    def __repr__(self) -> str:
        return f"Size({self})"


def product(sizes: Iterable[Size]) -> Size:
    """The product of sizes; 1 for none."""
    total = Size.of(1)
    for size in sizes:
        total = total * size
    return total


def _canonical(terms: Iterable[tuple[Monomial, int]]) -> Size:
    kept = [(monomial, c) for monomial, c in terms if c]
    # Highest degree first, then by name; the constant comes last, as in `2*k + 1`.
    return Size(tuple(sorted(kept, key=lambda t: (-len(t[0]), [str(a) for a in t[0]]))))


def _names(size: Size) -> Iterator[str]:
    for monomial, _ in size.terms:
        for atom in monomial:
            if isinstance(atom, FloorDiv):
                yield from _names(atom.numerator)
            else:
                yield atom


def _parenthesised(size: Size) -> str:
    return str(size) if size.name is not None else f"({size})"


_OPERATORS: dict[type[ast.operator], Callable[[Size, Size], Size]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}


def _read(node: ast.expr) -> Size:
    match node:
        case ast.Constant(value=int() as value):
            return Size.of(value)
        case ast.Name(id=name):
            return Size.of(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_read(operand)
        case ast.BinOp(op=ast.FloorDiv(), left=left, right=ast.Constant(value=int() as divisor)):
            return _read(left) // divisor
        case ast.BinOp(op=op, left=left, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_read(left), _read(right))
    raise ValueError(f"not a size: {ast.unparse(node)!r}")


def with_unit_axis(
    shape: tuple[int, ...], dims: Sequence[Size], fixed: Mapping[str, int]
) -> tuple[int, ...]:
    """The shape of given data, with a last axis of size 1 dropped or added if `dims` is without it.

    One is added only where `dims` itself says that the last size is 1: an array `(N,)` for `(N, d)`
    with d open may as well be a single row. Any other shape is returned as it is. This is the rule
    wherever data come in; emitted programs have it too.
    """
    if len(shape) == len(dims) + 1 and shape[-1] == 1:
        return shape[:-1]
    if len(shape) == len(dims) - 1 and dims[-1].evaluate(fixed) == 1:
        return (*shape, 1)
    return shape
