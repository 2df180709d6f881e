"""Operations outside models: recorded as they are called, made into a graph when it is needed.

`inf.Normal(a, 5) * 2` outside a model function is read by no one: Python runs it. Each operation
is recorded with its arguments, and means what it means inside a model, since the same vocabulary
builds its nodes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ppc.diagnostics.base import CompileError
from ppc.distributions import COMPOSED
from ppc.ir.build import Builder, Value
from ppc.ir.nodes import Graph, Sample
from ppc.ir.rules import RuleError
from ppc.ir.sizes import Size
from ppc.ir.types import Axis, Tensor
from ppc.spans import Span
from ppc_frontend import vocabulary, wrong
from ppc_frontend.context import Assumptions, Context, Plate
from ppc_frontend.evaluate import arithmetic
from ppc_frontend.evaluate.calls import call
from ppc_frontend.evaluate.indexing import Slice, subscript
from ppc_frontend.live import Live
from ppc_frontend.sites import open_axis
from ppc_frontend.tensors import given, tensor
from ppc_frontend.values import Given, Ref, RejectedError
from ppc_frontend.vocabulary import elementwise

OPERATORS = {
    symbol: kind
    for kind, (symbol, _) in (arithmetic.BINARY | arithmetic.COMPARE).items()
    if not kind.__name__.endswith("Assign")
}


@dataclass(frozen=True, slots=True)
class OpenPlate:
    """A plate that was open where an operation was called."""

    name: str
    size: int
    span: Span


@dataclass(slots=True, eq=False)
class Deferred:
    """An operation and its arguments, among which may be further ones, also inside containers.

    `operation` is a symbol (`+`, `[]`, `~`, `neg`) or the full name of a known function. The type
    and the named axes of the result are known once `trace` has seen the operation.
    """

    operation: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    plates: tuple[OpenPlate, ...]
    span: Span
    type: Tensor = field(default_factory=Tensor)
    axes: tuple[Axis, ...] = ()
    parts: tuple[Tensor, ...] = ()  # of a list of results; what is no tensor counts as a number
    captured: tuple[Deferred, ...] = ()  # what functions among the arguments read

    @property
    def parents(self) -> Iterator[Deferred]:
        """The recorded operations among the arguments."""
        yield from self.captured
        todo: list[Any] = [*self.args, *self.kwargs.values()]
        while todo:
            item = todo.pop()
            node = recorded(item)
            if node is not None:
                yield node
            elif isinstance(item, list | tuple):
                todo.extend(item)
            elif isinstance(item, dict):
                todo.extend([*item.keys(), *item.values()])


def recorded(obj: Any) -> Deferred | None:
    """The operation behind an object that stands for one."""
    node = getattr(obj, "__ppc_deferred__", None)
    return node if isinstance(node, Deferred) else None


@dataclass(slots=True, eq=False)
class Recording:
    """Puts recorded operations into one graph; each is evaluated once."""

    ctx: Context = field(default_factory=lambda: Context(Builder("eager", "model"), Assumptions()))
    known: dict[int, Any] = field(default_factory=dict)  # by id of the operation
    kept: list[Any] = field(default_factory=list)  # objects whose ids are keys
    captured: dict[int, Deferred] = field(default_factory=dict)  # found on the way, by id

    def __post_init__(self) -> None:
        self.ctx.live = Live(self.ctx, recorded=self._captured).value
        self.ctx.in_init = "tensor"  # random numbers are drawn here as where a parameter starts

    def stand_in(self, node: Deferred) -> None:
        """Let an operation be an array of its type; nothing of what it is made from is seen."""
        for axis in node.axes:
            self.ctx.builder.axis(axis)
        with self.ctx.at(node.span):
            arrays = [
                self.ctx.builder.data(self.ctx.builder.fresh("given"), type_)
                for type_ in (node.parts or (node.type,))
            ]
        self.known[id(node)] = arrays if node.parts else arrays[0]
        self.kept.append(node)

    def _captured(self, obj: Any) -> Any:
        """The value of an operation that a function among the arguments reads."""
        node = recorded(obj)
        if node is None:
            return None
        if id(node) not in self.known:
            self.captured[id(node)] = node
            self.stand_in(node)
        return self._seen(self.known[id(node)])

    def evaluate(self, target: Deferred) -> Any:
        """The value of an operation. Raises RejectedError and RuleError."""
        todo = [target]
        while todo:
            node = todo[-1]
            waiting = [p for p in node.parents if id(p) not in self.known]
            if waiting:
                todo.extend(waiting)
                continue
            todo.pop()
            if id(node) not in self.known:
                self.known[id(node)] = self._apply(node)
                self.kept.append(node)
        return self.known[id(target)]

    def _apply(self, node: Deferred) -> Any:
        ctx = self.ctx
        with ctx.at(node.span):
            for plate in node.plates:
                open_axis(ctx, Axis(plate.name, size=Size.of(plate.size)))
            ctx.plates = [Plate(plate.name, plate.span) for plate in node.plates]
            try:
                args = [self._argument(a) for a in node.args]
                kwargs = {key: self._argument(a) for key, a in node.kwargs.items()}
                result = self._operate(node.operation, args, kwargs)
                return tensor(ctx, result) if isinstance(result, Given) else result
            finally:
                ctx.plates = []

    def _operate(self, operation: str, args: list[Any], kwargs: Mapping[str, Any]) -> Any:
        import libcst as cst

        ctx = self.ctx
        if operation in OPERATORS:
            kind = OPERATORS[operation]
            if issubclass(kind, cst.BaseCompOp):
                return arithmetic.compare(ctx, kind(), *args)
            return arithmetic.binary(ctx, kind, *args)
        match operation:
            case "neg":
                return arithmetic.unary(ctx, cst.Minus(), *args)
            case "~":
                return arithmetic.unary(ctx, cst.BitInvert(), *args)
            case "abs":
                return elementwise.unary(ctx, "abs", x=args[0])
            case "[]":
                return subscript(ctx, args[0], args[1:])
            case "part":
                return self._seen(args[0][args[1]])
        return call(ctx, Ref(operation), args, kwargs)

    def _argument(self, obj: Any) -> Any:
        """An argument as the frontend has it."""
        node = recorded(obj)
        if node is not None:
            return self._seen(self.known[id(node)])
        if isinstance(obj, list):
            return [self._argument(item) for item in obj]
        if isinstance(obj, tuple):
            return tuple(self._argument(item) for item in obj)
        if isinstance(obj, dict):
            return {self._argument(key): self._argument(item) for key, item in obj.items()}
        if isinstance(obj, slice):
            return Slice(*(self._argument(part) for part in (obj.start, obj.stop, obj.step)))
        path = getattr(obj, "__ppc_name__", None)
        if isinstance(path, str):
            found = vocabulary.constant(path)
            return found[0] if found is not None else Ref(path)
        assert self.ctx.live is not None
        value = self.ctx.live("array", obj)
        return given(self.ctx, value) if isinstance(value, Given) else value

    def _seen(self, value: Any) -> Any:
        """A value as code sees it here: rows of plates that are closed are a leading dimension."""
        if not isinstance(value, Value):
            return value
        open_axes = {plate.axis for plate in self.ctx.plates}
        for axis in reversed(value.type.axes):
            if axis not in open_axes:
                value = self.ctx.op("from_axis", value, axis=axis)
        return value

    def site(self, value: Any) -> Sample | None:
        """The random variable that a value is."""
        node = self.ctx.builder.nodes.get(value.name) if isinstance(value, Value) else None
        return node if isinstance(node, Sample) else None

    def graph(self, targets: Mapping[str, Any]) -> Graph:
        """The graph with these values as its outputs."""
        for name, value in targets.items():
            self.ctx.builder.output(name, tensor(self.ctx, value))
        return self.ctx.builder.build()


def trace(node: Deferred) -> tuple[Any, Sample | None]:
    """The result of an operation on arrays of its parents' types, and the site that it is, if any.

    Costs the same however much the parents are made from. Raises CompileError.
    """
    recording = Recording()
    for parent in node.parents:
        # what a distribution is made from must be seen to be one
        made_of = node.operation.removeprefix("ppc.") in COMPOSED
        for known in parent.parents if made_of else (parent,):
            recording.stand_in(known)
    value = evaluated(recording, node)
    node.captured = tuple(recording.captured.values())
    if isinstance(value, Value):
        node.type = value.type
    elif isinstance(value, list | tuple):
        node.parts = tuple(v.type if isinstance(v, Value) else Tensor() for v in value)
    axes = {name: None for type_ in (*node.parts, node.type) for name in type_.axes}
    node.axes = tuple(recording.ctx.builder.axes[name] for name in axes)
    return value, recording.site(value)


def evaluated(recording: Recording, node: Deferred) -> Any:
    """The value of an operation. Raises CompileError with the place of the call that is wrong."""
    try:
        return recording.evaluate(node)
    except RejectedError as error:
        raise CompileError(error.mistake) from None
    except RuleError as error:
        mistake = wrong.ShapeMismatch(span=recording.ctx.builder.span, reason=error.reason)
        raise CompileError(mistake) from None
