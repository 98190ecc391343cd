"""What `pip install autopart` puts into an environment: one name, and nothing of ours in the way of a user's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

OWN = ("configs", "search", "benchmarks", "costmodel", "models", "scripts", "tests")
"""Packages of a user's repository that have the names of folders in ours."""

MODULE = """
import configs, costmodel, search, benchmarks, models, scripts, tests
import jax
import jax.numpy as jnp

assert all(package.MINE for package in (configs, costmodel, search, benchmarks, models, scripts, tests))

def step(rows=64):
    def fn(params, x):
        return jax.grad(lambda p: jnp.sum(jnp.tanh(x @ p["in"]) @ p["out"]))(params)

    def array(*shape):
        return jax.ShapeDtypeStruct(shape, jnp.float32)

    return fn, ({"in": array(128, 256), "out": array(256, 8)}, array(rows, 128))
"""

BY_PYTHON = """
import autopart
import my_module

fn, arguments = my_module.step()
mesh = autopart.Mesh({"data": 4, "model": 2}, device="cpu")
plan = autopart.partition(fn, *arguments, mesh=mesh, tactics=[autopart.DataParallel("data")])
print(autopart.__file__, plan.report.line())
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which a wheel of the checkout is installed, and nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_symlink() or (ROOT / name).is_file():
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / "source" / name, follow_symlinks=False)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    offline = ["--no-deps", "--no-index"]
    build = [*pip, "wheel", *offline, "--no-build-isolation", "--wheel-dir", str(folder), str(folder / "source")]
    subprocess.run(build, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    subprocess.run([*pip, "install", *offline, "--target", str(folder / "site"), str(wheel)], check=True)
    return folder / "site"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A user's repository, with packages of its own by our folders' names."""
    for name in OWN:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("MINE = True\n")
    (tmp_path / "my_module.py").write_text(MODULE)
    return tmp_path


def run(site: Path, repository: Path, *arguments: str) -> str:
    """What Python prints that is started in the repository, with the wheel ahead of the checkout."""
    environment = {**os.environ, "PYTHONPATH": str(site)}
    ended = subprocess.run(
        [sys.executable, *arguments], cwd=repository, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_wheel_holds_one_name(site: Path) -> None:
    importable = {path.name for path in site.iterdir() if path.suffix != ".dist-info" and path.name != "bin"}
    assert importable == {"autopart"}


def test_a_wheel_holds_every_file_that_is_read(site: Path) -> None:
    """What is no Python in the packages: configurations, assets of pages, the mark of types."""
    ours = {
        path.relative_to(ROOT).as_posix()
        for folder in ("autopart", "configs", "costmodel", "search")
        for pattern in ("*.yaml", "*.js", "*.css", "py.typed")
        for path in (ROOT / folder).rglob(pattern)
    }
    linked = {name if name.startswith("autopart/") else f"autopart/{name}" for name in ours}
    assert any(name.endswith(".yaml") for name in linked)
    assert {name for name in linked if not (site / name).is_file()} == set()


def test_a_repository_with_such_packages_of_its_own_plans_by_python(site: Path, repository: Path) -> None:
    printed = run(site, repository, "-c", BY_PYTHON)
    assert printed.startswith(str(site))


def test_a_repository_with_such_packages_of_its_own_plans_by_command(site: Path, repository: Path) -> None:
    settings = ["model.target=my_module.step", "mesh=cpu_4x2", "search.simulations=20", "hydra.run.dir=run"]
    run(site, repository, "-m", "autopart.cli", *settings)
    assert (repository / "run" / "plan.json").is_file()


def test_importing_autopart_imports_nothing_that_it_may_do_without() -> None:
    """Each of these takes a tenth of a second to a few seconds."""
    asked = "import sys, autopart; print(*{name.partition('.')[0] for name in sys.modules})"
    printed = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert not set(printed.split()) & {"altair", "hydra", "joblib", "networkx", "optax", "pandas", "ray", "wandb"}
