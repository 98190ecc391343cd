"""A program on a mesh (``Problem``) and a partition of it (``State``): actions applied, undone, measured.

With what belongs to both: meshes as JAX has them, mesh shapes of a number of devices, arguments that are decided
together, and ops that propagation left in conflict.
"""
