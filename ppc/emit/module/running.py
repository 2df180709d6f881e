"""The parts of an emitted program that run it: the loop, its files, its command."""

from __future__ import annotations

import textwrap

from ppc.emit import host
from ppc.emit.module import by_rows, templates
from ppc.emit.module.declarations import dims
from ppc.emit.module.interface import Interface
from ppc.emit.module.scope import Root, Scope, Sizer, function
from ppc.emit.names import identifier
from ppc.emit.quote import expression, statements
from ppc.emit.tree import (
    Assign,
    Call,
    Constant,
    Dict,
    Expr,
    ExprStmt,
    Name,
    Param,
    Return,
    Stmt,
    Tuple,
    call,
    dotted,
)
from ppc.ir.nodes import Graph

_KINDS = {"f32": Name("float"), "i32": Name("int"), "bool": Name("bool")}


def loop(io: Interface) -> list[Stmt]:
    """The fit, and what it calls."""
    sized = bool(io.program.hypers)
    own, batches = io.loop, io.loop.batches
    sizes_arg = (Name("sizes"),) if sized else ()
    body = statements(
        templates.FIT,
        array=io.dialect.array,
        float=io.dialect.float,
        optimizer=own.optimizer,
        adam=own.adam,
        donates=own.donates,
        batched=io.batched,
        callback=templates.CALLBACK[own.donates],
        first_state=io.first_state,
        elements=statements(own.elements),
        batch_size_param=_batch_size_param(io),
        sizes_param=[Param("sizes", Name("Sizes"), io.sizes_param().default, "keyword")]
        if sized else [],
        sizes_arg=sizes_arg,
        packed_arg=packed_arg(io, "optimizer is None"),
        init_args=io.init_args,
        checks=equality_checks(io),
        rate=Constant(io.program.fit.learning_rate),
        **_batches(io),
    )  # fmt: skip
    step = statements(
        io.form.step,
        inputs=step_inputs(io, io.form.params),
        args=_args(io),
        **(by_rows.step(io) if io.rowwise else {}),
    )
    forms = {
        "batched": (batches, io.batched),
        "packed": (own.packed, io.packed),
        "moved": (None if io.packed else own.rowwise, io.moved),
    }
    asked = {name: on for name, (form, on) in forms.items() if form is not None}
    body += statements(own.block, step=step, **asked)
    if not io.rowwise:
        body += statements(io.form.functions)
    body += by_rows.functions(io)
    return [*body, *explain(io), *statements(own.functions)]


def _batch_size_param(io: Interface) -> list[Param]:
    """The parameter `batch_size` of `fit`."""
    if io.several:
        return [Param("batch_size", Name("Plates"), Name("BATCH_SIZE"), "keyword")]
    sizes = io.program.batch_sizes.values()
    return [Param("batch_size", Name("int"), Constant(n), "keyword") for n in sizes]


def _batches(io: Interface) -> dict[str, Expr]:
    """What `fit` and `block_steps` compute of the plates that make batches."""
    if not io.batched:
        return {}
    each = "Plates(*(-(-a // b) for a, b in zip(n, batch_size, strict=True)))"
    return {
        "rows": io.rows_expr(),
        "batches": expression(each if io.several else "-(-n // batch_size)"),
        "of_epoch": expression("math.prod(plan.batches)" if io.several else "plan.batches"),
        "depth": Constant(len(io.program.batches)),
        "width": expression("math.prod(plan.width)" if io.several else "plan.width"),
    }


def explain(io: Interface) -> list[Stmt]:
    """The function that finds the site whose term is not finite."""
    params = statements("params = state.params")
    if io.rowwise:
        params = [Assign(Name("local"), by_rows.local(io, "state.params", moved=False))]
    own = "local" if io.rowwise else "params"
    batches = io.loop.batches
    return statements(
        templates.EXPLAIN,
        array=io.dialect.array,
        batched=io.batched,
        drawn=io.drawn,
        params=params,
        own=Name(own),
        inputs=step_inputs(io, own),
        args=_args(io),
        compiled=io.loop.compiled(Name("function")),
        **({"steps": batches.range(Name("length"))} if io.batched and batches else {}),
    )


def _args(io: Interface) -> tuple[Expr, ...]:
    """The arguments of the loss in a step, besides the parameters."""
    return (Name("step_noise"), *(Name(name) for name, _ in io.rest))


def packed_arg(io: Interface, text: str) -> dict[str, Expr]:
    """The argument of `Plan` that says whether the parameters may be one vector."""
    return {"packed": expression(text)} if io.packed else {}


def step_inputs(io: Interface, params: str) -> list[Stmt]:
    """The statements of a step that make the arguments of the loss."""
    body = statements("step_noise = _at(noise, i)")
    if io.batched:
        body += statements("batch, weight = take(data, __rows__, plan)", rows=by_rows.of_step(io))
    if io.drawn:
        body += statements(
            "step_noise = draw_rest(__params__, step_noise, *__rest__, __key__)",
            params=expression(params),
            rest=[Name(name) for name, _ in io.rest],
            key=io.dialect.fold_in(Name("key"), expression("first + i")),
        )
    return body


def equality_checks(io: Interface) -> list[Stmt]:
    """Refusals of sizes that fixed values made equal at compile time and that differ now."""
    finder = Sizer(io.names.nested(), io.data_roots(), io.hyper_sizes())
    body: list[Stmt] = []
    for a, b in io.program.equalities:
        if (a.names | b.names) - finder.known:
            continue
        text = f"the program was made for {a} == {b}"
        body += statements(
            "if __a__ != __b__:\n    raise ValueError(__text__)",
            a=finder.expr(a), b=finder.expr(b), text=Constant(text),
        )  # fmt: skip
    return finder.bound(body)


def files(io: Interface) -> list[Stmt]:
    """Reading data, reading and writing fits, the command."""
    own = io.loop
    options: dict[str, Expr] = {}
    if io.batched:
        given = "batch_size" if io.several else 'options["batch_size"]'
        options["batch_size"] = expression(given)
    if io.program.hypers:
        options["sizes"] = Name("sizes")
    return [
        load_data(io),
        *(statements(templates.CSV, masked=bool(io.program.counted)) if _csv(io) else ()),
        *files_read(io),
        *statements(own.saving),
        *statements(
            templates.COMMAND,
            adam=own.adam,
            key=io.dialect.key(expression('options["seed"]')),
            precision=statements(own.precision),
            run=statements(own.run),
            errors=own.errors,
            devices=Tuple(tuple(map(Constant, io.dialect.devices))),
            wide="float64" in io.dialect.floats,
            batched=io.batched,
            batch_options=batch_options(io),
            sizes_arg=(Name("sizes"),) if io.program.hypers else (),
            options_arg=options,
            own_packed_arg=packed_arg(io, "True"),
            size_options=size_options(io),
            sizes=chosen_sizes(io),
            model=io.program.name,
            data_help=_data_help(io),
            **_defaults(io),
            **({"rows": io.rows_expr(), "several": io.several} if io.batched else {}),
        ),
    ]


def _data_help(io: Interface) -> str:
    """What the file of data must have."""
    given = [c for c in io.program.columns if c.given]
    text = (
        f"The data are an npz with {', '.join(f'{c.name} {dims(c.dtype, c.shape)}' for c in given)}"
    )
    if _csv(io):
        titles = (c.name if len(c.shape) == 1 else f"{c.name}_0, {c.name}_1, ..." for c in given)
        text += f"; or a csv with the columns {', '.join(titles)}"
    # A percent sign is argparse's own.
    return "\n".join(textwrap.wrap(f"{text}.".replace("%", "%%"), 84))


def files_read(io: Interface) -> list[Stmt]:
    """What `load_data` calls."""
    unit = any(c.unit for c in io.program.columns if c.given)
    param = Param("unit", Name("bool"), Constant(False))
    return statements(
        templates.FILES,
        unit=unit,
        unit_param=[param] if unit else [],
        unit_text=",\nand with unit added" if unit else "",
    )


def _csv(io: Interface) -> bool:
    """Whether a table can hold the data."""
    given = [c for c in io.program.columns if c.given]
    return bool(given) and all(len(c.shape) in (1, 2) for c in given)


def _defaults(io: Interface) -> dict[str, Expr | str]:
    """What the command does unless it is told otherwise, as values and in words."""
    fit = io.program.fit
    named = {"epochs": fit.epochs, "rate": fit.learning_rate}
    if io.batched and not io.several:
        named["batch"] = next(iter(io.program.batch_sizes.values()))
    values: dict[str, Expr | str] = {name: Constant(value) for name, value in named.items()}
    return values | {f"{n}_text": str(value) for n, value in named.items() if n != "batch"}


def batch_options(io: Interface) -> list[Stmt]:
    """An option for the rows of a batch, of each plate that has batches."""
    body: list[Stmt] = []
    for plate, size in io.program.batch_sizes.items():
        own = io.plates[plate]
        of = f" of {own}" if io.several else ""
        body += statements(
            "add(__flag__, type=_positive, help=__text__)",
            flag=Constant(f"--batch-size-{own}" if io.several else "--batch-size"),
            text=Constant(f"rows{of} of a batch (default: {size})"),
        )
    return body


def load_data(io: Interface) -> Stmt:
    """The function that reads and checks a file of data."""
    given = [c for c in io.program.columns if c.given]
    names = io.names.nested()
    names.reserve("path", "arrays")
    own = {c.name: names.fresh(c.name) for c in given}
    values: dict[str, Expr] = {name: Name(local) for name, local in own.items()}
    body: list[Stmt] = list(statements("arrays = read_npz(path)"))
    if _csv(io):
        ndims = Dict(tuple((Constant(c.name), Constant(len(c.shape))) for c in given))
        body = list(statements("arrays = read_data(path, __ndims__)", ndims=ndims))
    for c in given:
        kind = _KINDS[c.dtype] if c.name not in io.program.counted else Constant(None)
        column = Call(
            Name("_column"),
            (Name("arrays"), Constant(c.name), Constant(len(c.shape)), kind),
            (("unit", Constant(True)),) if c.unit else (),
        )  # fmt: skip
        body.append(Assign(values[c.name], column))
    roots = [Root(values[c.name], c.shape) for c in given]
    finder = Sizer(names, roots, io.hyper_sizes())
    checks: list[Stmt] = []
    for c in given:
        if len(given) > 1 and all(s.names <= finder.known for s in c.shape):
            shape = Tuple(tuple(finder.expr(s) for s in c.shape))
            checks.append(ExprStmt(call("_check_shape", Constant(c.name), values[c.name], shape)))
    dtypes = {c.name: c.dtype for c in given}

    def computed(name: str, graph: Graph) -> Expr:
        scope = Scope(io.dialect, graph, names, dict(values), [], {}, table=host.TABLE)
        scope.sizer = finder
        result = scope.emit()[name]
        checks.extend(scope.body)
        return result

    for name, graph in io.program.counted.items():
        counts = computed(name, graph)
        kind = _KINDS[dtypes[name]]
        checks.append(
            Assign(values[name], call("_numbers", Constant(name), values[name], kind, counts))
        )
    for name, (graph, words) in io.program.supports.items():
        inside = computed(name, graph)
        checks.append(ExprStmt(call("_check_rows", Constant(name), inside, Constant(words))))
    body += finder.bound(checks)
    body.append(Return(call("prepare", *values.values())))
    params = [Param("path", Name("str"))]
    if io.program.hypers:
        params.append(io.sizes_param())
    doc = "Read the data from a file, or raise ValueError with what is wrong with them."
    return function("load_data", params, body, "Data", doc)


def size_options(io: Interface) -> list[Stmt]:
    """An option for each size that the data do not fix."""
    body: list[Stmt] = []
    for name, flag in io.size_flags().items():
        value = io.program.hypers[name]
        template = "add(__flag__, type=_positive, required=True, help=__text__)"
        if value is not None:
            template = "add(__flag__, type=_positive, default=__value__, help=__text__)"
        text = f"size {name}" + ("" if value is None else f" (default: {value})")
        body += statements(
            template, flag=Constant(f"--{flag}"), text=Constant(text),
            **({} if value is None else {"value": Constant(value)}),
        )  # fmt: skip
    return body


def chosen_sizes(io: Interface) -> list[Stmt]:
    """`sizes = Sizes(...)` from the options."""
    if not io.program.hypers:
        return []
    chosen = tuple(
        (identifier(name), dotted(f"args.{flag.replace('-', '_')}"))
        for name, flag in io.size_flags().items()
    )
    return [Assign(Name("sizes"), Call(Name("Sizes"), (), chosen))]
