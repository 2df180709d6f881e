"""Names: what a name stands for in a function body, in its closure, in its module."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import field
from typing import Any

import libcst as cst

from ppc.ir.build import Value
from ppc.records import dataclass
from ppc_frontend.source import ParsedModule, statements
from ppc_frontend.values import Ref

# Packages that speak another's language.
ALIASES: Mapping[str, str] = {
    "inferpy": "ppc",
    "tensorflow.compat.v1": "tensorflow",
    "tensorflow.compat.v2": "tensorflow",
    "keras": "tensorflow.keras",
    "tf_keras": "tensorflow.keras",
    "ppc.tf": "tensorflow",
    "ppc.tfp": "tensorflow_probability",
    "tensorflow_probability.python": "tensorflow_probability",
    "ppc.models": "ppc",
    "ppc.distributions": "ppc",
    "tensorflow.numpy": "numpy",
    "tensorflow.experimental.numpy": "numpy",
}


def canonical(path: str) -> str:
    """The dotted name under the library whose table it is in."""
    changed = True
    while changed:
        changed = False
        for alias, target in ALIASES.items():
            if path == alias or path.startswith(alias + "."):
                path, changed = target + path[len(alias) :], True
    return path


@dataclass(slots=True, eq=False)
class Frame:
    """The names of one function call; `parent` is the frame the function was written in."""

    module: ParsedModule
    parent: Frame | None
    outside: Callable[[str], Any] | None = None  # the module's own names; raises KeyError
    variables: dict[str, Any] = field(default_factory=dict)
    own: frozenset[str] = frozenset()  # names that the function binds, bound already or not
    loops: int = 0  # how many loops were open where the function was called
    # The conditions on graph values around, and whether each or its opposite holds.
    branches: list[tuple[Value, bool]] = field(default_factory=list)
    # What the function returns early, and the conditions under which it does, in order.
    exits: list[tuple[Value, Any]] = field(default_factory=list)

    def find(self, name: str) -> Any:
        """The value of a name. Raises KeyError, also for one of its own that is not bound yet."""
        frame: Frame | None = self
        while frame is not None:
            if name in frame.variables:
                return frame.variables[name]
            if name in frame.own:
                raise KeyError(name)
            if frame.outside is not None:
                with suppress(KeyError):
                    return frame.outside(name)
            frame = frame.parent
        raise KeyError(name)

    def names(self) -> Iterator[str]:
        """The names that are bound, for the nearest one to a misspelt one."""
        frame: Frame | None = self
        while frame is not None:
            yield from frame.variables
            yield from module_names(frame.module)
            frame = frame.parent


@dataclass(slots=True)
class ModuleNames:
    """What a module's top level binds, and by which statements, in order."""

    bound: dict[str, list[cst.CSTNode]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[str]:
        return iter(self.bound)


def module_names(module: ParsedModule) -> ModuleNames:
    """The names that the top level of a module binds."""
    return block_names(module.tree)


def block_names(body: cst.Module | cst.BaseSuite) -> ModuleNames:
    """The names that a block binds, those in its branches too."""
    names = ModuleNames()
    _collect(body, names)
    return names


def _collect(body: cst.Module | cst.BaseSuite, names: ModuleNames, fallback: bool = False) -> None:
    """Add what a block binds; what an `except` clause imports stands in for what failed."""
    for item in statements(body):
        for name in [*binds(item), *changes(item)]:
            if fallback and isinstance(item, cst.Import | cst.ImportFrom) and name in names.bound:
                continue
            names.bound.setdefault(name, []).append(item)
        for inner in suites(item):
            handler = isinstance(item, cst.Try | cst.TryStar) and inner is not item.body
            _collect(inner, names, fallback or handler)


def suites(item: cst.CSTNode) -> Iterator[cst.BaseSuite]:
    """The blocks of a compound statement that run where it stands: not those of functions."""
    if isinstance(item, cst.FunctionDef | cst.ClassDef):
        return
    for child in item.children:
        if isinstance(child, cst.BaseSuite):
            yield child
        elif not isinstance(child, cst.BaseExpression):
            yield from suites(child)


def changes(item: cst.CSTNode) -> Iterator[str]:
    """The names whose values a statement changes in place, or may."""
    match item:
        case cst.Assign():
            for target in item.targets:
                yield from _owner(target.target)
        case cst.AugAssign():
            yield from _owner(item.target)
        case cst.Del():
            yield from target_names(item.target)
            yield from _owner(item.target)
        case cst.Expr(value=cst.Call(func=cst.Attribute() as function)):
            yield from _owner(function)  # S.append(2.0)
        case cst.Expr(value=cst.NamedExpr() as named):
            yield from target_names(named.target)
        case cst.FunctionDef():
            yield from _globals(item)


def _globals(function: cst.FunctionDef) -> Iterator[str]:
    """The names that a function, or one inside it, declares global."""
    stack: list[cst.BaseSuite] = [function.body]
    while stack:
        for item in statements(stack.pop()):
            if isinstance(item, cst.Global):
                yield from (entry.name.value for entry in item.names)
            stack.extend([item.body] if isinstance(item, cst.FunctionDef) else suites(item))


def _owner(target: cst.CSTNode) -> Iterator[str]:
    """The name before the subscripts and attributes of a target, if it has any."""
    if not isinstance(target, cst.Subscript | cst.Attribute):
        return
    node: cst.CSTNode = target
    while isinstance(node, cst.Subscript | cst.Attribute):
        node = node.value
    if isinstance(node, cst.Name):
        yield node.value


def own_names(node: cst.FunctionDef) -> frozenset[str]:
    """The names that a function's body binds: they are its own, whenever they are bound."""
    return frozenset(bound_in(node.body))


def bound_in(body: cst.BaseSuite) -> tuple[str, ...]:
    """The names that a block binds, also in the blocks inside it; not those of functions in it."""
    return tuple(dict.fromkeys(name for item in every_statement(body) for name in binds(item)))


def every_statement(body: cst.BaseSuite) -> Iterator[cst.CSTNode]:
    """The statements of a block and of the blocks inside it; not those of functions in it."""
    stack: list[cst.BaseSuite] = [body]
    while stack:
        for item in statements(stack.pop()):
            yield item
            stack.extend(suites(item))


def binds(item: cst.CSTNode) -> Iterator[str]:
    """The names that a statement binds."""
    match item:
        case cst.With():
            for entry in item.items:
                if entry.asname is not None:
                    yield from target_names(entry.asname.name)
        case cst.FunctionDef() | cst.ClassDef():
            yield item.name.value
        case cst.Assign():
            for target in item.targets:
                yield from target_names(target.target)
        case cst.AnnAssign() | cst.AugAssign():
            yield from target_names(item.target)
        case cst.For():
            yield from target_names(item.target)
        case cst.Import() | cst.ImportFrom():
            yield from imports(item)


def target_names(target: cst.CSTNode) -> Iterator[str]:
    """The names in an assignment target."""
    match target:
        case cst.Name():
            yield target.value
        case cst.Tuple() | cst.List():
            for element in target.elements:
                yield from target_names(element.value)
        case cst.StarredElement():
            yield from target_names(target.value)


def imports(item: cst.Import | cst.ImportFrom) -> dict[str, Ref]:
    """What an import statement binds; relative imports and `*` bind nothing that is known."""
    found: dict[str, Ref] = {}
    if isinstance(item, cst.Import):
        for alias in item.names:
            path = dotted(alias.name)
            if alias.asname is not None and isinstance(alias.asname.name, cst.Name):
                found[alias.asname.name.value] = Ref(canonical(path))
            else:
                root = path.split(".", 1)[0]
                found[root] = Ref(canonical(root))
        return found
    if isinstance(item.names, cst.ImportStar):
        return found
    module = "." * len(item.relative) + (dotted(item.module) if item.module else "")
    for alias in item.names:
        name = dotted(alias.name)
        bound = name
        if alias.asname is not None and isinstance(alias.asname.name, cst.Name):
            bound = alias.asname.name.value
        found[bound] = Ref(canonical(f"{module}.{name}"))
    return found


def dotted(node: cst.CSTNode) -> str:
    """The dotted name of a chain of attributes; empty for anything else."""
    match node:
        case cst.Name():
            return node.value
        case cst.Attribute():
            owner = dotted(node.value)
            return f"{owner}.{node.attr.value}" if owner else ""
    return ""
