"""autopart: finds how to split a JAX function over a mesh of accelerators.

>>> plan = autopart.partition(train_step, params, opt_state, batch,
...                           mesh=autopart.Mesh({"data": 4, "model": 2}, device="tpu_v3"))
>>> step = plan.jit()
"""

from autopart.costmodel.mesh import Mesh
from autopart.costmodel.profile import Device
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
from autopart.explain.figures import Report
from autopart.game.pruning.analyses import Analyses
from autopart.goals.named_goals import (
    CommunicationLimit,
    FitMemory,
    NoAllGather,
    ReserveAxis,
    StepTimeLimit,
    default_goals,
)
from autopart.partitioning.mesh_shapes import AnyMesh
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.plan.changes import Changes
from autopart.plan.document import save_plan
from autopart.plan.plan import Plan, plan_of
from autopart.plan.saved import SavedPlan, load_plan
from autopart.planner.api import partition, partition_graph
from autopart.planner.auto import Auto
from autopart.planner.listener import Listener
from autopart.program.graph import Graph
from autopart.program.step import Step
from autopart.program.tag import tag
from autopart.program.trace import trace
from autopart.report.model_explorer import to_model_explorer
from autopart.search import AtMost, Budget, Minimise, Weighted
from autopart.sharding.rules.register import register_rule
from autopart.sharding.rules.registry import Tiles, unregister_rule
from autopart.tactics.custom import SavedTactic
from autopart.tactics.manual import FIRST_DIVISIBLE_DIM, REPLICATED, Atomic, Manual, Tactic, apply_schedule
from autopart.tactics.resolve import Resolve
from autopart.tactics.strategies import (
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
from autopart.version import __version__

__all__ = [
    "Analyses",
    "AnyMesh",
    "AtMost",
    "Atomic",
    "Auto",
    "AutopartError",
    "Budget",
    "Changes",
    "CommunicationLimit",
    "ContextParallel",
    "DataParallel",
    "Device",
    "EdgeSharding",
    "EmbeddingSharding",
    "ExpertParallel",
    "FIRST_DIVISIBLE_DIM",
    "FSDP",
    "FitMemory",
    "GoalError",
    "Graph",
    "InfeasibleError",
    "Listener",
    "Manual",
    "Megatron",
    "Mesh",
    "MeshError",
    "Minimise",
    "MultiQuerySharding",
    "NoAllGather",
    "Plan",
    "PlanError",
    "Problem",
    "REPLICATED",
    "Report",
    "ReserveAxis",
    "RuleError",
    "SavedPlan",
    "SavedTactic",
    "SequenceParallel",
    "State",
    "Step",
    "StepTimeLimit",
    "Tactic",
    "TacticError",
    "Tiles",
    "TraceError",
    "VerificationError",
    "VocabularySharding",
    "Weighted",
    "ZeRO1",
    "ZeRO2",
    "ZeRO3",
    "apply_schedule",
    "default_goals",
    "load_plan",
    "partition",
    "partition_graph",
    "plan_of",
    "register_rule",
    "save_plan",
    "tag",
    "to_model_explorer",
    "trace",
    "unregister_rule",
    "Resolve",
    "__version__",
]
