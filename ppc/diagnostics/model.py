"""Mistakes in how a model, its guide and its observations fit together."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar

from ppc.diagnostics.base import Mistake
from ppc.records import dataclass


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was probably meant to be."""
    found = difflib.get_close_matches(name, list(known), n=1)
    return found[0] if found else None


def listed(names: Iterable[str]) -> str:
    """Names for a sentence: `x, y`, or `none`."""
    return ", ".join(names) or "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownObserved(Mistake):
    """An observed name that is no site of the model."""

    code: ClassVar[str] = "unknown-observed"
    name: str
    model: str
    sites: tuple[str, ...]

    def message(self) -> str:
        return f"{self.model} has no site named {self.name!r}"

    def help(self) -> str:
        near = nearest(self.name, self.sites)
        hint = f"did you mean {near!r}? " if near else ""
        return f"{hint}its sites are {listed(self.sites)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingObserved(Mistake):
    """A model that is to be fitted to no data."""

    code: ClassVar[str] = "nothing-observed"
    model: str
    sites: tuple[str, ...]

    def message(self) -> str:
        return f"no site of {self.model} is observed, so there is nothing to fit it to"

    def help(self) -> str:
        return f"name the observed sites with --observe; the sites are {listed(self.sites)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingToFit(Mistake):
    """A model and guide without a parameter."""

    code: ClassVar[str] = "nothing-to-fit"
    model: str
    guide: str

    def message(self) -> str:
        return f"neither {self.model} nor guide {self.guide} has a parameter to optimise"

    def help(self) -> str:
        return "use inf.Parameter or a layer in one of them, or let the guide be inferred"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideSiteUnknown(Mistake):
    """A site of Q that P lacks."""

    code: ClassVar[str] = "guide-site-unknown"
    name: str
    guide: str
    model: str
    latents: tuple[str, ...]

    def message(self) -> str:
        return f"guide {self.guide} has a site {self.name!r} that model {self.model} lacks"

    def help(self) -> str:
        near = nearest(self.name, self.latents)
        hint = f"did you mean {near!r}? " if near else ""
        return f"{hint}the latent sites of {self.model} are {listed(self.latents)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorInGuide(Mistake):
    """A factor in a guide, which is a distribution and has to stay one."""

    code: ClassVar[str] = "guide-factor"
    name: str
    guide: str

    def message(self) -> str:
        return f"the guide {self.guide} has the factor {self.name}, and so no density of its own"

    def help(self) -> str:
        return "a factor is a term of the model's density; move it there"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideSiteMissing(Mistake):
    """A latent of P that Q does not cover."""

    code: ClassVar[str] = "guide-site-missing"
    name: str
    guide: str
    model: str

    def message(self) -> str:
        return f"guide {self.guide} has no site for {self.name!r}, a latent of {self.model}"

    def help(self) -> str:
        return (
            f"add inf.Normal(..., name={self.name!r}) (or another distribution on its support) "
            f"to {self.guide}, or observe {self.name!r}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideSupport(Mistake):
    """Q draws a site from values where P has none."""

    code: ClassVar[str] = "guide-support"
    name: str
    guide_distribution: str
    guide_support: str
    model_distribution: str
    model_support: str

    def message(self) -> str:
        return (
            f"the guide draws {self.name!r} from {self.guide_distribution}, on "
            f"{self.guide_support}, but the model has it on {self.model_support} "
            f"({self.model_distribution})"
        )

    def help(self) -> str:
        return f"choose a distribution on {self.model_support}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuidePlates(Mistake):
    """Q has a site in other plates than P."""

    code: ClassVar[str] = "guide-plates"
    name: str
    guide_plates: tuple[str, ...]
    model_plates: tuple[str, ...]

    def message(self) -> str:
        return (
            f"the guide has {self.name!r} {_within(self.guide_plates)}, the model "
            f"{_within(self.model_plates)}"
        )

    def help(self) -> str:
        return "put it in the same plates (`with inf.datamodel():`) in both"


def _within(plates: tuple[str, ...]) -> str:
    return f"in plate {', '.join(plates)}" if plates else "outside every plate"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideShape(Mistake):
    """Q has a site of another shape than P."""

    code: ClassVar[str] = "guide-shape"
    name: str
    guide_shape: str
    model_shape: str

    def message(self) -> str:
        return (
            f"the guide has {self.name!r} of shape {self.guide_shape}, the model of shape "
            f"{self.model_shape}"
        )

    def help(self) -> str:
        if not any(char.isalpha() for char in self.guide_shape + self.model_shape):
            return f"give it the shape {self.model_shape} in the guide"
        return "sizes with different names are equal only where --set fixes both to one number"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotReparameterised(Mistake):
    """A latent whose draws carry no derivative."""

    code: ClassVar[str] = "not-reparameterised"
    name: str
    distribution: str

    def message(self) -> str:
        return (
            f"draws of {self.name!r} from {self.distribution} carry no derivative, so a "
            "reparameterised gradient does not exist"
        )

    def help(self) -> str:
        return (
            "sum the site out (inf.MixtureSameFamily does), observe it, or use a continuous "
            "relaxation"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NoMeanField(Mistake):
    """A latent for which no mean-field factor can be inferred."""

    code: ClassVar[str] = "no-mean-field"
    name: str
    support: str

    def message(self) -> str:
        return f"no mean-field factor is known for {self.name!r}, whose support is {self.support}"

    def help(self) -> str:
        way = "write a guide for the model, with a site of that name"
        if "whole numbers" in self.support or "zeros and ones" in self.support:
            way = "sum the site out: inf.MixtureSameFamily does, of a Categorical; or observe it"
        return way


@dataclass(frozen=True, slots=True, kw_only=True)
class AcrossBatch(Mistake):
    """What reads rows of a plate beyond the batch that a step sees."""

    code: ClassVar[str] = "across-batch"
    plate: str
    name: str
    what: str  # the variable, the parameter
    gathers: bool  # picks rows by an index
    spread: bool  # gives each row of the plate an element of something that is not in it

    def message(self) -> str:
        sees = f"of {self.plate} a step of the fit sees only the rows of a batch"
        if self.spread:
            return (
                f"{self.what} {self.name!r} has an element for each row of {self.plate} and is not "
                f"in that plate, but {sees}"
            )
        how = "picks rows of" if self.gathers else "goes across the rows of"
        return f"this {how} {self.what} {self.name!r}, but {sees}"

    def help(self) -> str:
        if self.spread:
            return f"make {self.name!r} inside the plate {self.plate}: it then has a row there"
        return f"take batches of another plate than {self.plate}, or let every step see all rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnInRounds(Mistake):
    """A variable that reads its own earlier rounds and whose draws have no base noise."""

    code: ClassVar[str] = "drawn-in-rounds"
    name: str
    sampler: str

    def message(self) -> str:
        return (
            f"{self.name!r} reads earlier rounds of the loop that it is in, and a draw of its kind "
            f"({self.sampler}) cannot be made inside of one"
        )

    def help(self) -> str:
        return "its density can be computed, and it can be observed; give data for it in queries"
