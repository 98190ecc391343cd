"""Names for values inside a program, by which tactics may tile them."""

from __future__ import annotations

from typing import Any, TypeVar

import jax
from jax.ad_checkpoint import checkpoint_name

from autopart.program.trace import path_name

T = TypeVar("T")


def tag(values: T, name: str) -> T:
    """Returns ``values``, an array or a pytree of arrays, each named: ``name``, or ``name/path`` in a pytree.

    ``Manual({"hidden": 1}, "model")`` then tiles every value named ``hidden``: that of each layer, and of each
    recomputation. The name is that of `jax.ad_checkpoint.checkpoint_name`, so policies of ``jax.checkpoint`` see it
    too. Gradients have no names.
    """

    def named(path: Any, leaf: Any) -> Any:
        return checkpoint_name(leaf, "/".join(part for part in (name, path_name(path)) if part))

    out: T = jax.tree_util.tree_map_with_path(named, values)
    return out
