"""`make demo`: the poster's classifier, emitted, fitted to real digits, and looked at.

Writes to `out/`: the emitted program, `loss.png`, `latent.png`, `generated.png`.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from digit_classifier import digit_classifier, qmodel
from digits_data import CLASSES, SIDE, digits

import ppc as inf

SPLITS = 5
TRAINED_ON = 400  # of 537 digits; the rest is held out
EPOCHS = 1000
DRAWS = 500  # of the posterior predictive of a label
SIZES = {"k": 2, "d0": 100, "dx": SIDE * SIDE}


def main(out: Path) -> None:
    """Emit, fit on five splits, print the held-out accuracy, draw the pictures."""
    out.mkdir(exist_ok=True)
    x, y = digits()
    began = time.perf_counter()
    method = inf.inference.SVI(qmodel(**SIZES), epochs=EPOCHS, batch_size=100)
    target = out / "digit_classifier_svi.py"
    model = digit_classifier(**SIZES, dy=len(CLASSES))
    target.write_text(model.emit(method, ["x", "y"]))
    print(f"emitted {target}")
    accuracies = []
    for split in range(SPLITS):
        order = np.random.default_rng(split).permutation(len(y))
        train, test = order[:TRAINED_ON], order[TRAINED_ON:]
        model = digit_classifier(**SIZES, dy=len(CLASSES))
        model.fit({"x": x[train], "y": y[train]}, method, seed=split, progress=True)
        accuracies.append(accuracy(model, x[test], y[test]))
        loss, vote = np.mean(method.losses[-4:]), accuracies[-1][0]
        print(f"split {split + 1}: loss {loss:.0f}, held-out accuracy {vote:.3f}")
    seconds = time.perf_counter() - began
    vote, single = np.mean(accuracies, axis=0)
    print(f"held-out accuracy {vote:.3f}, mean of {SPLITS} splits; {seconds:.0f} s")
    print(f"(a single draw of the label is right {single:.1%} of the time)")
    for name, draw in (("loss", loss_curve), ("latent", latent_space), ("generated", generated)):
        figure = draw(model, method, x, y)
        figure.savefig(out / f"{name}.png", dpi=110, bbox_inches="tight")
        print(f"wrote {out / name}.png")


def accuracy(model: inf.ProbModel, x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """How often the class of largest posterior predictive probability given x is y; and a draw."""
    query = model.posterior_predictive("y", data={"x": x}, seed=0)
    probabilities = query.mean(DRAWS)["y"]  # of each class, averaged over draws of z
    drawn = query.sample(DRAWS)["y"]
    return float((probabilities.argmax(axis=-1) == y).mean()), float((drawn == y).mean())


def loss_curve(model: inf.ProbModel, method: inf.inference.SVI, x, y) -> plt.Figure:
    """The loss of every step, and the mean of each epoch."""
    losses = np.asarray(method.losses)
    batches = len(losses) // EPOCHS
    figure, axes = plt.subplots(figsize=(6, 3.4))
    axes.plot(losses, color="0.8", linewidth=0.5, label="step")
    epochs = losses.reshape(EPOCHS, batches).mean(axis=1)
    axes.plot((np.arange(EPOCHS) + 0.5) * batches, epochs, color="C0", label="mean of an epoch")
    axes.set(xlabel="step", ylabel="negative ELBO", title="Loss of the fit")
    axes.legend()
    return figure


def latent_space(model: inf.ProbModel, method: inf.inference.SVI, x, y) -> plt.Figure:
    """Draws of z given each image, coloured by digit."""
    z = model.posterior("z", data={"x": x}, seed=0).sample()
    figure, axes = plt.subplots(figsize=(4.6, 4.2))
    for label in CLASSES:
        axes.scatter(*z[y == label].T, s=9, label=f"digit {label}")
    axes.set(xlabel="z[0]", ylabel="z[1]", title="Latent space, one draw of q(z | x)")
    axes.legend()
    return figure


def generated(model: inf.ProbModel, method: inf.inference.SVI, x, y) -> plt.Figure:
    """The mean images of draws of z from the prior of the fitted model."""
    query = model.prior("x", size_datamodel=24, seed=1)
    images = query.parameters(["loc"])["loc"]
    figure, grid = plt.subplots(3, 8, figsize=(8, 3.2))
    for image, axes in zip(images, grid.flat, strict=True):
        axes.imshow(image.reshape(SIDE, SIDE), cmap="gray_r", vmin=0, vmax=1)
        axes.axis("off")
    figure.suptitle("Digits generated from the prior of the fitted model (mean of x given z)")
    return figure


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out"))
