"""Calls that a file makes outside its models: read, never run.

    p = m(k=2)                                          which model, with which hyperparameters
    SVI = inf.inference.SVI(q(k=2), epochs=100)         which guide, which settings of the fit
    p.fit({"x": x, "y": y}, SVI)                        which sites are observed

They may stand at the top level, under `if __name__ == "__main__":`, or in a function such as
`main`. What is not a literal, or a name bound once to one, is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

import libcst as cst

from ppc.diagnostics.base import CompileError
from ppc.ir.build import Builder
from ppc.ir.sizes import Size
from ppc.records import dataclass
from ppc.spans import Source, Span
from ppc_frontend.api import as_source, parsed
from ppc_frontend.blocks import frame_of, functions_in
from ppc_frontend.context import Assumptions, Context
from ppc_frontend.evaluate.expressions import evaluate
from ppc_frontend.scope import Frame, dotted, target_names
from ppc_frontend.source import ParsedModule, statements
from ppc_frontend.tensors import has_tensor
from ppc_frontend.values import NameOf, PoisonedError, Ref, RejectedError, UserFunction


@dataclass(frozen=True, slots=True)
class ModelCall:
    """`m(k=2)`: a model with hyperparameters; those that are no literals are in `unread`."""

    model: str
    settings: Mapping[str, Any]
    unread: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class InferenceCall:
    """`inf.inference.SVI(q(...), epochs=100)`; a guide given by a string is a family's name.

    Arguments that are no literals are in `unread`, and so is a `qmodel` that cannot be followed.
    """

    method: str  # "SVI", "VI"
    guide: ModelCall | str | None
    arguments: Mapping[str, Any]
    unread: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class FitCall:
    """`p.fit({"x": ...}, SVI)`; `observed` is None where the keys cannot be read."""

    model: ModelCall
    inference: InferenceCall | None
    observed: tuple[str, ...] | None
    span: Span


@dataclass(frozen=True, slots=True)
class FileCalls:
    """Every such call of a file, in the order of the text."""

    models: tuple[ModelCall, ...] = ()
    inferences: tuple[InferenceCall, ...] = ()
    fits: tuple[FitCall, ...] = ()

    @property
    def fit(self) -> FitCall | None:
        """The fit, where all fits of the file agree on model, guide and observed names."""
        first = self.fits[0] if self.fits else None
        if first is None or any(_facts(fit) != _facts(first) for fit in self.fits):
            return None
        return first

    @property
    def guides(self) -> tuple[str, ...]:
        """The models that are used as guides."""
        names = [i.guide.model for i in self.inferences if isinstance(i.guide, ModelCall)]
        return tuple(dict.fromkeys(names))

    def settings(self, model: str) -> dict[str, Any]:
        """The hyperparameters of a model on which all calls of it agree."""
        calls = [call for call in self.models if call.model == model]
        names = dict.fromkeys(name for call in calls for name in call.settings)
        agreed: dict[str, Any] = {}
        for name in names:
            values = [call.settings.get(name) for call in calls]
            if all(_equal(value, values[0]) for value in values):
                agreed[name] = values[0]
        return agreed


def _facts(fit: FitCall) -> tuple[Any, ...]:
    guide = fit.inference.guide if fit.inference else None
    name = guide.model if isinstance(guide, ModelCall) else guide
    return (fit.model.model, name, fit.observed)


def _equal(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(a == b)


def file_calls(source: str | Path | Source) -> FileCalls:
    """The calls of a file. Raises CompileError where it cannot be read or parsed."""
    module = parsed(as_source(source))
    reader = _Reader(module)
    models = {f.node: f for f in functions_in(module) if f.decorator}
    reader.parameters = {
        f.node.name.value: tuple(
            p.name.value for p in (*f.node.params.posonly_params, *f.node.params.params)
        )
        for f in models.values()
        if isinstance(f.node, cst.FunctionDef)
    }
    reader.block(module.tree, frame_of(reader.ctx, module), {})
    for found in functions_in(module):
        if isinstance(found.node, cst.FunctionDef) and not found.decorator:
            around = (*found.enclosing, found.node)
            frame = frame_of(reader.ctx, module, around)
            reader.block(found.node.body, frame, dict(reader.top))
    return FileCalls(tuple(reader.models), tuple(reader.inferences), tuple(reader.fits))


_Names = dict[str, Any]


@dataclass(slots=True)
class _Reader:
    module: ParsedModule
    parameters: dict[str, tuple[str, ...]] = field(default_factory=dict)
    models: list[ModelCall] = field(default_factory=list)
    inferences: list[InferenceCall] = field(default_factory=list)
    fits: list[FitCall] = field(default_factory=list)
    top: _Names = field(default_factory=dict)  # what the top level binds to such calls
    ctx: Context = field(default_factory=lambda: Context(Builder("calls", "model"), Assumptions()))

    def block(self, body: cst.Module | cst.BaseSuite, frame: Frame, names: _Names) -> None:
        """Read the statements of a block, and of blocks in it, in order."""
        for item in statements(body):
            match item:
                case cst.Assign(targets=[target]):
                    for part, value in _pairs(target.target, item.value):
                        found = self.expression(value, frame, names)
                        for name in target_names(part):
                            names[name] = found
                            if isinstance(body, cst.Module):
                                self.top[name] = found
                case cst.AnnAssign() if item.value is not None:
                    found = self.expression(item.value, frame, names)
                    for name in target_names(item.target):
                        names[name] = found
                case cst.Expr() | cst.Return():
                    self.expression(item.value, frame, names)
                case cst.If() | cst.For() | cst.With() | cst.Try() | cst.While():
                    for inner in _suites(item):
                        self.block(inner, frame, names)

    def expression(self, node: cst.CSTNode | None, frame: Frame, names: _Names) -> Any:
        """What an expression is: a call of a model or an inference, a dictionary, or None."""
        match node:
            case cst.Name():
                return names.get(node.value, self.top.get(node.value))
            case cst.Dict():
                return node
            case cst.Call():
                return self.call(node, frame, names)
            case cst.BaseExpression():
                for child in node.children:
                    self.expression(child, frame, names)
        return None

    def call(self, node: cst.Call, frame: Frame, names: _Names) -> Any:
        """A call: of a model, of an inference method, of `fit`."""
        name = dotted(node.func)
        if name in self.parameters and name not in names:
            return self._model(node, name, frame)
        if isinstance(node.func, cst.Attribute) and node.func.attr.value == "fit":
            owner = self.expression(node.func.value, frame, names)
            if isinstance(owner, ModelCall):
                return self._fit(node, owner, frame, names)
        if name:
            path = self._path(name, frame)
            if path.startswith("ppc.inference.") and path.count(".") == 2:
                return self._inference(node, path.rpartition(".")[2], frame, names)
            if path in ("ppc.datamodel", "ppc.plate"):
                return None
        self.expression(node.func, frame, names)
        for arg in node.args:
            self.expression(arg.value, frame, names)
        return node if name == "dict" else None

    def _path(self, name: str, frame: Frame) -> str:
        head, _, rest = name.partition(".")
        try:
            found = self._known(cst.Name(head), frame, head)
        except _UnreadError:
            return ""
        return f"{found.path}.{rest}".rstrip(".") if isinstance(found, Ref) else ""

    def _model(self, node: cst.Call, name: str, frame: Frame) -> ModelCall:
        settings: dict[str, Any] = {}
        unread: list[str] = []
        places = iter(self.parameters[name])
        for arg in node.args:
            key = arg.keyword.value if arg.keyword else next(places, None)
            if arg.star or key is None:
                continue
            try:
                settings[key] = self._literal(arg.value, frame)
            except _UnreadError:
                unread.append(key)
        call = ModelCall(name, settings, tuple(unread), self.module.span(node))
        self.models.append(call)
        return call

    def _inference(self, node: cst.Call, method: str, frame: Frame, names: _Names) -> InferenceCall:
        guide: Any = None
        arguments: dict[str, Any] = {}
        unread: list[str] = []
        order = iter(_INFERENCE_ARGUMENTS)
        for arg in node.args:
            key = arg.keyword.value if arg.keyword else next(order, "")
            if arg.star:
                continue
            try:
                if key == "qmodel":
                    guide = self._guide(arg.value, frame, names)
                else:
                    arguments[key] = self._literal(arg.value, frame)
            except _UnreadError:
                unread.append(key)
        span = self.module.span(node)
        call = InferenceCall(method, guide, arguments, tuple(unread), span)
        self.inferences.append(call)
        return call

    def _guide(
        self, node: cst.BaseExpression, frame: Frame, names: _Names
    ) -> ModelCall | str | None:
        """The guide that an argument is. Raises _UnreadError."""
        if isinstance(node, cst.Name) and node.value in self.parameters and node.value not in names:
            return ModelCall(node.value, {}, (), self.module.span(node))
        found = self.expression(node, frame, names)
        if isinstance(found, ModelCall):
            return found
        text = self._literal(node, frame)
        if text is None or isinstance(text, str):
            return text
        raise _UnreadError

    def _fit(self, node: cst.Call, model: ModelCall, frame: Frame, names: _Names) -> FitCall:
        given: dict[str, cst.BaseExpression] = {}
        order = iter(("data", "inference_method"))
        for arg in node.args:
            given[arg.keyword.value if arg.keyword else next(order, "")] = arg.value
        data = self.expression(given.get("data"), frame, names)
        inference = self.expression(given.get("inference_method"), frame, names)
        call = FitCall(
            model,
            inference if isinstance(inference, InferenceCall) else None,
            self._keys(data, frame),
            self.module.span(node),
        )
        self.fits.append(call)
        return call

    def _keys(self, data: Any, frame: Frame) -> tuple[str, ...] | None:
        if isinstance(data, cst.Call):  # dict(x=..., y=...)
            keys = [arg.keyword.value for arg in data.args if arg.keyword]
            return tuple(keys) if len(keys) == len(data.args) else None
        if not isinstance(data, cst.Dict):
            return None
        keys = []
        for element in data.elements:
            if not isinstance(element, cst.DictElement):
                return None
            try:
                key = self._literal(element.key, frame)
            except _UnreadError:
                return None
            keys.append(str(key))
        return tuple(keys)

    def _literal(self, node: cst.BaseExpression, frame: Frame) -> Any:
        """The value of an expression that is known from the text. Raises _UnreadError."""
        value = self._known(node, frame, "")
        if isinstance(value, UserFunction):
            if isinstance(node, cst.Name):
                return NameOf(node.value)
            raise _UnreadError
        if isinstance(value, Size) or has_tensor(value) or not _plain(value):
            raise _UnreadError
        return value

    def _known(self, node: cst.BaseExpression, frame: Frame, name: str) -> Any:
        try:
            if name:
                with self.ctx.at(self.module.span(self.module.tree)):
                    return frame.find(name)
            return evaluate(self.ctx, frame, node)
        except (RejectedError, PoisonedError, KeyError, CompileError):
            raise _UnreadError from None


class _UnreadError(Exception):
    """An expression whose value is not plain from the text."""


_INFERENCE_ARGUMENTS = ("qmodel", "loss", "optimizer", "epochs", "batch_size")


def _plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(_plain(item) for item in value)
    if isinstance(value, dict):
        return all(_plain(item) for item in value.values())
    return value is None or isinstance(value, bool | int | float | str | Ref)


def _pairs(target: cst.CSTNode, value: cst.CSTNode) -> Iterator[tuple[cst.CSTNode, cst.CSTNode]]:
    """The parts of `a, b = x, y`; the whole where it is no such assignment."""
    sides = target, value
    if all(isinstance(side, cst.Tuple) for side in sides):
        left, right = (side.elements for side in sides if isinstance(side, cst.Tuple))
        if len(left) == len(right):
            for one, other in zip(left, right, strict=True):
                yield one.value, other.value
            return
    yield sides


def _suites(item: cst.CSTNode) -> Iterator[cst.BaseSuite]:
    for child in item.children:
        if isinstance(child, cst.BaseSuite):
            yield child
        elif isinstance(child, cst.Else | cst.Finally | cst.ExceptHandler | cst.If):
            yield from _suites(child)
