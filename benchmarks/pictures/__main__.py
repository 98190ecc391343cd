"""``python -m benchmarks.pictures``: draws the pictures of the documentation anew, and prints the figures in it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from autopart.benchmarks.pictures import folding, rooms

PICTURES = {"rooms.svg": rooms.draw, "folding.svg": folding.draw}
"""File -> what draws it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Draws; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pictures", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("docs/images"), help="default: docs/images")
    folder = parser.parse_args(argv).folder
    for name, draw in PICTURES.items():
        (folder / name).write_text(draw(), encoding="utf-8")
        print(folder / name)
    print(folding.figures())
    return 0


if __name__ == "__main__":
    sys.exit(main())
