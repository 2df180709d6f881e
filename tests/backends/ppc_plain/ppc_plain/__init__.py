"""A backend of ppc whose programs need nothing but NumPy; see docs/adding-a-backend.md."""

from ppc_plain.backend import BACKEND as BACKEND
