"""Files written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from autopart.errors import PlanError
from autopart.search.atomic import replace_file


def write_json(path: Path, document: Any) -> None:
    """Writes JSON so that a reader sees the old file or the new one, never a part."""
    write_text(path, json.dumps(document, indent=1) + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes text so that a reader sees the old file or the new one, never a part.

    Raises:
        PlanError: the disk is full or the folder cannot be written; what was there before is kept.
    """
    try:
        replace_file(path, text.encode())
    except OSError as error:
        raise PlanError(f"cannot write {path}: {error.strerror}. Fix: free space or choose another folder.") from error
