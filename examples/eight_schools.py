"""Eight schools (Rubin 1981; Gelman et al. 2013, section 5.5), with an inferred mean-field guide.

    ppc emit examples/eight_schools.py --observe y -o schools_svi.py
"""

from jaxtyping import Array, Float

import ppc as inf


@inf.probmodel
def eight_schools(sigma: Float[Array, "J"]):
    mu = inf.Normal(0.0, 5.0, name="mu")
    tau = inf.HalfCauchy(0.0, 5.0, name="tau")
    with inf.datamodel(len(sigma)):
        theta = inf.Normal(mu, tau, name="theta")
        y = inf.Normal(theta, sigma, name="y")
