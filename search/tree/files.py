"""A file of named arrays and plain values: a zip of ``.npy`` files, as ``numpy.savez`` writes, never with pickles."""

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autopart.search.atomic import replace_file
from autopart.search.errors import SearchError

Arrays = Mapping[str, npt.NDArray[Any]]

FORMAT, VERSION = "search-tree", 1
_HEADER = "header.json"
_DATE = (1980, 1, 1, 0, 0, 0)  # The same search gives the same bytes.
_MOST_BYTES = 2 << 30


def write_arrays(path: Path, header: Mapping[str, Any], arrays: Arrays) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part.

    Raises SearchError where it cannot be written; what was there before is kept.
    """
    try:
        replace_file(path, _packed({"format": FORMAT, "version": VERSION, **header}, arrays))
    except OSError as error:
        raise SearchError(
            f"cannot write {path}: {error.strerror}. Fix: free space or choose another folder."
        ) from error


def read_arrays(path: Path) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Return header and arrays of a file that `write_arrays` wrote.

    Raises SearchError: there is none, it is damaged, of another kind or of another version.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _MOST_BYTES:
                raise SearchError(f"{path} is no search tree: it claims more than {_MOST_BYTES >> 30} GiB.")
            header = _header(path, archive)
            names = [name for name in archive.namelist() if name.endswith(".npy")]
            return header, {name.removesuffix(".npy"): _array(archive.read(name)) for name in names}
    except FileNotFoundError as error:
        raise SearchError(f"no search tree at {path}. Fix: name the file in a run folder, after a search.") from error
    except (OSError, zipfile.BadZipFile, zlib.error, ValueError, EOFError, MemoryError, NotImplementedError) as error:
        raise SearchError(f"{path} is damaged, or no search tree: {error}. Fix: search again.") from error


def _packed(header: Mapping[str, Any], arrays: Arrays) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        entries = {_HEADER: json.dumps(header).encode()}
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
            entries[f"{name}.npy"] = buffer.getvalue()
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _header(path: Path, archive: zipfile.ZipFile) -> dict[str, Any]:
    header = json.loads(archive.read(_HEADER)) if _HEADER in archive.namelist() else None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise SearchError(f"{path} is no search tree.")
    if header.get("version") != VERSION:
        raise SearchError(
            f"{path} is a search tree of version {header.get('version')!r}; this reads {VERSION}. Fix: search again."
        )
    return header


def _array(content: bytes) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    return array
