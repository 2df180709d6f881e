"""The reference evaluator: graphs at any stage in NumPy, with derivatives."""

from ppc.diagnostics import InternalError as InternalError
from ppc_numpy.compare import validate as validate
from ppc_numpy.evaluate import evaluate as evaluate
from ppc_numpy.evaluate import evaluate_nodes as evaluate_nodes
from ppc_numpy.evaluate import value_and_gradient as value_and_gradient
from ppc_numpy.points import random_inputs as random_inputs
from ppc_numpy.table import PRIMITIVES as PRIMITIVES
