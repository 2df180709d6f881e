"""Annotations of arrays in jaxtyping's manner: `x: Float[Array, "N d"]`."""

from __future__ import annotations

import libcst as cst

from ppc.ir.sizes import Size
from ppc.ir.types import DType
from ppc.records import dataclass
from ppc.spans import Span
from ppc_frontend import wrong
from ppc_frontend.source import ParsedModule
from ppc_frontend.values import RejectedError

_DTYPES: dict[str, DType] = {
    **dict.fromkeys(("Float", "Float16", "Float32", "Float64", "BFloat16", "Num", "Real"), "f32"),
    **dict.fromkeys(
        ("Int", "Integer", "Int8", "Int16", "Int32", "Int64", "UInt", "UInt8", "UInt32"), "i32"
    ),
    "Bool": "bool",
}


@dataclass(frozen=True, slots=True)
class ArrayType:
    """What an annotation says of an array."""

    dtype: DType
    dims: tuple[Size, ...]
    text: str

    @property
    def names(self) -> tuple[str | None, ...]:
        """The names of the dimensions that are names."""
        return tuple(size.name for size in self.dims)


def array_type(module: ParsedModule, node: cst.BaseExpression) -> ArrayType | None:
    """The type that a jaxtyping annotation gives; None for any other annotation.

    Raises RejectedError for dimensions that are no sizes.
    """
    if isinstance(node, cst.SimpleString | cst.ConcatenatedString):
        text = node.evaluated_value
        if not isinstance(text, str):
            return None
        try:
            inner = cst.parse_expression(text.strip())
        except cst.ParserSyntaxError:
            return None
        found = _read(inner)
    else:
        found = _read(node)
    span = module.span(node)
    words = module.tree.code_for_node(node)
    if found is None:
        if reason := _no_dimensions(node):
            raise RejectedError(wrong.BadAnnotation(span=span, text=words, reason=reason))
        return None
    dtype, dims = found
    return ArrayType(dtype, tuple(_size(span, words, part) for part in dims.split()), words)


_ARRAYS = frozenset("ndarray NDArray Array ArrayLike Tensor DataFrame Series".split())


def _no_dimensions(node: cst.BaseExpression) -> str:
    """Why an annotation of an array does not do; empty for one that is of something else."""
    inner = node
    if isinstance(node, cst.Subscript):
        first = node.slice[0].slice
        if isinstance(first, cst.Index) and _last(first.value) in _ARRAYS:
            return f"{_last(node.value)} is no dtype of a model"
        inner = node.value
    return "it does not say the dimensions" if _last(inner) in _ARRAYS else ""


def _last(node: cst.BaseExpression) -> str:
    """The last name of a dotted one; empty for anything else."""
    name = node.attr if isinstance(node, cst.Attribute) else node
    return name.value if isinstance(name, cst.Name) else ""


def _read(node: cst.BaseExpression) -> tuple[DType, str] | None:
    if not isinstance(node, cst.Subscript) or len(node.slice) != 2:
        return None
    name = node.value.attr if isinstance(node.value, cst.Attribute) else node.value
    if not isinstance(name, cst.Name) or name.value not in _DTYPES:
        return None
    item = node.slice[1].slice
    if not isinstance(item, cst.Index):
        return None
    if not isinstance(item.value, cst.SimpleString | cst.ConcatenatedString):
        return None
    text = item.value.evaluated_value
    return (_DTYPES[name.value], text) if isinstance(text, str) else None


def _size(span: Span, words: str, part: str) -> Size:
    name = part.partition("=")[2] or part.lstrip("#?")
    try:
        size = Size.parse(name)
    except ValueError:
        reason = f"{part!r} is not a size"
        raise RejectedError(wrong.BadAnnotation(span=span, text=words, reason=reason)) from None
    if (size.value is not None and size.value < 0) or name in {"...", "_"}:
        reason = f"{part!r} does not say the size"
        raise RejectedError(wrong.BadAnnotation(span=span, text=words, reason=reason))
    return size
