"""An observed site above latents, and a latent below one that is observed in every row."""

import ppc as inf


@inf.probmodel
def model():
    scale = inf.HalfNormal(1.0, name="scale")
    with inf.datamodel():
        t = inf.LogNormal(0.0, scale, name="t")
        z = inf.Normal(t, scale, name="z")
        inf.observe(inf.Normal(z, 1.0, name="anchor"), 0.5)
        inf.Normal(z * t, 1.0, name="y")


def fit(t, y):
    model().fit({"t": t, "y": y}, inf.inference.SVI())
