"""Prints a program as a JAX module that stands alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
import textwrap
from dataclasses import dataclass, field, replace

from ppc.emit import host, tree
from ppc.emit.function import emit_body, helpers_used, used_names
from ppc.emit.imports import sorted_imports
from ppc.emit.keys import site_key
from ppc.emit.names import Names, identifier
from ppc.emit.printer import print_module
from ppc.emit.program import Column, NoiseArray, Parameter, Program
from ppc.emit.quote import expression, statements
from ppc.emit.table import size_expr
from ppc.emit.tree import (
    AnnAssign,
    Assign,
    Attribute,
    Blank,
    Call,
    ClassDef,
    Comment,
    Constant,
    Dict,
    Expr,
    ExprStmt,
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
    call,
    dotted,
)
from ppc.ir.nodes import Graph, Noise
from ppc.ir.sizes import Size
from ppc.passes import dce
from ppc.passes.layout import rows_name
from ppc_jax import loop
from ppc_jax.expressions import TABLE, imports_used

WIDTH = 88
_IMPORTS: Mapping[str, Import | ImportFrom] = {
    **{name: Import(name) for name in ("argparse", "functools", "math", "os", "sys", "zipfile")},
    "optax": Import("optax"),
    "np": Import("numpy", "np"),
    "jr": Import("jax.random", "jr"),
    "Array": ImportFrom("jax", (("Array", None),)),
    "Callable": ImportFrom("collections.abc", (("Callable", None),)),
    "NamedTuple": ImportFrom("typing", (("NamedTuple", None),)),
    "special": host.IMPORTS["special"],
    "ravel_pytree": ImportFrom("jax.flatten_util", (("ravel_pytree", None),)),
}
_MODULE_NAMES = (
    "Sizes SIZES Params Shared Rows OptState take_rows update_rows Data Noise State Plan Fit init_params prepare loss_terms loss draw_noise "
    "draw_rest fit start_fit block_steps run_block take batch_rows explain load_data read_npz "
    "save_fit load_fit main run_command stalled parameters log_density sample_prior posterior "
    "predict BLOCK_STEPS BLOCK_ELEMENTS REPLAY_BLOCKS Array lax NamedTuple Callable ravel_pytree "
    "key params noise batch weight data sizes plan"
).split()


def emit(program: Program) -> str:
    """The text of the program."""
    return print_module(_Emitter(program).module())


def emit_function(graph: Graph) -> str:
    """The text of a module with `query(key, inputs, *, sizes...)` for a positional graph.

    `INPUTS` lists the arrays that it takes by name, `SIZES` the numbers.
    """
    names = Names([*_MODULE_NAMES, "query", "inputs", "INPUTS", "SIZES"])
    used = dce.reached(graph, [name for _, name in graph.outputs], samples=False)
    given = [d for d in graph.data if d.name in used]
    where: dict[str, Expr] = {d.name: Subscript(Name("inputs"), Constant(d.name)) for d in given}
    roots = [Root(where[d.name], d.type.shape) for d in given]
    scope = Scope(graph, names, where, roots, {}, open_sizes=True)
    scope.draw_noise()
    outputs = scope.emit()
    result = Dict(tuple((Constant(name), value) for name, value in outputs.items()))
    body = scope.finished(Return(result))
    arrays = Subscript(Name("dict"), Tuple((Name("str"), Name("Array"))))
    params = [Param("key", Name("Array")), Param("inputs", arrays)]
    params += [Param(n, Name("int"), kind="keyword") for n in scope.open]
    text: list[Stmt] = [
        Assign(Name("INPUTS"), Tuple(tuple(Constant(d.name) for d in given))),
        Assign(Name("SIZES"), Tuple(tuple(Constant(n) for n in scope.open))),
        _function("query", params, body, arrays, f"`{graph.name}` of a model."),
    ]
    text = _with_helpers(text)
    return print_module(Module((*_imports(text), *text)))


@dataclass(frozen=True, slots=True)
class Root:
    """An expression whose dimensions are known by name: where a function learns its sizes."""

    expr: Expr
    shape: tuple[Size, ...]


@dataclass(slots=True)
class _Emitter:
    program: Program
    names: Names = field(init=False)
    groups: dict[str, dict[str, Parameter]] = field(init=False)  # layer to its fields
    classes: dict[tuple[str, ...], str] = field(init=False)  # fields of a layer to their class
    columns: dict[str, str] = field(init=False)  # field of Data by array
    noises: dict[str, str] = field(init=False)  # field of Noise by noise node
    init_args: tuple[Expr, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        program = self.program
        self.names = Names(_MODULE_NAMES)
        self.groups = {}
        for p in program.parameters:
            group, _, own = p.name.rpartition(".")
            self.groups.setdefault(group or p.name, {})[own if group else ""] = p
        self.classes = {}
        for fields in self.groups.values():
            if "" not in fields and tuple(fields) not in self.classes:
                wanted = "Dense" if set(fields) <= {"kernel", "bias"} else "Layer"
                self.classes[tuple(fields)] = self.names.fresh(wanted)
        fields_of_data = Names()
        self.columns = {c.name: fields_of_data.fresh(c.name) for c in program.columns}
        fields_of_noise = Names()
        self.noises = {
            n.name: fields_of_noise.fresh(n.site.replace(".", "_")) for n in program.noise
        }

    # --- the module ---

    @property
    def batched(self) -> bool:
        return self.program.batch is not None

    @property
    def packed(self) -> bool:
        """Small parameters are one vector in the loop; each leaf would cost its own kernels."""
        return all(len(p.shape) <= 1 and p.rows is None for p in self.program.parameters)

    @property
    def rowwise(self) -> bool:
        """Whether some parameters have a row for each datum of the batched plate."""
        return any(p.rows is not None for p in self.program.parameters)

    @property
    def drawn(self) -> bool:
        """Whether some noise depends on the parameters."""
        return any(n.drawn for n in self.program.noise)

    def module(self) -> Module:
        functions = [self.init_params(), self.prepare(), *self.loss(), *self.noise()]
        body: list[Stmt] = [
            *statements(loop.CONSTANTS),
            *self.types(),
            *_section("The model and its guide"),
            *functions,
            *_section("Results"),
            *self.functions(),
            *_section("The fit"),
            *self.loop(),
        ]
        body = [*_with_helpers(body), *_section("Files and the command"), *self.files()]
        return Module((*_imports(body), *body), docstring=self.header())

    def header(self) -> str:
        p = self.program
        module = identifier(p.name)
        lines = [
            f"SVI for `{p.name}` with guide `{p.guide}`: a standalone JAX program.",
            "",
            f"Emitted by ppc {p.version} from {p.source} (sha256 {p.digest}); needs jax and optax.",
            f"    python {module}_svi.py data.npz --epochs 200 --out fit.npz",
            "",
            *_wrapped(f"Passes: {p.pipeline.replace(',', ', ')}."),
            "",
        ]
        for name, size in p.plates:
            note = "in batches that differ by at most one row" if name == p.batch else "all at once"
            lines.append(f"Plate  {name}  {'' if size == name else f'of size {size}, '}{note}")
        rows = [(s.name, s.type, s.role, s.distribution, s.note) for s in p.sites]
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        for row in rows:
            text = "  ".join(cell.ljust(w) for cell, w in zip(row, [*widths, 0], strict=True))
            lines.append(f"Site   {text}".rstrip())
        return "\n".join(
            line if len(line) <= WIDTH else line[: WIDTH - 3] + "..." for line in lines
        )

    # --- types ---

    def types(self) -> list[Stmt]:
        p = self.program
        body: list[Stmt] = []
        if p.hypers:
            fields = [
                AnnAssign(Name(n), Name("int"), None if v is None else Constant(v))
                for n, v in sorted(p.hypers.items(), key=lambda item: item[1] is not None)
            ]
            body.append(_named_tuple("Sizes", fields))
            if None not in p.hypers.values():
                body.append(Assign(Name("SIZES"), call("Sizes")))
        for fields_, name in self.classes.items():
            group = next(g for g in self.groups.values() if tuple(g) == fields_)
            ranks = [
                AnnAssign(Name(f), Name("Array"), None, _dims("f32", _field_dims(f, group[f])))
                for f in fields_
            ]
            body.append(_named_tuple(name, ranks))
        body.extend(self.param_types())
        body.append(_named_tuple("Data", [self.data_field(c) for c in p.columns]))
        body.append(_named_tuple("Noise", [self.noise_field(n) for n in p.noise]))
        opt_state = Name("OptState") if self.rowwise else dotted("optax.OptState")
        body.extend(
            statements(
                loop.PLAN,
                batched=self.batched,
                sized=bool(p.hypers),
                rowwise=self.rowwise,
                opt_state=opt_state,
            )  # fmt: skip
        )
        return body

    def param_types(self) -> list[Stmt]:
        """`Params`; parameters with a row for each datum stand apart."""
        fields = {True: [], False: []}  # type: dict[bool, list[Stmt]]
        for group, own in self.groups.items():
            rows = any(p.rows is not None for p in own.values())
            fields[rows].append(self.param_field(group, own))
        if not self.rowwise:
            return [_named_tuple("Params", fields[False])]
        return [
            _named_tuple("Shared", fields[False]),
            _named_tuple("Rows", fields[True]),
            _named_tuple(
                "Params",
                [AnnAssign(Name(f), Name(f.capitalize())) for f in ("shared", "rows")],
            ),
        ]

    def param_field(self, group: str, fields: Mapping[str, Parameter]) -> Stmt:
        if "" in fields:
            p = fields[""]
            note = f"  {p.note}" if p.note else ""
            return AnnAssign(Name(identifier(group)), Name("Array"), None,
                             _dims("f32", p.shape) + note)  # fmt: skip
        shapes = ", ".join(f"{f} {_dims('f32', p.shape)}" for f, p in fields.items())
        return AnnAssign(Name(identifier(group)), Name(self.classes[tuple(fields)]), None, shapes)

    def data_field(self, column: Column) -> Stmt:
        note = "" if column.given else "  computed once, by `prepare`"
        comment = _dims(column.dtype, column.shape) + note
        return AnnAssign(Name(self.columns[column.name]), Name("Array"), None, comment)

    def noise_field(self, noise: NoiseArray) -> Stmt:
        kind = f"a draw of {noise.sampler}" if noise.drawn else f"standard {noise.kind}"
        shape = [self.batch_size_text(s) for s in noise.shape]
        annotation: Expr = Name("Array")
        if noise.drawn:
            annotation = tree.BinOp("|", annotation, Constant(None))
        return AnnAssign(
            Name(self.noises[noise.name]), annotation, None, f"{_dims('f32', shape)}  {kind}"
        )

    def batch_size_text(self, size: Size) -> str:
        return str(size.substitute({rows_name(self.program.batch): "M"} if self.batched else {}))

    def param(self, name: str) -> Expr:
        group, _, own = name.rpartition(".")
        path = f"{self.where(group or name)}.{identifier(group or name)}"
        return dotted(f"{path}.{identifier(own)}" if group else path)

    def where(self, group: str) -> str:
        """The path of the tuple that holds a parameter or a layer."""
        if not self.rowwise:
            return "params"
        rows = any(p.rows is not None for p in self.groups[group].values())
        return "params.rows" if rows else "params.shared"

    # --- functions ---

    def sizes_param(self) -> Param:
        default = None if None in self.program.hypers.values() else Name("SIZES")
        return Param("sizes", Name("Sizes"), default)

    def hyper_sizes(self, sizes: str = "sizes") -> dict[str, Expr]:
        return {name: dotted(f"{sizes}.{name}") for name in self.program.hypers}

    def data_roots(self, data: str = "data") -> list[Root]:
        return [Root(dotted(f"{data}.{own}"), c.shape)
                for c, own in zip(self.program.columns, self.columns.values(), strict=True)]  # fmt: skip

    def params_of(self, outputs: Mapping[str, Expr]) -> Expr:
        """`Params(...)` from an expression for each parameter."""
        fields: dict[str, list[tuple[str | None, Expr]]] = {}
        for group, own in self.groups.items():
            if "" in own:
                value = outputs[group]
            else:
                made = tuple((identifier(f), outputs[p.name]) for f, p in own.items())
                value = Call(Name(self.classes[tuple(own)]), (), made)
            fields.setdefault(self.where(group), []).append((identifier(group), value))
        if not self.rowwise:
            return Call(Name("Params"), (), tuple(fields["params"]))
        parts = [Call(Name(f.capitalize()), (), tuple(fields.get(f"params.{f}", ())))
                 for f in ("shared", "rows")]  # fmt: skip
        return Call(Name("Params"), tuple(parts))

    def init_params(self) -> Stmt:
        scope = Scope(self.program.init, self.names.nested(), {}, self.data_roots(),
                      self.hyper_sizes())  # fmt: skip
        scope.draw_noise()
        outputs = scope.emit()
        body = scope.finished(Return(self.params_of(outputs)))
        used = set(used_names(body))
        params = [Param("key", Name("Array"))]
        if "data" in used:
            params.append(Param("data", Name("Data")))
        if "sizes" in used:
            params.append(self.sizes_param())
        given = {"key": Name("key"), "data": Name("data"), "sizes": dotted("plan.sizes")}
        self.init_args = tuple(given[q.name] for q in params)
        return _function("init_params", params, body, "Params", "The initial parameters.")

    def prepare(self) -> Stmt:
        """The function that makes `Data` of host arrays."""
        given = [c for c in self.program.columns if c.given]
        names = self.names.nested()
        own = {c.name: names.fresh(c.name) for c in given}
        values: dict[str, Expr] = {c.name: Name(own[c.name]) for c in given}
        body: list[Stmt] = []
        if self.program.prepare is not None:
            inputs = {
                c.name: call("np.asarray", Name(own[c.name]), Name("float"))
                if c.dtype == "f32" else Name(own[c.name])
                for c in given
            }  # fmt: skip
            roots = [Root(Name(own[c.name]), c.shape) for c in given]
            scope = Scope(self.program.prepare, names, inputs, roots, {}, table=host.TABLE)
            values |= scope.emit()
            body += scope.finished()
        fields = []
        for c in self.program.columns:
            dtype: Expr = Name("float") if c.dtype == "f32" else dotted(_DTYPES[c.dtype])
            array = call("jnp.asarray", values[c.name], dtype)
            fields.append((self.columns[c.name], array))
        body.append(Return(Call(Name("Data"), (), tuple(fields))))
        params = [Param(own[c.name], dotted("np.ndarray")) for c in given]
        doc = "The data as the loop reads them."
        if self.program.prepare is not None:
            doc += "\n\nWhat depends on them alone is computed here, once, in double precision."
        return _function("prepare", params, body, "Data", doc)

    @property
    def rest(self) -> tuple[tuple[str, str], ...]:
        """The parameters of the loss besides parameters and noise, with their types."""
        if self.batched:
            return (("batch", "Data"), ("weight", "Array"))
        return (("data", "Data"),)

    def loss(self) -> list[Stmt]:
        data = self.rest[0][0]
        scope = self.loss_scope(self.program.loss)
        outputs = scope.emit()
        terms = Dict(tuple((Constant(site), expr) for site, expr in outputs.items()))
        body = scope.finished(Return(terms))
        params = [Param("params", Name("Params")), Param("noise", Name("Noise"))]
        params += [Param(name, Name(type_)) for name, type_ in self.rest]
        doc = "The negative evidence lower bound, one draw of the guide, by site."
        if self.batched:
            doc += (
                "\n\nweight f32[M] is the number of batches for a row of the data and 0 for padding,"
                "\nso that the mean over an epoch is the full loss."
            )
        returns = Subscript(Name("dict"), Tuple((Name("str"), Name("Array"))))
        names = [Name(q.name) for q in params]
        total = call("sum", call(Attribute(call("loss_terms", *names), "values")))
        return [
            _function("loss_terms", params, body, returns, doc),
            _function("loss", params, [Return(total)], "Array", "The sum of `loss_terms`."),
            *self.draw_rest(data),
        ]

    def loss_scope(self, graph: Graph) -> Scope:
        data = self.rest[0][0]
        inputs: dict[str, Expr] = {p.name: self.param(p.name) for p in self.program.parameters}
        inputs |= {name: dotted(f"{data}.{own}") for name, own in self.columns.items()}
        inputs |= {name: dotted(f"noise.{own}") for name, own in self.noises.items()}
        rows = rows_name(self.program.batch) if self.program.batch else None
        roots: list[Root] = []
        if self.program.weight and rows:
            inputs[self.program.weight] = Name("weight")
            roots.append(Root(Name("weight"), (Size.of(rows),)))
        for c in self.program.columns:
            shape = list(c.shape)
            if rows and c.rows is not None:
                shape[c.rows] = Size.of(rows)
            roots.append(Root(dotted(f"{data}.{self.columns[c.name]}"), tuple(shape)))
        roots += [Root(self.param(p.name), p.shape) for p in self.program.parameters
                  if p.rows is None]  # fmt: skip
        return Scope(graph, self.names.nested(), inputs, roots, {})

    def draw_rest(self, data: str) -> list[Stmt]:
        """The noise that depends on the parameters, drawn in the step."""
        drawn = [n for n in self.program.noise if n.drawn]
        if not drawn:
            return []
        scope = self.loss_scope(self.program.loss)
        for n in drawn:
            del scope.inputs[n.name]
        scope.draw_noise()
        replaced = tuple((self.noises[n.name], scope.inputs[n.name]) for n in drawn)
        body = scope.finished(Return(Call(dotted("noise._replace"), (), replaced)))
        params = [Param("params", Name("Params")), Param("noise", Name("Noise"))]
        params += [Param(name, Name(type_)) for name, type_ in self.rest]
        params.append(Param("key", Name("Array")))
        doc = "The noise completed by draws whose distribution depends on the parameters."
        return [_function("draw_rest", params, body, "Noise", doc)]

    def noise(self) -> list[Stmt]:
        """The function that draws the standard noise of a block."""
        names = self.names.nested()
        names.reserve("block", "length")
        sizes = self.hyper_sizes("plan.sizes")
        if self.program.batch:
            sizes[rows_name(self.program.batch)] = dotted("plan.width")
        finder = Sizer(names, self.data_roots(), sizes)
        fields: list[tuple[str | None, Expr]] = []
        for n in self.program.noise:
            if n.drawn:
                fields.append((self.noises[n.name], Constant(None)))
                continue
            key = expression(
                "jr.fold_in(jr.fold_in(key, __site__), block)", site=Hex(site_key(n.site))
            )
            shape = Tuple((Name("length"), *(finder.expr(s) for s in n.shape)))
            fields.append((self.noises[n.name], _standard(n.kind, key, shape)))
        body = finder.bound([Return(Call(Name("Noise"), (), tuple(fields)))])
        params = [Param("key", Name("Array")), Param("block", Name("Array")),
                  Param("length", Name("int")), Param("data", Name("Data")),
                  Param("plan", Name("Plan"))]  # fmt: skip
        doc = "The noise of a block of steps, one draw for each site and block."
        return [_function("draw_noise", params, body, "Noise", doc)]

    def functions(self) -> list[Stmt]:
        return [self.result(name, graph) for name, graph in self.program.functions.items()]

    def result(self, name: str, graph: Graph) -> Stmt:
        """A density or a sampler of the fitted model."""
        names = self.names.nested()
        names.reserve(name)
        known = {p.name for p in self.program.parameters}
        given = [d for d in graph.data if d.name not in known]
        used = dce.reached(graph, [n for _, n in graph.outputs], samples=False)
        given = [d for d in given if d.name in used]
        own = {d.name: names.fresh(d.name) for d in given}
        inputs: dict[str, Expr] = {p.name: self.param(p.name) for p in self.program.parameters}
        inputs |= {d.name: Name(own[d.name]) for d in given}
        roots = [Root(Name(own[d.name]), d.type.shape) for d in given]
        roots += [Root(self.param(p.name), p.shape) for p in self.program.parameters]
        scope = Scope(graph, names, inputs, roots, {}, open_sizes=True)
        scope.draw_noise()
        outputs = scope.emit()
        scalar = name == "log_density"
        if scalar:
            result: Expr = next(iter(outputs.values()))
        else:
            result = Dict(tuple((Constant(k.partition(".")[0]), v) for k, v in outputs.items()))
        body = scope.finished(Return(result))
        idents = set(used_names(body))
        params = [Param("params", Name("Params"))]
        params += [Param("key", Name("Array"))] if "key" in idents else []
        params += [Param(own[d.name], Name("Array")) for d in given]
        params += [Param(n, Name("int"), kind="keyword") for n in scope.open]
        returns: Expr = Subscript(Name("dict"), Tuple((Name("str"), Name("Array"))))
        return _function(name, params, body, Name("Array") if scalar else returns, _DOCS[name])

    # --- the loop ---

    def loop(self) -> list[Stmt]:
        sized = bool(self.program.hypers)
        rest = [Name(name) for name, _ in self.rest]
        args = (Name("step_noise"), *rest)
        sizes_arg = (Name("sizes"),) if sized else ()
        checks = self.equality_checks()
        body = statements(
            loop.FIT,
            batched=self.batched,
            init_state=statements(loop.INIT[self.form]),
            batch_size_param=[Param("batch_size", Name("int"), Constant(100), "keyword")]
            if self.batched else [],
            sizes_param=[Param("sizes", Name("Sizes"), self.sizes_param().default, "keyword")]
            if sized else [],
            sizes_arg=sizes_arg,
            init_args=self.init_args,
            checks=checks,
            **({"rows": self.rows_expr()} if self.batched else {}),
        )  # fmt: skip
        own = {"packed": "unpack(flat)", "rowwise": "local", "plain": "params"}[self.form]
        templates = {"packed": loop.STEP_PACKED, "rowwise": loop.STEP_ROWWISE, "plain": loop.STEP}
        step = statements(templates[self.form], inputs=self.step_inputs(own), args=args)
        body += statements(
            loop.BLOCK,
            batched=self.batched,
            packed=self.packed,
            why=loop.WHY_PACKED if self.packed else "",
            step=step,
            loop=statements(loop.LOOP_PACKED if self.packed else loop.LOOP),
        )
        if self.rowwise:
            body += statements(loop.UPDATE_ROWS)
        if self.batched:
            body += statements(loop.ROWS, gathered=self.gathered(),
                               rows_key=Hex(site_key("rows of the data")))  # fmt: skip
        params = "local = state.params._replace(rows=take_rows(state.params.rows, rows[i]))"
        own = "local" if self.rowwise else "params"
        body += statements(
            loop.EXPLAIN,
            batched=self.batched,
            drawn=self.drawn,
            params=statements(params if self.rowwise else "params = state.params"),
            own=Name(own),
            inputs=self.step_inputs(own),
            args=args,
        )
        return body

    @property
    def form(self) -> str:
        """How the parameters stand in the loop."""
        if self.rowwise:
            return "rowwise"
        return "packed" if self.packed else "plain"

    def step_inputs(self, params: str) -> list[Stmt]:
        """The statements of a step that make the arguments of the loss."""
        body = statements("step_noise = _at(noise, i)")
        if self.batched:
            body += statements("batch, weight = take(data, rows[i], plan)")
        if self.drawn:
            rest = [Name(name) for name, _ in self.rest]
            body += statements(
                "step_noise = draw_rest(__params__, step_noise, *__rest__, "
                "jr.fold_in(key, first + i))",
                params=expression(params), rest=rest,
            )  # fmt: skip
        return body

    def rows_expr(self) -> Expr:
        column = next(c for c in self.program.columns if c.rows is not None)
        assert column.rows is not None
        return Subscript(dotted(f"data.{self.columns[column.name]}.shape"), Constant(column.rows))

    def gathered(self) -> Expr:
        """`Data(...)` with the rows of a batch."""
        fields = []
        for c in self.program.columns:
            array = dotted(f"data.{self.columns[c.name]}")
            if c.rows is not None:
                array = expression(
                    "jnp.take(__array__, rows, axis=__axis__, mode='clip')",
                    array=array, axis=Constant(c.rows),
                )  # fmt: skip
            fields.append((self.columns[c.name], array))
        return Call(Name("Data"), (), tuple(fields))

    def equality_checks(self) -> list[Stmt]:
        """Refusals of sizes that fixed values made equal at compile time and that differ now."""
        finder = Sizer(self.names.nested(), self.data_roots(), self.hyper_sizes())
        body: list[Stmt] = []
        for a, b in self.program.equalities:
            if (a.names | b.names) - finder.known:
                continue
            text = f"the program was made for {a} == {b}"
            body += statements(
                "if __a__ != __b__:\n    raise ValueError(__text__)",
                a=finder.expr(a), b=finder.expr(b), text=Constant(text),
            )  # fmt: skip
        return finder.bound(body)

    def files(self) -> list[Stmt]:
        listed = ", ".join(
            f"{c.name} {_dims(c.dtype, c.shape)}" for c in self.program.columns if c.given
        )
        options: dict[str, Expr] = {}
        if self.batched:
            options["batch_size"] = expression('options["batch_size"]')
        if self.program.hypers:
            options["sizes"] = Name("sizes")
        return [
            self.load_data(),
            *statements(loop.FILES),
            *statements(
                loop.COMMAND,
                batched=self.batched,
                sizes_arg=(Name("sizes"),) if self.program.hypers else (),
                options_arg=options,
                size_options=self.size_options(),
                sizes=self.chosen_sizes(),
                description=Constant(f"Fit {self.program.name} by SVI."),
                data_help=Constant(f"npz with {listed}"),
                **({"rows": self.rows_expr()} if self.batched else {}),
            ),
        ]

    def load_data(self) -> Stmt:
        """The function that reads and checks a file of data."""
        given = [c for c in self.program.columns if c.given]
        names = self.names.nested()
        names.reserve("path", "arrays")
        own = {c.name: names.fresh(c.name) for c in given}
        values: dict[str, Expr] = {name: Name(local) for name, local in own.items()}
        body: list[Stmt] = list(statements("arrays = read_npz(path)"))
        for c in given:
            kinds = "fiub" if c.dtype == "f32" else "iub"
            column = expression(
                "_column(arrays, __site__, __ndim__, __kinds__)",
                site=Constant(c.name), ndim=Constant(len(c.shape)), kinds=Constant(kinds),
            )  # fmt: skip
            body.append(Assign(values[c.name], column))
        roots = [Root(values[c.name], c.shape) for c in given]
        finder = Sizer(names, roots, self.hyper_sizes())
        checks: list[Stmt] = []
        for c in given:
            if len(given) > 1 and all(s.names <= finder.known for s in c.shape):
                shape = Tuple(tuple(finder.expr(s) for s in c.shape))
                checks.append(
                    ExprStmt(call("_check_shape", Constant(c.name), values[c.name], shape))
                )
        for name, (graph, words) in self.program.supports.items():
            scope = Scope(graph, names, dict(values), [], {}, table=host.TABLE)
            scope.sizer = finder
            inside = scope.emit()[name]
            check = ExprStmt(call("_check_rows", Constant(name), inside, Constant(words)))
            checks += [*scope.body, check]
        body += finder.bound(checks)
        body.append(Return(call("prepare", *values.values())))
        params = [Param("path", Name("str"))]
        if self.program.hypers:
            params.append(self.sizes_param())
        doc = "Read the data from an npz, or raise ValueError with what is wrong with it."
        return _function("load_data", params, body, "Data", doc)

    def size_flags(self) -> dict[str, str]:
        """The option of the command for each size that the data do not fix."""
        taken = set("data epochs batch-size learning-rate seed out resume help".split())
        taken |= {"checkpoint-every", "patience", "device", "float64"}
        flags = {n: identifier(n).replace("_", "-") for n in self.program.hypers}
        return {n: f"size-{flag}" if flag in taken else flag for n, flag in flags.items()}

    def size_options(self) -> list[Stmt]:
        body: list[Stmt] = []
        for name, flag in self.size_flags().items():
            value = self.program.hypers[name]
            template = "add(__flag__, type=_positive, required=True, help=__text__)"
            if value is not None:
                template = "add(__flag__, type=_positive, default=__value__, help=__text__)"
            text = f"size {name}" + ("" if value is None else f" (default: {value})")
            body += statements(
                template, flag=Constant(f"--{flag}"), text=Constant(text),
                **({} if value is None else {"value": Constant(value)}),
            )  # fmt: skip
        return body

    def chosen_sizes(self) -> list[Stmt]:
        """`sizes = Sizes(...)` from the options."""
        if not self.program.hypers:
            return []
        chosen = tuple(
            (identifier(name), dotted(f"args.{flag.replace('-', '_')}"))
            for name, flag in self.size_flags().items()
        )
        return [Assign(Name("sizes"), Call(Name("Sizes"), (), chosen))]


_DTYPES = {"i32": "jnp.int32", "bool": "bool"}
_DOCS = {
    "parameters": "Every parameter on its support, by name.",
    "log_density": "log p of all sites: values on their supports, all rows, no Jacobian.",
    "sample_prior": "Draws of every site from the model: [draws, plates..., shape...].",
    "posterior": "Draws of the latent sites from the guide: [draws, plates..., shape...].",
    "predict": "Draws of the observed sites from the posterior predictive.",
}


def _standard(kind: str, key: Expr, shape: Expr) -> Expr:
    """A draw of standard noise."""
    if kind == "uniform":
        return call("_uniform", key, shape)
    return call({"normal": "jr.normal", "gumbel": "jr.gumbel"}[kind], key, shape)


def _drawn(sampler: str, key: Expr, args: Sequence[Expr]) -> Expr:
    """A draw whose distribution depends on arguments."""
    if sampler == "poisson":
        return expression("jr.poisson(__key__, __rate__).astype(float)", key=key, rate=args[0])
    return call({"log_gamma": "jr.loggamma"}[sampler], key, *args)


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
        return set(self.found)

    def variables(self) -> dict[str, Expr]:
        """The expression of each size."""
        numbers: dict[str, Expr] = {name: Constant(value) for name, value in self.fixed.items()}
        return numbers | {name: Name(own) for name, own in self.local.items()}

    def expr(self, size: Size) -> Expr:
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

    graph: Graph
    names: Names
    inputs: dict[str, Expr]
    roots: Sequence[Root]
    given: Mapping[str, Expr]
    table: object = TABLE
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
        needed = dce.reached(self.graph, [n for _, n in self.graph.outputs], samples=False)
        for node in self.graph.nodes:
            if not isinstance(node, Noise) or node.name in self.inputs or node.name not in needed:
                continue
            key = expression("jr.fold_in(key, __site__)", site=Hex(site_key(node.site)))
            if node.kind == "draw":
                args = self._emit(tuple((f"{i}", a) for i, a in enumerate(node.args)))
                value = _drawn(node.sampler, key, list(args.values()))
            else:
                shape = Tuple(tuple(self.sizer.expr(s) for s in node.type.shape))
                value = _standard(node.kind, key, shape)
            own = self.names.fresh(node.name)
            self.body.append(Assign(Name(own), value))
            self.inputs[node.name] = Name(own)

    def emit(self) -> dict[str, Expr]:
        """Compute the outputs."""
        return self._emit(self.graph.outputs)

    def _emit(self, outputs: tuple[tuple[str, str], ...]) -> dict[str, Expr]:
        body, exprs = emit_body(
            replace(self.graph, outputs=outputs), table=self.table, inputs=self.inputs,
            sizes=self.sizer.variables(), names=self.names,
        )  # fmt: skip
        self.body += body
        return exprs

    def finished(self, *last: Stmt) -> list[Stmt]:
        """The statements, behind the assignments of the sizes that they use."""
        body = self.sizer.bound([*self.body, *last])
        # A size that is a parameter of the function is not assigned.
        return [s for s in body if not (isinstance(s, Assign) and s.target == s.value)]


def _function(
    name: str, params: Sequence[Param], body: Sequence[Stmt], returns: str | Expr, doc: str
) -> FunctionDef:
    result = Name(returns) if isinstance(returns, str) else returns
    return FunctionDef(name, tuple(params), tuple(body), result, doc)


def _named_tuple(name: str, fields: Sequence[Stmt]) -> ClassDef:
    return ClassDef(name, (Name("NamedTuple"),), tuple(fields) or (tree.Pass(),))


def _field_dims(name: str, parameter: Parameter) -> Sequence[str]:
    """The dimensions of a layer's field, which differ from layer to layer."""
    known = {("kernel", 2): ("fan_in", "fan_out"), ("bias", 1): ("fan_out",)}
    rank = len(parameter.shape)
    return known.get((name, rank), ("_",) * rank)


def _dims(dtype: str, shape: Iterable[object]) -> str:
    return f"{dtype}[{', '.join(str(s) for s in shape)}]"


def _section(title: str) -> list[Stmt]:
    return [Blank(), Blank(), Comment(f"{title} ".ljust(WIDTH - 4, "-")), Blank(), Blank()]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH)


def _with_helpers(body: list[Stmt]) -> list[Stmt]:
    """The functions of `body` with the helpers that they call, behind them."""
    helpers = list(helpers_used(TABLE, body))
    if "_uniform" in set(used_names([*body, *helpers])):
        helpers += statements(loop.UNIFORM)
    return [*body, *helpers]


def _imports(body: Sequence[Stmt]) -> list[Stmt]:
    """The imports that the program needs."""
    used = set(used_names(body))
    own = [item for name, item in _IMPORTS.items() if name in used]
    return sorted_imports([*own, *imports_used(body)])
