"""Running what was compiled: fits, their results, queries."""

from ppc.inference.mcmc import MCMC as MCMC
from ppc.inference.methods import SVI as SVI
from ppc.inference.methods import VI as VI
from ppc.inference.methods import seed as seed
