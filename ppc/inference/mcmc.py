"""MCMC: the method, its settings, and what its chains tell of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ppc.diagnostics import DataError, StateError
from ppc.diagnostics.data import BadNumber, NotFitted
from ppc.inference.methods import positive_integer, positive_number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from xarray import DataTree

    from ppc.inference.chained import Chained

    Array = NDArray[np.floating[Any]]

KERNELS = ("hmc", "nuts")
LEAST_ADAPTATION = 20  # transitions; of fewer no step size can be learnt


class MCMC:
    """Hamiltonian Monte Carlo on the latents of a model; whole data, no guide.

    Chains start at draws of the prior and move on the reals, whatever the supports. BlackJAX draws
    them on JAX (extra `mcmc`), TensorFlow Probability on TensorFlow (extra `mcmc-tensorflow`).

    Args:
        step_size: of the leapfrog integrator, on the reals; only the first one where it is adapted.
        num_leapfrog_steps: of each transition of HMC; NUTS finds its own.
        num_burnin_steps: transitions before the first draw that is kept.
        num_results: draws of each chain.
        kernel: "hmc", or "nuts" (Hoffman and Gelman 2014).
        chains: how many; by default 1 of HMC, as in InferPy, and 4 of NUTS.
        adapt: whether the step size, to `target_accept`, and a diagonal mass matrix are adapted
            during the burn-in; by default those of NUTS are and those of HMC are not.
        target_accept: the mean acceptance probability that is aimed at.

    Raises KindError (a TypeError) or DataError (a ValueError) for arguments that make no sense.
    """

    def __init__(
        self,
        step_size: float = 0.01,
        num_leapfrog_steps: int = 5,
        num_burnin_steps: int = 1000,
        num_results: int = 500,
        *,
        kernel: str = "hmc",
        chains: int | None = None,
        adapt: bool | None = None,
        target_accept: float = 0.8,
    ) -> None:
        if kernel not in KERNELS:
            raise DataError(
                BadNumber(argument="kernel", expected="'hmc' or 'nuts'", found=repr(kernel))
            )
        self.kernel = kernel
        self.adapt = kernel == "nuts" if adapt is None else bool(adapt)
        self.step_size = positive_number("step_size", step_size)
        self.num_leapfrog_steps = positive_integer("num_leapfrog_steps", num_leapfrog_steps)
        least = LEAST_ADAPTATION if self.adapt else 0
        self.num_burnin_steps = positive_integer("num_burnin_steps", num_burnin_steps, least)
        self.num_results = positive_integer("num_results", num_results, 4)  # what R-hat needs
        if chains is None:
            chains = 4 if kernel == "nuts" else 1
        self.chains = positive_integer("chains", chains)
        self.target_accept = positive_number("target_accept", target_accept)
        if self.target_accept >= 1.0:
            found = str(target_accept)
            raise DataError(BadNumber(argument="target_accept", expected="below 1", found=found))
        self._chained: Chained | None = None

    def record(self, chained: Chained) -> None:
        """Keep the chains of a fit."""
        self._chained = chained

    @property
    def states(self) -> Mapping[str, Array]:
        """The draws of the last fit by site: `[chains * num_results, plates..., shape...]`."""
        return self._last("states").states

    @property
    def rhat(self) -> Mapping[str, Array]:
        """R-hat of each element of each latent, by ArviZ; of one chain, of its halves.

        Rank-normalised and split (Vehtari et al. 2021): above 1.01 chains have not met.
        """
        return self._last("rhat").rhat

    @property
    def ess(self) -> Mapping[str, Array]:
        """The effective sample size of the mean of each element of each latent, by ArviZ."""
        return self._last("ess").ess

    @property
    def divergences(self) -> int:
        """The number of draws whose trajectory diverged."""
        return int(self._last("divergences").diverging.sum())

    def to_arviz(self) -> DataTree:
        """Draws, sample statistics and data of the last fit as ArviZ takes them: a DataTree."""
        return self._last("to_arviz").to_arviz()

    def _last(self, call: str) -> Chained:
        if self._chained is None:
            raise StateError(NotFitted(call=call))
        return self._chained
