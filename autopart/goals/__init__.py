"""Goals by name, the figures beside the metrics that a goal may name, and axes kept for some arrays."""

from autopart.goals.measures import ALL_GATHERED_OF, ALL_GATHERS_OF, COMMUNICATION_ON, counted_of, metric_names, ops_of
from autopart.goals.named_goals import (
    AnyGoal,
    CommunicationLimit,
    FitMemory,
    NoAllGather,
    ReserveAxis,
    StepTimeLimit,
    default_goals,
    on_mesh,
)
from autopart.goals.reserved import Reserved, reserved_of

__all__ = [
    "ALL_GATHERED_OF",
    "ALL_GATHERS_OF",
    "AnyGoal",
    "COMMUNICATION_ON",
    "CommunicationLimit",
    "FitMemory",
    "NoAllGather",
    "ReserveAxis",
    "Reserved",
    "StepTimeLimit",
    "counted_of",
    "default_goals",
    "metric_names",
    "on_mesh",
    "ops_of",
    "reserved_of",
]
