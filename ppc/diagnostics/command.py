"""Mistakes in how ppc is called: backends, models, guides and options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ppc.diagnostics.base import Mistake
from ppc.diagnostics.model import listed, nearest


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
        return f"pip install 'ppc-compiler[{self.backend}]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoModel(Mistake):
    """A file without a model, or without the one asked for."""

    code: ClassVar[str] = "no-model"
    path: str
    name: str | None
    known: tuple[str, ...]

    def message(self) -> str:
        if self.name is None:
            return f"{self.path} has no function with @inf.probmodel"
        return f"{self.path} has no model named {self.name!r}"

    def help(self) -> str:
        near = nearest(self.name or "", self.known)
        hint = f"did you mean {near!r}? " if near else ""
        return f"{hint}its models are {listed(self.known)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AmbiguousModel(Mistake):
    """A file with several models, none of them named."""

    code: ClassVar[str] = "which-model"
    path: str
    known: tuple[str, ...]

    def message(self) -> str:
        return f"{self.path} has several models ({listed(self.known)}); which one is meant?"

    def help(self) -> str:
        return f"name it: {self.path}:{self.known[0]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableFile(Mistake):
    """A file that cannot be read."""

    code: ClassVar[str] = "unreadable-file"
    path: str
    reason: str

    def message(self) -> str:
        return f"cannot read {self.path}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BadSetting(Mistake):
    """A `--set` that is not NAME=NUMBER or names nothing."""

    code: ClassVar[str] = "bad-setting"
    text: str
    known: tuple[str, ...] = ()

    def message(self) -> str:
        return f"--set {self.text} does not fix a hyperparameter"

    def help(self) -> str:
        return f"write NAME=NUMBER; the hyperparameters are {listed(self.known)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownGuide(Mistake):
    """A guide that the file does not have."""

    code: ClassVar[str] = "unknown-guide"
    name: str
    known: tuple[str, ...]

    def message(self) -> str:
        return f"there is no guide {self.name!r}"

    def help(self) -> str:
        return f"the file has {listed(self.known)}; `meanfield` is inferred from any model"


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
        return f"the guide must be a model, a function of no arguments, or None, not {self.found}"

    def help(self) -> str:
        return "call it with its hyperparameters first: SVI(qmodel(k=2)); None infers a mean field"
