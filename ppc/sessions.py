"""InferPy's sessions, for programs that call them: `inf.get_session().run([a, b])` draws jointly.

There is no state behind them: a session here is a way to draw.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Self

from ppc.diagnostics import KindError, QueryError
from ppc.diagnostics.data import BadNumber, WrongKind
from ppc.eager import Tensor, draw, plain
from ppc.variables import ModelVariable, drawn

FLOAT = "float32"


class Session:
    """Draws random variables and tensors that are made of them."""

    def run(self, fetches: Any, feed_dict: Any = None) -> Any:
        """One joint draw of everything in `fetches`: a tensor, or lists, tuples, dicts of them.

        What is no tensor comes back as it is. Raises KindError for a `feed_dict`, which nothing
        here reads: condition with `data=` of a query instead.
        """
        if feed_dict:
            expected, found = "None: give data to a query instead", type(feed_dict).__name__
            raise KindError(WrongKind(argument="feed_dict", expected=expected, found=found))
        wanted: list[Tensor | ModelVariable] = []
        _collect(fetches, wanted)
        tensors = [item for item in wanted if isinstance(item, Tensor)]
        arrays = draw(tensors, None) if tensors else []
        values = {id(t): plain(array) for t, array in zip(tensors, arrays, strict=True)}
        values |= drawn([item for item in wanted if isinstance(item, ModelVariable)])
        return _filled(fetches, values)

    def close(self) -> None:
        """Nothing is held."""

    def as_default(self) -> AbstractContextManager[Self]:
        """This session, in a `with`."""
        return nullcontext(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _collect(fetches: Any, wanted: list[Tensor | ModelVariable]) -> None:
    if isinstance(fetches, Tensor | ModelVariable):
        wanted.append(fetches)
    elif isinstance(fetches, Mapping):
        _collect(list(fetches.values()), wanted)
    elif isinstance(fetches, list | tuple):
        for item in fetches:
            _collect(item, wanted)


def _filled(fetches: Any, values: Mapping[int, Any]) -> Any:
    if isinstance(fetches, Tensor | ModelVariable):
        return values[id(fetches)]
    if isinstance(fetches, Mapping):
        return {key: _filled(item, values) for key, item in fetches.items()}
    if isinstance(fetches, list | tuple):
        return type(fetches)(_filled(item, values) for item in fetches)
    return fetches


_SESSION = Session()


def get_session() -> Session:
    """The session."""
    return _SESSION


def new_session(gpu_memory_fraction: float = 0.0) -> Session:
    """The session; there is nothing to make anew."""
    return _SESSION


def set_session(session: Any) -> None:
    """Nothing: draws depend on no session."""


def swap_session(session: Any) -> Session:
    """The session, whatever is given."""
    return _SESSION


def clear_session() -> None:
    """Nothing: no model shares anything with another."""


def init_uninit_vars() -> None:
    """Nothing: parameters have values from the start."""


def set_tf_run(enable: bool) -> None:
    """Nothing: draws are arrays always."""


def floatx() -> str:
    """The float of results: "float32"."""
    return FLOAT


def set_floatx(floatx: str) -> None:
    """Accept "float32". Raises QueryError for others: programs have `--float64` for that."""
    if floatx != FLOAT:
        expected = "'float32'; emitted programs have --float64"
        raise QueryError(BadNumber(argument="floatx", expected=expected, found=repr(floatx)))
