"""What holds a backend to its contract, whoever wrote it.

    python -m ppc.testing.backend mine

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

import argparse
import sys
from collections import Counter

from ppc import registry
from ppc.backend import Backend
from ppc.diagnostics import PpcError
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


def main() -> int:
    """Run the checks of an installed backend; a line for each that does not pass."""
    parser = argparse.ArgumentParser(prog="python -m ppc.testing.backend", description=main.__doc__)
    parser.add_argument("backend", help="its name")
    parser.add_argument("--only", default="", metavar="PREFIX", help="checks that begin so")
    args = parser.parse_args()
    try:
        checks = conformance(args.backend, only=args.only)
    except PpcError as error:
        print(error, file=sys.stderr)
        return 2
    ends: Counter[str] = Counter()
    for check in checks:
        try:
            words = check()
        except Exception as error:  # noqa: BLE001  # a backend under test may raise anything
            ends["failed"] += 1
            print(f"{check}: {str(error) or type(error).__name__}")
        else:
            ends["refused by name" if words else "passed"] += 1
            if words:
                print(f"{check}: not in this backend: {words}")
    print(", ".join(f"{ends[end]} {end}" for end in ("passed", "refused by name", "failed")))
    return 1 if ends["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
