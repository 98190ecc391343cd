#!/usr/bin/env bash
# Makes the project's virtual environment, or does nothing when it is there and up to date.
#
#   AUTOPART_VENV    where it lies (default: .venv; a relative path starts at the checkout)
#   AUTOPART_PYTHON  the Python to make it with (default: the first of python3, python3.11... that will do)
#   AUTOPART_LOCK    what is pinned (default: requirements.lock; see scripts/test_matrix.sh)
#
# Installs what the lock pins, then the checkout itself, editable. uv is used when it is there.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"
venv="${AUTOPART_VENV:-$root/.venv}"
stamp="$venv/autopart.stamp"
lock="${AUTOPART_LOCK:-requirements.lock}"
needed_mib=2500

say() { echo "setup: $*" >&2; }
die() {
    say "$*"
    exit 1
}

# What the environment was made from; another value means that it must be brought up to date.
fingerprint() {
    {
        echo "$root"
        cksum "$lock" setup.cfg pyproject.toml
        ls -d ./*/__init__.py
    } | cksum
}

find_python() {
    local candidate candidates="${AUTOPART_PYTHON:-python3 python3.13 python3.12 python3.11}"
    for candidate in $candidates; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    die "needs Python 3.11 or newer, which none of these is: $candidates." \
        "Install one, or name it: AUTOPART_PYTHON=/path/to/python3.11"
}

check_disk() {
    local parent free_mib
    parent="$(dirname "$venv")"
    mkdir -p "$parent" || die "cannot write to $parent; choose another place with AUTOPART_VENV"
    free_mib="$(df -Pm "$parent" | awk 'NR == 2 { print $4 }')"
    if [ "$free_mib" -lt "$needed_mib" ]; then
        die "needs $needed_mib MiB of disk in $parent, which has $free_mib; free some or set AUTOPART_VENV"
    fi
}

make_venv() {
    local python="$1"
    if [ -x "$venv/bin/python" ] && "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        return
    fi
    if command -v uv >/dev/null && uv venv --quiet --clear --seed --python "$python" "$venv"; then
        return
    fi
    "$python" -c 'import venv, ensurepip' 2>/dev/null ||
        die "$python lacks the venv module; on Debian and Ubuntu: apt install python3-venv"
    "$python" -m venv --clear "$venv"
}

# Runs an install command with uv where there is one, else or when it fails with pip.
install() {
    if command -v uv >/dev/null && uv pip install --quiet --compile-bytecode --python "$venv/bin/python" "$@"; then
        return
    fi
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
}

check_network() {
    local probe scratch reached=yes
    probe="$(grep -m1 '^iniconfig==' "$lock")"
    scratch="$(mktemp -d)"
    "$venv/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps --retries 1 --timeout 20 \
        --dest "$scratch" "$probe" >/dev/null 2>&1 || reached=no
    rm -rf "$scratch"
    if [ "$reached" = no ]; then
        die "cannot reach a Python package index; check the network, or set PIP_INDEX_URL to one that answers"
    fi
}

if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(fingerprint)" ]; then
    say "$venv is up to date"
    exit 0
fi

python="$(find_python)"
say "installing what $lock pins into $venv (a few minutes the first time)"
check_disk
make_venv "$python"
rm -f "$stamp"
check_network
install --requirement "$lock" ||
    die "could not install $lock; the lines above say why"
install --no-deps --no-build-isolation --editable "$root" ||
    die "could not install the checkout itself; the lines above say why"
fingerprint >"$stamp"
say "$venv is ready"
