"""Names of a module (or of an enclosing function) as its text binds them: read, never run."""

from __future__ import annotations

import functools
from dataclasses import field
from pathlib import Path
from typing import Any, NoReturn

import libcst as cst

from ppc.records import dataclass
from ppc.spans import Span
from ppc_frontend import vocabulary, wrong
from ppc_frontend.context import Context
from ppc_frontend.evaluate.expressions import evaluate, make_function
from ppc_frontend.evaluate.statements import assign
from ppc_frontend.scope import Frame, ModuleNames, binds, block_names, dotted, imports
from ppc_frontend.source import FunctionNode, ParsedModule, read_file
from ppc_frontend.values import POISON, PoisonedError, RejectedError, UserModule

# Never looked for beside the file.
KNOWN = frozenset((*vocabulary.LIBRARIES, "ppc", "functools", "tensorflow_probability"))


@dataclass(slots=True, eq=False)
class Block:
    """The names of one block; each is evaluated when it is first asked for."""

    ctx: Context
    frame: Frame
    names: ModuleNames
    busy: set[str] = field(default_factory=set)

    def __call__(self, name: str) -> Any:
        """The value of a name. Raises KeyError, or RejectedError where it cannot be read."""
        bindings = self.names.bound.get(name)
        if not bindings or name in self.busy:
            raise KeyError(name)
        self.busy.add(name)
        try:
            self._bind(name, bindings)
        finally:
            self.busy.discard(name)
        return self.frame.variables[name]

    def _bind(self, name: str, bindings: list[cst.CSTNode]) -> None:
        node = bindings[0]
        span = self.frame.module.span(node)
        if isinstance(node, cst.Import | cst.ImportFrom):
            found = imports(node)[name]
            for other in bindings[1:]:
                self._same_import(name, found, other)
            beside = None if found.root in KNOWN else self._beside(node, name)
            self.frame.variables[name] = found if beside is None else beside
            return
        if len(bindings) > 1:
            self._refuse(name, span, f"it is bound or changed {len(bindings)} times")
        if isinstance(node, cst.FunctionDef):
            if node.decorators:
                self._refuse(name, span, "it has a decorator")
            with self.ctx.at(span):
                self.frame.variables[name] = make_function(self.ctx, self.frame, name, node)
            return
        if not isinstance(node, cst.Assign | cst.AnnAssign) or node.value is None:
            kind = type(node).__name__.lower().removesuffix("def")
            self._refuse(name, span, f"it is bound by a `{kind}` statement")
        self._assign(name, span, node)

    def _same_import(self, name: str, found: Any, other: cst.CSTNode) -> None:
        """Refuse a name of a library that is bound to something else too."""
        if isinstance(other, cst.Import | cst.ImportFrom):
            if imports(other)[name] == found:
                return
        elif isinstance(other, cst.Expr):  # np.random.seed(0)
            return
        self._refuse(name, self.frame.module.span(other), "it is an import's name, and bound again")

    def _beside(self, node: cst.Import | cst.ImportFrom, name: str) -> Any:
        """What an import of a file beside this one binds; None where there is no such file."""
        if isinstance(node, cst.Import):
            return self._module_beside(name)
        aliases = () if isinstance(node.names, cst.ImportStar) else node.names
        alias = next(a for a in aliases if name == dotted(a.asname.name if a.asname else a.name))
        if node.module is None:  # from . import helpers
            return self._module_beside(dotted(alias.name))
        module = self._module_beside(dotted(node.module))
        if module is None:
            return None
        try:
            return module.frame.find(dotted(alias.name))
        except KeyError:
            return None

    def _module_beside(self, name: str) -> UserModule | None:
        path = Path(self.frame.module.source.path).with_name(f"{name}.py")
        key = str(path)
        if key not in self.ctx.modules:
            if not name.isidentifier() or not path.is_file():
                return None
            module = ParsedModule(read_file(path))
            self.ctx.modules[key] = UserModule(name, frame_of(self.ctx, module))
        found: UserModule = self.ctx.modules[key]
        return found

    def _assign(self, name: str, span: Span, node: cst.Assign | cst.AnnAssign) -> None:
        assert node.value is not None
        plates, self.ctx.plates = self.ctx.plates, []
        try:
            with self.ctx.at(span):
                value = evaluate(self.ctx, self.frame, node.value)
                targets = (
                    [t.target for t in node.targets]
                    if isinstance(node, cst.Assign)
                    else [node.target]
                )
                for target in targets:
                    assign(self.ctx, self.frame, target, value)
        except RejectedError as error:
            for bound in binds(node):
                self.frame.variables[bound] = POISON
            self._refuse(name, span, error.mistake.message())
        finally:
            self.ctx.plates = plates
        if name not in self.frame.variables:
            raise PoisonedError

    def _refuse(self, name: str, span: Span, reason: str) -> NoReturn:
        others = ((span, f"`{name}` is bound here"),)
        self.frame.variables[name] = POISON
        self.ctx.refuse(
            wrong.ModuleValue(span=self.ctx.span, name=name, reason=reason, others=others)
        )


def frame_of(
    ctx: Context, module: ParsedModule, enclosing: tuple[cst.FunctionDef, ...] = ()
) -> Frame:
    """The frame in which a function of a module was written, inside enclosing functions."""
    frame = Frame(module, None)
    frame.outside = Block(ctx, frame, block_names(module.tree))
    for function in enclosing:
        frame = Frame(module, frame)
        frame.outside = Block(ctx, frame, block_names(function.body))
    return frame


@dataclass(frozen=True, slots=True)
class Found:
    """A function of a module, and the functions around it."""

    node: FunctionNode
    enclosing: tuple[cst.FunctionDef, ...]
    decorator: str = ""  # the text of the probmodel decorator, if it has one

    def refused(self) -> cst.CSTNode | None:
        """What of a model's head changes what it is: another decorator, or `async`."""
        assert isinstance(self.node, cst.FunctionDef)
        if self.node.asynchronous is not None:
            return self.node.name
        others = [d for d in self.node.decorators if dotted_end(d.decorator) != "probmodel"]
        return others[0] if others else None


def dotted_end(node: cst.BaseExpression) -> str:
    """The last name of a decorator."""
    return dotted(node.func if isinstance(node, cst.Call) else node).rpartition(".")[2]


@functools.lru_cache(maxsize=1)  # it is asked for again and again for the module at hand
def functions_in(module: ParsedModule) -> tuple[Found, ...]:
    """Every named function, in the order of the text; of those in classes, the models."""
    found: list[Found] = []
    known = _imported(module)

    def visit(node: cst.CSTNode, enclosing: tuple[cst.FunctionDef, ...], method: bool) -> None:
        for child in node.children:
            if isinstance(child, cst.BaseExpression):
                continue
            if isinstance(child, cst.FunctionDef):
                decorator = _model_decorator(module, child, known)
                if decorator or not method:  # a class's names are not seen inside its functions
                    found.append(Found(child, enclosing, decorator))
                visit(child, (*enclosing, child), False)
            else:
                visit(child, enclosing, method or isinstance(child, cst.ClassDef))

    visit(module.tree, (), False)
    return tuple(found)


def _imported(module: ParsedModule) -> dict[str, str]:
    known: dict[str, str] = {}
    stack: list[cst.CSTNode] = [module.tree]
    while stack:
        node = stack.pop()
        if isinstance(node, cst.Import | cst.ImportFrom):
            known.update({name: ref.path for name, ref in imports(node).items()})
        elif not isinstance(node, cst.BaseExpression):
            stack.extend(node.children)
    return known


def _model_decorator(module: ParsedModule, node: cst.FunctionDef, known: dict[str, str]) -> str:
    for decorator in node.decorators:
        expression = decorator.decorator
        if isinstance(expression, cst.Call):
            expression = expression.func
        head, _, rest = dotted(expression).partition(".")
        path = known.get(head, head) + (f".{rest}" if rest else "")
        if path in {"ppc.probmodel", "ppc.models.probmodel"}:
            return module.tree.code_for_node(decorator.decorator)
    return ""
