"""`ppc check`, `ir`, `explain` and `backends`, and what every command does with a bad file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ppc_command import DIGITS, ENCODER, FACTORS, HEAD, SCHOOLS, ppc
from ppc_frontend.api import compile_file

from ppc import __version__
from ppc.compiler import PIPELINE, Compilation, Options, Step, compile_loss
from ppc.diagnostics import InternalError
from ppc.ir.text import parse_graph


def written(folder: Path, text: str) -> str:
    path = folder / "model.py"
    path.write_text(HEAD + text, encoding="utf-8")
    return str(path)


# --- check ---


def test_a_good_file() -> None:
    done = ppc("check", DIGITS)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "2 models, no mistakes\n", "")
    assert ppc("check", SCHOOLS).stdout == "1 model, no mistakes\n"


def test_all_mistakes_of_a_file_at_once(tmp_path: Path) -> None:
    wrong = FACTORS.replace("inf.Normal(np.zeros(k)", "inf.Normol(np.zeros(k)")
    also = ENCODER.replace("np.ones(d)", "np.onse(d)")
    path = written(tmp_path, wrong + also)
    done = ppc("check", path)
    assert done.exit_code == 1
    assert done.stdout == "2 models, 2 mistakes\n"
    heads = [line for line in done.stderr.splitlines() if line.startswith(path)]
    assert [head.removeprefix(path).partition(": ")[0] for head in heads] == [":8:13", ":16:24"]


def test_guides_are_matched_where_a_fit_names_them(tmp_path: Path) -> None:
    fit = "\nfactors(2, 4).fit({'x': x}, inf.inference.SVI(encoder(3, 4)))\n"
    path = written(tmp_path, FACTORS + ENCODER + fit)
    done = ppc("check", path)
    assert (done.exit_code, done.stdout) == (1, "2 models, 1 mistake\n")
    assert "error[guide-shape]" in done.stderr
    assert ppc("check", written(tmp_path, FACTORS + ENCODER)).exit_code == 0
    assert ppc("check", path, "--set", "k=3").exit_code == 0


def test_fits_that_differ_are_no_mistake(tmp_path: Path) -> None:
    fits = "".join(
        f"\nfactors(2, 4).fit({{'x': x}}, inf.inference.{method})" for method in ("VI()", "SVI()")
    )
    assert ppc("check", written(tmp_path, FACTORS + fits + "\n")).exit_code == 0


def test_warnings_do_not_fail(tmp_path: Path) -> None:
    fit = "\nfactors(2, 4).fit({'x': x}, inf.inference.VI(optimizer=adam))\n"
    done = ppc("check", written(tmp_path, FACTORS + fit))
    assert (done.exit_code, done.stdout) == (0, "1 model, no mistakes, 1 warning\n")
    assert "warning[setting-ignored]: optimizer= of this VI" in done.stderr


# --- ir ---


def graphs(text: str) -> dict[str, str]:
    """The printed graphs by title."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("# "):
            title = line[2:]
            found[title] = ""
        else:
            found[title] += line + "\n"
    return found


def test_graphs_as_they_are_read() -> None:
    found = graphs(ppc("ir", DIGITS).stdout)
    assert list(found) == ["digit_classifier as it is read", "qmodel as it is read"]
    named = graphs(ppc("ir", f"{DIGITS}:qmodel").stdout)
    assert named == {"qmodel as it is read": found["qmodel as it is read"]}


def test_graphs_after_every_pass_read_back() -> None:
    found = graphs(ppc("ir", SCHOOLS, "--observe", "y", "--after", "all").stdout)
    passes = list(dict.fromkeys(title.rpartition(" ")[2] for title in found))
    assert passes == [step.name for step in PIPELINE if step.name in passes]
    assert {"roles", "guide", "objective", "layout"} <= set(passes)
    for text in found.values():
        assert parse_graph(text)


def test_differences() -> None:
    text = ppc("ir", SCHOOLS, "--observe", "y", "--after", "roles", "--diff").stdout
    assert text == (
        "--- model before roles\n"
        "+++ model after roles\n"
        "@@ -8,2 +8,2 @@\n"
        " theta: f32[J |] = sample Normal(loc=mu, scale=tau) latent\n"
        "-y: f32[J |] = sample Normal(loc=theta, scale=sigma) latent\n"
        "+y: f32[J |] = sample Normal(loc=theta, scale=sigma) observed\n"
    )


def test_an_unknown_pass_comes_with_the_nearest() -> None:
    for arguments in (("ir", "--after", "fol"), ("emit", "--print-ir-after", "fol")):
        done = ppc(arguments[0], SCHOOLS, *arguments[1:])
        assert done.exit_code == 1
        assert "error[unknown-pass]: there is no pass 'fol'" in done.stderr
        assert "did you mean 'fold'?" in done.stderr


# --- explain ---


def test_explain_the_classifier() -> None:
    text = re.sub(r":\d+:\d+\n", ":LINE:COLUMN\n", ppc("explain", DIGITS).stdout)
    assert "plate N\n  a step sees a batch of at most 100 rows\n" in text
    assert (
        f"site z, latent   {DIGITS}:LINE:COLUMN\n"
        "  model   Normal, f32[N | k], on the finite numbers\n"
        "  guide   Normal, on the finite numbers\n"
        "  term    closed-form KL: KL(Normal || Normal) is known in closed form, and neither one's "
        "parameters depend on the draw of z\n"
    ) in text
    assert "guide   reads it; its density there is not in the loss" in text
    assert "Categorical, i32[N |], on the whole numbers from 0 to 2" in text
    assert "  encoder_1.kernel  f32[d0, 2*k]  finite numbers  of guide\n" in text


def test_explain_the_schools() -> None:
    text = ppc("explain", SCHOOLS, "--observe", "y", "--batch-size", "full").stdout
    assert "plate J is not batched: no batch size was asked for (--batch-size 100)" in text
    assert "drawn: log q - log p at a draw of tau, because no closed form of KL(" in text
    assert "  theta_scale  f32[J |]  positive numbers  a row for each of J  of guide\n" in text
    assert "computed from the data once, before the loop\n" in text
    assert f"f32[J |] = log(sigma)   {SCHOOLS}:14:9\n" in text


def test_explain_a_guide_that_reads_its_own_draw(tmp_path: Path) -> None:
    text = """

@inf.probmodel
def chain():
    a = inf.Normal(0.0, 1.0, name="a")
    b = inf.Normal(a, 1.0, name="b")
    y = inf.Normal(b, 1.0, name="y")


@inf.probmodel
def backwards():
    b = inf.Normal(inf.Parameter(0.0), 1.0, name="b")
    a = inf.Normal(b, 1.0, name="a")
"""
    done = ppc("explain", written(tmp_path, text), "--observe", "y")
    assert (
        "drawn: log q - log p at a draw of b, because parameters of its Normal or Normal depend "
        "on that draw"
    ) in done.stdout
    assert "closed-form KL: KL(Normal || Normal) is known in closed form" in done.stdout  # a


@pytest.mark.parametrize(
    ("plate", "observed", "words"),
    [
        ("inf.datamodel(10)", "x", "plate rows is not batched: its size is a fixed number"),
        ("inf.datamodel()", "w", "plate N is not batched: no observed site is in it"),
    ],
)
def test_explain_why_a_plate_is_not_batched(
    plate: str, observed: str, words: str, tmp_path: Path
) -> None:
    text = f"""

@inf.probmodel
def model():
    w = inf.Normal(0.0, 1.0, name="w")
    with {plate}:
        x = inf.Normal(w, 1.0, name="x")
"""
    done = ppc("explain", written(tmp_path, text), "--observe", observed, "--batch-size", "5")
    assert words.partition(" is ")[2] in done.stdout


# --- the rest ---


def test_version_and_backends() -> None:
    assert ppc("--version").stdout == f"ppc {__version__}\n"
    lines = ppc("backends").stdout.splitlines()
    assert any(line.startswith("jax: jax ") for line in lines)


def test_a_backend_without_its_framework(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ppc.commands.backends.find_spec", lambda _: None)
    assert ppc("backends").stdout.startswith(
        "jax: jax is not installed, optax is not installed; it emits, and runs after "
        "pip install 'ppc-compiler[jax]'\n"
    )


def test_an_unknown_backend() -> None:
    done = ppc("emit", DIGITS, "--backend", "jaks")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("error[unknown-backend]: there is no backend 'jaks'")


@pytest.mark.parametrize("command", ["emit", "check", "ir", "explain"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"\x00\xff\xfe", "cannot be read: "),
        (b"x = '\xe9'\n", "cannot be read: "),
        (b"def f(:\n", "error[syntax]"),
        (b"a\x00b\n", "error[syntax]"),
        (b"", "has no model"),
        (b"x = 1\n", "has no model"),
    ],
)
def test_files_that_are_no_models(
    command: str, content: bytes | None, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "model.py"
    if content is not None:
        path.write_bytes(content)
    done = ppc(command, str(path))
    assert (done.exit_code, words in done.stderr) == (1, True), done.stderr
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    assert "cannot be read: Is a directory" in ppc("emit", str(tmp_path)).stderr


def test_usage_is_clicks() -> None:
    assert ppc("emit").exit_code == 2
    assert ppc("emti").exit_code == 2
    assert ppc("emit", DIGITS, "--batch-size", "0").exit_code == 2


def test_paths_are_as_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, FACTORS.replace("np.zeros(k)", "np.zero(k)"))
    monkeypatch.chdir(tmp_path)
    assert ppc("check", "model.py").stderr.startswith("model.py:8:24: error")
    assert ppc("check", "./model.py").stderr.startswith("./model.py:8:24: error")


def test_a_bug_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("ppc.roles.resolve", broken)
    done = ppc("emit", DIGITS)
    assert done.exit_code == 70
    assert done.stderr.startswith("internal error: ZeroDivisionError()\n")


def test_the_verifier_runs_after_every_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def forget(c: Compilation) -> Compilation:
        loss = c.graphs["loss"]
        return c.put(loss=type(loss)(loss.name, loss.stage, loss.nodes[1:], loss.outputs))

    def pipeline() -> tuple[Step, ...]:
        return tuple(
            Step("cse", forget, step.reason) if step.name == "cse" else step for step in PIPELINE
        )

    monkeypatch.setattr("ppc.compiler.PIPELINE", pipeline())
    model = compile_file(SCHOOLS)
    with pytest.raises(InternalError, match=r"after cse \(loss\)"):
        compile_loss(model, None, Options(("y",)))
