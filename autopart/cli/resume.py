"""``autopart resume``: the search of a run folder goes on from its journal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import yaml
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from autopart.cli.hydra_errors import unknown_setting
from autopart.cli.run_folder import JOURNAL, read_config
from autopart.cli.run_job import run_job
from autopart.cli.settings import TRACKING
from autopart.costmodel.strict_yaml import yaml_text
from autopart.errors import PlanError

CHANGEABLE: Final = ("search.", "goals.", "ray.", "tracking.", "verify=", "report=")
"""What may be other than before; a program or a mesh that is another has nothing to go on from."""


def resume_run(folder: Path, overrides: Sequence[str]) -> None:
    """Goes on with the search of a run, its settings as they were but for ``overrides``.

    Raises:
        PlanError: it is no run folder, has no journal, searched meshes too, or an override is no setting of a search.
        AutopartError, SearchError, CostModelError: as of ``run_job``.
    """
    before = {"tracking": dict.fromkeys(TRACKING), "report": True}  # Which a run of before did not know.
    config = _changed(OmegaConf.merge(before, read_config(folder)), overrides)
    if OmegaConf.select(config, "mesh.axes") == "auto":
        raise PlanError(
            f"{folder} searched over meshes too, which keeps no journal. Fix: search anew, or on one of them."
        )
    if not (folder / JOURNAL).is_file():
        raise PlanError(f"{folder} has no journal ({JOURNAL}). Fix: search anew.")
    run_job(config, folder, resume=True)


def _changed(config: DictConfig | ListConfig, overrides: Sequence[str]) -> DictConfig:
    for override in overrides:
        if "=" not in override or not override.startswith(CHANGEABLE):
            raise PlanError(
                f"{override}: a resumed run takes NAME=VALUE of search, goals, ray, tracking, or verify, report"
            )
    OmegaConf.set_struct(config, True)
    try:
        merged = OmegaConf.merge(config, OmegaConf.from_dotlist(list(overrides)))
    except (ConfigKeyError, ConfigAttributeError) as error:
        raise PlanError(unknown_setting(error)) from error
    except yaml.YAMLError as error:
        raise PlanError(f"{' '.join(overrides)}: {yaml_text(error)}. Fix: NAME=VALUE, a value of YAML.") from error
    except (OmegaConfBaseException, ValueError) as error:
        raise PlanError(f"{' '.join(overrides)}: {str(error).splitlines()[0]}") from error
    assert isinstance(merged, DictConfig)
    return merged
