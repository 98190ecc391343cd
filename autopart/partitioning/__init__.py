"""A program on a mesh (``Problem``) and a partition of it (``State``): actions applied, undone, measured.

With what belongs to both: meshes as JAX has them, mesh shapes of a number of devices, arguments that are decided
together, and ops that propagation left in conflict.
"""

from autopart.partitioning.argument_groups import (
    INPUT,
    MOMENT,
    PARAMETER,
    STATE,
    Group,
    argument_roles,
    cast_argument,
    gradient_readers,
    gradients,
    groups_of,
    split_groups,
)
from autopart.partitioning.conflicts import Conflict, Conflicts, conflicts_of
from autopart.partitioning.indivisible import refusals
from autopart.partitioning.jax_mesh import abstract_mesh, as_mesh, automatic, check_device_mesh, mesh_of_devices
from autopart.partitioning.mesh_shapes import AnyMesh, Candidates, candidates, shape_text
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State

__all__ = [
    "AnyMesh",
    "Candidates",
    "Conflict",
    "Conflicts",
    "Group",
    "INPUT",
    "MOMENT",
    "PARAMETER",
    "Problem",
    "STATE",
    "State",
    "abstract_mesh",
    "argument_roles",
    "as_mesh",
    "automatic",
    "candidates",
    "cast_argument",
    "check_device_mesh",
    "conflicts_of",
    "gradient_readers",
    "gradients",
    "groups_of",
    "mesh_of_devices",
    "refusals",
    "shape_text",
    "split_groups",
]
