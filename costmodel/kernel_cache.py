"""Where the machine code of kernels is kept: in a folder for one state of the sources that it was made of.

numba keeps code beside the function's file and takes it back as long as that file is the same. But code holds
what the function calls, and the constants that it reads, of other files as well: a change there would go unseen.
So the folder's name holds a digest of every file that can have a say: the function's, those that it imports, those
that they import, and so on, as far as they are in the packages at hand. What numba takes from outside (its version,
numpy's, the options of its compiler) is in the digest too; Python's version and the processor numba looks at itself.

Several processes may use several folders at once, of versions old and new. A folder that a process finds missing it
makes, and then removes those that have not been in use for the longest; what another process loses by that it compiles.
"""

# mypy: disallow-untyped-calls=False
# (numba's classes are not typed.)

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import inspect
import os
import re
import shutil
import uuid
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, cast

import llvmlite
import numba
import numpy as np
from numba.core import caching, config

KEPT: Final = 4
"""Folders of one module that are kept, those last in use: say with and without checks of bounds, of two versions."""

_OPTIONS: Final = ("BOUNDSCHECK", "DEBUGINFO_DEFAULT", "LOOP_VECTORIZE", "OPT", "SLP_VECTORIZE")
"""Options of numba that change the code and are no part of its own key."""

_IMPORT: Final = re.compile(rb"\n[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)|import[ \t]+([^\n]+))")


def keep_code(dispatcher: Any, packages: Sequence[str]) -> None:
    """Lets a dispatcher (``numba.njit``'s) keep its code on disk, as ``cache=True`` does, by the sources it is made of.

    It goes where numba would put it: under ``NUMBA_CACHE_DIR`` if that is set, else in the ``__pycache__`` beside the
    source, else in the user's cache folder; where there is no folder to write, or no source, each process compiles.

    Args:
        dispatcher: what to keep the code of; a plain function (``NUMBA_DISABLE_JIT``) is left as it is.
        packages: names of the top-level packages whose files the function may read, besides its own.
    """
    if not hasattr(dispatcher, "py_func"):
        return
    try:
        # As `Dispatcher.enable_caching` does: numba offers no way to choose a folder for some functions only.
        dispatcher._cache = _Cache(dispatcher.py_func, packages)
    except RuntimeError as error:
        warnings.warn(f"kernels are compiled by every process: {error}. Fix: set NUMBA_CACHE_DIR", stacklevel=3)


def digest_of(path: Path, packages: Sequence[str]) -> str:
    """A digest of a source file and of all that it imports from ``packages``, directly or not; 16 hexadecimal digits.

    Raises:
        OSError: a file cannot be read.
    """
    found = hashlib.sha256()
    settings = [f"{name}={getattr(config, name, None)}" for name in _OPTIONS]
    for part in (numba.__version__, llvmlite.__version__, np.__version__, *settings):
        found.update(part.encode() + b"\0")
    for name, digest in sorted(_reached(path, tuple(sorted({*packages})))):
        found.update(name.encode() + b"\0" + digest)
    return found.hexdigest()[:16]


def _reached(path: Path, packages: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """The files that a source file reaches by imports, itself one of them: name and digest of each."""
    seen, left = {path}, [path]
    while left:
        at = left.pop()
        digest, files = _read(at, packages)
        yield f"{at.parent.name}/{at.name}", digest
        left += files - seen
        seen |= files


@functools.cache
def _root_of(package: str) -> Path | None:
    """The folder of a top-level package, whether or not it has been imported; None for what is none."""
    try:
        found = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    places = list((found and found.submodule_search_locations) or ())
    return Path(places[0]) if places else None


@functools.cache
def _read(path: Path, packages: tuple[str, ...]) -> tuple[bytes, frozenset[Path]]:
    """The digest of a file, and the files of ``packages`` that it imports."""
    text = path.read_bytes()
    names: list[bytes] = []
    for base, taken, plain in _IMPORT.findall(b"\n" + text):
        if base:  # Of ``from a import b`` both ``a`` and ``a.b`` may be modules.
            names += [base, *(base + b"." + word for word in re.findall(rb"\w+", taken))]
        else:
            names += re.findall(rb"[\w.]+", plain)
    split = {tuple(name.decode().split(".")) for name in names}
    files = (_file_of(head, tuple(rest)) for head, *rest in split if head in packages)
    return hashlib.sha256(text).digest(), frozenset(file for file in files if file is not None)


@functools.cache
def _file_of(package: str, rest: tuple[str, ...]) -> Path | None:
    """The file of a module, or of a package, in a top-level package; None if the name is neither's."""
    root = _root_of(package)
    if root is None:
        return None
    at = root.joinpath(*rest)
    files = [at / "__init__.py", *([at.with_name(at.name + ".py")] if rest else [])]
    return next((file for file in files if file.is_file()), None)


class _Cache(caching.FunctionCache):
    """numba's cache of one function in a folder of ours. What cannot be read or written there is not kept."""

    def __init__(self, function: Callable[..., Any], packages: Sequence[str]) -> None:
        path = Path(inspect.getfile(function))
        try:
            folder = f"{path.stem}-{digest_of(path, packages)}"
        except OSError as error:
            raise RuntimeError(f"there is no source to go by ({error})") from error
        self._impl_class = cast(Any, functools.partial(_Impl, folder=folder))
        super().__init__(function)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The code for a signature, or None."""
        with contextlib.suppress(OSError):
            return super().load_overload(sig, target_context)

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keeps the code for a signature, if there is room for it."""
        with contextlib.suppress(OSError):
            super().save_overload(sig, data)


class _Impl(caching.CompileResultCacheImpl):
    def __init__(self, function: Callable[..., Any], folder: str) -> None:
        super().__init__(function)
        self._locator = _Locator(self._locator, folder)


class _Locator(caching._CacheLocator):
    """Where numba would keep the code, and in it a folder by the digest."""

    def __init__(self, place: Any, folder: str) -> None:
        self._place, self._py_file = place, place._py_file
        self._path = Path(place.get_cache_path(), folder)
        with contextlib.suppress(OSError):
            os.utime(self._path)  # It is in use.

    def get_cache_path(self) -> str:
        """The folder."""
        return str(self._path)

    def get_source_stamp(self) -> Any:
        """What numba has the function's file by."""
        return self._place.get_source_stamp()

    def get_disambiguator(self) -> Any:
        """What numba has functions of one name apart by."""
        return self._place.get_disambiguator()

    def ensure_cache_path(self) -> None:
        """Makes the folder if it is missing, and removes those that it takes the place of."""
        if not self._path.is_dir():
            super().ensure_cache_path()
            remove_old(self._path)


def remove_old(new: Path) -> None:
    """Removes the folders of a module beside a new one, but for those that were in use last.

    A folder gets another name first, so that no process ever finds half of one.
    """
    named = re.compile(re.escape(new.name.rpartition("-")[0]) + r"-[0-9a-f]{16}(\.\w+\.gone)?")
    dated = []
    for path in new.parent.iterdir():
        name = named.fullmatch(path.name)
        if name is None or path == new:
            continue
        if name[1]:
            shutil.rmtree(path, ignore_errors=True)
            continue
        with contextlib.suppress(OSError):  # Another process was faster.
            dated.append((path.stat().st_mtime_ns, path))
    for _, path in sorted(dated, reverse=True)[KEPT - 1 :]:
        with contextlib.suppress(OSError):
            shutil.rmtree(path.rename(path.with_name(f"{path.name}.{uuid.uuid4().hex}.gone")), ignore_errors=True)
