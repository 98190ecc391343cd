"""autopart: finds how to split a JAX function over a device mesh."""
