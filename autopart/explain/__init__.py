"""Why a plan is what it is: where tiles and collectives come from, what binds, what each tactic bought."""

from autopart.explain.ask import Explanation, explain
from autopart.explain.collective_rows import CollectiveRow
from autopart.explain.collectives import Collective, collective_of, moves_of
from autopart.explain.figures import Report
from autopart.explain.names import Place
from autopart.explain.peak_memory import label_of, residents_at_peak, summary
from autopart.explain.plan_overview import HeldTensor, PlanExplanation, explain_plan
from autopart.explain.subject import Subject
from autopart.explain.tactic_effects import effects_of, effects_table
from autopart.explain.why_not import WhyNot

__all__ = [
    "Collective",
    "CollectiveRow",
    "Explanation",
    "HeldTensor",
    "Place",
    "PlanExplanation",
    "Report",
    "Subject",
    "WhyNot",
    "collective_of",
    "effects_of",
    "effects_table",
    "explain",
    "explain_plan",
    "label_of",
    "moves_of",
    "residents_at_peak",
    "summary",
]
