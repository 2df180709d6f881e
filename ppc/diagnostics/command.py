"""Mistakes in how ppc is called: backends, models, guides and options."""

from __future__ import annotations

from typing import ClassVar, Literal

from ppc.diagnostics.base import Mistake, Severity
from ppc.diagnostics.model import listed, nearest
from ppc.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownBackend(Mistake):
    """A backend that is not installed."""

    code: ClassVar[str] = "unknown-backend"
    name: str
    known: tuple[str, ...]

    def message(self) -> str:
        return f"there is no backend {self.name!r}"

    def help(self) -> str:
        return f"installed backends: {listed(self.known)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingFramework(Mistake):
    """A backend whose framework is not installed."""

    code: ClassVar[str] = "missing-framework"
    backend: str
    package: str

    def message(self) -> str:
        return f"backend {self.backend!r} runs on {self.package}, which is not installed"

    def help(self) -> str:
        return installing(self.backend, self.package)


def installing(backend: str, package: str) -> str:
    """The command that installs what a backend runs on."""
    from importlib.metadata import metadata  # it loads much, and few programs are refused

    if backend in (metadata("ppc-compiler").get_all("Provides-Extra") or ()):
        return f"pip install 'ppc-compiler[{backend}]'"
    return f"pip install {package}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotInBackend(Mistake):
    """Something that a model needs and a backend does not have."""

    code: ClassVar[str] = "not-in-backend"
    backend: str  # "JAX"
    what: str  # "the function lgamma"
    why: str  # "the loss", "`predict`": who needs it
    site: str = ""  # for which site
    having: tuple[str, ...] = ()  # the installed backends that have all that is asked for
    way: str = ""  # how to do without it

    def message(self) -> str:
        site = f" for {self.site}" if self.site else ""
        return f"{self.backend} programs do not have {self.what}, which {self.why} needs{site}"

    def help(self) -> str:
        found = "no other backend that is installed has it: `ppc backends` lists them"
        if self.having:
            first, has = self.having[0], "has" if len(self.having) == 1 else "have"
            found = f"{listed(self.having)} {has} it: --backend {first}, or backend={first!r}"
        return f"{found}; or {self.way}" if self.way else found


@dataclass(frozen=True, slots=True, kw_only=True)
class NotWritten(Mistake):
    """A file that cannot be written."""

    code: ClassVar[str] = "file"
    path: str
    reason: str

    def message(self) -> str:
        return f"{self.path} cannot be written: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OverSource(Mistake):
    """An output that would replace the model's own file."""

    code: ClassVar[str] = "over-source"
    path: str

    def message(self) -> str:
        return f"{self.path} is the file with the model; the program would replace it"

    def help(self) -> str:
        return "name another file with -o"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownPass(Mistake):
    """A pass that the pipeline does not have."""

    code: ClassVar[str] = "unknown-pass"
    name: str
    known: tuple[str, ...]

    def message(self) -> str:
        return f"there is no pass {self.name!r}"

    def help(self) -> str:
        near = nearest(self.name, self.known)
        hint = f"did you mean {near!r}? " if near else ""
        return f"{hint}the passes are {listed(self.known)}, or all"


@dataclass(frozen=True, slots=True, kw_only=True)
class BadSetting(Mistake):
    """A `--set` that cannot be read."""

    code: ClassVar[str] = "bad-setting"
    text: str

    def message(self) -> str:
        return f"--set {self.text} does not fix a hyperparameter"

    def help(self) -> str:
        return "write NAME=NUMBER, or NAME=FUNCTION with a function of the file"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownHyperparameter(Mistake):
    """A `--set` for a name that no model of the file takes."""

    code: ClassVar[str] = "unknown-setting"
    name: str
    known: tuple[str, ...]

    def message(self) -> str:
        return f"--set {self.name}=...: no model of the file has a parameter {self.name!r}"

    def help(self) -> str:
        near = nearest(self.name, self.known)
        hint = f"did you mean {near!r}? " if near else ""
        return f"{hint}their parameters are {listed(self.known)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfixedNumber(Mistake):
    """A hyperparameter without a value that no data can tell: it is a number, not a size."""

    code: ClassVar[str] = "unfixed-number"
    model: str
    name: str

    def message(self) -> str:
        return f"{self.model} uses the number {self.name!r}, which has no value"

    def help(self) -> str:
        return f"fix it with --set {self.name}=NUMBER"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsDisagree(Mistake):
    """Calls of the file that say different things."""

    code: ClassVar[str] = "calls-disagree"
    what: str
    found: tuple[str, ...]
    option: str

    def message(self) -> str:
        found = " and ".join(text or "nothing" for text in self.found)
        return f"the calls of the file disagree on {self.what}: {found}"

    def help(self) -> str:
        return f"say which is meant with {self.option}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsIgnored(Mistake):
    """Arguments of an inference method that an emitted program does not take over."""

    code: ClassVar[str] = "setting-ignored"
    severity: ClassVar[Severity] = "warning"
    method: str
    names: tuple[str, ...]

    def message(self) -> str:
        names = ", ".join(f"{name}=" for name in self.names)
        return f"{names} of this {self.method} cannot be read from the text and is not used"

    def help(self) -> str:
        return "the emitted program has --epochs, --batch-size and --learning-rate (of Adam)"


@dataclass(frozen=True, slots=True, kw_only=True)
class AmbiguousGuide(Mistake):
    """A file in which several models can be the guide."""

    code: ClassVar[str] = "which-guide"
    model: str
    known: tuple[str, ...]

    def message(self) -> str:
        return f"several functions can be the guide of {self.model}: {listed(self.known)}"

    def help(self) -> str:
        return f"say which one: --guide {self.known[0]}, or --guide meanfield"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownGuide(Mistake):
    """A guide that the file does not have."""

    code: ClassVar[str] = "unknown-guide"
    name: str
    known: tuple[str, ...]

    def message(self) -> str:
        return f"there is no guide {self.name!r}"

    def help(self) -> str:
        near = nearest(self.name, (*self.known, "meanfield"))
        hint = f"did you mean {near!r}? " if near else ""
        return f"{hint}the file has {listed(self.known)}; `meanfield` is inferred from the model"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotInModel(Mistake):
    """A random variable called outside a model."""

    code: ClassVar[str] = "outside-model"
    name: str

    def message(self) -> str:
        return f"{self.name} was called outside a model"

    def help(self) -> str:
        return (
            "put it into a function with @inf.probmodel; ppc reads such functions, never runs them"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BadGuide(Mistake):
    """Something that is not a guide where one belongs."""

    code: ClassVar[str] = "bad-guide"
    found: str

    def message(self) -> str:
        return (
            "the guide must be a model, a function of no arguments, 'meanfield' or None, "
            f"not {self.found}"
        )

    def help(self) -> str:
        return (
            "call it with its hyperparameters first: SVI(qmodel(k=2)); 'meanfield' and None infer "
            "a mean field"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownFamily(Mistake):
    """A family of guides that does not exist."""

    code: ClassVar[str] = "unknown-family"
    name: str
    known: tuple[str, ...]

    def message(self) -> str:
        return f"there is no family of guides {self.name!r}"

    def help(self) -> str:
        near = nearest(self.name, self.known)
        hint = f"did you mean {near!r}? " if near else ""
        return f"{hint}the families are {listed(self.known)}; or give a model: SVI(qmodel(k=2))"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideTakesParameters(Mistake):
    """A function with parameters where a guide belongs."""

    code: ClassVar[str] = "guide-parameters"
    name: str
    parameters: tuple[str, ...]

    def message(self) -> str:
        return (
            "input qmodel can only be a callable object if this does not has any input parameter; "
            f"{self.name} takes {', '.join(self.parameters)}"
        )

    def help(self) -> str:
        given = ", ".join(f"{name}=..." for name in self.parameters)
        return f"call it first: SVI({self.name}({given}))"


@dataclass(frozen=True, slots=True, kw_only=True)
class BadOptimizer(Mistake):
    """Something that is not an optimiser of the backend's library."""

    code: ClassVar[str] = "bad-optimizer"
    found: str
    backend: str
    expected: str  # "an optax optimiser"
    example: str  # "optax.adam(0.01)"

    def message(self) -> str:
        return f"optimizer must be {self.expected}, not {self.found}"

    def help(self) -> str:
        return (
            f"backend {self.backend!r} takes, for example, optimizer={self.example}; "
            "without optimizer= it is Adam with learning_rate="
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedUnsaid(Mistake):
    """A compilation that was not told what is observed, where nothing tells it."""

    code: ClassVar[str] = "observed"
    model: str
    sites: tuple[str, ...]

    def message(self) -> str:
        return f"which sites of {self.model} are observed was not said"

    def help(self) -> str:
        return f"ppc.compile(..., observed=[...]) names them; the sites are {listed(self.sites)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoBatches(Mistake):
    """A batch size for a program whose steps see all rows."""

    code: ClassVar[str] = "no-batches"
    model: str

    def message(self) -> str:
        return f"the program for {self.model} was compiled without batches: each step sees all rows"

    def help(self) -> str:
        return "leave batch_size away here; ppc.compile(..., batch_size=100) makes one with batches"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoBatchesOf(Mistake):
    """A batch size for a plate that has no rows which a batch could take."""

    code: ClassVar[str] = "batch-plate"
    plate: str
    known: tuple[str, ...]  # the plates that have
    why: Literal["unknown", "no data", "in order", "compiled without"]

    def message(self) -> str:
        why = {
            "unknown": "there is no such plate",
            "no data": "no observed site is in it",
            "in order": "a row reads others, which a batch would lack",
            "compiled without": "the program was compiled without",
        }[self.why]
        return f"no batches can be taken from plate {self.plate!r}: {why}"

    def help(self) -> str:
        return f"they can from {listed(self.known)}" if self.known else "leave the batch size away"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoTruthValue(Mistake):
    """A branch on a random value outside a model."""

    code: ClassVar[str] = "no-truth-value"
    what: str

    def message(self) -> str:
        return f"{self.what} is random and neither true nor false"

    def help(self) -> str:
        return "choose by tf.where or tf.case, or branch on a draw: `if x.sample() > 0:`"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAvailable(Mistake):
    """A quantity that is not known of a distribution in closed form."""

    code: ClassVar[str] = "not-available"
    what: str
    distribution: str

    def message(self) -> str:
        return f"the {self.what} of {self.distribution} is not known in closed form"

    def help(self) -> str:
        return "estimate it from draws: `x.sample(10_000)`"


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingToCompare(Mistake):
    """A loss that is not finite wherever it was tried, so that nothing can be compared there."""

    code: ClassVar[str] = "nothing-to-compare"
    model: str
    given: bool  # whether the data are the user's

    def message(self) -> str:
        data = "these data" if self.given else "data drawn from the prior"
        return f"the loss of {self.model} is not finite at random parameters and {data}"

    def help(self) -> str:
        if self.given:
            return "data nearer to 1 in size make it finite"
        return "give data of yours with --data FILE"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendsDisagree(Mistake):
    """Two results that differ by more than rounding."""

    code: ClassVar[str] = "disagreement"
    pair: tuple[str, str]
    dtype: str
    worst: str  # the component: "gradient in w[0, 3]"
    share: float  # of what is allowed

    def message(self) -> str:
        one, other = self.pair
        return (
            f"{one} and {other} differ in {self.dtype}: the {self.worst} by "
            f"{self.share:.3g} times what rounding explains"
        )

    def help(self) -> str:
        return "this is a bug of ppc or of a backend: please report it with the model"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoPlaceForAll(Mistake):
    """Programs of every backend with a single file to go to."""

    code: ClassVar[str] = "one-file"
    output: str | None

    def message(self) -> str:
        if not self.output:
            return "programs of all backends need a place each, and -o was not given"
        return f"programs of all backends do not fit into the one file {self.output}"

    def help(self) -> str:
        return "name a folder that is there, or a pattern: -o 'fit_{backend}.py'"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoDevice(Mistake):
    """A device that a framework does not find."""

    code: ClassVar[str] = "no-device"
    library: str  # "JAX"
    device: str

    def message(self) -> str:
        return f"{self.library} finds no {self.device}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotMeasured(Mistake):
    """A program that could not be measured."""

    code: ClassVar[str] = "not-measured"
    name: str  # "jax on gpu"; empty where it concerns all
    reason: str

    def message(self) -> str:
        return f"{self.name} cannot be measured: {self.reason}" if self.name else self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingPlot(Mistake):
    """A picture without the library that draws it."""

    code: ClassVar[str] = "missing-plot"
    call: str = "--plot"
    package: str = "matplotlib"

    def message(self) -> str:
        return f"{self.call} needs {self.package}, which is not installed"

    def help(self) -> str:
        return installing("plot", self.package)
