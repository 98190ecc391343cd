#!/usr/bin/env bash
# Checks everything: lint, format, types, tests. Fails when any part fails, after running all of them.
#
#   bash scripts/test.sh [pytest arguments]      e.g. bash scripts/test.sh -n 0 -k mesh
#   bash scripts/test.sh --slowest 20            says where the time goes: files and tests by CPU seconds
#
# The properties for longer, on new examples: scripts/soak.sh.
#
#   AUTOPART_BROWSER=required    tests in a browser fail where there is none; by default they are skipped, and it says so
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"
bash scripts/setup_venv.sh
bin="$(cd "${AUTOPART_VENV:-.venv}/bin" && pwd)"

# The browser that some tests drive: Debian's, where this may install it.
browser() {
    if command -v chromium >/dev/null; then
        return
    fi
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "== installing chromium"
        apt-get update -qq &&
            DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null || true
    fi
    if ! command -v chromium >/dev/null; then
        echo "== SKIPPED: the tests in a browser. There is no chromium, and this may not install it." \
            "Fix: as root, apt-get install chromium" >&2
    fi
}
browser

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

# Checks that run nothing of ours go on beside the tests, which now and then wait; each says in the end what it found.
beside=()
running=()
begin() {
    local name="$1"
    shift
    "$@" >"$scratch/$name" 2>&1 &
    beside+=("$name")
    running+=("$!")
}
begin "ruff-check" "$bin/ruff" check .
begin "ruff-format" "$bin/ruff" format --check .
begin "mypy" "$bin/mypy" --strict autopart scripts tests

# Kernels are compiled once, before the tests, rather than by each process that tests.
"$bin/autopart" model=mlp mesh=cpu_4x2 model.fields.preset=tiny search.simulations=30 hydra.run.dir="$scratch/run" \
    >/dev/null 2>&1 || true # What is wrong with it, the tests say.

failed=()
echo "== pytest"
# Who is done takes tests from the other's end: files are of very different weight.
"$bin/python" -m pytest -n 2 --dist worksteal "$@" || failed+=("pytest")
for number in "${!beside[@]}"; do
    echo "== ${beside[number]}"
    wait "${running[number]}" || failed+=("${beside[number]}")
    cat "$scratch/${beside[number]}"
done

if [ "${#failed[@]}" -gt 0 ]; then
    printf '== FAILED: %s\n' "${failed[@]}"
    exit 1
fi
if ! command -v chromium >/dev/null; then
    echo "== all passed, but for the tests in a browser, which were SKIPPED: there is no chromium" >&2
    exit 0
fi
echo "== all passed"
