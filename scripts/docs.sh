#!/usr/bin/env bash
# Builds the site of the documentation, without a network, into build/docs/html; a warning is an error.
#
#   bash scripts/docs.sh [--out FOLDER]
#   bash scripts/docs.sh --run      runs the notebooks first and stores what they show (a minute or two)
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"
bash scripts/setup_venv.sh
bin="$(cd "${AUTOPART_VENV:-.venv}/bin" && pwd)"
exec "$bin/python" -m scripts.docs "$@"
