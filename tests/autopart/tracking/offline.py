"""Reads what wandb wrote offline: records of wandb's own protobuf, framed as a LevelDB log.

Format: https://github.com/google/leveldb/blob/main/doc/log_format.md, after a header of 7 bytes: ":W&B", a magic number
(u16) and a version (u8). In blocks of 32 KiB: checksum (u32: CRC-32 of type and data), length (u16), type (u8), data.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

Record = import_module("wandb.proto.wandb_internal_pb2").Record  # Of the version that fits the protobuf installed.

_BLOCK, _HEADER = 32768, struct.Struct("<4sHB")
_CHUNK = struct.Struct("<IHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


@dataclass
class OfflineRun:
    """What a run holds; values are as they were given to wandb."""

    id: str = ""
    group: str = ""
    name: str = ""
    project: str = ""
    tags: tuple[str, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    artifacts: dict[str, dict[str, Path]] = field(default_factory=dict)
    exit_code: int | None = None

    def curve(self, key: str) -> list[tuple[int, float]]:
        """(simulation, figure) of the rows that hold a figure."""
        return [(int(row["_step"]), row[key]) for row in self.rows if key in row]


def read_offline(folder: Path) -> OfflineRun:
    """The run in a folder ``offline-run-...``."""
    [path] = folder.glob("*.wandb")
    run = OfflineRun()
    for data in _records(path.read_bytes()):
        record = Record.FromString(data)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            header = record.run
            run.id, run.group, run.name, run.project = (
                header.run_id, header.run_group, header.display_name, header.project,
            )  # fmt: skip
            run.tags = tuple(header.tags)
            run.config |= {item.key: json.loads(item.value_json) for item in header.config.update}
        elif kind == "history":
            run.rows.append(_items(record.history.item))
        elif kind == "summary":
            run.summary |= _items(record.summary.update)
        elif kind == "request" and record.request.HasField("log_artifact"):
            _take_artifact(run, record.request.log_artifact.artifact)
        elif kind == "artifact":
            _take_artifact(run, record.artifact)
        elif kind == "exit":
            run.exit_code = record.exit.exit_code
    return run


def _take_artifact(run: OfflineRun, artifact: Any) -> None:
    files = {entry.path: Path(entry.local_path) for entry in artifact.manifest.contents}
    run.artifacts[f"{artifact.type}:{artifact.name}"] = files


def _items(items: Any) -> dict[str, Any]:
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


def _records(data: bytes) -> Iterator[bytes]:
    ident, _, version = _HEADER.unpack_from(data)
    assert (ident, version) == (b":W&B", 0)
    at, parts = _HEADER.size, b""
    while at + _CHUNK.size <= len(data):
        left = _BLOCK - at % _BLOCK
        if left < _CHUNK.size:
            at += left
            continue
        checksum, length, kind = _CHUNK.unpack_from(data, at)
        at += _CHUNK.size
        body = data[at : at + length]
        at += length
        assert checksum == zlib.crc32(bytes([kind]) + body), "damaged"
        parts = body if kind in (_FULL, _FIRST) else parts + body
        if kind in (_FULL, _LAST):
            yield parts
