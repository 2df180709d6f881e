"""The demonstration runs to its end, on few epochs."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.slow
def test_the_demonstration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    demo = importlib.import_module("demo")
    monkeypatch.setattr(demo, "EPOCHS", 3)
    monkeypatch.setattr(demo, "SPLITS", 1)
    monkeypatch.setattr(demo, "DRAWS", 20)
    demo.main(tmp_path)
    assert "held-out accuracy" in capsys.readouterr().out
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {"digit_classifier_svi.py", "loss.png", "latent.png", "generated.png"}
