"""Equal layers found, proved equal, and left out of the program that a search prices.

``docs/folding.md`` walks through it with an example.
"""

from autopart.folding.fold import Folded
from autopart.folding.folded_measures import folded_counted, folded_reserved
from autopart.folding.repeated_layers import edges_of, layers_of

__all__ = [
    "Folded",
    "edges_of",
    "folded_counted",
    "folded_reserved",
    "layers_of",
]
