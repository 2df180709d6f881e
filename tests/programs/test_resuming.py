"""A fit that was stopped, saved and resumed is the fit that was not: bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
import pytest
from emitted_programs import BATCH, emitted

# One vector in the loop; drawn noise; parameters of layers; parameters of rows.
NAMES = ("schools_centred", "gamma_poisson", "poster", "factor_analysis")


def options(name: str) -> dict[str, Any]:
    it = emitted(name)
    found: dict[str, Any] = {"batch_size": BATCH} if it.batched else {}
    if (sizes := it.sizes()) is not None:
        found["sizes"] = sizes
    return found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("own", [True, False])
def test_a_resumed_fit_goes_on_exactly(
    name: str, own: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = emitted(name)
    monkeypatch.setattr(it.module, "BLOCK_STEPS", 4)  # the stop is within a block
    jax.clear_caches()
    data = it.data()
    plan = it.plan(data, own=own)
    given = options(name) | ({"learning_rate": 0.05} if own else {"optimizer": optax.sgd(0.01)})
    if not own:
        plan = plan._replace(optimizer=given["optimizer"])
    whole = it.module.fit(jax.random.key(3), data, epochs=6, **given)
    half = it.module.fit(jax.random.key(3), data, epochs=3, **given)
    path = str(tmp_path / "fit.npz")
    it.module.save_fit(path, half, {})
    read = it.module.load_fit(path, data, plan)
    resumed = it.module.fit(jax.random.key(3), data, epochs=6, resume=read, **given)
    assert len(half.losses) < len(whole.losses)
    np.testing.assert_array_equal(resumed.losses, whole.losses)
    for a, b in zip(jax.tree.leaves(resumed[:2]), jax.tree.leaves(whole[:2]), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match=r"nothing.npz"):
        it.module.load_fit(str(tmp_path / "nothing.npz"), data, plan)
