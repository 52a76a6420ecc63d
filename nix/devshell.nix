# `nix develop`: everything that `make` needs. `nix develop .#slim` leaves out CUDA's compiler, 4 GB that only those need who
# compile for CUDA: PyTorch brings its own CUDA libraries.
{
  lib,
  stdenv,
  mkShell,
  cuda,
  environment,
  aspire-cli,
  python,
  bubblewrap,
  chromium,
  dotnet-sdk_10,
  espeak-ng,
  fakeroot,
  git,
  gnumake,
  jq,
  libopus,
  nodejs,
  patchelf,
  skopeo,
  sox,
  umoci,
  uv,
  withCuda ? true,
}:
let
  isImageSystem = stdenv.hostPlatform.system == "x86_64-linux";
  cuda-toolkit =
    (import cuda {
      inherit (stdenv.hostPlatform) system;
      config.allowUnfree = true; # nothing but CUDA is taken from it
    }).cudaPackages_12_1.cudatoolkit;
in
mkShell (
  {
    name = "scenario6";
    packages = [
      dotnet-sdk_10
      git
      gnumake
      jq
      libopus
      nodejs
      skopeo
      uv
    ]
    # What only tests need.
    ++ lib.optionals stdenv.hostPlatform.isLinux [
      bubblewrap
      chromium
      espeak-ng
      fakeroot
      patchelf
      sox
      umoci
    ]
    # Before Python itself, whose `python` it replaces.
    ++ lib.optionals isImageSystem [
      environment.development
      aspire-cli
    ]
    ++ lib.optional (isImageSystem && withCuda) cuda-toolkit
    ++ [ python ];

    DOTNET_CLI_TELEMETRY_OPTOUT = "1";
    ASPIRE_CLI_TELEMETRY_OPTOUT = "true";
    UV_PYTHON_DOWNLOADS = "never";
    PYTHON = "${python}/bin/python3.12";

    # The setup hooks of Python and Node are for builders. In a shell they would give this shell's packages to every other
    # Python and Node that is started in it, and the same hash seed to every Python.
    shellHook = ''
      unset PYTHONPATH PYTHONHASHSEED PYTHONNOUSERSITE DETERMINISTIC_BUILD NODE_PATH
      echo "Scenario 6: 'make run' starts it with the demo model, 'make test' runs every test, 'make help' lists the rest."
    '';
  }
  // lib.optionalAttrs (isImageSystem && withCuda) { CUDA_HOME = "${cuda-toolkit}"; }
  // lib.optionalAttrs isImageSystem {
    # `make setup` takes these packages, already in the store, instead of downloading them.
    SCENARIO6_ENVIRONMENT = "${environment.development}";
  }
)
