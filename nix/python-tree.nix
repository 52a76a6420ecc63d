# A virtual environment with these wheels, over others.
#
# One tree for all that must lie together: NVIDIA's libraries find each other by paths relative to their own
# ($ORIGIN/../../nvidia/*/lib). autoPatchelfHook would replace those paths, and lose the libraries that are opened by name at
# run time; so paths are added here and none is taken away. libcuda.so.1 belongs to the driver and is never in the store.
#
# The paths stay DT_RPATH, which comes before LD_LIBRARY_PATH: PyTorch then loads the CUDA of its own wheels, whatever other
# CUDA LD_LIBRARY_PATH names. patchelf without --force-rpath would turn them into DT_RUNPATH, which comes after it.
#
# below: trees whose packages this one sees too. A change of ours then leaves the trees below, and their image layers, as
# they are.
{
  lib,
  stdenv,
  runCommand,
  writeText,
  patchelf,
  python,
  uv,
  zlib,
}:
{
  name,
  wheels,
  below ? [ ],
}:
let
  sitePackages = tree: "${tree}/lib/python3.12/site-packages";
  lines = lib.concatMapStrings (line: line + "\n");
in
runCommand name
  {
    nativeBuildInputs = [
      patchelf
      uv
    ];
    requirements = writeText "requirements.txt" (lines (map (wheel: wheel.requirement) wheels));
    # addsitedir, not the bare path: it honours the .pth files that packages below bring.
    pth = writeText "below.pth" (
      lines (map (tree: "import site; site.addsitedir(\"${sitePackages tree}\")") below)
    );
    files = map (wheel: wheel.file) wheels;
    names = map (wheel: wheel.fileName) wheels;
    libraries = lib.makeLibraryPath [
      stdenv.cc.cc.lib
      zlib
    ];
    interpreter = stdenv.cc.bintools.dynamicLinker;
    passthru = { inherit wheels below; };
  }
  ''
    mkdir wheels
    read -ra from <<<"$files"
    read -ra to <<<"$names"
    for i in "''${!from[@]}"; do ln -s "''${from[i]}" "wheels/''${to[i]}"; done

    ${python}/bin/python3.12 -m venv --without-pip "$out"
    rm "$out"/bin/[Aa]ctivate*
    export UV_CACHE_DIR=$TMPDIR/uv HOME=$TMPDIR
    uv pip install --quiet --offline --no-config --no-index --find-links wheels --no-deps --link-mode copy \
      --python "$out/bin/python" --requirements "$requirements"
    # A hash of programs that name this very path: without it the tree can be compared with one built elsewhere.
    sed -i '\|^\.\./\.\./\.\./bin/|d' "$out"/lib/python3.12/site-packages/*.dist-info/RECORD
    if [ -s "$pth" ]; then cp "$pth" "$out/lib/python3.12/site-packages/below.pth"; fi

    while read -r -d "" object; do
      needed=$(patchelf --print-needed "$object" 2>/dev/null) || continue
      case $needed in *libstdc++.so*|*libgcc_s.so*|*libz.so*) patchelf --force-rpath --add-rpath "$libraries" "$object" ;; esac
      if patchelf --print-interpreter "$object" >/dev/null 2>&1; then patchelf --set-interpreter "$interpreter" "$object"; fi
    done < <(find "$out" -type f \( -name '*.so*' -o -perm -u+x \) -print0)

    # Nix sets every modification time to the same, by which Python would take its caches for stale.
    "$out/bin/python" -m compileall -q -j 0 --invalidation-mode unchecked-hash "$out/lib/python3.12/site-packages"
  ''
