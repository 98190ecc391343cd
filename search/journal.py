"""A journal: what a search evaluates and finds, on disk as it happens, and read back up to where it is damaged.

One record a line: `[LENGTH,"CRC",RECORD]`, where LENGTH counts the bytes of RECORD and CRC is the CRC-32 of all records
up to this one, in hexadecimal: so one that is cut, changed, lost or put elsewhere ends what is believed. A section
begins with a header, which says what is played and how; states and improvements follow. Each append is one write and
an fsync.
"""

import fcntl
import json
import os
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from autopart.search.errors import SearchError
from autopart.search.observer import Improvement

FORMAT: Final = 1
"""Raised when a reader of the older format would misread."""

_ENVELOPE: Final = re.compile(rb'\[(\d+),"([0-9a-f]{8})",')


class JournalError(SearchError):
    """A journal that cannot be used at all; the message says why and what to do."""


class Evaluated(NamedTuple):
    """A state that a search has evaluated: how it got there from the root, what it measured, when."""

    key: int
    actions: tuple[int, ...]
    metrics: tuple[float, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Header:
    """What a section is about.

    `game` is a fingerprint: states of two sections are the same game's if theirs are equal. `settings` are plain
    JSON values: two sections with equal ones were searched in the same way, but for the `budget`.
    """

    game: str
    metric_names: tuple[str, ...]
    settings: Mapping[str, Any]
    budget: Mapping[str, Any]


@dataclass(slots=True)
class Section:
    """What one search wrote."""

    header: Header
    states: list[Evaluated] = field(default_factory=list)
    improvements: list[Improvement] = field(default_factory=list)


@dataclass(slots=True)
class Contents:
    """What stands in a journal up to its first damage: `size` bytes, whose checksum is `crc`.

    `damage` says what follows them; it is empty for a journal that is whole.
    """

    sections: list[Section] = field(default_factory=list)
    size: int = 0
    crc: int = 0
    damage: str = ""


def read_journal(path: Path) -> Contents:
    """Read all whole records up to the first that is not.

    Raises JournalError for a file that cannot be read, is none of ours, or is of a newer format.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise JournalError(f"no journal at {path}: {error.strerror}") from error
    found = Contents()
    while found.size < len(text) and not found.damage:
        end = text.find(b"\n", found.size) + 1 or len(text)
        record = _opened(text[found.size : end], found.crc)
        if record is None or not _take(found.sections, record, path):
            found.damage = f"record at byte {found.size} of {len(text)} is cut or damaged; what follows is not used"
        else:
            found.crc = zlib.crc32(_payload(text[found.size : end]), found.crc)
            found.size = end
    if found.damage and not found.sections:
        raise JournalError(
            f"{path} is no journal of a search, or is damaged from its first record on. Fix: search anew."
        )
    return found


def _payload(line: bytes) -> bytes:
    return line[line.index(b'",') + 2 : -2]


def _opened(line: bytes, crc: int) -> Any:
    """The record in a line that follows records with a checksum; None if it is not whole."""
    envelope = _ENVELOPE.match(line)
    if envelope is None or not line.endswith(b"]\n"):
        return None
    payload = _payload(line)
    if len(payload) != int(envelope[1]) or zlib.crc32(payload, crc) != int(envelope[2], 16):
        return None
    try:
        return json.loads(payload)
    except ValueError:  # A checksum that fits is no proof that we wrote it.
        return None


def _take(sections: list[Section], record: Any, path: Path) -> bool:
    """Add a record to what was read; return whether it is one of ours."""
    try:
        if record["kind"] == "header":
            if record["format"] > FORMAT:
                raise JournalError(
                    f"{path} is of format {record['format']}, this version reads up to {FORMAT}. Fix: update, or "
                    "search anew in another folder."
                )
            names = tuple(str(name) for name in record["metric_names"])
            sections.append(Section(Header(str(record["game"]), names, record["settings"], record["budget"])))
        elif record["kind"] == "states":
            states = [Evaluated(int(k), tuple(a), tuple(map(float, m)), float(s)) for k, a, m, s in record["states"]]
            sections[-1].states += states
        else:
            simulation, seconds, actions, metrics = record["improvement"]
            found = Improvement(int(simulation), float(seconds), tuple(actions), tuple(map(float, metrics)))
            sections[-1].improvements.append(found)
    except (KeyError, TypeError, ValueError, IndexError):
        return False
    return True


class Journal:
    """A journal to read and append to; one process at a time.

    What was damaged when it was opened (`damage`) is cut off. A write that fails, for the disk is full, ends
    the writing but not the search: `failed` says so, and what was written before stays whole.

    Raises JournalError as `read_journal` does, and when another process writes to it.
    """

    def __init__(self, path: Path, *, fresh: bool = False) -> None:
        self.path = path
        self.failed = ""
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise JournalError(f"cannot write a journal at {path}: {error.strerror}") from error
        try:
            self._lock()
            found = Contents() if fresh else read_journal(path)
            os.ftruncate(self._file, found.size)
        except BaseException:
            os.close(self._file)
            raise
        self.sections, self.damage = found.sections, found.damage
        self._size, self._crc = found.size, found.crc

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise JournalError(
                f"{self.path} is being written by another search. Fix: wait for it, or end it."
            ) from error

    def begin(self, header: Header) -> list[Section]:
        """Begin a section; return the earlier ones of the same game."""
        earlier = [section for section in self.sections if section.header.game == header.game]
        self.sections.append(Section(header))
        self._append(
            {
                "kind": "header",
                "format": FORMAT,
                "game": header.game,
                "metric_names": list(header.metric_names),
                "settings": dict(header.settings),
                "budget": dict(header.budget),
            }
        )
        return earlier

    def add_states(self, states: Sequence[Evaluated]) -> None:
        """Append states as one record."""
        self.sections[-1].states += states
        self._append({"kind": "states", "states": states})

    def add_improvement(self, found: Improvement) -> None:
        """Append an improvement."""
        self.sections[-1].improvements.append(found)
        row = (found.simulation, found.seconds, found.actions, found.metrics)
        self._append({"kind": "improvement", "improvement": row})

    def close(self) -> None:
        """Let others write."""
        os.close(self._file)

    def _append(self, record: Mapping[str, Any]) -> None:
        if self.failed:
            return
        payload = json.dumps(record, separators=(",", ":")).encode()
        crc = zlib.crc32(payload, self._crc)
        line = b'[%d,"%08x",%b]\n' % (len(payload), crc, payload)
        try:
            written = os.pwrite(self._file, line, self._size)
            if written < len(line):
                raise OSError(None, "the disk is full")
            os.fsync(self._file)
        except OSError as error:
            self.failed = f"{self.path} is no longer written: {error.strerror}"
            os.ftruncate(self._file, self._size)
            return
        self._size, self._crc = self._size + len(line), crc
