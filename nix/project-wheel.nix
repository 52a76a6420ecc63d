# A project of ours as a wheel, in the form that python-lock.nix gives the others. Hatchling writes the same bytes for the
# same source. It runs on nixpkgs' own Python: a pure wheel does not remember which Python made it.
{
  lib,
  runCommand,
  python3,
}:
{
  folder,
  source ? folder,
}:
let
  inherit ((lib.importTOML (folder + "/pyproject.toml")).project) name version;
  fileName = "${builtins.replaceStrings [ "-" ] [ "_" ] name}-${version}-py3-none-any.whl";
in
{
  inherit name version fileName;
  requirement = "${name}==${version}";
  file =
    runCommand fileName
      {
        nativeBuildInputs = [ (python3.withPackages (packages: [ packages.hatchling ])) ];
      }
      ''
        cp -r ${source} project
        chmod -R u+w project
        cd project
        python -m hatchling build -t wheel -d "$TMPDIR/dist"
        cp "$TMPDIR/dist/${fileName}" "$out"
      '';
}
