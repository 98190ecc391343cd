"""Reads and writes at computed positions."""

from __future__ import annotations

from autopart.benchmarks.fuzz.variable import Variable
from autopart.benchmarks.fuzz.writer import NoFitError, Writer

_NARROW = 100
"""Largest dimension whose positions JAX counts in any integer type."""

_MODES = ("fill", "clip", "promise_in_bounds")


def _positions(w: Writer, size: int, count: int | None = None) -> str:
    """A vector of positions, some of them out of bounds where the mode allows it."""
    found = [v for v in w.pool if v.is_int and v.rank >= 1 and v.shape[0] <= 64 and count in (None, v.shape[0])]
    if found and w.chance(0.7):
        v = w.choice(found)
        text = v.name if v.rank == 1 else f"{v.name}[(slice(None),) + (0,) * {v.rank - 1}]"
        return f"{text}.astype(jnp.int32)" if size > _NARROW else text
    length = w.choice([s for s in w.script.sizes if s > 1]) if count is None else count
    return w.input("int32", (length,), -size // 2, size + size // 2).name


def _in_bounds(text: str, mode: str, size: int) -> str:
    """Positions within bounds if the mode promises it."""
    if mode == "promise_in_bounds":
        return f"jnp.clip({text}.astype(jnp.int32), 0, {size - 1})"
    return text


def lookup(w: Writer) -> Variable:
    """Rows of a table by number, in every mode."""
    x = w.pick(lambda v: 1 <= v.rank <= 3 and v.kind != "complex")
    dim = 0 if w.chance(0.7) else w.integer(0, x.rank)
    mode = w.choice(_MODES)
    where = _in_bounds(_positions(w, x.shape[dim]), mode, x.shape[dim])
    fill = ", fill_value=1" if mode == "fill" and not x.is_bool and w.chance(0.5) else ""
    before = "" if dim == 0 else ":, " * dim
    text = f"{x.name}.at[{before}{where}].get(mode='{mode}'{fill})"
    if x.is_float and mode == "fill" and not fill:
        text = f"jnp.nan_to_num({text}, nan=0.5)"
    return w.emit(text, max(x.size, 1.0), x.noise)


def along(w: Writer) -> Variable:
    """``take_along_axis``: a gather with batch dimensions."""
    x = w.pick(lambda v: 1 <= v.rank <= 3 and v.kind in ("float", "int"))
    dim = w.integer(0, x.rank)
    index = w.input("int32", x.shape, 0, x.shape[dim])
    return w.emit(f"jnp.take_along_axis({x.name}, {index.name}, {dim})", x.size, x.noise)


def scatter(w: Writer) -> Variable:
    """Updates of rows by number: sums, bounds and products of any, sets of rows that do not repeat."""
    x = w.pick(lambda v: 1 <= v.rank <= 3 and v.kind in ("float", "int"))
    updates = w.choice([
        v for v in w.pool
        if v.rank == x.rank and not v.is_key and v.dtype == x.dtype and v.shape[1:] == x.shape[1:]
    ])  # fmt: skip
    count = updates.shape[0]
    how = w.choice(("add", "add", "subtract", "set") if w.smooth else ("add", "add", "max", "min", "multiply", "set"))
    if how in ("multiply", "set"):
        if count > x.shape[0]:
            raise NoFitError
        order = f"(jnp.arange({count}) * {x.shape[0] // count})"
        size = x.size * updates.size if how == "multiply" else max(x.size, updates.size)
        noise = max(x.noise, updates.noise)
        if how == "multiply":
            noise = w.rounded(x.dtype, size, x.size * updates.noise, updates.size * x.noise)
        return w.emit(f"{x.name}.at[{order}].{how}({updates.name}, unique_indices=True)", size, noise)
    mode = w.choice(_MODES)
    where = _in_bounds(_positions(w, x.shape[0], count), mode, x.shape[0])
    text = f"{x.name}.at[{where}].{how}({updates.name}, mode='{mode}')"
    if how in ("max", "min"):
        return w.emit(text, max(x.size, updates.size), max(x.noise, updates.noise))
    size = x.size + 2 * updates.size
    return w.emit(text, size, w.rounded(x.dtype, 2 * size, x.noise, 4 * updates.noise))


def _place(w: Writer) -> str:
    """A scalar position."""
    found = [v for v in w.pool if v.is_int and v.shape == ()]
    return w.choice(found).name if found and w.chance(0.5) else w.input("int32", (), 0, 5).name


def dynamic_slice(w: Writer) -> Variable:
    """A window at a computed place."""
    x = w.pick(lambda v: 1 <= v.rank <= 3 and max(v.shape) > 2)
    dim = w.choice([d for d in range(x.rank) if x.shape[d] > 2])
    place = _place(w)
    wide = w.choice((1, 2, x.shape[dim] // 2, x.shape[dim]))
    return w.emit(f"lax.dynamic_slice_in_dim({x.name}, {place}, {wide}, {dim})", x.size, x.noise)


def dynamic_update(w: Writer) -> Variable:
    """A window overwritten at a computed place."""
    x = w.pick(lambda v: 1 <= v.rank <= 3)

    def fits(v: Variable) -> bool:
        return v.dtype == x.dtype and v.rank == x.rank and all(a <= b for a, b in zip(v.shape, x.shape, strict=True))

    update = w.pick(fits)
    starts = [_place(w) if a < b else "0" for a, b in zip(update.shape, x.shape, strict=True)]
    starts = [f"jnp.int32({s})" for s in starts]
    size, noise = max(x.size, update.size), max(x.noise, update.noise)
    return w.emit(f"lax.dynamic_update_slice({x.name}, {update.name}, ({', '.join(starts)},))", size, noise)
