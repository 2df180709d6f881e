"""The state of one evaluation: the graph being built, plates, sites, mistakes, assumptions."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from typing import Any, NoReturn

from ppc.diagnostics.base import Mistake
from ppc.diagnostics.notes import Note
from ppc.ir.build import Builder, Operand, Value
from ppc.ir.nodes import Attr, Const, ConstValue, Data, Op, Sample
from ppc.ir.primitives import PRIMITIVES
from ppc.ir.rules import RuleError, show
from ppc.ir.sizes import Size
from ppc.ir.types import Axis, Tensor
from ppc.records import dataclass
from ppc.spans import Span
from ppc_frontend import wrong
from ppc_frontend.values import RejectedError


@dataclass(frozen=True, slots=True)
class Unrolled:
    """A loop that is unrolled, and the reading that asked for it."""

    loop: Span
    reason: str
    place: Span | None


@dataclass(frozen=True, slots=True)
class Carry:
    """What a loop carries from round to round under a name, and its type without axes."""

    loop: Span
    name: str
    type: Tensor


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What an evaluation takes for granted and finds out only at its end; then it runs again."""

    structural: frozenset[str] = frozenset()  # hyperparameters that decide structure
    numeric: frozenset[str] = frozenset()  # hyperparameters that are numbers, never sizes
    # Names of dimensions, and the plates that are meant: those called so, or of that size.
    plates: frozenset[tuple[str, str]] = frozenset()
    order: tuple[str, ...] = ()  # of the plates, where their nesting tells another than their use
    unrolled: frozenset[Unrolled] = frozenset()  # loops that cannot be evaluated once
    carried: frozenset[Carry] = frozenset()  # what loops carry that has not its first value's type


@dataclass(frozen=True, slots=True)
class Plate:
    """An open `with` plate."""

    axis: str
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """A `for` (or a comprehension) whose body is being evaluated once, for all rounds."""

    axis: str
    variable: str  # its target, as written
    key: Span  # the statement or expression: what an unrolled one is known by
    span: Span  # of what it goes through
    count: Size
    rows: frozenset[str] = frozenset()  # the nodes that varied over its axis before it began
    writes: frozenset[str] = frozenset()  # the arrays of which its body writes elements


Condition = tuple[Value, bool]  # a boolean of the graph, and whether it or its opposite holds


@dataclass(slots=True)
class Places:
    """Where the arguments of a call stand."""

    positional: list[Span] = field(default_factory=list)
    named: dict[str, Span] = field(default_factory=dict)

    def add(self, name: str | None, span: Span) -> None:
        """Note the place of the next argument; `name` is that of a keyword."""
        if name is None:
            self.positional.append(span)
        else:
            self.named[name] = span


@dataclass(slots=True, eq=False)
class Context:
    """Shared by everything that evaluates one model."""

    builder: Builder
    assumed: Assumptions
    mistakes: list[Mistake] = field(default_factory=list)
    warnings: list[Mistake] = field(default_factory=list)
    plates: list[Plate] = field(default_factory=list)
    masks: list[Condition] = field(default_factory=list)  # under which sites count, so far
    left: list[Condition] = field(default_factory=list)  # where no `return` has been taken yet
    opened: dict[str, Size] = field(default_factory=dict)  # plates, in the order of their opening
    nested: dict[tuple[str, str], Span] = field(default_factory=dict)  # outer and inner plates
    structural: set[str] = field(default_factory=set)
    sites: dict[str, Span] = field(default_factory=dict)
    hints: dict[str, str] = field(default_factory=dict)  # node name to the user's variable
    given: dict[str | int, Value] = field(default_factory=dict)  # arrays that have a node
    arrays: dict[str, Any] = field(default_factory=dict)  # live arrays by Data node
    counts: dict[str, int] = field(default_factory=dict)
    dimensions: dict[str, bool] = field(default_factory=dict)  # names; whether of a leading one
    dims: dict[str, int] = field(default_factory=dict)  # dimensions that live arrays have told
    modules: dict[str, Any] = field(default_factory=dict)  # files beside the user's, by path
    places: Places | None = None  # of the call that is about to be made, if it has plain arguments
    bound_places: dict[str, Span] = field(default_factory=dict)  # of the call bound last
    live: Callable[[str, Any], Any] | None = None  # converts live objects, if there are any
    default_plate: str = "N"  # the name of the datamodel's plate where its size has none
    depth: int = 0  # of inlined calls
    sites_of: dict[str, str] = field(default_factory=dict)  # node of a site to its name, if any
    observed: dict[str, Value] = field(default_factory=dict)  # node of a site to its given value
    distributions: dict[str, Sample] = field(default_factory=dict)  # that were given as such
    loop: list[int] = field(default_factory=list)  # the rounds of the unrolled loops around
    loops: list[Loop] = field(default_factory=list)  # those around that are evaluated once
    unrolled: set[Unrolled] = field(default_factory=set)  # loops found not to be so
    carried: set[Carry] = field(default_factory=set)  # found to have another type than was thought
    readings: list[Any] = field(default_factory=list)  # of earlier rounds, not settled yet
    notes: list[Note] = field(default_factory=list)  # what became of each loop
    orders: dict[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # the axes of sites, as written
    # Lists and arrays that got elements in a loop, by identity, with what they are since then.
    indexed: dict[int, tuple[Any, Any]] = field(default_factory=dict)
    born: dict[int, tuple[Any, int]] = field(default_factory=dict)  # lists made inside of loops
    in_init: str = ""  # the Parameter whose first value is being computed
    # Of a loss, which may reduce over rows: by plate, which rows of a step are no padding.
    counted: Mapping[str, Value | None] | None = None

    @property
    def span(self) -> Span:
        """The place that is being evaluated."""
        assert self.builder.span is not None
        return self.builder.span

    @contextmanager
    def at(self, span: Span) -> Iterator[None]:
        """Evaluate at another place."""
        with self.builder.at(span):
            yield

    def refuse(self, mistake: Mistake) -> NoReturn:
        """Give up the statement."""
        raise RejectedError(mistake)

    def is_unrolled(self, span: Span) -> bool:
        """Whether the loop at a place has to be unrolled."""
        return self.counted is not None or any(
            known.loop == span for known in self.assumed.unrolled
        )

    def settable(self, loop: Loop) -> tuple[str, ...]:
        """The hyperparameters whose values would make the number of a loop's rounds known."""
        hypers = self.builder.hypers
        names = sorted(loop.count.names)
        return tuple(n for n in names if hypers.get(n, 0) is None)

    def rows(self) -> list[str]:
        """The axes of all plates and loops around: those of a random variable that is made here."""
        return [*(plate.axis for plate in self.plates), *(loop.axis for loop in self.loops)]

    def seen(self, value: Any) -> Any:
        """What a name or element holds, as the plates and loops around see it.

        Rows of a plate that is closed are an array, not anyone's own row: its axis is the leading
        dimension. So they are to a loop over the same axis that has begun since.
        """
        if not isinstance(value, Value):
            return value
        made = value.name
        for loop in self.loops:
            if made in loop.rows:
                value = self.op("from_axis", value, axis=loop.axis)
        rows = self.rows()
        for axis in reversed(value.type.axes):  # each goes to the front: the outermost last
            if axis not in rows:
                value = self.op("from_axis", value, axis=axis)
        return value

    def place(self, value: Any) -> Span | None:
        """Where a value was made."""
        if isinstance(value, Value):
            return self.builder.nodes[value.name].span
        return None

    def number(self, hint: str) -> str:
        """`hint`, then `hint_1`, ... : names for layers and sites that have none."""
        count = self.counts.get(hint, 0)
        self.counts[hint] = count + 1
        return f"{hint}_{count}" if count else hint

    def define(self, name: str, span: Span) -> None:
        """Take a name for a site or parameter. Refuses one that is taken, with both places."""
        if name in self.sites:
            first = self.sites[name]
            self.refuse(
                wrong.DuplicateSite(
                    span=span, name=name, others=((first, "the first one is here"),)
                )
            )
        self.sites[name] = span

    def missing(self, function: str, name: str) -> NoReturn:
        """Refuse a call that lacks an argument."""
        self.refuse(wrong.MissingArgument(span=self.span, function=function, name=name))

    # --- sizes ---

    def fixed(self, size: Size | int) -> int:
        """The integer that a size is, for what decides structure. Refuses an unfixed one."""
        if isinstance(size, int):
            return size
        if size.value is not None:
            return size.value
        values = self.builder.sizes().values
        missing = sorted(name for name in size.names if name not in values)
        if missing:
            self.refuse(wrong.NeedsValue(span=self.span, names=tuple(missing), size=str(size)))
        self.structural |= size.names
        value = size.evaluate(values)
        assert value is not None
        return value

    def known_size(self, size: Size) -> int | None:
        """The integer that a size is under the fixed hyperparameters."""
        return size.evaluate(self.builder.sizes().values)

    # --- what code in a plate sees ---

    def lead_axes(self, value: Value) -> tuple[Axis, ...]:
        """The open plates over which a value varies, outermost first."""
        open_ = (plate.axis for plate in self.plates if plate.axis in value.type.axes)
        return tuple(self.builder.axes[axis] for axis in open_)

    def lead(self, value: Value) -> int:
        """How many leading axes of open plates code sees in front of the shape."""
        return len(self.lead_axes(value))

    def visible(self, value: Value) -> tuple[Size, ...]:
        """The shape that code sees."""
        return tuple(axis.size for axis in self.lead_axes(value)) + value.type.shape

    def declare(self, axis: Axis) -> None:
        """Declare a plate's axis; axes stand in the assumed order."""
        axes = self.builder.axes
        self.builder.axis(axis)
        place = {name: i for i, name in enumerate(self.assumed.order)}
        for name in sorted(axes, key=lambda name: place.get(name, len(place))):
            axes[name] = axes.pop(name)

    def axis(self, value: Value, axis: int, *, extra: int = 0, what: str) -> int:
        """A visible axis as a negative axis of the shape.

        `extra` counts dimensions that the operation adds. Refuses axes of open plates.
        """
        lead, rank = self.lead(value), value.type.rank + extra
        if axis >= 0:
            axis -= lead + rank
        if -rank <= axis < 0:
            return axis
        if -(rank + lead) <= axis < 0:
            self.across(value, what, at=axis + rank + lead)
        self.refuse(
            wrong.ShapeMismatch(
                span=self.span,
                reason=f"axis {axis + lead + rank if axis >= 0 else axis} is out of range for "
                f"shape {show(self.visible(value))}",
            )
        )

    def across(self, value: Value, what: str, *, at: int = 0) -> NoReturn:
        """Refuse an operation across the rows of the plate that is the visible axis `at`."""
        plates = [p for p in self.plates if p.axis in value.type.axes]
        plate = plates[at]
        self.refuse(
            wrong.AcrossPlate(
                span=self.span, what=what, plate=plate.axis, shape=show(self.visible(value)),
                plates=tuple(p.axis for p in plates),
                others=((plate.span, f"the plate {plate.axis} is opened here"),),
            )
        )  # fmt: skip

    def align(self, values: Sequence[Value], events: Sequence[int] = ()) -> list[Value]:
        """Operands of an elementwise operation, as NumPy would broadcast what code sees.

        A row operand has the plate's axis in front; a global one must not reach under it.
        `events` counts the trailing dimensions of each that do not broadcast.
        """
        events = events or [0] * len(values)
        rows = [(v, v.type.rank - e) for v, e in zip(values, events, strict=True) if self.lead(v)]
        if not rows:
            return list(values)
        widest = max((v for v, _ in rows), key=self.lead)
        values = [
            v if self.lead(v) else self.as_rows(v, v.type.rank - e - rows[0][1], like=widest)
            for v, e in zip(values, events, strict=True)
        ]
        first, rank = rows[0]
        for other, other_rank in rows[1:]:
            if other_rank != rank:
                self.mismatch(first, other)
        result = []
        for value, event in zip(values, events, strict=True):
            shape = value.type.shape
            while self.lead(value) == 0 and len(shape) - event > rank and shape[0].value == 1:
                shape = shape[1:]
            if self.lead(value) == 0 and len(shape) - event > rank:
                self.mismatch(first, value)
            same = shape == value.type.shape
            result.append(value if same else self.builder.op("reshape", value, shape=shape))
        return result

    def as_rows(self, value: Value, most: int, *, like: Value | None = None) -> Value:
        """An array with its leading dimensions, `most` at most, on the axes of open plates.

        Those are taken that have the size, by name, of one plate alone; of a number they are only
        where all `most` together are the leading axes of `like`, as code sees it. Next to `like`,
        it is all of them or none.
        """
        sizes = value.type.shape[: max(most, 0)]
        lead = self.lead_axes(like) if like is not None else ()
        names = [axis.name for axis in lead]
        if sizes != tuple(axis.size for axis in lead):
            opened = [self.builder.axes[plate.axis] for plate in self.plates]
            names = []
            for size in sizes:
                found = [axis.name for axis in opened if axis.size == size]
                if size.value is not None or len(found) != 1 or found[0] in names:
                    break
                names += found
            if like is not None and len(names) < len(sizes):
                return value
        for name in names:
            value = self.op("to_axis", value, axis=name)
        return value

    def mismatch(self, first: Value, other: Value) -> NoReturn:
        """Refuse operands of which one has rows where the other has another axis."""
        shapes = show(self.visible(first)), show(self.visible(other))
        others = [
            (place, f"this has shape {shape}")
            for place, shape in zip((self.place(first), self.place(other)), shapes, strict=True)
            if place is not None and place != self.span
        ]
        nodes = [self.builder.nodes[value.name] for value in (first, other)]
        whole = [n.name for n in nodes if isinstance(n, Data) and not n.type.axes and n.type.rank]
        self.refuse(
            wrong.PlateMismatch(
                span=self.span, first=shapes[0], second=shapes[1],
                plate=(self.lead_axes(first) or self.lead_axes(other))[-1].name,
                argument=whole[0] if whole else "",
                others=tuple(others),
            )
        )  # fmt: skip

    # --- operations ---

    def op(self, primitive: str, *args: Operand, **attrs: Attr) -> Value:
        """Append a primitive at the current place; operands that do not fit are a mistake."""
        if PRIMITIVES[primitive].elementwise and len(args) > 1:
            rows = iter(self.align([a for a in args if isinstance(a, Value)]))
            args = tuple(next(rows) if isinstance(a, Value) else a for a in args)
        try:
            return self.builder.op(primitive, *args, **attrs)  # type: ignore[arg-type]  # attrs have other names than name=, span=
        except RuleError as error:
            self.refuse(self.shape_mistake(error.reason, args))
        except OverflowError:
            what = "a number that is too large for its type"
            self.refuse(wrong.NotATensor(span=self.span, what=what))

    def every(self, conditions: Sequence[Condition]) -> Value:
        """The boolean that says whether all of some conditions hold; at least one is given."""
        values = [v if holds else self.op("logical_not", v) for v, holds in conditions]
        return functools.reduce(lambda a, b: self.op("logical_and", a, b), values)

    def shape_mistake(self, reason: str, args: Sequence[Operand]) -> Mistake:
        """A mistake that shows each operand where it was made, with the shape that code sees."""
        others = []
        for arg in args:
            place = self.place(arg)
            if isinstance(arg, Value) and place is not None and place != self.span:
                others.append((place, f"this has shape {show(self.visible(arg))}"))
        return wrong.ShapeMismatch(
            span=self.span, reason=reason, others=tuple(dict(others).items())
        )

    def constant(self, value: Value) -> ConstValue | None:
        """The constant that a value is, or repeats, where that is plain to see."""
        node = self.builder.nodes[value.name]
        match node:
            case Const():
                return node.value
            case Op(primitive="broadcast_to" | "cast", args=(inner,)):
                return self.constant(self.builder.value(inner))
            case Op(primitive="neg", args=(inner,)):
                number = self.constant(self.builder.value(inner))
                return -number if isinstance(number, int | float) else None
        return None
