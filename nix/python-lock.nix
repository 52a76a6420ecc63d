# A requirements lock as a list of wheels: { name; version; requirement; fileName; file; }, in the lock's order.
#
# Versions and hashes are the lock's alone. wheels.json, made from it by tools/lock, adds what a lock does not say: what the
# file is called on the index. A wheel that the lock does not trust is refused here, before anything is fetched.
{ lib, fetchPypi }:
let
  wheels = lib.importJSON ./wheels.json;
  stale = name: "nix/wheels.json does not fit the lock at ${name}: run `make lock`";

  # "name==1.2 \" and the "    --hash=sha256:…" lines under it.
  parse =
    text:
    let
      step =
        packages: line:
        let
          pin = builtins.match "([a-z0-9-]+)==([^ ;]+) .*" line;
          hash = builtins.match " *--hash=sha256:([0-9a-f]+).*" line;
          last = lib.last packages;
        in
        if pin != null then
          packages
          ++ [
            {
              name = builtins.elemAt pin 0;
              version = builtins.elemAt pin 1;
              hashes = [ ];
            }
          ]
        else if hash != null then
          lib.init packages ++ [ (last // { hashes = last.hashes ++ hash; }) ]
        else if line == "" then
          packages
        else
          throw "a line that is no pinned package and no hash: ${line}";
    in
    builtins.foldl' step [ ] (lib.splitString "\n" text);

  wheel =
    {
      name,
      version,
      hashes,
    }:
    let
      known = wheels.${name} or (throw (stale name));
    in
    assert lib.assertMsg (builtins.elem known.sha256 hashes) (stale name);
    {
      inherit name version;
      requirement = "${name}==${version} --hash=sha256:${known.sha256}";
      fileName = "${known.pname}-${version}-${known.python}-${known.abi}-${known.platform}.whl";
      file = fetchPypi {
        inherit version;
        inherit (known)
          pname
          python
          abi
          platform
          sha256
          ;
        format = "wheel";
        # The index files a wheel under its Python tag, of which a build number ("1-cp312") is no part.
        dist = lib.last (lib.splitString "-" known.python);
      };
    };
in
lock: map wheel (parse (builtins.readFile lock))
