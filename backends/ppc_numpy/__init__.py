"""The reference evaluator: graphs at any stage in NumPy, with derivatives."""

from ppc_numpy.errors import InternalError as InternalError
from ppc_numpy.evaluate import evaluate as evaluate
from ppc_numpy.evaluate import evaluate_nodes as evaluate_nodes
from ppc_numpy.evaluate import value_and_gradient as value_and_gradient
from ppc_numpy.table import PRIMITIVES as PRIMITIVES
