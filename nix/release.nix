# Which release this is. Both services carry one version; MOSHI_VERSION says which Moshi.
{ lib, revision }:
let
  project = folder: (lib.importTOML (folder + "/pyproject.toml")).project;
  moshi = project ../moshi;
  frontend = project ../frontend;
in
assert lib.assertMsg (
  moshi.version == frontend.version
) "moshi/pyproject.toml says ${moshi.version}, frontend/pyproject.toml ${frontend.version}: one release has one version";
{
  inherit (moshi) version;
  inherit revision;
  upstream = lib.importTOML ../MOSHI_VERSION;
}
