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
from autopart.explain import Report
from autopart.game.pruning import Analyses
from autopart.goals import CommunicationLimit, FitMemory, NoAllGather, ReserveAxis, StepTimeLimit, default_goals
from autopart.partitioning import AnyMesh, Problem, State
from autopart.plan import Changes, Plan, SavedPlan, load_plan, plan_of, save_plan
from autopart.planner import Auto, Listener, partition, partition_graph
from autopart.program import Graph, Step
from autopart.program.tag import tag
from autopart.program.trace import trace
from autopart.report import to_model_explorer
from autopart.search import AtMost, Budget, Minimise, Weighted
from autopart.sharding.rules import Tiles, register_rule, unregister_rule
from autopart.tactics import (
    FIRST_DIVISIBLE_DIM,
    REPLICATED,
    Atomic,
    Manual,
    Resolve,
    SavedTactic,
    Tactic,
    apply_schedule,
)
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
