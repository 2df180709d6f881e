"""What goes wrong inside: a bug of the compiler or of the caller, never of a user's model."""

from __future__ import annotations


class InternalError(RuntimeError):
    """A graph that does not evaluate to what its types say, or inputs that do not fit it."""

    def __init__(self, message: str) -> None:
        super().__init__(f"internal error: {message}")
