"""A plan: what a user gets, keeps, reads again, compares and proves."""

from autopart.plan.changes import Changes
from autopart.plan.diff import Change, PlanDiff, Traffic, compare_plans
from autopart.plan.document import save_plan
from autopart.plan.plan import Plan, plan_of
from autopart.plan.saved import PLAN_FILE, SavedPlan, load_plan
from autopart.plan.schedule_file import NamedSchedule, load_schedule
from autopart.plan.verify import Verification

__all__ = [
    "Change",
    "Changes",
    "NamedSchedule",
    "PLAN_FILE",
    "Plan",
    "PlanDiff",
    "SavedPlan",
    "Traffic",
    "Verification",
    "compare_plans",
    "load_plan",
    "load_schedule",
    "plan_of",
    "save_plan",
]
