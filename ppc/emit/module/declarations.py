"""The types of an emitted program: sizes, parameters, data, noise, the state of a fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ppc.emit import tree
from ppc.emit.module import templates
from ppc.emit.module.interface import Interface
from ppc.emit.program import Column, NoiseArray, Parameter
from ppc.emit.quote import Hole, statements
from ppc.emit.tree import (
    AnnAssign,
    Assign,
    ClassDef,
    Constant,
    Expr,
    Name,
    Stmt,
    call,
)


def declarations(io: Interface) -> list[Stmt]:
    """Every class of the program."""
    p = io.program
    body: list[Stmt] = []
    if p.hypers:
        fields = [
            AnnAssign(Name(n), Name("int"), None if v is None else Constant(v))
            for n, v in sorted(p.hypers.items(), key=lambda item: item[1] is not None)
        ]
        body.append(named_tuple("Sizes", fields))
        if None not in p.hypers.values():
            body.append(Assign(Name("SIZES"), call("Sizes")))
    for fields_, name in io.classes.items():
        group = next(g for g in io.groups.values() if tuple(g) == fields_)
        ranks = [
            AnnAssign(Name(f), io.dialect.array, None, dims("f32", field_dims(f, group[f])))
            for f in fields_
        ]
        body.append(named_tuple(name, ranks))
    body.extend(param_types(io))
    body.append(named_tuple("Data", [data_field(io, c) for c in p.columns]))
    body.append(named_tuple("Noise", [noise_field(io, n) for n in p.noise]))
    body.extend(statements(io.loop.optimizers))
    body.extend(
        statements(
            templates.PLAN,
            batched=io.batched,
            several=io.several,
            sized=bool(p.hypers),
            rowwise=io.rowwise,
            packed=io.packed,
            opt_state=io.opt_state,
            optimizer=io.loop.optimizer,
            **_plan_holes(io),
        )
    )
    return body


def _plan_holes(io: Interface) -> dict[str, Hole]:
    """The holes of `Plan` and its kin that depend on what is batched."""
    found: dict[str, Hole] = {}
    if io.rowwise:
        states = [AnnAssign(Name(part), io.loop.opt_state) for part in io.parts]
        found["own_states"] = states
    if io.several:
        fields = [AnnAssign(Name(own), Name("Any")) for own in io.plates.values()]
        sizes: dict[str, Expr] = {p: Constant(n) for p, n in io.program.batch_sizes.items()}
        found |= {"fields": fields, "sizes": io.of_plates(sizes)}
    return found


def param_types(io: Interface) -> list[Stmt]:
    """`Params`; parameters with a row for each datum stand apart."""
    fields: dict[str, list[Stmt]] = {part: [] for part in io.parts}
    for group, own in io.groups.items():
        fields[io.part(group)].append(param_field(io, group, own))
    if not io.rowwise:
        return [named_tuple("Params", fields["shared"])]
    return [
        *(named_tuple(name, fields[part]) for part, name in io.parts.items()),
        named_tuple("Params", [AnnAssign(Name(f), Name(own)) for f, own in io.parts.items()]),
    ]


def param_field(io: Interface, group: str, fields: Mapping[str, Parameter]) -> Stmt:
    """A field of `Params`: a parameter or a layer."""
    if "" in fields:
        p = fields[""]
        note = f"  {p.note}" if p.note else ""
        return AnnAssign(
            Name(io.fields[group]), io.dialect.array, None, dims("f32", p.shape) + note
        )
    shapes = ", ".join(f"{f} {dims('f32', p.shape)}" for f, p in fields.items())
    return AnnAssign(Name(io.fields[group]), Name(io.classes[tuple(fields)]), None, shapes)


def data_field(io: Interface, column: Column) -> Stmt:
    """A field of `Data`."""
    note = "" if column.given else "  computed once, by `prepare`"
    comment = dims(column.dtype, column.shape) + note
    return AnnAssign(Name(io.columns[column.name]), io.dialect.array, None, comment)


def noise_field(io: Interface, noise: NoiseArray) -> Stmt:
    """A field of `Noise`."""
    kind = f"a draw of {noise.sampler}" if noise.drawn else f"standard {noise.kind}"
    shape = [io.batch_size_text(s) for s in noise.shape]
    annotation = io.dialect.array
    if noise.drawn:
        annotation = tree.BinOp("|", annotation, Constant(None))
    return AnnAssign(Name(io.noises[noise.name]), annotation, None, f"{dims('f32', shape)}  {kind}")


def named_tuple(name: str, fields: Sequence[Stmt]) -> ClassDef:
    """A class on `NamedTuple`."""
    return ClassDef(name, (Name("NamedTuple"),), tuple(fields) or (tree.Pass(),))


def field_dims(name: str, parameter: Parameter) -> Sequence[str]:
    """The dimensions of a layer's field, which differ from layer to layer."""
    known = {("kernel", 2): ("fan_in", "fan_out"), ("bias", 1): ("fan_out",)}
    rank = len(parameter.shape)
    return known.get((name, rank), ("_",) * rank)


def dims(dtype: str, shape: Iterable[object]) -> str:
    """A type for a comment: `f32[N, k]`."""
    return f"{dtype}[{', '.join(str(s) for s in shape)}]"
