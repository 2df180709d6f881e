"""What a posterior query says of a latent: the guide's distribution, not the model's."""

import numpy as np
import pytest
from scipy import stats

import ppc as inf


@inf.probmodel
def pair():
    m = inf.Normal(0.0, 1.0)
    with inf.datamodel():
        z = inf.Normal(m, 1.0)
        y = inf.Normal(z, 0.5)  # noqa: F841  # a site


@pytest.fixture(scope="module")
def fitted() -> inf.ProbModel:
    model = pair()
    model.fit({"y": np.linspace(-1, 1, 4)}, inf.inference.VI("meanfield", epochs=3), seed=0)
    return model


def test_parameters_are_those_of_the_guide(fitted: inf.ProbModel):
    found = fitted.posterior().parameters()
    for site in ("m", "z"):
        for name in ("loc", "scale"):
            np.testing.assert_array_equal(found[site][name], fitted.params[f"{site}_{name}"])


def test_scores_are_those_of_the_guide(fitted: inf.ProbModel):
    # The same seed, so the same draw is scored.
    drawn = fitted.posterior(seed=1).sample()
    scored = fitted.posterior(seed=1).log_prob()
    for site in ("m", "z"):
        loc, scale = fitted.params[f"{site}_loc"], fitted.params[f"{site}_scale"]
        # z = (draw - loc)/scale has an error of some float32 roundings of draw/scale
        np.testing.assert_allclose(
            scored[site], stats.norm(loc, scale).logpdf(drawn[site]), rtol=1e-4, atol=1e-4
        )
