#!/usr/bin/env bash
# Runs the tests of the kernels with checks of bounds: a kernel that reads or writes past an array raises IndexError,
# where it would otherwise take or overwrite what lies beside it. The checked code is kept in folders of its own.
#
#   bash scripts/test_bounds.sh [pytest arguments]      e.g. bash scripts/test_bounds.sh -k room
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin="${AUTOPART_VENV:-.venv}/bin"

echo "== pytest, kernels with checks of bounds"
NUMBA_BOUNDSCHECK=1 "$bin/python" -m pytest -n 0 \
    tests/autopart/sharding/test_kernel_bounds.py tests/autopart/sharding/test_kernels.py "$@"
