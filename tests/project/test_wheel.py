"""The wheel, built through the sdist: what is in it, and that it works where it is installed."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from packages import PACKAGES, ROOT

from ppc.cli import main

# One process: the wheel is built once.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command outside of the checkout; its output is shown where it fails."""
    # Nothing of the checkout may be found by way of the environment.
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from the sdist, which was built from the checkout."""
    out = tmp_path_factory.mktemp("dist")
    # With neither --sdist nor --wheel, the wheel is built from the unpacked sdist.
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a clean environment with nothing but the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder / "env", with_pip=True)
    found = folder / "env" / "bin" / "python"
    run(found, "-m", "pip", "install", "--quiet", wheel, cwd=folder)
    return found


def test_the_wheel_has_the_packages_and_nothing_else(wheel: Path) -> None:
    config = ROOT / "pyproject.toml"
    run(sys.executable, "-m", "check_wheel_contents", "--config", config, wheel, cwd=wheel.parent)
    names = zipfile.ZipFile(wheel).namelist()
    wanted = {
        f"{package}/{path.relative_to(folder).as_posix()}"
        for package, folder in PACKAGES.items()
        for path in [*folder.rglob("*.py"), folder / "py.typed"]
    }
    assert wanted == {name for name in names if ".dist-info/" not in name}


def test_the_wheel_works_where_it_is_installed(python: Path, tmp_path: Path) -> None:
    code = "import ppc, ppc_frontend, ppc_jax; print(ppc.__version__)"
    version = run(python, "-c", code, cwd=tmp_path).strip()
    assert f'version = "{version}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    listed = run(python, "-m", "pip", "list", "--format=freeze", cwd=tmp_path).lower()
    for framework in ("jax", "optax", "tensorflow", "scipy", "matplotlib"):
        assert f"\n{framework}==" not in listed


def test_the_installed_command_emits_what_the_checkout_does(python: Path, tmp_path: Path) -> None:
    """In an environment without JAX, from a folder without ppc."""
    model = tmp_path / "digit_classifier.py"
    model.write_bytes((ROOT / "examples" / "digit_classifier.py").read_bytes())
    run(
        python.with_name("ppc"),
        "emit",
        model.name,
        "--backend",
        "jax",
        "-o",
        "out.py",
        cwd=tmp_path,
    )
    shown = CliRunner().invoke(main, ["emit", str(ROOT / "examples" / model.name)])
    assert (tmp_path / "out.py").read_text(encoding="utf-8") == shown.stdout
    missing = "import importlib.util as u; print(u.find_spec('jax'), u.find_spec('optax'))"
    assert run(python, "-c", missing, cwd=tmp_path).split() == ["None", "None"]
