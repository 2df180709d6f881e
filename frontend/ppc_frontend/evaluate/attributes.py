"""Attributes: of libraries, of graph values, of known values."""

from __future__ import annotations

import functools
import inspect
from typing import Any

from ppc.distributions import COMPOSED, DISTRIBUTIONS, SHORTHANDS
from ppc.ir.build import Value
from ppc.ir.sizes import Size
from ppc_frontend import kinds, variables, vocabulary, wrong
from ppc_frontend.context import Context
from ppc_frontend.evaluate import indexed
from ppc_frontend.evaluate.indexed import Indexed
from ppc_frontend.scope import canonical
from ppc_frontend.sites import SUPPORT_NAMES
from ppc_frontend.tensors import describe, tensor
from ppc_frontend.values import (
    POISON,
    DTypeValue,
    Given,
    LiveObject,
    Method,
    PoisonedError,
    Ref,
    Steps,
    SupportValue,
    UserModule,
)
from ppc_frontend.variables import SiteVariable
from ppc_frontend.vocabulary import builders

# What `ppc` itself offers inside a model.
OWN = (
    "Parameter", "datamodel", "deterministic", "factor", "mask", "observe", "plate", "probmodel",
)  # fmt: skip
_LAYERS = {f"tensorflow.{name}": row for name, row in kinds.rows().items()} | {
    f"tensorflow_probability.{name}": row for name, row in kinds.drawn_rows().items()
}

METHODS: dict[str, str] = {  # of graph values, to NumPy's functions
    name: f"numpy.{name}"
    for name in (
        "sum prod mean max min var std any all argmax argmin cumsum reshape ravel squeeze "
        "transpose swapaxes take dot clip round"
    ).split()
} | {"flatten": "numpy.ravel", "astype": "jax.numpy.astype"}
_KNOWN_METHODS: dict[type, tuple[str, ...]] = {
    list: ("append", "extend", "index", "count", "copy", "insert", "pop", "reverse"),
    tuple: ("index", "count"),
    dict: ("get", "items", "keys", "values"),
    str: ("format", "join", "upper", "lower", "replace", "split", "strip", "startswith"),
}


def attribute(ctx: Context, owner: Any, name: str) -> Any:
    """`owner.name`."""
    if owner is POISON:
        raise PoisonedError
    if isinstance(owner, Ref):
        return library(ctx, owner, name)
    if isinstance(owner, Indexed) and name == "append":
        return Method(owner, name, ctx.span)
    if isinstance(owner, Indexed) and owner.kind != "array":
        indexed.refuse_use(ctx, owner, f"`{name}`")
    if isinstance(owner, SiteVariable):
        return variables.attribute(ctx, owner, name)
    if isinstance(owner, Value | Given | Indexed):
        return _of_tensor(ctx, owner, name)
    if isinstance(owner, UserModule):
        return _of_module(ctx, owner, name)
    if isinstance(owner, LiveObject) and ctx.live is not None:
        return _of_object(ctx, owner, name)
    for kind, names in _KNOWN_METHODS.items():
        if isinstance(owner, kind):
            if name in names:
                return Method(owner, name, ctx.span)
            near = wrong.nearest(name, names)
            ctx.refuse(wrong.UnknownName(span=ctx.span, kind="method", name=name, near=near))
    if hasattr(owner, "described") and name in {"name", "add"}:
        return Method(owner, name, ctx.span)
    words = f"attribute of {describe(owner)}"
    ctx.refuse(wrong.UnknownName(span=ctx.span, kind=words, name=name, near=""))


def _of_module(ctx: Context, owner: UserModule, name: str) -> Any:
    try:
        return owner.frame.find(name)
    except KeyError:
        kind, near = f"name of {owner.name}", wrong.nearest(name, owner.frame.names())
        ctx.refuse(wrong.UnknownName(span=ctx.span, kind=kind, name=name, near=near))


def _of_object(ctx: Context, owner: LiveObject, name: str) -> Any:
    """An attribute of a live object; properties are not run."""
    assert ctx.live is not None
    try:
        found = inspect.getattr_static(owner.obj, name)
    except AttributeError:
        near = wrong.nearest(name, dir(owner.obj))
        kind = f"attribute of {owner.name}"
        ctx.refuse(wrong.UnknownName(span=ctx.span, kind=kind, name=name, near=near))
    if isinstance(found, property | functools.cached_property):
        ctx.refuse(wrong.Unsupported(span=ctx.span, what=f"the property `{name}`"))
    return ctx.live(name, getattr(owner.obj, name))


def library(ctx: Context, owner: Ref, name: str) -> Any:
    """A module, function or constant of a known library."""
    path = canonical(f"{owner.path}.{name}")
    found = vocabulary.constant(path)
    if found is not None:
        return found[0]
    if is_known(path):
        return _own(path)
    if owner.root == "ppc":
        known = [*DISTRIBUTIONS, *COMPOSED, *SHORTHANDS, *OWN, *SUPPORT_NAMES]
        near = wrong.nearest(name, known)
        kind = "distribution" if name[:1].isupper() else "name of ppc"
        ctx.refuse(wrong.UnknownName(span=ctx.span, kind=kind, name=name, near=near))
    ctx.refuse(unknown(ctx, path))


def unknown(ctx: Context, path: str) -> wrong.UnknownName:
    """The mistake for a name outside the vocabulary, with the wrong.nearest known one."""
    root, _, _ = path.partition(".")
    known = [*vocabulary.names(root), *(n for n in _LAYERS if n.startswith(f"{root}."))]
    if not known:
        return wrong.UnknownName(span=ctx.span, kind="library", name=root, near="")
    near = _nearest_function(path, known)
    return wrong.UnknownName(span=ctx.span, kind="function", name=path, near=near)


def _nearest_function(path: str, known: list[str]) -> str:
    """The same name in another module, else a name like it: first in the module that is meant."""
    owner, _, last = path.rpartition(".")
    everywhere = [
        *known,
        *(n for library in vocabulary.LIBRARIES for n in vocabulary.names(library)),
    ]
    ends = {name.rpartition(".")[2]: name for name in reversed(everywhere)}
    if last in ends:
        return ends[last]
    beside = [n.rpartition(".")[2] for n in known if n.rpartition(".")[0] == owner]
    near = wrong.nearest(last, beside)
    return f"{owner}.{near}" if near else ends.get(wrong.nearest(last, ends), "")


def is_known(path: str) -> bool:
    """Whether a full name is a function or module that the frontend knows."""
    root, _, rest = path.partition(".")
    if root == "ppc":
        known = {*OWN, *DISTRIBUTIONS, *COMPOSED, *SHORTHANDS, *SUPPORT_NAMES, *_PPC_MODULES}
        return rest in known
    if path in _LAYERS or any(name.startswith(path + ".") for name in _LAYERS):
        return True
    if path in {"functools", "functools.partial"}:
        return True
    return vocabulary.function(path) is not None or vocabulary.is_module(path)


_PPC_MODULES = ("layers", "inference", "supports", "contextmanager", "layers.Sequential")


def _own(path: str) -> Any:
    root, _, rest = path.partition(".")
    if root == "ppc" and rest in SUPPORT_NAMES:
        return SupportValue(rest)
    return Ref(path)


def layer_row(path: str) -> Any:
    """The row of a Keras layer or initialiser."""
    return _LAYERS.get(path)


def _of_tensor(ctx: Context, owner: Value | Given | Indexed, name: str) -> Any:
    value = tensor(ctx, owner)
    visible = ctx.visible(value)
    match name:
        case "shape":
            return builders.shape_tuple(ctx, x=value)
        case "ndim":
            return len(visible)
        case "size":
            return builders.total_size(ctx, x=value)
        case "T":
            return builders.transpose(ctx, x=value)
        case "mT":
            return builders.matrix_transpose(ctx, x=value)
        case "dtype":
            return DTypeValue(value.type.dtype)
    if name in METHODS:
        return Method(value, name, ctx.span)
    near = wrong.nearest(name, [*METHODS, "shape", "ndim", "size", "T"])
    ctx.refuse(wrong.UnknownName(span=ctx.span, kind="attribute of a tensor", name=name, near=near))


def length(ctx: Context, value: Any) -> Any:
    """`len(value)`."""
    if isinstance(value, Indexed):
        total = indexed.length(ctx, value)
        return total if total.value is None else total.value
    if isinstance(value, Steps):
        return value.count
    if isinstance(value, Value | Given):
        visible = ctx.visible(tensor(ctx, value))
        if visible:
            first: Size = visible[0]
            return first if first.value is None else first.value
    return None
