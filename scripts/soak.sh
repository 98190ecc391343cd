#!/usr/bin/env bash
# Soaks: what scripts/test.sh looks at briefly, for long and on new examples. Goes through all of it, whatever fails.
#
#   bash scripts/soak.sh [factor]                e.g. bash scripts/soak.sh 20 (the default), some hours on two cores
#
#   properties   the tests of hypothesis with `factor` times as many examples, drawn anew; a failure prints its blob
#   fuzz         100 * factor random programs with a new seed, which it says
#   chaos        factor kills of workers, nodes and drivers on a cluster of Ray
set -euo pipefail

factor="${1:-20}"
if ! [[ "$factor" =~ ^[1-9][0-9]*$ ]] || [ "$factor" -lt 2 ]; then
    echo "soak: factor '$factor' must be a whole number of at least 2. Fix: bash scripts/soak.sh 20" >&2
    exit 1
fi

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"
bash scripts/setup_venv.sh
bin="$(cd "${AUTOPART_VENV:-.venv}/bin" && pwd)"
seed="$(date +%s)"

failed=()
part() {
    local name="$1"
    shift
    echo "== $name: $*"
    "$@" || failed+=("$name")
}

part "properties" env AUTOPART_SOAK="$factor" "$bin/python" -m pytest -n 2 --dist worksteal -m hypothesis
part "fuzz" "$bin/python" scripts/fuzz.py --programs "$((100 * factor))" --seed "$seed" --workers 2
part "chaos" "$bin/python" scripts/chaos.py --rounds "$factor" --seed "$seed"

if [ "${#failed[@]}" -gt 0 ]; then
    printf '== FAILED: %s\n' "${failed[@]}"
    exit 1
fi
echo "== all passed"
