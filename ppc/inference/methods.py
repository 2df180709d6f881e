"""The inference methods, with InferPy's arguments and defaults."""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Callable, Mapping
from random import Random
from typing import TYPE_CHECKING, Any, SupportsFloat

from ppc.compiler import MEANFIELD
from ppc.diagnostics import DataError, KindError
from ppc.diagnostics.command import BadGuide, GuideTakesParameters, UnknownFamily
from ppc.diagnostics.data import BadNumber, WrongKind
from ppc.optimizers import named

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ppc.api import ProbModel
    from ppc.objective.own import LossFunction

FAMILIES = (MEANFIELD,)  # the guides that the compiler infers
ADAM = "AdamOptimizer"  # InferPy's name for its default, which is ours too

_generator = Random(secrets.randbits(64))


def seed(value: int) -> None:
    """Restart the generator from which fits and queries without `seed=` take theirs."""
    _generator.seed(value)


def next_seed(given: int | None) -> int:
    """`given`, or the next seed of the generator, in [0, 2**31)."""
    if given is None:
        return _generator.getrandbits(31)
    if isinstance(given, bool) or not hasattr(given, "__index__"):
        found = type(given).__name__
        raise KindError(WrongKind(argument="seed", expected="an integer", found=found))
    if not 0 <= given.__index__() < 2**63:
        raise DataError(
            BadNumber(argument="seed", expected="between 0 and 2**63 - 1", found=str(given))
        )
    return given.__index__()


class VI:
    """Variational inference on whole data: each step sees every row.

    Args:
        qmodel: the guide: a model with its hyperparameters, a function without parameters that
            returns or is one, or None or "meanfield" for one inferred from the model.
        loss: "ELBO", or a function `f(pvars, qvars, **kwargs)` of the random variables of model and
            guide that returns what is minimised. It is compiled from its source, like a model.
        optimizer: None or "AdamOptimizer" for Adam; another name of `tf.train`, such as
            "RMSPropOptimizer"; an optimiser of `tf.train` or Keras; or one of the backend's
            library, such as `optax.lamb(0.01)`. It sees the parameters as the emitted program's
            `Params`, on the reals; those with a row for each datum apart, as the rows of the batch.
            A second fit with the same object compiles nothing; a new object of optax or Keras,
            equal or not, compiles the loop.
        epochs: passes over the data.
        learning_rate: of an optimiser that is given by name, or of Adam.

    Raises KindError (a TypeError) or DataError (a ValueError) for arguments that make no sense.
    """

    batch_size: int | Mapping[str, int] | None = None

    def __init__(
        self,
        qmodel: ProbModel | Callable[[], Any] | str | None = None,
        loss: str | Callable[..., Any] = "ELBO",
        optimizer: Any = None,
        epochs: int = 1000,
        *,
        learning_rate: float = 0.001,
    ) -> None:
        self.qmodel = as_guide(qmodel)
        self.loss = loss
        expected = "'ELBO' or a function of your own"
        if isinstance(loss, str) and loss != "ELBO":
            raise DataError(BadNumber(argument="loss", expected=expected, found=repr(loss)))
        if not isinstance(loss, str) and not inspect.isfunction(inspect.unwrap(loss)):
            found = type(loss).__name__
            raise KindError(WrongKind(argument="loss", expected=expected, found=found))
        self.epochs = positive_integer("epochs", epochs)
        self.learning_rate = positive_number("learning_rate", learning_rate)
        if isinstance(optimizer, str):
            optimizer = None if optimizer == ADAM else named(optimizer, self.learning_rate)
        self.optimizer = optimizer
        self._losses: NDArray[np.float32] | None = None

    @property
    def loss_function(self) -> LossFunction | None:
        """The loss of the user, read from its source; None is the ELBO. Raises CompileError."""
        if isinstance(self.loss, str):
            return None
        from ppc_frontend.losses import live_loss

        return live_loss(self.loss)

    @property
    def batches(self) -> int:
        """The steps of an epoch of the last fit; 0 before."""
        return 0 if self._losses is None else len(self._losses) // self.epochs

    @property
    def losses(self) -> list[Any]:
        """The loss of each step of the last fit, as the step itself computed it."""
        return [] if self._losses is None else list(self._losses)

    def record(self, losses: NDArray[np.float32]) -> None:
        """Keep the losses of a fit."""
        self._losses = losses


class SVI(VI):
    """Stochastic variational inference: each step sees a batch of at most `batch_size` rows.

    Args:
        batch_size: the most rows of a batch. A number is meant for the plate of `inf.datamodel`,
            or the outermost one that data fill; `{"users": 100, "items": 50}` for these plates.

    Every row is visited once each epoch, in a fresh random order; with several plates an epoch
    meets every combination of their batches once. The other arguments are those of `VI`.
    """

    def __init__(
        self, *args: Any, batch_size: int | Mapping[str, int] = 100, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.batch_size = _rows(batch_size)


def _rows(batch_size: Any) -> int | Mapping[str, int]:
    """The rows of a batch, or those by plate. Raises KindError or DataError."""
    if not isinstance(batch_size, Mapping):
        return positive_integer("batch_size", batch_size)
    if not batch_size or not all(isinstance(plate, str) for plate in batch_size):
        expected = "a number of rows, or a dictionary of them by plate"
        raise KindError(WrongKind(argument="batch_size", expected=expected, found=repr(batch_size)))
    return {
        plate: positive_integer(f"batch_size[{plate!r}]", size)
        for plate, size in batch_size.items()
    }


def positive_integer(argument: str, value: Any, least: int = 1) -> int:
    """`value` as an int of at least `least`. Raises KindError or DataError."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        found = type(value).__name__
        raise KindError(WrongKind(argument=argument, expected="an integer", found=found))
    number: int = value.__index__()
    if number < least:
        expected = f"at least {least}"
        raise DataError(BadNumber(argument=argument, expected=expected, found=str(number)))
    return number


def positive_number(argument: str, value: Any) -> float:
    """`value` as a float. Raises KindError or DataError."""
    expected = "a positive number"
    if isinstance(value, bool) or not isinstance(value, SupportsFloat):
        found = type(value).__name__
        raise KindError(WrongKind(argument=argument, expected=expected, found=found))
    number = float(value)
    if not 0 < number < float("inf"):
        raise DataError(BadNumber(argument=argument, expected=expected, found=str(value)))
    return number


def as_guide(given: Any) -> ProbModel | None:
    """The guide that is meant: a model, what makes one, or None for the inferred mean field.

    Raises KindError, and DataError for a function that takes parameters, or for a family that
    does not exist.
    """
    from ppc.api import ProbModel

    if given is None or isinstance(given, ProbModel):
        return given
    if isinstance(given, str):
        if given not in FAMILIES:
            raise DataError(UnknownFamily(name=given, known=FAMILIES))
        return None
    if not callable(given):
        raise KindError(BadGuide(found=type(given).__name__))
    name = getattr(given, "__name__", type(given).__name__)
    if parameters := _parameters(given):
        raise DataError(GuideTakesParameters(name=name, parameters=parameters))
    made = given()
    if not isinstance(made, ProbModel):
        raise KindError(BadGuide(found=f"{name}, which returns {type(made).__name__}"))
    return made


def _parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names of the parameters of a function, those with defaults too."""
    try:
        return tuple(inspect.signature(function).parameters)
    except ValueError:  # some functions written in C say nothing
        return ()
