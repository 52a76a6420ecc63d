# Packages are this machine's programs, named in host.json, which the tests write beside this file. Builders run them for real:
# pip and npm fetch, uv installs, hatchling and Vite build. What is too large to be made again for a test (host.json:
# `placeholders`) is an empty tree, over which the tests mount the one that they have.
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
        builder = "/bin/bash";
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

  stdenv =
    derivation {
      name = "stdenv";
      inherit system;
      builder = "/bin/bash";
      args = [
        "-euc"
        "export PATH=${host.path}; mkdir -p $out; cp ${./setup.sh} $out/setup; echo 'PATH=$PATH:${host.path}' >>$out/setup; :"
      ];
    }
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
        bintools.dynamicLinker = "/lib64/ld-linux-x86-64.so.2";
      };
    };

  runCommand =
    name: attributes: script:
    if builtins.elem name host.placeholders then
      derive name { passthru = attributes.passthru or { }; } "mkdir -p $out/bin $out/lib/python3.12/site-packages"
    else
      derive name attributes script;

  writeText =
    name: text:
    runCommand name {
      inherit text;
      passAsFile = [ "text" ];
    } "cp $textPath $out";

  # programs: what is in its bin, by name.
  hostPackage =
    name: programs:
    runCommand name { } (
      "mkdir -p $out/bin $out/lib; "
      + builtins.concatStringsSep "; " (
        lib.mapAttrsToList (program: path: "ln -s ${path} $out/bin/${program}") programs
      )
    );
  debian = name: hostPackage name { ${name} = "/usr/bin/${name}"; };

  callPackageWith =
    scope: file: overrides:
    let
      function = import file;
    in
    function (builtins.intersectAttrs (builtins.functionArgs function) scope // overrides);

  pkgs = lib.genAttrs [
    "chromium"
    "curl"
    "espeak-ng"
    "fakeroot"
    "git"
    "jq"
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
    python312 = hostPackage "python312" {
      "python3.12" = host.python;
      python3 = host.python;
    };
    # Hatchling and whatever else is asked for are in the tests' own environment.
    python3.withPackages =
      _: writeScriptBin "python3-with-packages" "python" ''exec ${host.environment}/bin/python "$@"'';
    uv = hostPackage "uv" { uv = host.uv; };
    nodejs = hostPackage "nodejs" { inherit (host) node npm; };
    cacert = hostPackage "cacert" { };
    zlib = hostPackage "zlib" { };
    bubblewrap = hostPackage "bubblewrap" { bwrap = "/usr/bin/bwrap"; };
    coreutils = hostPackage "coreutils" { };
    gnumake = hostPackage "gnumake" { make = "/usr/bin/make"; };
    libopus = hostPackage "libopus" { };
    nixfmt = hostPackage "nixfmt" { };
    dotnet-sdk_10 = hostPackage "dotnet-sdk_10" { };
    bashInteractive = hostPackage "bash-interactive" { bash = "/bin/bash"; };
    # This machine's libraries are where its programs look for them already.
    patchelf = writeScriptBin "patchelf" "patchelf" "exit 1";
    cudaPackages_12_1.cudatoolkit =
      assert config.allowUnfree or false;
      hostPackage "cudatoolkit-12.1" { };

    fetchPypi =
      {
        pname,
        version,
        sha256,
        format ? "setuptools",
        dist ? "py2.py3",
        python ? "py2.py3",
        abi ? "none",
        platform ? "any",
      }@arguments:
      let
        fileName =
          if format == "wheel" then
            "${pname}-${version}-${python}-${abi}-${platform}.whl"
          else
            "${pname}-${version}.tar.gz";
      in
      runCommand fileName
        {
          outputHashMode = "flat";
          outputHashAlgo = "sha256";
          outputHash = sha256;
          passthru = { inherit fileName arguments; };
        }
        (
          if format == "wheel" then
            ''
              export HOME=${host.home}
              echo '${pname}==${version} --hash=sha256:${sha256}' >requirements.txt
              ${host.pip} download --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements.txt --dest fetched
              cp 'fetched/${fileName}' "$out"
            ''
          else
            "cp ${host.archives}/${sha256} $out"
        );

    dockerTools = {
      caCertificates = runCommand "ca-certificates" { } ''
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
            __structuredAttrs = true;
            inherit contents fakeRootCommands maxLayers;
            reference = "${name}:${tag}";
            imageConfig = {
              inherit architecture config;
              os = "linux";
              created = "1970-01-01T00:00:01Z";
            };
            exportReferencesGraph.closure = [ (writeText "image-config" (builtins.toJSON config)) ] ++ contents;
          } "fakeroot ${host.python} ${./layered_image.py} \"$NIX_ATTRS_JSON_FILE\" \"\${outputs[out]}\"";
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
            #!/bin/bash
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
      writeScriptBin "${pname}-${version}" pname "echo ${builtins.unsafeDiscardStringContext runScript}";
    testers.runNixOSTest = test: derive "vm-test-${test.name}" { passthru = { inherit test; }; } "exit 1";
  };

  writeScriptBin =
    name: program: text:
    runCommand name { } ''
      mkdir -p $out/bin
      printf '%s\n' '#!/bin/bash' ${"'"}${builtins.replaceStrings [ "'" ] [ "'\\''" ] text}' >$out/bin/${program}
      chmod +x $out/bin/${program}
    '';
in
pkgs
