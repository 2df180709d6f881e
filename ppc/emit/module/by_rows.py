"""The parts of an emitted program for batches: which rows a step sees, and parameters with rows."""

from __future__ import annotations

from ppc.emit.keys import site_key
from ppc.emit.module.dialect import Batches
from ppc.emit.module.interface import Interface
from ppc.emit.module.scope import function
from ppc.emit.program import Column
from ppc.emit.quote import Hole, expression, statements
from ppc.emit.tree import (
    Attribute,
    Call,
    Constant,
    Expr,
    Hex,
    Name,
    Param,
    Return,
    Stmt,
    Tuple,
    call,
    dotted,
)


def functions(io: Interface) -> list[Stmt]:
    """What the loop calls for batches, and for parameters with a row for each datum."""
    body: list[Stmt] = []
    batches = io.loop.batches
    if io.rowwise and io.loop.rowwise is not None:
        once = "a round" if io.several else "an epoch"
        places: Expr = io.dialect.array
        if io.several:
            places = expression("tuple[__array__, ...]", array=places)
        body += statements(
            io.loop.rowwise.functions, several=io.several, once=once, places_type=places,
            rows_type=Name("Any" if io.several else "Rows"),
        )  # fmt: skip
        if io.moved:
            assert batches is not None  # parameters have rows where there are batches
            body += [_moved(io, batches, back=back) for back in (False, True)]
    elif io.several and batches is not None:
        body += statements(batches.meeting, several=True)
    if batches is not None and io.batched:
        keys = [Hex(site_key(f"rows of {plate}")) for plate in io.program.batches]
        key = Hex(site_key("rows of the data"))
        body += statements(
            batches.functions, several=io.several, gathered=_gathered(io, batches),
            order=statements(batches.order),
            **({"orders": Tuple(tuple(keys))} if io.several else {"rows_key": key}),
        )  # fmt: skip
    return body


def of_step(io: Interface) -> Expr:
    """The rows of a step of a block, as `take` has them."""
    return io.of_plates({plate: _rows(io, plate) for plate in io.program.batches})


def _rows(io: Interface, plate: str) -> Expr:
    return expression("__rows__[i]", rows=io.of_plate("rows", plate))


def _of_group(io: Interface, plates: tuple[str, ...]) -> Expr:
    """The rows of a step of a block, as `take_rows` has them."""
    rows = tuple(_rows(io, plate) for plate in plates)
    return Tuple(rows) if io.several else rows[0]


def local(io: Interface, params: str, *, moved: bool) -> Expr:
    """The parameters of the rows of a step, from `params`; `moved` if they are as in the loop."""
    whole: Expr = dotted(params)
    if io.moved and not moved:
        whole = call("rows_first", whole)
    taken = {
        part: call("take_rows", Attribute(whole, part), _of_group(io, plates))
        for plates, (part, _) in io.row_groups.items()
    }
    made: Expr = Call(Attribute(dotted(params), "_replace"), (), tuple(taken.items()))
    return call("rows_back", made) if io.moved else made


def step(io: Interface) -> dict[str, Hole]:
    """The holes of a step that updates parameters with a row for each datum."""
    updates: list[Stmt] = []
    names = {part: part if io.several else "own" for part, _ in io.row_groups.values()}
    for plates, (part, _) in io.row_groups.items():
        every = [io.of_plate("plan.batches", plate) for plate in plates]
        ends = expression("(first + i + 1) % __n__ == 0", n=_product(every))
        updates += statements(
            """
            ends_epoch = __ends__
            __own__, __state__ = update_rows(
                plan.optimizer, __grads__, __before__, __params__, __rows__, ends_epoch
            )
            """,
            ends=ends, own=Name(names[part]), state=Name(f"{names[part]}_state"),
            grads=dotted(f"grads.{part}"), before=dotted(f"opt_state.{part}"),
            params=dotted(f"params.{part}"), rows=_of_group(io, plates),
        )  # fmt: skip
    return {
        "local": local(io, "params", moved=True),
        "moved": statements("grads = rows_first(grads)") if io.moved else [],
        "updates": updates,
        "own": tuple(Name(name) for name in names.values()),
        "own_states": tuple(Name(f"{name}_state") for name in names.values()),
    }


def _product(parts: list[Expr]) -> Expr:
    if len(parts) == 1:
        return parts[0]
    return expression("math.prod(__parts__)", parts=Tuple(tuple(parts)))


def _moved(io: Interface, batches: Batches, *, back: bool) -> Stmt:
    """`rows_first` or `rows_back`."""
    made: dict[str, Expr] = {}
    for p in io.program.parameters:
        made[p.name] = io.param(p.name)
        order = [*p.rows.values(), *(i for i in range(len(p.shape)) if i not in p.rows.values())]
        if order != sorted(order):
            way = [order.index(i) for i in range(len(order))] if back else order
            made[p.name] = batches.transpose(made[p.name], Tuple(tuple(map(Constant, way))))
    name = "rows_back" if back else "rows_first"
    doc = "The parameters with their rows as leading dimensions, as the loop has them."
    if back:
        doc = "The parameters with their dimensions in the order of `Params`."
    params = [Param("params", Name("Params"))]
    return function(name, params, [Return(io.params_of(made))], "Params", doc)


def _gathered(io: Interface, batches: Batches) -> Expr:
    """`Data(...)` with the rows of a batch."""
    fields = [(io.columns[c.name], _of_column(io, batches, c)) for c in io.program.columns]
    return Call(Name("Data"), (), tuple(fields))


def _of_column(io: Interface, batches: Batches, column: Column) -> Expr:
    array = dotted(f"data.{io.columns[column.name]}")
    rows = {plate: io.of_plate("rows", plate) for plate in column.rows}
    if len(rows) > 1 and list(column.rows.values()) == list(range(len(rows))):
        return call("take_rows", array, Tuple(tuple(rows.values())))
    for plate, axis in column.rows.items():
        array = batches.taken(array, axis, rows[plate])
    return array
