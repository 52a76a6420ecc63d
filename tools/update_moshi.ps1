# Update, roll back, verify the vendored Moshi: `tools/update_moshi.ps1 --help`, docs/how-to/upgrading-moshi.md.
# Not 'Stop': with it PowerShell up to 7.1 kills Python at its first line on stderr, if somebody redirects that (`2>&1`).
$ErrorActionPreference = 'Continue'
$PSNativeCommandUseErrorActionPreference = $false
$root = Split-Path -Parent $PSScriptRoot
# Without the environment `sync` and `verify` run with any Python 3.11 or newer.
$candidates = @(
    (Join-Path $root '.venv/bin/python'),
    (Join-Path $root '.venv/Scripts/python.exe'),
    $env:PYTHON, 'python3', 'python'
)
$python = $null
foreach ($candidate in $candidates | Where-Object { $_ }) {
    $found = Get-Command $candidate -CommandType Application -ErrorAction SilentlyContinue | Select-Object -First 1
    if (-not $found) { continue }
    # The first that runs: not a link to a Python that is gone, pyenv's shim for one that is not installed, or the
    # Microsoft Store's placeholder.
    $global:LASTEXITCODE = $null
    try { & $found.Path -c pass *>$null } catch { continue }
    if ($LASTEXITCODE -eq 0) { $python = $found.Path; break }
}
if (-not $python) {
    [Console]::Error.WriteLine('update_moshi: needs Python 3.11 or newer; install it, or name it in PYTHON')
    exit 3
}
# As plain strings: what PowerShell up to 7.2 takes for a parameter (`--archive=some file`) it would split at the space.
$arguments = @(foreach ($argument in $args) { if ($argument -is [string]) { $argument.ToString() } else { , $argument } })
& $python (Join-Path $PSScriptRoot 'vendoring') @arguments
exit $LASTEXITCODE
