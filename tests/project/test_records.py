"""What `ppc.records` makes behaves as what `dataclasses` makes, and compiles nothing at first."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import field, replace
from typing import ClassVar

import pytest

from ppc import records


def classes(dataclass):
    """A base and a derived class, made by one or the other decorator."""

    @dataclass(frozen=True, slots=True)
    class Base:
        kind: ClassVar[str] = "base"
        name: str
        size: int = 1

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Derived(Base):
        parts: list[int] = field(default_factory=list, compare=False)
        secret: str = field(default="s", repr=False)
        known: str = field(init=False, default="k")

    return Base, Derived


OURS, STANDARD = classes(records.dataclass), classes(dataclasses.dataclass)
CALLS = [
    (("a",), {}),
    (("a", 2), {"parts": [1], "secret": "t"}),
    ((), {"name": "a"}),
    ((), {}),
    (("a", 1, []), {}),
    (("a",), {"other": 1}),
]


@pytest.mark.parametrize(("args", "kwargs"), CALLS)
def test_construction(args, kwargs):
    def outcome(cls):
        try:
            made = cls(*args, **kwargs)
        except TypeError as error:
            return str(error)
        return dataclasses.asdict(made), repr(made), cls.__match_args__

    for ours, standard in zip(OURS, STANDARD, strict=True):
        assert outcome(ours) == outcome(standard)


def test_comparison_and_hash():
    for base, derived in (OURS, STANDARD):
        assert derived("a", parts=[1]) == derived("a", parts=[2])
        assert hash(derived("a", parts=[1])) == hash(derived("a", parts=[2]))
        assert derived("a") != derived("b")
        assert base("a") != derived("a")
        assert base("a") != "a"


def test_frozen():
    for base, derived in (OURS, STANDARD):
        for made in (base("a"), derived("a")):
            with pytest.raises(dataclasses.FrozenInstanceError):
                made.name = "b"
            with pytest.raises(dataclasses.FrozenInstanceError):
                del made.name
            with pytest.raises((AttributeError, TypeError)):
                made.new = 1  # there is no slot
            assert replace(made, name="b") == type(made)("b")
            assert copy.deepcopy(made) == made


@records.dataclass(frozen=True, slots=True)
class Pair:
    left: int
    right: int = 2


@records.dataclass(slots=True)
class Counter:
    count: int = 0
    double: int = field(init=False)

    def __post_init__(self):
        self.double = 2 * self.count


@records.dataclass(slots=True, eq=False)
class Identity:
    name: str


@records.dataclass(frozen=True, slots=True)
class Own:
    name: str

    def __eq__(self, other):
        return isinstance(other, Own)

    def __repr__(self):
        return "own"


@records.dataclass(frozen=True)
class Empty:
    pass


def test_pickles():
    assert pickle.loads(pickle.dumps(Pair(1))) == Pair(1)


def test_what_may_change():
    counter = Counter(2)
    assert counter.double == 4
    counter.count = 3
    assert counter == replace(counter) or counter.double != replace(counter).double
    with pytest.raises(TypeError, match="unhashable"):
        hash(counter)


def test_equality_that_is_not_wanted():
    assert Identity("a") != Identity("a")
    assert len({Identity("a"), Identity("a")}) == 2


def test_own_methods_stay():
    assert Own("a") == Own("b") and repr(Own("a")) == "own" and isinstance(hash(Own("a")), int)


def test_without_fields():
    assert Empty() == Empty() and hash(Empty()) == hash(Empty()) and repr(Empty()) == "Empty()"


def test_patterns():
    match Pair(1, 3):
        case Pair(left, right=3):
            assert left == 1
        case _:
            pytest.fail("no match")


def test_nothing_is_compiled_before_the_first_object(monkeypatch):
    compiled = []
    monkeypatch.setattr(records, "_constructor", lambda *args: compiled.append(args))

    @records.dataclass(frozen=True, slots=True)
    class Unused:
        name: str

    assert not compiled and [f.name for f in dataclasses.fields(Unused)] == ["name"]
