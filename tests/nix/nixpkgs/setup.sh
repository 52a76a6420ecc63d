# What a builder, and `nix develop`, find of nixpkgs' stdenv.
PATH=
for input in ${nativeBuildInputs:-}; do PATH=$PATH${PATH:+:}$input/bin; done
export PATH
patchShebangs() { :; } # this machine has /usr/bin/env
