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
    conversation-test = self.callPackage ./conversation-test.nix { };
    apps = self.callPackage ./apps.nix { };
    checks = self.callPackage ./checks.nix { };
  });
  # callPackage adds two functions to every set that it returns. They are no apps and no checks, and Nix refuses them there.
  withoutFunctions =
    set:
    removeAttrs set [
      "override"
      "overrideDerivation"
    ];
in
{
  apps = withoutFunctions parts.apps;
  checks = withoutFunctions parts.checks;
  devShells = {
    default = parts.devshell;
  }
  // pkgs.lib.optionalAttrs (pkgs.stdenv.hostPlatform.system == "x86_64-linux") {
    slim = parts.devshell.override { withCuda = false; };
  };
  # `nix fmt` without arguments formats the whole tree. nixfmt itself would wait for its standard input.
  formatter = pkgs.nixfmt-tree;
  packages = {
    inherit (parts)
      moshi-image
      frontend-image
      vendored-moshi
      page
      aspire-cli
      # Not a check: it needs KVM, and `nix flake check` has to pass on machines without it.
      conversation-test
      ;
    inherit (parts.services) moshi-backend moshi-frontend demo;
    environment = parts.environment.development;
    default = parts.services.demo;
  };
}
