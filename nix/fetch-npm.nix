# A package of a package-lock.json as the archive that npm would install. Our locks have a version and a hash of the bytes,
# and no address: npm knows the registry, so npm fetches, and Nix accepts nothing but those bytes.
{
  lib,
  runCommand,
  cacert,
  nodejs,
}:
{
  name,
  version,
  integrity,
}:
runCommand "${builtins.replaceStrings [ "@" "/" ] [ "" "-" ] name}-${version}.tgz"
  {
    nativeBuildInputs = [
      cacert
      nodejs
    ];
    outputHashMode = "flat";
    outputHashAlgo = null;
    outputHash = integrity;
    impureEnvVars = lib.fetchers.proxyImpureEnvVars ++ [ "npm_config_registry" ];
    passthru = { inherit name version; };
  }
  ''
    export HOME=$TMPDIR
    npm pack --silent '${name}@${version}'
    mv ./*.tgz "$out"
  ''
