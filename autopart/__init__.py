"""autopart: finds how to split a JAX function over a mesh of accelerators.

>>> plan = autopart.partition(train_step, params, opt_state, batch,
...                           mesh=autopart.Mesh({"data": 16, "model": 2}, device="tpu_v3"))
>>> step = plan.jit()
"""

from autopart.api import Auto, default_goals, partition, partition_graph
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
from autopart.state import State
from autopart.step import Step
from autopart.strategies import (
    FSDP,
    ContextParallel,
    DataParallel,
    EdgeSharding,
    EmbeddingSharding,
    ExpertParallel,
    Megatron,
    MultiQuerySharding,
    SequenceParallel,
    VocabularySharding,
    ZeRO1,
    ZeRO2,
    ZeRO3,
)
from autopart.tactics import FIRST_DIVISIBLE_DIM, REPLICATED, Atomic, Manual, Tactic, apply_schedule
from autopart.tag import tag
from autopart.trace import trace
from costmodel.mesh import Mesh
from search import AtMost, Budget, Minimise

__all__ = [
    "FIRST_DIVISIBLE_DIM",
    "DataParallel",
    "Report",
    "ExpertParallel",
    "Mesh",
    "Megatron",
    "apply_schedule",
    "AutopartError",
    "Graph",
    "State",
    "Tiles",
    "ZeRO2",
    "EmbeddingSharding",
    "PlanError",
    "REPLICATED",
    "plan_of",
    "register_rule",
    "Atomic",
    "Step",
    "Problem",
    "ContextParallel",
    "AtMost",
    "GoalError",
    "RuleError",
    "tag",
    "trace",
    "EdgeSharding",
    "TraceError",
    "ZeRO1",
    "unregister_rule",
    "MultiQuerySharding",
    "MeshError",
    "Auto",
    "partition_graph",
    "Manual",
    "Minimise",
    "FSDP",
    "SequenceParallel",
    "partition",
    "TacticError",
    "VerificationError",
    "Budget",
    "VocabularySharding",
    "default_goals",
    "ZeRO3",
    "Plan",
    "Tactic",
    "InfeasibleError",
]
