"""Random variables, parameters and observations: `inf.Normal(...)`, `inf.Parameter(...)`."""

from __future__ import annotations

import keyword
import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ppc.distributions import DISTRIBUTIONS, SUPPORTS, Distribution, draw_type, find, support_of
from ppc.distributions.supports import outside, same_up_to_boundary, words
from ppc.ir.build import Value
from ppc.ir.nodes import REAL, WEIGHT, Data, Op, Sample, Support, is_random, operands
from ppc.ir.primitives import PRIMITIVES
from ppc.ir.rules import RuleError, show
from ppc.ir.sizes import Size
from ppc.ir.types import Axis, Tensor
from ppc.spans import Span
from ppc_frontend import wrong
from ppc_frontend.context import Context
from ppc_frontend.tensors import describe, shape, tensor
from ppc_frontend.values import SupportValue
from ppc_frontend.vocabulary.base import bind
from ppc_frontend.vocabulary.elementwise import dtype_of

COMMON = "validate_args:_=False, allow_nan_stats:_=True, *, name=None, sample_shape=(), dtype=None"


def sample(
    ctx: Context, distribution: Distribution, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Value:
    """A random variable. Inside plates its type has their axes."""
    function = f"inf.{distribution.name}"
    names = [p.name for p in distribution.parameters]
    signature = ", ".join([*(f"{name}=Ellipsis" for name in names), COMMON])
    bound = bind(ctx, function, signature.replace("Ellipsis", "..."), args, kwargs)
    given = _given(ctx, distribution, {name: bound[name] for name in names})
    places = dict(ctx.bound_places)
    values = {}
    for name, value in given.items():
        with ctx.at(places.get(name, ctx.span)):
            values[name] = tensor(ctx, value, "f32")
    if "logits" in values and "logits" not in kwargs and _is_probability(ctx, values["logits"]):
        ctx.warnings.append(
            wrong.ProbabilitiesAsLogits(
                span=places.get("logits", ctx.span), distribution=distribution.name
            )
        )
    return variable(ctx, distribution, values, bound, places)


def variable(
    ctx: Context,
    distribution: Distribution,
    values: dict[str, Value],
    bound: Mapping[str, Any],
    places: Mapping[str, Span],
) -> Value:
    """The random variable of these parameters; `bound` has the arguments of COMMON."""
    ranks = [_event_rank(distribution, name) for name in values]
    aligned = ctx.align(list(values.values()), ranks)
    if ctx.plates and not any(map(ctx.lead, aligned)):
        aligned = [
            ctx.as_rows(value, value.type.rank - rank)
            for value, rank in zip(aligned, ranks, strict=True)
        ]
    values = dict(zip(values, aligned, strict=True))
    plates = ctx.rows()
    for value, rank in zip(aligned, ranks, strict=True):
        outside_plates(ctx, value, rank)
    _check(ctx, distribution, values, places)
    extra = shape(ctx, bound["sample_shape"])
    if extra and ctx.plates:
        ctx.warnings.append(wrong.SampleShapeIgnored(span=ctx.span))
        extra = ()
    try:
        type_ = draw_type(
            distribution, values, plates=plates, sample_shape=extra,
            dtype=dtype_of(ctx, bound["dtype"]),
        )  # fmt: skip
    except RuleError as error:
        ctx.refuse(ctx.shape_mistake(error.reason, list(values.values())))
    for name, value in values.items():
        _vector(ctx, value, _event_rank(distribution, name), values, places.get(name, ctx.span))
    own = bound["name"]
    hint = own if isinstance(own, str) else distribution.name.partition("[")[0].lower()
    if own is not None:
        with ctx.at(places.get("name", ctx.span)):
            own = claim(ctx, own)
    attrs = masked(ctx, type_, distribution.event_rank)
    value = ctx.builder.sample(hint, distribution.name, values, type_, attrs=attrs)
    ctx.sites_of[value.name] = own or ""
    ctx.orders[value.name] = tuple(plates)
    return value


def outside_plates(ctx: Context, value: Value, event_rank: int) -> None:
    """Refuse a parameter that has a value for each row of a `with` plate that is closed."""
    open_, nodes = ctx.rows(), ctx.builder.nodes
    todo = [value.name] if value.type.rank > event_rank else []
    closed = [axis for axis in value.type.axes if axis not in open_]
    for name in todo:
        node = nodes[name]
        if not isinstance(node, Op):
            continue
        if node.primitive == "from_axis":
            axis, rows = str(dict(node.attrs)["axis"]), nodes[node.args[0]]
            of_loop = ctx.builder.axes[axis].kind == "loop"
            if axis not in open_ and not of_loop and not isinstance(rows, Data):
                value, closed = ctx.builder.value(rows.name), [axis]
                break
        elif PRIMITIVES[node.primitive].elementwise:
            todo += [arg for arg in node.args if nodes[arg].type.rank == node.type.rank]
    if closed:
        place = ctx.place(value)
        others = ((place, "it is made here"),) if place else ()
        ctx.refuse(wrong.RowOutsidePlate(span=ctx.span, plate=closed[0], others=others))


# What rearranges elements and leaves each as it is.
_MOVES = frozenset(
    "index slice take take_along take_axis to_axis from_axis reshape transpose squeeze expand_dims "
    "broadcast_to flip concat stack where".split()
)


def _is_probability(ctx: Context, value: Value) -> bool:
    """Whether a value is one by how it is made: drawn as one, or by a function that gives one."""
    todo = [value.name]
    for name in todo:
        node = ctx.builder.nodes[name]
        if isinstance(node, Sample) and not is_random(node):
            todo.append(node.args[0][1])
        elif isinstance(node, Sample):
            found = {name: ctx.builder.value(arg) for name, arg in node.args}
            support = support_of(find(node.distribution), found)
            simplex = support.kind == "simplex"
            return simplex or same_up_to_boundary(support, Support("unit_interval"))
        if isinstance(node, Op):
            if node.primitive in ("sigmoid", "softmax", "ndtr"):
                return True
            args = [ctx.builder.value(arg) for arg in node.args]
            if node.primitive == "sub" and ctx.constant(args[0]) == 1:
                todo.append(node.args[1])
            if node.primitive in _MOVES:
                todo += node.args[1:] if node.primitive == "where" else node.args[:1]
    return False


def _vector(
    ctx: Context, value: Value, event_rank: int, values: Mapping[str, Value], place: Span
) -> None:
    """Warn of a parameter that looks like one of the rows of a plate, and is one in each row."""
    batch = value.type.shape[: value.type.rank - event_rank]
    if len(batch) != 1 or batch[0].value in (None, 1) or any(map(ctx.lead, values.values())):
        return
    for plate in ctx.plates:
        if ctx.builder.axes[plate.axis].size == batch[0]:
            ctx.warnings.append(
                wrong.VectorInRow(
                    span=place, plate=plate.axis, shape=show(batch),
                    others=((plate.span, f"the plate {plate.axis} is opened here"),),
                )
            )  # fmt: skip


def masked(ctx: Context, type_: Tensor, event_rank: int) -> dict[str, str]:
    """The attribute `mask` of a site: the conditions around it, if there are any.

    Refuses conditions that vary over a plate in which the site is not, or do not fit its shape.
    """
    conditions = [*ctx.masks, *ctx.left]
    if not conditions:
        return {}
    batch = type_.shape[: type_.rank - event_rank]
    conditions = [
        (c if ctx.lead(c) else ctx.as_rows(c, c.type.rank - len(batch)), holds)
        for c, holds in conditions
    ]
    for condition, _ in conditions:
        others = ((place, "the condition is made here"),) if (place := ctx.place(condition)) else ()
        beyond = [axis for axis in condition.type.axes if axis not in type_.axes]
        if beyond:
            ctx.refuse(wrong.RowOutsidePlate(span=ctx.span, plate=beyond[0], others=others))
        try:
            fits = ctx.builder.sizes().broadcast(condition.type.shape, batch) == batch
        except RuleError:
            fits = False
        if not fits:
            mistake = wrong.MaskShape(
                span=ctx.span, mask=show(condition.type.shape), batch=show(batch), others=others
            )
            ctx.refuse(mistake)
    return {"mask": ctx.every(conditions).name}


def _event_rank(distribution: Distribution, name: str) -> int:
    parameter = distribution.parameter(name)
    return parameter.event_rank if parameter else 0


def _given(ctx: Context, distribution: Distribution, bound: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that are given, or have a default; of alternatives, the one that is given.

    An alternative given as None is not given, as in TFP.
    """
    function = f"inf.{distribution.name}"
    given: dict[str, Any] = {}
    groups: dict[str, list[str]] = {}
    for parameter in distribution.parameters:
        value = bound[parameter.name]
        if parameter.group:
            groups.setdefault(parameter.group, []).append(parameter.name)
            if value is None:
                value = ...
        if value is not ...:
            given[parameter.name] = value
        elif parameter.default is not None:
            given[parameter.name] = parameter.default
        elif not parameter.group:
            ctx.missing(function, parameter.name)
    for names in groups.values():
        count = sum(name in given for name in names)
        if count != 1:
            ctx.refuse(
                wrong.OneOf(span=ctx.span, function=function, names=tuple(names), given=count)
            )
    return given


def weight(ctx: Context, name: str, shape: Sequence[Size]) -> Value:
    """A weight of a layer that is a standard normal: a site outside of all plates."""
    values = {"loc": ctx.builder.const(0.0), "scale": ctx.builder.const(1.0)}
    type_ = Tensor("f32", (), tuple(shape))
    own = claim(ctx, name)
    value = ctx.builder.sample(own, "Normal", values, type_, attrs={WEIGHT: True})
    ctx.sites_of[value.name] = own
    ctx.orders[value.name] = ()
    return value


def claim(ctx: Context, name: Any) -> str:
    """Take a name for a site or parameter. Refuses one that is taken."""
    own = identifier(ctx, name)
    ctx.define(own, ctx.span)
    return own


def identifier(ctx: Context, name: Any) -> str:
    """A name as Python reads it: two that normalise to one are one. Refuses what is none."""
    if not isinstance(name, str):
        ctx.refuse(wrong.NotKnown(span=ctx.span, what="a name", found=describe(name)))
    if not name.isidentifier() or keyword.iskeyword(name):
        ctx.refuse(wrong.BadName(span=ctx.span, name=name))
    return unicodedata.normalize("NFKC", name)


def _check(
    ctx: Context,
    distribution: Distribution,
    values: Mapping[str, Value],
    places: Mapping[str, Span],
) -> None:
    """Refuse constants that are plainly outside their parameter's constraint."""
    for name, value in values.items():
        parameter = distribution.parameter(name)
        constant = ctx.constant(value)
        if parameter is None or constant is None or parameter.constraint.bounds:
            continue
        if _plainly_inside(parameter.constraint.kind, constant):
            continue
        import numpy as np

        array = np.asarray(constant, np.float64)
        if SUPPORTS[parameter.constraint.kind].event_rank > array.ndim:
            continue
        bad = outside(parameter.constraint.kind, array)
        if not bad.any():
            continue
        shown = constant if isinstance(constant, tuple) and not bad.ndim else array[bad].flat[0]
        # Equal numbers are one node, whose place is that of the first.
        span, place = places.get(name, ctx.span), ctx.place(value) if value.type.rank else None
        others = ((place, "the value is made here"),) if place and place.line != span.line else ()
        ctx.refuse(
            wrong.OutsideConstraint(
                span=span, distribution=distribution.name, parameter=name,
                value=_shown(shown), words=words(parameter.constraint), others=others,
            )
        )  # fmt: skip
    if distribution.support.kind == "interval":
        low, high = (str(bound) for bound in distribution.support.bounds)
        _check_order(ctx, distribution, values, places, low, high)


def _check_order(
    ctx: Context,
    distribution: Distribution,
    values: Mapping[str, Value],
    places: Mapping[str, Span],
    low: str,
    high: str,
) -> None:
    """Refuse constant bounds of an interval with nothing between them."""
    match [ctx.constant(values[name]) for name in (low, high) if name in values]:
        case [int() | float() as first, int() | float() as last] if last <= first:
            above = f"numbers above {low}, which is {_shown(first)}"
            ctx.refuse(
                wrong.OutsideConstraint(
                    span=places.get(high, ctx.span), distribution=distribution.name,
                    parameter=high, value=_shown(last), words=above,
                )
            )  # fmt: skip


def _plainly_inside(kind: str, constant: Any) -> bool:
    """Whether a constant is a number that is inside at a glance, as most are, without NumPy."""
    if isinstance(constant, tuple):
        return False
    lowest = -math.inf if kind == "real" else 0.0
    return kind in ("real", "positive", "nonnegative") and lowest < constant < math.inf


def _shown(value: Any) -> str:
    return f"{float(value):g}" if not isinstance(value, tuple) else str(list(value))


def parameter(
    ctx: Context, *, initial_value: Any, name: Any = None, support: Any = None, dtype: Any = None
) -> Value:
    """An optimised quantity; inside plates it has a row for each datum."""
    places = dict(ctx.bound_places)
    value = tensor(ctx, initial_value, "f32")
    if _random_ancestor(ctx, value):
        ctx.refuse(wrong.RandomInit(span=ctx.span))
    kind = _support(ctx, support)
    with ctx.at(places.get("initial_value", ctx.span)):
        _inside(ctx, value, kind)
    rows = {*value.type.axes, *ctx.rows()}
    type_ = value.type.with_axes(axis for axis in ctx.builder.axes if axis in rows)
    hint = "parameter"
    if name is not None:
        with ctx.at(places.get("name", ctx.span)):
            name = hint = claim(ctx, name)
    result = ctx.builder.param(hint, value, support=kind, type_=type_)
    ctx.sites_of[result.name] = name or ""
    return result


def _random_ancestor(ctx: Context, value: Value) -> bool:
    stack, seen = [value.name], set()
    while stack:
        node = ctx.builder.nodes[name := stack.pop()]
        if isinstance(node, Sample) and is_random(node):
            return True
        if name not in seen:
            seen.add(name)
            stack.extend(operands(node))
    return False


# Names of a bijection that users know for a support.
_SUPPORT_WORDS: Mapping[str, str] = {"softplus": "positive", "exp": "positive"}
SUPPORT_NAMES = (
    *(row.name for row in SUPPORTS.values() if row.bijection and not row.bounds),
    *_SUPPORT_WORDS,
)


def _support(ctx: Context, value: Any) -> Support:
    if value is None:
        return REAL
    kind = value.kind if isinstance(value, SupportValue) else value
    if isinstance(kind, str) and kind in SUPPORT_NAMES:
        return Support(_SUPPORT_WORDS.get(kind, kind))
    near = wrong.nearest(kind, SUPPORT_NAMES) if isinstance(kind, str) else ""
    shown = kind if isinstance(kind, str) else describe(kind)
    ctx.refuse(wrong.UnknownName(span=ctx.span, kind="support", name=shown, near=near))


def _inside(ctx: Context, value: Value, support: Support) -> None:
    """Refuse a constant that is plainly outside a support, or not a number."""
    constant = ctx.constant(value)
    if constant is None or support.bounds:
        return
    import numpy as np

    array = np.asarray(constant, np.float64)
    if SUPPORTS[support.kind].event_rank > array.ndim:
        return
    bad = outside(support.kind, array)
    if bad.any():
        shown = constant if isinstance(constant, tuple) and not bad.ndim else array[bad].flat[0]
        needed = f"a value among {words(support)}"
        ctx.refuse(wrong.NotKnown(span=ctx.span, what=needed, found=_shown(shown)))


def observe(ctx: Context, *, variable: Any, value: Any, name: Any = None) -> Value:
    """Give a random variable its value: the site becomes observed, its value an output.

    Without any name of its own it is called after the data.
    """
    node = ctx.builder.nodes.get(variable.name) if isinstance(variable, Value) else None
    rows: list[str] = []  # of plates that are closed: code sees a site of theirs as an array
    while isinstance(node, Op) and node.primitive == "from_axis":
        rows.append(str(dict(node.attrs)["axis"]))
        node = ctx.builder.nodes[node.args[0]]
    if not isinstance(node, Sample) or not is_random(node):
        ctx.refuse(wrong.NotASite(span=ctx.span, what=describe(variable)))
    if name is not None:
        ctx.sites_of[node.name] = claim(ctx, name)
    if node.name in ctx.observed:
        ctx.refuse(wrong.Unsupported(span=ctx.span, what="a second observation of one variable"))
    observed = tensor(ctx, value, node.type.dtype)
    lengths = tuple(ctx.builder.axes[axis].size for axis in rows)
    if rows and observed.type.shape[: len(rows)] == lengths:
        for axis in rows:
            observed = ctx.op("to_axis", observed, axis=axis)
    if _random_ancestor(ctx, observed):
        ctx.refuse(wrong.NotKnown(span=ctx.span, what="data", found="what a random variable gives"))
    if beyond := [axis for axis in observed.type.axes if axis not in node.type.axes]:
        ctx.refuse(wrong.RowOutsidePlate(span=ctx.span, plate=beyond[0]))
    support = find(node.distribution).support
    _inside(ctx, observed, support)
    try:
        both = ctx.builder.sizes().broadcast(observed.type.shape, node.type.shape)
        if both != node.type.shape:
            raise RuleError("the observed value is larger than the variable")
    except RuleError as error:
        ctx.refuse(ctx.shape_mistake(error.reason, (observed, variable)))
    ctx.builder.nodes[node.name] = replace(node, role="observed")
    ctx.observed[node.name] = observed
    given = ctx.builder.nodes[observed.name]
    if isinstance(given, Data):
        ctx.hints[node.name] = f"{given.name}_obs"
    return ctx.builder.value(node.name)


def as_distribution(ctx: Context, value: Any) -> Sample:
    """The random variable that stands for its distribution alone: it is none of the model's.

    Refuses what is no random variable, and one that something reads or that is observed.
    """
    name = value.name if isinstance(value, Value) else ""
    if name in ctx.distributions:
        return ctx.distributions[name]
    node = ctx.builder.nodes.get(name)
    if not isinstance(node, Sample) or not is_random(node):
        ctx.refuse(wrong.NotADistribution(span=ctx.span, what=describe(value)))
    readers = (n for n in ctx.builder.nodes.values() if node.name in operands(n))
    if node.name in ctx.observed or next(readers, None) is not None:
        ctx.refuse(wrong.DistributionIsUsed(span=ctx.span, name=ctx.sites_of[node.name]))
    del ctx.builder.nodes[name], ctx.sites_of[name]
    ctx.orders.pop(name, None)
    ctx.builder.reserved.add(name)  # no other node has it
    ctx.distributions[name] = node
    return node


def open_axis(ctx: Context, axis: Axis) -> None:
    """Declare a plate's axis. Refuses another size for one that is there."""
    before = ctx.builder.axes.get(axis.name)
    if before is not None and before.size != axis.size:
        ctx.refuse(
            wrong.PlateSize(
                span=ctx.span, plate=axis.name, first=str(before.size), second=str(axis.size)
            )
        )
    for plate in ctx.plates:
        around = ctx.nested.get((axis.name, plate.axis))
        if around is not None:
            others = ((around, "here it is the other way round"),)
            ctx.refuse(
                wrong.NestedBothWays(
                    span=ctx.span, outer=plate.axis, inner=axis.name, others=others
                )
            )
        ctx.nested.setdefault((plate.axis, axis.name), ctx.span)
    ctx.declare(axis)
    ctx.opened.setdefault(axis.name, axis.size)


def distribution(name: str) -> Distribution | None:
    """A distribution by the name that users call."""
    return DISTRIBUTIONS.get(name)
