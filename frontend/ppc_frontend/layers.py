"""Keras layers: their weights become Params, made at the first call, as Keras builds them.

Initialisers are those of Keras (https://keras.io/api/layers/initializers), as arithmetic on noise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any

from ppc.ir.build import Value
from ppc.ir.primitives import show
from ppc.ir.sizes import Size
from ppc.ir.types import Tensor
from ppc.records import dataclass
from ppc.spans import Span
from ppc_frontend import wrong
from ppc_frontend.context import Context
from ppc_frontend.tensors import describe, size, tensor
from ppc_frontend.values import Ref
from ppc_frontend.vocabulary.base import Row

CallValue = Callable[[Context, Any, Sequence[Any], Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Initializer:
    """How a weight begins: the name of a rule, with its settings."""

    rule: str
    settings: tuple[tuple[str, Any], ...] = ()
    described = "an initializer"


# Rule to (scale, which fan, distribution), Keras's VarianceScaling.
_SCALING: Mapping[str, tuple[float, str, str]] = {
    "glorot_uniform": (1.0, "avg", "uniform"),
    "glorot_normal": (1.0, "avg", "truncated"),
    "he_uniform": (2.0, "in", "uniform"),
    "he_normal": (2.0, "in", "truncated"),
    "lecun_uniform": (1.0, "in", "uniform"),
    "lecun_normal": (1.0, "in", "truncated"),
}
_PLAIN = ("zeros", "ones", "constant", "random_normal", "random_uniform", "truncated_normal")
RULES = (*_SCALING, *_PLAIN)


def rule_name(name: str) -> str:
    """`GlorotUniform` and `glorot_uniform` are one rule."""
    snake = "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")
    return {"glorot_uniform_initializer": "glorot_uniform", "xavier_uniform": "glorot_uniform",
            "zero": "zeros", "one": "ones"}.get(snake, snake)  # fmt: skip


@dataclass(slots=True, eq=False)
class Dense:
    """`activation(x @ kernel + bias)`; kernel f32[in, units], bias f32[units]."""

    units: Size
    activation: Any
    use_bias: bool
    kernel_initializer: Initializer
    bias_initializer: Initializer
    span: Span
    name: str = ""
    default_name: str = "dense"
    weights: tuple[Value, ...] = ()
    described = "a Keras layer"


@dataclass(slots=True, eq=False)
class Sequential:
    """Layers one after the other."""

    layers: list[Any]
    span: Span
    name: str = ""
    default_name: str = "sequential"
    described = "a Keras Sequential"


@dataclass(slots=True, eq=False)
class Activation:
    """A layer without weights."""

    function: Any
    span: Span
    settings: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    described = "a Keras layer"


Layer = Dense | Sequential | Activation


def apply(ctx: Context, layer: Any, x: Any, call: CallValue) -> Any:
    """The output of a layer, or of anything that can be called in a Sequential."""
    match layer:
        case Dense():
            return _dense(ctx, layer, x, call)
        case Sequential():
            name = _named(ctx, layer)
            for i, part in enumerate(layer.layers):
                if isinstance(part, Dense | Sequential) and not part.name:
                    part.name = f"{name}_{i}"
                x = apply(ctx, part, x, call)
            return x
        case Activation():
            return call(ctx, layer.function, [x], layer.settings)
    return call(ctx, layer, [x], {})


def _named(ctx: Context, layer: Dense | Sequential) -> str:
    if not layer.name:
        layer.name = ctx.number(layer.default_name)
    return layer.name


def _dense(ctx: Context, layer: Dense, x: Any, call: CallValue) -> Any:
    value = tensor(ctx, x, "f32")
    if not value.type.rank:
        reason = f"a Dense layer needs a last axis to act on, not shape {show(ctx.visible(value))}"
        ctx.refuse(wrong.ShapeMismatch(span=ctx.span, reason=reason))
    if not layer.weights:
        _named(ctx, layer)
        with ctx.at(layer.span):
            layer.weights = _weights(ctx, layer, value.type.shape[-1])
    output = ctx.op("matmul", value, layer.weights[0])
    if layer.use_bias:
        output = ctx.builder.op("add", output, layer.weights[1])
    return output if layer.activation is None else call(ctx, layer.activation, [output], {})


def _weights(ctx: Context, layer: Dense, fan_in: Size) -> tuple[Value, ...]:
    shapes = {"kernel": (fan_in, layer.units), "bias": (layer.units,)}
    rules = {"kernel": layer.kernel_initializer, "bias": layer.bias_initializer}
    weights = []
    for part in ("kernel", "bias") if layer.use_bias else ("kernel",):
        name = f"{layer.name}.{part}"
        first = initial(ctx, rules[part], shapes[part], name)
        ctx.define(name, layer.span)
        weights.append(ctx.builder.param(name, first))
    return tuple(weights)


def initial(ctx: Context, rule: Initializer, shape: Sequence[Size], site: str) -> Value:
    """The first value of a weight of `shape` f32[fan_in, fan_out] or f32[units]."""
    settings = dict(rule.settings)
    type_ = Tensor("f32", (), tuple(shape))
    hint = site.replace(".", "_") + "_noise"
    if rule.rule in {"zeros", "ones", "constant"}:
        default = {"zeros": 0.0, "ones": 1.0}.get(rule.rule, 0.0)
        return ctx.builder.full(float(settings.get("value", default)), type_)
    if rule.rule in _SCALING:
        scale, fan, distribution = _SCALING[rule.rule]
        fan_in, fan_out = shape[0], shape[-1]
        count = ctx.builder.dim(fan_in if fan == "in" else fan_in + fan_out)
        scale = scale if fan == "in" else 2.0 * scale
        noise = ctx.builder.noise(hint, "uniform", type_, site=site)
        if distribution == "uniform":
            limit = ctx.op("sqrt", ctx.op("div", 3.0 * scale, count))
            return ctx.op("mul", ctx.op("sub", ctx.op("mul", noise, 2.0), 1.0), limit)
        # A normal cut at two deviations has this standard deviation.
        deviation = ctx.op("sqrt", ctx.op("div", scale, count))
        deviation = ctx.op("div", deviation, 0.87962566103423978)
        return ctx.op("mul", _truncated(ctx, noise), deviation)
    if rule.rule == "random_uniform":
        low, high = settings.get("minval", -0.05), settings.get("maxval", 0.05)
        noise = ctx.builder.noise(hint, "uniform", type_, site=site)
        return ctx.op("add", ctx.op("mul", noise, high - low), low)
    mean, deviation = settings.get("mean", 0.0), settings.get("stddev", 0.05)
    if rule.rule == "truncated_normal":
        unit = _truncated(ctx, ctx.builder.noise(hint, "uniform", type_, site=site))
    else:
        unit = ctx.builder.noise(hint, "normal", type_, site=site)
    scaled = ctx.op("mul", unit, deviation)
    return ctx.op("add", scaled, mean) if mean else scaled


def _truncated(ctx: Context, uniform: Value) -> Value:
    """A standard normal within two deviations, by its inverse distribution function."""
    low, high = 0.022750131948179207, 0.9772498680518208  # the distribution function at -2 and 2
    return ctx.op("ndtri", ctx.op("add", ctx.op("mul", uniform, high - low), low))


# --- rows of the vocabulary ----------------------------------------------------------------------

ACTIVATIONS = (
    "relu elu selu gelu silu swish softsign softplus sigmoid tanh softmax log_softmax linear"
).split()


def activation(ctx: Context, value: Any) -> Any:
    """An activation from a function, a string or None."""
    if isinstance(value, str):
        if value not in ACTIVATIONS:
            near = wrong.nearest(value, ACTIVATIONS)
            ctx.refuse(wrong.UnknownName(span=ctx.span, kind="activation", name=value, near=near))
        return None if value == "linear" else Ref(f"tensorflow.keras.activations.{value}")
    return value


def initializer(ctx: Context, value: Any) -> Initializer:
    """An initializer from a string, an object or a class."""
    if isinstance(value, Initializer):
        return value
    name = value if isinstance(value, str) else None
    if isinstance(value, Ref):
        name = value.path.rpartition(".")[2]
    if name is None:
        ctx.refuse(wrong.NotKnown(span=ctx.span, what="an initializer", found=describe(value)))
    if rule_name(name) not in RULES:
        near = wrong.nearest(name, RULES)
        ctx.refuse(wrong.UnknownName(span=ctx.span, kind="initializer", name=name, near=near))
    return Initializer(rule_name(name))


def _once(ctx: Context) -> None:
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


def make_dense(
    ctx: Context, *, units: Any, activation_: Any, use_bias: Any, kernel: Any, bias: Any,
    name: Any = None,
) -> Dense:  # fmt: skip
    """`keras.layers.Dense(...)`."""
    _once(ctx)
    return Dense(
        units=size(ctx, units),
        activation=activation(ctx, activation_),
        use_bias=bool(use_bias),
        kernel_initializer=initializer(ctx, "glorot_uniform" if kernel is None else kernel),
        bias_initializer=initializer(ctx, "zeros" if bias is None else bias),
        span=ctx.span,
        name=name or "",
    )


def dense(ctx: Context, *, inputs: Any, **settings: Any) -> Any:
    """`tf.layers.dense(inputs, units, ...)` of TensorFlow 1: a layer that is made and called."""
    from ppc_frontend.evaluate.calls import call

    return apply(ctx, make_dense(ctx, **settings), inputs, call)


def make_sequential(ctx: Context, *, layers: Any, name: Any = None) -> Sequential:
    """`keras.Sequential([...])`."""
    _once(ctx)
    items = [] if layers is None else layers
    if not isinstance(items, list | tuple):
        ctx.refuse(wrong.NotALayer(span=ctx.span, what=describe(layers)))
    return Sequential([item for item in items if item is not None], ctx.span, name or "")


def make_activation(ctx: Context, *, function: Any, name: Any = None) -> Activation:
    """`keras.layers.Activation("relu")`."""
    chosen = activation(ctx, function) or Ref("tensorflow.keras.activations.linear")
    return Activation(chosen, ctx.span)


def make_fixed_activation(ctx: Context, path: str, **settings: Any) -> Activation:
    """`keras.layers.ReLU()` and its kin."""
    return Activation(Ref(path), ctx.span, {k: v for k, v in settings.items() if v is not None})


def no_layer(ctx: Context, **_: Any) -> None:
    """`keras.Input(...)` inside a Sequential: sizes are inferred."""


def make_initializer(ctx: Context, rule: str, **settings: Any) -> Initializer:
    """`keras.initializers.RandomNormal(stddev=0.1)` and its kin."""
    for name, value in settings.items():
        if not isinstance(value, int | float):
            ctx.refuse(wrong.NotKnown(span=ctx.span, what=name, found=describe(value)))
    return Initializer(rule, tuple(settings.items()))


_DENSE = (
    "units, activation:activation_=None, use_bias=True, kernel_initializer:kernel=None, "
    "bias_initializer:bias=None, kernel_regularizer:-=None, bias_regularizer:-=None, "
    "activity_regularizer:-=None, kernel_constraint:-=None, bias_constraint:-=None, *, name=None, "
    "input_shape:_=None, input_dim:_=None, dtype:_=None, trainable:-=True"
)


def rows() -> dict[str, Row]:
    """By name below `tensorflow.`."""
    initializers = {
        "Zeros": "", "Ones": "", "Constant": "value=0.0",
        "RandomNormal": "mean=0.0, stddev=0.05, seed:_=None",
        "TruncatedNormal": "mean=0.0, stddev=0.05, seed:_=None",
        "RandomUniform": "minval=-0.05, maxval=0.05, seed:_=None",
        **dict.fromkeys(("GlorotUniform", "GlorotNormal", "HeUniform", "HeNormal"), "seed:_=None"),
        **dict.fromkeys(("LecunUniform", "LecunNormal"), "seed:_=None"),
    }  # fmt: skip
    nn = "tensorflow.nn."
    return {
        "keras.Sequential": Row("layers=None, name=None", make_sequential),
        "keras.models.Sequential": Row("layers=None, name=None", make_sequential),
        "keras.layers.Dense": Row(_DENSE, make_dense),
        "layers.dense": Row(f"inputs, {_DENSE}, reuse:-=None", dense),
        "keras.layers.Activation": Row("activation:function, *, name=None", make_activation),
        "keras.layers.ReLU": Row("*, name:_=None", make_fixed_activation, (nn + "relu",)),
        "keras.layers.Softmax": Row("axis=-1", make_fixed_activation, (nn + "softmax",)),
        "keras.layers.ELU": Row("alpha:-=1.0", make_fixed_activation, (nn + "elu",)),
        "keras.layers.LeakyReLU": Row(
            "negative_slope:alpha=0.3", make_fixed_activation, (nn + "leaky_relu",)
        ),
        "keras.layers.InputLayer": Row("*_, input_shape:__=None, shape:___=None", no_layer),
        "keras.layers.Input": Row("shape:_=None", no_layer),
        "keras.Input": Row("shape:_=None", no_layer),
        **{
            f"keras.initializers.{name}": Row(text, make_initializer, (rule_name(name),))
            for name, text in initializers.items()
        },
        **dict.fromkeys((f"keras.initializers.{r}" for r in RULES), Row("*_", _refuse_rule)),
    }  # fmt: skip


def _refuse_rule(ctx: Context, **_: Any) -> None:
    reason = "a function of keras.initializers used by itself; pass its name or its class"
    ctx.refuse(wrong.NotALayer(span=ctx.span, what=reason))
