"""What an emitted program says of a fitted model, beside its loss."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from model_suite import NAMES, compiled
from ppc_jax import BACKEND
from ppc_numpy import random_inputs
from ppc_numpy.machine import Machine

from ppc.compiler import as_function
from ppc.emit.keys import site_key
from ppc.emit.program import Program, assemble
from ppc.ir.nodes import Data
from ppc.objective import functions
from ppc.passes import constrain, split
from ppc.passes.layout import run as layout


def emitted(name: str) -> tuple[Program, ModuleType]:
    program = assemble(compiled(name))
    return program, BACKEND.load(BACKEND.emit(program), name)


def params_of(module: ModuleType, values: dict[str, Any]) -> Any:
    """`Params` of a module; what `values` lacks belongs to the guide, and is no number."""

    def filled(cls: Any, prefix: str) -> Any:
        return cls(*(
            jnp.asarray(values.get(prefix + name, np.nan)) if kind is jax.Array
            else filled(kind, "" if name in ("shared", "rows") else f"{name}.")
            for name, kind in cls.__annotations__.items()
        ))  # fmt: skip

    return filled(module.Params, "")


@pytest.mark.parametrize("name", NAMES)
def test_the_log_density_reads_the_model_and_not_its_guide(name: str) -> None:
    program, module = emitted(name)
    model = compiled(name).graphs["model"]
    graph = layout(split.run(constrain.run(functions.log_density(model)))[1])
    inputs = random_inputs(graph, np.random.default_rng(4))
    machine = Machine(graph, inputs)
    node = dict(graph.outputs)["log_density"]
    machine.run([node])
    own = [n.name for n in graph.nodes if isinstance(n, Data) and n.origin == "parameter"]
    values = [inputs[n.name] for n in program.functions["log_density"].data if n.name not in own]
    with jax.enable_x64(True):
        # What a program's density has no use for is not among its arguments.
        params = params_of(module, {n: inputs[n] for n in own})
        found = module.log_density(params, *map(jnp.asarray, values))
    np.testing.assert_allclose(found, machine.values[node], rtol=1e-9)


def test_draws_of_the_prior_are_not_those_of_the_guide() -> None:
    _, module = emitted("spaced_priors")
    params = params_of(module, {"centre_loc": np.zeros(3)})
    drawn = module.sample_prior(params, jax.random.key(7), N=2, draws=5)
    noise = jax.random.normal(jax.random.fold_in(jax.random.key(7), site_key("centre")), (5, 3))
    np.testing.assert_allclose(drawn["centre"], np.linspace(-3, 3, 3) + 2 * noise, rtol=1e-6)


def test_whole_numbers_may_come_as_floats(tmp_path) -> None:
    _, module = emitted("beta_bernoulli")
    path = str(tmp_path / "data.npz")
    for column in ([1.0, 0.0, 1.0], [True, False, True], np.array([1, 0, 1], np.uint8)):
        np.savez(path, y=column)
        data = module.load_data(path)
        assert data.y.dtype == jnp.int32 and data.y.tolist() == [1, 0, 1]
    for column, words in (
        ([0.0, 0.5], "y must be whole numbers; it is not in row 1"),
        ([0, 2], "y must be zeros and ones; it is not in row 1"),
        ([0.0, np.nan], "y must be finite numbers; it is not in row 1"),
        (["a", "b"], "y has dtype <U1, not numbers"),
    ):
        np.savez(path, y=column)
        with pytest.raises(ValueError, match=words):
            module.load_data(path)


def test_the_guide_is_a_function_of_what_it_reads() -> None:
    graph = as_function(functions.guide_parameters(compiled("poster").graphs["guide"]))
    assert {name for name, _ in graph.outputs} == {"z.loc", "z.scale"}
    assert [d.name for d in graph.data if d.origin == "site"] == ["x"]
