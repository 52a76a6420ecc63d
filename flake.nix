{
  description = "Scenario 6: a self-hosted voice conversation with Moshi";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    # The last release with CUDA 12.1's compiler, for the development shell alone. What the images run on comes from
    # the wheels that PyTorch pins.
    nixpkgs-cuda.url = "github:NixOS/nixpkgs/nixos-25.05";
  };

  outputs =
    {
      self,
      nixpkgs,
      nixpkgs-cuda,
    }:
    let
      inherit (nixpkgs) lib;
      # The locks, and CUDA, are for Linux on x86-64. Elsewhere there is the development shell with what exists there.
      systems = {
        images = [ "x86_64-linux" ];
        shell = [
          "x86_64-linux"
          "aarch64-linux"
          "aarch64-darwin"
        ];
      };
      scenario6 =
        system:
        import ./nix {
          pkgs = nixpkgs.legacyPackages.${system};
          cuda = nixpkgs-cuda;
          revision = self.rev or self.dirtyRev or "unknown";
          source = self;
        };
      per = names: select: lib.genAttrs names (system: select (scenario6 system));
    in
    {
      packages = per systems.images (parts: parts.packages);
      apps = per systems.images (parts: parts.apps);
      checks = per systems.images (parts: parts.checks);
      devShells = per systems.shell (parts: parts.devShells);
      formatter = per systems.shell (parts: parts.formatter);
    };
}
