"""``python -m autopart.cli``: the program ``autopart``."""

from __future__ import annotations

import sys

from autopart.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
