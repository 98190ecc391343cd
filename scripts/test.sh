#!/usr/bin/env bash
# Checks everything: lint, format, types, tests. Fails when any part fails, after running all of them.
#
#   bash scripts/test.sh [pytest arguments]      e.g. bash scripts/test.sh -n 0 -k mesh
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

failed=()
part() {
    local name="$1"
    shift
    echo "== $name"
    "$@" || failed+=("$name")
}

# Packages that hold Python; mypy refuses a folder that has none.
typed=()
for package in autopart search costmodel benchmarks configs scripts tests; do
    if [ -n "$(find "$package" -name '*.py' -print -quit 2>/dev/null)" ]; then
        typed+=("$package")
    fi
done

# Kernels are compiled once, beside the checks of types, rather than by each process that tests.
compiled="$(mktemp -d)"
"$bin/autopart" model=mlp mesh=cpu_4x2 model.fields.preset=tiny search.simulations=30 hydra.run.dir="$compiled" \
    >/dev/null 2>&1 &
compiling=$!

part "ruff check" "$bin/ruff" check .
part "ruff format" "$bin/ruff" format --check .
part "mypy" "$bin/mypy" --strict "${typed[@]}"
wait "$compiling" || true # What is wrong with it, the tests say.
rm -rf "$compiled"
part "pytest" "$bin/python" -m pytest -n 2 --dist loadfile "$@"

if [ "${#failed[@]}" -gt 0 ]; then
    printf '== FAILED: %s\n' "${failed[@]}"
    exit 1
fi
if ! command -v chromium >/dev/null; then
    echo "== all passed, but for the tests in a browser, which were SKIPPED: there is no chromium" >&2
    exit 0
fi
echo "== all passed"
