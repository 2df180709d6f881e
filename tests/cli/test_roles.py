"""What a file means: options first, then its calls, then what its models leave open."""

from __future__ import annotations

from pathlib import Path

import pytest
from ppc_command import DIGITS, ENCODER, FACTORS, HEAD, SCHOOLS, ppc

from ppc.compiler import FitDefaults
from ppc.diagnostics import CompileError
from ppc.roles import Asked, File, Roles, resolve

FIT = """
p = factors(k=2, d=4)
p.fit({"x": x}, inf.inference.SVI(encoder(k=2, d=4), epochs=7, batch_size=30))
"""


def read(folder: Path, text: str, *, settings: tuple[str, ...] = (), **asked: object) -> Roles:
    path = folder / "model.py"
    path.write_text(HEAD + text, encoding="utf-8")
    return resolve(File.read(str(path), settings), Asked(path=str(path), **asked))  # type: ignore[arg-type]


def codes(error: pytest.ExceptionInfo[CompileError]) -> list[str]:
    return [mistake.code for mistake in error.value.mistakes]


def guide(roles: Roles) -> str | None:
    return roles.guide.graph.name if roles.guide else None


def test_calls_say_everything(tmp_path: Path) -> None:
    roles = read(tmp_path, FACTORS + ENCODER + FIT)
    assert roles.model.graph.name == "factors"
    assert guide(roles) == "encoder"
    assert roles.model.graph.sizes == {"k": 2, "d": 4}
    assert roles.options.observed == ("x",)
    assert roles.options.subsample == ("N",)
    assert roles.options.fit == FitDefaults(epochs=7, batch_size=30, learning_rate=0.001)


def test_options_come_before_calls(tmp_path: Path) -> None:
    roles = read(
        tmp_path, FACTORS + ENCODER + FIT, settings=("k=3",), model="encoder", guide="meanfield",
        observed=("z",), batch_size="full",
    )  # fmt: skip
    assert roles.model.graph.name == "encoder"
    assert guide(roles) is None
    assert roles.model.graph.sizes == {"k": 3, "d": 4}
    assert roles.options.observed == ("z",)
    assert roles.options.subsample == ()


@pytest.mark.parametrize(
    ("method", "batched", "defaults"),
    [
        ("VI(epochs=5)", False, FitDefaults(epochs=5)),
        ("SVI()", True, FitDefaults(epochs=1000, batch_size=100)),  # as in Python
        ("SVI(None, learning_rate=0.1)", True, FitDefaults(1000, 100, 0.1)),
        ('SVI("meanfield", epochs=2)', True, FitDefaults(epochs=2)),
    ],
)
def test_methods_of_inference(
    method: str, batched: bool, defaults: FitDefaults, tmp_path: Path
) -> None:
    roles = read(tmp_path, f"{FACTORS}\nfactors(k=2, d=4).fit(dict(x=x), inf.inference.{method})\n")
    assert guide(roles) is None
    assert bool(roles.options.subsample) is batched
    assert roles.options.fit == defaults


def test_the_models_show_which_one_is_the_guide(tmp_path: Path) -> None:
    for text in (FACTORS + ENCODER, ENCODER + FACTORS):
        roles = read(tmp_path, text, observed=("x",))
        # In `encoder` x is an input; in `factors` it depends on z.
        assert (roles.model.graph.name, guide(roles)) == ("factors", "encoder")


def test_a_second_version_of_a_model_is_no_guide(tmp_path: Path) -> None:
    second = FACTORS.replace("def factors", "def wide")
    roles = read(tmp_path, FACTORS + second, model="wide", observed=("x",))
    assert (roles.model.graph.name, guide(roles)) == ("wide", None)
    with pytest.raises(CompileError) as error:
        read(tmp_path, FACTORS + second, observed=("x",))
    assert codes(error) == ["no-model"]


def test_two_possible_guides_are_not_chosen_between(tmp_path: Path) -> None:
    second = ENCODER.replace("def encoder", "def other")
    with pytest.raises(CompileError) as error:
        read(tmp_path, FACTORS + ENCODER + second, observed=("x",), model="factors")
    assert codes(error) == ["which-guide"]
    roles = read(tmp_path, FACTORS + ENCODER + second, observed=("x",), guide="other",
                 model="factors")  # fmt: skip
    assert guide(roles) == "other"


def test_calls_that_disagree_are_shown(tmp_path: Path) -> None:
    more = "factors(k=2, d=4).fit({'z': z}, inf.inference.SVI(encoder(k=2, d=4)))\n"
    with pytest.raises(CompileError) as error:
        read(tmp_path, FACTORS + ENCODER + FIT + more)
    assert codes(error) == ["calls-disagree"]
    text = str(error.value)
    assert "disagree on what is observed: x and z" in text
    assert "say which is meant with --observe" in text
    assert read(tmp_path, FACTORS + ENCODER + FIT + more, observed=("x",)).model


def test_settings_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    text = FIT.replace("epochs=7", "epochs=count(), optimizer=optax.adam(0.1)")
    roles = read(tmp_path, FACTORS + ENCODER + text)
    assert [w.code for w in roles.warnings] == ["setting-ignored"]
    assert "epochs=, optimizer= of this SVI" in roles.warnings[0].message()
    assert roles.options.fit == FitDefaults(epochs=1000, batch_size=30)


@pytest.mark.parametrize("wrong", ["epochs=0", "epochs=True", "batch_size='x'", "learning_rate=-1"])
def test_settings_that_make_no_sense_are_refused(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(CompileError) as error:
        read(tmp_path, f"{FACTORS}\nfactors(2, 4).fit({{'x': x}}, inf.inference.SVI({wrong}))\n")
    assert codes(error) == ["bad-number"]


def test_values_of_set(tmp_path: Path) -> None:
    text = """

def double(x):
    return 2 * x


@inf.probmodel
def model(scale, f):
    mu = inf.Normal(0.0, scale, name="mu")
    with inf.datamodel():
        y = inf.Normal(f(mu), 1.0, name="y")
"""
    roles = read(tmp_path, text, settings=("scale = 2.5", "f=double"), observed=("y",))
    assert "2.5" in str(roles.model.graph)
    with pytest.raises(CompileError) as error:
        read(tmp_path, text, settings=("f=double",), observed=("y",))
    assert codes(error) == ["unfixed-number"]


@pytest.mark.parametrize("setting", ["k", "=2", "k=", "k=2+", "2=k", "k=import os"])
def test_settings_that_cannot_be_parsed(setting: str) -> None:
    done = ppc("emit", DIGITS, "--set", setting)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"error[bad-setting]: --set {setting} does not fix")


def test_unknown_names_come_with_the_nearest() -> None:
    cases = {
        ("--set", "d00=2"): "did you mean 'd0'? their parameters are k, d0, dx, dy",
        ("--set", "k=qmodle"): "did you mean `qmodel`?",
        ("--guide", "qmodle"): "did you mean 'qmodel'? the file has digit_classifier, qmodel",
        ("--observe", "x,yy"): "did you mean 'y'? its sites are z, x, y",
    }
    for options, words in cases.items():
        done = ppc("emit", DIGITS, *options)
        assert done.exit_code == 1
        assert words in done.stderr
    assert "did you mean `eight_schools`?" in ppc("emit", SCHOOLS + ":eight_school").stderr


def test_what_is_left_open_is_listed() -> None:
    done = ppc("emit", SCHOOLS)
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr == (
        "error[nothing-observed]: no site of eight_schools is observed, so there is nothing to "
        "fit it to\n"
        "  help: name the observed sites with --observe; the sites are mu, tau, theta, y\n"
    )
