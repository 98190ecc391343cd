"""What hydra finds: launchers by name, each with a pool of its own."""

from __future__ import annotations

from omegaconf import OmegaConf

from autopart.cli.settings import cluster_of
from autopart.cli.sweeps.joblib_pool import JoblibPool
from autopart.cli.sweeps.launcher import PoolLauncher
from autopart.cli.sweeps.ray_pool import RayPool


class RayLauncher(PoolLauncher):
    """``hydra/launcher=ray``."""

    def __init__(self, cpus_per_job: float, cpus: int | None) -> None:
        super().__init__()
        self._cpus_per_job, self._cpus = cpus_per_job, cpus

    def pool(self) -> RayPool:
        """A pool on the cluster that the configuration names."""
        assert self.config is not None
        return RayPool(
            cluster_of(OmegaConf.to_container(self.config.ray, resolve=True)), self._cpus_per_job, self._cpus
        )


class JoblibLauncher(PoolLauncher):
    """``hydra/launcher=joblib``."""

    def __init__(self, n_jobs: int) -> None:
        super().__init__()
        self._n_jobs = n_jobs

    def pool(self) -> JoblibPool:
        """A pool on this machine."""
        return JoblibPool(self._n_jobs)
