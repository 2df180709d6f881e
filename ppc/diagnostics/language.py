"""Mistakes in the language: syntax, names, calls, what the frontend does not understand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from ppc.diagnostics.base import Mistake, Severity
from ppc.records import dataclass


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that is most like a misspelt one; empty where none is."""
    import difflib

    names = [n for n in known if n != name]
    folded = {n.lower(): n for n in names}
    if name.lower() in folded:
        return folded[name.lower()]
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.7)
    return close[0] if close else ""


def _did_you_mean(near: str) -> str:
    return f"did you mean `{near}`?" if near else ""


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntaxMistake(Mistake):
    """Text that is not Python."""

    code: ClassVar[str] = "syntax"
    reason: str

    def message(self) -> str:
        return f"this is not valid Python: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileNotRead(Mistake):
    """A file that cannot be read or decoded."""

    code: ClassVar[str] = "file"
    path: str
    reason: str

    def message(self) -> str:
        return f"{self.path} cannot be read: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSource(Mistake):
    """A live function whose text Python does not keep."""

    code: ClassVar[str] = "no-source"
    name: str
    path: str

    def message(self) -> str:
        return f"Python keeps no source for {self.name} (from {self.path})"

    def help(self) -> str:
        return "a model is compiled from its text: define it in a file or a notebook cell"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceChanged(Mistake):
    """A live function that is not found where its code says that it is."""

    code: ClassVar[str] = "source-changed"
    name: str
    path: str

    def message(self) -> str:
        return f"{self.name} is no longer where it was in {self.path}"

    def help(self) -> str:
        return "the file has changed since it was imported: import it again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsupported(Mistake):
    """Syntax or a use of it that models cannot have."""

    code: ClassVar[str] = "unsupported"
    what: str

    def message(self) -> str:
        return f"{self.what} is not supported in a model"


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchOnTensor(Mistake):
    """A decision on a value that is only known when the program runs."""

    code: ClassVar[str] = "branch-on-tensor"
    what: str

    def message(self) -> str:
        return f"{self.what} on a tensor: its value is not known when the model is compiled"

    def help(self) -> str:
        return "use where(condition, a, b), or a conditional expression `a if condition else b`"


@dataclass(frozen=True, slots=True, kw_only=True)
class UndefinedName(Mistake):
    """A name that nothing binds."""

    code: ClassVar[str] = "undefined-name"
    name: str
    near: str = ""

    def message(self) -> str:
        return f"the name `{self.name}` is not defined"

    def help(self) -> str:
        return _did_you_mean(self.near)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownName(Mistake):
    """A name that a library does not have, or that ppc does not know of it."""

    code: ClassVar[str] = "unknown-name"
    kind: str
    name: str
    near: str = ""

    def message(self) -> str:
        return f"unknown {self.kind} `{self.name}`"

    def help(self) -> str:
        if self.near:
            return _did_you_mean(self.near)
        if self.kind == "library":
            return "models may use numpy, tensorflow, jax, scipy.special and math"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleValue(Mistake):
    """A name of the module whose value cannot be read without running the file."""

    code: ClassVar[str] = "module-value"
    name: str
    reason: str

    def message(self) -> str:
        return f"`{self.name}` cannot be known without running the file: {self.reason}"

    def help(self) -> str:
        return (
            "bind it once, or in the model; or make it a parameter of the model, "
            f"and give it by --set {self.name}=VALUE"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownKeyword(Mistake):
    """A keyword that a function does not take, or takes once only."""

    code: ClassVar[str] = "keyword"
    function: str
    name: str
    near: str = ""
    twice: bool = False

    def message(self) -> str:
        if self.twice:
            return f"{self.function} is given `{self.name}` twice"
        return f"{self.function} takes no argument `{self.name}`"

    def help(self) -> str:
        return _did_you_mean(self.near)


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingArgument(Mistake):
    """An argument without a default that is not given."""

    code: ClassVar[str] = "missing-argument"
    function: str
    name: str

    def message(self) -> str:
        return f"{self.function} needs the argument `{self.name}`"


@dataclass(frozen=True, slots=True, kw_only=True)
class TooManyArguments(Mistake):
    """More positional arguments than a function takes."""

    code: ClassVar[str] = "too-many-arguments"
    function: str
    most: int
    given: int

    def message(self) -> str:
        most = _counted(self.most, "positional argument")
        return f"{self.function} takes at most {most}, and is given {self.given}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsupportedArgument(Mistake):
    """An argument that the library has and ppc does not."""

    code: ClassVar[str] = "unsupported-argument"
    function: str
    name: str
    value: str

    def message(self) -> str:
        return f"{self.function} with `{self.name}` = {self.value} is not supported"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotATensor(Mistake):
    """Something that cannot become a tensor."""

    code: ClassVar[str] = "not-a-tensor"
    what: str

    def message(self) -> str:
        return f"a number or tensor is needed here, not {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotKnown(Mistake):
    """Something that must be known when the model is compiled, and of the right kind."""

    code: ClassVar[str] = "not-known"
    what: str
    found: str

    def message(self) -> str:
        return f"{self.what} is needed here, not {self.found}"

    def help(self) -> str:
        if self.found == "a tensor":
            return "it must be known when the model is compiled: a tensor's values are not"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedsValue(Mistake):
    """A hyperparameter that decides structure and has no value."""

    code: ClassVar[str] = "needs-value"
    names: tuple[str, ...]
    size: str

    def message(self) -> str:
        names = " and ".join(f"`{name}`" for name in self.names)
        verb = "decides" if len(self.names) == 1 else "decide"
        return f"{names} {verb} the structure of the model here, and must have a value"

    def help(self) -> str:
        options = " ".join(f"--set {name}=VALUE" for name in self.names)
        return f"give it by {options}, by a default, or where the model is called"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCallable(Mistake):
    """A call of something that is no function."""

    code: ClassVar[str] = "not-callable"
    what: str

    def message(self) -> str:
        return f"{self.what} cannot be called in a model"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotALayer(Mistake):
    """Something in place of a Keras layer."""

    code: ClassVar[str] = "not-a-layer"
    what: str

    def message(self) -> str:
        return f"Keras layers are needed here, not {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotIterable(Mistake):
    """Something that cannot be looped over or unpacked."""

    code: ClassVar[str] = "not-iterable"
    what: str

    def message(self) -> str:
        return f"{self.what} cannot be looped over or unpacked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked(Mistake):
    """A sequence that has not as many elements as there are names for them."""

    code: ClassVar[str] = "unpack"
    values: int
    names: int

    def message(self) -> str:
        return f"{_counted(self.values, 'value')} cannot be unpacked into {self.names} names"


@dataclass(frozen=True, slots=True, kw_only=True)
class TooManyRounds(Mistake):
    """A loop that would unroll to too many nodes."""

    code: ClassVar[str] = "too-many-rounds"
    count: int
    most: int

    def message(self) -> str:
        return f"this loop of {self.count} rounds would be unrolled; at most {self.most} are"

    def help(self) -> str:
        return "write it with whole arrays, or with inf.datamodel() for rows of data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recursion(Mistake):
    """A function that calls itself without end, or too deeply."""

    code: ClassVar[str] = "recursion"
    name: str

    def message(self) -> str:
        return f"the calls of `{self.name}` are nested too deeply to be inlined"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoElement(Mistake):
    """A key or position that a known container does not have."""

    code: ClassVar[str] = "no-element"
    what: str
    key: str

    def message(self) -> str:
        return f"{self.what} has no element {self.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BadOperation(Mistake):
    """An operation on known values that Python refuses."""

    code: ClassVar[str] = "operation"
    reason: str

    def message(self) -> str:
        return self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintIgnored(Mistake):
    """A `print` in a model."""

    code: ClassVar[str] = "print"
    severity: ClassVar[Severity] = "warning"

    def message(self) -> str:
        return "`print` in a model is ignored: the model is compiled, not run"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertIgnored(Mistake):
    """A warning: an assertion on what is not known when the model is compiled."""

    code: ClassVar[str] = "assert-ignored"
    severity: ClassVar[Severity] = "warning"

    def message(self) -> str:
        return "this assertion is not checked: the model is compiled, not run"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertFails(Mistake):
    """An assertion that does not hold."""

    code: ClassVar[str] = "assert"

    def message(self) -> str:
        return "this assertion does not hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class TooDeep(Mistake):
    """An expression or block that is nested more deeply than Python's own recursion goes."""

    code: ClassVar[str] = "too-deep"

    def message(self) -> str:
        return "this is nested too deeply to be read"

    def help(self) -> str:
        return "give parts of it names of their own, or use an array and np.sum"


@dataclass(frozen=True, slots=True, kw_only=True)
class BadAnnotation(Mistake):
    """An annotation of an array that does not say its shape."""

    code: ClassVar[str] = "annotation"
    text: str
    reason: str

    def message(self) -> str:
        return f"the annotation {self.text} is not understood: {self.reason}"

    def help(self) -> str:
        return 'write it as jaxtyping does: x: Float[Array, "N d"]'
