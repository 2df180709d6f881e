from ppc_jax.expressions import TABLE
def covers(p): return True
