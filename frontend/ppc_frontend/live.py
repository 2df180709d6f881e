"""Live objects: globals, closure cells and arguments of a function that is compiled from Python.

Nothing of a model is called; values are looked at. Numbers, strings and containers are known,
arrays become data, functions of known libraries are found in the vocabulary, functions of the
user are inlined from their source.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import field, replace
from typing import Any

import libcst as cst

from ppc.diagnostics.base import CompileError
from ppc.ir.sizes import Size
from ppc.ir.types import DType
from ppc.records import dataclass
from ppc_frontend import vocabulary, wrong
from ppc_frontend.annotations import array_type
from ppc_frontend.api import Compiled, compile_node, function_info
from ppc_frontend.blocks import dotted_end
from ppc_frontend.context import Context
from ppc_frontend.evaluate.calls import bind_user
from ppc_frontend.evaluate.python import BUILTINS
from ppc_frontend.scope import Frame, canonical
from ppc_frontend.source import ParsedModule, parse_live
from ppc_frontend.values import (
    Bound,
    Builtin,
    DTypeValue,
    Given,
    LiveObject,
    Ref,
    RejectedError,
    SupportValue,
    UserFunction,
)
from ppc_frontend.vocabulary.elementwise import DTYPE_NAMES

_CHECKERS = ("jaxtyping", "beartype", "typeguard")  # whose decorators change nothing
_LIBRARIES = (*vocabulary.LIBRARIES, "ppc", "inferpy", "keras", "jaxlib", "functools",
              "tensorflow_probability")  # fmt: skip


def compile_function(
    function: Callable[..., Any],
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    rows: Mapping[str, str] | None = None,
) -> Compiled:
    """The graph of a live model function, with arguments as Python would bind them.

    Globals and closure cells are those of the function. Arrays become Data nodes, their values
    in `Compiled.arrays`; `rows` gives, for arrays without annotation, the plate of which their
    first dimension has the rows. Raises CompileError, also where Python keeps no source.
    """
    plain: Any = inspect.unwrap(function)
    bound: list[Any] = list(args)
    if isinstance(plain, types.MethodType):
        plain, bound = plain.__func__, [plain.__self__, *bound]
    if not isinstance(plain, types.FunctionType):
        raise CompileError(wrong.NotAModel(kind=type(function).__name__))
    if plain.__code__.co_name == "<lambda>":
        raise CompileError(wrong.NotAModel(kind="lambda"))
    module, node = parse_live(plain)
    assert isinstance(node, cst.FunctionDef)
    if _changed(function):
        others = [d for d in node.decorators if dotted_end(d.decorator) != "probmodel"]
        span = module.span(others[0] if others else node.name)
        what = "a decorator besides @inf.probmodel"
        raise CompileError(wrong.Unsupported(span=span, what=what))
    live = _cells(plain)
    arguments = _arguments(module, node, plain, bound, kwargs or {})
    converters: dict[int, Live] = {}

    def converter(ctx: Context) -> Live:
        if id(ctx) not in converters:
            converters.clear()
            converters[id(ctx)] = Live(ctx)
            ctx.live = converters[id(ctx)].value
        return converters[id(ctx)]

    return compile_node(
        module,
        node,
        info=function_info(plain, module, node),
        frame=lambda ctx: converter(ctx).frame(plain, module, live),
        arguments=arguments,
        convert=lambda ctx, name, value: converter(ctx).value(name, value),
        rows=rows,
    )


def _arguments(
    module: ParsedModule,
    node: cst.FunctionDef,
    function: types.FunctionType,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> dict[str, Any]:
    """The value of every parameter. Raises CompileError where the call does not fit."""
    from ppc.ir.build import Builder
    from ppc_frontend.context import Assumptions

    ctx = Context(Builder("call", "model"), Assumptions())
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default is not inspect.Parameter.empty
    }
    user = UserFunction(function.__name__, node, module, Frame(module, None), defaults)
    try:
        with ctx.at(module.span(node.name)):
            lengths = _lengths(module, node, function, args, kwargs)
            return bind_user(ctx, user, args, {**lengths, **kwargs})
    except RejectedError as error:
        raise CompileError(error.mistake) from None


def _lengths(
    module: ParsedModule,
    node: cst.FunctionDef,
    function: types.FunctionType,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> dict[str, int]:
    """The sizes that are parameters, are not given, and that the given arrays have the length of.

    For `x: Float[Array, "N d"], d` that is `d`.
    """
    signature = inspect.signature(function)
    try:
        given = signature.bind_partial(*args, **kwargs).arguments
    except TypeError:  # told where the call is bound in earnest
        return {}
    found: dict[str, int] = {}
    for param in (*node.params.posonly_params, *node.params.params, *node.params.kwonly_params):
        shape = getattr(given.get(param.name.value), "shape", None)
        if param.annotation is not None and isinstance(shape, tuple):
            annotated = array_type(module, param.annotation.annotation)
            for size, length in zip(annotated.dims if annotated else (), shape, strict=False):
                own = signature.parameters.get(size.name or "")
                open_ = own is not None and own.name not in given and own.default is own.empty
                if own is not None and open_ and own.kind is not own.POSITIONAL_ONLY:
                    found.setdefault(own.name, length)
    return found


@dataclass(slots=True, eq=False)
class Live:
    """Converts live objects for one evaluation; each object once."""

    ctx: Context
    known: dict[int, tuple[Any, Any]] = field(default_factory=dict)
    recorded: Callable[[Any], Any] = lambda _: None  # the graph value of what was recorded outside

    def frame(
        self, function: types.FunctionType, module: ParsedModule, cells: Mapping[str, Any]
    ) -> Frame:
        """The frame around a live function: its closure cells, then its globals."""

        def outside(name: str) -> Any:
            if name in cells:
                return self.value(name, cells[name])
            if name in function.__globals__:
                return self.value(name, function.__globals__[name])
            raise KeyError(name)

        return Frame(module, None, outside)

    def value(self, name: str, obj: Any) -> Any:
        """What an object stands for in a model."""
        if obj is None or obj is ... or isinstance(obj, bool | int | float | str | range):
            return _plain(obj)
        if (value := self.recorded(obj)) is not None:
            return value
        if id(obj) not in self.known:
            self.known[id(obj)] = (obj, self._convert(name, obj))
        return self.known[id(obj)][1]

    def _convert(self, name: str, obj: Any) -> Any:
        if isinstance(obj, list | tuple) and not hasattr(obj, "_fields"):
            items = [self.value(f"{name}_{i}", item) for i, item in enumerate(obj)]
            return items if isinstance(obj, list) else tuple(items)
        if isinstance(obj, dict):
            return {key: self.value(f"{name}_{key}", item) for key, item in obj.items()}
        if isinstance(obj, types.ModuleType):
            return self._module(obj)
        if isinstance(obj, functools.partial):
            args = tuple(self.value(name, a) for a in obj.args)
            named = {k: self.value(k, v) for k, v in obj.keywords.items()}
            return Bound(self.value(name, obj.func), args, named)
        root = (getattr(obj, "__module__", None) or "").partition(".")[0]
        array = not isinstance(obj, type) and hasattr(obj, "__array__")
        if array and not callable(obj):
            return self._array(name, obj)
        if root in _LIBRARIES or type(obj).__name__ == "ufunc":
            found = _in_library(obj, root)
            if found is not None:
                return found
        if root == "builtins" and getattr(obj, "__name__", "") in BUILTINS:
            return Builtin(obj.__name__)
        if isinstance(obj, types.MethodType):
            return Bound(self.value(name, obj.__func__), (self.value("self", obj.__self__),), {})
        if isinstance(obj, types.FunctionType):
            return self._function(obj)
        if not isinstance(obj, type) and root not in _LIBRARIES and root != "builtins":
            return LiveObject(obj, name)
        kind = f"{type(obj).__module__.partition('.')[0]} {type(obj).__name__}"
        self.ctx.refuse(wrong.UnsupportedObject(span=self.ctx.span, name=name, kind=kind))

    def _module(self, module: types.ModuleType) -> Any:
        path = canonical(module.__name__)
        if path.partition(".")[0] in _LIBRARIES or path.startswith("_"):
            return Ref(path)
        return LiveObject(module, module.__name__)

    def _function(self, function: types.FunctionType) -> UserFunction:
        if _changed(function):
            what = f"the decorator of `{function.__name__}`"
            self.ctx.refuse(wrong.Unsupported(span=self.ctx.span, what=what))
        plain = inspect.unwrap(function)
        assert isinstance(plain, types.FunctionType)
        try:
            module, node = parse_live(plain)
        except CompileError as error:
            mistake = error.mistakes[0]
            if mistake.span is None:
                mistake = replace(mistake, span=self.ctx.span)
            raise RejectedError(mistake) from None
        cells = _cells(plain)
        defaults = {
            name: self.value(name, parameter.default)
            for name, parameter in inspect.signature(plain).parameters.items()
            if parameter.default is not inspect.Parameter.empty
        }
        frame = self.frame(plain, module, cells)
        return UserFunction(plain.__name__, node, module, frame, defaults)

    def _array(self, name: str, obj: Any) -> Any:
        import numpy as np

        array = np.asarray(obj)
        dtype: DType
        match array.dtype.kind:
            case "b":
                dtype = "bool"
            case "i" | "u":
                dtype = "i32"
            case "f":
                dtype = "f32"
            case _:
                # bfloat16 and its kin are of kind V, and have a float's name.
                if "float" not in array.dtype.name:
                    found = str(array.dtype)
                    self.ctx.refuse(wrong.NotAnArray(span=self.ctx.span, name=name, dtype=found))
                dtype, array = "f32", array.astype(np.float32)
        if array.ndim == 0:
            return array.item()
        dims = tuple(Size.of(int(n)) for n in array.shape)
        return Given(name, dtype, dims, (None,) * array.ndim, self.ctx.span, array)


def _changed(function: Any) -> bool:
    """Whether a decorator is around a function that may change what it does."""
    while hasattr(function, "__wrapped__"):
        if isinstance(function, types.FunctionType):
            library = str(function.__globals__.get("__name__")).partition(".")[0]
            if library not in _LIBRARIES and library not in _CHECKERS:
                return True
        function = function.__wrapped__
    return False


def _cells(function: types.FunctionType) -> dict[str, Any]:
    """What the closure of a function holds; names that are not bound yet are left out."""
    cells: dict[str, Any] = {}
    pairs = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    for name, cell in pairs:
        with suppress(ValueError):  # an empty cell
            cells[name] = cell.cell_contents
    return cells


def _plain(obj: Any) -> Any:
    """Subclasses of numbers, such as enumeration members and NumPy's floats, as plain ones."""
    for kind in (bool, int, float, str):
        if isinstance(obj, kind):
            return kind(obj)
    return obj


def _in_library(obj: Any, root: str) -> Any:
    """The vocabulary's name of a function, module-level constant or dtype of a library."""
    name = getattr(obj, "__name__", "")
    if root in {"ppc", "inferpy"}:
        kind = getattr(obj, "kind", None)
        if isinstance(kind, str):
            return SupportValue(kind)
        return Ref(canonical(f"ppc.{obj.__qualname__}")) if name else None
    if root == "functools":
        return Ref(f"functools.{name}")
    if name in DTYPE_NAMES and isinstance(obj, type):
        return DTypeValue(DTYPE_NAMES[name])
    for library in vocabulary.LIBRARIES:
        if library not in sys.modules:
            continue
        candidates = [p for p in vocabulary.names(library) if p.rpartition(".")[2] == name]
        for path in candidates or vocabulary.names(library):
            if _resolve(path) is obj:
                return Ref(path)
    found = getattr(obj, "__module__", "") or ""
    return Ref(canonical(f"{found}.{name}")) if name else None


def _resolve(path: str) -> Any:
    """The live object of a full dotted name, if its modules are loaded."""
    head, _, rest = path.partition(".")
    obj: Any = sys.modules.get(head)
    for part in rest.split("."):
        obj = vars(obj).get(part) if isinstance(obj, types.ModuleType) else None
        if obj is None:
            return None
    return obj
