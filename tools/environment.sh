# Sourced by the set-up scripts: finding Python 3.12, uv and Node, and saying in one line what is missing.

fail() {
    echo "scenario6: $1" >&2
    exit 3
}

# A Python 3.12 that really runs. pyenv's shim exists on PATH even when no 3.12 is selected, and fails.
find_python() {
    for candidate in "${PYTHON:-}" python3.12 "$HOME"/.pyenv/versions/3.12*/bin/python3.12 python3; do
        if [ -n "$candidate" ] &&
            "$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info[:2] != (3, 12))' 2>/dev/null; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    fail "Python 3.12 (with venv) was not found; install it, or name one: make PYTHON=/path/to/python3.12 ..."
}

# uv, and a Python with what locking needs, in a folder of their own, so that set-up needs nothing but Python. `nix develop`
# brings both.
ensure_uv() {
    export UV_PYTHON_DOWNLOADS=never
    if [ -n "${SCENARIO6_ENVIRONMENT:-}" ]; then
        UV=uv
        BOOTSTRAP_PYTHON=$SCENARIO6_ENVIRONMENT/bin/python
        return
    fi
    UV=.bootstrap/bin/uv
    BOOTSTRAP_PYTHON=.bootstrap/bin/python
    if [ ! -x "$UV" ] || [ tools/bootstrap.lock -nt .bootstrap/.ready ]; then
        python=$(find_python) || exit 3
        echo "scenario6: installing uv into .bootstrap (20 MB)"
        rm -rf .bootstrap
        "$python" -m venv .bootstrap
        .bootstrap/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r tools/bootstrap.lock ||
            fail "uv could not be installed from the package index; see pip's message above"
        touch .bootstrap/.ready
    fi
}

# require_disk GIB WHAT
require_disk() {
    free=$(df -Pk . | awk 'NR == 2 { print int($4 / 1048576) }')
    [ "$free" -ge "$1" ] || fail "$2 needs $1 GiB of disk space here, $free GiB are free"
}

require_node() {
    command -v node >/dev/null && command -v npm >/dev/null ||
        fail "Node.js was not found; install Node 20.19 or newer with npm"
    node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
        fail "Node.js is $(node --version); the page is built with 20.19 or newer"
}
