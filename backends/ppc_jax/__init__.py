"""The JAX backend. Importing it loads no JAX; running does."""

from ppc_jax.backend import BACKEND as BACKEND
