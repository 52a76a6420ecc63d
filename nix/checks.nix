# `nix flake check`: what needs no network, on the packages in the store.
{
  lib,
  runCommand,
  source,
  environment,
  services,
  vendored-moshi,
  moshi-image,
  frontend-image,
  callPackage,
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
      cd source
      cp -rn ${vendored-moshi}/. third_party/moshi
      export HOME=$TMPDIR
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
  conversation = callPackage ./conversation-test.nix { };
}
