"""Keras layers: their weights become Params, made at the first call, as Keras builds them.

A layer is declared once, as a `Kind` of `ppc_frontend.kinds`. To a layer the first axis that code
sees is the batch, as to Keras: in a plate the rows, elsewhere the first dimension.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any

from ppc.ir.build import Value
from ppc.ir.sizes import Size
from ppc.records import dataclass
from ppc.spans import Span
from ppc_frontend import sites, wrong
from ppc_frontend.context import Context
from ppc_frontend.initializers import Initializer, initial, initializer
from ppc_frontend.tensors import describe, tensor
from ppc_frontend.values import Ref

CallValue = Callable[[Context, Any, Sequence[Any], Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Drawn:
    """How a weight begins that is a random variable: as a standard normal, elementwise.

    It is a site of the model, outside all plates, called LAYER_WEIGHT. Where the guide has no
    factor of it, it gets one (`ppc.passes.meanfield`), so its divergence is in the loss once.
    """


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of layer is.

    `forward(call, **settings)` is its output, of a `Call`; `weights(call, **settings)` are shape
    and first value of each of its weights, by name. Settings that are called `activation` or end
    in `initializer` come as functions and as rules.
    """

    name: str  # which layers without a name are called, numbered
    signature: str  # Keras's
    forward: Callable[..., Any]
    weights: Callable[..., Mapping[str, tuple[Sequence[Size], Initializer | Drawn]]] | None = None


@dataclass(slots=True, eq=False)
class Layer:
    """A layer that was made; weights are there from its first call on."""

    kind: Kind
    settings: Mapping[str, Any]
    span: Span
    name: str = ""
    weights: dict[str, Value] | None = None
    described = "a Keras layer"


@dataclass(slots=True, eq=False)
class Sequential:
    """Layers one after the other."""

    layers: list[Any]
    span: Span
    name: str = ""
    described = "a Keras Sequential"


@dataclass(slots=True, eq=False)
class Call:
    """One call of a layer: its inputs, and its weights."""

    ctx: Context
    inputs: Any
    call: CallValue
    layer: Layer
    kept: dict[str, Value] = field(default_factory=dict)

    @property
    def x(self) -> Value:
        """The input, as floats."""
        return tensor(self.ctx, self.inputs, "f32")

    @property
    def rank(self) -> int:
        """The dimensions of the input that are not the batch."""
        x = self.x
        return x.type.rank if self.ctx.lead(x) else x.type.rank - 1

    def weight(self, name: str) -> Value:
        """A weight."""
        assert self.layer.weights is not None
        return self.layer.weights[name]

    def activated(self, x: Value, activation: Any) -> Any:
        """The activation of a value."""
        return x if activation is None else self.call(self.ctx, activation, [x], {})

    def needs(self, rank: int, words: str) -> None:
        """Refuse an input without these dimensions besides the batch."""
        if self.rank != rank:
            shape = self.ctx.visible(self.x)
            found = ", ".join(str(size) for size in shape)
            reason = f"a {self.layer.kind.name} layer takes shape (batch, {words}), not ({found})"
            self.ctx.refuse(wrong.ShapeMismatch(span=self.ctx.span, reason=reason))


def apply(ctx: Context, layer: Any, x: Any, call: CallValue) -> Any:
    """The output of a layer, or of anything that can be called in a Sequential."""
    match layer:
        case Layer():
            this = Call(ctx, x, call, layer)
            if layer.weights is None:
                layer.weights = _weights(this)
            return layer.kind.forward(this, **layer.settings)
        case Sequential():
            layer.name = layer.name or ctx.number("sequential")
            for i, part in enumerate(layer.layers):
                if isinstance(part, Layer | Sequential) and not part.name:
                    part.name = f"{layer.name}_{i}"
                x = apply(ctx, part, x, call)
            return x
    return call(ctx, layer, [x], {})


def _weights(this: Call) -> dict[str, Value]:
    """The weights of a layer, as Keras builds them for an input of this shape."""
    ctx, layer = this.ctx, this.layer
    if layer.kind.weights is None:
        return {}
    found = layer.kind.weights(this, **layer.settings)
    layer.name = layer.name or ctx.number(layer.kind.name)
    made = {}
    with ctx.at(layer.span):
        for part, (shape, rule) in found.items():
            if isinstance(rule, Drawn):
                made[part] = sites.weight(ctx, f"{layer.name}_{part}", shape)
                continue
            name = f"{layer.name}.{part}"
            first = initial(ctx, rule, shape, name)
            ctx.define(name, layer.span)
            made[part] = ctx.builder.param(name, first)
    return made


# --- rows of the vocabulary ----------------------------------------------------------------------

ACTIVATIONS = (
    "relu elu selu gelu silu swish softsign softplus sigmoid tanh softmax log_softmax linear"
).split()
# How a weight begins where a layer is not told: Keras's defaults.
_RULES = {"kernel": "glorot_uniform", "bias": "zeros", "embeddings": "random_uniform",
          "gamma": "ones", "beta": "zeros"}  # fmt: skip


def activation(ctx: Context, value: Any) -> Any:
    """An activation from a function, a string or None."""
    if isinstance(value, str):
        if value not in ACTIVATIONS:
            near = wrong.nearest(value, ACTIVATIONS)
            ctx.refuse(wrong.UnknownName(span=ctx.span, kind="activation", name=value, near=near))
        return None if value == "linear" else Ref(f"tensorflow.keras.activations.{value}")
    return value


def once(ctx: Context) -> None:
    """Refuse a layer that a loop makes in each of its rounds: each has weights of its own."""
    if ctx.loops:
        loop = ctx.loops[-1]
        what = "a layer that is made here"
        ctx.refuse(
            wrong.LoopNumber(
                span=ctx.span, what=what, variable=loop.variable, sizes=ctx.settable(loop),
                others=((loop.span, "the loop is here"),),
            )
        )  # fmt: skip


def make(ctx: Context, kind: Kind, *, name: Any = None, **given: Any) -> Layer:
    """`keras.layers.Dense(...)` and all others."""
    if kind.weights is not None:
        once(ctx)
    settings = {}
    for key, value in given.items():
        if key == "activation":
            value = activation(ctx, value)
        elif key.endswith("initializer"):
            default = _RULES[key.removesuffix("_initializer")]
            value = initializer(ctx, default if value is None else value)
        settings[key] = value
    return Layer(kind, settings, ctx.span, name or "")


def make_and_call(ctx: Context, kind: Kind, *, inputs: Any, **given: Any) -> Any:
    """`tf.layers.dense(inputs, units)`, `keras.layers.add([a, b])`: made and called at once."""
    from ppc_frontend.evaluate.calls import call

    return apply(ctx, make(ctx, kind, **given), inputs, call)


def make_sequential(ctx: Context, *, layers: Any, name: Any = None) -> Sequential:
    """`keras.Sequential([...])`."""
    once(ctx)
    items = [] if layers is None else layers
    if not isinstance(items, list | tuple):
        ctx.refuse(wrong.NotALayer(span=ctx.span, what=describe(layers)))
    return Sequential([item for item in items if item is not None], ctx.span, name or "")


def no_layer(ctx: Context, **_: Any) -> None:
    """`keras.Input(...)` inside a Sequential: sizes are inferred."""
