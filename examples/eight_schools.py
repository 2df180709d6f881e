"""Eight schools (Rubin 1981; Gelman et al. 2013, section 5.5), with an inferred mean-field guide.

ppc emit examples/eight_schools.py -o schools_svi.py
python examples/eight_schools.py
"""

import numpy as np
from jaxtyping import Array, Float

import ppc as inf


@inf.probmodel
def eight_schools(sigma: Float[Array, "J"]):
    mu = inf.Normal(0.0, 5.0, name="mu")
    tau = inf.HalfCauchy(0.0, 5.0, name="tau")
    with inf.datamodel(len(sigma)):
        theta = inf.Normal(mu, tau, name="theta")
        y = inf.Normal(theta, sigma, name="y")


def main():
    """Fit the model to the coaching data and print the posterior of each school's effect."""
    y = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
    sigma = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])
    p = eight_schools(sigma)
    vi = inf.inference.VI(None, epochs=20_000, learning_rate=0.01)
    p.fit({"y": y}, vi, seed=0)
    draws = p.posterior("theta", seed=0).sample(4000)
    print(f"loss {np.mean(vi.losses[-2000:]):.2f}")
    for school, effect in zip("ABCDEFGH", draws.T, strict=True):
        print(f"school {school}: effect {effect.mean():5.1f} +- {effect.std():.1f}")


if __name__ == "__main__":
    main()
