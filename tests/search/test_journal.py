"""Journals: what is written is read back, and damage of any kind ends at the last whole record."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from autopart.search import Improvement
from autopart.search.journal import Evaluated, Header, Journal, JournalError, read_journal

HEADER = Header("a game", ("memory", "time"), {"strategy": "mcts", "seed": 3}, {"simulations": 9})


def states(rng: Random, count: int) -> list[Evaluated]:
    return [
        Evaluated(rng.getrandbits(64), tuple(rng.choices(range(500), k=rng.randrange(9))), (rng.random(), 1e9), 0.5)
        for _ in range(count)
    ]


def written(path: Path, records: int = 12) -> list[int]:
    """Writes a journal; returns where each of its records ends."""
    rng, ends = Random(7), []
    journal = Journal(path, fresh=True)
    journal.begin(HEADER)
    ends.append(path.stat().st_size)
    for number in range(records):
        if number % 3 == 2:
            journal.add_improvement(Improvement(number, 0.25, (1, number), (1.5, float("inf"))))
        else:
            journal.add_states(states(rng, 5))
        ends.append(path.stat().st_size)
    journal.close()
    return ends


def flat(path: Path) -> list[object]:
    [section] = read_journal(path).sections
    return [section.header, *section.states, *section.improvements]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path, rng = tmp_path / "journal", Random(1)
    some, found = states(rng, 3), Improvement(4, 0.1, (3, 1), (0.1 + 0.2, float("inf")))
    journal = Journal(path)
    assert journal.begin(HEADER) == []
    journal.add_states(some)
    journal.add_improvement(found)
    journal.close()
    [section] = read_journal(path).sections
    assert (section.header, section.states, section.improvements) == (HEADER, some, [found])
    assert read_journal(path).damage == ""
    assert all(json.loads(line)[2] for line in path.read_text().splitlines())


def test_appending_goes_on_and_games_are_kept_apart(tmp_path: Path) -> None:
    path, rng = tmp_path / "journal", Random(1)
    first, second = states(rng, 2), states(rng, 2)
    other = Header("another game", ("cost",), {}, {})
    for header, some in ((HEADER, first), (other, second), (HEADER, second)):
        journal = Journal(path)
        earlier = journal.begin(header)
        journal.add_states(some)
        journal.close()
    assert [section.states for section in earlier] == [first]
    assert [section.header for section in read_journal(path).sections] == [HEADER, other, HEADER]


def test_a_fresh_journal_replaces_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    written(path)
    Journal(path, fresh=True).close()
    assert read_journal(path).sections == []


def test_cut_or_changed_anywhere_it_is_read_up_to_the_last_whole_record(tmp_path: Path) -> None:
    path, rng = tmp_path / "journal", Random(11)
    ends = written(path)
    whole, everything = path.read_bytes(), flat(path)
    for number in range(200):
        damaged = bytearray(whole)
        place = rng.randrange(len(whole))
        if number % 2:
            damaged[place] ^= 1 << rng.randrange(8)
        else:
            del damaged[place:]
        path.write_bytes(damaged)
        if place < ends[0] and damaged:
            with pytest.raises(JournalError, match=r"no journal of a search, or is damaged from its first record on"):
                read_journal(path)
            continue
        found = read_journal(path)
        assert found.size == max((end for end in ends if end <= place), default=0)
        assert (found.damage == "") == (len(damaged) == found.size)
        assert f"byte {found.size} of {len(damaged)}" in (found.damage or f"byte {found.size} of {len(damaged)}")
        if damaged:
            assert [record for record in everything if record in flat(path)] == sorted(flat(path), key=everything.index)


@pytest.mark.parametrize("change", ["lost", "twice", "swapped"])
def test_records_that_are_lost_or_elsewhere_end_it_too(tmp_path: Path, change: str) -> None:
    path = tmp_path / "journal"
    ends = written(path)
    lines = path.read_bytes().splitlines(keepends=True)
    changed = {"lost": lines[:4] + lines[5:], "twice": [*lines[:4], *lines[3:]], "swapped": [*lines[:4], *lines[:3:-1]]}
    path.write_bytes(b"".join(changed[change]))
    assert read_journal(path).size == ends[3]


def test_what_was_damaged_is_cut_off_before_more_is_written(tmp_path: Path) -> None:
    path, some = tmp_path / "journal", states(Random(2), 1)
    ends = written(path)
    with path.open("r+b") as file:
        file.seek(ends[5] + 20)
        file.write(b"\0")
    journal = Journal(path)
    assert f"byte {ends[5]} of {ends[-1]} is cut or damaged" in journal.damage
    journal.begin(HEADER)
    journal.add_states(some)
    journal.close()
    found = read_journal(path)
    assert (found.damage, len(found.sections)) == ("", 2)
    assert found.sections[1].states == some


@pytest.mark.parametrize("text", [b"a,b\n1,2\n", b"{}\n", b"\x89PNG\r\n", b'[2,"00000000",{}]\n', b"\n"])
def test_files_of_others_are_refused_and_left_alone(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "journal"
    path.write_bytes(text)
    with pytest.raises(JournalError, match="is no journal of a search"):
        Journal(path)
    assert path.read_bytes() == text
    with pytest.raises(JournalError, match="no journal at"):
        read_journal(tmp_path / "nothing")


def test_a_newer_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autopart.search.journal.FORMAT", 2)
    written(tmp_path / "journal")
    monkeypatch.undo()
    with pytest.raises(JournalError, match=r"is of format 2, this version reads up to 1\. Fix: update"):
        read_journal(tmp_path / "journal")


def test_two_do_not_write_at_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    with pytest.raises(JournalError, match="is being written by another search"):
        Journal(tmp_path / "journal")
    journal.close()
    Journal(tmp_path / "journal").close()


@contextmanager
def largest_file(nbytes: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (nbytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_where_no_more_can_be_written_what_stands_there_stays_whole(tmp_path: Path) -> None:
    path, rng = tmp_path / "journal", Random(3)
    journal = Journal(path)
    journal.begin(HEADER)
    journal.add_states(states(rng, 1))
    size = path.stat().st_size
    with largest_file(size + 100):
        journal.add_states(states(rng, 100))
        assert "is no longer written" in journal.failed
    journal.add_states(states(rng, 1))
    journal.close()
    assert os.path.getsize(path) == size
    assert len(read_journal(path).sections[0].states) == 1
