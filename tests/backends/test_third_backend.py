"""A backend that is a project of its own: installed, found by its entry point, held to the kit.

It runs on NumPy alone and has little: no batches, float64 only, few functions, no MCMC.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import invalidate_caches
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import ppc as inf
from ppc import registry
from ppc.backend import Backend, Runner
from ppc.cli import main
from ppc.diagnostics import CompileError, StateError
from ppc.inference.methods import VI
from ppc.testing.backend import conformance

PACKAGE = Path(__file__).with_name("ppc_plain")
MODEL = """\
import numpy as np
import ppc as inf


@inf.probmodel
def location(d):
    mu = inf.Normal(np.zeros(d), 2.0)
    with inf.datamodel():
        x = inf.Normal(mu, 0.5)


@inf.probmodel
def rate():
    r = inf.Gamma(2.0, 1.0)
    with inf.datamodel():
        y = inf.Poisson(r)
"""
X = np.random.default_rng(0).normal([1.0, -2.0], 0.5, (30, 2))


@inf.probmodel
def location(d):
    mu = inf.Normal(np.zeros(d), 2.0)
    with inf.datamodel():
        inf.Normal(mu, 0.5, name="x")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder where it is installed, as an index of packages would have it."""
    source = tmp_path_factory.mktemp("source")
    folder = tmp_path_factory.mktemp("installed")
    for path in PACKAGE.rglob("*"):
        if path.suffix in (".py", ".toml"):
            target = source / path.relative_to(PACKAGE)
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(path.read_bytes())
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, source]
    offline = ["--no-index", "--no-deps", "--no-build-isolation"]
    done = subprocess.run([*command, *offline], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in sys.modules if n.partition(".")[0] == "ppc_plain"]:
            patch.delitem(sys.modules, name)  # the pages show it as it stands here
        patch.syspath_prepend(folder)
        invalidate_caches()
        yield folder
    invalidate_caches()


@pytest.fixture
def backend(installed: Path) -> Backend:
    return registry.backend("numpy")


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "model.py"
    path.write_text(MODEL, "utf-8")
    return str(path)


def ppc(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, prog_name="ppc")


def test_it_is_found_by_its_entry_point(installed: Path, backend: Backend) -> None:
    assert registry.names() == ("jax", "numpy", "tensorflow")
    assert Path(sys.modules[type(backend.runner).__module__].__file__).is_relative_to(installed)
    assert f"numpy: numpy {np.__version__}\n" in ppc("backends").stdout


def test_it_passes_the_kit(backend: Backend) -> None:
    refused = {str(check): words for check in conformance(backend) if (words := check())}
    assert refused["primitive/lgamma/float64"] == "the function lgamma"
    assert refused["noise/log_gamma"] == "the sampler log_gamma"
    assert refused["fit/every row once an epoch"] == "batches of the rows"
    assert "loops whose rounds read earlier ones" in refused["program/series/sample_prior"]
    ours = "primitive/add/float64", "distribution/Normal(loc, scale)/draws", "fit/closed form"
    assert not {*ours} & {*refused}
    assert not any("float32" in name for name in refused if not name.startswith("refusal/"))


def test_without_gradients_it_has_no_fits_and_still_passes(backend: Backend) -> None:
    runner = type("Less", (type(backend.runner),), {"pulled": Runner.pulled})()
    dialect = replace(backend.dialect(), loop=None)
    less = replace(backend, runner=runner, dialect=lambda: dialect)
    refused = {}
    for part in ("primitive/a", "noise/", "distribution/Normal", "program/", "fit/", "refusal/"):
        refused |= {str(c): words for c in conformance(less, only=part) if (words := c())}
    assert refused["refusal/gradients"] == "gradients"
    fits = {words for name, words in refused.items() if name.startswith("fit/")}
    assert all("a loop that fits" in words for words in fits)
    assert "primitive/add/float64" not in refused


def test_the_kit_is_a_command(installed: Path) -> None:
    command = [sys.executable, "-m", "ppc.testing.backend", "numpy", "--only", "noise/"]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "noise/uniform: not in this backend: uniform noise"
    assert lines[-1] == "2 passed, 4 refused by name, 0 failed"


def test_its_programs_stand_alone(model: str, backend: Backend, tmp_path: Path) -> None:
    program, data, out = (tmp_path / name for name in ("fit.py", "x.npz", "fit.npz"))
    options = ("--observe", "x", "--batch-size", "full", "--backend", "numpy")
    result = ppc("emit", f"{model}:location", *options, "-o", str(program))
    assert result.exit_code == 0, result.output
    for command in (
        ["check", "--select", "E,F,I,UP,B", "--line-length", "88"],
        ["format", "--check"],
    ):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", program]
        subprocess.run(ruff, check=True, capture_output=True)
    np.savez(data, x=X)
    settings = ["--learning-rate", "0.05", "--float64", "--out", out]
    run = [sys.executable, "-I", program, data, *settings]
    subprocess.run([*run, "--epochs", "150"], check=True, capture_output=True)
    subprocess.run([*run, "--epochs", "300", "--resume", out], check=True, capture_output=True)
    found = dict(np.load(out))
    precision = 1 / 4 + len(X) / 0.25
    assert len(found["losses"]) == 300
    # Steps of Adam keep it within a few of its standard deviations.
    assert (np.abs(found["params.mu_loc"] - 4 * X.sum(0) / precision) < 3 * precision**-0.5).all()
    refused = subprocess.run([*run, "--device", "gpu"], capture_output=True, text=True, check=False)
    assert refused.returncode == 2 and "choose from" in refused.stderr


def test_what_it_lacks_is_refused_with_the_line_the_site_and_who_has_it(
    model: str, backend: Backend
) -> None:
    result = ppc("emit", f"{model}:location", "--observe", "x", "--backend", "numpy")
    assert result.exit_code == 1
    first, *_, last = result.stderr.strip().splitlines()
    assert first.partition("model.py")[2] == (
        ":9:13: error[not-in-backend]: NumPy programs do not have batches of the rows, "
        "which `fit` needs for x"
    )
    assert last.strip() == (
        "help: jax, tensorflow have it: --backend jax, or backend='jax'; "
        "or let each step see all rows: --batch-size full, or VI in place of SVI"
    )
    result = ppc("emit", f"{model}:rate", "--observe", "y", "--backend", "numpy")
    assert "model.py:16:13: error[not-in-backend]" in result.stderr
    assert "the sampler poisson, which `sample_prior` needs for y" in result.stderr


def test_it_agrees_with_the_reference_in_the_precision_that_it_has(
    model: str, backend: Backend
) -> None:
    options = ("--observe", "x", "--batch-size", "full", "--cross-check")
    result = ppc("emit", f"{model}:location", *options, "--backend", "numpy")
    assert result.exit_code == 0, result.output
    assert [line.split()[:4] for line in result.stdout.splitlines()[2:]] == [
        ["numpy", "and", "reference", "float64"]
    ]


def test_python_has_it_under_its_name(backend: Backend) -> None:
    p = location(d=2)
    p.fit({"x": X}, VI(epochs=300, learning_rate=0.05), backend="numpy", seed=0)
    mean = 4 * X.sum(0) / (1 / 4 + len(X) / 0.25)
    draws = p.posterior("mu").sample(1000)["mu"]
    np.testing.assert_allclose(draws.mean(0), mean, atol=0.2)
    assert p.posterior_predictive("x").sample()["x"].shape == (30, 2)


def test_python_refuses_what_it_lacks(backend: Backend) -> None:
    p = location(d=2)
    with pytest.raises(CompileError, match="batches of the rows"):
        p.fit({"x": X}, inf.inference.SVI(batch_size=10), backend="numpy")
    with pytest.raises(StateError, match=r"optimisers other than Adam.*\n.*jax, tensorflow have"):
        p.fit({"x": X}, VI(optimizer="MomentumOptimizer"), backend="numpy")
    with pytest.raises(StateError, match=r"chains of MCMC, which the method NUTS needs"):
        p.fit({"x": X}, inf.inference.MCMC(kernel="nuts"), backend="numpy")


def test_a_backend_that_does_not_load_does_not_hide_the_others(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = registry.backend

    def broken(name: str) -> Backend:
        if name == "tensorflow":
            raise ImportError(name)
        return own(name)

    monkeypatch.setattr(registry, "backend", broken)
    with pytest.raises(CompileError, match="jax has it"):
        location(d=2).fit({"x": X}, inf.inference.SVI(batch_size=10), backend="numpy")
