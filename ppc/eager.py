"""Random variables outside models: `a = inf.Normal(0., 100.); b = inf.Normal(a, 5.); b.sample(3)`.

What Python runs outside a model function is recorded, and drawn when it is asked for, ancestors
first and each once: `b.sample()` draws `a` anew. Operations mean what they mean inside models.
Draws are made by the reference in NumPy, so that nothing is compiled and no framework is needed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ppc.compiler import as_function
from ppc.diagnostics import CompileError, KindError, QueryError
from ppc.diagnostics.command import NotAvailable, NoTruthValue
from ppc.diagnostics.data import BadNumber, WrongKind
from ppc.distributions import Distribution, find
from ppc.distributions.kl import kl_divergence
from ppc.inference.methods import next_seed
from ppc.ir.build import Builder, Value
from ppc.ir.nodes import Sample
from ppc.ir.types import Tensor as Type
from ppc.objective import functions
from ppc.objective.functions import DRAWS
from ppc.spans import Source, Span
from ppc.variables import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from ppc_frontend.deferred import Deferred, OpenPlate, Recording

    Array = NDArray[Any]

_plates: ContextVar[tuple[OpenPlate, ...]] = ContextVar("plates", default=())
_DTYPES = {"f32": np.float32, "i32": np.int32, "bool": np.bool_}


class CallError(CompileError, TypeError, ValueError):
    """A call outside a model that cannot be made: its arguments or their shapes are wrong."""


# --- recording -----------------------------------------------------------------------------------


def record(
    operation: str, args: Sequence[Any], kwargs: Mapping[str, Any] | None = None, name: str = ""
) -> Any:
    """Record an operation: the random variable or tensor that it makes, or what it is now.

    What depends on no random variable is computed at once and comes back as an array. Raises
    CallError at the caller's line.
    """
    from ppc_frontend.deferred import Deferred, trace

    plates = _plates.get()
    node = Deferred(operation, tuple(args), dict(kwargs or {}), plates, calling_span())
    try:
        value, site = trace(node)
    except CompileError as error:
        raise CallError(error.mistakes) from None
    random = any(node.parents)
    if isinstance(value, list | tuple):
        parts = [_part(node, i, random) if isinstance(v, Value) else v for i, v in enumerate(value)]
        return type(value)(parts)
    if not isinstance(value, Value):
        return value
    if site is not None:
        return RandomVariable(node, name or _unnamed(), site.distribution)
    return _known(Tensor(node), random)


def _part(node: Deferred, place: int, random: bool) -> Any:
    """One of the results of an operation that gives several."""
    from ppc_frontend.deferred import Deferred, trace

    part = Deferred("part", (Tensor(node), place), {}, node.plates, node.span)
    trace(part)
    return _known(Tensor(part), random)


def _known(tensor: Tensor, random: bool) -> Any:
    """A tensor, or what it is now where it depends on nothing random."""
    return tensor if random else plain(draw([tensor], None)[0])


def calling_span() -> Span:
    """The place of the call in the user's code: the innermost frame that is not ppc's."""
    import linecache

    frame = sys._getframe(1)
    own = {str(Path(__file__).parent)}
    while frame.f_back is not None and str(Path(frame.f_code.co_filename).parent) in own:
        frame = frame.f_back
    path = frame.f_code.co_filename
    lines = linecache.getlines(path, frame.f_globals)
    source = Source(path, "".join(lines))
    line, end_line, column, end_column = frame.f_lineno, None, None, None
    for i, position in enumerate(frame.f_code.co_positions()):
        if i == frame.f_lasti // 2:
            line, end_line, column, end_column = (position[0] or line, *position[1:])
    if column is None or end_column is None or not 0 < line <= len(lines):
        return Span(source, line, 1, line, 1)

    def characters(row: int, offset: int) -> int:  # Python counts bytes, ppc characters
        return len(lines[row - 1].encode()[:offset].decode(errors="replace")) + 1

    end_line = end_line or line
    return Span(source, line, characters(line, column), end_line, characters(end_line, end_column))


_counts: dict[str, int] = {}


def _unnamed(prefix: str = "randvar") -> str:
    """`randvar_0`, `randvar_1`, ...: a name for what was given none."""
    count = _counts.get(prefix, 0)
    _counts[prefix] = count + 1
    return f"{prefix}_{count}"


@contextmanager
def plate(size: int | None) -> Iterator[None]:
    """Repeat the random variables that are made inside, `size` times, 1 by default.

    Raises KindError where the size is no integer, QueryError where it is negative.
    """
    from ppc_frontend.deferred import OpenPlate

    if size is not None and (isinstance(size, bool) or not hasattr(size, "__index__")):
        what = "The size of the data model"
        found = str(type(size))
        raise KindError(WrongKind(argument=what, expected="an integer", found=found))
    count = size.__index__() if size else 1
    if count < 0:
        raise QueryError(BadNumber(argument="size", expected="at least 0", found=str(size)))
    # Rows of one size are rows of one plate, as all those of a model are.
    token = _plates.set((*_plates.get(), OpenPlate(f"rows_{count}", count, calling_span())))
    try:
        yield
    finally:
        _plates.reset(token)


# --- drawing -------------------------------------------------------------------------------------


def draw(tensors: Sequence[Tensor], size: int | None, seed: int | None = None) -> list[Array]:
    """Joint draws: `[plates..., shape...]`, with a leading axis of `size` where it is given."""
    from ppc_frontend.deferred import Recording, evaluated

    recording = Recording()
    values = {f"out_{i}": evaluated(recording, t.__ppc_deferred__) for i, t in enumerate(tensors)}
    drawn = _run(recording, values, 1 if size is None else size, seed)
    results = []
    for i, tensor in enumerate(tensors):
        array = drawn[f"out_{i}"].astype(tensor.dtype)
        results.append(array[0] if size is None else array)
    return results


def _run(
    recording: Recording, values: Mapping[str, Any], size: int, seed: int | None
) -> Mapping[str, Array]:
    """Joint draws of values by name, by the reference."""
    from ppc_numpy.evaluate import evaluate
    from ppc_numpy.points import random_inputs

    graph = as_function(functions.joint_draws(recording.graph(values)))
    rng = np.random.default_rng(next_seed(seed))
    sizes = {DRAWS: size}
    needed = {node.name for node in graph.data}
    given = {name: array for name, array in recording.ctx.arrays.items() if name in needed}
    return evaluate(graph, random_inputs(graph, rng, sizes=sizes, given=given), sizes=sizes)


def leading_shape(size: Any) -> tuple[int, ...]:
    """The shape that `sample(size)` puts in front. Raises KindError, QueryError."""
    sizes = size if isinstance(size, list | tuple) else (size,)
    for item in sizes:
        if isinstance(item, bool) or not hasattr(item, "__index__"):
            found = type(item).__name__
            raise KindError(WrongKind(argument="size", expected="an integer", found=found))
        if item < 0:
            raise QueryError(BadNumber(argument="size", expected="at least 0", found=str(item)))
    return tuple(int(item) for item in sizes)


# --- what the user holds -------------------------------------------------------------------------


def _binary(symbol: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def forward(self: Tensor, other: Any) -> Any:
        return record(symbol, (self, other))

    def reflected(self: Tensor, other: Any) -> Any:
        return record(symbol, (other, self))

    return forward, reflected


class Tensor:
    """A value that depends on random variables; arithmetic on it is recorded.

    It has no value of its own: `sample()` draws one. `==` and `!=` compare identity.
    """

    __array_ufunc__ = None  # `array * tensor` is the tensor's to say

    def __init__(self, node: Deferred) -> None:
        self.__ppc_deferred__ = node

    __add__, __radd__ = _binary("+")
    __sub__, __rsub__ = _binary("-")
    __mul__, __rmul__ = _binary("*")
    __truediv__, __rtruediv__ = _binary("/")
    __floordiv__, __rfloordiv__ = _binary("//")
    __mod__, __rmod__ = _binary("%")
    __pow__, __rpow__ = _binary("**")
    __matmul__, __rmatmul__ = _binary("@")
    __and__, __rand__ = _binary("&")
    __or__, __ror__ = _binary("|")
    __xor__, __rxor__ = _binary("^")
    __lt__ = _binary("<")[0]
    __le__ = _binary("<=")[0]
    __gt__ = _binary(">")[0]
    __ge__ = _binary(">=")[0]

    def __neg__(self) -> Any:
        return record("neg", (self,))

    def __invert__(self) -> Any:
        return record("~", (self,))

    def __abs__(self) -> Any:
        return record("abs", (self,))

    def __getitem__(self, key: Any) -> Any:
        return record("[]", (self, *(key if isinstance(key, tuple) else (key,))))

    def __iter__(self) -> Iterator[Any]:
        return iter([self[i] for i in range(len(self))])

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError(f"{self!r} is a scalar and has no length")
        return self.shape[0]

    def __bool__(self) -> bool:
        raise KindError(NoTruthValue(what=repr(self)))

    def __repr__(self) -> str:
        return f"<inf.Tensor shape={self.shape}, dtype={np.dtype(self.dtype)}>"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a draw: plates first."""
        node = self.__ppc_deferred__
        sizes = (*(axis.size for axis in node.axes), *node.type.shape)
        return tuple(size.value or 0 for size in sizes)

    @property
    def dtype(self) -> Any:
        """The NumPy dtype of a draw: float32, int32 or bool."""
        return _DTYPES[self.__ppc_deferred__.type.dtype]

    def sample(self, size: int | Sequence[int] | None = None, *, seed: int | None = None) -> Any:
        """A draw of this shape, or draws with `size` in front; what it is made from is drawn too.

        Raises KindError (a TypeError) or QueryError (a ValueError) for a size that is none.
        """
        if size is None:
            return plain(draw([self], None, seed)[0])
        shape = leading_shape(size)
        drawn = draw([self], int(np.prod(shape)), seed)[0]
        return drawn.reshape(*shape, *self.shape)


class Parameter(Tensor):
    """`inf.Parameter` outside a model: a value with a name, which nothing optimises there."""

    def __init__(self, node: Deferred, name: str) -> None:
        super().__init__(node)
        self.name = name


def parameter(initial_value: Any, name: str | None = None) -> Parameter:
    """A parameter outside a model. Raises CallError."""
    from ppc_frontend.deferred import Deferred, trace

    node = Deferred(
        "tensorflow.convert_to_tensor", (initial_value,), {}, _plates.get(), calling_span()
    )
    try:
        trace(node)
    except CompileError as error:
        raise CallError(error.mistakes) from None
    return Parameter(node, name or _unnamed("parameter"))


class RandomVariable(Tensor):
    """A random variable outside a model."""

    def __init__(self, node: Deferred, name: str, distribution: str) -> None:
        super().__init__(node)
        self.name = name
        self.distribution = distribution

    def __repr__(self) -> str:
        return (
            f"<inf.RandomVariable ({self.distribution} distribution) named {self.name}, "
            f"shape={self.shape}, dtype={np.dtype(self.dtype)}>"
        )

    @property
    def value(self) -> Tensor:
        """The draw, as a tensor."""
        return self

    @property
    def is_datamodel(self) -> bool:
        """Whether it was made inside `inf.datamodel()`."""
        return bool(self.__ppc_deferred__.plates)

    @property
    def is_observed(self) -> bool:
        """False: outside a model nothing is."""
        return False

    @property
    def type(self) -> Kind:
        """Whether it has rows; it is hidden."""
        return Kind.LOCAL_HIDDEN if self.is_datamodel else Kind.GLOBAL_HIDDEN

    @property
    def event_shape(self) -> tuple[int, ...]:
        """The trailing dimensions of a draw that belong to one event."""
        rank = self._row.event_rank
        return self.shape[len(self.shape) - rank :] if rank else ()

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The dimensions of a draw in front of its event, without `sample_shape`."""
        whole = self.shape[: len(self.shape) - self._row.event_rank]
        return whole[len(self.sample_shape) :]

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The argument `sample_shape`; empty inside a plate, which ignores it."""
        given = self.__ppc_deferred__.kwargs.get("sample_shape", ())
        return () if self.is_datamodel else leading_shape(given)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters at one joint draw of what they depend on."""
        return {name: plain(array) for name, array in self._arguments(None).items()}

    def log_prob(self, value: Any, *, seed: int | None = None) -> Any:
        """log p(value), batch-shaped; parents that are random are drawn anew.

        `value` may have further dimensions in front. Values outside the support give -inf.
        """
        dtype = self._row.dtype
        given = np.asarray(value, np.float64 if dtype == "f32" else np.int64)
        return plain(
            self._at_parameters(
                lambda dist, args, v: dist.log_density(v, args), seed, given
            ).astype(np.float32)
        )

    def prob(self, value: Any, *, seed: int | None = None) -> Any:
        """The density of `value`: exp of `log_prob`."""
        return np.exp(self.log_prob(value, seed=seed))

    def mean(self, *, seed: int | None = None) -> Any:
        """The mean given the parents, drawn anew. Raises QueryError where none is known."""
        return self._moment("mean", seed)

    def variance(self, *, seed: int | None = None) -> Any:
        """The variance given the parents. Raises QueryError where none is known."""
        return self._moment("variance", seed)

    def stddev(self, *, seed: int | None = None) -> Any:
        """The standard deviation given the parents. Raises QueryError where none is known."""
        return np.sqrt(self._moment("variance", seed))

    def entropy(self, *, seed: int | None = None) -> Any:
        """The entropy given the parents, in nats. Raises QueryError where none is known."""
        return self._moment("entropy", seed)

    def kl_divergence(self, other: RandomVariable, *, seed: int | None = None) -> Any:
        """KL(self || other) given the parents of both. Raises QueryError where none is known."""
        if not isinstance(other, RandomVariable):
            found, expected = type(other).__name__, "a random variable"
            raise KindError(WrongKind(argument="other", expected=expected, found=found))
        builder = Builder(self.name, "function")
        inputs: dict[str, Array] = {}
        sides = []
        for prefix, side in (("q", self), ("p", other)):
            args = {}
            for name, array in side._arguments(seed).items():
                args[name] = builder.data(f"{prefix}_{name}", _type_of(array))
                inputs[args[name].name] = array
            sides.append(args)
        found_kl = kl_divergence(self.distribution, sides[0], other.distribution, sides[1])
        if found_kl is None:
            what = f"divergence from {other.distribution}"
            raise QueryError(NotAvailable(what=what, distribution=self.distribution))
        builder.output("result", found_kl)
        from ppc_numpy.evaluate import evaluate

        return plain(evaluate(builder.build(), inputs)["result"].astype(np.float32))

    def cdf(self, value: Any, *, seed: int | None = None) -> Any:
        """P(x <= value) given the parents. Raises QueryError where none is known."""
        function = self._row.cdf
        if function is None:
            raise QueryError(NotAvailable(what="cdf", distribution=self.distribution))
        at = np.asarray(value, np.float64)
        result = self._at_parameters(lambda dist, args, v: function(v, args), seed, at)
        return plain(result.astype(np.float32))

    def __getattr__(self, name: str) -> Any:
        # A parameter by its name, as in InferPy and TFP: `x.loc`.
        own = self.__dict__.get("distribution", "")
        if own and find(own).parameter(name) is not None:
            return self.parameters.get(name)
        raise AttributeError(
            f'Property or method "{name}" not implemented in "{type(self).__name__}"'
        )

    @property
    def _row(self) -> Distribution:
        return find(self.distribution)

    def _moment(self, name: str, seed: int | None) -> Any:
        function = getattr(self._row, name)
        if function is None:
            raise QueryError(NotAvailable(what=name, distribution=self.distribution))
        result = self._at_parameters(lambda dist, args, _: function(args), seed, np.zeros(()))
        return plain(result.astype(np.float32))

    def _arguments(self, seed: int | None) -> dict[str, Array]:
        """Every parameter at one joint draw, broadcast so that trailing dimensions match."""
        from ppc_frontend.deferred import Recording, evaluated

        recording = Recording()
        site = recording.site(evaluated(recording, self.__ppc_deferred__))
        assert site is not None
        values = _full_parameters(recording, site, self._row)
        drawn = _run(recording, values, 1, seed)
        return {name: array[0] for name, array in drawn.items()}

    def _at_parameters(
        self, make: Callable[[Distribution, dict[str, Value], Value], Value],
        seed: int | None, value: Array,
    ) -> Array:  # fmt: skip
        """A function of the distribution at one joint draw of its parameters."""
        from ppc_numpy.evaluate import evaluate

        arrays = self._arguments(seed)
        builder = Builder(self.name, "function")
        args = {name: builder.data(name, _type_of(array)) for name, array in arrays.items()}
        at = builder.data(builder.fresh("value"), _type_of(value))
        builder.output("result", make(self._row, args, at))
        inputs = {args[name].name: array for name, array in arrays.items()}
        return evaluate(builder.build(), {**inputs, at.name: value})["result"]


def _full_parameters(recording: Recording, site: Sample, row: Distribution) -> dict[str, Value]:
    """The parameters of a site with every plate and dimension that the site has."""
    builder = recording.ctx.builder
    batch = site.type.shape[: site.type.rank - row.event_rank]
    full = {}
    for name, node in site.args:
        value, parameter = builder.value(node), row.parameter(name)
        event = parameter.event_rank if parameter else 0
        own = value.type.shape[value.type.rank - event :]
        if set(site.type.axes) - set(value.type.axes) or (event and value.type.rank > event):
            value = functions.on_plates(value, site, (*batch, *own))
        full[name] = value
    return full


def _type_of(array: Array) -> Type:
    dtype = {"b": "bool", "i": "i32", "u": "i32"}.get(array.dtype.kind, "f32")
    return Type(dtype).with_shape(array.shape)  # type: ignore[arg-type]  # the table has dtypes only


def plain(array: Any) -> Any:
    """A number where an array is one, as TensorFlow's sessions return it."""
    return array[()] if isinstance(array, np.ndarray) and not array.ndim else array
