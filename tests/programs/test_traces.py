"""The loop of a program is traced once: for all blocks of a fit, and for later fits too."""

from __future__ import annotations

from typing import Any

import pytest
from emitted_programs import emitted

from ppc import registry

MODELS = ("schools_noncentred", "factor_analysis", "row_parameters")


@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
@pytest.mark.parametrize("name", MODELS)
def test_neither_later_blocks_nor_later_fits_are_traced_again(
    name: str, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = emitted(name, backend)
    monkeypatch.setattr(it.module, "BLOCK_STEPS", 7)  # also sets these traces apart from others
    data, runner = it.data(), registry.backend(backend).runner
    options: dict[str, Any] = {"learning_rate": 0.0371}  # a plan that nothing else has
    if it.batched:
        options["batch_size"] = 4
    if (sizes := it.sizes()) is not None:
        options["sizes"] = sizes
    plans: list[Any] = []
    loop = it.module.run_block

    def seen(*args: Any, plan: Any) -> Any:
        plans.append(plan)
        return loop(*args, plan=plan)

    def traces() -> int:
        if backend == "jax":
            return int(loop._cache_size())
        return int(it.module._compiled(plans[0]).experimental_get_tracing_count())

    before = traces() if backend == "jax" else 0
    monkeypatch.setattr(it.module, "run_block", seen)
    counts = []
    for seed in (0, 1):
        it.module.fit(runner.key(seed), data, epochs=20, **options)
        counts.append(traces() - before)
    assert len(plans) >= 6
    assert counts == [1, 1]
