"""The ways out of a partition state: explicit SPMD function, jit shardings, schedule source, JSON."""
