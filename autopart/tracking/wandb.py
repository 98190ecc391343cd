"""Rows, files and reports in Weights & Biases: online, or offline in a folder that ``wandb sync`` uploads later."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from autopart.files import write_json
from autopart.search.extras import extra
from autopart.tracking.tracker import Row, TrackedRun

NOTE: Final = "wandb.json"
"""The file of a run folder that holds the id of its run, and how far it was told, for when it goes on."""

WandbMode: TypeAlias = Literal["online", "offline", "disabled"]

_FLUSH_S: Final = 1.0
"""Rows are on disk after so long, whatever happens to the process; wandb's own 15 s are long for a search."""

_QUIET: Final[Mapping[str, Any]] = {
    "silent": True, "console": "off", "disable_code": True, "disable_git": True, "disable_job_creation": True,
    "x_disable_machine_info": True, "x_disable_meta": True, "x_disable_stats": True, "x_save_requirements": False,
    "x_transaction_log_flush_interval": _FLUSH_S,
}  # fmt: skip
"""It keeps rows soon, prints nothing, and sends nothing of the machine, of its software or of the source code."""


@dataclass
class Wandb:
    """Keeps a run in Weights & Biases, beside any other that this process has there.

    Attributes:
        folder: where wandb writes.
        project, entity: whose; as wandb's own settings say if ``None``.
        mode: ``online``, ``offline`` (no account is needed) or ``disabled``; as wandb's own settings say if ``None``.
        tags: of the run.
        timeout_s: after which it gives up to reach the server, at the beginning and again at the end.
        note: file that a run which goes on finds its id in; by default ``wandb.json`` in ``folder``.
    """

    folder: Path
    project: str | None = "autopart"
    entity: str | None = None
    mode: WandbMode | None = None
    tags: Sequence[str] = ()
    timeout_s: float = 10.0
    note: Path | None = None

    def __post_init__(self) -> None:
        self._noted = self.folder / NOTE if self.note is None else self.note
        self._run: Any = None
        self._logged, self._kept, self._noted_at = 0, 0, 0.0

    @property
    def name(self) -> str:
        """``wandb``."""
        return "wandb"

    def begin(self, run: TrackedRun) -> int:
        """Begins a run, or goes on with the one that the note names.

        Raises:
            Exception: wandb is not installed, the folder cannot be written, or the server refuses or does not answer.
        """
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # Which would wait for the server when Python ends.
        with extra("wandb", "tracking=wandb"):
            import wandb  # It takes a second, which only those pay who track with it.

        self.folder.mkdir(parents=True, exist_ok=True)
        if not os.access(self.folder, os.W_OK):  # wandb itself would go on in a temporary folder.
            raise PermissionError(f"{self.folder} cannot be written")
        note = _read_note(self._noted) if run.resumed else {}
        if wandb.run is None:
            wandb.setup(settings=wandb.Settings(silent=True))  # Or it asks for a key in the terminal.
        self._run = wandb.init(
            project=self.project, entity=self.entity, mode=self.mode, dir=self.folder, id=note.get("id"),
            name=run.name, group=run.group, tags=list(self.tags), config=dict(run.config), reinit="create_new",
            resume="allow" if note else None,
            settings=wandb.Settings(
                **_QUIET, init_timeout=self.timeout_s, finish_timeout=self.timeout_s, finish_timeout_raises=True
            ),
        )  # fmt: skip
        self._logged = self._kept = int(note.get("simulations", 0))
        self._write_note()
        return self._logged

    def log(self, row: Row) -> None:
        """Logs a row at the step that is the number of simulations."""
        self._run.log(figures(row), step=row.simulations)
        if time.monotonic() - self._noted_at >= 2 * _FLUSH_S:
            self._write_note()
            self._kept = self._logged  # On disk by the time of the next note.
        self._logged = row.simulations

    def attach(self, files: Sequence[Path]) -> None:
        """Logs the files as one artifact, and each page of HTML as media too."""
        if self._is_disabled:
            return
        import wandb

        kept = Path(self._run.settings.sync_dir) / "plan"  # So that the folder holds all that is to be uploaded.
        kept.mkdir(parents=True, exist_ok=True)
        artifact = wandb.Artifact(f"plan-{self._run.id}", type="plan")
        for path in files:
            artifact.add_file(str(shutil.copy(path, kept / path.name)), policy="immutable")
        self._run.log_artifact(artifact)
        pages = {path.stem: wandb.Html(path.read_text("utf-8"), inject=False) for path in files if _is_page(path)}
        if pages:
            self._run.log(pages)

    def finish(self, summary: Mapping[str, Any], ok: bool) -> str:
        """Ends the run; returns its address, or its folder and the command that uploads it.

        Raises:
            TimeoutError: what is not uploaded yet takes too long; it stays in the folder.
        """
        run = self._run
        run.summary.update(dict(summary))
        run.finish(exit_code=0 if ok else 1)
        self._kept = self._logged
        self._write_note()
        if self._is_disabled:
            return ""
        if run.settings.mode == "offline":
            return f"Tracked offline; to upload it: wandb sync {run.settings.sync_dir}"
        return f"Tracked: {run.settings.run_url}"

    def _write_note(self) -> None:
        if not self._is_disabled:
            write_json(self._noted, {"id": self._run.id, "simulations": self._kept})
        self._noted_at = time.monotonic()

    @property
    def _is_disabled(self) -> bool:
        return bool(self._run.settings.mode == "disabled")


def figures(row: Row) -> dict[str, float]:
    """A row by the names of its curves.

    ``best/METRIC`` is of the best state of all meshes; where meshes are searched too, ``MESH/METRIC`` is of each.
    """
    shown = {"value": row.value, **row.best}
    own = "_".join(f"{axis}{size}" for axis, size in (row.mesh or {}).items())
    groups = [*(["best"] if row.leads else []), *([own] if own else [])]
    return {
        "search/seconds": row.seconds, "search/stage": row.stage, "search/depth": row.depth,
        **({} if row.simulations_per_s is None else {"search/simulations_per_s": row.simulations_per_s}),
        **{f"{group}/{name}": figure for group in groups for name, figure in shown.items()},
    }  # fmt: skip


def _is_page(path: Path) -> bool:
    return path.suffix == ".html"


def _read_note(path: Path) -> dict[str, Any]:
    """The note of a run that was tracked before; empty if there is none that can be read."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        note = json.loads(path.read_text("utf-8"))
        return {"id": str(note["id"]), "simulations": int(note["simulations"])}
    return {}
