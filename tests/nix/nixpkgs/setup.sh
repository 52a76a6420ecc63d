# What a builder, and `nix develop`, find of nixpkgs' stdenv: PATH holds the inputs and the tools of stdenv and nothing of the
# machine, the setup hooks of the inputs run, and each of their hooks sees every input.
PATH=
envHooks=()
addEnvHooks() { envHooks+=("${@:2}"); } # the first argument says for which kind of input; here there is one
addToSearchPath() {
    if [ -d "$2" ]; then export "$1=${!1:-}${!1:+:}$2"; fi
}
for input in ${nativeBuildInputs:-}; do
    PATH=$PATH${PATH:+:}$input/bin
    hostOffset=-1
    if [ -f "$input/nix-support/setup-hook" ]; then source "$input/nix-support/setup-hook"; fi
done
PATH=$PATH${PATH:+:}@tools@/bin
export PATH
for input in ${nativeBuildInputs:-}; do
    for hook in "${envHooks[@]}"; do "$hook" "$input"; done
done

# The sandbox has no /usr/bin/env.
patchShebangs() {
    local file line interpreter
    while read -r -d "" file; do
        read -r line <"$file" 2>/dev/null || continue
        [[ $line == "#!"*/* ]] || continue
        interpreter=${line##*[/ ]}
        interpreter=$(type -P "$interpreter") && sed -i "1s|.*|#!$interpreter|" "$file"
    done < <(find "$@" -type f -perm -0100 -print0)
}
