"""The random variables of a model as objects: `m.vars["x"].sample()`, as InferPy has them.

Behind each is a query of the prior; a session draws those of one model jointly.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from ppc.distributions import Distribution, find
from ppc.ir.nodes import Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ppc.api import ProbModel
    from ppc.inference.query import Query

    Array = NDArray[Any]

_DTYPES = {"f32": np.float32, "i32": np.int32, "bool": np.bool_}


class Kind(IntEnum):
    """Whether a random variable has a value for each row, and whether it is observed."""

    GLOBAL_HIDDEN = 0
    GLOBAL_OBSERVED = 1
    LOCAL_HIDDEN = 2
    LOCAL_OBSERVED = 3


class ModelVariable:
    """A random variable of a model, with `rows` rows where it is in a plate that is open."""

    def __init__(self, model: ProbModel, site: Sample, rows: int | None) -> None:
        self.model = model
        self.rows = rows
        self.name = site.name
        self.distribution = site.distribution
        self.is_datamodel = bool(site.type.axes)
        self._site = site

    def __repr__(self) -> str:
        return (
            f"<inf.RandomVariable ({self.distribution} distribution) named {self.name}, "
            f"shape={self.shape}, dtype={np.dtype(self.dtype)}>"
        )

    @property
    def is_observed(self) -> bool:
        """Whether it is: by the model itself, or by the data of its last fit."""
        return self.name in self.model.observed_vars

    @property
    def observed_value(self) -> Array | None:
        """Its values in the last fit; None where it is not observed, or by the model itself."""
        fitted = self.model.fitted
        return fitted.arrays.get(self.name) if fitted is not None and self.is_observed else None

    @property
    def type(self) -> Kind:
        """Its kind."""
        return Kind(2 * self.is_datamodel + self.is_observed)

    @property
    def dtype(self) -> Any:
        """The NumPy dtype of a draw: float32, int32 or bool."""
        return _DTYPES[self._site.type.dtype]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a draw: plates first."""
        sizes, axes = self._query().sizes, self.model.ir.axis
        dims = (*(axes(name).size for name in self._site.type.axes), *self._site.type.shape)
        return tuple(int(size.evaluate(sizes) or 0) for size in dims)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """The trailing dimensions of a draw that belong to one event."""
        return self.shape[len(self.shape) - self._row.event_rank :]

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The dimensions of a draw in front of its event."""
        return self.shape[: len(self.shape) - self._row.event_rank]

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters at one joint draw of what they depend on."""
        found: dict[str, Any] = self._query().parameters()
        return found

    def sample(self, size: int = 1, *, seed: int | None = None) -> Any:
        """Draws of this shape, with a leading axis for `size` > 1; what it depends on is drawn too.

        After a fit the networks and parameters of the model are the fitted ones. Raises KindError
        (a TypeError) or QueryError (a ValueError) for a size that is none.
        """
        return self._query(seed=seed).sample(size)

    def log_prob(self, value: Any, *, seed: int | None = None) -> Any:
        """log p(value) of each element, given one draw of what it depends on."""
        given = np.broadcast_to(value, self.shape)
        query = self.model.prior(self.name, {self.name: given}, self.rows, seed=seed)
        return query.log_prob()

    def prob(self, value: Any, *, seed: int | None = None) -> Any:
        """The density of `value`: exp of `log_prob`."""
        return np.exp(self.log_prob(value, seed=seed))

    def mean(self, *, seed: int | None = None) -> Any:
        """The mean given one draw of what it depends on."""
        return self._query(seed=seed).mean(1)

    def __getattr__(self, name: str) -> Any:
        # A parameter by its name, as in InferPy and TFP: `m.vars["x"].loc`.
        own = self.__dict__.get("distribution", "")
        if own and find(own).parameter(name) is not None:
            return self.parameters.get(name)
        raise AttributeError(
            f'Property or method "{name}" not implemented in "{type(self).__name__}"'
        )

    @property
    def _row(self) -> Distribution:
        return find(self.distribution)

    def _query(self, *, seed: int | None = None) -> Query:
        return self.model.prior(self.name, None, self.rows, seed=seed)


def drawn(variables: Sequence[ModelVariable]) -> dict[int, Any]:
    """A draw of each, by its id; those of one model and number of rows jointly."""
    found: dict[int, Any] = {}
    for model, rows in dict.fromkeys((v.model, v.rows) for v in variables):
        own = [v for v in variables if v.model is model and v.rows == rows]
        values = model.prior(_names(own), None, rows).sample(simplify_result=False)
        found.update({id(v): values[v.name] for v in own})
    return found


def _names(variables: Iterable[ModelVariable]) -> list[str]:
    return list(dict.fromkeys(v.name for v in variables))
