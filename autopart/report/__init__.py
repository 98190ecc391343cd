"""What people look at: reports of plans and searches."""

from autopart.report.model_explorer import to_model_explorer
from autopart.report.picture import Picture

__all__ = [
    "Picture",
    "to_model_explorer",
]
