"""The backend as ppc sees it: its dialect, and how its programs are run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ppc.backend import Backend, Runner

if TYPE_CHECKING:
    from ppc.emit.module.dialect import Dialect


class NumpyRunner(Runner):
    """Runs programs with NumPy; what it leaves out is refused."""

    def start(self) -> None:
        """Import NumPy."""
        import numpy  # noqa: F401  # so that it is there

    def key(self, seed: int) -> Any:
        """The words of a seed sequence."""
        import numpy as np

        return np.array([seed])

    def array(self, values: Any) -> Any:
        """The array in the one width that there is."""
        import numpy as np

        return np.asarray(values, {"f": float, "i": np.int32, "u": np.int32, "b": bool}[
            values.dtype.kind])  # fmt: skip

    def numpy(self, array: Any) -> Any:
        """The array; where the program has a number of Python, that."""
        import numpy as np

        return np.asarray(array)

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function as it is."""
        return function

    def pulled(
        self,
        function: Callable[[dict[str, Any]], dict[str, Any]],
        at: Mapping[str, Any],
        cotangents: Mapping[str, Any],
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """By complex steps (Squire and Trapp, 1998): f'(x) = Im f(x + ih) / h."""
        import numpy as np

        grads = {}
        with np.errstate(all="ignore"):
            values = function(dict(at))
            for name, x in at.items():
                grad = np.zeros(x.shape)
                for where in np.ndindex(x.shape):
                    moved = x.astype(complex)
                    step = 1e-17 * abs(x[where]) or 1e-200
                    moved[where] += complex(0, step)
                    found = function({**at, name: moved})
                    parts = [np.sum(np.imag(y) * cotangents[n]) for n, y in found.items()]
                    grad[where] = sum(parts) / step
                grads[name] = grad
        return values, grads


def _dialect() -> Dialect:
    from ppc_plain.dialect import DIALECT

    return DIALECT


BACKEND = Backend(name="numpy", requires=("numpy",), dialect=_dialect, runner=NumpyRunner())
