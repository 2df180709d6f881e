"""Keras's initialisers (https://keras.io/api/layers/initializers), as arithmetic on noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ppc.ir.build import Value
from ppc.ir.sizes import Size, product
from ppc.ir.types import Tensor
from ppc.records import dataclass
from ppc_frontend import wrong
from ppc_frontend.context import Context
from ppc_frontend.tensors import describe
from ppc_frontend.values import Ref
from ppc_frontend.vocabulary.base import Row


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
            "zero": "zeros", "one": "ones", "uniform": "random_uniform",
            "normal": "random_normal"}.get(snake, snake)  # fmt: skip


def fans(shape: Sequence[Size]) -> tuple[Size, Size]:
    """How many inputs and outputs a weight connects: of f32[in, out] or f32[window..., in, out]."""
    if len(shape) < 2:
        return shape[0], shape[0]
    window = product(shape[:-2])
    return window * shape[-2], window * shape[-1]


def initial(ctx: Context, rule: Initializer, shape: Sequence[Size], site: str) -> Value:
    """The first value of a weight of `shape`; see `fans` for what its dimensions are."""
    settings = dict(rule.settings)
    type_ = Tensor("f32", (), tuple(shape))
    hint = site.replace(".", "_") + "_noise"
    if rule.rule in {"zeros", "ones", "constant"}:
        default = {"zeros": 0.0, "ones": 1.0}.get(rule.rule, 0.0)
        return ctx.builder.full(float(settings.get("value", default)), type_)
    if rule.rule in _SCALING:
        scale, fan, distribution = _SCALING[rule.rule]
        fan_in, fan_out = fans(shape)
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


def make_initializer(ctx: Context, rule: str, **settings: Any) -> Initializer:
    """`keras.initializers.RandomNormal(stddev=0.1)` and its kin."""
    for name, value in settings.items():
        if not isinstance(value, int | float):
            ctx.refuse(wrong.NotKnown(span=ctx.span, what=name, found=describe(value)))
    return Initializer(rule, tuple(settings.items()))


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
    return {
        **{
            f"keras.initializers.{name}": Row(text, make_initializer, (rule_name(name),))
            for name, text in initializers.items()
        },
        **dict.fromkeys((f"keras.initializers.{r}" for r in RULES), Row("*_", _refuse_rule)),
    }


def _refuse_rule(ctx: Context, **_: Any) -> None:
    reason = "a function of keras.initializers used by itself; pass its name or its class"
    ctx.refuse(wrong.NotALayer(span=ctx.span, what=reason))
