# Packages are this machine's programs, named in host.json, which the tests write beside this file. Builders run them for real:
# pip and npm fetch, uv installs, hatchling and Vite build. Two trees are too large to be made again for a test: PyTorch's is
# empty, and the tests mount the one that they have; the development environment links to the one that they run in.
#
# Builders run in Nix's own sandbox, which shows them those programs, this machine's libraries, and nothing else. Only what
# nixpkgs itself would do (`ofNixpkgs`), and what Nix would give a network, runs outside.
{
  system,
  config ? { },
}:
let
  lib = import ./lib.nix;
  host = lib.importJSON ./host.json;

  derive =
    name: attributes: script:
    let
      given = removeAttrs attributes [ "passthru" ];
    in
    derivation (
      given
      // {
        inherit name system stdenv;
        outputs = [ "out" ];
        builder = "${bash}/bin/bash";
        args = [
          "-euo"
          "pipefail"
          "-c"
          # Without its last line bash would exec the command before it, whose end Nix can take for a hang-up, and kill it.
          "[ -z \"\${NIX_ATTRS_SH_FILE:-}\" ] || source $NIX_ATTRS_SH_FILE\nsource $stdenv/setup\n${script}\n:\n"
        ];
      }
    )
    // {
      inherit name;
      meta = { };
    }
    // (attributes.passthru or { });

  # Runs with all of this machine.
  ofNixpkgs = {
    __noChroot = true;
  };
  plain =
    name: script:
    derivation (
      ofNixpkgs
      // {
        inherit name system;
        builder = "/bin/sh";
        args = [
          "-euc"
          "export PATH=/usr/bin:/bin; ${script}; :"
        ];
      }
    );
  bash = plain "bash" "mkdir -p $out/bin; cp ${host.programs.bash} $out/bin/bash; ln -s bash $out/bin/sh";
  tools = plain "stdenv-tools" (
    "mkdir -p $out/bin; ln -s ${bash}/bin/bash ${bash}/bin/sh $out/bin; "
    + lib.concatMapStringsSep "; " (name: "ln -s ${host.programs.${name}} $out/bin/${name}") host.tools
  );

  stdenv =
    plain "stdenv" "mkdir -p $out; sed 's|@tools@|${tools}|' ${./setup.sh} >$out/setup"
    // {
      hostPlatform = {
        inherit system;
        isLinux = lib.last (lib.splitString "-" system) == "linux";
        node = {
          platform = lib.last (lib.splitString "-" system);
          arch = if builtins.head (lib.splitString "-" system) == "x86_64" then "x64" else "arm64";
        };
      };
      cc = {
        cc.lib = hostPackage "gcc-lib" { };
        libc = hostPackage "glibc" { };
        bintools.dynamicLinker = "/lib64/ld-linux-x86-64.so.2";
      };
    };

  runCommand =
    name: attributes: script:
    if name == "scenario6-torch" then
      derive name {
        passthru = attributes.passthru or { };
      } "mkdir -p $out/bin $out/lib/python3.12/site-packages"
    else if name == "scenario6-development" then
      derive name { passthru = attributes.passthru or { }; } ''
        ${host.python} -m venv --without-pip "$out"
        for package in ${host.environment}/lib/python3.12/site-packages/*; do
          case ''${package##*/} in
            __editable__* | _editable* | moshi* | loadtest*) ;;
            *) ln -s "$package" "$out/lib/python3.12/site-packages/" ;;
          esac
        done
        ln -s ${host.environment}/bin/ruff ${host.environment}/bin/mypy "$out/bin"
      ''
    else
      derive name (lib.optionalAttrs (attributes ? outputHash) ofNixpkgs // attributes) script;

  writeText =
    name: text:
    runCommand name {
      inherit text;
      passAsFile = [ "text" ];
    } "cp $textPath $out";

  # programs: what is in its bin, by name. hook: what runs in every builder that has this package among its inputs.
  hostPackageWithHook =
    name: hook: programs:
    runCommand name
      {
        inherit hook;
        passAsFile = [ "hook" ];
      }
      (
        "mkdir -p $out/bin $out/lib $out/nix-support; cp $hookPath $out/nix-support/setup-hook; "
        + builtins.concatStringsSep "; " (
          lib.mapAttrsToList (program: path: "ln -s ${path} $out/bin/${program}") programs
        )
      );
  hostPackage =
    name: programs:
    runCommand name { } (
      "mkdir -p $out/bin $out/lib; "
      + builtins.concatStringsSep "; " (
        lib.mapAttrsToList (program: path: "ln -s ${path} $out/bin/${program}") programs
      )
    );
  debian = name: hostPackage name { ${name} = host.programs.${name}; };

  # A result gets two functions more, as from nixpkgs' makeOverridable: a set beside what is in it, a function as a set that can
  # be called.
  callPackageWith =
    scope: file: overrides:
    let
      function = import file;
      wanted = builtins.functionArgs function;
      given = builtins.intersectAttrs wanted scope // overrides;
      missing = builtins.filter (name: !wanted.${name} && !given ? ${name}) (builtins.attrNames wanted);
      result = function given;
      override = more: callPackageWith scope file (overrides // more);
      overrideDerivation = change: throw "overrideDerivation: no part of the flake uses it";
    in
    if missing != [ ] then
      throw "${toString file} wants ${toString missing}, which nothing provides"
    else if builtins.isAttrs result then
      result // { inherit override overrideDerivation; }
    else if builtins.isFunction result then
      {
        inherit override;
        __functor = _: result;
        __functionArgs = builtins.functionArgs result;
      }
    else
      result;

  pkgs = lib.genAttrs [
    "chromium"
    "curl"
    "espeak-ng"
    "fakeroot"
    "git"
    "jq"
    "patchelf"
    "skopeo"
    "sox"
    "umoci"
  ] debian // {
    inherit
      lib
      stdenv
      runCommand
      writeText
      ;
    newScope = extra: callPackageWith (pkgs // extra);
    python312 = hostPackageWithHook "python312" pythonHook {
      "python3.12" = host.python;
      python3 = host.python;
    };
    # Hatchling and whatever else is asked for are in the tests' own environment.
    python3.withPackages =
      _: writeScriptBin "python3-with-packages" "python" ''exec ${host.environment}/bin/python "$@"'';
    uv = hostPackage "uv" { uv = host.uv; };
    nodejs = hostPackageWithHook "nodejs" nodeHook {
      inherit (host) node;
      npm = "${writeScriptBin "npm" "npm" "exec ${host.node} ${host.npm} \"$@\""}/bin/npm";
    };
    cacert = hostPackageWithHook "cacert" "export SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt" { };
    zlib = hostPackage "zlib" { };
    bubblewrap = hostPackage "bubblewrap" { bwrap = host.programs.bwrap; };
    coreutils = hostPackage "coreutils" { };
    gnumake = hostPackage "gnumake" { make = host.programs.make; };
    libopus = hostPackage "libopus" { };
    docker-client = hostPackage "docker-client" { };
    icu = hostPackage "icu" { };
    openssl = hostPackage "openssl" { };
    # Both know their ways without arguments: one reads a file from its standard input, the other formats the tree.
    nixfmt = writeScriptBin "nixfmt" "nixfmt" ''[ $# -gt 0 ] || exec cat'';
    nixfmt-tree = writeScriptBin "nixfmt-tree" "treefmt" ''echo "formats $PWD"'';
    dotnet-sdk_10 = hostPackage "dotnet-sdk_10" { };
    bashInteractive = hostPackage "bash-interactive" { bash = "${bash}/bin/bash"; };
    cudaPackages_12_1.cudatoolkit =
      assert config.allowUnfree or false;
      hostPackage "cudatoolkit-12.1" { };

    # Of wheels only: nothing here is fetched in another format.
    fetchPypi =
      {
        pname,
        version,
        sha256,
        format,
        dist ? "py2.py3",
        python ? "py2.py3",
        abi ? "none",
        platform ? "any",
      }@arguments:
      assert format == "wheel";
      let
        fileName = "${pname}-${version}-${python}-${abi}-${platform}.whl";
      in
      runCommand fileName
        {
          outputHashMode = "flat";
          outputHashAlgo = "sha256";
          outputHash = sha256;
          passthru = { inherit fileName arguments; };
        }
        ''
          export HOME=${host.home}
          echo '${pname}==${version} --hash=sha256:${sha256}' >requirements.txt
          ${host.pip} download --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements.txt --dest fetched
          cp 'fetched/${fileName}' "$out"
        '';

    dockerTools = {
      caCertificates = runCommand "ca-certificates" ofNixpkgs ''
        mkdir -p $out/etc/ssl/certs
        cp /etc/ssl/certs/ca-certificates.crt $out/etc/ssl/certs/ca-bundle.crt
      '';
      fakeNss.override =
        {
          extraPasswdLines ? [ ],
          extraGroupLines ? [ ],
        }:
        runCommand "fake-nss"
          {
            passwd = builtins.concatStringsSep "\n" ([ "root:x:0:0:root:/var/empty:/bin/sh" ] ++ extraPasswdLines);
            group = builtins.concatStringsSep "\n" ([ "root:x:0:" ] ++ extraGroupLines);
          }
          ''
            mkdir -p $out/etc
            echo "$passwd" >$out/etc/passwd
            echo "$group" >$out/etc/group
          '';
      streamLayeredImage =
        {
          name,
          tag,
          config,
          contents,
          fakeRootCommands,
          maxLayers,
          architecture,
          passthru,
        }:
        let
          image = derive "${name}.tar" {
            inherit (ofNixpkgs) __noChroot;
            __structuredAttrs = true;
            inherit contents fakeRootCommands maxLayers;
            reference = "${name}:${tag}";
            imageConfig = {
              inherit architecture config;
              os = "linux";
              created = "1970-01-01T00:00:01Z";
            };
            exportReferencesGraph.closure = [ (writeText "image-config" (builtins.toJSON config)) ] ++ contents;
          } "PATH=$PATH:/usr/bin fakeroot ${host.python} ${./layered_image.py} \"$NIX_ATTRS_JSON_FILE\" \"\${outputs[out]}\"";
        in
        runCommand "stream-${name}" {
          passthru = passthru // {
            archive = image;
            imageName = name;
            imageTag = tag;
          };
        } ''printf '#!/bin/sh\nexec cat ${image}\n' >$out; chmod +x $out'';
    };

    writeShellApplication =
      {
        name,
        text,
        runtimeInputs ? [ ],
      }:
      runCommand name
        {
          text = ''
            #!${bash}/bin/bash
            set -o errexit -o nounset -o pipefail
            export PATH="${lib.concatMapStringsSep ":" (input: "${input}/bin") runtimeInputs}:$PATH"
            ${text}
          '';
          passAsFile = [ "text" ];
          passthru.meta.mainProgram = name;
        }
        ''
          mkdir -p $out/bin
          cp $textPath $out/bin/${name}
          chmod +x $out/bin/${name}
        '';

    mkShell =
      attributes:
      runCommand attributes.name (
        removeAttrs attributes [ "packages" ]
        // {
          nativeBuildInputs = attributes.packages;
          passthru = { inherit (attributes) packages; };
        }
      ) "mkdir $out";

    # The program itself is for another machine than the one that tests.
    buildFHSEnv =
      {
        pname,
        version,
        targetPkgs,
        runScript,
      }:
      writeScriptBin "${pname}-${version}" pname "echo ${builtins.unsafeDiscardStringContext runScript}"
      // {
        packages = targetPkgs pkgs;
      };
    testers.runNixOSTest = test: derive "vm-test-${test.name}" { passthru = { inherit test; }; } "exit 1";
  };

  # As nixpkgs' own: every input's packages for every Python and Node that the builder, or a shell, starts.
  pythonHook = ''
    addPythonPath() { addToSearchPath PYTHONPATH "$1/lib/python3.12/site-packages"; }
    if [ -z "''${dontAddPythonPath:-}" ]; then addEnvHooks "$hostOffset" addPythonPath; fi
    export DETERMINISTIC_BUILD=1 PYTHONHASHSEED=0 PYTHONNOUSERSITE=1
  '';
  nodeHook = ''
    addNodePath() { addToSearchPath NODE_PATH "$1/lib/node_modules"; }
    addEnvHooks "$hostOffset" addNodePath
  '';

  writeScriptBin =
    name: program: text:
    runCommand name { passthru.meta.mainProgram = program; } ''
      mkdir -p $out/bin
      printf '%s\n' '#!${bash}/bin/bash' ${"'"}${builtins.replaceStrings [ "'" ] [ "'\\''" ] text}' >$out/bin/${program}
      chmod +x $out/bin/${program}
    '';
in
pkgs
