# Sourced by the set-up scripts: finding Python 3.12, uv and Node, and saying in one line what is missing.

DOWNLOADED_PYTHON=.state/python # where `make PYTHON=download` puts it

# fail CODE TEXT: tools/errors.toml has the cause and the remedy of each code.
fail() {
    echo "scenario6: [$1] $2" >&2
    exit 3
}

# is_python PROGRAM CONDITION: it really runs, it can make environments, and CONDITION holds. pyenv's shim exists on PATH even
# when no version is selected, and fails.
is_python() {
    [ -n "$1" ] && "$1" -c "import ensurepip, sys, venv; sys.exit(not ($2))" 2>/dev/null
}

find_python() {
    for candidate in "${PYTHON:-}" python3.12 "$HOME"/.pyenv/versions/3.12*/bin/python3.12 python3 \
        "$DOWNLOADED_PYTHON"/cpython-3.12*/bin/python3.12; do
        if is_python "$candidate" "sys.version_info[:2] == (3, 12)"; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    fail python-missing "Python 3.12 (with venv) was not found; install it, name one (make PYTHON=/path/to/python3.12 ...), or let uv download one (make PYTHON=download ...)"
}

# With PYTHON=download: Python 3.12 from uv, unless this machine has one.
ensure_python() {
    [ "${PYTHON:-}" = download ] || return 0
    (find_python) >/dev/null 2>&1 && return
    ensure_uv
    echo "scenario6: downloading Python 3.12 into $DOWNLOADED_PYTHON (35 MB)"
    UV_PYTHON_DOWNLOADS=manual "$UV" python install --quiet --no-bin --install-dir "$DOWNLOADED_PYTHON" 3.12 \
        2>.bootstrap/python.log || fail_download "Python 3.12" .bootstrap/python.log
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
        if [ "${PYTHON:-}" = download ]; then maker=python3; else maker=$(find_python) || exit 3; fi
        echo "scenario6: installing uv into .bootstrap (20 MB)"
        rm -rf .bootstrap
        "$maker" -m venv .bootstrap
        .bootstrap/bin/pip install --quiet --disable-pip-version-check --retries 1 --no-deps --require-hashes \
            -r tools/bootstrap.lock 2>.bootstrap/pip.log || fail_download "uv" .bootstrap/pip.log
        touch .bootstrap/.ready
    fi
}

# fail_download WHAT LOG: ends set-up after a download that failed; LOG has the program's own messages. Without a network
# these are dozens of lines that all say the same.
fail_download() {
    if grep -Eqi "$NO_NETWORK" "$2"; then
        fail download-failed "$1 could not be downloaded, because the package index cannot be reached: check the network, HTTPS_PROXY and the index's settings, then run it again. Details: $2"
    fi
    cat "$2" >&2
    fail install-failed "$1 could not be installed; the message above says why. Nothing is lost: run it again"
}
NO_NETWORK='name resolution|name or service not known|NewConnectionError|ConnectTimeout|ProxyError|SSLError|dns error'
NO_NETWORK="$NO_NETWORK|error trying to connect|tcp connect error|client error .Connect|EAI_AGAIN|ENOTFOUND|ECONNREFUSED"
NO_NETWORK="$NO_NETWORK|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|invalid peer certificate|proxy (connect|authentication)"

# uv_install ARGUMENTS...: runs `uv pip`, and shows a line for each large download, but none for each of 150 packages.
uv_install() {
    rm -f .venv/.failed
    { "$UV" pip "$@" 2>&1 || touch .venv/.failed; } | tee .venv/uv.log |
        sed -un -E 's/^ *(Downloading|Downloaded|Building|Built|Prepared|Installed|Bytecode compiled) /scenario6:   \1 /p'
    [ ! -e .venv/.failed ] || fail_download "the Python packages" .venv/uv.log
}

# install_node_packages FOLDER NAME LOG: installs the packages that FOLDER/package-lock.json pins, unless they are there.
install_node_packages() {
    if [ ! -f "$1/node_modules/.ready" ] || [ "$1/package-lock.json" -nt "$1/node_modules/.ready" ]; then
        require_node
        echo "scenario6: installing $2"
        npm --prefix "$1" ci --no-audit --no-fund --loglevel=error >"$3" 2>&1 || fail_download "$2" "$3"
        touch "$1/node_modules/.ready"
    fi
}

# require_disk GIB WHAT
require_disk() {
    free=$(df -Pk . | awk 'NR == 2 { print int($4 / 1048576) }')
    [ "$free" -ge "$1" ] || fail disk-full "$2 needs $1 GiB of disk space here, $free GiB are free"
}

require_node() {
    command -v node >/dev/null || fail node-missing "Node.js was not found; install Node 20.19 or newer with npm"
    node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
        fail node-too-old "Node.js is $(node --version); the page is built with 20.19 or newer"
    command -v npm >/dev/null ||
        fail npm-missing "npm was not found, but Node.js $(node --version) was; install npm (on Debian: apt install npm)"
}
