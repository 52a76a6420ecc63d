# The functions of nixpkgs' lib that the flake uses, with nixpkgs' meaning.
let
  inherit (builtins) elemAt foldl' length;
in
rec {
  inherit (builtins) concatStringsSep mapAttrs partition;
  genAttrs =
    names: value:
    builtins.listToAttrs (
      map (name: {
        inherit name;
        value = value name;
      }) names
    );
  mapAttrsToList = f: set: map (name: f name set.${name}) (builtins.attrNames set);
  last = list: elemAt list (length list - 1);
  init = list: builtins.genList (elemAt list) (length list - 1);
  optional = condition: value: if condition then [ value ] else [ ];
  optionals = condition: values: if condition then values else [ ];
  optionalAttrs = condition: set: if condition then set else { };
  splitString =
    separator: text:
    builtins.filter builtins.isString (
      builtins.split (if separator == "." then "[.]" else separator) text
    );
  hasSuffix = suffix: text: builtins.match ".*${builtins.replaceStrings [ "." ] [ "[.]" ] suffix}" text != null;
  concatMapStringsSep =
    separator: f: list:
    builtins.concatStringsSep separator (map f list);
  concatMapStrings = concatMapStringsSep "";
  assertMsg = condition: message: if condition then true else throw message;
  importJSON = path: builtins.fromJSON (builtins.readFile path);
  importTOML = path: fromTOML (builtins.readFile path);
  makeLibraryPath = concatMapStringsSep ":" (package: "${package}/lib");
  getExe = package: getExe' package package.meta.mainProgram;
  getExe' = package: program: "${package}/bin/${program}";
  fetchers.proxyImpureEnvVars = [
    "http_proxy"
    "https_proxy"
    "no_proxy"
  ];
  makeScope =
    newScope: f:
    let
      self = f self // {
        callPackage = newScope self;
      };
    in
    self;
}
