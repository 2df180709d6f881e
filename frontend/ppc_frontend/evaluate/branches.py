"""Decisions on graph values: both sides are evaluated, and what they give is chosen from.

Inside of a side its condition is a mask: random variables count where it holds. A variable that
both sides make under one name is one site, whose parameters are chosen. Names that both sides bind
hold a choice; what one side alone binds cannot be read afterwards. That operations of the side not
taken leave no NaN in derivatives is seen to by the pass `guards`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from ppc.distributions import find
from ppc.ir.affine import Position
from ppc.ir.build import Value
from ppc.ir.nodes import Sample, rename_operands
from ppc.ir.reach import in_order
from ppc.ir.rules import show
from ppc.ir.sizes import Size
from ppc.spans import Span
from ppc_frontend import sites, wrong
from ppc_frontend.context import Condition, Context
from ppc_frontend.evaluate import loops
from ppc_frontend.evaluate.indexed import Indexed, Part
from ppc_frontend.evaluate.indexing import index
from ppc_frontend.scope import Frame
from ppc_frontend.tensors import describe, is_tensor, tensor
from ppc_frontend.values import (
    POISON,
    Added,
    Bound,
    Carried,
    Given,
    Last,
    Method,
    Partly,
    Summed,
    UserFunction,
)
from ppc_frontend.vocabulary import elementwise


def condition(ctx: Context, test: Any, *, whole: bool = True) -> Value | bool | None:
    """The boolean that decides at run time; a bool where it is known, None for what is no tensor.

    `whole` refuses one with dimensions, of which Python could not say whether it is true.
    """
    if not isinstance(test, Value | Given):
        return None
    value = tensor(ctx, test)
    if value.type.dtype != "bool":
        return None
    if whole and value.type.rank:
        ctx.refuse(wrong.ConditionShape(span=ctx.span, shape=show(value.type.shape)))
    known = ctx.constant(value)
    return known if isinstance(known, bool) else value


@dataclass(slots=True, eq=False)
class State:
    """What statements can change: the names of a frame, and the lists that it can reach."""

    variables: dict[str, Any]
    contents: dict[int, tuple[Any, Any]]  # by identity: the object, a copy of what it holds

    @classmethod
    def of(cls, frame: Frame | None, held: Sequence[Any] = ()) -> State:
        """The state now; functions among `held` can change what they were written beside."""
        variables = {} if frame is None else dict(frame.variables)
        found: dict[int, tuple[Any, Any]] = {}
        seen: set[int] = set()
        _reach_frame(frame, found, seen)
        for value in held:
            _reach(value, found, seen)
        return cls(variables, found)

    def now(self, frame: Frame | None) -> State:
        """The state now, of the same objects."""
        variables = {} if frame is None else dict(frame.variables)
        return State(variables, {k: (obj, _copy(obj)) for k, (obj, _) in self.contents.items()})

    def restore(self, frame: Frame | None) -> None:
        """Make it the state again."""
        if frame is not None:
            frame.variables = dict(self.variables)
        for obj, held in self.contents.values():
            _put(obj, held)


def _reach_frame(frame: Frame | None, found: dict[int, tuple[Any, Any]], seen: set[int]) -> None:
    while frame is not None and id(frame) not in seen:
        seen.add(id(frame))
        for value in list(frame.variables.values()):
            _reach(value, found, seen)
        frame = frame.parent


def _reach(value: Any, found: dict[int, tuple[Any, Any]], seen: set[int]) -> None:
    if id(value) in seen:
        return
    match value:
        case UserFunction():
            seen.add(id(value))
            _reach_frame(value.frame, found, seen)
            inner = list(value.defaults.values())
        case Bound():
            seen.add(id(value))
            inner = [value.function, *value.args, *value.kwargs.values()]
        case Method():
            inner = [value.owner]
        case Indexed() | Carried() | Summed() | list() | dict():
            seen.add(id(value))
            found[id(value)] = (value, _copy(value))
            inner = list(value.values()) if isinstance(value, dict) else []
            inner += value if isinstance(value, list) else []
        case tuple():
            inner = list(value)
        case _:
            return
    for item in inner:
        _reach(item, found, seen)


def _copy(obj: Any) -> Any:
    match obj:
        case Indexed():
            return list(obj.parts)
        case Carried() | Summed():
            return list(obj.terms)
    return obj.copy()


def _put(obj: Any, held: Any) -> None:
    match obj:
        case Indexed():
            obj.parts = list(held)
        case Carried() | Summed():
            obj.terms = list(held)
        case list():
            obj[:] = held
        case dict():
            obj.clear()
            obj.update(held)


@dataclass(slots=True, eq=False)
class Fork:
    """A decision whose sides are being evaluated."""

    ctx: Context
    frame: Frame | None
    condition: Value
    span: Span
    before: State
    after: list[State] = field(default_factory=list)
    claimed: list[dict[str, Span]] = field(default_factory=list)
    made: list[list[str]] = field(default_factory=list)  # the sites and parameters of each side
    aliases: dict[str, str] = field(default_factory=dict)  # sites that became another

    @contextmanager
    def side(self, taken: bool) -> Iterator[None]:
        """Evaluate one side; its names are set aside until both are known."""
        ctx, frame = self.ctx, self.frame
        own = (self.condition, taken)
        names, known = dict(ctx.sites), set(ctx.sites_of)
        masks, left = len(ctx.masks), len(ctx.left)
        ctx.masks.append(own)
        if frame is not None:
            frame.branches.append(own)
        try:
            yield
        finally:
            del ctx.masks[masks:], ctx.left[left:]
            if frame is not None:
                frame.branches.pop()
            self.claimed.append({n: s for n, s in ctx.sites.items() if n not in names})
            self.made.append([n for n in ctx.sites_of if n not in known])
            ctx.sites = names
        for _, it in ctx.indexed.values():  # arrays and lists of which this side wrote first
            if id(it) not in self.before.contents:
                appended = it.kind == "list" and it.base is None
                held = [part for part in it.parts if appended and not part.loops]
                self.before.contents[id(it)] = (it, held)
                for state in self.after:
                    state.contents[id(it)] = (it, held)
        self.after.append(self.before.now(frame))
        if taken:
            self.before.restore(frame)

    def join(self) -> None:
        """Make one site of those that have one name on both sides."""
        first, second = self.claimed
        self.ctx.sites.update({**second, **first})
        for name in first:
            if name in second:
                self._one_site(name, first[name], second[name])

    def keep(self, side: int) -> None:
        """Go on with what one side left, where the other has left the function."""
        self.after[side].restore(self.frame)

    def choose_all(self) -> None:
        """Bind every name, and fill every list, with a choice of what the sides left."""
        first, second = self.after
        for key, (obj, held) in self.before.contents.items():
            self._contents(obj, held, first.contents[key][1], second.contents[key][1])
        if self.frame is None:
            return
        chosen: dict[str, Any] = {}
        for name in {**first.variables, **second.variables}:
            chosen[name] = self._variable(name, first.variables, second.variables)
        self.frame.variables = chosen

    def _variable(self, name: str, first: Mapping[str, Any], second: Mapping[str, Any]) -> Any:
        sides = (first, second)
        if name not in first or name not in second:
            bound = self._place(sides[name not in first][name]) or self.span
            others = ((self.span, "the other branch of this does not bind it"),)
            return Partly(wrong.PartlyBound(span=bound, name=name, others=others))
        chosen = self.choose(first[name], second[name], name)
        if isinstance(chosen, Value) and chosen.name not in (self._name(s[name]) for s in sides):
            self.ctx.hints.setdefault(chosen.name, name)
        return chosen

    def _place(self, value: Any) -> Span | None:
        return self.ctx.place(value)

    def _name(self, value: Any) -> str:
        return value.name if isinstance(value, Value) else ""

    # --- choices ---

    def choose(self, first: Any, second: Any, name: str = "") -> Any:
        """What a name holds that is `first` where the condition is true, `second` elsewhere."""
        first, second = self._alias(first), self._alias(second)
        if first is second or POISON in (first, second):
            return first if first is second else POISON
        first, second = (
            loops.resolve(self.ctx, v) if isinstance(v, Carried | Last) else v
            for v in (first, second)
        )
        if isinstance(first, Value) and isinstance(second, Value) and first.name == second.name:
            return first
        plain = type(first) is type(second) and isinstance(first, int | float | str | Size)
        if plain and first == second:
            return first
        match first, second:
            case Partly(), _:
                return first
            case _, Partly():
                return second
            case (list() | tuple(), list() | tuple()) if len(first) == len(second):
                items = [self.choose(a, b, name) for a, b in zip(first, second, strict=True)]
                return tuple(items) if isinstance(first, tuple) else items
            case (dict(), dict()) if first.keys() == second.keys():
                return {key: self.choose(first[key], second[key], name) for key in first}
        if _number(first) and _number(second):
            return self._select(first, second)
        one, two = describe(first), describe(second)
        return Partly(wrong.TwoKinds(span=self.span, name=name, first=one, second=two))

    def _alias(self, value: Any) -> Any:
        if isinstance(value, Value) and value.name in self.aliases:
            return self.ctx.builder.value(self.aliases[value.name])
        return value

    def _select(self, first: Any, second: Any) -> Value:
        """An elementwise choice; the condition is the same for all elements of a row."""
        ctx, operand = self.ctx, self.condition
        sides = [elementwise.operand(ctx, v) for v in (first, second)]
        if operand.type.rank == 0:
            rank = max((v.type.rank for v in sides if isinstance(v, Value)), default=0)
            for _ in range(rank):
                operand = ctx.builder.op("expand_dims", operand, axis=-1)
        return ctx.op("where", operand, *sides)

    # --- what lists and arrays hold ---

    def _contents(self, obj: Any, held: Any, first: Any, second: Any) -> None:
        match obj:
            case Indexed():
                obj.parts = self._parts(obj, held, first, second)
            case Carried():
                terms = self._terms(first[len(held) :], True) + self._terms(
                    second[len(held) :], False
                )
                obj.terms = [*held, *terms]
            case Summed():
                added = self._added(first[len(held) :], True)
                obj.terms = [*held, *added, *self._added(second[len(held) :], False)]
            case list():
                if len(first) != len(second):
                    self.ctx.refuse(wrong.ListInBranch(span=self.span))
                obj[:] = [self.choose(a, b) for a, b in zip(first, second, strict=True)]
            case dict():
                obj.clear()
                keys = {**first, **second}
                obj.update({k: self._variable(k, first, second) for k in keys})

    def _added(self, terms: Sequence[Added], taken: bool) -> list[Added]:
        """What one side adds to elements of an array: 0 to the first where it is not taken."""
        ctx, operand = self.ctx, self.condition
        operand = operand if taken else ctx.op("logical_not", operand)
        zero = ctx.builder.const(0)
        chosen = self._terms([(term.symbol, term.value) for term in terms], taken)
        return [
            replace(t, value=v, at=tuple(ctx.op("where", operand, index, zero) for index in t.at))
            for t, (_, v) in zip(terms, chosen, strict=True)
        ]

    def _terms(self, terms: Sequence[tuple[str, Value]], taken: bool) -> list[tuple[str, Value]]:
        """What one side adds to a name, or multiplies it by: nothing where it is not taken."""
        chosen = []
        for symbol, term in terms:
            none = 0.0 if symbol in "+-" else 1.0
            sides = (term, none) if taken else (none, term)
            chosen.append((symbol, self._select(*sides)))
        return chosen

    def _parts(
        self, it: Indexed, held: list[Part], first: list[Part], second: list[Part]
    ) -> list[Part]:
        before, one, two = ({part.at: part for part in parts} for parts in (held, first, second))
        result = []
        for at in {**before, **one, **two}:
            a, b = one.get(at), two.get(at)
            if a is b and a is not None:
                result.append(a)
                continue
            part = a if a is not None and a is not before.get(at) else b
            assert part is not None
            mine, other = (self._element(it, at, side) for side in (a, b))
            if mine is None or other is None:
                place = next(p.only or p.span for p in (a, b) if p is not None)
                under = (*part.under, (self.condition, part is a))
                result.append(replace(part, only=place, under=under))
                continue
            chosen = self.choose(mine, other, it.name)
            result.append(replace(part, value=tensor(self.ctx, chosen)))
        return result

    def _element(self, it: Indexed, at: Sequence[Any], part: Part | None) -> Any:
        if part is not None:
            return None if part.only is not None else part.value
        if it.base is None:
            return None
        ctx = self.ctx
        items: list[Any] = []
        for place in at:
            if isinstance(place, Position):
                number = ctx.op("axis_index", axis=place.axis)
                number = number if place.step == 1 else ctx.op("mul", number, place.step)
                start = place.start
                items.append(
                    number if start.value == 0 else ctx.op("add", number, ctx.builder.dim(start))
                )
            else:
                items.append(place if place.value is None else place.value)
        return index(ctx, tensor(ctx, it.base), items)

    # --- sites ---

    def unnamed(self, first: Any, second: Any) -> None:
        """Make one site of the two that a conditional expression chooses between, if it does."""
        ctx = self.ctx
        for value, made in zip((first, second), self.made, strict=True):
            fresh = isinstance(value, Value) and value.name in made
            if not fresh or ctx.sites_of[value.name] or value.name in self.aliases:
                return
        one, two = ctx.builder.nodes[first.name], ctx.builder.nodes[second.name]
        if isinstance(one, Sample) and isinstance(two, Sample) and not _differ(one, two):
            self._merge(one, two)

    def _one_site(self, name: str, place: Span, other: Span) -> None:
        ctx = self.ctx
        one, two = (
            ctx.builder.nodes[next(n for n in made if ctx.sites_of[n] == name)]
            for made in self.made
        )
        if not isinstance(one, Sample) or not isinstance(two, Sample):
            others = ((place, "the first one is here"),)
            ctx.refuse(wrong.DuplicateSite(span=other, name=name, others=others))
        if differ := _differ(one, two):
            what, first, second = differ
            others = ((place, f"here it is {first}"),)
            ctx.refuse(
                wrong.SiteInBothBranches(
                    span=other, name=name, differ=what, first=first, second=second, others=others
                )
            )
        self._merge(one, two)

    def _merge(self, one: Sample, two: Sample) -> None:
        """One site for both, with chosen parameters; it has the name of the first in the graph."""
        ctx, builder = self.ctx, self.ctx.builder
        args = []
        for (parameter, first), (_, second) in zip(one.args, two.args, strict=True):
            chosen = self.choose(builder.value(first), builder.value(second))
            args.append((parameter, chosen.name))
        mask = {}
        if one.role != "deterministic":
            mask = sites.masked(ctx, one.type, find(one.distribution).event_rank)
        if one.name in ctx.observed:
            seen = self.choose(ctx.observed[one.name], ctx.observed.pop(two.name))
            ctx.observed[one.name] = tensor(ctx, seen, one.type.dtype)
        builder.nodes[one.name] = replace(one, args=tuple(args), attrs=tuple(mask.items()))
        self.aliases[two.name] = one.name
        del builder.nodes[two.name], ctx.sites_of[two.name]
        ctx.orders.pop(two.name, None)
        nodes = [rename_operands(node, {two.name: one.name}) for node in builder.nodes.values()]
        try:
            builder.nodes = {node.name: node for node in in_order(nodes)}
        except ValueError:
            what = "two variables of which each reads the other in one of the branches"
            ctx.refuse(wrong.Unsupported(span=one.span or self.span, what=what))


def fork(ctx: Context, frame: Frame | None, condition_: Value, held: Sequence[Any] = ()) -> Fork:
    """A decision at the current place; `held` are the functions and values that it is given."""
    return Fork(ctx, frame, condition_, ctx.span, State.of(frame, held))


def either(
    ctx: Context, frame: Frame | None, decides: Value, first: Callable[[], Any],
    second: Callable[[], Any], held: Sequence[Any] = (),
) -> Any:  # fmt: skip
    """The choice between what two functions return, of which one is meant to be called.

    `held` are the user's functions that they call, and the arguments of these.
    """
    decision = fork(ctx, frame, decides, held)
    with decision.side(True):
        one = first()
    with decision.side(False):
        two = second()
    decision.join()
    decision.unnamed(one, two)
    decision.choose_all()
    return decision.choose(one, two)


def _number(value: Any) -> bool:
    return isinstance(value, bool | int | float | Size) or is_tensor(value)


def _differ(one: Sample, two: Sample) -> tuple[str, str, str] | None:
    """What keeps two sites from being one, and what it is of each."""
    if one.distribution != two.distribution:
        return "the family", one.distribution, two.distribution
    if (a := [p for p, _ in one.args]) != (b := [p for p, _ in two.args]):
        return "the parameters", ", ".join(a), ", ".join(b)
    if one.type != two.type:
        return "the type", str(one.type), str(two.type)
    if one.role != two.role:
        return "the role", one.role, two.role
    return None


def leave(ctx: Context, frame: Frame, branch: Condition, value: Any, at: int) -> None:
    """Note that a function returns a value under a condition, within those around.

    `at` is its place among the exits, of which the first that holds is taken.
    """
    frame.exits.insert(at, (ctx.every([*frame.branches, branch]), value))


def stay(ctx: Context, frame: Frame, since: int) -> None:
    """What follows counts where none of the exits since then was taken."""
    ctx.left.extend((taken, False) for taken, _ in frame.exits[since:])


def returned(ctx: Context, frame: Frame, last: Any) -> Any:
    """What a function returns that has returned early under conditions."""
    for taken, value in reversed(frame.exits):
        last = fork(ctx, None, taken).choose(value, last)
    return last
