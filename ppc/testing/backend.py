"""What holds a backend to its contract, whoever wrote it.

    from ppc.testing.backend import conformance

    @pytest.mark.parametrize("check", conformance("mine"), ids=str)
    def test_it_is_a_backend(check):
        check()

A check returns the words of a refusal where the backend does not have what is asked of it and says
so by name, and "" where it has; anything else is an AssertionError. The checks come from the tables
of primitives, samplers and distributions themselves, so that what is added is asked of everyone.
Nothing here needs pytest; the reference needs SciPy.
"""

from __future__ import annotations

from ppc import registry
from ppc.backend import Backend
from ppc.testing import distributions, fits, primitives, programs, refusals
from ppc.testing.checks import Check as Check

PARTS = (primitives, distributions, programs, fits, refusals)


def conformance(backend: str | Backend, *, only: str = "") -> list[Check]:
    """The checks of a backend, or of the installed one of that name.

    `only` keeps those whose names begin so: "primitive/", "noise/", "distribution/", "program/",
    "fit/", "refusal/".
    """
    found = registry.backend(backend) if isinstance(backend, str) else backend
    made = (check for part in PARTS for check in part.checks(found))
    return [check for check in made if check.name.startswith(only)]
