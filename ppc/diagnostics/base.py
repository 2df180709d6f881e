"""What a mistake is, and the errors that carry mistakes to the user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import ClassVar, Literal

from ppc.records import dataclass
from ppc.spans import Span

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One thing that is wrong: data first, words in one place.

    Each kind of mistake is a subclass with its data as fields, a `code`, a `message` (one plain
    sentence in the field's words) and a `help` (the way out). `span` is the place; `others` are
    further places with a label each (the other operand, the first definition).
    """

    code: ClassVar[str] = ""
    severity: ClassVar[Severity] = "error"
    span: Span | None = None
    others: tuple[tuple[Span, str], ...] = field(default=())

    def message(self) -> str:
        """One sentence that says what is wrong."""
        raise NotImplementedError

    def help(self) -> str:
        """What to do about it; empty where the message says it."""
        return ""


class PpcError(Exception):
    """Base of every error that a user can meet; `str()` is the full rendering."""

    def __init__(self, mistakes: Sequence[Mistake] | Mistake) -> None:
        self.mistakes = (mistakes,) if isinstance(mistakes, Mistake) else tuple(mistakes)
        super().__init__(self.mistakes)

    def __str__(self) -> str:
        from ppc.diagnostics.render import render_all

        return render_all(self.mistakes)

    def _render_traceback_(self) -> list[str]:
        """What IPython and notebooks show instead of a traceback through ppc (their protocol)."""
        from ppc.diagnostics.render import render_raised

        return render_raised(self)


class CompileError(PpcError):
    """A model or guide that cannot be compiled."""


class DataError(PpcError, ValueError):
    """Data that do not fit the model."""


class QueryError(PpcError, ValueError):
    """A query that asks for what is not there."""


class KindError(PpcError, TypeError):
    """An argument of the wrong kind."""


class StateError(PpcError, RuntimeError):
    """A call at the wrong time, such as a posterior before `fit`."""


class InternalError(PpcError):
    """A bug in ppc: what should never happen whatever a user writes.

    `what` is one sentence; `details` is what a maintainer needs to see, such as a graph.
    """

    def __init__(self, what: str, details: str = "") -> None:
        super().__init__(())
        self.what = what
        self.details = details

    def __str__(self) -> str:
        from ppc.diagnostics.render import render_internal

        return render_internal(self.what, self.details)
