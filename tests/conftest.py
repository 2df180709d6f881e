"""What all tests have: graphs are printed and read back, absent frameworks make them skipped."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

import pytest
from frameworks import lacking, without
from hypothesis import HealthCheck, settings
from round_trip import assert_round_trip

from ppc.diagnostics import StateError
from ppc.ir.build import Builder
from ppc.ir.nodes import Graph

# A test that is slow on a busy machine is not wrong: no deadlines, nor complaints of slow inputs.
settings.register_profile(
    "ppc", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ppc")


@pytest.fixture(scope="session", autouse=True)
def every_built_graph_round_trips() -> Iterator[None]:
    """Wraps `Builder.build`, so that the text form is held to all graphs there are."""
    build = Builder.build

    def checked(self: Builder) -> Graph:
        graph = build(self)
        assert_round_trip(graph)
        return graph

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Builder, "build", checked)
        yield


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-goldens",
        action="store_true",
        help="write the emitted programs of tests/programs/goldens anew; read what changed",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests come last, so that most mistakes show at once."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


class _Module(pytest.Module):
    """A module of tests, skipped where it imports a framework that is absent."""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        try:
            return super().collect()
        except self.CollectError as error:
            if package := lacking(error.__cause__):
                without(package)
            raise


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module:
    return _Module.from_parent(parent, path=module_path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None]:
    """Fixtures may need a framework."""
    return (yield from _skipping())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    """A test that fails because a framework is absent is skipped, with that as the reason."""
    return (yield from _skipping())


def _skipping() -> Generator[None]:
    try:
        return (yield)
    except (ModuleNotFoundError, StateError) as error:
        if package := lacking(error):
            without(package)
        raise
