# The page, built by Vite from package-lock.json. npm installs from archives in the store and has no network.
{
  lib,
  runCommand,
  writeText,
  fetchNpm,
  nodejs,
  stdenv,
}:
let
  lock = lib.importJSON ../frontend/web/package-lock.json;
  # Tools come as one package for each platform; npm leaves out the others, and so need we not fetch them.
  inherit (stdenv.hostPlatform) node;
  fits =
    module:
    module ? integrity
    && builtins.elem node.platform (module.os or [ node.platform ])
    && builtins.elem node.arch (module.cpu or [ node.arch ])
    && builtins.elem "glibc" (module.libc or [ "glibc" ]);
  place =
    path: module:
    module
    // lib.optionalAttrs (fits module) {
      resolved = "file:${
        fetchNpm {
          name = module.name or (lib.last (lib.splitString "node_modules/" path));
          inherit (module) version integrity;
        }
      }";
    };
  placed = lock // {
    packages = lib.mapAttrs place lock.packages;
  };
in
runCommand "scenario6-page"
  {
    nativeBuildInputs = [ nodejs ];
    lockFile = writeText "package-lock.json" (builtins.toJSON placed);
  }
  ''
    mkdir -p frontend/src/moshi_frontend
    cp -r ${../frontend/web} frontend/web
    chmod -R u+w frontend/web
    cd frontend/web
    cp "$lockFile" package-lock.json
    export HOME=$TMPDIR
    npm ci --offline --ignore-scripts --no-audit --no-fund
    patchShebangs node_modules
    npm run build
    cp -r ../src/moshi_frontend/static "$out"
  ''
