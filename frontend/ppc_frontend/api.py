"""What the rest of ppc calls: models in a source, their graphs, the calls that a file makes."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import field, replace
from pathlib import Path
from typing import Any

import libcst as cst

from ppc.diagnostics.base import CompileError, Mistake
from ppc.diagnostics.notes import Note
from ppc.ir.build import Builder
from ppc.ir.nodes import Data, Graph, Hyper, Op
from ppc.ir.sizes import Size, with_unit_axis
from ppc.records import dataclass
from ppc.spans import Source, Span
from ppc_frontend import wrong
from ppc_frontend.annotations import ArrayType, array_type
from ppc_frontend.blocks import Found, frame_of, functions_in
from ppc_frontend.context import Assumptions, Context
from ppc_frontend.evaluate.expressions import evaluate
from ppc_frontend.evaluate.statements import run_body
from ppc_frontend.names import finish, names_in, order_axes
from ppc_frontend.scope import Frame, own_names
from ppc_frontend.source import ParsedModule, check_syntax, read_file, too_deep
from ppc_frontend.values import POISON, Given, NameOf, PoisonedError, RejectedError


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model in a source."""

    name: str
    span: Span
    parameters: tuple[str, ...]
    decorator: str  # the decorator's text; empty for a function without it


@dataclass(frozen=True, slots=True)
class Compiled:
    """A model's graph, with the live arrays of its Data nodes and what was noted on the way."""

    graph: Graph
    info: ModelInfo
    arrays: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[Mistake, ...] = ()
    notes: tuple[Note, ...] = ()  # what became of each loop


def as_source(path_or_source: str | Path | Source) -> Source:
    """The text of a file, or a source as it is. Raises CompileError."""
    return path_or_source if isinstance(path_or_source, Source) else read_file(path_or_source)


_PARSED: dict[Source, ParsedModule] = {}


def parsed(source: Source) -> ParsedModule:
    """The tree of a source, parsed once. Raises CompileError."""
    if source not in _PARSED:
        _PARSED.clear()  # one file at a time is at hand; trees are large
        module = ParsedModule(source)
        check_syntax(source)
        _PARSED[source] = module
    return _PARSED[source]


def models_in(source: str | Path | Source) -> list[ModelInfo]:
    """The models of a source: functions with the decorator `probmodel`."""
    module = parsed(as_source(source))
    return [_info(module, found) for found in functions_in(module) if found.decorator]


def _info(module: ParsedModule, found: Found) -> ModelInfo:
    assert isinstance(found.node, cst.FunctionDef)
    return ModelInfo(
        name=found.node.name.value,
        span=module.span(found.node.name),
        parameters=tuple(p.name.value for p in _parameters(found.node)),
        decorator=found.decorator,
    )


def _parameters(node: cst.FunctionDef | cst.Lambda) -> list[cst.Param]:
    params = node.params
    return [*params.posonly_params, *params.params, *params.kwonly_params]


def compile_file(
    path_or_source: str | Path | Source,
    name: str | None = None,
    *,
    settings: Mapping[str, Any] | None = None,
) -> Graph:
    """The graph of a model in a file, which is read and never run. Raises CompileError."""
    return compile_source(path_or_source, name, settings=settings).graph


def compile_source(
    path_or_source: str | Path | Source,
    name: str | None = None,
    *,
    settings: Mapping[str, Any] | None = None,
) -> Compiled:
    """As `compile_file`, with warnings and what is known of the model."""
    source = as_source(path_or_source)
    module = parsed(source)
    found = _choose(module, source, name)
    node = found.node
    assert isinstance(node, cst.FunctionDef)
    if (part := found.refused()) is not None:
        what = "`async`" if part is node.name else "a decorator besides @inf.probmodel"
        raise CompileError(wrong.Unsupported(span=module.span(part), what=what))
    settings = settings or {}
    known = [p.name.value for p in _parameters(node)]
    for key in settings:
        if key not in known:
            span = module.span(node.name)
            near = wrong.nearest(key, known)
            raise CompileError(
                wrong.UnknownSetting(span=span, model=node.name.value, name=key, near=near)
            )
    return compile_node(
        module,
        node,
        info=_info(module, found),
        frame=lambda ctx: frame_of(ctx, module, found.enclosing),
        arguments=settings,
    )


def _name_of(found: Found) -> str:
    return found.node.name.value if isinstance(found.node, cst.FunctionDef) else ""


def _choose(module: ParsedModule, source: Source, name: str | None) -> Found:
    functions = functions_in(module)
    models = [f for f in functions if f.decorator]
    if name is None and len(models) == 1:
        return models[0]
    for group in (models, functions):
        same = [f for f in group if _name_of(f) == name]
        if len(same) > 1 and len({f.enclosing for f in same}) < len(same):
            places = [module.span(f.node.name) for f in same if isinstance(f.node, cst.FunctionDef)]
            others = tuple((place, "it is defined here") for place in places[:-1])
            mistake = wrong.SameModel(span=places[-1], name=name or "", others=others)
            raise CompileError(mistake)
        if same:
            return same[0]
    names = [f.node.name.value for f in models if isinstance(f.node, cst.FunctionDef)]
    near = wrong.nearest(name, names) if name else ""
    raise CompileError(
        wrong.NoModel(path=source.path, name=name or "", found=tuple(names), near=near)
    )


def compile_node(
    module: ParsedModule,
    node: cst.FunctionDef,
    *,
    info: ModelInfo,
    frame: Callable[[Context], Frame],
    arguments: Mapping[str, Any],
    convert: Callable[[Context, str, Any], Any] | None = None,
    rows: Mapping[str, str] | None = None,
) -> Compiled:
    """Evaluate a model's body until what it takes for granted is what it finds.

    `arguments` are the values of parameters; `convert` makes live objects fit for evaluation.
    `rows` names the first dimension of arrays that have no annotation.
    """
    assumed: Assumptions | None = None
    while True:
        try:
            ctx, assumed_now = _attempt(
                module, node, info, frame, arguments, convert, assumed, rows or {}
            )
        except RecursionError:
            raise CompileError(too_deep(module.source)) from None
        found = _found(ctx, assumed_now, first=assumed is None)
        if found == assumed_now:
            break
        assumed = found
    if not ctx.mistakes:
        order_axes(ctx)
    if ctx.mistakes:
        raise CompileError([*ctx.mistakes, *ctx.warnings])
    return Compiled(
        finish(ctx), info, dict(ctx.arrays), tuple(ctx.warnings), tuple(dict.fromkeys(ctx.notes))
    )


def _attempt(
    module: ParsedModule,
    node: cst.FunctionDef,
    info: ModelInfo,
    frame: Callable[[Context], Frame],
    arguments: Mapping[str, Any],
    convert: Callable[[Context, str, Any], Any] | None,
    assumed: Assumptions | None,
    rows: Mapping[str, str],
) -> tuple[Context, Assumptions]:
    ctx = Context(Builder(info.name, "model"), assumed or Assumptions())
    names = {p.name.value for p in _parameters(node)}
    ctx.default_plate = next(n for n in ("N", "rows", "data_rows") if n not in names)
    outer = frame(ctx)
    inner = Frame(module, outer, own=own_names(node))
    with ctx.at(module.span(node.name)):
        for param in _parameters(node):
            try:
                _bind(ctx, module, outer, inner, param, arguments, convert, rows)
            except RejectedError as error:
                ctx.mistakes.append(error.mistake)
                inner.variables[param.name.value] = POISON
            except PoisonedError:
                inner.variables[param.name.value] = POISON
        arrays = [v for v in inner.variables.values() if isinstance(v, Given)]
        ctx.dimensions = {name: False for v in arrays for name in v.names if name}
        ctx.dimensions |= {name: True for v in arrays for name in v.names[:1] if name}
        if assumed is None:  # rows of whatever plate an array names, until it is known better
            leading = frozenset((name, name) for name, first in ctx.dimensions.items() if first)
            ctx.assumed = replace(ctx.assumed, plates=leading)
        _dimensions(ctx, module, outer, inner, node)
        if isinstance(node.params.star_arg, cst.Param):
            name = node.params.star_arg.name.value
            given = arguments.get(name, ())
            inner.variables[name] = convert(ctx, name, given) if convert else given
        if node.params.star_kwarg is not None:
            name = node.params.star_kwarg.name.value
            named = arguments.get(name, {})
            inner.variables[name] = convert(ctx, name, named) if convert else named
        with suppress(PoisonedError):
            run_body(ctx, inner, node)
    _apart(ctx)
    return ctx, ctx.assumed


def _apart(ctx: Context) -> None:
    """Note sites with the name of an argument of the model: a program has one of each name."""
    for name, span in ctx.sites.items():
        node = ctx.builder.nodes.get(name)
        others: tuple[tuple[Span, str], ...] = ()
        if isinstance(node, Data | Hyper) and node.span is not None:
            others = ((node.span, "the argument is here"),)
        elif name not in ctx.builder.hypers:
            continue
        ctx.mistakes.append(wrong.DuplicateSite(span=span, name=name, others=others))


def _bind(
    ctx: Context,
    module: ParsedModule,
    outer: Frame,
    inner: Frame,
    param: cst.Param,
    arguments: Mapping[str, Any],
    convert: Callable[[Context, str, Any], Any] | None,
    rows: Mapping[str, str],
) -> None:
    """Give a parameter of the model its value: an array, a size by name, a number, anything."""
    name, span = param.name.value, module.span(param.name)
    array = None
    if param.annotation is not None:
        array = array_type(module, param.annotation.annotation)
    if name in arguments:
        value = arguments[name]
        if convert is not None:
            value = convert(ctx, name, value if array is None else _as_array(value))
        if isinstance(value, NameOf):
            value = _found_outside(ctx, outer, value.name, span)
        if isinstance(value, Given):
            value.span = span
            if array is None and name in rows:
                dims = (Size.of(rows[name]), *value.dims[1:])
                array = ArrayType(value.dtype, dims, f"rows of {rows[name]}")
            if array is not None:
                _match(ctx, value, array, arguments)
    elif array is not None:
        value = Given(name, array.dtype, array.dims, array.names, span)
    elif param.default is not None:
        value = evaluate(ctx, outer, param.default)
    else:
        value = None if name in ctx.assumed.numeric else ctx.builder.hyper(name)
        if value is None:
            with ctx.at(span):
                value = ctx.builder.hyper_value(name)
    settled = ctx.assumed.structural | ctx.assumed.numeric
    if isinstance(value, int) and not isinstance(value, bool) and name not in settled:
        value = ctx.builder.hyper(name, value)
    inner.variables[name] = value


def _found_outside(ctx: Context, outer: Frame, name: str, span: Span) -> Any:
    """The value that a name has in the file, for the parameter at `span`."""
    try:
        return outer.find(name)
    except KeyError:
        near = wrong.nearest(name, tuple(outer.names()))
        ctx.refuse(wrong.UndefinedName(span=span, name=name, near=near))


def _dimensions(
    ctx: Context, module: ParsedModule, outer: Frame, inner: Frame, node: cst.FunctionDef
) -> None:
    """Bind the names of dimensions in annotations, such as N, that nothing else binds."""
    rows = {name for name, _ in ctx.assumed.plates}
    for param in _parameters(node):
        array = None
        with suppress(RejectedError):
            array = param.annotation and array_type(module, param.annotation.annotation)
        for size in array.dims if array else ():
            name = size.name
            if name is None or name in inner.variables or name in inner.own:
                continue
            try:
                outer.find(name)
            except (KeyError, RejectedError, PoisonedError):
                length = None if name in rows else ctx.dims.get(name)
                inner.variables[name] = size if length is None else length
                if length is None and name not in rows:
                    ctx.builder.hypers.setdefault(name, None)


def _as_array(value: Any) -> Any:
    """A list as an array, where the annotation says that it is one; anything else as it is."""
    if not isinstance(value, list | tuple):
        return value
    import numpy as np

    try:
        return np.asarray(value)
    except ValueError:  # ragged, and told as the list that it is
        return value


def _match(ctx: Context, given: Given, type_: ArrayType, arguments: Mapping[str, Any]) -> None:
    """Hold a live array to its annotation, which names its leading dimension and its dtype."""
    found = tuple(size.value or 0 for size in given.dims)
    fixed = {name: value for name, value in arguments.items() if isinstance(value, int)}
    if (shape := with_unit_axis(found, type_.dims, fixed)) != found:
        found, given.dims = shape, tuple(map(Size.of, shape))
        given.array = given.array.reshape(shape)
    fits = len(found) == len(type_.dims)
    for size, length in zip(type_.dims, found, strict=False):
        if size.name is not None:
            known = ctx.builder.hypers.get(size.name)
            fits = fits and ctx.dims.setdefault(size.name, length) == length
            fits = fits and known in (None, length)
        else:
            fits = fits and size.evaluate(ctx.dims) in (None, length)
    if not fits:
        name, words = given.name, type_.text
        ctx.refuse(wrong.ArrayShape(span=given.span, name=name, shape=found, expected=words))
    given.names, given.dtype = type_.names, type_.dtype


def _found(ctx: Context, assumed: Assumptions, *, first: bool) -> Assumptions:
    """What the evaluation found out about what it took for granted."""
    as_sizes = {name for axis in ctx.builder.axes.values() for name in axis.size.names}
    as_numbers: set[str] = set()
    for item in ctx.builder.nodes.values():
        is_number = isinstance(item, Op) and item.primitive == "dim"
        (as_numbers if is_number else as_sizes).update(names_in(item))
    numbers = {name for name in as_numbers - as_sizes if name in ctx.builder.hypers}
    plates = frozenset(_plates(ctx))
    found = Assumptions(
        unrolled=assumed.unrolled | ctx.unrolled,
        structural=assumed.structural | ctx.structural,
        # A refused statement may have held the use as a size.
        numeric=assumed.numeric | frozenset(() if ctx.mistakes else numbers),
        plates=plates if first else plates & assumed.plates,  # fewer each time, so it ends
        order=assumed.order,
        carried=assumed.carried | ctx.carried,
    )
    return found if assumed.order and found == assumed else replace(found, order=_order(ctx))


def _plates(ctx: Context) -> Iterator[tuple[str, str]]:
    """The plate that each name of a dimension means: one called so, else the one of that size."""
    blocks = [axis for axis in ctx.opened if ctx.builder.axes[axis].kind == "plate"]
    for name, leading in ctx.dimensions.items():
        sized = [axis for axis in blocks if ctx.opened[axis].name == name]
        if name in (ctx.opened if leading else blocks):
            yield name, name
        elif len(sized) == 1:
            yield name, sized[0]


def _order(ctx: Context) -> tuple[str, ...]:
    """The plates with outer ones before inner ones, where they were declared otherwise."""
    declared = [name for name in ctx.builder.axes if name in ctx.opened]
    ordered: list[str] = []

    def place(name: str) -> None:
        if name not in ordered:
            for outer, inner in ctx.nested:
                if inner == name:
                    place(outer)
            ordered.append(name)

    for name in ctx.opened:
        place(name)
    return ctx.assumed.order if ordered == declared else tuple(ordered)


def compile_function(
    function: Callable[..., Any],
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    rows: Mapping[str, str] | None = None,
) -> Compiled:
    """The graph of a live model function. Raises CompileError. See `ppc_frontend.live`."""
    from ppc_frontend import live

    return live.compile_function(function, args, kwargs, rows=rows)


def function_info(
    function: types.FunctionType, module: ParsedModule, node: cst.FunctionDef
) -> ModelInfo:
    """What is known of a live model."""
    parameters = tuple(p.name.value for p in _parameters(node))
    return ModelInfo(function.__name__, module.span(node.name), parameters, "")
