"""The sweeper of ``autopart -m``: no run begins where the settings of one cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, flag_override, open_dict

from autopart.cli.run_job import check_settings
from autopart.cli.sweeps.launcher import PoolLauncher


class CheckedSweeper(BasicSweeper):
    """Hydra's own, which goes through all combinations; it looks at every one before the folder of a sweep is made."""

    def sweep(self, arguments: list[str]) -> Any:
        """Runs every combination of the overrides.

        Raises:
            SettingError: a setting of one is unknown, missing, or of another kind than it takes.
            HydraException: one cannot be composed.
        """
        assert self.hydra_context is not None
        if isinstance(self.launcher, PoolLauncher):
            self.launcher.pool()  # Which reads the launcher's own settings.
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        overrides = parser.parse_overrides([*self._parse_config(), *arguments])
        for batch in self.split_arguments(overrides, self.max_batch_size):
            for run in batch:
                self._check(run)
        return super().sweep(arguments)

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Nothing: it was looked at with all others."""

    def _check(self, overrides: Sequence[str]) -> None:
        assert self.hydra_context is not None
        assert self.config is not None
        config = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
        whole, before = HydraConfig.instance(), HydraConfig.instance().cfg
        whole.set_config(config)  # Which ${hydra:...} is read from.
        try:
            check_settings(_without_hydra(config))
        finally:
            whole.cfg = before


def _without_hydra(config: DictConfig) -> DictConfig:
    with flag_override(config, ["struct", "readonly"], [False, False]), open_dict(config):
        del config["hydra"]
    return config
