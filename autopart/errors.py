"""The exceptions that a user may meet; every one of them derives from ``AutopartError``."""

from __future__ import annotations

from typing import Any

from autopart.costmodel.errors import CostModelError
from autopart.search.errors import SearchError


class AutopartError(Exception):
    """Root of all errors that autopart raises for a user's mistake or an impossible request."""


class TraceError(AutopartError):
    """The function could not be traced to a dataflow graph."""


class MeshError(AutopartError):
    """The mesh does not suit the program, or is not known."""


class GoalError(AutopartError):
    """A goal or a budget makes no sense, or names a metric that there is not."""


class SettingError(GoalError):
    """A setting is unknown, or its value is of another kind than it takes: known before anything is traced."""


class CommandLineError(AutopartError):
    """The command line cannot be read, or names a choice or a setting that there is not."""


class RuleError(AutopartError):
    """A sharding rule is malformed, or does not fit the op it was given for."""


class TacticError(AutopartError):
    """A tactic names something that is not there, or asks for a tile that cannot be."""


class PlanError(AutopartError):
    """A plan file is damaged, of another version, or belongs to another program."""


class InfeasibleError(AutopartError):
    """No state that was found satisfies the limits; the message says how near it came.

    Attributes:
        plan: the plan (``autopart.Plan``) that came nearest.
    """

    def __init__(self, message: str, plan: Any) -> None:
        super().__init__(message)
        self.plan = plan


class VerificationError(AutopartError):
    """The partitioned program does not do what the original does, or what was priced."""


class CalibrationError(AutopartError):
    """The devices could not be measured, or the profile not be written."""


USER_ERRORS = (AutopartError, SearchError, CostModelError)
"""What a user's mistake raises, in any package: the program prints the message and no traceback."""
