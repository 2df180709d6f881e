"""What chains of MCMC leave in a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ppc import registry
from ppc.compiler import as_function
from ppc.ir.nodes import Graph
from ppc.objective import functions
from ppc.passes.constrain import unconstrained_name
from ppc.records import dataclass

if TYPE_CHECKING:
    from xarray import DataTree

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Chained:
    """A model after MCMC. Nothing in it changes any more."""

    model: Graph  # with its observed sites marked
    raw: Mapping[str, Array]  # parameters on the reals, held
    arrays: Mapping[str, Array]  # the data of the fit, and data arguments
    sizes: Mapping[str, int]
    backend: str | None
    draws: Mapping[str, Array]  # [chains, results, plates..., shape...]
    acceptance: Array  # f32[chains, results]
    diverging: Array  # bool[chains, results]
    step_sizes: Array  # f32[chains]
    rhat: Mapping[str, Array]
    ess: Mapping[str, Array]
    missing: str = "error"  # what becomes of missing elements of data

    @property
    def guide(self) -> Graph:
        """An empty one: draws stand in its place."""
        return Graph("chains", "guide")

    @property
    def latent(self) -> tuple[str, ...]:
        """The latent sites, in model order."""
        return tuple(s.name for s in self.model.samples if s.role == "latent")

    @property
    def observed(self) -> tuple[str, ...]:
        """The observed sites, in model order."""
        return tuple(s.name for s in self.model.samples if s.role == "observed")

    @property
    def states(self) -> Mapping[str, Array]:
        """The draws of all chains: `[draws, plates..., shape...]`."""
        return {name: x.reshape(-1, *x.shape[2:]) for name, x in self.draws.items()}

    def parameters(self) -> Mapping[str, Array]:
        """The parameters that were held, on their supports, by name."""
        used = [p.name for p in self.model.params if unconstrained_name(p) in self.raw]
        if not used:
            return {}
        graph = as_function(functions.parameters(self.model, None, used))
        found = registry.backend(self.backend)
        module = found.load(found.emit_function(graph), "parameters")
        return found.call(module, {**self.arrays, **self.raw}, self.sizes, 0)

    def to_arviz(self) -> DataTree:
        """See `MCMC.to_arviz`."""
        import arviz_base

        statistics = {"acceptance_rate": self.acceptance, "diverging": self.diverging}
        data = {name: self.arrays[name] for name in self.observed if name in self.arrays}
        groups = {"posterior": dict(self.draws), "sample_stats": statistics, "observed_data": data}
        tree: DataTree = arviz_base.from_dict({name: x for name, x in groups.items() if x})
        return tree
