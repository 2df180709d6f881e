"""Emitted TensorFlow programs as a whole: traces, files, optimisers, failures, the terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from emitted_programs import BATCH, Emitted, emitted
from model_suite import NAMES

from ppc.diagnostics import KindError

# One vector in the loop; drawn noise; parameters of layers; parameters of rows.
FORMS = ("schools_centred", "gamma_poisson", "poster", "factor_analysis")


def key(seed: int) -> Any:
    return tf.constant([0, seed], tf.int64)


def quiet() -> dict[str, str]:
    """The environment without the level of TensorFlow's log, which JAX sets for itself."""
    return {name: x for name, x in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}


def options(it: Emitted) -> dict[str, Any]:
    found: dict[str, Any] = {"batch_size": BATCH} if it.batched else {}
    if (sizes := it.sizes()) is not None:
        found["sizes"] = sizes
    return found


@pytest.fixture
def short_blocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Blocks of four steps, in what is compiled too."""
    modules = [emitted(name, "tensorflow").module for name in FORMS]
    for module in modules:
        module._compiled.cache_clear()
        monkeypatch.setattr(module, "BLOCK_STEPS", 4)
    yield
    for module in modules:
        module._compiled.cache_clear()


def assert_same(a: Any, b: Any) -> None:
    assert tf.nest.map_structure(lambda x: x.dtype, a) == tf.nest.map_structure(
        lambda x: x.dtype, b
    )
    for x, y in zip(tf.nest.flatten(a), tf.nest.flatten(b), strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.usefixtures("short_blocks")  # so that the stop is within one
@pytest.mark.parametrize("name", FORMS)
def test_a_resumed_fit_goes_on_exactly_and_traces_nothing(name: str, tmp_path: Path) -> None:
    it = emitted(name, "tensorflow")
    data, plan = it.data(), it.plan(it.data())
    given = options(it) | {"learning_rate": 0.05}
    whole = it.module.fit(key(3), data, epochs=6, **given)
    half = it.module.fit(key(3), data, epochs=3, **given)
    path = str(tmp_path / "fit.npz")
    it.module.save_fit(path, half, {})
    read = it.module.load_fit(path, data, plan)
    resumed = it.module.fit(key(3), it.data(), epochs=6, resume=read, **given)
    assert len(half.losses) < len(whole.losses) and np.isfinite(whole.losses).all()
    np.testing.assert_array_equal(resumed.losses, whole.losses)
    assert_same(resumed[:2], whole[:2])
    assert it.module._compiled.cache_info().misses == 1
    assert it.module._compiled(plan).experimental_get_tracing_count() == 1


@pytest.mark.parametrize("name", FORMS)
def test_a_fit_of_one_backend_loads_in_the_other(name: str, tmp_path: Path) -> None:
    import jax

    ours, theirs = emitted(name, "tensorflow"), emitted(name)
    path = str(tmp_path / "fit.npz")
    given = {"learning_rate": 0.05}
    fit = ours.module.fit(key(0), ours.data(), epochs=2, **options(ours), **given)
    ours.module.save_fit(path, fit, {})
    data = theirs.data()
    read = theirs.module.load_fit(path, data, theirs.plan(data))
    for a, b in zip(jax.tree.leaves(read), tf.nest.flatten(fit), strict=True):
        np.testing.assert_array_equal(a, b)
    on = theirs.module.fit(
        jax.random.key(0), data, epochs=3, resume=read, **options(theirs), **given
    )
    theirs.module.save_fit(path, on, {})
    back = ours.module.load_fit(path, ours.data(), ours.plan(ours.data()))
    for a, b in zip(jax.tree.leaves(on), tf.nest.flatten(back), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", FORMS)
def test_adam_of_keras_is_the_programs_own(name: str) -> None:
    """With a tiny epsilon the two conventions agree; Keras takes its own path to them."""
    import keras
    from ppc_tf.optimizers import adapted

    it = emitted(name, "tensorflow")
    data = it.data()
    theirs = adapted(keras.optimizers.Adam(0.05, epsilon=1e-30))
    own = it.module.Adam(0.05, eps=1e-30)
    fits = [
        it.module.fit(key(1), data, epochs=1, optimizer=optimizer, **options(it))
        for optimizer in (own, theirs)
    ]
    for a, b in zip(*(tf.nest.flatten(fit.params) for fit in fits), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_keras_makes_its_variables_inside_of_a_loop_too() -> None:
    import keras
    from ppc_tf.optimizers import adapted

    params = {"w": tf.ones((3, 2))}
    with tf.name_scope("while/body"):  # in the names of Adafactor's variables, Keras refuses it
        first = adapted(keras.optimizers.Adafactor(0.01)).init(params)
    assert {tuple(x.shape) for x in first} >= {(3,), (2,)}


def test_what_is_no_optimizer_is_refused() -> None:
    from ppc_tf.optimizers import adapted

    for wrong in ("adam", 0.1, int):
        with pytest.raises(KindError, match=r"an optimiser of Keras 3"):
            adapted(wrong)


def test_the_site_that_is_not_finite_is_told() -> None:
    it = emitted("poster", "tensorflow")
    data = it.data()
    bad = data._replace(x=tf.fill(data.x.shape, float("nan")))
    with pytest.raises(FloatingPointError, match=r"step 0: the loss of site \w+ is not finite"):
        it.module.fit(key(0), bad, epochs=2, **options(it))


@pytest.mark.xdist_group("program")
def test_the_command_says_its_result_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(emitted("poster", "tensorflow").text, encoding="utf-8")
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "data.npz", x=rng.normal(size=(21, 4)), y=rng.integers(0, 3, 21))
    for more, dtype in (["--device", "cpu"], np.float32), (["--float64"], np.float64):
        done = subprocess.run(
            [sys.executable, "program.py", "data.npz", "--epochs", "2", *more],
            cwd=tmp_path, env=quiet(), capture_output=True, encoding="utf-8", check=True,
            timeout=300,
        )  # fmt: skip
        assert done.stdout.startswith("loss ") and done.stdout.count("\n") == 1
        assert done.stderr == ""
        fit = np.load(tmp_path / "fit.npz")
        assert {fit["params.nn1_0.kernel"].dtype, fit["losses"].dtype} == {np.dtype(dtype)}


@pytest.mark.slow
@pytest.mark.xdist_group("program")
@pytest.mark.parametrize(
    "backend, closed",
    [("jax", "2>&-"), ("tensorflow", "2>&-"), ("tensorflow", "<&- >&- 2>&-")],
)
def test_the_command_needs_no_terminal(tmp_path: Path, backend: str, closed: str) -> None:
    """Where a standard stream is closed, no file gets its number and what is written to it."""
    text = emitted("schools_centred", backend).text
    (tmp_path / "program.py").write_text(text, encoding="utf-8")
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "data.npz", sigma=np.ones(8), y=rng.normal(size=8))
    command = f"{sys.executable} program.py data.npz --epochs 2 {closed}"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=quiet(), check=True, timeout=300)
    assert done.returncode == 0
    with np.load(tmp_path / "fit.npz") as fit:
        assert np.isfinite(fit["losses"]).all() and fit["losses"].shape == (2,)


@pytest.mark.slow
@pytest.mark.xdist_group("program")
@pytest.mark.parametrize("legacy", ["0", "1"])
def test_programs_survive_both_kinds_of_keras(tmp_path: Path, legacy: str) -> None:
    (tmp_path / "program.py").write_text(emitted("poster", "tensorflow").text, encoding="utf-8")
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "data.npz", x=rng.normal(size=(21, 4)), y=rng.integers(0, 3, 21))
    done = subprocess.run(
        [sys.executable, "program.py", "data.npz", "--epochs", "2"],
        cwd=tmp_path, env=quiet() | {"TF_USE_LEGACY_KERAS": legacy},
        capture_output=True, encoding="utf-8", check=True, timeout=300,
    )  # fmt: skip
    assert done.stdout.startswith("loss ") and done.stderr == ""


def test_every_program_is_as_ruff_wants_it(tmp_path: Path) -> None:
    for name in NAMES:
        text = emitted(name, "tensorflow").text
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff"]
    at_88 = ["--isolated", "--line-length", "88", "--target-version", "py311", str(tmp_path)]
    for command in (["check", "--select", "E,F,I,UP,B"], ["format", "--check"]):
        done = subprocess.run(
            [*ruff, *command, *at_88], capture_output=True, encoding="utf-8", check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
