"""Every emitted program lowers for CPU, CUDA and TPU, on a machine that may have none of them."""

from __future__ import annotations

from typing import Any

import jax
import jax.export
import pytest
from emitted_programs import emitted
from model_suite import NAMES

PLATFORMS = ("cpu", "cuda", "tpu")
QUICK = ("poster", "gamma_poisson", "factor_analysis", "schools_centred")


def abstract(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), tree)


def lowered(function: Any, *arguments: Any) -> None:
    made = jax.export.export(function, platforms=PLATFORMS)(*arguments)
    assert made.platforms == PLATFORMS
    assert "stablehlo" in made.mlir_module()


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in NAMES]
)
def test_the_loop_and_the_loss_lower_for_every_platform(name: str) -> None:
    it = emitted(name)
    data = it.data()
    plan = it.plan(data)
    key = jax.eval_shape(lambda: jax.random.key(0))
    state = it.module.State(
        *jax.eval_shape(lambda: it.module.start_fit(jax.random.key(0), data, plan)[:2])
    )
    step = jax.ShapeDtypeStruct((), "int32")

    def block(state: Any, data: Any, key: Any, start: Any, stop: Any) -> Any:
        return it.module.run_block(state, data, key, start, stop, plan=plan)

    lowered(jax.jit(block), state, abstract(data), key, step, step)

    def loss(state: Any, data: Any, key: Any) -> Any:
        """The gradient of the loss at the first step."""
        noise = it.module._at(it.module.draw_noise(key, 0, 1, data, plan), 0)
        params, rest = state.params, (data,)
        if it.batched:
            rows = it.module.batch_rows(key, jax.numpy.arange(1), plan)[0]
            rest = it.module.take(data, rows, plan)
            if hasattr(params, "rows"):
                params = params._replace(rows=it.module.take_rows(params.rows, rows))
        if hasattr(it.module, "draw_rest"):
            noise = it.module.draw_rest(params, noise, *rest, key)
        return jax.value_and_grad(it.module.loss)(params, noise, *rest)

    if not hasattr(it.module, "Plates"):  # of several plates the loop alone says how rows are taken
        lowered(jax.jit(loss), state, abstract(data), key)
