"""What the functions of an emitted program pass to one another, and by which names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from operator import attrgetter
from typing import Any

from ppc.emit.module.dialect import Dialect, Form, Loop
from ppc.emit.module.scope import MODULE_NAMES, Root
from ppc.emit.names import Names, identifier
from ppc.emit.program import Parameter, Program
from ppc.emit.quote import expression
from ppc.emit.tree import (
    Call,
    Constant,
    Expr,
    Name,
    Param,
    Subscript,
    dotted,
)
from ppc.ir.sizes import Size
from ppc.records import dataclass


@dataclass(slots=True)
class Interface:
    """The names and expressions that the parts of one program share."""

    program: Program
    dialect: Dialect
    names: Names = field(init=False)
    groups: dict[str, dict[str, Parameter]] = field(init=False)  # layer to its fields
    classes: dict[tuple[str, ...], str] = field(init=False)  # fields of a layer to their class
    fields: dict[str, str] = field(init=False)  # field of Params by parameter or layer
    columns: dict[str, str] = field(init=False)  # field of Data by array
    noises: dict[str, str] = field(init=False)  # field of Noise by noise node
    plates: dict[str, str] = field(init=False)  # field of Plates by batched plate
    # The parts of Params with a row for each datum: by plates, their field and its class.
    row_groups: dict[tuple[str, ...], tuple[str, str]] = field(init=False)
    init_args: tuple[Expr, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        program = self.program
        self.names = Names([*MODULE_NAMES, *self.dialect.names])
        self.groups = {}
        for p in program.parameters:
            group, _, own = p.name.rpartition(".")
            self.groups.setdefault(group or p.name, {})[own if group else ""] = p
        self.classes = {}
        for fields in self.groups.values():
            if "" not in fields and tuple(fields) not in self.classes:
                wanted = "Dense" if set(fields) <= {"kernel", "bias"} else "Layer"
                self.classes[tuple(fields)] = self.names.fresh(wanted)
        fields_of_params = Names()
        self.fields = {group: fields_of_params.fresh(group) for group in self.groups}
        fields_of_data = Names()
        self.columns = {c.name: fields_of_data.fresh(c.label) for c in program.columns}
        fields_of_noise = Names()
        self.noises = {
            n.name: fields_of_noise.fresh(n.site.replace(".", "_")) for n in program.noise
        }
        fields_of_plates = Names()
        self.plates = {plate: fields_of_plates.fresh(plate) for plate in program.batches}
        self.row_groups = {}
        for p in program.parameters:
            if p.rows and tuple(p.rows) not in self.row_groups:
                own = "_".join(["rows", *(self.plates[plate] for plate in p.rows)])
                name = own.replace("_", " ").title().replace(" ", "")
                found = (own, self.names.fresh(name)) if self.several else ("rows", "Rows")
                self.row_groups[tuple(p.rows)] = found

    @property
    def batched(self) -> bool:
        """Whether a step sees a batch of rows."""
        return bool(self.program.batches)

    @property
    def several(self) -> bool:
        """Whether it sees batches of several plates."""
        return len(self.program.batches) > 1

    @property
    def moved(self) -> bool:
        """Whether the rows of some parameters are not their leading dimensions."""
        return any(tuple(p.rows.values()) != tuple(range(len(p.rows)))
                   for p in self.program.parameters)  # fmt: skip

    @property
    def packed(self) -> bool:
        """Small parameters are one vector in the loop; each leaf would cost its own kernels."""
        small = all(len(p.shape) <= 1 and not p.rows for p in self.program.parameters)
        return small and self.loop.packed is not None

    @property
    def rowwise(self) -> bool:
        """Whether some parameters have a row for each datum of a batched plate."""
        return self.program.rowwise

    @property
    def drawn(self) -> bool:
        """Whether some noise depends on the parameters."""
        return any(n.drawn for n in self.program.noise)

    @property
    def loop(self) -> Loop:
        """The loop of the backend."""
        return self.dialect.fitting

    @property
    def form(self) -> Form:
        """How the parameters stand in the loop."""
        chosen = self.loop.rowwise if self.rowwise else self.loop.packed if self.packed else None
        return chosen or self.loop.plain

    @property
    def first_state(self) -> Expr:
        """The state of the optimiser before the first step, of `params`."""
        if self.rowwise:
            own = "rows_first(params)" if self.moved else "params"
            return expression(f"OptState(*map(plan.optimizer.init, {own}))")
        own = "pack(params, plan)[0]" if self.packed else "params"
        return expression(f"plan.optimizer.init({own})")

    @property
    def opt_state(self) -> Expr:
        """The type of the state of the optimiser."""
        return Name("OptState") if self.rowwise else self.loop.opt_state

    def where(self, group: str) -> str:
        """The path of the tuple that holds a parameter or a layer."""
        if not self.rowwise:
            return "params"
        return f"params.{self.part(group)}"

    def part(self, group: str) -> str:
        """The field of `Params` that a parameter or a layer stands in, where there are parts."""
        plates = next((tuple(p.rows) for p in self.groups[group].values() if p.rows), None)
        return "shared" if plates is None else self.row_groups[plates][0]

    @property
    def parts(self) -> dict[str, str]:
        """The fields of `Params` and their classes, where some parameters have rows."""
        return {"shared": "Shared", **dict(self.row_groups.values())}

    def path(self, name: str) -> str:
        """Where a parameter stands: `params.nn1_0.kernel`."""
        group, _, own = name.rpartition(".")
        path = f"{self.where(group or name)}.{self.fields[group or name]}"
        return f"{path}.{identifier(own)}" if group else path

    def by_name(self, params: object) -> dict[str, Any]:
        """The arrays of a `Params`, by the names that the parameters have in the graphs."""
        paths = {p.name: self.path(p.name).removeprefix("params.") for p in self.program.parameters}
        return {name: attrgetter(path)(params) for name, path in paths.items()}

    def filled(self, params: Any, leaf: Callable[[str], Any]) -> Any:
        """`params`, the class of a module, with `leaf(name)` for each parameter."""
        sorting = {"shared", *(own for own, _ in self.row_groups.values())}

        def made(cls: Any, group: str, sorting: set[str]) -> Any:
            fields = []
            for name, kind in cls.__annotations__.items():
                if not hasattr(kind, "_fields"):
                    fields.append(leaf(group + name))
                else:  # a layer's fields are named after it
                    fields.append(made(kind, "" if name in sorting else f"{name}.", set()))
            return cls(*fields)

        return made(params, "", sorting if self.rowwise else set())

    def param(self, name: str) -> Expr:
        """The expression of a parameter."""
        return dotted(self.path(name))

    def sizes_param(self) -> Param:
        """The parameter `sizes` of a function."""
        default = None if None in self.program.hypers.values() else Name("SIZES")
        return Param("sizes", Name("Sizes"), default)

    def hyper_sizes(self, sizes: str = "sizes") -> dict[str, Expr]:
        """The expressions of the sizes that the data do not fix."""
        return {name: dotted(f"{sizes}.{name}") for name in self.program.hypers}

    def data_roots(self, data: str = "data") -> list[Root]:
        """The arrays of the data, all rows."""
        return [
            Root(dotted(f"{data}.{own}"), c.shape)
            for c, own in zip(self.program.columns, self.columns.values(), strict=True)
        ]

    def params_of(self, outputs: Mapping[str, Expr]) -> Expr:
        """`Params(...)` from an expression for each parameter."""
        fields: dict[str, list[tuple[str | None, Expr]]] = {}
        for group, own in self.groups.items():
            if "" in own:
                value = outputs[group]
            else:
                made = tuple((identifier(f), outputs[p.name]) for f, p in own.items())
                value = Call(Name(self.classes[tuple(own)]), (), made)
            fields.setdefault(self.where(group), []).append((self.fields[group], value))
        if not self.rowwise:
            return Call(Name("Params"), (), tuple(fields["params"]))
        parts = [Call(Name(name), (), tuple(fields.get(f"params.{part}", ())))
                 for part, name in self.parts.items()]  # fmt: skip
        return Call(Name("Params"), tuple(parts))

    @property
    def rest(self) -> tuple[tuple[str, Expr], ...]:
        """The parameters of the loss besides parameters and noise, with their types."""
        if self.batched:
            weight = Name("Plates") if self.several else self.dialect.array
            return (("batch", Name("Data")), ("weight", weight))
        return (("data", Name("Data")),)

    def of_plate(self, what: str, plate: str) -> Expr:
        """What a name has for a plate: `weight`, or `weight.users` where there are several."""
        return dotted(f"{what}.{self.plates[plate]}" if self.several else what)

    def of_plates(self, values: Mapping[str, Expr]) -> Expr:
        """The value of the only plate, or `Plates(...)` with one for each."""
        if not self.several:
            return next(iter(values.values()))
        fields = tuple((own, values[plate]) for plate, own in self.plates.items())
        return Call(Name("Plates"), (), fields)

    def rows_expr(self) -> Expr:
        """The number of rows of each batched plate."""
        found: dict[str, Expr] = {}
        for plate in self.program.batches:
            column = next(c for c in self.program.columns if plate in c.rows)
            shape = dotted(f"data.{self.columns[column.name]}.shape")
            found[plate] = Subscript(shape, Constant(column.rows[plate]))
        return self.of_plates(found)

    def size_flags(self) -> dict[str, str]:
        """The option of the command for each size that the data do not fix."""
        taken = set("data epochs batch-size learning-rate seed out resume help".split())
        taken |= {"checkpoint-every", "patience", "device", "float64"}
        flags = {n: identifier(n).replace("_", "-") for n in self.program.hypers}
        return {n: f"size-{flag}" if flag in taken else flag for n, flag in flags.items()}

    def batch_size_text(self, size: Size) -> str:
        """A size for a comment; the rows of a batch are M."""
        rows = self.program.rows.items()
        names = {name: f"M_{self.plates[p]}" if self.several else "M" for p, name in rows}
        return str(size.substitute(names))
