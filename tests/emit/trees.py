"""Random programs, for the properties of the printer: small or large, one for each seed."""

from __future__ import annotations

import random
from collections.abc import Callable

from ppc.emit import tree
from ppc.emit.tree import Expr, Stmt

NAMES = ["x", "y", "qz_loc", "params", "output", "a_rather_long_name_of_a_variable", "jnp"]
CONSTANTS = [
    0, 1, 12, 10**6, 0.0, 0.5, 1e-3, 1e16, 5e-324, 1.7976931348623157e308, 0.1 + 0.2, True, False,
    None, ..., "", "text", 'say "so"', "it's", "both ' and \"", "back\\slash\n",
    "é θ 中 \u202e\x00",
]  # fmt: skip
BINARY = "+ - * / // % ** @ & | ^ << >>".split()
COMPARATORS = ["==", "<", ">=", "is not", "in", "not in", "!="]
COMMENTS = ["", "", "", "f32[N, k]", "a rather long remark on what this line is there for"]
DOCSTRINGS = ["", "One line.", 'Two.\n\n    Indented, with "quotes" and \\ too"', '"quoted"']


class Trees:
    """Draws trees from a seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def many(self, make: Callable[[], object], low: int, high: int) -> tuple:
        return tuple(make() for _ in range(self.rng.randint(low, high)))

    def name(self) -> str:
        return self.rng.choice(NAMES)

    def names(self, low: int, high: int) -> tuple[Expr, ...]:
        return self.many(lambda: tree.Name(self.name()), low, high)

    # --- expressions ---

    def expr(self, depth: int = 4) -> Expr:
        """An expression; most get shallower fast, few are deep."""
        if depth == 0 or self.rng.random() < 0.25:
            kind = self.rng.random()
            if kind < 0.7:
                return tree.Name(self.name())
            return (
                tree.Hex(self.rng.randint(0, 2**32))
                if kind > 0.97
                else tree.Constant(self.rng.choice(CONSTANTS))
            )
        kinds = [
            self.attribute, self.call, self.call, self.subscript, self.binary, self.binary,
            self.binary, self.unary, self.compare, self.boolean, self.conditional, self.function,
            self.sequence, self.dictionary, self.comprehension, self.chain,
        ]  # fmt: skip
        return self.rng.choice(kinds)(depth - 1)

    def attribute(self, depth: int) -> Expr:
        return tree.Attribute(self.expr(depth), self.name())

    def chain(self, depth: int) -> Expr:
        result = self.expr(depth)
        for _ in range(self.rng.randint(1, 4)):
            args = self.many(lambda: self.expr(depth - 1 if depth else 0), 0, 2)
            result = tree.Call(tree.Attribute(result, self.name()), args)
        return result

    def call(self, depth: int) -> Expr:
        keywords = dict.fromkeys(self.many(self.name, 0, 3))
        args = self.many(lambda: self.starred(depth), 0, 3)
        return tree.Call(
            self.expr(depth) if self.rng.random() < 0.2 else tree.dotted("jax.nn.softplus"),
            args,
            tuple((keyword, self.expr(depth)) for keyword in keywords),
        )

    def starred(self, depth: int) -> Expr:
        expr = self.expr(depth)
        return tree.Starred(expr) if self.rng.random() < 0.1 else expr

    def subscript(self, depth: int) -> Expr:
        def part() -> Expr:
            if self.rng.random() < 0.5:
                return self.expr(depth)
            bounds = (self.expr(depth) if self.rng.random() < 0.5 else None for _ in range(3))
            return tree.Slice(*bounds)

        parts = self.many(part, 1, 3)
        index = parts[0] if len(parts) == 1 and self.rng.random() < 0.8 else tree.Tuple(parts)
        return tree.Subscript(self.expr(depth), index)

    def binary(self, depth: int) -> Expr:
        return tree.BinOp(self.rng.choice(BINARY), self.expr(depth), self.expr(depth))

    def unary(self, depth: int) -> Expr:
        return tree.UnaryOp(self.rng.choice("- - + ~ not".split()), self.expr(depth))

    def compare(self, depth: int) -> Expr:
        rest = self.many(lambda: (self.rng.choice(COMPARATORS), self.expr(depth)), 1, 2)
        return tree.Compare(self.expr(depth), rest)

    def boolean(self, depth: int) -> Expr:
        values = self.many(lambda: self.expr(depth), 2, 3)
        return tree.BoolOp(self.rng.choice(["and", "or"]), values)

    def conditional(self, depth: int) -> Expr:
        return tree.IfExp(self.expr(depth), self.expr(depth), self.expr(depth))

    def function(self, depth: int) -> Expr:
        names = dict.fromkeys(self.many(self.name, 0, 3))
        return tree.Lambda(tuple(tree.Param(name) for name in names), self.expr(depth))

    def sequence(self, depth: int) -> Expr:
        items = self.many(lambda: self.starred(depth), 0, 4)
        return self.rng.choice([tree.Tuple, tree.List])(items)

    def dictionary(self, depth: int) -> Expr:
        return tree.Dict(self.many(lambda: (self.expr(depth), self.expr(depth)), 0, 3))

    def comprehension(self, depth: int) -> Expr:
        kind = self.rng.choice(["list", "generator", "set", "dict"])
        value = self.expr(depth) if kind == "dict" else None
        return tree.Comprehension(
            kind, self.expr(depth), self.many(lambda: self.clause(depth), 1, 2), value
        )

    def clause(self, depth: int) -> tree.Clause:
        conditions = self.many(lambda: self.expr(depth), 0, 1)
        return tree.Clause(self.target(3), self.expr(depth), conditions)

    def target(self, most: int = 8) -> Expr:
        if self.rng.random() < 0.7:
            return tree.Name(self.name())
        return tree.Tuple(self.names(2, most))

    # --- statements ---

    def stmt(self, depth: int = 2) -> Stmt:
        """A statement."""
        if depth == 0 or self.rng.random() < 0.6:
            return self.simple()
        body, other = self.body(depth - 1), self.body(depth - 1)
        names = list(dict.fromkeys(self.many(self.name, 0, 7)))
        split = self.rng.randint(0, len(names))
        params = tuple(
            tree.Param(
                name,
                tree.Name("Array") if self.rng.random() < 0.5 else None,
                self.expr(1) if i >= split else None,
                "keyword" if i >= split else "positional",
            )
            for i, name in enumerate(names)
        )
        docstring = self.rng.choice(DOCSTRINGS)
        returns = self.rng.choice([None, tree.Name("Array")])
        handler = tree.Handler(tree.Name("ValueError"), self.rng.choice([None, "error"]), other)
        return self.rng.choice([
            tree.For(self.target(), self.expr(), body),
            tree.While(self.expr(), body),
            tree.If(self.expr(), body, self.rng.choice([(), other])),
            tree.With(((self.expr(), tree.Name("file")),), body),
            tree.Try(body, (handler,), self.rng.choice([(), other])),
            tree.FunctionDef(self.name(), params, body, returns, docstring),
            tree.FunctionDef(self.name(), params, body, returns, docstring),
            tree.ClassDef(self.name(), self.names(0, 2), body, docstring),
        ])  # fmt: skip

    def body(self, depth: int) -> tuple[Stmt, ...]:
        return self.many(lambda: self.stmt(depth), 1, 3)

    def simple(self) -> Stmt:
        comment = self.rng.choice(COMMENTS)
        name = tree.Name(self.name())
        call = self.call(2)
        return self.rng.choice([
            tree.Assign(self.target(), self.expr(), comment),
            tree.Assign(tree.Attribute(name, self.name()), self.expr(), comment),
            tree.AugAssign(name, self.rng.choice(BINARY), self.expr(), comment),
            tree.Return(self.expr(), comment),
            tree.ExprStmt(call, comment),
            tree.ExprStmt(tree.Yield(self.expr())),
            tree.AnnAssign(name, tree.Name("Array"), self.rng.choice([None, call]), comment),
            tree.Raise(call),
            tree.Pass(),
        ])  # fmt: skip
