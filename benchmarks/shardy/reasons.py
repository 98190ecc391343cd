"""Why our rule of a primitive is not Shardy's: a line each, and only the differences that it explains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from autopart.benchmarks.shardy.verdict import Difference as Is


@dataclass(frozen=True)
class Reason:
    """Why rules differ.

    Attributes:
        differences: those that it explains.
        text: the reason.
    """

    differences: frozenset[Is]
    text: str


def _reason(text: str, *differences: Is) -> Reason:
    return Reason(frozenset(differences), text)


_PREFIX = _reason(
    "a prefix needs what all tiles before it come to; the Program exchanges halos, not prefixes", Is.THEY_PERMUTE
)
_NO_MONOID = _reason("collectives over devices sum, take maxima and minima, and do no other reduction", Is.THEY_TILE)
_BITWISE = _reason("of bools it is a reduction for both; no collective combines the bits of integers", Is.THEY_TILE)
_NEEDED_WHOLE = _reason(
    "both gather the dimension; Shardy hands a layout on to the other side all the same, we wait to be asked for it",
    Is.THEY_HAND_ON,
)
_WINDOWS = _reason(
    "windows that begin with the tiles need no neighbours; else halos come from the next tile only, which must be as "
    "long, and tiles must begin alike on both sides",
    Is.WE_STAY, Is.THEY_CUT_FINER, Is.THEY_PERMUTE,
)  # fmt: skip
_SCATTERED_WINDOWS = _reason(
    "we tie what is scattered too: a tile works on all windows that meet it, and so holds whole windows",
    Is.WE_STAY, Is.WE_TILE, Is.WE_TIE_MORE, Is.WE_CUT_FINER, Is.THEY_CUT_FINER,
)  # fmt: skip
_ITERATED = _reason("a tile goes on until its own elements are done; Shardy's loop asks all tiles", Is.WE_STAY)
_SOLVED_EACH = _reason("each right-hand side is solved for itself; JAX's rule for the library's call ties batches only",
                       Is.WE_TILE)  # fmt: skip
_MOVED = _reason(
    "elements that change their tile are gathered: the Program's permutes bring halos, no more", Is.THEY_PERMUTE
)
_REWRITTEN = _reason(
    "of floats and wide indices it is rewritten while tracing into a maximum and the least place that holds it, which "
    "both reduce; what is left has an index type too narrow to say that there is none",
    Is.THEY_TILE,
)
_LOOPED = _reason("Shardy reads a loop over a matrix's rows, of which no tile can do its part alone", Is.THEY_TILE)

REASONS: Final[Mapping[str, Reason]] = MappingProxyType(
    {
        "argmax": _REWRITTEN,
        "argmin": _REWRITTEN,
        "concatenate": _NEEDED_WHOLE,
        "conv_general_dilated": _reason(
            "we cut positions and exchange halos that fit in the next tile, or cut taps where the window is longer; "
            "Shardy splits a strided dimension in positions and taps, as if windows never overlapped",
            Is.WE_STAY, Is.WE_TILE, Is.OTHER_FLOW, Is.OTHER_TIES, Is.THEY_TILE, Is.THEY_PERMUTE, Is.THEY_CUT_FINER,
            Is.THEY_CUT_MINOR,
        ),
        **dict.fromkeys(("cumlogsumexp", "cummax", "cummin", "cumprod", "cumsum"), _PREFIX),
        **dict.fromkeys(("igamma", "igamma_grad_a", "igammac", "regularized_incomplete_beta"), _ITERATED),
        **dict.fromkeys(("lu", "lu_pivots_to_permutation"), _LOOPED),
        "pad": _reason(
            "an element moved out of its tile is gathered; Shardy takes equal sizes for equal positions, which an "
            "array that is padded in front and cut at its end has not",
            Is.THEY_PERMUTE, Is.THEY_TILE,
        ),
        "ragged_dot_general": _reason(
            "rows find their group by counting from the first row, which a tile of rows or of groups cannot",
            Is.THEY_TILE, Is.THEY_PERMUTE,
        ),
        "reduce": _reason("a user's function need not be associative, nor start from what changes nothing",
                          Is.THEY_TILE),
        "reduce_and": _BITWISE,
        "reduce_or": _BITWISE,
        "reduce_prod": _NO_MONOID,
        **dict.fromkeys(
            ("reduce_window", "reduce_window_max", "reduce_window_min", "reduce_window_sum", "select_and_gather_add"),
            _WINDOWS,
        ),
        "reduce_xor": _BITWISE,
        "reshape": _reason(
            "a tile of the minor part of a dimension is no run of elements; nor is one of a part that the other side "
            "has not got, of which Shardy hands on nothing either",
            Is.THEY_CUT_MINOR, Is.THEY_TILE,
        ),
        "rev": _MOVED,
        "rng_bit_generator": _reason("a tile's part of the one stream depends on the whole shape", Is.THEY_TILE),
        "scatter": _NEEDED_WHOLE,
        "scatter-mul": _NO_MONOID,
        "scatter-sub": _reason("what it subtracts are sums; Shardy sees a body that is no addition", Is.WE_TILE),
        "select_and_scatter": _reason(
            "scattering by any function: only dimensions along which no window moves are cut", Is.THEY_PERMUTE
        ),
        "select_and_scatter_add": _SCATTERED_WINDOWS,
        "slice": _reason(
            "elements that change their tile are gathered; every n-th element stays where it is, and tiles are cut by "
            "what is kept",
            Is.WE_STAY, Is.THEY_PERMUTE, Is.THEY_CUT_FINER,
        ),
        "sort": _NEEDED_WHOLE,
        "split": _MOVED,
        "symmetric_product": _reason(
            "it adds to a matrix, which must be added once; Shardy reads the product and the addition apart",
            Is.THEY_TILE,
        ),
        "tile": _reason("a tile of the minor part of a dimension is no run of elements", Is.THEY_CUT_MINOR),
        "top_k": _NEEDED_WHOLE,
        "triangular_solve": _SOLVED_EACH,
        "tridiagonal_solve": _SOLVED_EACH,
    }
)  # fmt: skip
"""Primitive -> why our rule and Shardy's differ."""
