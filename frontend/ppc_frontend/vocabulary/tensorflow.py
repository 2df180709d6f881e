"""TensorFlow's vocabulary: `tf.*`, `tf.math.*`, `tf.nn.*`, `tf.linalg.*`, versions 1 and 2."""

from __future__ import annotations

from ppc_frontend.vocabulary import builders as b
from ppc_frontend.vocabulary import decisions as d
from ppc_frontend.vocabulary import elementwise as e
from ppc_frontend.vocabulary import parts
from ppc_frontend.vocabulary import products as p
from ppc_frontend.vocabulary import triangular as t
from ppc_frontend.vocabulary.base import Row

REDUCE = "input_tensor:x, axis=None, keepdims=False, name:_=None"


def _math() -> dict[str, Row]:
    unary = {
        **{
            name: name
            for name in (
                "exp expm1 log log1p sqrt rsqrt sin cos tan sinh cosh tanh floor ceil round abs "
                "sign square sigmoid log_sigmoid softplus erf erfc lgamma digamma logical_not "
                "erfinv"
            ).split()
        },
        "acos": "arccos", "asin": "arcsin", "atan": "arctan", "acosh": "arccosh",
        "asinh": "arcsinh", "atanh": "arctanh", "negative": "neg", "is_finite": "isfinite",
        "is_nan": "isnan", "ndtri": "ndtri",
    }  # fmt: skip
    binary = {
        "add": "add", "subtract": "sub", "multiply": "mul", "divide": "div", "truediv": "div",
        "floordiv": "floordiv", "floormod": "mod", "mod": "mod", "pow": "pow",
        "maximum": "maximum", "minimum": "minimum", "atan2": "arctan2", "equal": "eq",
        "not_equal": "ne", "less": "lt", "less_equal": "le", "greater": "gt",
        "greater_equal": "ge", "logical_and": "logical_and", "logical_or": "logical_or",
        "logical_xor": "logical_xor", "xlogy": "xlogy", "xlog1py": "xlog1py",
    }  # fmt: skip
    return {
        **{k: Row("x, name:_=None", e.unary, (v,)) for k, v in unary.items()},
        **{k: Row("x, y, name:_=None", e.binary, (v,)) for k, v in binary.items()},
        "squared_difference": Row("x, y, name:_=None", e.squared_difference),
        "reciprocal": Row("x, name:_=None", e.reciprocal),
        "reduce_sum": Row(REDUCE, b.reduction, ("sum",)),
        "reduce_prod": Row(REDUCE, b.reduction, ("prod",)),
        "reduce_max": Row(REDUCE, b.reduction, ("max",)),
        "reduce_min": Row(REDUCE, b.reduction, ("min",)),
        "reduce_any": Row(REDUCE, b.reduction, ("any",)),
        "reduce_all": Row(REDUCE, b.reduction, ("all",)),
        "reduce_logsumexp": Row(REDUCE, b.reduction, ("logsumexp",)),
        "reduce_mean": Row(REDUCE, b.mean),
        "reduce_variance": Row(REDUCE, b.variance),
        "reduce_std": Row(REDUCE, b.variance, (True,)),
        "argmax": Row("input:x, axis=0, output_type:_=None", b.arg_extreme, ("argmax",)),
        "argmin": Row("input:x, axis=0, output_type:_=None", b.arg_extreme, ("argmin",)),
        "cumsum": Row(
            "x, axis=0, exclusive:-=False, reverse:-=False, name:_=None", b.along, ("cumsum",)
        ),
    }


def _nn() -> dict[str, Row]:
    return {
        "relu": Row("features:x, name:_=None", e.unary, ("relu",)),
        "relu6": Row("features:x, name:_=None", e.relu6),
        "elu": Row("features:x, name:_=None", e.elu),
        "selu": Row("features:x, name:_=None", e.selu),
        "gelu": Row("features:x, approximate=False, name:_=None", e.gelu),
        "silu": Row("features:x, beta=1.0", e.silu),
        "swish": Row("features:x, beta=1.0", e.silu),
        "leaky_relu": Row("features:x, alpha=0.2, name:_=None", e.leaky_relu),
        "softsign": Row("features:x, name:_=None", e.softsign),
        "softplus": Row("features:x, name:_=None", e.unary, ("softplus",)),
        "sigmoid": Row("x, name:_=None", e.unary, ("sigmoid",)),
        "tanh": Row("x, name:_=None", e.unary, ("tanh",)),
        "softmax": Row("logits:x, axis=-1, name:_=None", b.normalised, ("softmax",)),
        "log_softmax": Row("logits:x, axis=-1, name:_=None", b.normalised, ("log_softmax",)),
    }


def _new() -> dict[str, Row]:
    return {
        "ones": Row("shape:shape_, dtype=None, name:_=None", b.filled, (1.0,)),
        "zeros": Row("shape:shape_, dtype=None, name:_=None", b.filled, (0.0,)),
        "fill": Row("dims:shape_, value:fill, name:_=None", b.filled),
        "ones_like": Row("input:x, dtype=None, name:_=None", b.filled_like, (1,)),
        "zeros_like": Row("input:x, dtype=None, name:_=None", b.filled_like, (0,)),
        "eye": Row(
            "num_rows:rows, num_columns:columns=None, batch_shape:-=None, dtype=None", b.eye
        ),
        "range": Row("start, limit:stop=None, delta:step=None, dtype=None, name:_=None", b.arange),
        "linspace": Row("start, stop, num, name:_=None", b.linspace),
        "constant": Row("value:x, dtype=None, shape:shape_=None, name:_=None", b.array),
        "convert_to_tensor": Row("value:x, dtype=None, dtype_hint:_=None, name:_=None", b.array),
        "identity": Row("input:x, name:_=None", b.no_change),
        **{
            name: Row(
                "shape:shape_, mean=0.0, stddev:scale=1.0, dtype:_=None, seed:_=None, name:_=None",
                b.random,
                ("normal",),
            )
            for name in ("random.normal", "random_normal")
        },
        **{
            name: Row(
                "shape:shape_, minval:low=0.0, maxval:high=1.0, dtype:_=None, seed:_=None",
                b.random,
                ("uniform",),
            )
            for name in ("random.uniform", "random_uniform")
        },
    }  # fmt: skip


def _shapes() -> dict[str, Row]:
    return {
        "reshape": Row("tensor:x, shape:shape_, name:_=None", b.reshape),
        "expand_dims": Row("input:x, axis, name:_=None", b.expand_dims),
        "squeeze": Row("input:x, axis=None, name:_=None", b.squeeze),
        "transpose": Row("a:x, perm:axes=None, conjugate:-=False, name:_=None", b.transpose),
        "concat": Row("values:parts, axis, name:_=None", parts.concat),
        "stack": Row("values:parts, axis=0, name:_=None", parts.stacked),
        "split": Row(
            "value:x, num_or_size_splits:parts, axis=0, num:_=None, name:_=None", parts.split
        ),
        "unstack": Row("value:x, num=None, axis=0, name:_=None", parts.unstack),
        "broadcast_to": Row("input:x, shape:shape_, name:_=None", b.broadcast),
        "gather": Row("params:x, indices, validate_indices:_=None, axis=0", b.take),
        "one_hot": Row(
            "indices:x, depth, on_value:-=None, off_value:-=None, axis:-=None, dtype=None",
            b.one_hot,
        ),
        "matmul": Row(
            "a:x, b:y, transpose_a:transpose_x=False, transpose_b:transpose_y=False, name:_=None",
            p.matmul,
        ),
        "linalg.matmul": Row(
            "a:x, b:y, transpose_a:transpose_x=False, transpose_b:transpose_y=False", p.matmul
        ),
        "linalg.matvec": Row("a:x, b:y, transpose_a:transpose_x=False", p.matvec),
        "linalg.matrix_transpose": Row("a:x, name:_=None", b.matrix_transpose),
        "linalg.diag": Row("diagonal:x", b.diag),
        "linalg.diag_part": Row("input:x", t.diagonal),
        "linalg.trace": Row("x, name:_=None", t.trace),
        "linalg.cholesky": Row("input:x, name:_=None", t.cholesky),
        "linalg.triangular_solve": Row(
            "matrix:x, rhs:y, lower=True, adjoint:transposed=False, name:_=None",
            t.solve_triangular,
        ),
        "linalg.norm": Row("tensor:x, ord:-='euclidean', axis=None, keepdims=False", b.norm),
        "norm": Row("tensor:x, ord:-='euclidean', axis=None, keepdims=False", b.norm),
        "tensordot": Row("a:x, b:y, axes, name:_=None", p.tensordot),
        "einsum": Row("equation:subscripts, *operands", p.einsum),
        "shape": Row("input:x, out_type:_=None, name:_=None", b.shape_tuple),
        "size": Row("input:x, out_type:_=None, name:_=None", b.total_size),
    }  # fmt: skip


def rows() -> dict[str, Row]:
    """By name below `tensorflow.`."""
    math, nn = _math(), _nn()
    at_top = {name: row for name, row in math.items() if name not in _MATH_ONLY}
    return {
        **at_top,
        **{f"math.{name}": row for name, row in (math | nn).items()},
        **{f"nn.{name}": row for name, row in nn.items()},
        **{f"keras.activations.{name}": row for name, row in _activations(nn).items()},
        "math.softplus": nn["softplus"],
        "nn.softsign": nn["softsign"],
        "cast": Row("x, dtype, name:_=None", e.cast),
        "stop_gradient": Row("input:x, name:_=None", e.unary, ("stop_gradient",)),
        "where": Row("condition, x=None, y=None, name:_=None", e.where),
        "cond": Row("pred, true_fn:first, false_fn:second, name:_=None", d.cond),
        "case": Row(
            "pred_fn_pairs:pairs, default=None, exclusive:_=False, strict:_=False, name:_=None",
            d.case,
        ),
        "clip_by_value": Row("t:x, clip_value_min:low, clip_value_max:high, name:_=None", e.clip),
        **_new(),
        **_shapes(),
    }


_MATH_ONLY = frozenset("log_sigmoid xlogy xlog1py ndtri erfinv softplus reciprocal".split())


def _activations(nn: dict[str, Row]) -> dict[str, Row]:
    names = "relu elu selu gelu silu swish softsign softplus sigmoid tanh softmax log_softmax"
    found = {name: nn[name] for name in names.split()}
    return {**found, "linear": Row("x", b.no_change)}
