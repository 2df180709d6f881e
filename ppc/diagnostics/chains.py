"""Mistakes about chains of MCMC, and what is told of those that ran."""

from __future__ import annotations

from typing import ClassVar

from ppc.diagnostics.base import Mistake, Severity
from ppc.diagnostics.command import installing
from ppc.diagnostics.model import listed
from ppc.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingSampler(Mistake):
    """MCMC without the library that a backend runs it by."""

    code: ClassVar[str] = "missing-sampler"
    backend: str
    package: str  # as it is imported
    extra: str

    def message(self) -> str:
        return f"MCMC on backend {self.backend!r} needs {self.package}, which is not installed"

    def help(self) -> str:
        return installing(self.extra, self.package.replace("_", "-"))


@dataclass(frozen=True, slots=True, kw_only=True)
class NotOnTheReals(Mistake):
    """A latent that chains cannot move in."""

    code: ClassVar[str] = "latent-not-on-the-reals"
    name: str
    distribution: str
    discrete: bool

    def message(self) -> str:
        why = "is discrete" if self.discrete else "has a support without a bijection from the reals"
        return f"MCMC moves on the reals, and the latent {self.name!r} of {self.distribution} {why}"

    def help(self) -> str:
        return "sum it out by hand, observe it, or model it by a continuous distribution"


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingLatent(Mistake):
    """A model of which every site is observed."""

    code: ClassVar[str] = "nothing-latent"
    model: str

    def message(self) -> str:
        return f"every site of {self.model} is observed, so MCMC has nothing to draw"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held(Mistake):
    """Parameters without a prior in a model whose latents are drawn by MCMC."""

    code: ClassVar[str] = "parameters-held"
    severity: ClassVar[Severity] = "warning"
    names: tuple[str, ...]

    def message(self) -> str:
        return f"MCMC holds what has no prior at its current values: {listed(self.names)}"

    def help(self) -> str:
        return "give them priors to draw them too, or fit them before by inf.inference.VI"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoStart(Mistake):
    """Draws of the prior at none of which the posterior density is a finite number."""

    code: ClassVar[str] = "no-start"
    tried: int

    def message(self) -> str:
        return f"the log density is not finite at any of {self.tried} draws of the prior"

    def help(self) -> str:
        return "chains start where the prior is: tighten it, or rescale the data"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainsApart(Mistake):
    """Chains that did not meet, or hardly moved."""

    code: ClassVar[str] = "chains-apart"
    severity: ClassVar[Severity] = "warning"
    rhat: float
    rhat_of: str
    ess: float
    ess_of: str
    divergences: int
    stuck: int  # chains whose every draw is the same

    def message(self) -> str:
        if self.stuck:
            return f"{self.stuck} of the chains never moved"
        found = [
            f"R-hat of {self.rhat_of} is {self.rhat:.3g}",
            f"the effective sample size of {self.ess_of} is {self.ess:.0f}",
        ]
        if self.divergences:
            found.append(f"{self.divergences} draws diverged")
        return f"the draws are no reliable sample: {', '.join(found)}"

    def help(self) -> str:
        return 'use kernel="nuts", longer chains, or a model whose latents are of similar scale'


@dataclass(frozen=True, slots=True, kw_only=True)
class DensityOfChains(Mistake):
    """A density asked of draws."""

    code: ClassVar[str] = "density-of-chains"

    def message(self) -> str:
        return "the posterior of MCMC is a set of draws, whose density is not known"

    def help(self) -> str:
        return "log_density of the model has log p of all sites together"


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherRows(Mistake):
    """Latents of rows that the chains did not see."""

    code: ClassVar[str] = "rows-not-sampled"
    names: tuple[str, ...]

    def message(self) -> str:
        return (
            f"the chains have draws of {listed(self.names)} given the data of the fit only, "
            "and these are other data"
        )

    def help(self) -> str:
        return 'posterior_predictive(..., local="prior") draws those of new rows from the prior'
