"""Goals by name, the figures beside the metrics that a goal may name, and axes kept for some arrays."""
