"""autopart: finds how to split a JAX function over a mesh of accelerators.

>>> plan = autopart.partition(train_step, params, opt_state, batch,
...                           mesh=autopart.Mesh({"data": 16, "model": 2}, device="tpu_v3"))
>>> step = plan.jit()
"""

from autopart.api import Auto, default_goals, partition, partition_graph
from autopart.changes import Changes
from autopart.emit.document import save_plan
from autopart.errors import (
    AutopartError,
    GoalError,
    InfeasibleError,
    MeshError,
    PlanError,
    RuleError,
    TacticError,
    TraceError,
    VerificationError,
)
from autopart.graph import Graph
from autopart.plan import Plan, Report, plan_of
from autopart.problem import Problem
from autopart.rules.register import register_rule
from autopart.rules.registry import Tiles, unregister_rule
from autopart.saved import SavedPlan, load_plan
from autopart.state import State
from autopart.step import Step
from autopart.tactics import FIRST_DIVISIBLE_DIM, REPLICATED, Atomic, Manual, Tactic, apply_schedule
from autopart.trace import trace
from costmodel.mesh import Mesh
from search import AtMost, Minimise

__all__ = [
    "FIRST_DIVISIBLE_DIM",
    "REPLICATED",
    "AtMost",
    "Atomic",
    "Auto",
    "AutopartError",
    "Changes",
    "GoalError",
    "Graph",
    "InfeasibleError",
    "Manual",
    "Mesh",
    "MeshError",
    "Minimise",
    "Plan",
    "PlanError",
    "Problem",
    "Report",
    "RuleError",
    "SavedPlan",
    "State",
    "Step",
    "Tactic",
    "TacticError",
    "Tiles",
    "TraceError",
    "VerificationError",
    "apply_schedule",
    "default_goals",
    "load_plan",
    "partition",
    "partition_graph",
    "plan_of",
    "register_rule",
    "save_plan",
    "trace",
    "unregister_rule",
]
