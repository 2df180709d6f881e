"""What an expression may evaluate to, besides plain Python values and graph values.

Plain values (numbers, strings, tuples, lists, dictionaries, None) stand for themselves; a `Size`
is an integer known by name only; a `ppc.ir.build.Value` is a node of the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

import libcst as cst

from ppc.diagnostics.base import Mistake
from ppc.ir.types import DType
from ppc.records import dataclass
from ppc.spans import Span

if TYPE_CHECKING:
    from ppc_frontend.scope import Frame
    from ppc_frontend.source import FunctionNode, ParsedModule


class RejectedError(Exception):
    """An expression that is refused; the statement that holds it is given up."""

    def __init__(self, mistake: Mistake) -> None:
        super().__init__(mistake)
        self.mistake = mistake


class PoisonedError(Exception):
    """An expression that uses the result of a refused one: nothing more to report."""


class Poison:
    """What the targets of a refused statement are bound to."""


POISON = Poison()


@dataclass(frozen=True, slots=True)
class Ref:
    """Something of a known library by its full dotted name: a module, function or constant."""

    path: str

    @property
    def root(self) -> str:
        """The library."""
        return self.path.split(".", 1)[0]


@dataclass(frozen=True, slots=True)
class DTypeValue:
    """`tf.float32`, `np.int32`, ...: the graph has one float, one integer, one boolean."""

    dtype: DType


@dataclass(frozen=True, slots=True, eq=False)
class UserFunction:
    """A function or lambda of the user, with the frame in which it was written."""

    name: str
    node: FunctionNode
    module: ParsedModule
    frame: Frame
    defaults: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Method:
    """A method of a graph value, list, string or dictionary, not yet called."""

    owner: Any
    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Builtin:
    """A function of Python itself."""

    name: str


@dataclass(slots=True, eq=False)
class Given:
    """An argument of the model that is an array, by its annotation or as a live array.

    Its node is made at the first use: rows of the datamodel's plate if its leading dimension is
    named like it, and positional otherwise.
    """

    name: str
    dtype: DType
    dims: tuple[Any, ...]  # Size for each dimension
    axis: str | None  # the name of the leading dimension, if it has one
    span: Span
    array: Any = None


@dataclass(slots=True, eq=False)
class Bound:
    """A partially applied library function: `functools.partial`."""

    function: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]


@dataclass(slots=True, eq=False)
class SupportValue:
    """A support by name: `inf.positive`."""

    kind: str


class Ignored:
    """The result of a call that has no meaning in a model, such as `print`."""


PositionOf = Callable[[cst.CSTNode], Span]


@dataclass(frozen=True, slots=True, eq=False)
class LiveObject:
    """A live object of the user's own class or module, whose attributes may be read."""

    obj: Any
    name: str

    @property
    def described(self) -> str:
        """Its kind in a user's words."""
        return f"the object {self.name}"


@dataclass(frozen=True, slots=True)
class NameOf:
    """A function of the user, by its name in the file: an argument read from a call."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class UserModule:
    """A file beside the user's own, which it imports: read, never run."""

    name: str
    frame: Frame

    @property
    def described(self) -> str:
        """Its kind in a user's words."""
        return f"the module {self.name}"
