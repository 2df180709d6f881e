"""The graph that every stage shares: nodes, types, sizes, primitives, text form, verifier."""
