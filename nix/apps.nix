# `nix run .#NAME`. Exit code 3: it could not begin, and one line said why.
{
  lib,
  writeShellApplication,
  environment,
  services,
  moshi-image,
  frontend-image,
  coreutils,
  git,
  skopeo,
}:
let
  images = [
    moshi-image
    frontend-image
  ];
  forEachImage = script: lib.concatMapStringsSep "\n" script images;
  app =
    {
      name,
      description,
      text,
      runtimeInputs ? [ ],
    }:
    {
      type = "app";
      program = lib.getExe (writeShellApplication {
        inherit name text;
        runtimeInputs = [ coreutils ] ++ runtimeInputs;
      });
      meta = { inherit description; };
    };
  apps = builtins.mapAttrs (name: given: app ({ inherit name; } // given)) {
    demo = {
      description = "Both services on this machine with the demo model";
      text = ''
        state=''${XDG_STATE_HOME:-$HOME/.local/state}/scenario6
        export MOSHI_STATE_DIR=''${MOSHI_STATE_DIR:-$state} FRONTEND_STATE_DIR=''${FRONTEND_STATE_DIR:-$state}
        exec ${services.demo}/bin/python ${../tools/run} "$@"
      '';
    };
    doctor = {
      description = "Checks what the model's service needs";
      text = ''exec ${services.moshi-backend}/bin/moshi-backend doctor "$@"'';
    };
    update-moshi = {
      description = "The vendoring tool, in the checkout that this is called in";
      runtimeInputs = [ git ];
      text = ''
        if ! root=$(git rev-parse --show-toplevel 2>/dev/null) || [ ! -x "$root/tools/update_moshi.sh" ]; then
          echo "update-moshi: call this inside a checkout of Scenario 6" >&2
          exit 3
        fi
        PYTHON=${environment.development}/bin/python exec "$root/tools/update_moshi.sh" "$@"
      '';
    };
    load-images = {
      description = "Loads both images into Docker or Podman";
      text = ''
        # The variable is Aspire's own; without it, whichever answers: Docker's command may be there without its daemon.
        for engine in ''${ASPIRE_CONTAINER_RUNTIME:-docker podman}; do
          if "$engine" version >/dev/null 2>&1; then
        ${forEachImage (image: "    ${image} | \"$engine\" load")}
            exit
          fi
        done
        echo "load-images: no ''${ASPIRE_CONTAINER_RUNTIME:-docker and no podman} answers; install or start one, or name it in ASPIRE_CONTAINER_RUNTIME" >&2
        exit 3
      '';
    };
    push-images = {
      description = "Pushes both images to a registry";
      runtimeInputs = [ skopeo ];
      text = ''
        if [ $# -lt 1 ]; then
          echo "push-images: where to? For example: nix run .#push-images -- docker://registry.example/team [skopeo's options]" >&2
          exit 2
        fi
        to=$1
        shift
        # skopeo reads an archive more than once, so a stream will not do.
        archive=$(mktemp)
        trap 'rm -f "$archive"' EXIT
        ${forEachImage (image: ''
          ${image} >"$archive"
          skopeo --insecure-policy copy "$@" "docker-archive:$archive" "$to/${image.reference}"
        '')}
      '';
    };
  };
in
apps // { default = apps.demo; }
