"""NumPy's vocabulary, which `jax.numpy` shares: names under either, signatures of NumPy 2."""

from __future__ import annotations

from collections.abc import Mapping

from ppc_frontend.vocabulary import builders as b
from ppc_frontend.vocabulary import decisions as d
from ppc_frontend.vocabulary import elementwise as e
from ppc_frontend.vocabulary import parts
from ppc_frontend.vocabulary import products as p
from ppc_frontend.vocabulary import triangular as t
from ppc_frontend.vocabulary.base import Row

REDUCE = "a:x, axis=None, dtype=None, out:-=None, keepdims=False"
EXTREME = "a:x, axis=None, out:-=None, keepdims=False"


def _unary(names: Mapping[str, str]) -> dict[str, Row]:
    return {
        name: Row("x, /, out:-=None", e.unary, (primitive,)) for name, primitive in names.items()
    }


def _binary(names: Mapping[str, str]) -> dict[str, Row]:
    signature = "x1:x, x2:y, /, out:-=None"
    return {name: Row(signature, e.binary, (primitive,)) for name, primitive in names.items()}


def _elementwise() -> dict[str, Row]:
    same = (
        "exp expm1 log log1p sqrt sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh "
        "arctanh floor ceil abs sign square logical_not isfinite isnan"
    ).split()
    return {
        **_unary({name: name for name in same}),
        **_unary(
            {
                "absolute": "abs", "fabs": "abs", "negative": "neg", "acos": "arccos",
                "asin": "arcsin", "atan": "arctan", "acosh": "arccosh", "asinh": "arcsinh",
                "atanh": "arctanh",
            }
        ),
        "round": Row("a:x, decimals:-=0, out:-=None", e.unary, ("round",)),
        "rint": Row("x, /", e.unary, ("round",)),
        "log2": Row("x, /", e.base_log, (2.0,)),
        "log10": Row("x, /", e.base_log, (10.0,)),
        "reciprocal": Row("x, /", e.reciprocal),
        **_binary(
            {
                "add": "add", "subtract": "sub", "multiply": "mul", "divide": "div",
                "true_divide": "div", "floor_divide": "floordiv", "mod": "mod", "remainder": "mod",
                "power": "pow", "pow": "pow", "float_power": "pow", "maximum": "maximum",
                "minimum": "minimum", "arctan2": "arctan2", "atan2": "arctan2",
                "logaddexp": "logaddexp", "equal": "eq", "not_equal": "ne", "less": "lt",
                "less_equal": "le", "greater": "gt", "greater_equal": "ge",
                "logical_and": "logical_and", "logical_or": "logical_or",
                "logical_xor": "logical_xor",
            }
        ),
        "where": Row("condition, x=None, y=None, /", e.where),
        "select": Row("condlist:conditions, choicelist:choices, default=0", d.select),
        "clip": Row("a:x, a_min:low=None, a_max:high=None, out:-=None", e.clip),
    }  # fmt: skip


def _along_axes() -> dict[str, Row]:
    return {
        "sum": Row(REDUCE, b.reduction, ("sum",)),
        "prod": Row(REDUCE, b.reduction, ("prod",)),
        "max": Row(EXTREME, b.reduction, ("max",)),
        "amax": Row(EXTREME, b.reduction, ("max",)),
        "min": Row(EXTREME, b.reduction, ("min",)),
        "amin": Row(EXTREME, b.reduction, ("min",)),
        "any": Row(EXTREME, b.reduction, ("any",)),
        "all": Row(EXTREME, b.reduction, ("all",)),
        "mean": Row("a:x, axis=None, dtype:-=None, out:-=None, keepdims=False", b.mean),
        "var": Row("a:x, axis=None, dtype:-=None, out:-=None, ddof=0, keepdims=False", b.variance),
        "std": Row(
            "a:x, axis=None, dtype:-=None, out:-=None, ddof=0, keepdims=False", b.variance, (True,)
        ),
        "argmax": Row("a:x, axis=None", b.arg_extreme, ("argmax",)),
        "argmin": Row("a:x, axis=None", b.arg_extreme, ("argmin",)),
        "cumsum": Row("a:x, axis=None, dtype:-=None, out:-=None", b.along, ("cumsum",)),
        "flip": Row("m:x, axis=None", b.flip),
    }  # fmt: skip


def _new() -> dict[str, Row]:
    return {
        "ones": Row("shape:shape_, dtype=None", b.filled, (1.0,)),
        "zeros": Row("shape:shape_, dtype=None", b.filled, (0.0,)),
        "empty": Row("shape:shape_, dtype=None", b.filled, (0.0,)),
        "full": Row("shape:shape_, fill_value:fill, dtype=None", b.filled),
        "ones_like": Row("a:x, dtype=None", b.filled_like, (1,)),
        "zeros_like": Row("a:x, dtype=None", b.filled_like, (0,)),
        "full_like": Row("a:x, fill_value:fill, dtype=None", b.filled_like),
        "eye": Row("N:rows, M:columns=None, k:-=0, dtype=None", b.eye),
        "identity": Row("n:rows, dtype=None", b.eye),
        "arange": Row("start, stop=None, step=None, dtype=None", b.arange),
        "linspace": Row("start, stop, num=50, endpoint=True", b.linspace),
        "array": Row("object:x, dtype=None", b.array),
        "asarray": Row("a:x, dtype=None", b.array),
        "diag": Row("v:x, k:-=0", t.diag_or_diagonal),
    }  # fmt: skip


def _shapes() -> dict[str, Row]:
    return {
        "reshape": Row("a:x, shape:shape_, order:-='C'", b.reshape),
        "ravel": Row("a:x, order:-='C'", b.flatten),
        "expand_dims": Row("a:x, axis", b.expand_dims),
        "squeeze": Row("a:x, axis=None", b.squeeze),
        "transpose": Row("a:x, axes=None", b.transpose),
        "swapaxes": Row("a:x, axis1:first, axis2:second", b.swapaxes),
        "concatenate": Row("arrays:parts, axis=0", parts.concat),
        "concat": Row("arrays:parts, axis=0", parts.concat),
        "stack": Row("arrays:parts, axis=0", parts.stacked),
        "split": Row("ary:x, indices_or_sections:at, axis=0", parts.split),
        "unstack": Row("x, /, *, axis=0", parts.unstack),
        "broadcast_to": Row("array:x, shape:shape_", b.broadcast),
        "take": Row("a:x, indices, axis=None", b.take),
        "matmul": Row("x1:x, x2:y, /", p.matmul),
        "dot": Row("a:x, b:y", p.dot),
        "tensordot": Row("a:x, b:y, axes=2", p.tensordot),
        "outer": Row("a:x, b:y", p.outer),
        "einsum": Row("subscripts, *operands", p.einsum),
        "shape": Row("a:x", b.shape_tuple),
        "size": Row("a:x", b.total_size),
        "tril": Row("m:x, k:-=0", t.lower_triangle),
        "triu": Row("m:x, k:-=0", t.upper_triangle),
        "diagonal": Row("a:x, offset:-=0, axis1:first=0, axis2:second=1", t.diagonal),
        "trace": Row("a:x, offset:-=0, axis1:first=0, axis2:second=1", t.trace),
        "linalg.cholesky": Row("a:x, /, *, upper=False", t.cholesky),
        "linalg.norm": Row("x, ord:-=None, axis=None, keepdims=False", b.norm),
        "random.normal": Row("loc:mean=0.0, scale=1.0, size:shape_=()", b.random, ("normal",)),
        "random.randn": Row("*shape_", b.random, ("normal",)),
        "random.uniform": Row("low=0.0, high=1.0, size:shape_=()", b.random, ("uniform",)),
    }  # fmt: skip


def rows() -> dict[str, Row]:
    """By name below `numpy.` or `jax.numpy.`."""
    return {**_elementwise(), **_along_axes(), **_new(), **_shapes()}
