# The Aspire CLI, pinned with its hash in tools/aspire/package-lock.json. On its first run it unpacks a dashboard and an
# orchestrator into ~/.aspire, programs for an ordinary Linux: they and the CLI get one, rather than a patched CLI whose
# children would not start. It hides the host's /usr, so it brings a docker of its own; Docker's socket under /run is visible.
{
  lib,
  runCommand,
  buildFHSEnv,
  fetchNpm,
}:
let
  package = "@microsoft/aspire-cli-linux-x64";
  locked = (lib.importJSON ../tools/aspire/package-lock.json).packages."node_modules/${package}";
  unpacked = runCommand "aspire-cli-unpacked-${locked.version}" { } ''
    tar -xzf ${
      fetchNpm {
        name = package;
        inherit (locked) version integrity;
      }
    }
    mkdir -p "$out/bin"
    install -m 755 package/bin/aspire "$out/bin/aspire"
  '';
in
buildFHSEnv {
  pname = "aspire";
  inherit (locked) version;
  targetPkgs = pkgs: [
    pkgs.docker-client
    pkgs.icu
    pkgs.openssl
    pkgs.stdenv.cc.cc.lib
    pkgs.zlib
  ];
  runScript = "${unpacked}/bin/aspire";
}
