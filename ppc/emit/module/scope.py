"""Functions that compute a graph: where their sizes and their noise come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace

from ppc.emit import host
from ppc.emit.function import emit_body, helpers_used, used_names
from ppc.emit.imports import sorted_imports
from ppc.emit.keys import site_key
from ppc.emit.module.dialect import Dialect
from ppc.emit.names import Names, identifier
from ppc.emit.printer import print_module
from ppc.emit.table import Table, size_expr
from ppc.emit.tree import (
    Assign,
    Attribute,
    Constant,
    Dict,
    Expr,
    FunctionDef,
    Hex,
    Import,
    ImportFrom,
    Module,
    Name,
    Param,
    Return,
    Stmt,
    Subscript,
    Tuple,
)
from ppc.ir.nodes import Graph, Noise
from ppc.ir.reach import reached
from ppc.ir.sizes import Size
from ppc.records import dataclass

_IMPORTS: Mapping[str, Import | ImportFrom] = {
    **{
        name: Import(name)
        for name in ("argparse", "csv", "functools", "math", "os", "sys", "zipfile")
    },
    "np": Import("numpy", "np"),
    "Callable": ImportFrom("collections.abc", (("Callable", None),)),
    "Any": ImportFrom("typing", (("Any", None),)),
    "NamedTuple": ImportFrom("typing", (("NamedTuple", None),)),
    "special": host.IMPORTS["special"],
}
MODULE_NAMES = (
    "batch batch_rows BLOCK_ELEMENTS BLOCK_STEPS block_steps Callable constrain Data data "
    "draw_noise draw_rest explain Fit fit init_params key load_data load_fit log_density "
    "loss loss_terms main NamedTuple Noise noise OptState parameters Params params Plan "
    "plan posterior predict predict_mean prepare read_csv read_data read_npz "
    "REPLAY_BLOCKS Rows run_block run_command sample_prior save_fit Shared SIZES Sizes sizes "
    "stalled start_fit State take take_rows unconstrain unconstrained_log_density update_rows "
    "weight check_out Plates BATCH_SIZE rows_first rows_back"
).split()


@dataclass(frozen=True, slots=True)
class Root:
    """An expression whose dimensions are known by name: where a function learns its sizes."""

    expr: Expr
    shape: tuple[Size, ...]


@dataclass(slots=True)
class Sizer:
    """Finds named sizes in the shapes of a function's inputs, and binds those that are used."""

    names: Names
    roots: Sequence[Root]
    given: Mapping[str, Expr]
    fixed: Mapping[str, int] = field(default_factory=dict)  # sizes that are numbers
    found: dict[str, Expr] = field(default_factory=dict)  # where a size is read
    local: dict[str, str] = field(default_factory=dict)  # its variable

    def __post_init__(self) -> None:
        for root in self.roots:
            for i, size in enumerate(root.shape):
                if size.name is not None and size.name not in self.given:
                    where = Subscript(Attribute(root.expr, "shape"), Constant(i))
                    self.found.setdefault(size.name, where)
        self.found |= self.given
        self.local = {name: self.names.fresh(name) for name in self.found}

    @property
    def known(self) -> set[str]:
        """The sizes that are found."""
        return set(self.found)

    def variables(self) -> dict[str, Expr]:
        """The expression of each size."""
        numbers: dict[str, Expr] = {name: Constant(value) for name, value in self.fixed.items()}
        return numbers | {name: Name(own) for name, own in self.local.items()}

    def expr(self, size: Size) -> Expr:
        """A size as an expression."""
        return size_expr(size, self.variables())

    def bound(self, body: Sequence[Stmt]) -> list[Stmt]:
        """`body` behind the assignments of the sizes that it uses."""
        used = set(used_names(body))
        return [
            *(
                Assign(Name(own), self.found[name])
                for name, own in self.local.items()
                if own in used
            ),
            *body,
        ]


@dataclass(slots=True)
class Scope:
    """The body of a function that computes a graph."""

    dialect: Dialect
    graph: Graph
    names: Names
    inputs: dict[str, Expr]
    roots: Sequence[Root]
    given: Mapping[str, Expr]
    table: Table | None = None  # None: the dialect's
    open_sizes: bool = False  # sizes that nothing fixes become parameters of the function
    open: list[str] = field(default_factory=list)
    body: list[Stmt] = field(default_factory=list)
    sizer: Sizer = field(init=False)

    def __post_init__(self) -> None:
        self.sizer = Sizer(self.names, self.roots, self.given, self.graph.sizes)
        if self.open_sizes:
            mentioned = {n for node in self.graph.nodes for s in node.type.shape for n in s.names}
            missing = [n for n in sorted(mentioned) if n not in self.sizer.known
                       and n not in self.graph.sizes]  # fmt: skip
            for name in missing:
                own = identifier(name)  # an argument of the function, so it keeps its name
                self.names.reserve(own)
                self.open.append(own)
                self.sizer.local[name] = own
                self.sizer.found[name] = Name(own)

    def draw_noise(self) -> None:
        """Draw the noise that is not given, with `key`, and give it."""
        needed = reached(self.graph, [n for _, n in self.graph.outputs], samples=False)
        for node in self.graph.nodes:
            if not isinstance(node, Noise) or node.name in self.inputs or node.name not in needed:
                continue
            key = self.dialect.fold_in(Name("key"), Hex(site_key(node.site)))
            if node.kind == "draw":
                args = self._emit(tuple((f"{i}", a) for i, a in enumerate(node.args)))
                value = self.dialect.drawn[node.sampler](key, *args.values())
            else:
                shape = Tuple(tuple(self.sizer.expr(s) for s in node.type.shape))
                value = self.dialect.standard[node.kind](key, shape)
            own = self.names.fresh(node.name)
            self.body.append(Assign(Name(own), value))
            self.inputs[node.name] = Name(own)

    def emit(self) -> dict[str, Expr]:
        """Compute the outputs."""
        return self._emit(self.graph.outputs)

    def _emit(self, outputs: tuple[tuple[str, str], ...]) -> dict[str, Expr]:
        body, exprs = emit_body(
            replace(self.graph, outputs=outputs),
            table=self.table or self.dialect.table,
            inputs=self.inputs,
            sizes=self.sizer.variables(),
            names=self.names,
        )
        self.body += body
        return exprs

    def finished(self, *last: Stmt) -> list[Stmt]:
        """The statements, behind the assignments of the sizes that they use."""
        body = self.sizer.bound([*self.body, *last])
        # A size that is a parameter of the function is not assigned.
        return [s for s in body if not (isinstance(s, Assign) and s.target == s.value)]


def function(
    name: str, params: Sequence[Param], body: Sequence[Stmt], returns: str | Expr, doc: str
) -> FunctionDef:
    """A function definition."""
    result = Name(returns) if isinstance(returns, str) else returns
    return FunctionDef(name, tuple(params), tuple(body), result, doc)


def with_helpers(dialect: Dialect, body: Sequence[Stmt]) -> list[Stmt]:
    """The functions of `body` with the helpers that they call, behind them."""
    return [*body, *helpers_used(dialect.table, body), *helpers_used(host.TABLE, body)]


def imports_used(dialect: Dialect, body: Sequence[Stmt]) -> list[Import | ImportFrom]:
    """The imports that some statements need."""
    used = set(used_names(body))
    known = {**_IMPORTS, **dialect.imports}
    return [item for name, item in known.items() if name in used]


def complete(dialect: Dialect, body: Sequence[Stmt]) -> Module:
    """A module of some statements, with the imports and the constants that they need."""
    body = [*dialect.constants(body), *body]
    return Module((*sorted_imports(imports_used(dialect, body)), *body))


def emit_function(dialect: Dialect, graph: Graph) -> str:
    """The text of a module with `query(key, inputs, *, sizes...)` for a positional graph.

    `INPUTS` lists the arrays that it takes by name, `SIZES` the numbers.
    The dialect has all that it needs.
    """
    names = Names([*MODULE_NAMES, *dialect.names, "query", "inputs", "INPUTS", "SIZES"])
    used = reached(graph, [name for _, name in graph.outputs], samples=False)
    given = [d for d in graph.data if d.name in used]
    where: dict[str, Expr] = {d.name: Subscript(Name("inputs"), Constant(d.name)) for d in given}
    roots = [Root(where[d.name], d.type.shape) for d in given]
    scope = Scope(dialect, graph, names, where, roots, {}, open_sizes=True)
    scope.draw_noise()
    outputs = scope.emit()
    result = Dict(tuple((Constant(name), value) for name, value in outputs.items()))
    body = scope.finished(Return(result))
    arrays = Subscript(Name("dict"), Tuple((Name("str"), dialect.array)))
    params = [Param("key", dialect.array), Param("inputs", arrays)]
    params += [Param(n, Name("int"), kind="keyword") for n in scope.open]
    text: list[Stmt] = [
        Assign(Name("INPUTS"), Tuple(tuple(Constant(d.name) for d in given))),
        Assign(Name("SIZES"), Tuple(tuple(Constant(n) for n in scope.open))),
        function("query", params, body, arrays, f"`{graph.name}` of a model."),
    ]
    return print_module(complete(dialect, with_helpers(dialect, text)))
