"""Slotted dataclasses that cost little until they are used.

`dataclasses.dataclass` compiles up to six functions for each class, 0.4 ms on Python 3.11: for the
two hundred classes of ppc that was a fifth of the time of `ppc emit`, most of whose classes make no
object. `dataclass` of this module is used in the same way, and `fields`, `replace`, `is_dataclass`
and `match` take what it makes. Its comparison, hash, repr and guard against assignment are
functions that all classes share, and the constructor is compiled when it is first called.
A subclass of such a class is to be made by it too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(
        *, frozen: bool = False, slots: bool = True, kw_only: bool = False, eq: bool = True
    ) -> Callable[[type], type]:
        """`dataclasses.dataclass` with these of its options; `slots` is always true."""
        if not slots:
            raise ValueError("a class with slots only")

        def decorate(cls: type) -> type:
            cls.__doc__ = cls.__doc__ or cls.__name__  # else a signature is made for it
            made = dataclasses.dataclass(
                init=False, repr=False, eq=False, slots=True, kw_only=kw_only
            )(cls)
            methods = {"__repr__": _repr}
            if eq:
                compared = [f.name for f in dataclasses.fields(made) if f.compare]
                made._compared = staticmethod(attrgetter(*compared) if compared else _nothing)
                methods |= {"__eq__": _eq, "__hash__": _hash if frozen else None}
            if frozen:
                methods |= {"__setattr__": _setattr, "__delattr__": _delattr}
                methods |= {"__setstate__": _setstate}
            for name, method in methods.items():
                if name not in vars(made) or vars(made)[name] is None:  # `__hash__` beside `__eq__`
                    setattr(made, name, method)
            made.__init__ = _uncompiled(made, frozen)
            return made

        return decorate


def _nothing(self: Any) -> tuple[()]:
    return ()


def _uncompiled(cls: Any, frozen: bool) -> Callable[..., None]:
    """A constructor that compiles the one which takes its place."""

    def __init__(self: Any, /, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        cls.__init__ = _constructor(cls, frozen)
        cls.__init__(self, *args, **kwargs)

    return __init__


def _constructor(cls: Any, frozen: bool) -> Callable[..., None]:
    """What `dataclasses` would write: a function that sets the fields from its arguments."""
    scope: dict[str, Any] = {}
    listed: dict[bool, list[str]] = {False: ["self"], True: []}  # by whether they are keywords
    body = []
    for f in dataclasses.fields(cls):
        default, make, value = f"default_{f.name}", f"make_{f.name}", f.name
        scope |= {
            default: f.default,
            make: f.default_factory,
            f"set_{f.name}": _setter(cls, f.name),
        }
        if f.default_factory is not MISSING:
            value = f"{make}() if {f.name} is {default} else {f.name}" if f.init else f"{make}()"
        elif not f.init:
            if f.default is MISSING:
                continue  # for `__post_init__` to set
            value = default
        if f.init:
            needed = f.default is MISSING and f.default_factory is MISSING
            listed[bool(f.kw_only)].append(f.name if needed else f"{f.name}={default}")
        body.append(f"set_{f.name}(self, {value})" if frozen else f"self.{f.name} = {value}")
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    parameters = listed[False] + (["*", *listed[True]] if listed[True] else [])
    text = f"def __init__({', '.join(parameters)}):\n " + "\n ".join(body or ["pass"])
    exec(text, scope)  # noqa: S102  # as `dataclasses` does: the names are those of a class of ppc
    made: Callable[..., None] = scope["__init__"]
    made.__qualname__, made.__module__ = f"{cls.__qualname__}.__init__", cls.__module__
    return made


def _setter(cls: Any, name: str) -> Callable[[Any, Any], None]:
    setter: Callable[[Any, Any], None] = getattr(cls, name).__set__  # of the slot
    return setter


def _repr(self: Any) -> str:
    shown = (f"{f.name}={getattr(self, f.name)!r}" for f in dataclasses.fields(self) if f.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _eq(self: Any, other: Any) -> Any:
    if self.__class__ is not other.__class__:
        return NotImplemented
    return self is other or self._compared(self) == self._compared(other)


def _hash(self: Any) -> int:
    return hash(self._compared(self))


def _setattr(self: Any, name: str, value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _delattr(self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _setstate(self: Any, state: tuple[None, dict[str, Any]]) -> None:
    """What `copy` and `pickle` call: they would assign."""
    for name, value in state[1].items():
        object.__setattr__(self, name, value)
