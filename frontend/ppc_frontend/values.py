"""What an expression may evaluate to, besides plain Python values and graph values.

Plain values (numbers, strings, tuples, lists, dictionaries, None) stand for themselves; a `Size`
is an integer known by name only; a `ppc.ir.build.Value` is a node of the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, NoReturn

import libcst as cst

from ppc.diagnostics.base import Mistake
from ppc.ir.sizes import Size
from ppc.ir.types import DType
from ppc.records import dataclass
from ppc.spans import Span

if TYPE_CHECKING:
    from ppc.ir.build import Value
    from ppc_frontend.context import Context, Loop
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

    Its node is made at the first use: its dimensions that are named like a plate, or like its
    size, are rows of that plate, the others positional.
    """

    name: str
    dtype: DType
    dims: tuple[Any, ...]  # Size for each dimension
    names: tuple[str | None, ...]  # of the dimensions, where they have one
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


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """`range(start, stop, step)` where the ends are sizes by name."""

    start: Size
    stop: Size
    step: int
    described = "a range"

    @property
    def count(self) -> Size:
        """The number of its elements."""
        step = self.step
        length = self.stop - self.start if step > 0 else self.start - self.stop
        count = (length + (abs(step) - 1)) // abs(step)
        return Size() if count.value is not None and count.value < 0 else count


@dataclass(frozen=True, slots=True, eq=False)
class Ragged:
    """`range(start, stop)` where `stop` is an integer of the graph, as `length[d]` is."""

    start: Size
    stop: Value
    described = "a range whose end is no known number"


@dataclass(frozen=True, slots=True, eq=False)
class Together:
    """`zip(*parts)` of values that are not lists."""

    parts: tuple[Any, ...]
    described = "a zip"


@dataclass(frozen=True, slots=True, eq=False)
class Numbered:
    """`enumerate(items, start)` of a value that is no list."""

    items: Any
    start: int | Size
    described = "an enumeration"


class Elements:
    """What has elements that loops write; as a tensor, it is all of them."""

    @property
    def is_list(self) -> bool:
        """Whether it is Python's list or dictionary, not an array."""
        raise NotImplementedError

    def tensor(self, ctx: Context) -> Value:
        """All elements as one array."""
        raise NotImplementedError

    def stacked(self, ctx: Context) -> Value:
        """All elements as one array, along the first dimension behind those of open plates."""
        raise NotImplementedError

    def refuse(self, ctx: Context, what: str) -> NoReturn:
        """Refuse a use of it as Python's own list: the loop that fills it is unrolled, or stays."""
        raise NotImplementedError


@dataclass(slots=True, eq=False)
class Carried:
    """A local name in the body of a loop, before the body has bound it: the round before's.

    `terms` are what the body adds to it, where it does nothing else with it.
    """

    name: str
    outer: Any  # its value before the loop
    loop: Loop
    terms: list[tuple[str, Value]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class Added:
    """What a round adds to an element of an array."""

    symbol: str  # + or -
    at: tuple[Value, ...]  # the element, along each dimension that is indexed
    value: Value
    axes: tuple[str, ...]  # of the loops that are over, innermost first
    span: Span


@dataclass(slots=True, eq=False)
class Summed:
    """An array in the body of a loop whose rounds add to elements of it."""

    name: str
    outer: Any  # what the name holds before the loop: the array, or this of a loop around
    loop: Loop
    terms: list[Added] = field(default_factory=list)
    is_read: bool = False  # in the body, as it was before the loop


@dataclass(frozen=True, slots=True, eq=False)
class Last:
    """A local name of the body of a loop, after the loop: the last round's."""

    value: Value
    axis: str


@dataclass(frozen=True, slots=True, eq=False)
class Partly:
    """What a decision on a graph value leaves without a value that could be read."""

    mistake: Mistake  # its place is that of the decision


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
