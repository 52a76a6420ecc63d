{
  description = "A stand-in for nixpkgs: what Scenario 6 uses of it, made of this machine's own programs";
  outputs =
    { self }:
    {
      lib = import ./lib.nix;
      legacyPackages = self.lib.genAttrs [ "x86_64-linux" "aarch64-linux" "aarch64-darwin" ] (
        system: import ./. { inherit system; }
      );
    };
}
