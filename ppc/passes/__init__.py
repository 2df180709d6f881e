"""Passes: pure functions from graph to graph. Their order and reasons stand in pipeline.py."""
