# Update, roll back, verify the vendored Moshi: `tools/update_moshi.ps1 --help`, docs/upgrading-moshi.md.
$ErrorActionPreference = 'Stop'
$root = Split-Path -Parent $PSScriptRoot
# Without the environment `sync` and `verify` run with any Python 3.11 or newer.
$candidates = @(
    (Join-Path $root '.venv/bin/python'),
    (Join-Path $root '.venv/Scripts/python.exe'),
    $env:PYTHON, 'python3', 'python'
)
$python = $candidates | Where-Object { $_ -and (Get-Command $_ -ErrorAction SilentlyContinue) } | Select-Object -First 1
if (-not $python) {
    [Console]::Error.WriteLine('update_moshi: needs Python 3.11 or newer; install it, or name it in PYTHON')
    exit 3
}
& $python (Join-Path $PSScriptRoot 'vendoring') @args
exit $LASTEXITCODE
