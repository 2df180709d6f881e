"""Evaluates the body of a model on known and graph values; makes the nodes of its graph."""

from ppc_frontend.evaluate.calls import call as call
from ppc_frontend.evaluate.expressions import evaluate as evaluate
from ppc_frontend.evaluate.statements import run_body as run_body
