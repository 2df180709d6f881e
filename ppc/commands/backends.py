"""Lists the installed backends and whether what they run on is there; nothing of it is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from importlib.util import find_spec

from ppc.diagnostics.command import installing
from ppc.registry import backend, names


def lines() -> Iterator[str]:
    """A line for each backend."""
    for name in names():
        requires = backend(name).requires
        missing = [package for package in requires if find_spec(package) is None]
        found = ", ".join(_found(package) for package in requires)
        note = f"; it emits, and runs after {installing(name, missing[0])}" if missing else ""
        yield f"{name}: {found}{note}"


def _found(package: str) -> str:
    if find_spec(package) is None:
        return f"{package} is not installed"
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:  # installed under another name, as by tensorflow-cpu, or by none
        others = packages_distributions().get(package, ())
    if not others:
        return f"{package} of unknown version"
    return f"{package} {version(others[0])} ({others[0].replace('_', '-')})"
