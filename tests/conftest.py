"""What every test has: each graph that it builds is printed and read back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings
from round_trip import assert_round_trip

from ppc.ir.build import Builder
from ppc.ir.nodes import Graph

# A test that is slow on a busy machine is not wrong: no deadlines.
settings.register_profile("ppc", deadline=None, print_blob=True)
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
