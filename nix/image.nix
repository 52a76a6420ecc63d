# What both images have in common: little inside, an ordinary user, nothing written but two volumes and /tmp.
#
# Each store path becomes a layer of its own, in the order of how many others need it, so that a change of our code makes one
# new layer of about a megabyte over PyTorch's five gigabytes. `stream`: the image is never a file in the store.
{
  lib,
  dockerTools,
  release,
}:
{
  name,
  title,
  service,
  command,
  port,
  environment ? { },
  labels ? { },
  volumes ? [ ],
  # Shell commands that add to the image's own layer, in its root.
  commands ? "",
}:
let
  user = "1000:1000";
  state = "/var/lib/scenario6";
  # Docker gives a new volume the owner of the folder in the image.
  written = [ state ] ++ volumes;
  folders = lib.concatMapStringsSep " " (folder: ".${folder}") written;
  # Where Aspire puts the certificates that it gives a container.
  certificates = "/usr/lib/ssl/aspire";
  config = {
    User = user;
    WorkingDir = "/tmp";
    Entrypoint = [ "${service}/bin/${builtins.head command}" ];
    Cmd = builtins.tail command;
    ExposedPorts."${toString port}/tcp" = { };
    Volumes = lib.genAttrs written (_: { });
    StopSignal = "SIGTERM";
    Env = lib.mapAttrsToList (variable: value: "${variable}=${value}") (
      {
        HOME = "/tmp";
        PYTHONUNBUFFERED = "1";
        SSL_CERT_FILE = "/etc/ssl/certs/ca-bundle.crt";
      }
      // environment
    );
    Labels = {
      "org.opencontainers.image.title" = title;
      "org.opencontainers.image.version" = release.version;
      "org.opencontainers.image.revision" = release.revision;
    }
    // labels;
  };
in
dockerTools.streamLayeredImage {
  inherit name config;
  tag = release.version;
  architecture = "amd64";
  maxLayers = 100;
  contents = [
    dockerTools.caCertificates
    (dockerTools.fakeNss.override {
      extraPasswdLines = [ "scenario6:x:1000:1000:Scenario 6:/tmp:/bin/false" ];
      extraGroupLines = [ "scenario6:x:1000:" ];
    })
  ];
  # What a change of ours must not touch comes from the store; these few folders are the image's own last layer.
  fakeRootCommands = ''
    mkdir -p ./tmp ./var/run ${folders} .${certificates}/certs .${certificates}/private
    chmod 1777 ./tmp
    chown -R ${user} ${folders} .${certificates}
    chmod 700 .${state} .${certificates}/private
    ${commands}
  '';
  passthru = {
    imageConfig = config;
    reference = "${name}:${release.version}";
  };
}
