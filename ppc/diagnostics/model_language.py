"""Mistakes in a model: sites, plates, shapes, parameters."""

from __future__ import annotations

from typing import ClassVar

from ppc.diagnostics.base import Mistake, Severity
from ppc.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NoModel(Mistake):
    """A file without a model, or without the one that is asked for."""

    code: ClassVar[str] = "no-model"
    path: str
    name: str = ""
    found: tuple[str, ...] = ()
    near: str = ""

    def message(self) -> str:
        if self.name:
            return f"{self.path} has no model named `{self.name}`"
        if self.found:
            return f"{self.path} has several models: {', '.join(self.found)}"
        return f"{self.path} has no model"

    def help(self) -> str:
        if self.near:
            return f"did you mean `{self.near}`?"
        if self.found:
            return f"say which one, as {self.path}:{self.found[0]}"
        return "a model is a function with the decorator @inf.probmodel"


@dataclass(frozen=True, slots=True, kw_only=True)
class SameModel(Mistake):
    """Two functions of one name in one block: Python keeps the last."""

    code: ClassVar[str] = "same-model"
    name: str

    def message(self) -> str:
        return f"`{self.name}` is defined more than once"

    def help(self) -> str:
        return "give each its own name"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownSetting(Mistake):
    """A value for a hyperparameter that the model does not have."""

    code: ClassVar[str] = "unknown-setting"
    model: str
    name: str
    near: str = ""

    def message(self) -> str:
        return f"the model {self.model} has no parameter `{self.name}`"

    def help(self) -> str:
        return f"did you mean `{self.near}`?" if self.near else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeMismatch(Mistake):
    """Operands whose shapes do not fit."""

    code: ClassVar[str] = "shape"
    reason: str

    def message(self) -> str:
        return self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateMismatch(Mistake):
    """Operands in a plate that broadcast only by mistaking rows for columns."""

    code: ClassVar[str] = "plate-shape"
    first: str
    second: str
    plate: str
    argument: str = ""  # an array without rows that is one of the operands

    def message(self) -> str:
        return (
            f"shapes {self.first} and {self.second} do not broadcast: rows of the plate "
            f"{self.plate} would be matched with another axis"
        )

    def help(self) -> str:
        if self.argument:
            return (
                f"if {self.argument} has the rows of {self.plate}, let its annotation say so: "
                f'{self.argument}: Float[Array, "{self.plate}"], or "{self.plate} d"'
            )
        return "give the smaller one an axis, as x[:, None], or drop one of the other by x[:, 0]"


@dataclass(frozen=True, slots=True, kw_only=True)
class AcrossPlate(Mistake):
    """An operation that mixes the rows of a plate."""

    code: ClassVar[str] = "across-plate"
    what: str
    plate: str
    shape: str
    plates: tuple[str, ...]  # of all its leading axes

    def message(self) -> str:
        return (
            f"{self.what} goes across the rows of the plate {self.plate}, of which a step of the "
            f"fit sees only some: the shape here is {self.shape}"
        )

    def help(self) -> str:
        first = f"the first axis is the plate {self.plate}: keep it"
        if len(self.plates) > 1:
            first = f"the first axes are the plates {', '.join(self.plates)}: keep them"
        index = ", ".join([":"] * len(self.plates))
        return (
            f"{first} by `{index}` in an index, by axis={len(self.plates)} or axis=-1 in a "
            "reduction, by -1 first in reshape"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateSize(Mistake):
    """Two sizes for one plate."""

    code: ClassVar[str] = "plate-size"
    plate: str
    first: str
    second: str

    def message(self) -> str:
        return f"the plate {self.plate} has size {self.first} above, and {self.second} here"

    def help(self) -> str:
        return "all blocks of one plate have one size"


@dataclass(frozen=True, slots=True, kw_only=True)
class NestedPlate(Mistake):
    """A plate inside itself."""

    code: ClassVar[str] = "nested-plate"
    plate: str

    def message(self) -> str:
        return f"the plate {self.plate} is opened inside itself"

    def help(self) -> str:
        return 'put the variables of both in one block, or name another plate: inf.plate("name")'


@dataclass(frozen=True, slots=True, kw_only=True)
class NestedBothWays(Mistake):
    """Two plates of which each is opened inside the other."""

    code: ClassVar[str] = "nested-both-ways"
    outer: str
    inner: str

    def message(self) -> str:
        return (
            f"the plate {self.inner} is opened inside {self.outer} here, and {self.outer} inside "
            f"{self.inner} elsewhere: the order of their dimensions in arrays would be open"
        )

    def help(self) -> str:
        return "open them in the same order everywhere"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowOutsidePlate(Mistake):
    """A random variable outside a plate that depends on its rows."""

    code: ClassVar[str] = "row-outside"
    plate: str

    def message(self) -> str:
        return (
            f"this variable is outside the plate {self.plate}, and its parameters have a value "
            f"for each row of {self.plate}"
        )

    def help(self) -> str:
        return "move it into the `with` block of that plate"


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskShape(Mistake):
    """A condition that has not the shape of the variable it is about."""

    code: ClassVar[str] = "mask-shape"
    mask: str
    batch: str

    def message(self) -> str:
        return (
            f"the condition around this variable has shape {self.mask}, and the variable "
            f"counts by elements of shape {self.batch}"
        )

    def help(self) -> str:
        return "a condition has one boolean for all elements of the variable, or one for each"


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorShape(Mistake):
    """A term of the log density that is an array."""

    code: ClassVar[str] = "factor-shape"
    shape: str

    def message(self) -> str:
        return (
            f"a factor is a number, or one number for each row of the plates around, and this has "
            f"shape {self.shape}"
        )

    def help(self) -> str:
        return "write what is meant by its elements: `np.sum(...)` of their terms, or a plate"


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateSite(Mistake):
    """Two sites or parameters of one name."""

    code: ClassVar[str] = "duplicate-name"
    name: str

    def message(self) -> str:
        return (
            f"the name `{self.name}` is used twice: variables, parameters and arrays need their own"
        )

    def help(self) -> str:
        return "give each its own name="


@dataclass(frozen=True, slots=True, kw_only=True)
class BadName(Mistake):
    """A name that is not an identifier."""

    code: ClassVar[str] = "name"
    name: str

    def message(self) -> str:
        return f"{self.name!r} cannot be the name of a variable: it is not a Python identifier"


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf(Mistake):
    """None, or more than one, of alternative parameters."""

    code: ClassVar[str] = "alternatives"
    function: str
    names: tuple[str, ...]
    given: int

    def message(self) -> str:
        names = " or ".join(f"`{name}`" for name in self.names)
        return f"{self.function} needs exactly one of {names}, and is given {self.given or 'none'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideConstraint(Mistake):
    """A parameter that is plainly outside its constraint."""

    code: ClassVar[str] = "constraint"
    distribution: str
    parameter: str
    value: str
    words: str  # what is allowed, in the plural: "positive numbers"

    def message(self) -> str:
        return f"the {self.parameter} of {self.distribution} takes {self.words}, not {self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotASite(Mistake):
    """Something else where a random variable is needed."""

    code: ClassVar[str] = "not-a-site"
    what: str

    def message(self) -> str:
        return f"a random variable is needed here, not {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomInit(Mistake):
    """A Parameter whose first value depends on a random variable."""

    code: ClassVar[str] = "random-initial-value"

    def message(self) -> str:
        return "the first value of a Parameter must not depend on a random variable"

    def help(self) -> str:
        return "use a number, or random numbers such as np.random.normal(size=k)"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseOutside(Mistake):
    """Random numbers in a model that are not a random variable."""

    code: ClassVar[str] = "random-numbers"

    def message(self) -> str:
        return "random numbers in a model must be a random variable"

    def help(self) -> str:
        return "use inf.Normal or inf.Uniform; only a Parameter may begin at random numbers"


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleShapeIgnored(Mistake):
    """`sample_shape=` in a plate."""

    code: ClassVar[str] = "sample-shape"
    severity: ClassVar[Severity] = "warning"

    def message(self) -> str:
        return "sample_shape is ignored inside inf.datamodel()"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbabilitiesAsLogits(Mistake):
    """Probabilities in the place of logits, which is first in TensorFlow Probability's order."""

    code: ClassVar[str] = "logits"
    severity: ClassVar[Severity] = "warning"
    distribution: str

    def message(self) -> str:
        return f"the first argument of inf.{self.distribution} is logits, and this is a probability"

    def help(self) -> str:
        return "write probs=... for probabilities; logits=... says that these are meant"


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorInRow(Mistake):
    """A parameter with as many elements as its plate has rows, of which each row has all."""

    code: ClassVar[str] = "vector-in-row"
    severity: ClassVar[Severity] = "warning"
    plate: str
    shape: str

    def message(self) -> str:
        return (
            f"each row of the plate {self.plate} is an array of shape {self.shape}, since this "
            "parameter has that shape and nothing in it is of one row"
        )

    def help(self) -> str:
        return (
            f"for one element a row, write a loop that says so: y[i] = ... values[i] ..., or take "
            f'the values as an argument with annotation Float[Array, "{self.plate}"] and let the '
            f'plate be inf.plate("{self.plate}")'
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MisplacedCall(Mistake):
    """A call that has a meaning only in a `with` statement."""

    code: ClassVar[str] = "misplaced"
    name: str

    def message(self) -> str:
        return f"{self.name}() is used as `with {self.name}():`"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAnArray(Mistake):
    """A live array whose dtype the graph does not have."""

    code: ClassVar[str] = "array-dtype"
    name: str
    dtype: str

    def message(self) -> str:
        return f"the array `{self.name}` has dtype {self.dtype}; numbers or booleans are needed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayShape(Mistake):
    """A live array that does not have the shape of its annotation."""

    code: ClassVar[str] = "array-shape"
    name: str
    shape: tuple[int, ...]
    expected: str

    def message(self) -> str:
        return f"`{self.name}` has shape {self.shape}; its annotation says {self.expected}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsupportedObject(Mistake):
    """A live object that cannot be used in a model."""

    code: ClassVar[str] = "object"
    name: str
    kind: str

    def message(self) -> str:
        return f"`{self.name}` is a {self.kind}, which cannot be used in a model"

    def help(self) -> str:
        if self.kind.startswith(("keras", "tensorflow", "tf_keras")):
            return "make the layer inside the model; layers that are built already are not taken"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAModel(Mistake):
    """Something that cannot be a model: no named function."""

    code: ClassVar[str] = "not-a-model"
    kind: str

    def message(self) -> str:
        return f"a model is a function defined by `def`, not a {self.kind}"
