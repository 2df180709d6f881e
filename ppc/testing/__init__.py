"""What a backend is tested with: `ppc.testing.backend`."""
