"""Calls: of known libraries by their vocabulary, of the user's functions by inlining them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import libcst as cst

from ppc.distributions import COMPOSED
from ppc_frontend import composed, layers, quantities, sites, variables, vocabulary, wrong
from ppc_frontend.context import Context, Places
from ppc_frontend.evaluate.attributes import METHODS, is_known, layer_row, unknown
from ppc_frontend.evaluate.indexed import Indexed, append, refuse_use
from ppc_frontend.evaluate.python import call_builtin
from ppc_frontend.scope import Frame, own_names
from ppc_frontend.tensors import describe, has_tensor, printable
from ppc_frontend.values import POISON, Bound, Builtin, Method, PoisonedError, Ref, UserFunction
from ppc_frontend.variables import SiteVariable
from ppc_frontend.vocabulary import base

DEEPEST = 60  # nested inlined calls


def call(ctx: Context, function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """`function(*args, **kwargs)` at the current place."""
    match function:
        case Ref():
            return _call_library(ctx, function, args, kwargs)
        case UserFunction():
            return inline(ctx, function, args, kwargs)
        case Builtin():
            return call_builtin(ctx, function.name, args, kwargs)
        case Method():
            return _call_method(ctx, function, args, kwargs)
        case Bound():
            both = {**function.kwargs, **kwargs}
            return call(ctx, function.function, [*function.args, *args], both)
        case layers.Layer() | layers.Sequential():
            bound = base.bind(ctx, "a layer", "inputs, training:_=None", args, kwargs)
            return layers.apply(ctx, function, bound["inputs"], call)
    if function is POISON:
        raise PoisonedError
    ctx.refuse(wrong.NotCallable(span=ctx.span, what=describe(function)))


def _call_library(ctx: Context, ref: Ref, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    path = ref.path
    row = vocabulary.function(path) or layer_row(path)
    if row is not None:
        return base.call(ctx, path, row, args, kwargs)
    if ref.root == "ppc":
        return _call_own(ctx, path.partition(".")[2], args, kwargs)
    if path == "functools.partial" and args:
        return Bound(args[0], tuple(args[1:]), dict(kwargs))
    if is_known(path):
        ctx.refuse(wrong.NotCallable(span=ctx.span, what=f"the module {path}"))
    ctx.refuse(unknown(ctx, path))


def _call_own(ctx: Context, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    found = sites.distribution(name)
    if found is not None:
        return sites.sample(ctx, found, args, kwargs)
    if name == "MixtureGaussian":
        return composed.gaussians(ctx, args, kwargs)
    if name in COMPOSED:
        return composed.sample(ctx, name, args, kwargs)
    if name == "Parameter":
        signature = "initial_value, name=None, support=None, dtype=None"
        bound = base.bind(ctx, "inf.Parameter", signature, args, kwargs)
        return sites.parameter(ctx, **bound)
    if name == "observe":
        bound = base.bind(ctx, "inf.observe", "variable, value, name=None", args, kwargs)
        return sites.observe(ctx, **bound)
    if name in ("deterministic", "factor"):
        bound = base.bind(ctx, f"inf.{name}", "value, name=None", args, kwargs)
        return getattr(quantities, name)(ctx, **bound)
    if name == "layers.Sequential":
        bound = base.bind(ctx, "inf.layers.Sequential", "layers=None, name=None", args, kwargs)
        return layers.make_sequential(ctx, **bound)
    if name in ("datamodel", "mask", "plate"):
        ctx.refuse(wrong.MisplacedCall(span=ctx.span, name=f"inf.{name}"))
    near = sites.distribution(name)
    ctx.refuse(wrong.NotCallable(span=ctx.span, what=f"ppc.{name}" if near is None else name))


def _call_method(
    ctx: Context, method: Method, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Any:
    owner, name = method.owner, method.name
    if isinstance(owner, SiteVariable):
        bound = base.bind(ctx, name, variables.METHODS[name], args, kwargs)
        return variables.call(ctx, owner, name, **bound)
    if name in METHODS and not isinstance(owner, list | tuple | dict | str):
        if name in {"reshape", "transpose"} and args and not isinstance(args[0], list | tuple):
            args = [tuple(args)]  # x.reshape(2, 3) is x.reshape((2, 3))
        path = METHODS[name]
        row = vocabulary.function(path)
        assert row is not None
        return base.call(ctx, path, row, [owner, *args], kwargs)
    if isinstance(owner, layers.Sequential) and name == "add":
        owner.layers.extend(a for a in args if a is not None)
        return None
    if isinstance(owner, list | Indexed) and name == "append" and len(args) == 1:
        _append(ctx, owner, args[0])
        return None
    if isinstance(owner, str):
        args = [printable(ctx, a) for a in args]
        kwargs = {k: printable(ctx, v) for k, v in kwargs.items()}
    elif name in {"index", "count"} and (has_tensor(owner) or has_tensor(list(args))):
        ctx.refuse(wrong.BranchOnTensor(span=ctx.span, what=f"`{name}`"))
    try:
        result = getattr(owner, name)(*args, **kwargs)
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        ctx.refuse(wrong.BadOperation(span=ctx.span, reason=f"{name}: {error}"))
    return list(result) if name in {"items", "keys", "values"} else result


def _append(ctx: Context, owner: list[Any] | Indexed, value: Any) -> None:
    if not ctx.loops and isinstance(owner, Indexed):
        refuse_use(ctx, owner, "an append to the end")
    if not (ctx.loops and append(ctx, owner, value)) and isinstance(owner, list):
        owner.append(value)


def inline(
    ctx: Context, function: UserFunction, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Any:
    """Evaluate the body of a user's function on the arguments."""
    from ppc_frontend.evaluate.expressions import evaluate
    from ppc_frontend.evaluate.statements import run_body

    if ctx.depth >= DEEPEST:
        ctx.refuse(wrong.Recursion(span=ctx.span, name=function.name))
    frame = Frame(function.module, function.frame, loops=len(ctx.loops))
    if isinstance(function.node, cst.FunctionDef):
        frame.own = own_names(function.node)
    frame.variables.update(bind_user(ctx, function, args, kwargs))
    ctx.depth += 1
    try:
        if isinstance(function.node, cst.Lambda):
            return evaluate(ctx, frame, function.node.body)
        return run_body(ctx, frame, function.node)
    finally:
        ctx.depth -= 1


def bind_user(
    ctx: Context, function: UserFunction, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """The parameters of a user's function by name, as Python binds them."""
    params = function.node.params
    name = function.name
    at, ctx.places = ctx.places or Places(), None
    only = [p.name.value for p in params.posonly_params]
    places = [*only, *(p.name.value for p in params.params)]
    known = [*places[len(only) :], *(p.name.value for p in params.kwonly_params)]
    bound: dict[str, Any] = dict(zip(places, args, strict=False))
    rest = list(args[len(places) :])
    if isinstance(params.star_arg, cst.Param):
        bound[params.star_arg.name.value] = tuple(rest)
    elif rest:
        ctx.refuse(
            wrong.TooManyArguments(
                span=(at.positional[len(places) :] or [ctx.span])[0],
                function=name,
                most=len(places),
                given=len(args),
            )
        )
    extra: dict[str, Any] = {}
    for key, value in kwargs.items():
        if key in known and key not in bound:
            bound[key] = value
        elif key not in known and params.star_kwarg is not None:
            extra[key] = value
        else:
            near = wrong.nearest(key, known)
            twice = key in bound
            ctx.refuse(
                wrong.UnknownKeyword(
                    span=at.named.get(key, ctx.span),
                    function=name,
                    name=key,
                    near=near,
                    twice=twice,
                )
            )
    if params.star_kwarg is not None:
        bound[params.star_kwarg.name.value] = extra
    for key in dict.fromkeys([*places, *known]):
        if key not in bound:
            if key not in function.defaults:
                ctx.refuse(wrong.MissingArgument(span=ctx.span, function=name, name=key))
            bound[key] = function.defaults[key]
    return bound
