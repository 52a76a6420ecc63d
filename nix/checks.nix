# `nix flake check`: everything that needs neither a network nor KVM, on the packages in the store.
{
  lib,
  runCommand,
  source,
  environment,
  services,
  vendored-moshi,
  moshi-image,
  frontend-image,
  git,
  skopeo,
}:
let
  python = "${environment.development}/bin/python";
  onSource =
    name: command:
    runCommand "scenario6-${name}" { nativeBuildInputs = [ git ]; } ''
      cp -r ${source} source
      chmod -R u+w source
      cp -r ${vendored-moshi}/. source/third_party/moshi
      chmod -R u+w source
      cd source
      # A builder has no python3 on PATH. The scripts of the checkout take the Python that PYTHON names.
      export HOME=$TMPDIR PYTHON=${python}
      ${command}
      touch "$out"
    '';
  contract =
    image:
    runCommand "${image.imageName}-contract"
      {
        nativeBuildInputs = [ skopeo ];
        config = builtins.toJSON image.imageConfig;
        passAsFile = [ "config" ];
      }
      ''
        ${image} >image.tar
        ${python} ${../tests/nix/image_contract.py} image.tar "$configPath"
        touch "$out"
      '';
in
{
  lint = onSource "lint" ''
    ${python} -m ruff check .
    ${python} -m ruff format --check .
  '';
  types = onSource "types" "${python} -m mypy";
  # The locks, wheels.json, MOSHI_VERSION and the manifest say the same.
  locks = onSource "locks" "${services.demo}/bin/python -m pytest -q tests/unit/packaging";
  unit = onSource "unit" "${services.demo}/bin/python -m pytest -q tests/unit";
  moshi-image = contract moshi-image;
  frontend-image = contract frontend-image;
}
