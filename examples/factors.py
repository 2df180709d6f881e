"""Factor analysis with a latent for each row: a mean-field guide with parameters row by row.

    ppc emit examples/factors.py -o factors_svi.py

In batches only the rows of a batch, and their moments in the optimiser, are read and written.
"""

import numpy as np

import ppc as inf


@inf.probmodel
def factors(k, d):
    w = inf.Normal(np.zeros((k, d)), 1.0, name="w")
    with inf.datamodel():
        z = inf.Normal(np.zeros(k), 1.0, name="z")
        x = inf.Normal(z @ w, 1.0, name="x")


def main():
    """Recover a plane in five dimensions from noisy points near it."""
    rng = np.random.default_rng(0)
    plane = 2.0 * rng.normal(size=(2, 5))
    x = rng.normal(size=(500, 2)) @ plane + rng.normal(size=(500, 5))
    p = factors(k=2, d=5)
    svi = inf.inference.SVI(None, epochs=400, batch_size=100, learning_rate=0.02)
    p.fit({"x": x}, svi, seed=0)
    found = p.params["w_loc"]
    cosines = np.linalg.svd(np.linalg.qr(plane.T)[0].T @ np.linalg.qr(found.T)[0])[1]
    print(f"loss {np.mean(svi.losses[-5:]):.0f}, cosines of the angles {np.round(cosines, 3)}")


if __name__ == "__main__":
    main()
