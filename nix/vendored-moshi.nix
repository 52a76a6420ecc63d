# third_party/moshi as `make setup` places it: the vendoring tool itself unpacks the pinned archive, applies our patches and
# compares every file with the manifest.
{
  runCommand,
  fetchPypi,
  git,
  python,
  release,
}:
let
  archive = fetchPypi {
    pname = "moshi";
    inherit (release.upstream) version sha256;
    format = "wheel";
    dist = "py3";
    python = "py3";
  };
in
runCommand "vendored-moshi-${release.upstream.version}"
  {
    nativeBuildInputs = [
      git
      python
    ];
    passthru = { inherit archive; };
  }
  ''
    mkdir -p checkout/third_party checkout/tools checkout/service/src/moshi_service
    cp ${../MOSHI_VERSION} checkout/MOSHI_VERSION
    cp -r ${../third_party/moshi} checkout/third_party/moshi
    cp -r ${../tools/vendoring} checkout/tools/vendoring
    cp ${../service/src/moshi_service/__init__.py} checkout/service/src/moshi_service/__init__.py
    cp -r ${../service/src/moshi_service/errors} checkout/service/src/moshi_service/errors
    chmod -R u+w checkout
    ln -s ${archive} ${release.upstream.archive}
    export HOME=$TMPDIR
    python3.12 checkout/tools/vendoring sync --archive ${release.upstream.archive}
    python3.12 checkout/tools/vendoring verify
    cp -r checkout/third_party/moshi "$out"
  ''
