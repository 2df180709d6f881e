"""The layers that there are: each with Keras's signature, its weights, and its output.

Source: https://keras.io/api/layers; the order of dimensions is "channels_last".
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ppc.ir.build import Value
from ppc.ir.sizes import Size, product
from ppc.ir.types import Tensor
from ppc_frontend import initializers as first
from ppc_frontend import windows, wrong
from ppc_frontend.initializers import Initializer
from ppc_frontend.layers import (
    Call,
    Drawn,
    Kind,
    make,
    make_and_call,
    make_sequential,
    no_layer,
)
from ppc_frontend.tensors import describe, elements, integer, size, tensor
from ppc_frontend.values import Ref
from ppc_frontend.vocabulary import builders, elementwise, parts
from ppc_frontend.vocabulary.base import Row

Weights = Mapping[str, tuple[Sequence[Size], Initializer | Drawn]]

_NO = "=None, activity_regularizer:-=None, kernel_constraint:-=None, bias_constraint:-=None"
_WEIGHTS = (
    "activation=None, use_bias=True, kernel_initializer=None, bias_initializer=None, "
    f"kernel_regularizer:-=None, bias_regularizer:-{_NO}"
)
_ENDS = "*, name=None, dtype:_=None, trainable:-=True, input_shape:_=None, input_dim:_=None"


# --- matrix products ------------------------------------------------------------------------------


def _dense_weights(this: Call, units: Any, use_bias: Any, **rules: Any) -> Weights:
    if not this.x.type.rank:
        reason = "a Dense layer needs a last axis to act on, not shape ()"
        this.ctx.refuse(wrong.ShapeMismatch(span=this.ctx.span, reason=reason))
    return _affine(this, (this.x.type.shape[-1],), units, use_bias, **rules)


def _affine(
    this: Call, shape: Sequence[Size], units: Any, use_bias: Any, *, kernel_initializer: Any,
    bias_initializer: Any, **_: Any,
) -> Weights:  # fmt: skip
    out = size(this.ctx, units)
    found = {"kernel": ((*shape, out), kernel_initializer)}
    return {**found, "bias": ((out,), bias_initializer)} if use_bias else found


def _with_bias(this: Call, x: Value, use_bias: Any, activation: Any) -> Any:
    if use_bias:
        x = this.ctx.builder.op("add", x, this.weight("bias"))
    return this.activated(x, activation)


def _dense(this: Call, use_bias: Any, activation: Any, **_: Any) -> Any:
    return _with_bias(this, this.ctx.op("matmul", this.x, this.weight("kernel")), use_bias,
                      activation)  # fmt: skip


def _drawn(weights: Callable[..., Weights], this: Call, **settings: Any) -> Weights:
    """The weights of a layer with a kernel that is drawn; TFP's bias starts at N(0, 0.1)."""
    bias = Initializer("random_normal", (("stddev", 0.1),))
    rules = {"kernel_initializer": Drawn(), "bias_initializer": bias}
    return weights(this, use_bias=True, **rules, **settings)


def _with_drawn(forward: Callable[..., Any], this: Call, **settings: Any) -> Any:
    return forward(this, use_bias=True, **settings)


def _embedding_weights(
    this: Call, input_dim: Any, output_dim: Any, embeddings_initializer: Any
) -> Weights:
    shape = size(this.ctx, input_dim), size(this.ctx, output_dim)
    return {"embeddings": (shape, embeddings_initializer)}


def _embedding(this: Call, **_: Any) -> Any:
    index = tensor(this.ctx, this.inputs, "i32")
    return builders.take(this.ctx, x=this.weight("embeddings"), indices=index, axis=0)


# --- windows --------------------------------------------------------------------------------------


def _each(this: Call, value: Any, rank: int, what: str) -> list[int]:
    """A number for each spatial axis, from one or as many."""
    items = list(value) if isinstance(value, list | tuple) else [value] * rank
    if len(items) != rank:
        found = describe(value)
        this.ctx.refuse(wrong.NotKnown(span=this.ctx.span, what=f"{rank} numbers", found=found))
    return [integer(this.ctx, item, what) for item in items]


def _padding(this: Call, value: Any) -> str:
    if value not in ("valid", "same"):
        kind = "padding"
        near = wrong.nearest(str(value), ("valid", "same"))
        this.ctx.refuse(
            wrong.UnknownName(span=this.ctx.span, kind=kind, name=str(value), near=near)
        )
    return str(value)


_SPATIAL = {1: "steps, channels", 2: "height, width, channels"}


def _conv_weights(rank: int, this: Call, filters: Any, kernel_size: Any, **rest: Any) -> Weights:
    this.needs(rank + 1, _SPATIAL[rank])
    sizes = [Size.of(n) for n in _each(this, kernel_size, rank, "a size of a kernel")]
    return _affine(this, (*sizes, this.x.type.shape[-1]), filters, **rest)


def _conv(
    rank: int, this: Call, *, kernel_size: Any, strides: Any, padding: Any, dilation_rate: Any,
    use_bias: Any, activation: Any, **_: Any,
) -> Any:  # fmt: skip
    this.needs(rank + 1, _SPATIAL[rank])
    sizes, steps, rates = (
        _each(this, value, rank, what)
        for value, what in ((kernel_size, "a size of a kernel"), (strides, "a stride"),
                            (dilation_rate, "a dilation"))
    )  # fmt: skip
    found = windows.patches(this.ctx, this.x, sizes, steps, rates, _padding(this, padding))
    result = windows.convolved(this.ctx, found, this.weight("kernel"))
    return _with_bias(this, result, use_bias, activation)


def _transpose_weights(
    rank: int, this: Call, filters: Any, kernel_size: Any, use_bias: Any, *,
    kernel_initializer: Any, bias_initializer: Any, **_: Any,
) -> Weights:  # fmt: skip
    this.needs(rank + 1, _SPATIAL[rank])
    sizes = [Size.of(n) for n in _each(this, kernel_size, rank, "a size of a kernel")]
    out = size(this.ctx, filters)
    found = {"kernel": ((*sizes, out, this.x.type.shape[-1]), kernel_initializer)}
    return {**found, "bias": ((out,), bias_initializer)} if use_bias else found


def _conv_transpose(
    rank: int, this: Call, *, strides: Any, padding: Any, use_bias: Any, activation: Any, **_: Any
) -> Any:
    this.needs(rank + 1, _SPATIAL[rank])
    steps = _each(this, strides, rank, "a stride")
    kernel = this.weight("kernel")
    result = windows.transposed(this.ctx, this.x, kernel, steps, _padding(this, padding))
    return _with_bias(this, result, use_bias, activation)


def _pool(
    rank: int, mean: bool, this: Call, *, pool_size: Any, strides: Any, padding: Any
) -> Value:
    this.needs(rank + 1, _SPATIAL[rank])
    ctx, how = this.ctx, _padding(this, padding)
    sizes = _each(this, pool_size, rank, "a size of a pool")
    steps = _each(this, pool_size if strides is None else strides, rank, "a stride")
    ones = [1] * rank
    fill = 0.0 if mean else float("-inf")
    found = windows.patches(ctx, this.x, sizes, steps, ones, how, fill)
    axes = tuple(range(-rank - 1, -1))
    if not mean:
        return ctx.builder.op("max", found, axes=axes)
    total = ctx.builder.op("sum", found, axes=axes)
    if how == "valid":
        return ctx.builder.op("div", total, float(functools.reduce(lambda a, b: a * b, sizes)))
    whole = ctx.builder.full(1.0, Tensor("f32", (), (*this.x.type.shape[-rank - 1 : -1],
                                                     Size.of(1))))  # fmt: skip
    counted = windows.patches(ctx, whole, sizes, steps, ones, how)
    return ctx.builder.op("div", total, ctx.builder.op("sum", counted, axes=axes))


def _global_pool(rank: int, mean: bool, this: Call, *, keepdims: Any) -> Value:
    this.needs(rank + 1, _SPATIAL[rank])
    axes = list(range(-rank - 1, -1))
    if mean:
        return builders.mean(this.ctx, x=this.x, axis=axes, keepdims=keepdims)
    result: Value = builders.reduction(this.ctx, "max", x=this.x, axis=axes, keepdims=keepdims)
    return result


def _upsampled(rank: int, this: Call, *, size: Any) -> Value:
    this.needs(rank + 1, _SPATIAL[rank])
    x = this.x
    for i, times in enumerate(_each(this, size, rank, "a factor")):
        at, shape = i - rank - 1, list(x.type.shape)
        at_end = x.type.rank + at + 1
        wide = [*shape[:at_end], Size.of(times), *shape[at_end:]]
        shape[at] = shape[at] * times
        one = this.ctx.builder.op("expand_dims", x, axis=at)
        repeated = this.ctx.builder.op("broadcast_to", one, shape=tuple(wide))
        x = this.ctx.builder.op("reshape", repeated, shape=tuple(shape))
    return x


def _zero_padded(rank: int, this: Call, *, padding: Any) -> Value:
    this.needs(rank + 1, _SPATIAL[rank])
    x = this.x
    if rank == 1 and isinstance(padding, list | tuple):
        padding = [padding]
    items = list(padding) if isinstance(padding, list | tuple) else [padding] * rank
    for i, item in enumerate(items[:rank]):
        before, behind = _each(this, item, 2, "an amount of padding")
        x = windows.padded(this.ctx, x, i - rank - 1, before, behind)
    return x


# --- shapes ---------------------------------------------------------------------------------------


def _batch(this: Call) -> tuple[Size, ...]:
    """The sizes in front of those that are not the batch: none in a plate."""
    return this.x.type.shape[: this.x.type.rank - this.rank]


def _flatten(this: Call) -> Value:
    x = tensor(this.ctx, this.inputs)
    rest = x.type.shape[x.type.rank - this.rank :]
    return this.ctx.builder.op("reshape", x, shape=(*_batch(this), product(rest)))


def _reshape(this: Call, *, target_shape: Any) -> Value:
    x = tensor(this.ctx, this.inputs)
    wanted = target_shape if isinstance(target_shape, list | tuple) else (target_shape,)
    front: list[Any] = [-1] * this.ctx.lead(x) or [*_batch(this)]
    return builders.reshape(this.ctx, x=x, shape_=[*front, *wanted])


def _permute(this: Call, *, dims: Any) -> Value:
    x = tensor(this.ctx, this.inputs)
    wanted = _each(this, dims, this.rank, "an axis")
    kept = range(-x.type.rank, -this.rank)
    perm = (*kept, *(at - 1 - this.rank for at in wanted))
    return this.ctx.builder.op("transpose", x, perm=perm)


def _repeat(this: Call, *, n: Any) -> Value:
    this.needs(1, "features")
    x = this.ctx.builder.op("expand_dims", this.x, axis=-2)
    shape = (*_batch(this), size(this.ctx, n), x.type.shape[-1])
    return this.ctx.builder.op("broadcast_to", x, shape=shape)


# --- several inputs -------------------------------------------------------------------------------


def _inputs(this: Call, least: int = 1) -> list[Value]:
    found = elements(this.ctx, this.inputs, "a list of tensors")
    if len(found) < least:
        what = f"a list of {least} tensors"
        found_ = f"a list of {len(found)}"
        this.ctx.refuse(wrong.NotKnown(span=this.ctx.span, what=what, found=found_))
    return [tensor(this.ctx, item, "f32") for item in found]


def _merged(primitive: str, this: Call) -> Value:
    """The inputs joined by an operation, from left to right."""
    found = _inputs(this, 2)
    return functools.reduce(lambda a, b: this.ctx.op(primitive, a, b), found)


def _average(this: Call) -> Value:
    return this.ctx.op("div", _merged("add", this), float(len(_inputs(this))))


def _concatenated(this: Call, *, axis: Any) -> Value:
    return parts.concat(this.ctx, parts=_inputs(this), axis=axis)


# --- elementwise ----------------------------------------------------------------------------------


def _activation(this: Call, *, activation: Any) -> Any:
    return this.inputs if activation is None else this.activated(this.inputs, activation)


def _lambda(this: Call, *, function: Any) -> Any:
    return this.call(this.ctx, function, [this.inputs], {})


def _relu(this: Call, *, max_value: Any, negative_slope: Any, threshold: Any) -> Value:
    ctx, x = this.ctx, this.x
    if threshold or negative_slope:
        below = ctx.op("mul", ctx.op("sub", x, float(threshold)), float(negative_slope))
        result = ctx.op("where", ctx.op("ge", x, float(threshold)), x, below)
    else:
        result = ctx.op("relu", x)
    return result if max_value is None else ctx.op("minimum", result, float(max_value))


def _elu(this: Call, *, alpha: Any) -> Value:
    return elementwise.elu(this.ctx, x=this.x, alpha=alpha)


def _leaky_relu(this: Call, *, alpha: Any) -> Any:
    return this.call(this.ctx, Ref("tensorflow.nn.leaky_relu"), [this.inputs], {"alpha": alpha})


def _softmax(this: Call, *, axis: Any) -> Any:
    return this.call(this.ctx, Ref("tensorflow.nn.softmax"), [this.inputs], {"axis": axis})


def _rescaled(this: Call, *, scale: Any, offset: Any) -> Value:
    x = this.ctx.op("mul", this.x, elementwise.operand(this.ctx, scale))
    return this.ctx.op("add", x, elementwise.operand(this.ctx, offset)) if offset else x


def _norm_axes(this: Call, axis: Any) -> list[int]:
    items = axis if isinstance(axis, list | tuple) else [axis]
    what = "normalising"
    found = [this.ctx.axis(this.x, integer(this.ctx, i, "an axis"), what=what) for i in items]
    return sorted(set(found))


def _norm_weights(
    this: Call, *, axis: Any, center: Any, scale: Any, beta_initializer: Any,
    gamma_initializer: Any, **_: Any,
) -> Weights:  # fmt: skip
    shape = tuple(this.x.type.shape[at] for at in _norm_axes(this, axis))
    found = {"gamma": (shape, gamma_initializer)} if scale else {}
    return {**found, "beta": (shape, beta_initializer)} if center else found


def _layer_norm(this: Call, *, axis: Any, epsilon: Any, center: Any, scale: Any, **_: Any) -> Value:
    """Ba, Kiros and Hinton 2016."""
    ctx, x = this.ctx, this.x
    axes = _norm_axes(this, axis)
    middle = builders.mean(ctx, x=x, axis=axes, keepdims=True)
    spread = builders.variance(ctx, x=x, axis=axes, keepdims=True)
    result = ctx.op("div", ctx.op("sub", x, middle), ctx.op("sqrt", ctx.op("add", spread, epsilon)))
    shape = [x.type.shape[at] if at in axes else Size.of(1) for at in range(axes[0], 0)]
    for part, wanted, primitive in (("gamma", scale, "mul"), ("beta", center, "add")):
        if wanted:
            weight = ctx.builder.op("reshape", this.weight(part), shape=tuple(shape))
            result = ctx.builder.op(primitive, result, weight)
    return result


# --- the table ------------------------------------------------------------------------------------

_CONV = (
    "filters, kernel_size, strides={one}, padding='valid', data_format:-=None, "
    f"dilation_rate={{one}}, groups:-=1, {_WEIGHTS}, {_ENDS}"
)
_TRANSPOSE = (
    "filters, kernel_size, strides={one}, padding='valid', output_padding:-=None, "
    f"data_format:-=None, dilation_rate:-={{one}}, {_WEIGHTS}, {_ENDS}"
)
_POOL = f"pool_size=2, strides=None, padding='valid', data_format:-=None, {_ENDS}"
_GLOBAL = f"data_format:-=None, keepdims=False, {_ENDS}"
_DENSE = f"units, {_WEIGHTS}, {_ENDS}"
_NORM = (
    "axis=-1, epsilon=0.001, center=True, scale=True, rms_scaling:-=False, beta_initializer=None, "
    "gamma_initializer=None, beta_regularizer:-=None, gamma_regularizer:-=None, "
    f"beta_constraint:-=None, gamma_constraint:-=None, {_ENDS}"
)


def _kinds() -> dict[str, Kind]:
    """By Keras's name."""
    found = {
        "Dense": Kind("dense", _DENSE, _dense, _dense_weights),
        "Embedding": Kind(
            "embedding",
            "input_dim, output_dim, embeddings_initializer=None, embeddings_regularizer:-=None, "
            f"embeddings_constraint:-=None, mask_zero:-=False, input_length:_=None, {_ENDS}",
            _embedding, _embedding_weights,
        ),
        "LayerNormalization": Kind("layer_normalization", _NORM, _layer_norm, _norm_weights),
        "Flatten": Kind("flatten", f"data_format:-=None, {_ENDS}", _flatten),
        "Reshape": Kind("reshape", f"target_shape, {_ENDS}", _reshape),
        "Permute": Kind("permute", f"dims, {_ENDS}", _permute),
        "RepeatVector": Kind("repeat_vector", f"n, {_ENDS}", _repeat),
        "Activation": Kind("activation", f"activation, {_ENDS}", _activation),
        "Lambda": Kind("lambda", f"function, output_shape:_=None, {_ENDS}", _lambda),
        "ReLU": Kind(
            "re_lu", f"max_value=None, negative_slope=0.0, threshold=0.0, {_ENDS}", _relu
        ),
        "ELU": Kind("elu", f"alpha=1.0, {_ENDS}", _elu),
        "LeakyReLU": Kind("leaky_re_lu", f"negative_slope:alpha=0.3, {_ENDS}", _leaky_relu),
        "Softmax": Kind("softmax", f"axis=-1, {_ENDS}", _softmax),
        "Rescaling": Kind("rescaling", f"scale, offset=0.0, {_ENDS}", _rescaled),
        "Concatenate": Kind("concatenate", f"axis=-1, {_ENDS}", _concatenated),
        "Average": Kind("average", _ENDS, _average),
    }  # fmt: skip
    for name, primitive in (("Add", "add"), ("Subtract", "sub"), ("Multiply", "mul"),
                            ("Maximum", "maximum"), ("Minimum", "minimum")):  # fmt: skip
        found[name] = Kind(name.lower(), _ENDS, partial(_merged, primitive))
    for rank, one in ((1, "1"), (2, "(1, 1)")):
        d = f"{rank}D"
        found |= {
            f"Conv{d}": Kind(f"conv{d.lower()}", _CONV.format(one=one), partial(_conv, rank),
                             partial(_conv_weights, rank)),
            f"Conv{d}Transpose": Kind(f"conv{d.lower()}_transpose", _TRANSPOSE.format(one=one),
                                      partial(_conv_transpose, rank),
                                      partial(_transpose_weights, rank)),
            f"UpSampling{d}": Kind(f"up_sampling{d.lower()}", f"size=2, {_ENDS}",
                                   partial(_upsampled, rank)),
            f"ZeroPadding{d}": Kind(f"zero_padding{d.lower()}", f"padding=1, {_ENDS}",
                                    partial(_zero_padded, rank)),
        }  # fmt: skip
        for name, mean in (("Max", False), ("Average", True)):
            local = Kind(f"{name.lower()}_pooling{d.lower()}", _POOL, partial(_pool, rank, mean))
            whole = Kind(f"global_{local.name}", _GLOBAL, partial(_global_pool, rank, mean))
            short = {"Max": "Max", "Average": "Avg"}[name]
            found |= {f"{name}Pooling{d}": local, f"{short}Pool{d}": local,
                      f"Global{name}Pooling{d}": whole, f"Global{short}Pool{d}": whole}  # fmt: skip
    return found


_PARTS = "".join(
    f", {weight}_{part}_fn:-=None"
    for weight in ("kernel", "bias")
    for part in ("posterior", "posterior_tensor", "prior", "divergence")
)
_VARIATIONAL = f"activation=None, activity_regularizer:-=None{_PARTS}, seed:_=None, {_ENDS}"


def _drawn_kinds() -> dict[str, Kind]:
    """Layers of TensorFlow Probability, by its names: their kernels are random variables.

    What sets them apart there, how the gradient is estimated, is one here: a draw a step.
    """
    found = {}
    for how in ("Reparameterization", "LocalReparameterization", "Flipout"):
        found[f"Dense{how}"] = Kind(f"dense_{first.rule_name(how)}", f"units, {_VARIATIONAL}",
                                    partial(_with_drawn, _dense),
                                    partial(_drawn, _dense_weights))  # fmt: skip
    for rank, one in ((1, "1"), (2, "(1, 1)")):
        head = (
            f"filters, kernel_size, strides={one}, padding='valid', "
            f"data_format:-='channels_last', dilation_rate={one}, "
        )
        for how in ("Reparameterization", "Flipout"):
            kind = Kind(f"conv{rank}d_{first.rule_name(how)}", head + _VARIATIONAL,
                        partial(_with_drawn, partial(_conv, rank)),
                        partial(_drawn, partial(_conv_weights, rank)))  # fmt: skip
            found[f"Convolution{rank}D{how}"] = kind
    return found


KINDS: Mapping[str, Kind] = _kinds()
DRAWN_KINDS: Mapping[str, Kind] = _drawn_kinds()


def drawn_rows() -> dict[str, Row]:
    """By name below `tensorflow_probability.`."""
    return {f"layers.{n}": Row(kind.signature, make, (kind,)) for n, kind in DRAWN_KINDS.items()}


def rows() -> dict[str, Row]:
    """By name below `tensorflow.`."""
    merging = ("Add", "Subtract", "Multiply", "Maximum", "Minimum", "Average", "Concatenate")
    return {
        **first.rows(),
        "keras.Sequential": Row("layers=None, name=None", make_sequential),
        "keras.models.Sequential": Row("layers=None, name=None", make_sequential),
        "keras.layers.InputLayer": Row("*_, input_shape:__=None, shape:___=None", no_layer),
        "keras.layers.Input": Row("shape:_=None", no_layer),
        "keras.Input": Row("shape:_=None", no_layer),
        **{f"keras.layers.{n}": Row(kind.signature, make, (kind,)) for n, kind in KINDS.items()},
        **{
            f"keras.layers.{name.lower()}": Row(
                f"inputs, {KINDS[name].signature}", make_and_call, (KINDS[name],)
            )
            for name in merging
        },
        # Of TensorFlow 1, where a layer is called as it is made.
        **{
            f"layers.{name.lower()}": Row(
                f"inputs, {KINDS[name].signature}, reuse:-=None", make_and_call, (KINDS[name],)
            )
            for name in ("Dense", "Flatten", "Conv1D", "Conv2D")
        },
    }
