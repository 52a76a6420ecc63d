#!/bin/sh
# Update, roll back, verify the vendored Moshi: `tools/update_moshi.sh --help`, docs/how-to/upgrading-moshi.md.
set -eu
folder=$(CDPATH='' cd "$(dirname "$0")" && pwd)
python=$folder/../.venv/bin/python
# Without the environment `sync` and `verify` run with any Python 3.11 or newer.
"$python" -c '' 2>/dev/null || python=${PYTHON:-python3}
exec "$python" "$folder/vendoring" "$@"
