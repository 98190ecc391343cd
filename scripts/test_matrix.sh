#!/usr/bin/env bash
# Runs the tests on the oldest and the newest of what setup.cfg allows, each in an environment of its own.
#
#   bash scripts/test_matrix.sh [--quick] [--require] [--] [pytest arguments]
#
#     (none)       oldest (Python 3.11, JAX 0.10.2, the lowest dependencies), middle (3.12, 0.11), newest (3.13, 0.12)
#     --quick      the newest alone, and a slice of the tests; the newest Python that there is where there is no 3.13
#     --require    fails where a Python is not installed, rather than skip its environment and say so
#
#   AUTOPART_MATRIX    where the environments lie (default: .matrix; a relative path starts at the checkout)
#
# Pythons are looked for on PATH and in pyenv's folder. A table at the end has a line an environment; the status is 1
# if one failed. requirements-{oldest,middle,newest}.lock pin what is installed; the newest's is for every Python.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"
matrix="${AUTOPART_MATRIX:-$root/.matrix}"
slice=(
    tests/autopart/program/test_jax_compat.py tests/autopart/program/test_trace.py tests/benchmarks/test_coverage.py
    tests/autopart/sharding/rules/test_register.py tests/autopart/sharding/rules/test_table.py
    tests/autopart/partitioning/test_jax_mesh.py tests/autopart/emit/test_replica_groups.py
    tests/autopart/emit/test_lower.py tests/autopart/emit/test_jit.py tests/autopart/plan/test_schedule_file.py
    tests/autopart/plan/test_earlier.py
)
quick=no require=no
while [ $# -gt 0 ]; do
    case "$1" in
        --quick) quick=yes ;;
        --require) require=yes ;;
        --) shift && break ;;
        *) break ;;
    esac
    shift
done

say() { echo "matrix: $*" >&2; }

# The path of a Python of one version, as 3.13; nothing if there is none.
python_of() {
    local candidate
    for candidate in "python$1" "$HOME"/.pyenv/versions/*/bin/"python$1"; do
        if [ "$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = "$1" ]; then
            command -v "$candidate"
            return
        fi
    done
}

rows=() failed=no
# Makes an environment and runs the tests in it: name, Python's path, lock, pytest arguments.
run() {
    local name="$1" python="$2" lock="$3" log
    shift 3
    log="$(mktemp)"
    say "$name: $("$python" --version), $lock"
    if ! AUTOPART_VENV="$matrix/$name" AUTOPART_PYTHON="$python" AUTOPART_LOCK="$lock" bash scripts/setup_venv.sh; then
        rows+=("$name ? ? no-environment - -") failed=yes
        return
    fi
    "$matrix/$name/bin/python" -m pytest -p no:cacheprovider -n 2 --dist loadfile "$@" 2>&1 | tee "$log" || failed=yes
    rows+=("$("$matrix/$name/bin/python" - "$name" "$log" <<'PYTHON'
import platform, re, sys

import jax

lines = open(sys.argv[2]).read().splitlines()
last = next((line for line in reversed(lines) if re.search(r"\d+ (passed|failed|error|skipped)", line)), "")
count = lambda *words: sum(int(n) for word in words for n in re.findall(rf"(\d+) {word}", last))
print(sys.argv[1], platform.python_version(), jax.__version__, count("passed"), count("failed", "error"), count("skipped"))
PYTHON
)")
    rm -f "$log"
}

missing() {
    say "SKIPPED $1: no Python $2 on PATH nor in pyenv's folder. Fix: install one, e.g. uv python install $2"
    rows+=("$1 $2 - not-installed - -")
    if [ "$require" = yes ]; then
        failed=yes
    fi
}

if [ "$quick" = yes ]; then
    if [ $# = 0 ]; then
        set -- "${slice[@]}"
    fi
    for version in 3.13 3.12 3.11; do
        python="$(python_of "$version")"
        if [ -n "$python" ]; then
            break
        fi
        missing newest "$version"
    done
    if [ -n "$python" ]; then
        if [ "$version" != 3.13 ]; then
            say "there is no Python 3.13: the newest JAX that Python $version can have is tested"
        fi
        run newest "$python" requirements-newest.lock "$@"
    fi
else
    for row in "oldest 3.11 requirements-oldest.lock" "middle 3.12 requirements-middle.lock" \
        "newest 3.13 requirements-newest.lock"; do
        read -r name version lock <<<"$row"
        python="$(python_of "$version")"
        if [ -n "$python" ]; then
            run "$name" "$python" "$lock" "$@"
        else
            missing "$name" "$version"
        fi
    done
fi

printf '%-8s %-8s %-10s %8s %8s %8s\n' "" Python jax passed failed skipped
for row in "${rows[@]}"; do
    # shellcheck disable=SC2086  # A row is its columns.
    printf '%-8s %-8s %-10s %8s %8s %8s\n' $row
done
[ "$failed" = no ]
