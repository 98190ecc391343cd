#!/usr/bin/env bash
# Installs the project into its own environment and finds a plan for a 5-billion-parameter train step.
#
#   bash scripts/quickstart.sh [more arguments of autopart]      e.g. ... search.seed=1
#
# Needs no accelerator: nothing of the model is materialised.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
bash "$root/scripts/setup_venv.sh"
cd "$root"
"${AUTOPART_VENV:-$root/.venv}/bin/autopart" model=t32 mesh=tpu_v3_16x2 "$@"

cat <<EOF

The run folder named above holds the plan. Next:
  bash scripts/quickstart.sh model=mlp                another model
  ${AUTOPART_VENV:-$root/.venv}/bin/autopart --help   every choice there is
EOF
