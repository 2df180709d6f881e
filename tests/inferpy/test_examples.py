"""InferPy's kinds of program, in examples/inferpy: what each finds is held to what is known."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import ppc as inf

EXAMPLES = Path(__file__).parents[2] / "examples" / "inferpy"
both = pytest.mark.parametrize("backend", ["jax", "tensorflow"])


@pytest.fixture
def example(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module(request.param)


def of(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("example", [name], indirect=True, ids=[name])


def test_every_example_is_here() -> None:
    text = Path(__file__).read_text("utf-8")
    assert all(f'@of("{path.stem}")' in text for path in EXAMPLES.glob("*.py"))


@of("poster")
@both
def test_the_poster(example: ModuleType, backend: str) -> None:
    pairs = np.array(example.draws(200))
    assert np.std(pairs[:, 0]) > 50  # 100, of 200 draws
    assert 4 < np.std(pairs[:, 1] - pairs[:, 0]) < 6  # 5, with a standard error of 0.25
    x, c = np.array([inf.get_session().run([example.x, example.c]) for _ in range(20)]).T
    np.testing.assert_array_equal(c, x > 0)
    (x_train, y_train), (x_test, y_test) = example.load()
    model, losses = example.fitted(x_train, y_train, epochs=300, backend=backend)
    assert len(losses) == 300 * -(-len(x_train) // 100)
    assert list(example.example(model)) == ["z", "x", "y"]
    labels = example.predict(model, x_test)
    assert labels.shape == y_test.shape and np.mean(labels == y_test) > 0.5  # by chance: 0.33
    probabilities = model.posterior_predictive("y", data={"x": x_test}, seed=0).mean(200)
    assert np.mean(probabilities.argmax(-1) == y_test) > 0.9


@of("linear_regression")
@both
def test_linear_regression(example: ModuleType, backend: str) -> None:
    train = example.data()
    mean, scale = example.exact(train["x"], train["y"])
    loc, found = example.fit(train, example.converging(), backend)
    # The location wanders with Adam's steps of 0.01, about as far as the posterior is wide.
    assert np.abs(loc - mean).max() < 0.03
    np.testing.assert_allclose(found, scale, rtol=0.25)


@of("logistic_regression")
@pytest.mark.filterwarnings("ignore:warning.chains-apart")  # the chains are short
@both
def test_logistic_regression(example: ModuleType, backend: str) -> None:
    train, test = example.data(500), example.data(500, seed=1)
    vi = inf.inference.VI(example.qmodel(2), epochs=1000, learning_rate=0.03)
    mcmc = inf.inference.MCMC(kernel="nuts", num_burnin_steps=200, num_results=200, chains=2)
    moments = []
    for method in (vi, mcmc):
        model = example.fit(train, method, backend)
        moments.append(example.moments(model))
        generating = np.array([example.OFFSET, *example.WEIGHTS])
        # Shrunk by the prior; each weight is within four deviations.
        assert (np.abs(moments[-1][0] - generating) < 4 * moments[-1][1]).all()
        logits = test["x"] @ example.WEIGHTS
        best = np.mean((logits > 0) == test["y"])  # of whoever knows the weights
        assert example.accuracy(model, test) > best - 0.02
    assert np.abs(moments[0][0] - moments[1][0]).max() < 0.2


@of("pca")
@both
def test_pca(example: ModuleType, backend: str) -> None:
    from sklearn.decomposition import PCA

    x = example.data(300)
    weights, losses = example.fit(x, epochs=1000, backend=backend)
    assert losses[-1] < 0.5 * losses[0]
    assert example.largest_angle(weights, PCA(2).fit(x).components_) < 0.02
    assert example.largest_angle(np.eye(2, 5), np.eye(2, 5)[::-1]) < 1e-7  # of one space
    assert example.largest_angle(np.eye(2, 5), np.eye(5)[2:4]) > 1.57


@of("nonlinear_pca")
@both
def test_nonlinear_pca(example: ModuleType, backend: str) -> None:
    x = example.data()
    model, _ = example.fit(x, epochs=1500, backend=backend)
    # What is left is at most the noise, 0.01: a latent fits its own point.
    assert example.unexplained(model, x) < 0.015
    assert example.unexplained_by_a_line(x) > 0.2


@of("vae")
@both
def test_vae(example: ModuleType, backend: str) -> None:
    train, test = example.load()
    model, _ = example.fit(train[0], epochs=100, backend=backend)
    variance = np.var(test[0], axis=0).mean()
    assert example.reconstruction_error(model, test[0]) < 0.6 * variance
    assert example.nearest_neighbour_accuracy(model, train, test) > 0.9
    assert model.prior("x", size_datamodel=5).sample().shape == (5, 64)


@of("mixture_density_network")
@both
def test_mixture_density_network(example: ModuleType, backend: str) -> None:
    model, _ = example.fit(*example.data(), epochs=60, backend=backend)
    x, y = example.data(1000, seed=1)
    # y is uniform on a length of 21 and has up to five branches: a line with noise has -3.05.
    assert example.log_density_per_point(model, x, y) > -2.0
    # Draws of y are where x says that they can be; uniform ones have a median of 5.
    assert np.median(np.abs(example.residuals(model, x))) < 1.5


@of("inference_guide")
@both
def test_the_guide_to_inference(example: ModuleType, backend: str) -> None:
    x = example.data()
    means = {}
    methods = example.methods(epochs=1500, results=100)
    if backend != "jax":  # MCMC of both is in the logistic regression
        del methods["MCMC"]
    for name, method in methods.items():
        if name == "MCMC":  # its chains mix slowly: z and w can be scaled against each other
            with pytest.warns(UserWarning, match="R-hat|sample size"):
                model = example.fit(x, method, backend)
            assert model.posterior("z").parameters()["samples"].shape == (200, 200, 1)
        else:
            model = example.fit(x, method, backend)
            assert len(method.losses) == 1500
        means[name] = model.posterior("w", seed=1).sample(400).mean(0)[0]
    np.testing.assert_allclose(means["custom ELBO"], means["ELBO"], rtol=0.02)
    np.testing.assert_allclose(means.get("MCMC", means["ELBO"]), means["ELBO"], rtol=0.15)


@of("convolutional_classifier")
@both
def test_convolutional_classifier(example: ModuleType, backend: str) -> None:
    train, test = example.load()
    model = example.fit(train, epochs=20, backend=backend)
    assert example.accuracy(model, test) > 0.88  # a whole fit has 0.93


@of("bayesian_network")
@both
def test_bayesian_network(example: ModuleType, backend: str) -> None:
    model = example.fit(*example.data(), epochs=1500, backend=backend)
    among, beyond = np.array([[-1.0], [1.0]]), np.array([[-4.0], [4.0]])
    mean, spread = example.predicted(model, among)
    np.testing.assert_allclose(mean, np.sin(3 * among[:, 0]), atol=0.1)
    # 0.06 among the data and 0.17 beyond; of 500 draws each is known to a tenth
    assert example.predicted(model, beyond)[1].min() > 1.5 * spread.max()
