"""Files are the old one or the new one, whatever happens while they are written."""

import os
from pathlib import Path
from typing import NoReturn

import pytest

from autopart.search.atomic import replace_file


def test_the_new_file_stands_where_the_old_one_was(tmp_path: Path) -> None:
    path = tmp_path / "made" / "file"
    for data in (b"long enough\n", b"new"):
        replace_file(path, data)
        assert path.read_bytes() == data
    assert list(path.parent.iterdir()) == [path]


def test_others_may_read_it_where_they_may_read_what_this_process_makes(tmp_path: Path) -> None:
    (tmp_path / "made").touch()
    replace_file(tmp_path / "file", b"data")
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "made").stat().st_mode


@pytest.mark.parametrize("at", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_cannot_be_written_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, error: BaseException
) -> None:
    def fails(*_: object) -> NoReturn:
        raise error

    path = tmp_path / "file"
    replace_file(path, b"old")
    monkeypatch.setattr(os, at, fails)
    with pytest.raises(type(error)):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
