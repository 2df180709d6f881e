"""The functions of an emitted program that come from the model: start, data, loss, results."""

from __future__ import annotations

from ppc.emit import host
from ppc.emit.function import used_names
from ppc.emit.keys import site_key
from ppc.emit.module.interface import Interface
from ppc.emit.module.scope import Root, Scope, Sizer, function
from ppc.emit.tree import (
    Attribute,
    Call,
    Constant,
    Dict,
    Expr,
    Hex,
    Name,
    Param,
    Return,
    Stmt,
    Subscript,
    Tuple,
    call,
    dotted,
)
from ppc.ir.nodes import Graph
from ppc.ir.reach import reached
from ppc.ir.sizes import Size

_DOCS = {
    "guide": "The parameters of each factor of the guide, by site and name.",
    "parameters": "Every parameter on its support, by name.",
    "log_density": "log p of all sites: values on their supports, all rows, no Jacobian.",
    "sample_prior": "Draws of every site from the model: [draws, plates..., shape...].",
    "posterior": "Draws of the latent sites from the guide: [draws, plates..., shape...].",
    "predict": "Draws of the observed sites from the posterior predictive.",
    "predict_mean": "Posterior predictive means, averaged over draws; of labels, probabilities.",
    "unconstrained_log_density": "log p of all sites, latents on the reals, with the Jacobian.",
    "constrain": "The latents on their supports, from reals.",
    "unconstrain": "The latents on the reals, from values on their supports.",
}


def init_params(io: Interface) -> Stmt:
    """The function that makes the initial parameters."""
    scope = Scope(io.dialect, io.program.init, io.names.nested(), {}, io.data_roots(),
                  io.hyper_sizes())  # fmt: skip
    scope.draw_noise()
    outputs = scope.emit()
    for p in io.program.parameters:
        if not p.shape and io.dialect.table.numbers:
            # May be a number of Python, for which the loop would be compiled a second time.
            outputs[p.name] = io.dialect.constant(outputs[p.name], "f32")
    body = scope.finished(Return(io.params_of(outputs)))
    used = set(used_names(body))
    params = [Param("key", io.dialect.array)]
    if "data" in used:
        params.append(Param("data", Name("Data")))
    if "sizes" in used:
        params.append(io.sizes_param())
    given = {"key": Name("key"), "data": Name("data"), "sizes": dotted("plan.sizes")}
    io.init_args = tuple(given[q.name] for q in params)
    return function("init_params", params, body, "Params", "The initial parameters.")


def prepare(io: Interface) -> Stmt:
    """The function that makes `Data` of host arrays."""
    given = [c for c in io.program.columns if c.given]
    names = io.names.nested()
    own = {c.name: names.fresh(c.name) for c in given}
    values: dict[str, Expr] = {c.name: Name(own[c.name]) for c in given}
    scope = None
    if io.program.prepare is not None:
        inputs: dict[str, Expr] = {
            c.name: call("np.asarray", Name(own[c.name]), Name("float"))
            if c.dtype == "f32" else Name(own[c.name])
            for c in given
        }  # fmt: skip
        roots = [Root(Name(own[c.name]), c.shape) for c in given]
        scope = Scope(io.dialect, io.program.prepare, names, inputs, roots, {}, table=host.TABLE)
        values |= scope.emit()
    fields = []
    for c in io.program.columns:
        fields.append((io.columns[c.name], io.dialect.constant(values[c.name], c.dtype)))
    made = Return(Call(Name("Data"), (), tuple(fields)))
    body = [made] if scope is None else scope.finished(made)
    params = [Param(own[c.name], dotted("np.ndarray")) for c in given]
    doc = "The data as the loop reads them."
    if io.program.prepare is not None:
        doc += "\n\nWhat depends on them alone is computed here, once, in double precision."
    return function("prepare", params, body, "Data", doc)


def loss(io: Interface) -> list[Stmt]:
    """The loss, its terms, and what completes their noise."""
    data = io.rest[0][0]
    scope = loss_scope(io, io.program.loss)
    outputs = scope.emit()
    terms = Dict(tuple((Constant(site), expr) for site, expr in outputs.items()))
    body = scope.finished(Return(terms))
    params = [Param("params", Name("Params")), Param("noise", Name("Noise"))]
    params += [Param(name, type_) for name, type_ in io.rest]
    own = io.program.own_loss
    doc = "The negative evidence lower bound, one draw of the guide, by site."
    if own:
        doc = f"The loss `{own}`, at one draw of the guide."
    if io.several:
        doc += (
            "\n\nweight has f32[M] of each plate: the number of its batches for a row of the data"
            "\nand 0 for padding, so that the mean over an epoch is the full loss."
        )
    elif io.batched:
        doc += (
            "\n\nweight f32[M] is the number of batches for a row of the data and 0 for padding,"
            "\nso that the mean over an epoch is the full loss."
        )
    returns = Subscript(Name("dict"), Tuple((Name("str"), io.dialect.array)))
    names = [Name(q.name) for q in params]
    total = call("sum", call(Attribute(call("loss_terms", *names), "values")))
    return [
        function("loss_terms", params, body, returns, doc),
        function("loss", params, [Return(total)], io.dialect.array, "The sum of `loss_terms`."),
        *draw_rest(io, data),
    ]


def loss_scope(io: Interface, graph: Graph) -> Scope:
    """A scope with the inputs of the loss."""
    data = io.rest[0][0]
    inputs: dict[str, Expr] = {p.name: io.param(p.name) for p in io.program.parameters}
    inputs |= {name: dotted(f"{data}.{own}") for name, own in io.columns.items()}
    inputs |= {name: dotted(f"noise.{own}") for name, own in io.noises.items()}
    rows = io.program.rows
    roots: list[Root] = []
    for plate, weight in io.program.weights.items():
        inputs[weight] = io.of_plate("weight", plate)
        roots.append(Root(inputs[weight], (Size.of(rows[plate]),)))
    for c in io.program.columns:
        shape = list(c.shape)
        for plate, at in c.rows.items():
            shape[at] = Size.of(rows[plate])
        roots.append(Root(dotted(f"{data}.{io.columns[c.name]}"), tuple(shape)))
    roots += [Root(io.param(p.name), p.shape) for p in io.program.parameters
              if not p.rows]  # fmt: skip
    return Scope(io.dialect, graph, io.names.nested(), inputs, roots, {})


def draw_rest(io: Interface, data: str) -> list[Stmt]:
    """The noise that depends on the parameters, drawn in the step."""
    drawn = [n for n in io.program.noise if n.drawn]
    if not drawn:
        return []
    scope = loss_scope(io, io.program.loss)
    for n in drawn:
        del scope.inputs[n.name]
    scope.draw_noise()
    replaced = tuple((io.noises[n.name], scope.inputs[n.name]) for n in drawn)
    body = scope.finished(Return(Call(dotted("noise._replace"), (), replaced)))
    params = [Param("params", Name("Params")), Param("noise", Name("Noise"))]
    params += [Param(name, type_) for name, type_ in io.rest]
    params.append(Param("key", io.dialect.array))
    doc = "The noise completed by draws whose distribution depends on the parameters."
    return [function("draw_rest", params, body, "Noise", doc)]


def noise(io: Interface) -> list[Stmt]:
    """The function that draws the standard noise of a block."""
    names = io.names.nested()
    names.reserve("block", "length")
    sizes = io.hyper_sizes("plan.sizes")
    for plate, rows in io.program.rows.items():
        sizes[rows] = io.of_plate("plan.width", plate)
    finder = Sizer(names, io.data_roots(), sizes)
    fields: list[tuple[str | None, Expr]] = []
    for n in io.program.noise:
        if n.drawn:
            fields.append((io.noises[n.name], Constant(None)))
            continue
        key = io.dialect.fold_in(Name("key"), Hex(site_key(n.site)))
        key = io.dialect.fold_in(key, Name("block"))
        shape = Tuple((Name("length"), *(finder.expr(s) for s in n.shape)))
        fields.append((io.noises[n.name], io.dialect.standard[n.kind](key, shape)))
    body = finder.bound([Return(Call(Name("Noise"), (), tuple(fields)))])
    params = [Param("key", io.dialect.array), Param("block", io.dialect.array),
              Param("length", Name("int")), Param("data", Name("Data")),
              Param("plan", Name("Plan"))]  # fmt: skip
    doc = "The noise of a block of steps, one draw for each site and block."
    return [function("draw_noise", params, body, "Noise", doc)]


def functions(io: Interface) -> list[Stmt]:
    """Densities and samplers of the fitted model."""
    return [result(io, name, graph) for name, graph in io.program.functions.items()]


def result(io: Interface, name: str, graph: Graph) -> Stmt:
    """A density or a sampler of the fitted model."""
    names = io.names.nested()
    names.reserve(name)
    known = {p.name for p in io.program.parameters}
    given = [d for d in graph.data if d.name not in known]
    used = reached(graph, [n for _, n in graph.outputs], samples=False)
    given = [d for d in given if d.name in used]
    own = {d.name: names.fresh(d.name) for d in given}
    inputs: dict[str, Expr] = {p.name: io.param(p.name) for p in io.program.parameters}
    inputs |= {d.name: Name(own[d.name]) for d in given}
    roots = [Root(Name(own[d.name]), d.type.shape) for d in given]
    roots += [Root(io.param(p.name), p.shape) for p in io.program.parameters]
    scope = Scope(io.dialect, graph, names, inputs, roots, {}, open_sizes=True)
    scope.draw_noise()
    outputs = scope.emit()
    scalar = name.endswith("log_density")
    if scalar:
        result: Expr = next(iter(outputs.values()))
    else:
        # Draws are named by their site, parameters of the guide by site and parameter.
        keys = [k if name == "guide" else k.partition(".")[0] for k in outputs]
        result = Dict(tuple(zip(map(Constant, keys), outputs.values(), strict=True)))
    body = scope.finished(Return(result))
    idents = set(used_names(body))
    params = [Param("params", Name("Params"))]
    params += [Param("key", io.dialect.array)] if "key" in idents else []
    params += [Param(own[d.name], io.dialect.array) for d in given]
    params += [Param(n, Name("int"), kind="keyword") for n in scope.open]
    returns: Expr = Subscript(Name("dict"), Tuple((Name("str"), io.dialect.array)))
    return function(name, params, body, io.dialect.array if scalar else returns, _DOCS[name])
