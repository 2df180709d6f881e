"""Losses of the user, `f(pvars, qvars, **kwargs)`: read from their source, like models.

The function is evaluated on the random variables of model and guide where these have become values
(`ppc.objective.own`), with every plate open: a value with rows has them as its leading dimension.
Unlike a model, a loss may sum and average over rows, of which those that pad a batch are left out.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ppc.diagnostics.base import CompileError
from ppc.ir.build import Builder, Value
from ppc.records import dataclass
from ppc.spans import Source, Span
from ppc_frontend import wrong
from ppc_frontend.api import parsed
from ppc_frontend.blocks import frame_of
from ppc_frontend.context import Assumptions, Context, Plate
from ppc_frontend.evaluate.calls import call
from ppc_frontend.live import Live
from ppc_frontend.source import ParsedModule, parse_live
from ppc_frontend.tensors import describe, tensor
from ppc_frontend.values import PoisonedError, RejectedError, UserFunction
from ppc_frontend.variables import SiteVariable

MOST = 10_000  # elements of an array that a loss reads; it becomes a constant of the program


@dataclass(slots=True, eq=False)
class OwnLoss:
    """A loss of the user, ready to be evaluated: a `LossFunction` of `ppc.objective.own`."""

    name: str
    span: Span
    function: Callable[[Context], UserFunction]

    def __call__(
        self, builder: Builder, model: Mapping[str, Any], guide: Mapping[str, Any], settings: Any
    ) -> Value:
        """The loss as a number. Raises CompileError with the mistakes in it."""
        ctx = Context(builder, Assumptions())
        ctx.plates = [Plate(name, self.span) for name in builder.axes]
        ctx.counted = settings.counted
        with ctx.at(self.span):
            try:
                function = self.function(ctx)
                roles = ({n: SiteVariable(v) for n, v in role.items()} for role in (model, guide))
                result = call(ctx, function, list(roles), _accepted(function, settings))
                value = self._number(ctx, result)
            except RejectedError as error:
                raise CompileError([*ctx.mistakes, error.mistake]) from None
            except PoisonedError:
                raise CompileError(ctx.mistakes) from None
        if ctx.mistakes:
            raise CompileError(ctx.mistakes)
        for name, hint in ctx.hints.items():
            if name in builder.nodes:
                builder.suggest(builder.value(name), hint)
        return value

    def _number(self, ctx: Context, result: Any) -> Value:
        """The result as one number. Refuses anything else."""
        if result is None:
            ctx.refuse(wrong.LossNotANumber(span=self.span, name=self.name, found="nothing"))
        value = tensor(ctx, result, "f32")
        if ctx.visible(value):
            found = describe(result)
            shape = tuple(str(size) for size in ctx.visible(value))
            ctx.refuse(wrong.LossNotANumber(span=self.span, name=self.name, found=found,
                                            shape=shape))  # fmt: skip
        return value


def _accepted(function: UserFunction, settings: Any) -> dict[str, Any]:
    """The keywords that a loss is called with: of those that it takes."""
    given = {"plate_size": settings.plate_size, "batch_weight": settings.batch_weight}
    params = function.node.params
    names = {p.name.value for p in (*params.params, *params.kwonly_params)}
    everything = params.star_kwarg is not None
    return {k: v for k, v in given.items() if v is not None and (everything or k in names)}


@dataclass(slots=True, eq=False)
class _LiveLoss(Live):
    """Live objects for a loss: its arrays are constants."""

    def _array(self, name: str, obj: Any) -> Any:
        import numpy as np

        array = np.asarray(obj)
        if array.ndim == 0:
            return array.item()
        if array.dtype.kind not in "biuf" or not 0 < array.size <= MOST:
            kind = f"an array of {array.size} elements of {array.dtype}"
            self.ctx.refuse(wrong.UnsupportedObject(span=self.ctx.span, name=name, kind=kind))
        return tensor(self.ctx, array.tolist())


def live_loss(function: Callable[..., Any]) -> OwnLoss:
    """The loss that a live function or lambda is. Raises CompileError where it has no source."""
    plain: Any = inspect.unwrap(function)
    assert isinstance(plain, types.FunctionType)
    module, node = parse_live(plain)

    def of(ctx: Context) -> UserFunction:
        live = _LiveLoss(ctx)
        ctx.live = live.value
        found = live.value(plain.__name__, plain)
        assert isinstance(found, UserFunction)
        return found

    place = getattr(node, "name", node)
    return OwnLoss(plain.__name__, module.span(place), of)


def loss_in(source: Source, name: str) -> OwnLoss:
    """The loss that a name of a file is: a function of its own, or of a file that it imports."""
    module = parsed(source)
    scratch = Context(Builder("loss", "model"), Assumptions())
    function = _of_file(module, name, scratch)
    place = getattr(function.node, "name", function.node)
    return OwnLoss(name, function.module.span(place), partial(_of_file, module, name))


def _of_file(module: ParsedModule, name: str, ctx: Context) -> UserFunction:
    with ctx.at(module.span(module.tree)):
        found = frame_of(ctx, module).find(name)
    assert isinstance(found, UserFunction)  # `filecalls` has seen that it is one
    return found
