"""What hydra finds: launchers by name, each with a pool of its own, and the sweeper."""

from __future__ import annotations

from omegaconf import OmegaConf

from autopart.cli.settings import cluster_of
from autopart.cli.sweeps.joblib_pool import JoblibPool
from autopart.cli.sweeps.launcher import PoolLauncher
from autopart.cli.sweeps.ray_pool import RayPool
from autopart.cli.sweeps.sweeper import CheckedSweeper
from autopart.errors import SettingError


class RayLauncher(PoolLauncher):
    """``hydra/launcher=ray``."""

    def __init__(self, cpus_per_job: float, cpus: int | None) -> None:
        super().__init__()
        self._cpus_per_job, self._cpus = cpus_per_job, cpus

    def pool(self) -> RayPool:
        """A pool on the cluster that the configuration names.

        Raises:
            SettingError: what a job takes is no number of CPUs.
        """
        assert self.config is not None
        _check_cpus(self._cpus_per_job, "cpus_per_job")
        if self._cpus is not None:
            _check_cpus(self._cpus, "cpus")
        return RayPool(
            cluster_of(OmegaConf.to_container(self.config.ray, resolve=True)), self._cpus_per_job, self._cpus
        )


class JoblibLauncher(PoolLauncher):
    """``hydra/launcher=joblib``."""

    def __init__(self, n_jobs: int) -> None:
        super().__init__()
        self._n_jobs = n_jobs

    def pool(self) -> JoblibPool:
        """A pool on this machine.

        Raises:
            SettingError: ``n_jobs`` is no number of runs.
        """
        if isinstance(self._n_jobs, bool) or not isinstance(self._n_jobs, int) or self._n_jobs == 0:
            raise SettingError(f"hydra.launcher.n_jobs={self._n_jobs!r}: must be a whole number but 0")
        return JoblibPool(self._n_jobs)


class Sweeper(CheckedSweeper):
    """``hydra/sweeper=checked``: hydra takes only classes that are defined here."""


def _check_cpus(cpus: object, name: str) -> None:
    if isinstance(cpus, bool) or not isinstance(cpus, (int, float)) or cpus <= 0:
        raise SettingError(f"hydra.launcher.{name}={cpus!r}: must be a number of CPUs, more than 0")
