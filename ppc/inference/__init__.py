"""Running what was compiled: fits, their results, queries."""
