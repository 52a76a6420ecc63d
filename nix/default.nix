# What the flake offers on one system, wired together: every other file here is one part.
{
  pkgs,
  cuda,
  revision,
  source,
}:
let
  parts = pkgs.lib.makeScope pkgs.newScope (self: {
    inherit cuda revision source;

    # What everything is made of.
    python = pkgs.python312;
    release = self.callPackage ./release.nix { };
    fetchNpm = self.callPackage ./fetch-npm.nix { };
    pythonLock = self.callPackage ./python-lock.nix { };
    pythonTree = self.callPackage ./python-tree.nix { };
    projectWheel = self.callPackage ./project-wheel.nix { };

    # What we build.
    environment = self.callPackage ./python-environment.nix { };
    vendored-moshi = self.callPackage ./vendored-moshi.nix { };
    page = self.callPackage ./page.nix { };
    services = self.callPackage ./services.nix { };
    aspire-cli = self.callPackage ./aspire-cli.nix { };

    # What is run.
    image = self.callPackage ./image.nix { };
    moshi-image = self.callPackage ./moshi-image.nix { };
    frontend-image = self.callPackage ./frontend-image.nix { };
    devshell = self.callPackage ./devshell.nix { };
    apps = self.callPackage ./apps.nix { };
    checks = self.callPackage ./checks.nix { };
  });
in
{
  inherit (parts) devshell apps checks;
  formatter = pkgs.nixfmt;
  packages = {
    inherit (parts)
      moshi-image
      frontend-image
      vendored-moshi
      page
      aspire-cli
      ;
    inherit (parts.services) moshi-backend moshi-frontend demo;
    environment = parts.environment.development;
    default = parts.services.demo;
  };
}
