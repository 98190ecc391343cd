"""Kept machine code is that of the sources as they are now, whichever file of them was changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from autopart.costmodel import kernel_cache
from autopart.costmodel.kernel_cache import KEPT, _reached, _read, digest_of, remove_old

ROOT = Path(kernel_cache.__file__).resolve().parents[1]

FILES = {
    "__init__.py": "",
    "factor.py": "FACTOR = 3\n",
    "inner.py": """
from autopart.costmodel.kernel import kernel
from program.factor import FACTOR

@kernel
def inner(x):
    return FACTOR * x + 1
""",
    "outer.py": """
from autopart.costmodel.kernel import kernel
from program.inner import inner

@kernel
def outer(x):
    return inner(x)
""",
    "apart.py": "APART = 1\n",
    "__main__.py": """
import json
from program.outer import outer

print(json.dumps([outer(5), sum(outer.stats.cache_hits.values()), str(outer.stats.cache_path)]))
""",
}


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A package with a kernel that calls one of another file, beside a copy of the cost model."""
    shutil.copytree(ROOT / "costmodel", tmp_path / "costmodel", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "program").mkdir()
    for name, text in FILES.items():
        (tmp_path / "program" / name).write_text(text)
    return tmp_path / "program"


def run(program: Path, **settings: str) -> tuple[int, bool, Path]:
    """What the outer kernel makes of 5, whether its code was there already, and where it is kept."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    done = subprocess.run(
        [sys.executable, "-m", "program"], cwd=program.parent, env=kept | settings, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    answer, hits, path = json.loads(done.stdout)
    return answer, hits > 0, Path(path)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("file", "old", "new", "answer"), [("inner.py", "x + 1", "x + 2", 17), ("factor.py", "3", "4", 21)]
)
def test_an_edit_of_a_file_further_on_is_seen(program: Path, file: str, old: str, new: str, answer: int) -> None:
    first, _, before = run(program)
    assert first == 16
    edit(program / file, old, new)
    again, was_there, after = run(program)
    assert (again, was_there) == (answer, False)
    assert after != before
    edit(program / file, new, old)
    assert run(program) == (16, True, before), "what is as it was is not compiled again"


def test_code_is_compiled_once(program: Path) -> None:
    assert run(program)[1] is False
    _, was_there, path = run(program)
    assert was_there
    assert path.parent == program / "__pycache__"
    edit(program / "apart.py", "1", "2")
    assert run(program)[1], "a file that no kernel's module imports has no say"


def test_checks_of_bounds_have_a_folder_of_their_own(program: Path) -> None:
    _, _, plain = run(program)
    _, was_there, checked = run(program, NUMBA_BOUNDSCHECK="1")
    assert not was_there
    assert checked != plain
    assert run(program)[1]
    assert run(program, NUMBA_BOUNDSCHECK="1")[1]


def test_the_folder_that_a_user_names_is_taken(program: Path, tmp_path: Path) -> None:
    chosen = tmp_path / "chosen"
    assert run(program, NUMBA_CACHE_DIR=str(chosen))[2].is_relative_to(chosen)
    assert run(program, NUMBA_CACHE_DIR=str(chosen))[1]
    assert not list((program / "__pycache__").glob("outer-*"))


def test_nowhere_to_write_is_no_failure(program: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    classes = "UserProvidedCacheLocator"  # Of numba's places this one alone, and it cannot be made.
    done = subprocess.run(
        [sys.executable, "-c", "from program.outer import outer; print(outer(5))"],
        cwd=program.parent,
        env=os.environ | {"NUMBA_CACHE_DIR": str(blocked / "x"), "NUMBA_CACHE_LOCATOR_CLASSES": classes},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "16"
    assert "NUMBA_CACHE_DIR" in done.stderr


def test_old_folders_go_but_for_those_in_use_last(tmp_path: Path) -> None:
    used = [tmp_path / f"outer-{number:016x}" for number in range(KEPT + 2)]
    others = [tmp_path / name for name in ("outer-more-0123456789abcdef", "inner-0123456789abcdef", "outer-x")]
    half = tmp_path / f"{used[0].name}.0.gone"  # A process died while it removed this one.
    for number, path in enumerate([*used, *others, half]):
        path.mkdir()
        (path / "code.nbc").write_text("")
        os.utime(path, (1000 + number, 1000 + number))
    new = tmp_path / "outer-ffffffffffffffff"
    new.mkdir()
    remove_old(new)
    kept = used[-(KEPT - 1) :]
    assert {*tmp_path.iterdir()} == {new, *kept, *others}


def test_many_processes_remove_at_once(tmp_path: Path) -> None:
    used = [tmp_path / f"outer-{number:016x}" for number in range(40)]
    for path in used:
        path.mkdir()
        for code in range(20):
            (path / f"{code}.nbc").write_text("")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda path: remove_old(path), used[-KEPT + 1 :] * 4))
    left = [path.name for path in tmp_path.iterdir()]
    assert len(left) <= KEPT
    assert all(len(list((tmp_path / name).iterdir())) == 20 for name in left), "none is left in half"


def test_processes_of_two_versions_at_once_get_their_own_answers(program: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "program"
    shutil.copytree(tmp_path / "costmodel", tmp_path / "other" / "costmodel")
    shutil.copytree(program, other)
    edit(other / "factor.py", "3", "4")
    # One folder for both: as if the package had been replaced in its place while a process ran.
    shared = tmp_path / "shared"
    shared.mkdir()
    for home in (program, other):
        (home / "__pycache__").symlink_to(shared)
    with ThreadPoolExecutor(2) as pool:
        assert [answer for answer, *_ in pool.map(run, (program, other))] == [16, 21]
    assert [run(program)[:2], run(other)[:2]] == [(16, True), (21, True)]


def test_every_way_to_import_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "ways/__init__.py": "",
        "ways/one.py": "from ways import two\nfrom ways.three import (\n    THREE,\n)\nimport ways.four as four\n",
        "ways/two.py": "def late():\n    import ways.inner.five\n",
        "ways/three.py": "THREE = 3\n",
        "ways/four.py": "from ways.inner import SIX\n",
        "ways/inner/__init__.py": "SIX = 6\n",
        "ways/inner/five.py": "",
        "ways/seven.py": "from ways.one import two\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)

    def digest() -> str:
        _read.cache_clear()
        return digest_of(tmp_path / "ways" / "one.py", ["ways"])

    plain = digest()
    seen = set()
    for name, text in files.items():
        (tmp_path / name).write_text(text + "# changed\n")
        if digest() != plain:
            seen.add(name)
        (tmp_path / name).write_text(text)
    assert seen == files.keys() - {"ways/seven.py"}


def test_kernels_reach_what_they_read() -> None:
    """Also what they read of packages that lie beside ``autopart`` in the repository."""
    from autopart.sharding import moves

    reached = {name for name, _ in _reached(Path(moves.__file__), ("autopart",))}
    assert {"sharding/flat_program.py", "rules/table.py", "program/graph.py", "costmodel/collectives.py"} <= reached
    assert not any(name.startswith("report/") for name in reached)
